"""Primitives that act without holding: push, press, topple, open, close, wait."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import numpy as np

from tabletop.control.grasps import yaw_for
from tabletop.control.handling import grasp
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
    part,
    servo,
    straight,
    tip_of,
    width_command,
)
from tabletop.control.primitive import Count, Direction, Length, Name, primitive
from tabletop.errors import TabletopError
from tabletop.logic.geometry import Solid
from tabletop.logic.predicate import DIRECTIONS
from tabletop.sim.state import State

__all__ = ["close", "flick", "open_", "press", "push", "sweep", "topple", "wait"]

_FORK: Final = 0.014
"""m. Two points of contact keep a flat side square and a round one between them."""
_ARRIVED: Final = 0.012
"""m from its goal at which a push ends."""
_RUNS: Final = 0.010
"""m ahead of the fingers at which something that was flicked runs by itself."""
_TIPPING: Final = 0.3
"""Share of the full speed at which things are pushed over."""
_FLICKS: Final = 3
"""Times that something is flicked until it has glided far enough."""
_UP: Final = np.array([0.0, 0.0, 1.0])


def _fork(state: State) -> float:
    return width_command(state, _FORK)


def _behind(state: State, entity: str, unit: Array, gap: float, height: float) -> tuple[Array, float]:
    """Return the pose of the forked fingers behind an entity, `gap` (m) off its side."""
    solid = Solid.of(state, entity)
    far = float(solid.reach(*unit)) + finger_half(state) + gap
    point = np.append(solid.position[:2] - unit * far, height)
    return point, yaw_for(np.array([-unit[1], unit[0]]), state)


def _fallen(state: State, entity: str) -> bool:
    return float(state.entity(entity, "position")[2]) < float(state.robot("table_height")) - 0.02


def _push_height(state: State, entity: str) -> float:
    table = float(state.robot("table_height"))
    solid = Solid.of(state, entity)
    middle = float(solid.position[2])
    # What is taller than wide trips over the fingertips when it is pushed low.
    tall = float(solid.rise) > 1.03 * float(np.min(solid.half[:2]))
    above, most = (0.012, 0.050) if tall else (0.0, 0.034)
    return max(table + tip_of(state) + 0.007, min(middle + above, float(solid.bottom) + most))


@primitive
def push(
    state: State,
    entity: Name,
    to: Name | None = None,
    direction: Direction | None = None,
    distance: Length = 0.12,
    within: Length = 0.0,
) -> Motion:
    """Push an entity from behind: to another one (or `within` so much of it), or a distance in a direction.

    Its position is watched all the way, and the fingers come behind it again where it has slipped aside.
    Then they go up.

    Args:
        state: now; no batch shape.
        entity: what is pushed along the table.
        to: the entity whose centre it is pushed to; takes precedence over `direction`.
        direction: one of DIRECTIONS, on the table; the way that it is pushed.
        distance: m along the direction, from where it is at first.
        within: m before the centre of `to` at which it is to stop; 0: all the way.

    Returns:
        A motion. It succeeds where the centre of what is pushed ends within 3 cm of its goal.

    Raises:
        TabletopError: neither `to` nor `direction`; raised as the motion begins.
    """
    start = Solid.of(state, entity).position[:2].copy()
    if to is None and direction is None:
        raise TabletopError("push needs to or direction")
    along = None if direction is None else np.array(DIRECTIONS[direction])[:2]

    def goal(now: State) -> Array:
        if to is not None:
            way = Solid.of(now, to).position[:2] - Solid.of(now, entity).position[:2]
            return Solid.of(now, to).position[:2] - within * way / max(float(np.linalg.norm(way)), 1e-6)
        return start + distance * (along if along is not None else np.zeros(2))

    def left(now: State) -> Array:
        return np.asarray(goal(now) - Solid.of(now, entity).position[:2])

    for _ in range(4):
        error = left(state)
        if np.linalg.norm(error) < (2.0 if to is not None else 1.6) * _ARRIVED or _fallen(state, entity):
            break
        unit = error / np.linalg.norm(error)
        height = _push_height(state, entity)

        def approach(now: State, unit: Array = unit, height: float = height) -> tuple[Array, float]:
            return _behind(now, entity, unit, 0.022, height)

        state, _ = yield from hover(state, approach, _fork(state), tolerance=0.014)
        state, _ = yield from _push(state, entity, left, unit, height)
        state, _ = yield from straight(
            state, here(state) - 0.02 * np.append(unit, 0), None, _fork(state), tolerance=0.012, limit=5
        )
        state, _ = yield from part(state, entity, _fork(state))
    return state, bool(np.linalg.norm(left(state)) < 0.03)


def _push(state: State, entity: str, left: Callable[[State], Array], unit: Array, height: float) -> Motion:
    """Push on until the rest of the way is short, leads elsewhere, or the entity has stopped moving."""
    solid = Solid.of(state, entity)
    # What is tall tips over when it is pushed suddenly or fast.
    fastest = 0.05 if float(solid.rise) < 1.2 * float(solid.reach(*unit)) else 0.026
    stuck, before = 0, left(state)
    for i in range(60):
        error = left(state)
        remaining = float(error @ unit)
        if remaining < 0.006 or np.linalg.norm(error) < _ARRIVED or _fallen(state, entity):
            return state, True
        stuck = stuck + 1 if np.linalg.norm(error - before) < 0.001 else 0
        if stuck > 8:
            return state, False
        before = error
        # Steering: the contact is kept opposite to where the rest of the way leads, within 40 deg.
        across = np.array([-unit[1], unit[0]])
        bend = min(max(float(error @ across) / remaining, -0.8), 0.8)
        aim = (unit + bend * across) / math.hypot(1.0, bend)
        solid = Solid.of(state, entity)
        from_gripper = solid.position[:2] - here(state)[:2]
        if float(from_gripper @ aim) < 0.5 * float(np.linalg.norm(from_gripper)):
            return state, False
        beside = np.array([-aim[1], aim[0]])
        ahead = min(fastest, 0.010 + 0.005 * i, 0.012 + 0.6 * remaining)
        goal = here(state)[:2] + aim * ahead + beside * float(from_gripper @ beside)
        state = yield act(state, np.append(goal, height), yaw_for(beside, state), _fork(state))
    return state, False


@primitive
def sweep(state: State, entity: Name) -> Motion:
    """Push an entity over the nearer side edge of the table."""
    y = float(Solid.of(state, entity).position[1])
    edge = float(state.robot("table_size")[1]) / 2 + 0.03
    side = "left" if y > 0 else "right"
    state, _ = yield from push(state, entity, direction=side, distance=edge - abs(y))
    # It takes a moment to fall.
    state, _ = yield from hold_still(state, CLOSED, 3)
    return state, _fallen(state, entity)


@primitive
def topple(state: State, entity: Name, direction: Direction = "away") -> Motion:
    """Push an upright entity over by its top; then go up.

    Args:
        state: now; no batch shape.
        entity: a thing that stands upright.
        direction: one of DIRECTIONS, on the table; the way that it falls.

    Returns:
        A motion of three attempts at most. It succeeds where the own z axis of the thing ends more than 72 deg off the
        vertical.
    """
    unit = np.array(DIRECTIONS[direction])[:2]
    for _ in range(3):

        def approach(now: State) -> tuple[Array, float]:
            return _behind(now, entity, unit, 0.025, float(Solid.of(now, entity).top) - 0.012)

        state, _ = yield from hover(state, approach, _fork(state), tolerance=0.012)
        # Up as well: soft fingers would hold the near edge down.
        yaw, goal = gripper_yaw(state), here(state) + np.append(unit * 0.14, 0.05)

        def down(now: State) -> bool:
            return abs(float(Solid.of(now, entity).axes[2, 2])) < 0.3

        # Slowly: what is hit slides off ahead of the fingers and does not tip.
        state, _ = yield from servo(
            state,
            lambda _, g=goal, y=yaw: (g, y),  # type: ignore[misc]
            _fork(state),
            limit=20,
            speed=_TIPPING,
            until=down,
        )
        state, _ = yield from part(state, entity, OPEN)
        # It takes a moment to fall, and what rolls may come back under the gripper.
        state, _ = yield from hold_still(state, OPEN, 4)
        state, _ = yield from part(state, entity, OPEN)
        if down(state):
            return state, True
    return state, False


@primitive
def flick(
    state: State,
    entity: Name,
    to: Name | None = None,
    direction: Direction = "away",
    distance: Length = 0.12,
    ahead: Length = 0.10,
    glide: Length = 0.0,
) -> Motion:
    """Push an entity fast over a distance, toward another one or in a direction, and stop.

    It glides on by itself while the gripper goes up. The gripper's goal is `ahead` of it: the farther, the faster.
    Where it came to rest sooner than after a glide of `glide`, it is pushed again, twice at most.

    Args:
        state: now; no batch shape.
        entity: what is pushed.
        to: the entity toward which it is pushed; takes precedence over `direction`.
        direction: one of DIRECTIONS, on the table.
        distance: m over which the fingers push.
        ahead: m from the gripper to its goal, which moves on with it.
        glide: m that the entity has to go on by itself.

    Returns:
        A motion. It succeeds where the entity has glided so far.
    """
    for _ in range(_FLICKS):
        state, _ = yield from _flick(state, entity, to, direction, distance, ahead)
        if float(state.entity(entity, "free_distance")) >= glide:
            return state, True
    return state, False


def _flick(state: State, entity: str, to: str | None, direction: str, distance: float, ahead: float) -> Motion:
    unit = np.array(DIRECTIONS[direction])[:2]
    if to is not None:
        way = Solid.of(state, to).position[:2] - Solid.of(state, entity).position[:2]
        unit = way / float(np.linalg.norm(way))
    height = min(_push_height(state, entity), float(state.robot("table_height")) + tip_of(state) + 0.002)

    def approach(now: State) -> tuple[Array, float]:
        return _behind(now, entity, unit, 0.03, height)

    state, _ = yield from hover(state, approach, _fork(state), tolerance=0.012)
    begin, yaw = here(state).copy(), gripper_yaw(state)

    def onward(now: State) -> tuple[Array, float]:
        run = float((here(now) - begin)[:2] @ unit)
        return begin + np.append(unit * (run + ahead), 0.0), yaw

    stood = Solid.of(state, entity).position[:2].copy()

    def gone(now: State) -> bool:
        # What runs ahead of the fingers is not to be caught up with.
        solid = Solid.of(now, entity)
        off = float((solid.position - here(now))[:2] @ unit) - float(solid.reach(*unit)) - finger_half(now)
        away = float((solid.position[:2] - stood) @ unit) > 0.9 * distance and off > _RUNS
        return away or float((here(now) - begin)[:2] @ unit) > distance + 0.03

    state, _ = yield from servo(state, onward, _fork(state), limit=12, until=gone)
    state, _ = yield from part(state, entity, _fork(state), gap=0.09)
    position = here(state).copy()
    for i in range(20):
        if i > 3 and float(np.linalg.norm(state.entity(entity, "velocity"))) < 0.01:
            break
        state = yield act(state, position, None, _fork(state))
    return state, True


@primitive
def press(state: State, entity: Name) -> Motion:
    """Press a button down with the closed fingers; then go up."""

    def top(now: State) -> Array:
        return Solid.of(now, entity).world(now.entity(entity, "grasp"))

    state, _ = yield from hover(state, lambda now: (top(now) + 0.03 * _UP, None), CLOSED, tolerance=0.012)

    def pressed(now: State) -> bool:
        return float(now.entity(entity, "fraction")) > 0.9

    state, ok = yield from servo(state, lambda now: (top(now) - 0.03 * _UP, None), CLOSED, limit=15, until=pressed)
    state, _ = yield from straight(state, here(state) + 0.06 * _UP, None, CLOSED, tolerance=0.02, limit=10)
    return state, ok


@primitive
def open_(state: State, entity: Name, distance: Length = 0.14) -> Motion:
    """Take a drawer by its handle, pull it out, let go and go up.

    Args:
        state: now; no batch shape.
        entity: a drawer.
        distance: m that the gripper draws the handle out, at most.

    Returns:
        A motion of three attempts at most. It succeeds where the drawer's joint fraction is then above 0.85.
    """
    ok = False
    for _ in range(3):
        state, held = yield from grasp(state, entity)
        if held:
            out = -Solid.of(state, entity).axes[:, 0] * distance
            goal, yaw = here(state) + out, gripper_yaw(state)

            def done(now: State) -> bool:
                return float(now.entity(entity, "fraction")) > 0.97

            state, ok = yield from servo(state, lambda _, g=goal, y=yaw: (g, y), CLOSED, limit=30, until=done)  # type: ignore[misc]
            ok = ok and float(state.entity(entity, "fraction")) > 0.85
        state, _ = yield from hold_still(state, width_command(state, 0.030), 2)
        state, _ = yield from straight(
            state, here(state) + 0.07 * _UP, None, width_command(state, 0.030), tolerance=0.02, limit=10
        )
        if ok:
            return state, True
    return state, False


@primitive
def close(state: State, entity: Name) -> Motion:
    """Push a drawer shut by its handle with the closed fingers; then go up."""

    def handle(now: State, gap: float) -> tuple[Array, float]:
        solid = Solid.of(now, entity)
        point = solid.world(now.entity(entity, "grasp")) - solid.axes[:, 0] * (0.006 + finger_half(now) + gap)
        return point, yaw_for(solid.axes[:2, 1], now)

    state, _ = yield from hover(state, lambda now: handle(now, 0.02), _fork(state), tolerance=0.01)

    def shut(now: State) -> bool:
        return float(now.entity(entity, "fraction")) < 0.02

    state, ok = yield from servo(state, lambda now: handle(now, -0.04), _fork(state), limit=40, until=shut)
    state, _ = yield from straight(state, here(state) + 0.07 * _UP, None, OPEN, tolerance=0.02, limit=10)
    return state, ok


@primitive
def wait(state: State, steps: Count = 5) -> Motion:
    """Stay where the gripper is, open."""
    return (yield from hold_still(state, OPEN, int(steps)))
