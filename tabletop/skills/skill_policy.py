"""A discovered skill as a policy: the network with a code and an attended entity, then the settling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tabletop.learn.actor import NumpyActor
from tabletop.rollout.policy import Action, Exploration
from tabletop.sim.scene import Scene
from tabletop.sim.state import State
from tabletop.skills.effects import (
    COLUMNS,
    EFFECT_WIDTH,
    LEFT,
    REACH,
    SETTLES,
    Effect,
    get_effect,
    requirements,
)
from tabletop.skills.observation import EGO, NO_END, TANGENT, TANGENT_SCALE, TIME, Observer

__all__ = [
    "ACTS",
    "CODE_WIDTH",
    "CONDITIONINGS",
    "RELEASES",
    "SETTLE_STEPS",
    "SkillPolicy",
    "code_columns",
    "condition",
    "settle_steps",
]

CODE_WIDTH: Final = 3 * EFFECT_WIDTH + 6
"""Columns that a target effect takes, beside those that say which effect that is."""
CONDITIONINGS: Final = ("target", "change", "vector")
"""How a policy is conditioned on its code: by its target effect and the way there, by the same of the change since the
start, or by a vector as it is (a direction, a one-hot vector)."""
ACTS: Final = ("mean", "sample", "random")
"""What a library's policies do: the network's mean action, a draw from it, or random actions."""
RELEASES: Final = ("learned", "scripted")
"""How a skill whose effect is to stay ends: the policy lets go and leaves, or a script opens, rises and waits."""
SETTLE_STEPS: Final = 12
"""Control steps of the script: open, rise, wait."""
_OPEN, _RISE = 2, 6
SAFE_HEIGHT: Final = 0.24
"""m above the table that settling rises to."""


def settle_steps(effect: Effect, release: str) -> int:
    """Return the control steps of a script that follow what a skill of an effect does, by one of RELEASES."""
    return SETTLE_STEPS if effect.settles and release == "scripted" else 0


def code_columns(conditioning: str, width: int) -> int:
    """Return the columns that a code takes, beside those of its effect, if its embedding has `width` numbers."""
    return width if conditioning == "vector" else CODE_WIDTH


def condition(
    observation: npt.NDArray[np.float32],
    embedding: npt.NDArray[np.floating[Any]],
    effect: npt.NDArray[np.floating[Any]],
    descriptor: npt.NDArray[np.float32],
    conditioning: str = "target",
) -> npt.NDArray[np.float32]:
    """Put what is asked for between the attended entity's columns and the others'.

    A code is given to the network as what the discriminator knows of it: its target effect, the way there from the
    effect so far, and the types of the columns that it is read off. So what is learned for one target helps those
    beside it, and what is learned on one joint helps on any other.

    Only an effect that is to stay has an end at which the gripper is to have left. All others see no end: otherwise
    what is held is let go of there, as what is placed is.

    Args:
        observation: (..., O) from an Observer.
        embedding: (..., EFFECT_WIDTH) target effect, or (..., width) the vector that a code is.
        effect: (..., EFFECT_WIDTH) effect so far; of no use where the code is a vector.
        descriptor: (..., DESCRIPTOR_WIDTH) of the effect.
        conditioning: of CONDITIONINGS.

    Returns:
        (..., O + code_columns + DESCRIPTOR_WIDTH)
    """
    if conditioning == "vector":
        vector = np.asarray(embedding, dtype=np.float32)
        return np.concatenate((observation[..., :EGO], vector, descriptor, observation[..., EGO:]), axis=-1)
    away = np.asarray(embedding - effect, dtype=np.float32)
    way = _way(observation, away, descriptor)
    ego = observation[..., :EGO].copy()
    ego[..., TIME] = np.where(descriptor[..., SETTLES] > 0.0, ego[..., TIME], NO_END)
    parts = (
        ego,
        away * 8.0,
        np.tanh(away * 25.0),
        way * 8.0,
        np.tanh(way * 25.0),
        np.asarray(embedding, dtype=np.float32) * 6.0,
        descriptor,
        observation[..., EGO:],
    )
    return np.concatenate(parts, axis=-1)


_TO_PLACE: Final = [COLUMNS.index("position"), COLUMNS.index("relative")]
_OF_JOINT: Final = COLUMNS.index("joint")


def _way(
    observation: npt.NDArray[np.float32], away: npt.NDArray[np.float32], descriptor: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """Return the way that the entity, or the handle of a joint, is still to go: (..., 3), 0 for all other effects.

    World axes, in m as the effect counts them (a metre of height may count as two).
    """
    tangent = observation[..., TANGENT : TANGENT + 3] * np.float32(1.0 / TANGENT_SCALE / REACH)
    to_place = descriptor[..., _TO_PLACE].max(-1)[..., None]
    of_joint = descriptor[..., _OF_JOINT, None]
    out: npt.NDArray[np.float32] = to_place * away[..., :3] + of_joint * tangent * away[..., :1]
    return out


def reference(state: State, entity: str, origin: tuple[float, float, float, float] | None) -> State:
    """Return the state that effects are counted from: with the entity as it was before it was taken, if that is given.

    Args:
        state: at the start, (layout.width,).
        entity: the attended one.
        origin: see SkillPolicy; None: where it is.
    """
    if origin is None:
        return state
    *there, turn = origin
    values = state.values.copy()
    here = state.entity(entity, "position")
    values[state.layout.entity_slice(entity, "position")] = there
    values[state.layout.entity_slice(entity, "quaternion")] = _turned_back(state.entity(entity, "quaternion"), turn)
    # All the way from there it was carried.
    values[state.layout.entity_slice(entity, "carried_distance")] -= np.hypot(*(here[:2] - there[:2]))
    return State(state.layout, values)


def _turned_back(quaternion: npt.NDArray[np.float64], angle: float) -> npt.NDArray[np.float64]:
    """Return a quaternion (4,), xyzw, turned clockwise about world z by an angle, rad."""
    s, c = np.sin(-angle / 2), np.cos(-angle / 2)
    x, y, z, w = quaternion
    return np.array([c * x - s * y, c * y + s * x, c * z + s * w, c * w - s * z])


@dataclass
class SkillPolicy:
    """Runs one target on one entity for `horizon` control steps; a script may settle then."""

    weights: Mapping[str, npt.NDArray[Any]] = field(repr=False)
    """What NumpyActor reads."""
    effect: str
    """Name of the effect it is after."""
    embedding: tuple[float, ...]
    """(EFFECT_WIDTH,) mean effect of the code, or (width,) the vector that it is."""
    entity: str
    horizon: int
    stochastic: bool = False
    """Sample actions rather than take their mean."""
    origin: tuple[float, float, float, float] | None = None
    """m, world, where the entity counts as having begun, and rad by which it was turned counter-clockwise since; None:
    where it is, as it is. For starts in mid-carry."""
    random: bool = False
    """Time-correlated random actions in place of the network's: the baseline, and the first steps of learning."""
    conditioning: str = "target"
    """Of CONDITIONINGS: what the network takes a code as."""
    release: str = "learned"
    """Of RELEASES."""
    observations: list[npt.NDArray[np.float32]] = field(default_factory=list, repr=False)
    """Of this episode, without the code; (O,) each."""

    @property
    def length(self) -> int:
        """Control steps an episode takes, settling included."""
        return self.horizon + settle_steps(get_effect(self.effect), self.release)

    def aimed_at(self, target: Sequence[float]) -> SkillPolicy:
        """Return it with another target, in plain units as `Effect.aim` takes them."""
        return replace(self, embedding=tuple(float(v) for v in get_effect(self.effect).aim(target)), observations=[])

    def aim(self, target: Sequence[float]) -> None:
        """Go after another target from now on in this episode, in plain units as `Effect.aim` takes them."""
        self._embedding = get_effect(self.effect).aim(target)

    def reset(self, state: State, scene: Scene, rng: np.random.Generator) -> None:
        """Begin an episode."""
        self._actor = None if self.random else NumpyActor(self.weights)
        self.reference = reference(state, self.entity, self.origin)
        self.observe = Observer(state.layout, scene.entity(self.entity), self.reference.values, self.horizon)
        self._rng, self._step = rng, 0
        # Reset in any case: what the network's actions are drawn with then does not depend on `random`.
        self._exploration = Exploration()
        self._exploration.reset(state, scene, rng)
        self.observations = []
        self._effect = get_effect(self.effect)
        self._descriptor = self._effect.descriptor
        self._embedding = np.array(self.embedding)
        self._so_far = np.zeros(EFFECT_WIDTH)
        # What a code that is a change counts from.
        self._first = np.zeros(self._effect.size)
        if self.conditioning == "change":
            self._first = self._effect.function(self.reference, state, self.entity)

    def act(self, state: State) -> Action | None:
        """Return the network's action, the settling's after it, and None at the end."""
        t = self._step
        self._step += 1
        if t >= self.horizon:
            return self._settle(state, t - self.horizon)
        observation = self.observe(state.values, float(t))
        self.observations.append(observation)
        if self._actor is None:
            return self._exploration.act(state)
        if self.conditioning != "vector":
            self._so_far[: self._effect.size] = self._effect.function(self.reference, state, self.entity) - self._first
            leaves, remaining = self.release == "learned", self.horizon - t
            self._so_far[LEFT:] = requirements(
                self._effect, self.reference, state, self.entity, remaining, leaves=leaves
            )
        full = condition(observation, self._embedding, self._so_far, self._descriptor, self.conditioning)
        return self._actor.sample(full, self._rng) if self.stochastic else self._actor.mean(full)

    def _settle(self, state: State, t: int) -> Action | None:
        if t >= settle_steps(self._effect, self.release):
            return None
        rise = 0.0
        if t >= _OPEN:
            height = float(state.robot("gripper_position")[2] - state.robot("table_height"))
            rise = float(np.clip((SAFE_HEIGHT - height) / 0.04, -0.0, 1.0)) if t < _OPEN + _RISE else 0.0
        return np.array([0.0, 0.0, rise, 0.0, 1.0])
