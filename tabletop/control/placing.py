"""Primitives that bring what is held somewhere: carry, lower, place, drag, dump."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from tabletop.control.grasps import blocked, nearest_yaw
from tabletop.control.handling import holds, release
from tabletop.control.motion import (
    CLOSED,
    OPEN,
    Array,
    Motion,
    gripper_yaw,
    here,
    hold_still,
    hover,
    part,
    servo,
    straight,
    tip_of,
)
from tabletop.control.places import free_side, free_spot, least_height, spot
from tabletop.control.primitive import Direction, Length, Name, primitive
from tabletop.errors import TabletopError
from tabletop.logic.geometry import Solid
from tabletop.logic.predicate import DIRECTIONS
from tabletop.sim.state import State

__all__ = ["carry", "drag", "dump", "lower", "place"]

_FARTHEST: Final = 0.395
"""m to either side that the gripper goes."""
_UP: Final = np.array([0.0, 0.0, 0.10])
"""m: how the gripper leaves what did not fall."""


def _hang(state: State, entity: str) -> float:
    """Return how far (m) the bottom of what is held lies below the gripper's centre."""
    return max(tip_of(state), float(here(state)[2] - Solid.of(state, entity).bottom))


def _held_one(state: State) -> str | None:
    for name in state.layout.names:
        if holds(state, name):
            return name
    return None


def _shift(direction: str | None, distance: float) -> Array:
    return np.zeros(2) if direction is None else distance * np.array(DIRECTIONS[direction])[:2]


@primitive
def carry(
    state: State,
    entity: Name,
    to: Name | None = None,
    direction: Direction | None = None,
    distance: Length = 0.15,
    height: Length = 0.0,
    beside: Name | None = None,
    far: Name | None = None,
) -> Motion:
    """Bring what is held over an entity, beside one, or `distance` away: in a direction, or `far` from one.

    Args:
        state: now, with the entity held; no batch shape.
        entity: what is held.
        to: the entity over whose middle it is brought: of a drawer, the middle of what is open.
        direction: one of DIRECTIONS, on the table. With `to` or `beside` it says on which side.
        distance: m: in the direction, from where it is; with `to`, off its middle; with `beside` or `far`, between the
            centres.
        height: m, at least, from what lies below up to its bottom; never less than 12 mm.
        beside: the entity that it is brought beside. Without a direction it comes 11 mm off it, on its freer side.
        far: the entity that it is brought away from, to where there is most room.

    Returns:
        A motion. It succeeds where the entity is still held in the end.

    Raises:
        TabletopError: none of `to`, `beside`, `far` and `direction`; raised as the motion begins.
    """
    return (yield from _carry(state, entity, to, direction, distance, height, beside, far, 0.008))


def _carry(
    state: State,
    entity: str,
    to: str | None,
    direction: str | None,
    distance: float,
    height: float,
    beside: str | None,
    far: str | None,
    tolerance: float,
    *,
    turning: bool = False,
    place: Array | None = None,
) -> Motion:
    """Carry, to within a tolerance (m); with `turning` the hand turns where it would else come down on something."""
    start = Solid.of(state, entity).position.copy()
    shift = _shift(direction, distance)
    if place is not None:
        point = place
    elif beside is not None and direction is not None:
        point = Solid.of(state, beside).position[:2] + shift
    elif beside is not None:
        point = free_side(state, entity, beside, 0.011)
    elif far is not None:
        point = free_spot(state, entity, far, distance)
    elif to is not None:
        point = None
    elif direction is not None:
        point = start[:2] + shift
    else:
        raise TabletopError("carry needs to, beside, far or direction")

    yaw: float | None = None

    def goal(now: State) -> tuple[Array, float | None]:
        solid = Solid.of(now, entity)
        if to is not None:
            wanted_at, support = spot(now, to)
            wanted_at = wanted_at + shift
            support = max(support, float(Solid.of(now, to).top))
        else:
            wanted_at, support = point if point is not None else start[:2], float(now.robot("table_height"))
        wanted = here(now).copy()
        wanted[:2] += wanted_at - solid.position[:2]
        wanted[2] = support + _hang(now, entity) + max(0.012, height)
        return wanted, yaw

    if turning:
        yaw = _clear_yaw(state, entity, goal(state)[0], to)
    low, lost = _hang(state, entity), 0
    for _ in range(70):
        state, ok = yield from hover(state, goal, CLOSED, low=low, held=(entity,), tolerance=tolerance, limit=1)
        # A hold may slacken for a moment where the grip is noisy.
        lost = 0 if holds(state, entity) else lost + 1
        if (ok and not lost) or lost > 2:
            break
    return state, not lost


def _clear_yaw(state: State, entity: str, at: Array, to: str | None) -> float | None:
    """Return the yaw at which the hand is clear of things once it lets go at a place (3,); None where it is already."""
    down = at - np.array([0.0, 0.0, 0.010])
    now = gripper_yaw(state)
    costs = {}
    for yaw in (now, *(nearest_yaw(now + math.pi * i / 4, state) for i in (1, 2, 3))):
        hits, lowest = blocked(state, entity, down, yaw, to)
        costs[yaw] = (hits, max(0.0, lowest - float(down[2])), abs(yaw - now))
    best = min(costs, key=lambda y: costs[y])
    return None if costs[now][:2] <= costs[best][:2] else best


@primitive
def lower(state: State, on: Name | None = None, entity: Name | None = None) -> Motion:
    """Let what is held down until it stands on what is below it (the table without `on`).

    Args:
        state: now, with the entity held; no batch shape.
        on: what it is let down on, or into; None: the table.
        entity: what is held; None: the first thing that both fingers press on.

    Returns:
        A motion. It fails where nothing is held, or what is held does not get so low.
    """
    held = entity or _held_one(state)
    if held is None:
        return state, False
    return (yield from _lower(state, held, on, np.zeros(2)))


def _lower(state: State, held: str, on: str | None, shift: Array) -> Motion:
    def goal(now: State) -> tuple[Array, None]:
        wanted, support = here(now).copy(), float(now.robot("table_height"))
        if on is not None:
            at, support = spot(now, on)
            wanted[:2] += at + shift - Solid.of(now, held).position[:2]
        wanted[2] = support + _hang(now, held) + 0.002
        if on is not None:
            wanted[2] = max(wanted[2], least_height(now, on))
        return wanted, None

    return (yield from servo(state, goal, CLOSED, tolerance=0.005, limit=20))


@primitive
def place(
    state: State,
    entity: Name,
    on: Name | None = None,
    direction: Direction | None = None,
    distance: Length = 0.15,
    beside: Name | None = None,
    far: Name | None = None,
    x: Length | None = None,
    y: Length | None = None,
) -> Motion:
    """Carry what is held there (see carry), let it down, open the fingers and go up.

    With x and y (m, world) it comes to be there on the table, wherever it is taken up again after a lost hold.

    Where nothing says where, it is let down where it is.

    Args:
        state: now, with the entity held; no batch shape.
        entity: what is held.
        on: what it is put on, or into; None: the table.
        direction: as in `carry`.
        distance: as in `carry`.
        beside: as in `carry`.
        far: as in `carry`.
        x: m, world.
        y: m, world.

    Returns:
        A motion. It fails where the hold is lost on the way.

    Raises:
        TabletopError: one of `x` and `y` without the other; raised as the motion begins.
    """
    if (x is None) != (y is None):
        raise TabletopError("place needs both x and y, or neither")
    at = None if x is None or y is None else np.array([x, y])
    if on is None and beside is None and direction is None and far is None and at is None:
        ok = holds(state, entity)
    else:
        state, ok = yield from _carry(
            state, entity, on, direction, distance, 0.0, beside, far, 0.014, turning=True, place=at
        )
    if not ok:
        return state, False
    state, _ = yield from _lower(state, entity, on, _shift(direction if on else None, distance))
    state, _ = yield from release(state)
    state, _ = yield from part(state, entity, OPEN)
    return state, True


@primitive
def drag(
    state: State,
    entity: Name,
    to: Name | None = None,
    direction: Direction | None = None,
    distance: Length = 0.12,
    within: Length = 0.0,
) -> Motion:
    """Draw what is held along the table, not lifted: to another entity, or a distance in a direction.

    Args:
        state: now, with the entity held; no batch shape.
        entity: what is held, and stands on the table.
        to: the entity whose centre it is drawn to; takes precedence over `direction`.
        direction: one of DIRECTIONS, on the table.
        distance: m in the direction.
        within: m before the centre of `to` at which it is to stop; below 0: beyond it.

    Returns:
        A motion. It succeeds where the entity is still held in the end.

    Raises:
        TabletopError: neither `to` nor `direction`; raised as the motion begins.
    """
    if to is not None:
        way = Solid.of(state, to).position - Solid.of(state, entity).position
        length = max(float(np.linalg.norm(way[:2])), 1e-6)
        way = way * ((length - within) / length)
    elif direction is not None:
        way = distance * np.array(DIRECTIONS[direction])
    else:
        raise TabletopError("drag needs to or direction")
    # Pressed on the table it would slip from the fingers.
    goal = here(state) + np.array([way[0], way[1], 0.0])
    state, _ = yield from straight(state, goal, gripper_yaw(state), CLOSED, tolerance=0.008, limit=30, speed=0.7)
    return state, holds(state, entity)


@primitive
def dump(state: State, entity: Name) -> Motion:
    """Carry what is held beyond the nearer side edge of the table and let it fall."""
    y = float(Solid.of(state, entity).position[1])
    side = math.copysign(1.0, y)
    edge = float(state.robot("table_size")[1]) / 2 + float(np.max(Solid.of(state, entity).half)) + 0.03
    edge = min(edge, _FARTHEST)
    direction = "left" if side > 0 else "right"
    state, ok = yield from carry(state, entity, None, direction, edge - abs(y))
    if ok:
        state, _ = yield from hold_still(state, OPEN, 4)
        if float(Solid.of(state, entity).top) > float(state.robot("table_height")):
            # On a wide table it leans on the edge and on a finger.
            state, _ = yield from straight(state, here(state) + _UP, None, OPEN, tolerance=0.02, limit=10)
            state, _ = yield from hold_still(state, OPEN, 4)
    return state, ok
