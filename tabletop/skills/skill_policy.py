"""A discovered skill as a policy: the network with a code and an attended entity, then the settling."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tabletop.learn.actor import NumpyActor
from tabletop.rollout.policy import Action, Exploration
from tabletop.sim.scene import Scene
from tabletop.sim.state import State
from tabletop.skills.effects import EFFECT_WIDTH, Effect, get_effect
from tabletop.skills.observation import EGO, Observer

__all__ = [
    "ACTS",
    "CODE_WIDTH",
    "CONDITIONINGS",
    "SETTLE_STEPS",
    "SkillPolicy",
    "code_columns",
    "condition",
    "settle_steps",
]

CODE_WIDTH: Final = 3 * EFFECT_WIDTH
"""Columns that a code's target effect takes, beside those that say which effect that is."""
CONDITIONINGS: Final = ("target", "change", "vector")
"""How a policy is conditioned on its code: by its target effect and the way there, by the same of the change since the
start, or by a vector as it is (a direction, a one-hot vector)."""
ACTS: Final = ("mean", "sample", "random")
"""What a library's policies do: the network's mean action, a draw from it, or random actions."""
SETTLE_STEPS: Final = 12
"""Control steps of settling: open, rise, wait."""
_OPEN, _RISE = 2, 6
SAFE_HEIGHT: Final = 0.24
"""m above the table that settling rises to."""


def settle_steps(effect: Effect) -> int:
    """Return the control steps of settling that follow what a skill of an effect does."""
    return SETTLE_STEPS if effect.settles else 0


def code_columns(conditioning: str, width: int) -> int:
    """Return the columns that a code takes, beside those of its effect, if its embedding has `width` numbers."""
    return width if conditioning == "vector" else CODE_WIDTH


def condition(
    observation: npt.NDArray[np.float32],
    embedding: npt.NDArray[np.floating[Any]],
    effect: npt.NDArray[np.floating[Any]],
    effect_index: npt.NDArray[np.integer[Any]] | int,
    effect_count: int,
    conditioning: str = "target",
) -> npt.NDArray[np.float32]:
    """Put a code between the attended entity's columns and the others'.

    A code is given to the network as what the discriminator knows of it: its target effect, and the way there from
    the effect so far. So what is learned for one code helps those beside it, and a code whose target moves takes its
    policy with it.

    Args:
        observation: (..., O) from an Observer.
        embedding: (..., EFFECT_WIDTH) target effect of the code, or (..., width) the vector that it is.
        effect: (..., EFFECT_WIDTH) effect so far; of no use where the code is a vector.
        effect_index: (...,) of the code's effect.
        effect_count: number of effects.
        conditioning: of CONDITIONINGS.

    Returns:
        (..., O + code_columns + effect_count)
    """
    which = np.zeros((*observation.shape[:-1], effect_count), dtype=np.float32)
    np.put_along_axis(which, np.asarray(effect_index).reshape(*observation.shape[:-1], 1), 1.0, axis=-1)
    if conditioning == "vector":
        vector = np.asarray(embedding, dtype=np.float32)
        return np.concatenate((observation[..., :EGO], vector, which, observation[..., EGO:]), axis=-1)
    away = np.asarray(embedding - effect, dtype=np.float32)
    parts = (
        observation[..., :EGO],
        away * 8.0,
        np.tanh(away * 25.0),
        np.asarray(embedding, dtype=np.float32) * 6.0,
        which,
        observation[..., EGO:],
    )
    return np.concatenate(parts, axis=-1)


def reference(state: State, entity: str, origin: tuple[float, ...] | None) -> State:
    """Return the state that effects are counted from: with the entity at another origin, if one is given.

    Args:
        state: at the start; any batch shape.
        entity: the attended one.
        origin: m, world; None: where it is.
    """
    if origin is None:
        return state
    values = state.values.copy()
    values[state.layout.entity_slice(entity, "position")] = origin
    return State(state.layout, values)


@dataclass
class SkillPolicy:
    """Runs one code on one entity for `horizon` control steps, then settles if the skill does."""

    weights: Mapping[str, npt.NDArray[Any]] = field(repr=False)
    """What NumpyActor reads."""
    effect: str
    """Name of the effect it is after."""
    embedding: tuple[float, ...]
    """(EFFECT_WIDTH,) mean effect of the code, or (width,) the vector that it is."""
    effect_index: int
    """Of the effect in its library."""
    effect_count: int
    """Number of effects in its library."""
    entity: str
    horizon: int
    stochastic: bool = False
    """Sample actions rather than take their mean."""
    origin: tuple[float, ...] | None = None
    """m, world: where the entity counts as having begun, if not where it is; for starts in mid-carry."""
    random: bool = False
    """Time-correlated random actions in place of the network's: the baseline, and the first steps of learning."""
    conditioning: str = "target"
    """Of CONDITIONINGS: what the network takes a code as."""
    observations: list[npt.NDArray[np.float32]] = field(default_factory=list, repr=False)
    """Of this episode, without the code; (O,) each."""

    @property
    def length(self) -> int:
        """Control steps an episode takes, settling included."""
        return self.horizon + settle_steps(get_effect(self.effect))

    def reset(self, state: State, scene: Scene, rng: np.random.Generator) -> None:
        """Begin an episode."""
        self._actor = None if self.random else NumpyActor(self.weights)
        self.reference = reference(state, self.entity, self.origin)
        self.observe = Observer(state.layout, self.entity, self.reference.values, self.horizon)
        self._rng, self._step = rng, 0
        # Reset in any case: what the network's actions are drawn with then does not depend on `random`.
        self._exploration = Exploration()
        self._exploration.reset(state, scene, rng)
        self.observations = []
        self._effect = get_effect(self.effect)
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
        full = condition(
            observation, self._embedding, self._so_far, self.effect_index, self.effect_count, self.conditioning
        )
        return self._actor.sample(full, self._rng) if self.stochastic else self._actor.mean(full)

    def _settle(self, state: State, t: int) -> Action | None:
        if t >= settle_steps(self._effect):
            return None
        rise = 0.0
        if t >= _OPEN:
            height = float(state.robot("gripper_position")[2] - state.robot("table_height"))
            rise = float(np.clip((SAFE_HEIGHT - height) / 0.04, -0.0, 1.0)) if t < _OPEN + _RISE else 0.0
        return np.array([0.0, 0.0, rise, 0.0, 1.0])
