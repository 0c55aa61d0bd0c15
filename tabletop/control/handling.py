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

__all__ = ["carry", "drag", "dump", "face", "grasp", "lift", "lower", "move", "place", "release", "retreat", "turn"]

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


def _spot(state: State, entity: str, on: str) -> tuple[Array, float]:
    """Return where the centre of an entity should come (2,) to be on or in another, and the support's height."""
    base = Solid.of(state, on)
    kind = state.layout.kind(on)
    if kind == "drawer":
        # Only the part that stands out of the cabinet is free: 0.13 m of travel less the front.
        point = base.world(np.array([0.075 * 1.0 - float(base.half[0]), 0.0, 0.0]))
        return point[:2], float(base.bottom) + 0.008
    if kind in {"bin", "bowl"}:
        return base.position[:2], float(base.bottom) + 0.010
    if kind == "target":
        return base.position[:2], float(state.robot("table_height"))
    if kind == "plate":
        return base.position[:2], float(base.bottom) + 0.012
    return base.position[:2], float(base.top)


def _free_side(state: State, entity: str, other: str, gap: float) -> Array:
    """Return where (2,) an entity stands beside another with the fingers clear of it, on its freer side."""
    one, two = Solid.of(state, entity), Solid.of(state, other)
    yaw = gripper_yaw(state)
    best, most = two.position[:2], -math.inf
    for sign in (1.0, -1.0):
        unit = sign * np.array([math.cos(yaw), math.sin(yaw)])
        point = two.position[:2] + unit * (float(two.reach(*unit)) + float(one.reach(*unit)) + gap)
        room = min(
            [0.2]
            + [
                float(np.linalg.norm(Solid.of(state, n).position[:2] - point))
                for n in state.layout.names
                if n not in {entity, other}
            ]
        )
        room = min(room, *(4 * (high - v) for v, (_, high) in zip(point, _REACH, strict=True)))
        room = min(room, *(4 * (v - low) for v, (low, _) in zip(point, _REACH, strict=True)))
        room -= 0.2 * float(np.linalg.norm(one.position[:2] - point))
        if room > most:
            best, most = point, room
    return best


def _free_spot(state: State, entity: str, other: str, distance: float) -> Array:
    """Return the place (2,) on the table, a distance from another entity, with the most room around it."""
    own, centre = Solid.of(state, entity), Solid.of(state, other).position[:2]
    others = [Solid.of(state, n) for n in state.layout.names if n != entity]
    best, most = own.position[:2], -math.inf
    for angle in np.linspace(-math.pi, math.pi, 24, endpoint=False):
        point = centre + distance * np.array([math.cos(angle), math.sin(angle)])
        room = min(
            [0.1]
            + [float(np.linalg.norm(s.position[:2] - point) - np.linalg.norm(s.half[:2])) - 0.06 for s in others]
            + [1.5 * min(v - low, high - v) for v, (low, high) in zip(point, _PLACES, strict=True)]
        )
        room -= 0.15 * float(np.linalg.norm(own.position[:2] - point))
        if room > most:
            best, most = point, room
    return best


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

    With `beside` a direction says on which side, and `distance` is then between the centres. `height` is the least that its bottom then has above what lies below.
    """
    start = Solid.of(state, entity).position.copy()
    if beside is not None and direction is not None:
        point = (Solid.of(state, beside).position + distance * np.array(DIRECTIONS[direction]))[:2]
    elif beside is not None:
        point = _free_side(state, entity, beside, 0.016)
    elif far is not None:
        point = _free_spot(state, entity, far, distance)
    elif to is not None:
        point = None
    elif direction is not None:
        point = (start + distance * np.array(DIRECTIONS[direction]))[:2]
    else:
        raise TabletopError("carry needs to, beside, far or direction")

    def goal(now: State) -> tuple[Array, None]:
        solid = Solid.of(now, entity)
        if to is not None:
            spot, support = _spot(now, entity, to)
            support = max(support, float(Solid.of(now, to).top))
        else:
            spot, support = point if point is not None else start[:2], float(now.robot("table_height"))
        wanted = here(now).copy()
        wanted[:2] += spot - solid.position[:2]
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

    def goal(now: State) -> tuple[Array, None]:
        table = float(now.robot("table_height"))
        support = _spot(now, held, on)[1] if on is not None else table
        wanted = here(now).copy()
        wanted[2] = support + _hang(now, held) + 0.002
        if on is not None and now.layout.move(on) != "static" and now.layout.kind(on) == "drawer":
            wanted[2] = max(wanted[2], float(Solid.of(now, on).top) + 0.022 - HAND + 0.004)
        elif on is not None and now.layout.kind(on) in {"bin", "bowl"}:
            wanted[2] = max(wanted[2], float(Solid.of(now, on).top) - HAND + 0.006)
        if on is not None:
            wanted[:2] += _spot(now, held, on)[0] - Solid.of(now, held).position[:2]
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
    state, _ = yield from lower(state, on, entity)
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
    state, _ = yield from straight(state, goal, gripper_yaw(state), CLOSED, tolerance=0.008, limit=30, speed=0.7)
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


