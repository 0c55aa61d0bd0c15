"""Primitives that move a fixture's joint along its own path: push_open, push_shut, pull_open, pull_shut, twist."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from tabletop.control.grasps import yaw_for
from tabletop.control.handling import grasp, holds
from tabletop.control.motion import (
    CLOSED,
    FINGER,
    OPEN,
    Array,
    Motion,
    act,
    gripper_yaw,
    here,
    hold_still,
    hover,
    servo,
    straight,
    width_command,
)
from tabletop.control.primitive import Name, primitive
from tabletop.errors import TabletopError
from tabletop.logic.geometry import Solid
from tabletop.sim.cards import Joint, load_cards
from tabletop.sim.state import State

__all__ = ["path", "pull_open", "pull_shut", "push_open", "push_shut", "twist"]

_UP: Final = np.array([0.0, 0.0, 1.0])
_HALF: Final = 0.014
"""m from a handle's middle to its side."""
_LEAD: Final = 0.024
"""m by which the gripper's goal is ahead of the handle's middle."""
_ENDS: Final = (0.03, 0.97)
"""Fractions that count as the ends of the way."""
_WRIST: Final = 2.75
"""rad that the wrist can turn either way from its middle, less a margin."""
_ATTEMPTS: Final = 3


def _joint(state: State, entity: str) -> Joint:
    joint = load_cards()[state.layout.kind(entity)].joint
    if joint is None:
        raise TabletopError(f"only what has a joint can be opened or shut, {entity!r} is {state.layout.move(entity)}")
    return joint


def _fraction(state: State, entity: str) -> float:
    return float(state.entity(entity, "fraction"))


def _arrived(state: State, entity: str, sign: float) -> bool:
    fraction = _fraction(state, entity)
    return fraction > _ENDS[1] if sign > 0 else fraction < _ENDS[0]


def _handle(state: State, entity: str) -> Array:
    return Solid.of(state, entity).world(state.entity(entity, "grasp"))


def path(state: State, entity: str, sign: float, turned: float = 0.0) -> Array:
    """Return the unit vector (3,), world, along which the handle moves.

    Args:
        state: now.
        entity: a fixture with a joint.
        sign: 1 towards fraction 1, -1 towards 0.
        turned: for a revolute joint, rad from now on at which the direction is asked for.
    """
    joint, solid = _joint(state, entity), Solid.of(state, entity)
    axis = solid.axes @ np.array(joint.axis, dtype=float)
    if joint.type == "prismatic":
        return np.asarray(sign * axis / np.linalg.norm(axis))
    arm = _handle(state, entity) - solid.world(np.array(joint.hinge) * solid.half)
    across = np.cross(axis, arm)
    across /= max(float(np.linalg.norm(across)), 1e-6)
    outward = np.cross(across, axis)
    return np.asarray(sign * (across * math.cos(turned) - outward * math.sin(turned)))


def _push(state: State, entity: str, sign: float) -> Motion:
    """Push the handle from behind along its path with the closed fingers; then go up."""
    joint = _joint(state, entity)
    for _ in range(_ATTEMPTS):
        left = (1.0 if sign > 0 else 0.0) - _fraction(state, entity)
        middle = path(state, entity, sign)
        if joint.type == "revolute" and abs(joint.axis[2]) > 0.5:
            # Halfway along the arc: what turns with the handle needs more room than the wrist has.
            middle = path(state, entity, sign, float(joint.travel) * left / 2)
        yaw = yaw_for(np.array([-middle[1], middle[0]]), state)

        def behind(now: State, yaw: float = yaw) -> tuple[Array, float]:
            return _handle(now, entity) - (_HALF + FINGER + 0.018) * path(now, entity, sign), yaw

        def ahead(now: State, yaw: float = yaw) -> tuple[Array, float]:
            return _handle(now, entity) + _LEAD * path(now, entity, sign), yaw

        state, _ = yield from hover(state, behind, CLOSED, tolerance=0.012)
        state, ok = yield from servo(
            state, ahead, CLOSED, tolerance=0.002, limit=40, until=lambda now: _arrived(now, entity, sign)
        )
        state, _ = yield from straight(
            state, here(state) - 0.012 * path(state, entity, sign), None, CLOSED, tolerance=0.012, limit=4
        )
        state, _ = yield from straight(state, here(state) + 0.06 * _UP, None, CLOSED, tolerance=0.02, limit=10)
        if ok:
            return state, True
    return state, False


def _pull(state: State, entity: str, sign: float) -> Motion:
    """Take the handle, draw it along its path, let go and go up."""
    _joint(state, entity)
    for _ in range(_ATTEMPTS):
        state, held = yield from grasp(state, entity)
        if held:
            yaw = gripper_yaw(state)

            def ahead(now: State, yaw: float = yaw) -> tuple[Array, float]:
                return _handle(now, entity) + _LEAD * path(now, entity, sign), yaw

            state, _ = yield from servo(
                state, ahead, CLOSED, tolerance=0.002, limit=30, until=lambda now: _arrived(now, entity, sign)
            )
        state, _ = yield from hold_still(state, width_command(0.030), 2)
        state, _ = yield from straight(
            state, here(state) + 0.06 * _UP, None, width_command(0.030), tolerance=0.02, limit=10
        )
        if held and abs(_fraction(state, entity) - (sign < 0)) > 0.9:
            return state, True
    return state, False


@primitive
def push_open(state: State, entity: Name) -> Motion:
    """Push a fixture's handle, or a button, along its path until it is open or pressed; then go up."""
    return (yield from _push(state, entity, 1.0))


@primitive
def push_shut(state: State, entity: Name) -> Motion:
    """Push a fixture's handle back along its path until it is closed; then go up."""
    return (yield from _push(state, entity, -1.0))


@primitive
def pull_open(state: State, entity: Name) -> Motion:
    """Take a fixture's handle, draw it along its path until it is open, let go and go up."""
    return (yield from _pull(state, entity, 1.0))


@primitive
def pull_shut(state: State, entity: Name) -> Motion:
    """Take a fixture's handle, draw it back along its path until it is closed, let go and go up."""
    return (yield from _pull(state, entity, -1.0))


@primitive
def twist(state: State, entity: Name) -> Motion:
    """Take the fin of a dial from above, turn it as far as it goes, let go and go up."""
    joint = _joint(state, entity)
    for _ in range(_ATTEMPTS):
        left = float(joint.travel) * (1.0 - _fraction(state, entity)) * math.copysign(1.0, joint.axis[2])
        x, y = (float(v) for v in _handle(state, entity)[:2])
        # The end of the turn is chosen with room for the wrist, and the start from it.
        wrist = math.atan2(y, x) + math.pi / 4
        fin = yaw_for(Solid.of(state, entity).axes[:2, 0], state)
        options = [fin + math.pi * k for k in range(-3, 4)]
        room = [o for o in options if abs(o - wrist) < _WRIST and abs(o + left - wrist) < _WRIST]
        yaw = min(room or options, key=lambda o: abs(o - gripper_yaw(state)))

        def over(now: State, yaw: float = yaw) -> tuple[Array, float]:
            return _handle(now, entity) + 0.02 * _UP, yaw

        def around(now: State, yaw: float = yaw) -> tuple[Array, float]:
            return _handle(now, entity), yaw

        state, _ = yield from hover(state, over, width_command(0.040), tolerance=0.010)
        state, _ = yield from servo(state, around, width_command(0.040), tolerance=0.006, limit=15)
        state, _ = yield from hold_still(state, CLOSED, 3)
        position = here(state).copy()
        for _ in range(25):
            if _arrived(state, entity, 1.0) or not holds(state, entity):
                break
            state = yield act(state, position, gripper_yaw(state) + math.copysign(0.4, left), CLOSED)
        state, _ = yield from hold_still(state, OPEN, 2)
        state, _ = yield from straight(state, here(state) + 0.06 * _UP, None, OPEN, tolerance=0.02, limit=10)
        if _fraction(state, entity) > 0.9:
            return state, True
    return state, False
