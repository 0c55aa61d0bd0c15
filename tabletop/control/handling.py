"""Primitives that hold things: grasp, lift, carry, place, turn."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from tabletop.control.grasps import Grasp, grasp_of, nearest_yaw, yaw_for
from tabletop.control.motion import (
    CLOSED,
    HAND,
    OPEN,
    TIP,
    Array,
    Motion,
    act,
    gripper_yaw,
    here,
    hold_still,
    hover,
    part,
    servo,
    straight,
    width_command,
)
from tabletop.control.primitive import Direction, Length, Name, Turn, primitive
from tabletop.errors import TabletopError
from tabletop.logic.geometry import Solid, relative, twist, wrap
from tabletop.logic.predicate import DIRECTIONS
from tabletop.sim.state import State

__all__ = [
    "carry",
    "drag",
    "dump",
    "face",
    "grasp",
    "lift",
    "lower",
    "move",
    "place",
    "release",
    "retreat",
    "turn",
]

_HELD: Final = 0.3
"""N on each finger that count as a hold."""
_ATTEMPTS: Final = 3
_BEYOND: Final = 0.10
"""rad turned in excess, as fingers give."""
_REACH: Final = ((0.30, 0.70), (-0.38, 0.38))
_PLACES: Final = ((0.32, 0.68), (-0.29, 0.29))
_UP: Final = np.array([0.0, 0.0, 1.0])


def _holds(state: State, entity: str) -> bool:
    return bool(np.min(state.entity(entity, "finger_force")) > _HELD)


def _hang(state: State, entity: str) -> float:
    """Return how far (m) the bottom of what is held lies below the gripper's centre."""
    return max(TIP, float(here(state)[2] - Solid.of(state, entity).bottom))


@primitive
def move(
    state: State,
    to: Name,
    height: Length | None = None,
    direction: Direction | None = None,
    distance: Length = 0.0,
) -> Motion:
    """Bring the open gripper to an entity's grasp point, or over it at a height above the table.

    With `direction` the place is shifted by `distance` that way.
    """

    def goal(now: State) -> tuple[Array, float | None]:
        found = grasp_of(now, to)
        point = found.position.copy()
        if direction is not None:
            point += distance * np.array(DIRECTIONS[direction])
        if height is not None:
            point[2] = float(now.robot("table_height")) + height
        return point, found.yaw

    state, _ = yield from hover(state, goal, OPEN, tolerance=0.02)
    return (yield from servo(state, goal, OPEN, tolerance=0.008, limit=20))


@primitive
def grasp(state: State, entity: Name) -> Motion:
    """Come from above, close the fingers on an entity, and check that they hold it; three attempts."""
    rigid = state.layout.move(entity) == "rigid"
    for attempt in range(_ATTEMPTS):
        first = grasp_of(state, entity)

        def pose(now: State, first: Grasp = first) -> tuple[Array, float]:
            found = grasp_of(now, entity)
            return found.position, nearest_yaw(found.yaw, now) if attempt else first.yaw

        def above(now: State) -> tuple[Array, float]:
            point, yaw = pose(now)
            top = float(Solid.of(now, entity).top) if rigid else float(point[2]) + 0.015
            return np.array([point[0], point[1], max(top + TIP + 0.008, point[2])]), yaw

        grip = OPEN if rigid else width_command(0.042)
        state, _ = yield from hover(state, above, grip, tolerance=0.012)
        state, _ = yield from servo(state, pose, grip, tolerance=0.006, limit=15)
        state, ok = yield from _close(state, entity)
        if ok:
            return state, True
        state, _ = yield from straight(state, here(state) + 0.06 * _UP, None, OPEN, tolerance=0.02, limit=12)
    return state, False


def _close(state: State, entity: str) -> Motion:
    position = here(state).copy()
    firm = 0
    for _ in range(8):
        firm = firm + 1 if _holds(state, entity) else 0
        if firm >= 2:
            return state, True
        state = yield act(state, position, None, CLOSED)
    return state, _holds(state, entity)


@primitive
def lift(state: State, height: Length) -> Motion:
    """Raise the gripper, and what it holds, straight up."""
    goal = here(state) + height * _UP
    return (yield from straight(state, goal, None, CLOSED, tolerance=0.01, limit=25))


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

    With `beside` a direction says on which side, and `distance` is then between the centres; with `to` they
    say how far off its centre. `height` is the least that its bottom then has above what lies below.
    """
    start = Solid.of(state, entity).position.copy()
    shift = _shift(direction, distance)
    if beside is not None and direction is not None:
        point = Solid.of(state, beside).position[:2] + shift
    elif beside is not None:
        point = free_side(state, entity, beside, 0.016)
    elif far is not None:
        point = free_spot(state, entity, far, distance)
    elif to is not None:
        point = None
    elif direction is not None:
        point = start[:2] + shift
    else:
        raise TabletopError("carry needs to, beside, far or direction")

    def goal(now: State) -> tuple[Array, None]:
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
        return wanted, None

    low = _hang(state, entity)
    for _ in range(70):
        state, ok = yield from hover(state, goal, CLOSED, low=low, held=(entity,), tolerance=0.008, limit=1)
        if ok or not _holds(state, entity):
            break
    return state, _holds(state, entity)


@primitive
def lower(state: State, on: Name | None = None, entity: Name | None = None) -> Motion:
    """Let what is held down until it stands on what is below it (the table without `on`)."""
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


def _held_one(state: State) -> str | None:
    for name in state.layout.names:
        if _holds(state, name):
            return name
    return None


@primitive
def release(state: State) -> Motion:
    """Open the fingers."""
    return (yield from hold_still(state, OPEN, 3))


@primitive
def retreat(state: State, entity: Name | None = None, height: Length = 0.10) -> Motion:
    """Raise the open gripper by a height, or until it is clear of an entity."""
    if entity is not None:
        return (yield from part(state, entity, OPEN))
    goal = here(state) + height * _UP
    return (yield from straight(state, goal, None, OPEN, tolerance=0.02, limit=20))


@primitive
def place(
    state: State,
    entity: Name,
    on: Name | None = None,
    direction: Direction | None = None,
    distance: Length = 0.15,
    beside: Name | None = None,
    far: Name | None = None,
) -> Motion:
    """Carry what is held there (see carry), let it down, open the fingers and go up."""
    if on is None and beside is None and direction is None and far is None:
        ok = _holds(state, entity)
    else:
        state, ok = yield from carry(state, entity, on, direction, distance, beside=beside, far=far)
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
) -> Motion:
    """Draw what is held along the table, hardly lifted: to another entity, or a distance in a direction."""
    if to is not None:
        way = Solid.of(state, to).position - Solid.of(state, entity).position
    elif direction is not None:
        way = distance * np.array(DIRECTIONS[direction])
    else:
        raise TabletopError("drag needs to or direction")
    # A little lifted: pressed on the table it would slip from the fingers.
    goal = here(state) + np.array([way[0], way[1], 0.004])
    state, _ = yield from straight(
        state, goal, gripper_yaw(state), CLOSED, tolerance=0.008, limit=30, speed=0.7
    )
    return state, _holds(state, entity)


@primitive
def dump(state: State, entity: Name) -> Motion:
    """Carry what is held beyond the nearer side edge of the table and let it fall."""
    y = float(Solid.of(state, entity).position[1])
    side = math.copysign(1.0, y)
    edge = float(state.robot("table_size")[1]) / 2 + float(np.max(Solid.of(state, entity).half)) + 0.03
    direction = "left" if side > 0 else "right"
    state, ok = yield from carry(state, entity, None, direction, edge - abs(y))
    if ok:
        state, _ = yield from hold_still(state, OPEN, 4)
    return state, ok


@primitive
def turn(state: State, entity: Name, by: Turn | None = None, like: Name | None = None) -> Motion:
    """Turn what is held about the vertical by a little more than an angle, or to be parallel to another."""
    start = state.entity(entity, "quaternion").copy()

    def left(now: State) -> float:
        if like is not None:
            apart = twist(relative(now.entity(entity, "quaternion"), now.entity(like, "quaternion")))
            return -float(wrap(apart, math.pi / 2))
        done = float(twist(relative(now.entity(entity, "quaternion"), start)))
        return (by or 0.0) + math.copysign(_BEYOND, by or 0.0) - done

    position = here(state) + 0.01 * _UP
    for _ in range(30):
        if abs(left(state)) < 0.04:
            return state, _holds(state, entity)
        state = yield act(state, position, gripper_yaw(state) + left(state), CLOSED)
    return state, False


@primitive
def face(state: State, direction: Direction) -> Motion:
    """Turn the open gripper so that its fingers stand side by side along a direction."""
    yaw = yaw_for(np.array(DIRECTIONS[direction])[:2], state)
    return (yield from straight(state, here(state), yaw, OPEN, tolerance=0.02, limit=15))
