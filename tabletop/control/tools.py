"""Primitives that bring a certain end of what is held to a place: insert, strike, wield."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import numpy as np

from tabletop.control.handling import holds
from tabletop.control.joints import path
from tabletop.control.motion import (
    CLOSED,
    Array,
    Motion,
    act,
    finger_half,
    gripper_yaw,
    here,
    hover,
    servo,
    straight,
    tip_of,
)
from tabletop.control.primitive import Length, Name, primitive
from tabletop.errors import TabletopError
from tabletop.logic.geometry import Solid, wrap
from tabletop.sim.card_parts import number
from tabletop.sim.cards import load_cards
from tabletop.sim.state import State

__all__ = ["insert", "strike", "wield"]

_FREE: Final = 0.022
"""m left before what is gone for, on arrival."""
_BESIDE: Final = 0.018
"""m between a finger and what a held stick pushes."""
_BEND: Final = 0.4
"""Tangent of the angle by which a stick's side may turn from where it first faced."""


def _heading(vector: Array) -> float:
    return math.atan2(float(vector[1]), float(vector[0]))


_Point = Callable[[State], Array]
_Goal = Callable[[State], tuple[Array, float]]


def _bring(tip: _Point, to: _Point, along: _Point, wanted: _Point) -> _Goal:
    """Return the gripper's goal at which a point of what is held is at a place, turned as it should be.

    Args:
        tip: that point (3,), m, world.
        to: the place (3,), m, world.
        along: a direction (3,) of what is held.
        wanted: the direction (3,) that this should have, seen from above.
    """

    def goal(now: State) -> tuple[Array, float]:
        turn = float(wrap(np.array(_heading(wanted(now)) - _heading(along(now)))))
        # The tip swings with the turn: where it will be counts.
        arm = tip(now) - here(now)
        cos, sin = math.cos(turn), math.sin(turn)
        swung = np.array([cos * arm[0] - sin * arm[1], sin * arm[0] + cos * arm[1], arm[2]])
        return to(now) - swung, gripper_yaw(now) + turn

    return goal


def _low(state: State, entity: str) -> float:
    """Return how far (m) the bottom of what is held lies below the gripper's centre."""
    return max(tip_of(state), float(here(state)[2] - Solid.of(state, entity).bottom))


def _arrive(state: State, entity: str, goal: _Goal) -> Motion:
    """Bring what is held over all else to a goal, first roughly, then well."""
    state, _ = yield from hover(state, goal, CLOSED, low=_low(state, entity), held=(entity,), tolerance=0.010)
    return (yield from servo(state, goal, CLOSED, tolerance=0.005, limit=15))


@primitive
def insert(state: State, entity: Name, into: Name, depth: Length = 0.04) -> Motion:
    """Put the far end of what is held, by its longest side, into the hole along another entity's x axis.

    The hole is entered from the robot's side, as deep as asked for.

    Args:
        state: now, with the entity held near one end; no batch shape.
        entity: what is held.
        into: the entity with the hole, which runs along its own x axis.
        depth: m from the entry of the hole to the far end of what is held.

    Returns:
        A motion. It succeeds where the end gets so deep, and what is held is still held.
    """

    def out(now: State) -> Array:
        axis = Solid.of(now, into).axes[:, 0]
        return np.asarray(axis if axis[0] > 0 else -axis)

    def rod(now: State) -> Array:
        solid = Solid.of(now, entity)
        axis = solid.axes[:, int(np.argmax(solid.half))]
        # From the gripper to the free end.
        return np.asarray(axis if axis @ (solid.position - here(now)) > 0 else -axis)

    def tip(now: State) -> Array:
        solid = Solid.of(now, entity)
        return np.asarray(solid.position + rod(now) * float(np.max(solid.half)))

    def entry(now: State, deep: float) -> Array:
        solid = Solid.of(now, into)
        return np.asarray(solid.position + out(now) * (deep - float(solid.half[0])))

    before = _bring(tip, lambda now: entry(now, -_FREE), rod, out)
    inside = _bring(tip, lambda now: entry(now, depth), rod, out)
    state, _ = yield from _arrive(state, entity, before)
    state, ok = yield from servo(state, inside, CLOSED, tolerance=0.006, limit=20, speed=0.6)
    return state, ok and holds(state, entity)


@primitive
def strike(state: State, entity: Name, at: Name) -> Motion:
    """Drive a fixture's joint on along its path with the head of the held tool; then back off.

    Args:
        state: now, with the tool held; no batch shape.
        entity: the tool; its card's last part is its head.
        at: a fixture with a joint.

    Returns:
        A motion. It succeeds where the joint's fraction gets above 0.86 and the tool is still held.

    Raises:
        TabletopError: `at` has no joint; raised as the motion begins.
    """
    card = load_cards()[state.layout.kind(entity)]
    if state.layout.body_type(at) != "joint":
        raise TabletopError(f"only what has a joint can be driven, {at!r} is {state.layout.body_type(at)}")
    size = dict(zip(("w", "d", "h"), (float(s) for s in state.entity(entity, "size")), strict=True))
    # Cards list a tool's head last; it strikes with its end along x.
    head = np.array([number(v, size) for v in card.parts[-1].at])
    half = number(card.parts[-1].size[0], size) / 2

    def face(now: State) -> Array:
        axis = Solid.of(now, entity).axes[:, 0]
        return np.asarray(axis if axis @ path(now, at, 1.0) > 0 else -axis)

    def tip(now: State) -> Array:
        return np.asarray(Solid.of(now, entity).world(head) + half * face(now))

    def nail(now: State, ahead: float) -> Array:
        return np.asarray(Solid.of(now, at).world(now.entity(at, "grasp")) + ahead * path(now, at, 1.0))

    def way(now: State) -> Array:
        return path(now, at, 1.0)

    def driven(now: State) -> bool:
        # At its stop the tool would be pushed out of the fingers.
        return float(now.entity(at, "fraction")) > 0.86

    before = _bring(tip, lambda now: nail(now, -_FREE), face, way)
    through = _bring(tip, lambda now: nail(now, 0.012), face, way)
    state, _ = yield from _arrive(state, entity, before)
    state, ok = yield from servo(state, through, CLOSED, tolerance=0.002, limit=40, until=driven)
    back = here(state) - 0.03 * path(state, at, 1.0)
    state, _ = yield from straight(state, back, None, CLOSED, tolerance=0.012, limit=6)
    return state, ok and holds(state, entity)


@primitive
def wield(state: State, entity: Name, what: Name, to: Name) -> Motion:
    """Push something to another entity with the side of a stick that is held by one end; then back off and go up.

    The hand stays beside what is pushed, so that only the stick touches it. Its way is watched: the stick's side faces
    where it has yet to go, and stops when it is there.

    Args:
        state: now, with the stick held by one end; no batch shape.
        entity: the stick.
        what: what is pushed along the table.
        to: the entity whose centre it is pushed to.

    Returns:
        A motion. It succeeds where the centre of what is pushed ends within 3 cm of it and the stick is still held.
    """

    def rest(now: State) -> Array:
        way = Solid.of(now, to).position - Solid.of(now, what).position
        return np.array([way[0], way[1], 0.0])

    def rod(now: State) -> Array:
        out = Solid.of(now, entity).position - here(now)
        return np.array([out[0], out[1], 0.0]) / max(float(np.hypot(out[0], out[1])), 1e-6)

    solid, pushed = Solid.of(state, entity), Solid.of(state, what)
    unit = rest(state) / max(float(np.linalg.norm(rest(state))), 1e-6)
    # The hand keeps to the side on which it is.
    side = math.copysign(1.0, float(np.cross(unit, rod(state))[2]))
    radius = float(np.max(pushed.half[:2]))
    beside = radius + finger_half(state) + _BESIDE
    apart = radius + float(np.sort(solid.half)[1])
    low = float(state.robot("table_height")) + _low(state, entity) + 0.003

    def across(now: State) -> Array:
        # The side faces the goal, as long as that is ahead.
        ahead = rest(now) if float(rest(now) @ unit) > 0.02 else unit
        ahead = ahead / float(np.linalg.norm(ahead))
        bend = min(max(float(np.cross(unit, ahead)[2]), -_BEND), _BEND)
        facing = unit + bend * np.array([-unit[1], unit[0], 0.0])
        facing /= float(np.linalg.norm(facing))
        return side * np.array([-facing[1], facing[0], 0.0])

    def behind(now: State, ahead: float) -> tuple[Array, float]:
        axis = across(now)
        facing = side * np.array([axis[1], -axis[0], 0.0])
        at = Solid.of(now, what).position + (ahead - apart) * facing - beside * axis
        turn = float(wrap(np.array(_heading(axis) - _heading(rod(now)))))
        return np.array([at[0], at[1], low]), gripper_yaw(now) + turn

    state, _ = yield from _arrive(state, entity, lambda now: behind(now, -_FREE))
    lost = 0
    for _ in range(40):
        remaining = float(rest(state) @ unit)
        lost = 0 if holds(state, entity) else lost + 1
        if remaining < 0.006 or lost > 3:
            break
        goal, yaw = behind(state, min(0.03, 0.010 + 0.5 * remaining))
        state = yield act(state, goal, yaw, CLOSED, speed=0.6)
    done = float(np.linalg.norm(rest(state))) < 0.03
    back = here(state) - 0.03 * unit
    state, _ = yield from straight(state, back, gripper_yaw(state), CLOSED, tolerance=0.015, limit=4)
    return state, holds(state, entity) and done
