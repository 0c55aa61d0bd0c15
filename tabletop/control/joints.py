"""Primitives that move a fixture's joint along its own path: push_open, push_shut, pull_open, pull_shut, twist."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from tabletop.control.grasps import grasp_of, wrist_middle, wrist_room, yaw_for
from tabletop.control.handling import surround, touches
from tabletop.control.motion import (
    CLOSED,
    OPEN,
    Array,
    Motion,
    act,
    finger_half,
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
from tabletop.sim.card_parts import Joint
from tabletop.sim.cards import load_cards
from tabletop.sim.state import State

__all__ = ["fraction_of", "handle_of", "joint_of", "path", "pull_open", "pull_shut", "push_open", "push_shut", "twist"]

_UP: Final = np.array([0.0, 0.0, 1.0])
_HALF: Final = 0.014
"""m from a handle's middle to its side."""
_LEAD: Final = 0.024
"""m by which the gripper's goal is ahead of the handle's middle."""
_ENDS: Final = (0.03, 0.97)
"""Fractions that count as the ends of the way."""
_WRIST: Final = 0.14
"""rad that the wrist keeps off the ends of its way."""
_ATTEMPTS: Final = 3
_AROUND: Final = 0.050
"""m. As wide as goes between a handle and its column."""
_WIDE: Final = 0.060
"""m. Around a fin that has nothing beside it."""
_DEEP: Final = 0.005
"""m below a handle's grasp point at which the fingers close to draw it."""
_BAR: Final = 0.008
"""m, half of what is between the fingers of a handle or a fin."""
_PULL: Final = 0.030
"""m by which the gripper's goal is ahead when it draws; faster it slips off."""
_INSIDE: Final = 0.010
"""m off the middle of a handle at which the fingers go around it."""
_LEAN: Final = 0.035
"""m further on that they then lean, beyond the strut."""


def joint_of(state: State, entity: str) -> Joint:
    """Return the joint of a fixture's card.

    Raises:
        TabletopError: it has none.
    """
    joint = load_cards()[state.layout.kind(entity)].joint
    if joint is None:
        raise TabletopError(
            f"only what has a joint can be opened or shut, {entity!r} is {state.layout.body_type(entity)}"
        )
    return joint


def fraction_of(state: State, entity: str) -> float:
    """Return how far a fixture is open, 0 to 1."""
    return float(state.entity(entity, "fraction"))


def _arrived(state: State, entity: str, sign: float) -> bool:
    fraction = fraction_of(state, entity)
    return fraction > _ENDS[1] if sign > 0 else fraction < _ENDS[0]


def handle_of(state: State, entity: str) -> Array:
    """Return where a fixture is acted on (3,), m, world."""
    return Solid.of(state, entity).world(state.entity(entity, "grasp"))


def path(state: State, entity: str, sign: float, turned: float = 0.0) -> Array:
    """Return the unit vector (3,), world, along which the handle moves.

    Args:
        state: now.
        entity: a fixture with a joint.
        sign: 1 towards fraction 1, -1 towards 0.
        turned: for a revolute joint, rad from now on at which the direction is asked for.
    """
    joint, solid = joint_of(state, entity), Solid.of(state, entity)
    axis = solid.axes @ np.array(joint.axis, dtype=float)
    if joint.type == "prismatic":
        return np.asarray(sign * axis / np.linalg.norm(axis))
    arm = handle_of(state, entity) - solid.world(np.array(joint.hinge) * solid.half)
    across = np.cross(axis, arm)
    across /= max(float(np.linalg.norm(across)), 1e-6)
    outward = np.cross(across, axis)
    return np.asarray(sign * (across * math.cos(turned) - outward * math.sin(turned)))


def _push(state: State, entity: str, sign: float) -> Motion:
    """Push the handle from behind along its path with the closed fingers; then go up."""
    joint = joint_of(state, entity)
    for _ in range(_ATTEMPTS):
        left = (1.0 if sign > 0 else 0.0) - fraction_of(state, entity)
        middle = path(state, entity, sign)
        if joint.type == "revolute" and abs(joint.axis[2]) > 0.5:
            # Halfway along the arc: what turns with the handle needs more room than the wrist has.
            middle = path(state, entity, sign, float(joint.travel) * left / 2)
        yaw = yaw_for(np.array([-middle[1], middle[0]]), state)

        def behind(now: State, yaw: float = yaw) -> tuple[Array, float]:
            return handle_of(now, entity) - (_HALF + finger_half(now) + 0.018) * path(now, entity, sign), yaw

        def ahead(now: State, yaw: float = yaw) -> tuple[Array, float]:
            return handle_of(now, entity) + _LEAD * path(now, entity, sign), yaw

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
    """Take the handle, draw it along its path, let go and go up.

    The fingers also lean on one of the two struts that it stands on: where actions are noisy they slide along a bar,
    and what slides one way has no friction left for the other. What a lost hold has gained counts, as a handle stays
    where it is left; the fingers open to go around it again.
    """
    joint_of(state, entity)
    ajar = width_command(state, _AROUND)
    yaw = grasp_of(state, entity).yaw
    along = np.array([math.cos(yaw), math.sin(yaw), 0.0])
    # On the side where the gripper is.
    along *= math.copysign(1.0, float((here(state) - handle_of(state, entity)) @ along))

    def around(now: State) -> Array:
        return handle_of(now, entity) - _DEEP * _UP + _INSIDE * along

    state, _ = yield from hover(state, lambda now: (around(now) + 0.03 * _UP, yaw), ajar, tolerance=0.012)
    for _ in range(60):
        if _arrived(state, entity, sign):
            break
        point = around(state)
        off = here(state) - point
        across = abs(float(off[1]) * math.cos(yaw) - float(off[0]) * math.sin(yaw))
        grip, goal = CLOSED, point + _LEAN * along
        if touches(state, entity) and off[2] < _DEEP + 0.003:
            goal = goal + _PULL * path(state, entity, sign)
        elif off[2] > _DEEP + 0.003:
            # Too high to close on it: down beside it, once there is room between the fingers.
            grip, goal = ajar, point
            room = float(state.robot("gripper_width")) / 2 - _BAR - 0.002
            if across > room:
                goal = np.append(point[:2], max(float(here(state)[2]), float(point[2]) + 0.03))
        elif across > 0.02:
            grip, goal = ajar, point + 0.04 * _UP
        state = yield act(state, goal, yaw, grip)
    ok = _arrived(state, entity, sign)
    state, _ = yield from hold_still(state, ajar, 2)
    state, _ = yield from straight(state, here(state) + 0.06 * _UP, None, ajar, tolerance=0.02, limit=10)
    return state, ok


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
    joint = joint_of(state, entity)
    for _ in range(_ATTEMPTS):
        left = float(joint.travel) * (1.0 - fraction_of(state, entity)) * math.copysign(1.0, joint.axis[2])
        x, y = (float(v) for v in handle_of(state, entity)[:2])
        # The end of the turn is chosen with room for the wrist, and the start from it.
        wrist, turns = wrist_middle(np.array([x, y]), state), wrist_room(state) - _WRIST
        fin = yaw_for(Solid.of(state, entity).axes[:2, 0], state)
        options = [fin + math.pi * k for k in range(-3, 4)]
        room = [o for o in options if abs(o - wrist) < turns and abs(o + left - wrist) < turns]
        yaw = min(room or options, key=lambda o: abs(o - gripper_yaw(state)))

        def over(now: State, yaw: float = yaw) -> tuple[Array, float]:
            return handle_of(now, entity) + 0.02 * _UP, yaw

        def around(now: State, yaw: float = yaw) -> tuple[Array, float]:
            return handle_of(now, entity), yaw

        state, _ = yield from hover(state, over, width_command(state, _WIDE), tolerance=0.012)
        state, _ = yield from surround(state, around, width_command(state, _WIDE), 2 * _BAR)
        free = 0
        for _ in range(30):
            free = 0 if touches(state, entity) else free + 1
            off = here(state) - handle_of(state, entity)
            if _arrived(state, entity, 1.0) or free > 3 or off[2] > 0.014:
                break
            # Kept on the axis: with the fin between them the fingers turn it even where they hardly hold it.
            lead = math.copysign(0.4, left) if not free else 0.0
            state = yield act(state, handle_of(state, entity) - _DEEP * _UP, gripper_yaw(state) + lead, CLOSED)
        state, _ = yield from hold_still(state, OPEN, 2)
        state, _ = yield from straight(state, here(state) + 0.06 * _UP, None, OPEN, tolerance=0.02, limit=10)
        if fraction_of(state, entity) > 0.9:
            return state, True
    return state, False
