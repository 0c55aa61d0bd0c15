"""Primitives for ropes and cloths: pinch a node between the fingers and bring it along a path."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Final

import numpy as np

from tabletop.control.grasps import yaw_for
from tabletop.control.handling import holds
from tabletop.control.motion import TIP, Array, Motion, act, here, hold_still, hover, servo, width_command
from tabletop.control.primitive import Direction, Length, Name, primitive
from tabletop.logic.predicate import DIRECTIONS
from tabletop.sim.state import State

__all__ = ["drape", "fold", "pinch", "tow", "unpinch"]

_Node = tuple[int, int]

_GRIP: Final = width_command(0.044)
"""Wide enough to come down around a bead, too narrow to come down on the next one."""
_HOLD: Final = width_command(0.0115)
"""Beads are 15 to 17 mm wide: a harder squeeze pops them out sideways."""
_LOW: Final = TIP
"""m from the table up to the gripper's middle: the tips clear it."""
_STRIDE: Final = 0.022
"""m that a path goes on in one control step."""
_REACH: Final = ((0.31, 0.69), (-0.36, 0.36))
_UP: Final = np.array([0.0, 0.0, 1.0])


def _corners(state: State, entity: str) -> list[_Node]:
    """Return the ends of a rope or the corners of a cloth."""
    n, m = state.layout.grid(entity)
    return [(i, j) for i in (0, n - 1) for j in sorted({0, m - 1})]


def _at(state: State, entity: str, node: _Node) -> Array:
    return np.asarray(state.nodes(entity)[node])


def _held_node(state: State, entity: str) -> _Node:
    return min(_corners(state, entity), key=lambda k: float(np.linalg.norm(_at(state, entity, k) - here(state))))


def _across(state: State, entity: str, node: _Node) -> Array:
    """Return the horizontal direction (2,) in which the fingers close on a node: across what leads away from it."""
    nodes = state.nodes(entity)
    m = nodes.shape[1]
    i, j = node
    inner = nodes[i + (1 if i == 0 else -1), j] - nodes[i, j]
    if m > 1:
        inner = inner + nodes[i, j + (1 if j == 0 else -1)] - nodes[i, j]
    return np.array([-inner[1], inner[0]])


def _pinch(state: State, entity: str, node: _Node) -> Motion:
    """Come down around a node and close the fingers; three attempts."""
    floor = float(state.robot("table_height")) + _LOW
    for _ in range(3):
        yaw = yaw_for(_across(state, entity, node), state)

        def goal(now: State, rise: float = 0.0, yaw: float = yaw) -> tuple[Array, float]:
            x, y, z = _at(now, entity, node)
            return np.array([x, y, max(z, floor) + rise]), yaw

        state, _ = yield from hover(state, lambda now: goal(now, 0.035), _GRIP, held=(entity,), tolerance=0.015)
        state, _ = yield from servo(state, goal, _GRIP, tolerance=0.0025, limit=15)
        position = here(state).copy()
        for _ in range(5):
            state = yield act(state, position, None, _HOLD)
            if holds(state, entity):
                break
        if holds(state, entity):
            state = yield act(state, position, None, _HOLD)
            return state, True
        state, _ = yield from _rise(state)
    return state, False


def _rise(state: State) -> Motion:
    """Open the fingers and go up."""
    state, _ = yield from hold_still(state, _GRIP, 2)
    goal = here(state) + 0.06 * _UP
    return (yield from servo(state, lambda _: (goal, None), _GRIP, tolerance=0.02, limit=10))


def _follow(
    state: State,
    entity: str,
    path: Iterable[Array],
    until: Callable[[State], bool] | None = None,
    yaw: float | None = None,
) -> Motion:
    """Bring what is pinched along points (3,), turned to a yaw; stop at the last one, or when told."""
    point = here(state).copy()
    for point in path:
        if not holds(state, entity):
            return state, False
        if until is not None and until(state):
            return state, True
        state = yield act(state, point + 0.4 * (point - here(state)), yaw, _HOLD)
    state, _ = yield from servo(state, lambda _: (point, yaw), _HOLD, tolerance=0.006, limit=12, until=until)
    return state, holds(state, entity)


def _line(start: Array, end: Array, arc: float = 0.0) -> list[Array]:
    """Return the points of a straight path, raised in the middle by `arc` (m)."""
    count = max(2, math.ceil((float(np.linalg.norm(end - start)) + arc) / _STRIDE))
    shares = np.arange(1, count + 1) / count
    return [start + u * (end - start) + arc * math.sin(math.pi * u) * _UP for u in shares]


@primitive
def unpinch(state: State) -> Motion:
    """Open the fingers no wider than it takes, and go up."""
    return (yield from _rise(state))


@primitive
def pinch(state: State, entity: Name, direction: Direction | None = None, to: Name | None = None) -> Motion:
    """Take a rope by an end, a cloth by a corner: the nearest, the farthest in a direction, or the nearest to
    another entity."""
    if to is not None:
        goal = state.entity(to, "position")
    elif direction is not None:
        goal = state.entity(entity, "position") + 10.0 * np.array(DIRECTIONS[direction])
    else:
        goal = here(state)
    node = min(_corners(state, entity), key=lambda k: float(np.linalg.norm((_at(state, entity, k) - goal)[:2])))
    return (yield from _pinch(state, entity, node))


@primitive
def tow(state: State, entity: Name, direction: Direction, distance: Length = 0.10) -> Motion:
    """Draw what is pinched along the table until the middle of the whole has come that far."""
    unit = np.array(DIRECTIONS[direction])
    start, first = here(state).copy(), state.entity(entity, "position").copy()

    def there(now: State) -> bool:
        way = now.entity(entity, "position") - first
        along = float(way @ unit)
        return along > distance and float(np.linalg.norm((way - along * unit)[:2])) < 0.7 * along

    # In line with the middle, so that the whole swings in behind the hand and not aside.
    far = first + max(0.0, float((start - first) @ unit)) * unit + 0.45 * unit
    far[2] = start[2]
    far[0] = min(max(far[0], _REACH[0][0]), _REACH[0][1])
    far[1] = min(max(far[1], _REACH[1][0]), _REACH[1][1])
    yaw = yaw_for(np.array([-unit[1], unit[0]]), state)
    return (yield from _follow(state, entity, _line(start, far + 0.004 * _UP), there, yaw))


def _bring(state: State, entity: str, node: _Node, to: _Node) -> Motion:
    """Pinch a corner, carry it in an arc over another, let go of it there and rise."""
    state, ok = yield from _pinch(state, entity, node)
    if not ok:
        return state, False
    start = here(state).copy()
    end = _at(state, entity, to) + (start - _at(state, entity, node))
    end[2] = start[2] + float(state.entity(entity, "size")[2])
    state, ok = yield from _follow(state, entity, _line(start, end, 0.3 * float(np.linalg.norm(end - start))))
    state, _ = yield from _rise(state)
    return state, ok


@primitive
def fold(state: State, entity: Name) -> Motion:
    """Bring a corner of a cloth onto the opposite one: the nearer of the first and the last node.

    Beads' arms fold flat along the crease between the other two corners, and not along the one across.
    """
    n, m = state.layout.grid(entity)
    ends = ((0, 0), (n - 1, m - 1))
    node = min(ends, key=lambda k: float(np.linalg.norm(_at(state, entity, k) - here(state))))
    return (yield from _bring(state, entity, node, (n - 1 - node[0], m - 1 - node[1])))


@primitive
def drape(state: State, entity: Name, over: Name) -> Motion:
    """Carry the pinched corner of a cloth over an entity and beyond, so that its middle comes to lie on it."""
    held = _held_node(state, entity)
    n, m = state.layout.grid(entity)
    diagonal = float(np.linalg.norm(_at(state, entity, held) - _at(state, entity, (n - 1 - held[0], m - 1 - held[1]))))
    target = state.entity(over, "position").copy()
    start = here(state).copy()
    way = target - state.entity(entity, "position")
    unit = np.array([way[0], way[1], 0.0]) / max(1e-6, math.hypot(way[0], way[1]))
    high = start + (0.05 + float(state.entity(over, "size")[2])) * _UP
    end = target + 0.5 * diagonal * unit
    end[2] = high[2]
    low = end.copy()
    low[2] = start[2] + 0.01
    path = [*_line(start, high), *_line(high, end), *_line(end, low)]
    return (yield from _follow(state, entity, path))
