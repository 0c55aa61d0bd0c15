"""Closed-loop motion of the gripper: the pieces that every primitive is made of.

A motion is a generator: it is given the state, yields an action, is sent the next state, and ends with the
last state and whether it did what it was for. So a primitive reads from top to bottom although the world
steps between its lines.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from tabletop.config import SimSettings
from tabletop.logic.geometry import Solid
from tabletop.sim.robot_card import Hand, load_robot_card
from tabletop.sim.state import State

__all__ = [
    "CLOSED",
    "OPEN",
    "Array",
    "Motion",
    "act",
    "finger_half",
    "gripper_yaw",
    "hand_of",
    "here",
    "hold_still",
    "hover",
    "part",
    "servo",
    "straight",
    "tip_of",
    "width_command",
]

Array = npt.NDArray[np.float64]
Motion = Generator[Array, State, tuple[State, bool]]
Pose = tuple[Array, float | None]
"""Where the gripper should be: position (3,) in m, and yaw in rad or None to leave it."""

OPEN: Final = 1.0
CLOSED: Final = -1.0

_SETTINGS: Final = SimSettings()
_GAIN: Final = 0.55
_NEAR_YAW: Final = 0.06
_PATIENCE: Final = 4
"""Steps near a goal, undisturbed more than enough to reach it, after which the tolerance grows."""
_CORRIDOR: Final = 0.055
_CLEARANCE: Final = 0.02


def here(state: State) -> Array:
    """Return the gripper's position (3,), m, world."""
    return state.robot("gripper_position")


def gripper_yaw(state: State) -> float:
    """Return the gripper's yaw (rad); its fingers open along (-sin, cos) of it."""
    x, y, z, w = (float(v) for v in state.robot("gripper_quaternion"))
    return math.atan2(2 * (x * y + z * w), 1 - 2 * (y * y + z * z))


def hand_of(state: State) -> Hand:
    """Return how the gripper is shaped."""
    return load_robot_card(state.layout.robot).hand


def tip_of(state: State) -> float:
    """Return how far, m, the fingertips are below the gripper's centre."""
    return hand_of(state).tip


def finger_half(state: State) -> float:
    """Return half the breadth, m, of a finger across the direction in which it closes."""
    return hand_of(state).breadth / 2


def width_command(state: State, width: float) -> float:
    """Return the grip action for a distance (m) between the fingers."""
    return min(1.0, max(-1.0, width / (load_robot_card(state.layout.robot).max_width / 2) - 1.0))


def _turn(wanted: float, now: float) -> float:
    return (wanted - now + math.pi) % (2 * math.pi) - math.pi


def act(state: State, position: Array, yaw: float | None, grip: float, speed: float = 1.0) -> Array:
    """Return the action (5,) that brings the gripper nearer to a pose.

    Args:
        state: now.
        position: (3,), m, world.
        yaw: rad, or None to leave it.
        grip: -1 closed .. +1 open.
        speed: bound on the first three components.
    """
    out = np.zeros(5)
    step = _GAIN * (position - here(state)) / _SETTINGS.max_step
    # One factor for all three, so that the path stays straight.
    out[:3] = step * (speed / max(speed, float(np.max(np.abs(step)))))
    if yaw is not None:
        out[3] = min(1.0, max(-1.0, _GAIN * _turn(yaw, gripper_yaw(state)) / _SETTINGS.max_turn))
    out[4] = grip
    return out


def hold_still(state: State, grip: float, steps: int) -> Motion:
    """Stay where the gripper is for some steps.

    Args:
        state: now; no batch shape.
        grip: as in `act`.
        steps: control steps.

    Returns:
        A motion, which always succeeds.
    """
    position = here(state).copy()
    for _ in range(steps):
        state = yield act(state, position, None, grip)
    return state, True


class _Patience:
    """Widens a tolerance, up to twice, around a goal that is near but never quite reached: actions come out noisy."""

    def __init__(self, tolerance: float) -> None:
        self._tolerance = tolerance
        self._steps = 0

    def enough(self, distance: float) -> float:
        """Return the tolerance (m) now, at a distance (m) from the goal."""
        self._steps += distance < 3 * self._tolerance
        return self._tolerance * min(2.0, 1.0 + 0.25 * max(0, self._steps - _PATIENCE))


class _Still:
    """Notices a gripper that neither moves nor turns any more: what it wants is out of reach."""

    def __init__(self) -> None:
        self._last: tuple[Array, float] | None = None
        self._steps = 0

    def too_long(self, state: State) -> bool:
        now = (here(state).copy(), gripper_yaw(state))
        if self._last is not None:
            moved = float(np.linalg.norm(now[0] - self._last[0])) + 0.1 * abs(_turn(now[1], self._last[1]))
            self._steps = self._steps + 1 if moved < 5e-4 else 0
        self._last = now
        return self._steps >= 6


def servo(
    state: State,
    goal: Callable[[State], Pose],
    grip: float,
    *,
    tolerance: float = 0.008,
    limit: int = 40,
    speed: float = 1.0,
    until: Callable[[State], bool] | None = None,
) -> Motion:
    """Follow a goal that may depend on the state until it is reached.

    Args:
        state: now.
        goal: pose wanted, from the state.
        grip: as in `act`.
        tolerance: m; it grows where the goal stays near but unreached, up to twice.
        limit: steps after which it has failed.
        speed: as in `act`.
        until: ends it early, as a success.
    """
    still, patience = _Still(), _Patience(tolerance)
    for _ in range(limit):
        position, yaw = goal(state)
        turned = yaw is None or abs(_turn(yaw, gripper_yaw(state))) < _NEAR_YAW
        distance = float(np.linalg.norm(position - here(state)))
        if (turned and distance < patience.enough(distance)) or (until and until(state)):
            return state, True
        if still.too_long(state):
            break
        state = yield act(state, position, yaw, grip, speed)
    return state, False


def straight(
    state: State,
    position: Array,
    yaw: float | None,
    grip: float,
    *,
    tolerance: float = 0.008,
    limit: int = 40,
    speed: float = 1.0,
) -> Motion:
    """Go straight to a pose; arguments as in `servo`.

    Args:
        state: now; no batch shape.
        position: (3,), m, world.
        yaw: rad, or None to leave it.
        grip: as in `act`.
        tolerance: m; it grows where the pose stays near but unreached, up to twice.
        limit: control steps after which it has failed.
        speed: as in `act`.

    Returns:
        A motion. It succeeds where the gripper gets there.
    """
    fixed = position.copy()
    return (yield from servo(state, lambda _: (fixed, yaw), grip, tolerance=tolerance, limit=limit, speed=speed))


def part(state: State, entity: str, grip: float, gap: float = 0.045) -> Motion:
    """Raise the gripper until its centre is `gap` (m) off an entity's surface, and a little over its top.

    Args:
        state: now; no batch shape.
        entity: what to get off.
        grip: as in `act`.
        gap: m from its surface to the gripper's centre.

    Returns:
        A motion of 15 control steps at most. It succeeds where the gripper gets so far off.
    """
    solid = Solid.of(state, entity)
    rise = max(0.04, float(solid.top) + gap + 0.01 - float(here(state)[2]))
    goal = here(state) + np.array([0.0, 0.0, rise])

    def off(now: State) -> bool:
        return float(Solid.of(now, entity).distance(here(now))) > gap

    return (yield from servo(state, lambda _: (goal, None), grip, limit=15, tolerance=0.003, until=off))


def _clear_height(state: State, to: Array, low: float, held: Sequence[str]) -> float:
    """Return the gripper height from which nothing is hit on the way to a place.

    Args:
        state: now.
        to: (2,), m.
        low: m from the gripper's centre down to the lowest thing it carries.
        held: entities that do not count.
    """
    start = here(state)[:2]
    way = to - start
    length = float(np.linalg.norm(way))
    unit = way / length if length > 1e-6 else np.zeros(2)
    top = float(state.robot("table_height"))
    for name in state.layout.names:
        if name in held:
            continue
        solid = Solid.of(state, name)
        offset = solid.position[:2] - start
        along = min(max(float(offset @ unit), 0.0), length)
        gap = float(np.linalg.norm(offset - along * unit))
        if gap < float(np.linalg.norm(solid.half[:2])) + _CORRIDOR:
            top = max(top, float(solid.top))
    return top + low + _CLEARANCE


def hover(
    state: State,
    goal: Callable[[State], Pose],
    grip: float,
    *,
    low: float | None = None,
    held: Sequence[str] = (),
    tolerance: float = 0.015,
    limit: int = 60,
) -> Motion:
    """Go over a place: up as far as the way asks for, across, then down to the goal's height.

    Args:
        state: now.
        goal: pose wanted, from the state.
        grip: as in `act`.
        low: m from the gripper's centre down to the lowest thing it carries; None: to the fingertips.
        held: entities that move with the gripper.
        tolerance: m, as in `servo`.
        limit: steps after which it has failed.
    """
    still, patience = _Still(), _Patience(tolerance)
    low = tip_of(state) if low is None else low
    for _ in range(limit):
        position, yaw = goal(state)
        now = here(state)
        away = float(np.linalg.norm(position[:2] - now[:2]))
        turned = yaw is None or abs(_turn(yaw, gripper_yaw(state))) < 2 * _NEAR_YAW
        off = max(away, abs(float(position[2] - now[2])))
        if turned and off < patience.enough(off):
            return state, True
        via = position.copy()
        if away > 0.03 or not turned:
            clear = _clear_height(state, position[:2], low, held)
            # Over the place already and still turning: no need to rise again.
            via[2] = max(position[2], clear if away > 0.03 else min(clear, float(now[2])))
            below = via[2] - now[2]
            if below > 0.012:
                # Too low to cross: mostly up.
                via[:2] = now[:2] + (position[:2] - now[:2]) * max(0.0, 1.0 - below / 0.03) * 0.5
        if still.too_long(state):
            break
        state = yield act(state, via, yaw, grip)
    return state, False
