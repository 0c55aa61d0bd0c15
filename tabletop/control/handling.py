"""Primitives that take hold of things: move, grasp, lift, turn, release."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import numpy as np

from tabletop.control.grasps import grasp_of, yaw_for
from tabletop.control.motion import (
    CLOSED,
    OPEN,
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
    tip_of,
    width_command,
)
from tabletop.control.primitive import Direction, Length, Name, Turn, primitive
from tabletop.logic.geometry import Solid, relative, twist, wrap
from tabletop.logic.predicate import DIRECTIONS
from tabletop.sim.state import State

__all__ = [
    "Goal",
    "face",
    "grasp",
    "holds",
    "lift",
    "move",
    "release",
    "retreat",
    "surround",
    "take",
    "touches",
    "turn",
]

_HELD: Final = 0.3
"""N on each finger that count as a hold."""
_ATTEMPTS: Final = 3
_AJAR: Final = 0.034
"""m. Between a handle and the front that it stands before, each finger has as much room to either side."""
_ASKEW: Final = 0.2
"""rad off the wanted yaw at which the fingers still close on something."""
_PUSHED: Final = 0.01
"""m that something has moved by while the gripper went to it."""
_BEYOND: Final = 0.10
"""rad turned in excess, as fingers give."""
_UP: Final = np.array([0.0, 0.0, 1.0])


Goal = Callable[[State], tuple[Array, float]]
"""The gripper's position (3,), m, world, and yaw (rad) that are wanted."""


def holds(state: State, entity: str) -> bool:
    """Return whether both fingers press on an entity; on a fixture, which gives way to neither, one is enough."""
    if state.layout.body_type(entity) == "joint":
        return touches(state, entity)
    return bool(np.min(state.entity(entity, "finger_force")) > _HELD)


def touches(state: State, entity: str) -> bool:
    """Return whether a finger presses on an entity."""
    return bool(np.max(state.entity(entity, "finger_force")) > _HELD)


@primitive
def move(
    state: State,
    to: Name,
    height: Length | None = None,
    direction: Direction | None = None,
    distance: Length = 0.0,
) -> Motion:
    """Bring the open gripper to an entity's grasp point, or over it at a height above the table.

    Args:
        state: now; no batch shape.
        to: the entity.
        height: m above the table; None: at the grasp point's own height.
        direction: one of DIRECTIONS; the way that the place is shifted.
        distance: m that it is shifted by.

    Returns:
        A motion. It succeeds where the gripper gets there.
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
    return (yield from servo(state, goal, OPEN, tolerance=0.006, limit=30))


@primitive
def grasp(state: State, entity: Name, end: Direction | None = None) -> Motion:
    """Come from above, close the fingers on an entity, and check that they hold it; three attempts.

    Args:
        state: now; no batch shape.
        entity: what is taken hold of.
        end: one of DIRECTIONS: what is long is taken near that of its ends which points more that way. None: at its
            grasp point.

    Returns:
        A motion. It succeeds where both fingers press on it; on a fixture one finger is enough.
    """
    return (
        yield from take(
            state, entity, OPEN if state.layout.body_type(entity) == "rigid" else width_command(state, _AJAR), end
        )
    )


def take(state: State, entity: str, grip: float, end: str | None = None) -> Motion:
    """Take hold as `grasp` does, with the fingers opened as `grip` (as in `act`) on the way.

    Args:
        state: now; no batch shape.
        entity: what is taken hold of.
        grip: as in `act`, on the way.
        end: as in `grasp`.

    Returns:
        A motion. It succeeds as `grasp` does.
    """
    rigid = state.layout.body_type(entity) == "rigid"
    toward = None if end is None else np.array(DIRECTIONS[end])
    for _ in range(_ATTEMPTS):
        # Chosen once an attempt: which of several yaws is the best may change on the way.
        chosen = grasp_of(state, entity, toward).yaw

        def pose(now: State, yaw: float = chosen) -> tuple[Array, float]:
            return grasp_of(now, entity, toward).position, yaw

        def above(now: State, yaw: float = chosen) -> tuple[Array, float]:
            point = grasp_of(now, entity, toward).position
            top = float(Solid.of(now, entity).top) if rigid else float(point[2]) + 0.015
            return np.array([point[0], point[1], max(top + tip_of(now) + 0.008, point[2])]), yaw

        state, _ = yield from hover(state, above, grip, tolerance=0.012)
        state, _ = yield from surround(state, pose, grip, grasp_of(state, entity, toward).width)
        state, ok = yield from _close(state, entity)
        if ok:
            return state, True
        state, _ = yield from straight(state, here(state) + 0.06 * _UP, None, OPEN, tolerance=0.02, limit=12)
    return state, False


def surround(state: State, pose: Goal, grip: float, width: float) -> Motion:
    """Go straight to a pose around something, as near as it takes for the fingers to close on it.

    Args:
        state: now.
        pose: of the gripper around it.
        grip: as in `act`, on the way.
        width: m of it between the fingers.
    """

    def between(now: State) -> bool:
        point, yaw = pose(now)
        off = here(now) - point
        along = abs(float(off[0]) * math.cos(yaw) + float(off[1]) * math.sin(yaw))
        across = abs(float(off[1]) * math.cos(yaw) - float(off[0]) * math.sin(yaw))
        room = (float(now.robot("gripper_width")) - width) / 2
        turned = abs(float(wrap(np.array(gripper_yaw(now) - yaw)))) < _ASKEW
        return turned and across < room - 0.002 and along < 0.010 and float(off[2]) < 0.008

    stood = pose(state)[0]
    state, ok = yield from servo(state, pose, grip, tolerance=0.006, limit=15)
    if ok or float(np.linalg.norm(pose(state)[0] - stood)) > _PUSHED:
        # A finger has come down on it and pushes it along; going on would push it farther.
        return state, ok
    # Where the actions are noisy the fingers need not be exactly there.
    return (yield from servo(state, pose, grip, tolerance=0.006, limit=4, until=between))


def _close(state: State, entity: str) -> Motion:
    position = here(state).copy()
    firm = 0
    for _ in range(8):
        firm = firm + 1 if holds(state, entity) else 0
        if firm >= 2:
            return state, True
        state = yield act(state, position, None, CLOSED)
    return state, holds(state, entity)


@primitive
def lift(state: State, height: Length) -> Motion:
    """Raise the gripper, and what it holds, straight up."""
    goal = here(state) + height * _UP
    return (yield from straight(state, goal, None, CLOSED, tolerance=0.01, limit=25))


@primitive
def release(state: State) -> Motion:
    """Open the fingers."""
    return (yield from hold_still(state, OPEN, 3))


@primitive
def retreat(state: State, entity: Name | None = None, height: Length = 0.10) -> Motion:
    """Raise the open gripper by a height, or until it is clear of an entity.

    Args:
        state: now; no batch shape.
        entity: what to be clear of: 4.5 cm off its surface.
        height: m to rise by, where no entity is given.

    Returns:
        A motion. It succeeds where the gripper gets there.
    """
    if entity is not None:
        return (yield from part(state, entity, OPEN))
    goal = here(state) + height * _UP
    return (yield from straight(state, goal, None, OPEN, tolerance=0.02, limit=20))


@primitive
def turn(state: State, entity: Name, by: Turn | None = None, like: Name | None = None) -> Motion:
    """Turn what is held about the vertical by a little more than an angle, or to be parallel to another.

    Args:
        state: now, with the entity held; no batch shape.
        entity: what is held.
        by: rad about world z, counter-clockwise; 0.1 rad more is turned, as fingers give.
        like: the entity that it is to be parallel to, up to quarter turns; takes precedence over `by`.

    Returns:
        A motion. It succeeds where it is turned so, within 0.04 rad, and still held.
    """
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
            return state, holds(state, entity)
        state = yield act(state, position, gripper_yaw(state) + left(state), CLOSED)
    return state, False


@primitive
def face(state: State, direction: Direction | None = None, angle: Turn = 0.0) -> Motion:
    """Turn the open gripper so that its fingers stand side by side along a direction, or at an angle from "away".

    Args:
        state: now; no batch shape.
        direction: one of DIRECTIONS, on the table; takes precedence over `angle`.
        angle: rad from "away" (world x), counter-clockwise.

    Returns:
        A motion. It succeeds where the gripper gets there.
    """
    along = np.array([math.cos(angle), math.sin(angle)])
    yaw = yaw_for(along if direction is None else np.array(DIRECTIONS[direction])[:2], state)
    return (yield from straight(state, here(state), yaw, OPEN, tolerance=0.02, limit=15))
