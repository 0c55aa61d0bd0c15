"""Operators over the scripted motion primitives, with outcomes computed instead of measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tabletop.control.expert import Expert
from tabletop.control.expert import Step as Line
from tabletop.logic.geometry import Solid
from tabletop.logic.predicate import DIRECTIONS
from tabletop.planner.change import drop_off, follow_joint, hold, park, put
from tabletop.planner.space import (
    CONTAINERS,
    boxes,
    contains,
    covered,
    free,
    graspable,
    reachable,
    rise,
    stands,
    strip_free,
    way_free,
)
from tabletop.rollout.policy import Action, Policy
from tabletop.sim.cards import load_cards
from tabletop.sim.scene import Scene, layout_of
from tabletop.sim.state import Layout, State

__all__ = ["SIDES", "ScriptedOperator", "scripted_operators"]

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

SIDES: Final = ("left", "right", "away", "toward")
"""The directions on the table."""
_SUPPORTS: Final = frozenset({"block", "brick", "plate", "target", "shelf"})
_PUSH: Final = 0.12
_CARRY: Final = 0.15
_BESIDE: Final = 0.05
"""m between the sides of things put down beside each other."""
_LIFT: Final = 0.12
_OPEN: Final = 0.9
_TRAVEL: Final = 0.13
_HAND: Final = 0.05
"""m that the hand stands out beyond the fingers."""
_STEPS: Final = 180
"""Control steps a scripted skill gets: three attempts at most."""


def _line(primitive: str, **arguments: Any) -> Line:
    return Line(primitive, arguments, "scripted operator")


@dataclass(frozen=True)
class ScriptedOperator:
    """One skill of the scripted policies, bound to all but the entity it is done to."""

    id: str
    reliability: float = 0.97
    horizon: int = _STEPS
    last: bool = False

    @property
    def exact(self) -> bool:
        """The forecast is computed."""
        return True

    def applicable(self, state: State, entity: str) -> Mask:
        """Return where the skill can be done to an entity."""
        raise NotImplementedError

    def predict(self, state: State, entity: str, draws: Array) -> State:
        """Return the state afterwards."""
        raise NotImplementedError

    def lines(self, state: State, entity: str) -> Sequence[Line]:
        """Return the motion primitives that do it from a state."""
        raise NotImplementedError

    def policy(self, entity: str) -> Policy:
        """Return the policy that does it."""
        return _Scripted(self, entity)


class _Scripted:
    """An expert whose steps are written when the skill begins."""

    def __init__(self, operator: ScriptedOperator, entity: str) -> None:
        self._operator, self._entity = operator, entity

    def reset(self, state: State, scene: Scene, rng: np.random.Generator) -> None:
        self._expert = Expert(tuple(self._operator.lines(state, self._entity)))
        self._expert.reset(state, scene, rng)

    def act(self, state: State) -> Action | None:
        return self._expert.act(state)


def _no(state: State) -> Mask:
    return np.zeros(state.values.shape[:-1], dtype=bool)


def _radius(state: State, entity: str) -> Array:
    """Return the greater horizontal half extent, (...,) m."""
    return np.asarray(boxes(state).half[..., state.layout.index(entity), :2].max(axis=-1))


def _stood(state: State, entity: str, point: Array, floor: Array) -> State:
    """Return states with an entity standing at points (..., 2) on a floor of some height (...,)."""
    centre = np.concatenate([point, (floor + rise(state, entity))[..., None]], axis=-1)
    return park(put(state, entity, centre), entity)


@dataclass(frozen=True)
class _PlaceOn(ScriptedOperator):
    other: str = ""

    def applicable(self, state: State, entity: str) -> Mask:
        if entity == self.other:
            return _no(state)
        layout = state.layout
        base, found = layout.index(self.other), boxes(state)
        point = found.centre[..., base, :2]
        fits = graspable(state, entity) & reachable(state, point)
        if not fits.any():
            return fits
        if layout.kinds[base] == "target":
            return fits & free(state, point, _radius(state, entity) + 0.01, entity, 0.03)
        fits &= ~covered(state, self.other)
        for name, kind in zip(layout.names, layout.kinds, strict=True):
            if name != self.other and kind in CONTAINERS:
                fits &= ~contains(state, name)[..., base]
        fits &= found.low[..., base] > state.robot("table_height") - 0.01
        return np.asarray(fits)

    def predict(self, state: State, entity: str, draws: Array) -> State:
        base, found = state.layout.index(self.other), boxes(state)
        kind = state.layout.kinds[base]
        # A plate's rim is higher than its middle.
        floor = found.high[..., base] - (0.008 if kind == "plate" else 0.0)
        if kind == "target":
            floor = state.robot("table_height")
        return _stood(state, entity, found.centre[..., base, :2], np.asarray(floor))

    def lines(self, state: State, entity: str) -> Sequence[Line]:
        return (
            _line("grasp", entity=entity),
            _line("lift", height=0.08),
            _line("place", entity=entity, on=self.other),
        )


@dataclass(frozen=True)
class _PutInto(ScriptedOperator):
    other: str = ""

    def _spot(self, state: State) -> Array:
        base = Solid.of(state, self.other)
        if state.layout.kind(self.other) != "drawer":
            return base.position[..., :2]
        # Only what stands out of the cabinet is free.
        offset = np.zeros((*state.values.shape[:-1], 3))
        offset[..., 0] = 0.075 - base.half[..., 0]
        return base.world(offset)[..., :2]

    def applicable(self, state: State, entity: str) -> Mask:
        layout = state.layout
        if entity == self.other or layout.kind(entity) in CONTAINERS:
            return _no(state)
        spot = self._spot(state)
        fits = graspable(state, entity) & reachable(state, spot)
        if not fits.any():
            return fits
        fits &= ~contains(state, self.other).any(axis=-1)
        if layout.kind(self.other) == "drawer":
            fits &= (state.entity(self.other, "fraction") > _OPEN) & (2 * rise(state, entity) < 0.058)
        else:
            fits &= Solid.of(state, self.other).bottom > state.robot("table_height") - 0.01
        return np.asarray(fits)

    def predict(self, state: State, entity: str, draws: Array) -> State:
        return _stood(state, entity, self._spot(state), Solid.of(state, self.other).bottom + 0.01)

    def lines(self, state: State, entity: str) -> Sequence[Line]:
        return (
            _line("grasp", entity=entity),
            _line("lift", height=0.12),
            _line("place", entity=entity, on=self.other),
        )


@dataclass(frozen=True)
class _PutDown(ScriptedOperator):
    """On the table: a distance away, or to one side of another entity."""

    direction: str = "left"
    other: str | None = None

    def _spot(self, state: State, entity: str) -> Array:
        unit = np.array(DIRECTIONS[self.direction])[:2]
        if self.other is None:
            return np.asarray(state.entity(entity, "position")[..., :2] + _CARRY * unit)
        found, own = boxes(state), state.layout.index(self.other)
        tall = found.half[..., own, 2] > 0.0275
        far = Solid.of(state, self.other).reach(*unit) + _radius(state, entity) + np.where(tall, 0.065, _BESIDE)
        return np.asarray(state.entity(self.other, "position")[..., :2] + far[..., None] * unit)

    def applicable(self, state: State, entity: str) -> Mask:
        if entity == self.other:
            return _no(state)
        spot = self._spot(state, entity)
        fits = graspable(state, entity) & reachable(state, spot)
        return fits & free(state, spot, _radius(state, entity) + 0.03, entity, 0.03) if fits.any() else fits

    def predict(self, state: State, entity: str, draws: Array) -> State:
        return _stood(state, entity, self._spot(state, entity), state.robot("table_height"))

    def lines(self, state: State, entity: str) -> Sequence[Line]:
        way = self._spot(state, entity) - state.entity(entity, "position")[..., :2]
        x, y = float(way[0]), float(way[1])
        along = ("away" if x > 0 else "toward", abs(x)), ("left" if y > 0 else "right", abs(y))
        # The primitive goes along one axis at a time.
        (first, d1), (second, d2) = sorted(along, key=lambda a: a[1])
        lines = [_line("grasp", entity=entity), _line("lift", height=0.10)]
        if d1 > 0.005:
            lines.append(_line("carry", entity=entity, direction=first, distance=d1, height=0.10))
        return (*lines, _line("place", entity=entity, direction=second, distance=d2))


@dataclass(frozen=True)
class _Push(ScriptedOperator):
    direction: str = "left"

    def applicable(self, state: State, entity: str) -> Mask:
        if state.layout.move(entity) != "rigid" or state.layout.kind(entity) == "bowl":
            return _no(state)
        unit = np.array(DIRECTIONS[self.direction])[:2]
        at = state.entity(entity, "position")[..., :2]
        end = at + _PUSH * unit
        behind = at - unit * (Solid.of(state, entity).reach(*unit) + 0.04)[..., None]
        fits = reachable(state, end) & reachable(state, at, 0.03) & reachable(state, behind, 0.03)
        if not fits.any():
            return fits
        fits &= stands(state, entity) & ~covered(state, entity)
        fits &= free(state, behind, 0.025, entity, _HAND)
        return np.asarray(fits & way_free(state, at, end, _radius(state, entity) + 0.015, entity, 0.02))

    def predict(self, state: State, entity: str, draws: Array) -> State:
        unit = np.array(DIRECTIONS[self.direction])
        moved = state.entity(entity, "position") + _PUSH * unit
        return drop_off(park(put(state, entity, moved), entity), entity)

    def lines(self, state: State, entity: str) -> Sequence[Line]:
        return (_line("push", entity=entity, direction=self.direction, distance=_PUSH),)


@dataclass(frozen=True)
class _Joint(ScriptedOperator):
    primitive: str = "open"
    kind: str = "drawer"
    fraction: float = 1.0

    def applicable(self, state: State, entity: str) -> Mask:
        if state.layout.kind(entity) != self.kind:
            return _no(state)
        fits = np.abs(state.entity(entity, "fraction") - self.fraction) > 0.1
        if self.kind == "button":
            return np.asarray(fits & ~covered(state, entity))
        left = _TRAVEL * np.maximum(self.fraction - state.entity(entity, "fraction"), 0.0)
        return np.asarray(fits & strip_free(state, entity, left + 0.055))

    def predict(self, state: State, entity: str, draws: Array) -> State:
        fraction = np.full(state.values.shape[:-1], self.fraction)
        return park(follow_joint(state, entity, fraction), entity)

    def lines(self, state: State, entity: str) -> Sequence[Line]:
        return (_line(self.primitive, entity=entity),)


@dataclass(frozen=True)
class _Lift(ScriptedOperator):
    last: bool = True

    def applicable(self, state: State, entity: str) -> Mask:
        return graspable(state, entity)

    def predict(self, state: State, entity: str, draws: Array) -> State:
        raised = state.entity(entity, "position") + np.array([0.0, 0.0, _LIFT])
        every = np.ones(state.values.shape[:-1], dtype=bool)
        return hold(put(park(state, entity), entity, raised), entity, every)

    def lines(self, state: State, entity: str) -> Sequence[Line]:
        return (_line("grasp", entity=entity), _line("lift", height=_LIFT))


def scripted_operators(scene: Scene | Layout) -> tuple[ScriptedOperator, ...]:
    """Return all that the scripted policies can do in a scene."""
    layout = scene
    if isinstance(layout, Scene):
        layout = layout_of(layout, {k: c.moves for k, c in load_cards().items()})
    out: list[ScriptedOperator] = []
    for name, kind in zip(layout.names, layout.kinds, strict=True):
        if kind in _SUPPORTS:
            out.append(_PlaceOn(f"place on {name}", other=name))
        if kind in CONTAINERS:
            out.append(_PutInto(f"put into {name}", other=name))
        if layout.move(name) == "rigid":
            out.extend(_PutDown(f"put {d} of {name}", direction=d, other=name) for d in SIDES)
    for side in SIDES:
        out.append(_Push(f"push {side}", direction=side))
        out.append(_PutDown(f"carry {side}", direction=side))
    if "drawer" in layout.kinds:
        out.append(_Joint("open", primitive="open", kind="drawer", fraction=1.0))
        out.append(_Joint("close", primitive="close", kind="drawer", fraction=0.0))
    if "button" in layout.kinds:
        out.append(_Joint("press", primitive="press", kind="button", fraction=1.0))
    out.append(_Lift("lift"))
    return tuple(out)
