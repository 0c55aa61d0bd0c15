"""Operators that send a thing on by itself: flicked under a shelf, or along the table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from tabletop.logic.predicate import DIRECTIONS
from tabletop.logic.trace import glided
from tabletop.logic.transition import park, put
from tabletop.planner.acting import Line, ScriptedOperator, line, nowhere, pushed, radius
from tabletop.planner.pushing import MOUTH, behind_of, room_behind
from tabletop.planner.room import push_room
from tabletop.planner.space import boxes, covered, reachable, stands, way_free
from tabletop.sim.state import State

__all__ = ["Flick", "Glide"]

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

_KIND: Final = "puck"
"""What is made to glide; other things trip, roll or stop at once."""
_RUN: Final = (0.14, 0.23)
"""m from a shelf's middle from which what is flicked comes to lie under it."""
_PUSHED: Final = 0.15
"""m over which it is pushed toward a shelf."""
_LEAST: Final = 0.05
"""m that it then glides by itself at least."""
_FLICKED: Final = 0.14
"""m over which it is pushed along the table."""
_ALL: Final = 0.20
"""m that it goes then, pushed or not."""
_ROOM: Final = 0.28
"""m ahead that are left free: some glide far."""


@dataclass(frozen=True)
class Flick(ScriptedOperator):
    """Sent gliding to under a shelf, from before its open side."""

    other: str = ""
    reliability: float = 0.85

    def applicable(self, state: State, entity: str) -> Mask:
        if state.layout.role(entity) != _KIND:
            return nowhere(state)
        found, own = boxes(state), state.layout.index(self.other)
        at = state.entity(entity, "position")[..., :2]
        _, behind = behind_of(state, entity, at, found.centre[..., own, :2])
        local = found.local(at)[..., own, :]
        fits = (local[..., 0] < -_RUN[0]) & (local[..., 0] > -_RUN[1]) & (np.abs(local[..., 1]) < MOUTH)
        fits &= stands(state, entity) & ~covered(state, entity) & reachable(state, behind, 0.03)
        return np.asarray(fits & room_behind(state, entity, behind))

    def predict(self, state: State, entity: str, draws: Array) -> State:
        there = state.entity(self.other, "position")[..., :2]
        run = np.linalg.norm(there - state.entity(entity, "position")[..., :2], axis=-1)
        out = pushed(state, entity, there, state.robot("table_height"))
        return glided(out, entity, np.maximum(run - _PUSHED, _LEAST))

    def lines(self, state: State, entity: str) -> Sequence[Line]:
        return (line("flick", entity=entity, to=self.other, distance=_PUSHED),)


@dataclass(frozen=True)
class Glide(ScriptedOperator):
    """Pushed fast along the table, and let run."""

    direction: str = "away"
    reliability: float = 0.8

    def applicable(self, state: State, entity: str) -> Mask:
        if state.layout.role(entity) != _KIND:
            return nowhere(state)
        unit = np.array(DIRECTIONS[self.direction])[:2]
        at = state.entity(entity, "position")[..., :2]
        _, behind = behind_of(state, entity, at, at + unit)
        fits = reachable(state, at + _ALL * unit, 0.03) & reachable(state, at, 0.03) & reachable(state, behind, 0.03)
        fits &= stands(state, entity) & ~covered(state, entity)
        if not fits.any():
            return np.asarray(fits)
        fits &= room_behind(state, entity, behind)
        return np.asarray(fits & way_free(state, at, at + _ROOM * unit, radius(state, entity) + 0.015, entity, 0.02))

    def room(self, state: State, entity: str) -> Mask:
        at = state.entity(entity, "position")[..., :2]
        return push_room(state, entity, at + _ALL * np.array(DIRECTIONS[self.direction])[:2])

    def predict(self, state: State, entity: str, draws: Array) -> State:
        moved = state.entity(entity, "position") + _ALL * np.array(DIRECTIONS[self.direction])
        out = park(put(state, entity, moved), entity)
        return glided(out, entity, np.full(state.values.shape[:-1], _LEAST))

    def lines(self, state: State, entity: str) -> Sequence[Line]:
        return (line("flick", entity=entity, direction=self.direction, distance=_FLICKED, ahead=0.07, glide=0.04),)
