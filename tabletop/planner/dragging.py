"""Operators that hold something and keep it on the table: a thing dragged, or one pushed with a held stick."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from tabletop.logic.predicate import DIRECTIONS
from tabletop.logic.trace import glided
from tabletop.logic.transition import carry, hold, park
from tabletop.planner.acting import Line, ScriptedOperator, Taking, line, nowhere, pushed, radius
from tabletop.planner.hand import graspable
from tabletop.planner.pushing import behind_of
from tabletop.planner.room import hand_room
from tabletop.planner.space import covered, free, reachable, rise, stands, way_free
from tabletop.sim.state import State

__all__ = ["Drag", "Wield"]

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

_WAY: Final = 0.12
"""m that a thing is dragged where there is no mark."""
_FINGERS: Final = 0.025
"""m that the fingers stand out beyond what they hold."""
_HAND: Final = 0.03
"""m more of room beside what is as high as the hand."""
_ARRIVED: Final = 0.02
"""m from where it is brought to within which a thing is there already."""
_RAISED: Final = 0.04
"""m by which a stick is raised before and after it is used."""
_STICK: Final = 0.04
"""m of room for the stick and the hand around the way of what it pushes."""


@dataclass(frozen=True)
class Drag(Taking):
    """Taken, drawn along the table without being lifted, and let go of: to a mark, or a distance in a direction."""

    direction: str | None = None
    other: str | None = None
    reliability: float = 0.9

    def _end(self, state: State, entity: str) -> Array:
        if self.other is not None:
            return state.entity(self.other, "position")[..., :2]
        unit = np.array(DIRECTIONS[self.direction or "toward"])[:2]
        return np.asarray(state.entity(entity, "position")[..., :2] + _WAY * unit)

    def applicable(self, state: State, entity: str) -> Mask:
        if entity == self.other:
            return nowhere(state)
        fits = graspable(state, entity) & stands(state, entity)
        if not fits.any():
            return fits
        at, end = state.entity(entity, "position")[..., :2], self._end(state, entity)
        fits = fits & reachable(state, end, 0.03) & (np.linalg.norm(end - at, axis=-1) > _ARRIVED)
        if not fits.any():
            return np.asarray(fits)
        return np.asarray(fits & way_free(state, at, end, radius(state, entity) + _FINGERS, entity, _HAND))

    def predict(self, state: State, entity: str, draws: Array) -> State:
        return pushed(state, entity, self._end(state, entity), state.robot("table_height"))

    def lines(self, state: State, entity: str) -> Sequence[Line]:
        where = {"direction": self.direction, "distance": _WAY} if self.other is None else {"to": self.other}
        return (
            *self.approach(state, entity),
            line("grasp", entity=entity),
            line("drag", entity=entity, **where),
            line("release"),
            line("retreat", entity=entity),
        )


@dataclass(frozen=True)
class Wield(ScriptedOperator):
    """A thing pushed to a mark with the side of a stick, which stays in the hand."""

    tool: str = ""
    other: str = ""
    end: str = "left"
    """Which end of the stick is taken, by where it points."""
    last: bool = True
    reliability: float = 0.85

    def applicable(self, state: State, entity: str) -> Mask:
        if state.layout.role(entity) != "puck" or entity in {self.tool, self.other}:
            return nowhere(state)
        fits = graspable(state, self.tool) & stands(state, entity) & ~covered(state, entity)
        at, end = (state.entity(n, "position")[..., :2] for n in (entity, self.other))
        _, behind = behind_of(state, entity, at, end)
        fits = fits & (np.linalg.norm(end - at, axis=-1) > _ARRIVED) & reachable(state, behind, 0.06)
        # The tool leaves its place before.
        away = park(
            carry(state, self.tool, state.entity(self.tool, "position") + np.array([10.0, 0.0, 0.0])), self.tool
        )
        fits &= reachable(state, end, 0.06) & free(away, behind, _STICK, entity)
        return np.asarray(fits & way_free(away, at, end, radius(state, entity) + _STICK, entity))

    def room(self, state: State, entity: str) -> Mask:
        return hand_room(state, self.tool, self.end)

    def predict(self, state: State, entity: str, draws: Array) -> State:
        end = state.entity(self.other, "position")[..., :2]
        start = state.entity(entity, "position")[..., :2]
        _, behind = behind_of(state, entity, end, 2 * end - start)
        # Nothing but the stick touches it, so that all of its way counts as its own.
        values = state.values.copy()
        where = state.layout.entity_slice(entity, "position").start
        values[..., where : where + 2] = end
        out = glided(State(state.layout, values), entity, np.linalg.norm(end - start, axis=-1))
        floor = state.robot("table_height") + rise(state, self.tool) + _RAISED
        there = np.concatenate([behind, floor[..., None]], axis=-1)
        out = park(carry(out, self.tool, there), self.tool)
        return hold(out, self.tool, np.ones(end.shape[:-1], dtype=bool))

    def lines(self, state: State, entity: str) -> Sequence[Line]:
        return (
            *self.approach(state, self.tool),
            line("grasp", entity=self.tool, end=self.end),
            line("lift", height=_RAISED),
            line("wield", entity=self.tool, what=entity, to=self.other),
            line("lift", height=_RAISED),
        )
