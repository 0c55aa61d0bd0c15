"""What the operators over scripted policies have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tabletop.control.scripted import ScriptedPolicy
from tabletop.control.scripted import Step as Line
from tabletop.logic.transition import carry, park, put
from tabletop.planner.hand import hand_axis
from tabletop.planner.room import free_way, hand_room
from tabletop.planner.space import boxes, rise
from tabletop.rollout.policy import Action, Policy
from tabletop.sim.cards import load_cards
from tabletop.sim.scene import Scene
from tabletop.sim.state import State

__all__ = ["SIDES", "Careful", "Line", "ScriptedOperator", "Taking", "line", "nowhere", "pushed", "radius", "stood"]

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

SIDES: Final = ("left", "right", "away", "toward")
"""The directions on the table."""
_TAKEN: Final = 120
"""Control steps for a skill that takes hold of something: what is not held by then stands too close to others."""
_STEPS: Final = 180
"""Control steps a scripted skill gets: three attempts at most."""


def line(primitive: str, **arguments: Any) -> Line:
    """Return a step of a scripted policy."""
    return Line(primitive, arguments, "scripted operator")


@dataclass(frozen=True)
class ScriptedOperator:
    """One skill of the scripted policies, bound to all but the entity it is done to.

    `applicable`, `predict` and `policy` are those of `Operator`.
    """

    id: str
    reliability: float = 0.97
    horizon: int = _STEPS
    last: bool = False

    @property
    def begins(self) -> str:
        """By itself, unless it takes hold of its entity."""
        return self.id

    @property
    def exact(self) -> bool:
        """The forecast is computed."""
        return True

    @property
    def ends(self) -> bool:
        """With its last primitive."""
        return True

    @property
    def raised(self) -> bool:
        """Its primitives find their way from anywhere."""
        return False

    def applicable(self, state: State, entity: str) -> Mask:
        """Return where the skill can be done to an entity."""
        raise NotImplementedError

    def predict(self, state: State, entity: str, draws: Array) -> State:
        """Return the state afterwards."""
        raise NotImplementedError

    def room(self, state: State, entity: str) -> Mask:
        """Return where the hand has room for it, as its primitives will find; finer than `applicable`."""
        return np.ones(state.values.shape[:-1], dtype=bool)

    def lines(self, state: State, entity: str) -> Sequence[Line]:
        """Return the motion primitives that do it from a state."""
        raise NotImplementedError

    def approach(self, state: State, entity: str) -> list[Line]:
        """Return what turns the gripper first, where its hand would hit what stands beside the entity."""
        rigid = state.layout.body_type(entity) == "rigid" and load_cards()[state.layout.kind(entity)].graspable
        angle = free_way(state, entity) if rigid else None
        if angle is not None:
            return [line("face", angle=angle)]
        axis = hand_axis(state, entity)
        return [] if axis is None else [line("face", direction=axis)]

    def policy(self, entity: str) -> Policy:
        """Return the policy that does it."""
        return _Scripted(self, entity)


@dataclass(frozen=True)
class Taking(ScriptedOperator):
    """A skill that begins by taking hold of its entity."""

    horizon: int = _TAKEN

    @property
    def begins(self) -> str:
        """With the grasp, as all of its sort do."""
        return "grasp"

    def room(self, state: State, entity: str) -> Mask:
        """Return where the fingers can come down around the entity."""
        return hand_room(state, entity)


@dataclass(frozen=True)
class Careful(ScriptedOperator):
    """Another operator, only where the hand has room for it."""

    inner: ScriptedOperator = field(default_factory=lambda: ScriptedOperator(""))

    @classmethod
    def of(cls, inner: ScriptedOperator) -> Careful:
        """Return an operator made careful."""
        return cls(inner.id, inner.reliability, inner.horizon, inner.last, inner)

    @property
    def begins(self) -> str:
        """As the other one."""
        return self.inner.begins

    def applicable(self, state: State, entity: str) -> Mask:
        fits = self.inner.applicable(state, entity)
        return np.asarray(fits & self.inner.room(state, entity)) if fits.any() else fits

    def predict(self, state: State, entity: str, draws: Array) -> State:
        return self.inner.predict(state, entity, draws)

    def lines(self, state: State, entity: str) -> Sequence[Line]:
        return self.inner.lines(state, entity)


class _Scripted:
    """A scripted policy whose steps are written when the skill begins."""

    def __init__(self, operator: ScriptedOperator, entity: str) -> None:
        self._operator, self._entity = operator, entity

    def reset(self, state: State, scene: Scene, rng: np.random.Generator) -> None:
        self._scripted = ScriptedPolicy(tuple(self._operator.lines(state, self._entity)))
        self._scripted.reset(state, scene, rng)

    def act(self, state: State) -> Action | None:
        return self._scripted.act(state)


def nowhere(state: State) -> Mask:
    """Return False for each state."""
    return np.zeros(state.values.shape[:-1], dtype=bool)


def radius(state: State, entity: str) -> Array:
    """Return the greater horizontal half extent, (...,) m."""
    return np.asarray(boxes(state).half[..., state.layout.index(entity), :2].max(axis=-1))


def stood(state: State, entity: str, point: Array, floor: Array) -> State:
    """Return states with an entity carried to points (..., 2), and standing there on a floor of some height (...,).

    Args:
        state: before, batch shape (...,).
        entity: what is carried.
        point: (..., 2), m, world.
        floor: (...,), m, world z of what it then stands on.
    """
    return park(carry(state, entity, _centre(state, entity, point, floor)), entity)


def pushed(state: State, entity: str, point: Array, floor: Array) -> State:
    """Return states with an entity moved to points as in `stood`, without being lifted on the way.

    Args:
        state: before, batch shape (...,).
        entity: what is pushed.
        point: (..., 2), m, world.
        floor: (...,), m, world z of what it then stands on.
    """
    return park(put(state, entity, _centre(state, entity, point, floor)), entity)


def _centre(state: State, entity: str, point: Array, floor: Array) -> Array:
    return np.concatenate([point, (floor + rise(state, entity))[..., None]], axis=-1)
