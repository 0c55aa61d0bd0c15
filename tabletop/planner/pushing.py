"""Operators that move a thing without holding it: pushed, swept off, toppled."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from tabletop.logic.geometry import Solid
from tabletop.logic.predicate import DIRECTIONS
from tabletop.logic.trace import risen
from tabletop.logic.transition import drop_off, park, put, tilted
from tabletop.planner.acting import Line, ScriptedOperator, line, nowhere, pushed, radius
from tabletop.planner.room import push_room
from tabletop.planner.space import boxes, covered, free, reachable, stands, way_free
from tabletop.sim.cards import load_cards
from tabletop.sim.state import State

__all__ = [
    "MOUTH",
    "Push",
    "PushTo",
    "Sweep",
    "Topple",
    "behind_of",
    "fallen",
    "near_enough",
    "over_edge",
    "room_behind",
]

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

_PUSH: Final = 0.12
_HAND: Final = 0.05
"""m that the hand stands out beyond the fingers."""
_BEHIND: Final = 0.04
_ARRIVED: Final = 0.02
"""m from where it is pushed to within which a thing is there already."""
MOUTH: Final = 0.05
"""m off a pen's axis at which a way into it still passes between its walls."""
_OFF: Final = 0.04
"""m beyond the table's edge."""
_ARM: Final = 0.72
"""m from the arm's base, seen from above, to which it reaches."""
_SLENDER: Final = 1.35
"""Height in widths from which a can falls over when its top is pushed; what is less slender may slide."""
_FALL: Final = 0.05
"""m, room that is left around where something falls."""


def behind_of(state: State, entity: str, start: Array, end: Array) -> tuple[Array, Array]:
    """Return the unit vectors (..., 2) of a way, and where the gripper stands behind the entity to push it.

    Args:
        state: before, batch shape (...,).
        entity: what is pushed.
        start: (..., 2), m, world: of the way.
        end: (..., 2), m, world.

    Returns:
        (..., 2) of length 1, and (..., 2) in m, world.
    """
    way = end - start
    unit = way / np.maximum(np.linalg.norm(way, axis=-1, keepdims=True), 1e-6)
    reach = Solid.of(state, entity).reach(unit[..., 0], unit[..., 1]) + _BEHIND
    return unit, start - unit * reach[..., None]


def room_behind(state: State, entity: str, behind: Array) -> Mask:
    """Return where the hand has room to come down at points (..., 2) behind an entity.

    Args:
        state: before, batch shape (...,).
        entity: what is pushed; it does not count.
        behind: (..., 2), m, world.
    """
    return free(state, behind, 0.025, entity, _HAND)


@dataclass(frozen=True)
class Push(ScriptedOperator):
    """Pushed a distance along the table."""

    direction: str = "left"

    def applicable(self, state: State, entity: str) -> Mask:
        if state.layout.body_type(entity) != "rigid":
            return nowhere(state)
        unit = np.array(DIRECTIONS[self.direction])[:2]
        at = state.entity(entity, "position")[..., :2]
        end = at + _PUSH * unit
        behind = at - unit * (Solid.of(state, entity).reach(*unit) + _BEHIND)[..., None]
        fits = reachable(state, end) & reachable(state, at, 0.03) & reachable(state, behind, 0.03)
        if not fits.any():
            return fits
        fits &= stands(state, entity) & ~covered(state, entity)
        fits &= room_behind(state, entity, behind)
        return np.asarray(fits & way_free(state, at, end, radius(state, entity) + 0.015, entity, 0.02))

    def room(self, state: State, entity: str) -> Mask:
        at = state.entity(entity, "position")[..., :2]
        return push_room(state, entity, at + _PUSH * np.array(DIRECTIONS[self.direction])[:2])

    def predict(self, state: State, entity: str, draws: Array) -> State:
        unit = np.array(DIRECTIONS[self.direction])
        moved = state.entity(entity, "position") + _PUSH * unit
        return drop_off(park(put(state, entity, moved), entity), entity)

    def lines(self, state: State, entity: str) -> Sequence[Line]:
        return (line("push", entity=entity, direction=self.direction, distance=_PUSH),)


@dataclass(frozen=True)
class PushTo(ScriptedOperator):
    """Pushed onto a mark, or into a pen that is open to one side."""

    other: str = ""
    reliability: float = 0.94

    def applicable(self, state: State, entity: str) -> Mask:
        layout = state.layout
        if entity == self.other or layout.body_type(entity) != "rigid":
            return nowhere(state)
        at, end = (state.entity(n, "position")[..., :2] for n in (entity, self.other))
        unit, behind = behind_of(state, entity, at, end)
        fits = reachable(state, at, 0.03) & reachable(state, behind, 0.03) & reachable(state, end, 0.03)
        fits &= np.linalg.norm(end - at, axis=-1) > _ARRIVED
        if not fits.any():
            return fits
        fits &= stands(state, entity) & ~covered(state, entity) & room_behind(state, entity, behind)
        if load_cards()[layout.kind(self.other)].solid:
            found, own = boxes(state), layout.index(self.other)
            local = found.local(at)[..., own, :]
            # Straight ahead of the open side; what is beyond the mouth is the pen's own.
            front = found.half[..., own, 0]
            fits &= (local[..., 0] < -front) & (np.abs(local[..., 1]) * front < -MOUTH * local[..., 0])
            end = at + unit * (np.linalg.norm(end - at, axis=-1) - front - radius(state, entity) - 0.02)[..., None]
        return np.asarray(fits & way_free(state, at, end, radius(state, entity) + 0.010, entity, 0.02))

    def room(self, state: State, entity: str) -> Mask:
        # A pen's walls are lower than the hand.
        return push_room(state, entity, state.entity(self.other, "position")[..., :2])

    def predict(self, state: State, entity: str, draws: Array) -> State:
        return pushed(state, entity, state.entity(self.other, "position")[..., :2], state.robot("table_height"))

    def lines(self, state: State, entity: str) -> Sequence[Line]:
        return (line("push", entity=entity, to=self.other),)


@dataclass(frozen=True)
class Sweep(ScriptedOperator):
    """Pushed over the nearer side edge of the table."""

    id: str = "sweep off"
    reliability: float = 0.45
    """Far less than it is: nothing brings back what has left the table, so that all else comes first."""

    def applicable(self, state: State, entity: str) -> Mask:
        if state.layout.body_type(entity) != "rigid":
            return nowhere(state)
        at = state.entity(entity, "position")[..., :2]
        end = over_edge(state, entity)
        _, behind = behind_of(state, entity, at, end)
        fits = stands(state, entity) & ~covered(state, entity) & reachable(state, behind, 0.06) & near_enough(end)
        if not fits.any():
            return fits
        fits &= room_behind(state, entity, behind)
        return np.asarray(fits & way_free(state, at, end, radius(state, entity) + 0.015, entity, 0.02))

    def room(self, state: State, entity: str) -> Mask:
        return push_room(state, entity, over_edge(state, entity))

    def predict(self, state: State, entity: str, draws: Array) -> State:
        return fallen(state, entity)

    def lines(self, state: State, entity: str) -> Sequence[Line]:
        return (line("sweep", entity=entity),)


def over_edge(state: State, entity: str) -> Array:
    """Return the place (..., 2) beyond the nearer side edge of the table."""
    at = state.entity(entity, "position")[..., :2].copy()
    edge = state.robot("table_size")[..., 1] / 2 + _OFF
    at[..., 1] = np.where(at[..., 1] > 0, edge, -edge)
    return np.asarray(at)


def near_enough(point: Array) -> Mask:
    """Return where the arm gets to points (..., 2), m, world, beyond the table's edge."""
    return np.asarray(np.hypot(point[..., 0], point[..., 1]) < _ARM)


def fallen(state: State, entity: str, moved: Callable[[State, str, Array], State] = put) -> State:
    """Return states in which an entity has left the table over its nearer side edge, moved there by `moved`.

    Args:
        state: before, batch shape (...,).
        entity: what leaves the table.
        moved: (state, entity, positions (..., 3)) -> states with the entity there.
    """
    there = np.concatenate([over_edge(state, entity), state.entity(entity, "position")[..., 2:]], axis=-1)
    return drop_off(park(moved(state, entity, there), entity), entity)


@dataclass(frozen=True)
class Topple(ScriptedOperator):
    """Pushed over by its top."""

    direction: str = "away"
    reliability: float = 0.9

    def applicable(self, state: State, entity: str) -> Mask:
        if state.layout.role(entity) != "can":
            return nowhere(state)
        solid, unit = Solid.of(state, entity), np.array(DIRECTIONS[self.direction])[:2]
        at = solid.position[..., :2]
        behind = at - unit * (solid.reach(*unit) + _BEHIND)[..., None]
        ahead = at + unit * 2 * solid.rise[..., None]
        size = state.entity(entity, "size")
        fits = (np.abs(solid.axes[..., 2, 2]) > 0.9) & (size[..., 2] > _SLENDER * size[..., 0])
        fits &= reachable(state, at, 0.03) & reachable(state, behind, 0.03) & reachable(state, ahead, 0.03)
        fits &= stands(state, entity) & ~covered(state, entity)
        if not fits.any():
            return np.asarray(fits)
        fits &= room_behind(state, entity, behind)
        return np.asarray(fits & free(state, ahead, _FALL, entity))

    def predict(self, state: State, entity: str, draws: Array) -> State:
        unit = np.array(DIRECTIONS[self.direction])
        solid = Solid.of(state, entity)
        beyond = solid.position[..., :2] + unit[:2] * solid.rise[..., None]
        # It tips about the horizontal axis to the left of the way.
        axis, angle = np.array([-unit[1], unit[0], 0.0]), np.full(state.values.shape[:-1], math.pi / 2)
        # Its centre rises over the edge that it tips about.
        half = state.entity(entity, "size") / 2
        state = risen(state, entity, solid.bottom + np.hypot(half[..., 0], half[..., 2]))
        return pushed(tilted(state, entity, axis, angle), entity, beyond, state.robot("table_height"))

    def lines(self, state: State, entity: str) -> Sequence[Line]:
        return (line("topple", entity=entity, direction=self.direction),)
