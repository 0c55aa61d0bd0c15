"""Primitives that open and shut any moving part of a fixture by its handle: open_part, shut_part.

A part that two fingers can hold is taken there and led along its way, the hand turning with it. About an axis that
lies, what is held turns between the fingers. What cannot be held is pushed.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from tabletop.control.grasps import wrist_middle, yaw_for
from tabletop.control.joints import fraction_of, handle_of, joint_of
from tabletop.control.motion import (
    CLOSED,
    Array,
    Motion,
    act,
    finger_half,
    here,
    hold_still,
    hover,
    servo,
    straight,
    tip_of,
    width_command,
)
from tabletop.control.places import size_of
from tabletop.control.primitive import Name, primitive
from tabletop.logic.geometry import Solid
from tabletop.sim.card_parts import number
from tabletop.sim.state import State

__all__ = ["open_part", "shut_part"]

_UP: Final = np.array([0.0, 0.0, 1.0])
_ENDS: Final = (0.04, 0.96)
"""Fractions that count as the ends of the way."""
_ATTEMPTS: Final = 4
_STEPS: Final = 90
"""Control steps in which a part is led along its way."""
_LEAD: Final = 0.028
"""m by which the gripper's goal is ahead of the handle."""
_STUCK: Final = 12
"""Control steps without progress after which the hold is given up."""
_LOST: Final = 0.03
"""m off the handle at which it is lost."""


def _arrived(state: State, entity: str, sign: float) -> bool:
    fraction = fraction_of(state, entity)
    return fraction > _ENDS[1] if sign > 0 else fraction < _ENDS[0]


def _axis(state: State, entity: str) -> Array:
    """Return the joint's axis (3,), unit, world."""
    axis = Solid.of(state, entity).axes @ np.array(joint_of(state, entity).axis, dtype=float)
    return np.asarray(axis / np.linalg.norm(axis))


def _on_axis(state: State, entity: str) -> Array:
    """Return a point (3,) on a revolute joint's axis, m, world."""
    solid = Solid.of(state, entity)
    return np.asarray(solid.world(np.array(joint_of(state, entity).hinge) * solid.half))


def _along(state: State, entity: str, point: Array, way: float) -> Array:
    """Return where a point of a part is once it has gone `way` (m) along its path; above 0 it opens."""
    axis = _axis(state, entity)
    if joint_of(state, entity).type == "prismatic":
        return np.asarray(point + way * axis)
    centre = _on_axis(state, entity)
    arm = point - centre
    along = axis * (arm @ axis)
    across = arm - along
    angle = way / max(float(np.linalg.norm(across)), 0.02)
    turned = across * math.cos(angle) + np.cross(axis, across) * math.sin(angle)
    return np.asarray(centre + along + turned)


def _closing(state: State, entity: str) -> Array:
    """Return the horizontal direction (2,) along which the fingers close on a part's handle."""
    solid = Solid.of(state, entity)
    return np.asarray(solid.axes[:2, "xy".index(joint_of(state, entity).closing)])


def _lies(state: State, entity: str) -> bool:
    """Return whether a part turns about an axis that lies."""
    return joint_of(state, entity).type == "revolute" and abs(float(_axis(state, entity)[2])) < 0.5


def _hold_yaw(state: State, entity: str, sign: float) -> float:
    """Return the yaw at which the handle is taken, with room for the wrist to turn with it to the end of its way."""
    joint = joint_of(state, entity)
    yaw = yaw_for(_closing(state, entity), state)
    axis = float(_axis(state, entity)[2])
    if joint.type != "revolute" or abs(axis) < 0.5:
        return yaw
    left = ((1.0 if sign > 0 else 0.0) - fraction_of(state, entity)) * _travel(state, entity) * math.copysign(1.0, axis)
    middle = wrist_middle(handle_of(state, entity), state)
    options = [yaw + math.pi * k for k in range(-3, 4)]
    return min(options, key=lambda o: max(abs(o - middle), abs(o + left - middle)))


def _travel(state: State, entity: str) -> float:
    """Return how far a revolute joint turns, rad."""
    sizes = dict(zip("wdh", (float(s) for s in size_of(state, entity)), strict=True))
    return number(joint_of(state, entity).travel, sizes)


def _lead(state: State, entity: str, sign: float) -> Motion:
    """Take the handle and lead it along its path. It succeeds where the part arrives."""
    joint = joint_of(state, entity)
    yaw = _hold_yaw(state, entity, sign)
    open_ = width_command(state, joint.opening - 0.004)
    turns = joint.type == "revolute" and not _lies(state, entity)
    spin = math.copysign(1.0, float(_axis(state, entity)[2]))

    def around(now: State) -> tuple[Array, float]:
        return handle_of(now, entity), yaw

    def above(now: State) -> tuple[Array, float]:
        point = handle_of(now, entity).copy()
        point[2] = max(float(point[2]) + 0.02, float(Solid.of(now, entity).top) + tip_of(now) + 0.01)
        return point, yaw

    begun = fraction_of(state, entity)
    state, _ = yield from hover(state, above, open_, tolerance=0.010)
    state, near = yield from servo(state, around, open_, tolerance=0.005, limit=25)
    if not near and float(np.linalg.norm(here(state) - handle_of(state, entity))) > 0.015:
        state, _ = yield from straight(state, here(state) + 0.06 * _UP, None, open_, tolerance=0.02, limit=12)
        return state, False
    state, _ = yield from hold_still(state, CLOSED, 3)
    best, idle = fraction_of(state, entity), 0
    offset = here(state) - handle_of(state, entity)
    for _ in range(_STEPS):
        if _arrived(state, entity, sign) or idle > _STUCK:
            break
        point = handle_of(state, entity)
        if float(np.linalg.norm(here(state) - point)) > _LOST:
            break
        done = (fraction_of(state, entity) - begun) * (_travel(state, entity) if turns else 0.0)
        goal = _along(state, entity, point, sign * _LEAD)
        if not turns:
            goal = goal + np.clip(offset, -0.004, 0.004)
        state = yield act(state, goal, yaw + spin * done, CLOSED)
        gained = sign * (fraction_of(state, entity) - best)
        idle = 0 if gained > 2e-3 else idle + 1
        best = best + sign * max(0.0, gained)
    ok = _arrived(state, entity, sign)
    state, _ = yield from hold_still(state, open_, 3)
    state, _ = yield from straight(state, here(state) + 0.07 * _UP, None, open_, tolerance=0.02, limit=12)
    return state, ok


def _shove(state: State, entity: str, sign: float) -> Motion:
    """Push the part at its handle, or its far edge, with the closed fingers. It succeeds where the part arrives."""
    point = handle_of(state, entity)
    far = _along(state, entity, point, sign * 0.01) - point
    way = far / max(float(np.linalg.norm(far)), 1e-9)
    flat = way.copy()
    flat[2] = 0.0
    if float(np.linalg.norm(flat)) < 0.3:
        return state, False
    yaw = yaw_for(np.array([-flat[1], flat[0]]), state)
    half = 0.5 * max(joint_of(state, entity).width, 0.010)
    back = half + finger_half(state) + 0.02

    def behind(now: State) -> tuple[Array, float]:
        return _along(now, entity, handle_of(now, entity), -sign * back), yaw

    def ahead(now: State) -> tuple[Array, float]:
        return _along(now, entity, handle_of(now, entity), sign * 0.02), yaw

    state, _ = yield from hover(state, behind, CLOSED, tolerance=0.012)
    state, ok = yield from servo(
        state, ahead, CLOSED, tolerance=0.002, limit=50, until=lambda now: _arrived(now, entity, sign)
    )
    state, _ = yield from straight(state, here(state) + 0.07 * _UP, None, CLOSED, tolerance=0.02, limit=12)
    return state, ok


def _move(state: State, entity: str, sign: float) -> Motion:
    joint = joint_of(state, entity)
    for attempt in range(_ATTEMPTS):
        if _arrived(state, entity, sign):
            return state, True
        pushes = joint.width <= 0 or (sign < 0 and not _lies(state, entity) and attempt % 2 == 0)
        move = _shove if pushes else _lead
        state, _ = yield from move(state, entity, sign)
    return state, _arrived(state, entity, sign)


@primitive
def open_part(state: State, entity: Name) -> Motion:
    """Open any moving part of a fixture by its handle, or by what of it can be pushed; then go up.

    Args:
        state: now; no batch shape.
        entity: a moving part, such as cabinet/left_door, or a fixture with one joint.

    Returns:
        A motion. It succeeds where the part is open.
    """
    return (yield from _move(state, entity, 1.0))


@primitive
def shut_part(state: State, entity: Name) -> Motion:
    """Shut any moving part of a fixture: push it, or lead it by its handle; then go up.

    Args:
        state: now; no batch shape.
        entity: a moving part, such as cabinet/left_door, or a fixture with one joint.

    Returns:
        A motion. It succeeds where the part is shut.
    """
    return (yield from _move(state, entity, -1.0))
