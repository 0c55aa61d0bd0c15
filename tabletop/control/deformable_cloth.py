"""Primitives for ropes and cloths: pinch an end or a corner between the fingers, tow, fold, drape."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from tabletop.control.deformable_pinching import Node, corners, follow, hold, line, node_at, pinch_node, rise, within
from tabletop.control.grasps import yaw_for
from tabletop.control.motion import Array, Motion, here, servo
from tabletop.control.primitive import Direction, Length, Name, primitive
from tabletop.logic.predicate import DIRECTIONS
from tabletop.sim.state import State

__all__ = ["drape", "fold", "pinch", "tow", "unpinch"]

_BEYOND: Final = 0.008
"""m that a corner is carried beyond another: it springs back."""
_ARC: Final = 0.3
"""Height of the arc over which it is carried, in lengths of the way."""
_UP: Final = np.array([0.0, 0.0, 1.0])


def _held_node(state: State, entity: str) -> Node:
    return min(corners(state, entity), key=lambda k: float(np.linalg.norm(node_at(state, entity, k) - here(state))))


@primitive
def unpinch(state: State) -> Motion:
    """Open the fingers no wider than it takes, and go up."""
    return (yield from rise(state))


@primitive
def pinch(state: State, entity: Name, direction: Direction | None = None, to: Name | None = None) -> Motion:
    """Take a rope by an end, a cloth by a corner: the nearest, the farthest in a direction, or the nearest to
    another entity.

    Args:
        state: now; no batch shape.
        entity: a rope or a cloth.
        direction: one of DIRECTIONS; without it and `to`, the gripper decides what is nearest.
        to: another entity; takes precedence over `direction`.

    Returns:
        A motion of three attempts at most. It succeeds where both fingers press on it.
    """
    if to is not None:
        goal = state.entity(to, "position")
    elif direction is not None:
        goal = state.entity(entity, "position") + 10.0 * np.array(DIRECTIONS[direction])
    else:
        goal = here(state)
    node = min(corners(state, entity), key=lambda k: float(np.linalg.norm((node_at(state, entity, k) - goal)[:2])))
    return (yield from pinch_node(state, entity, node))


@primitive
def tow(state: State, entity: Name, direction: Direction, distance: Length = 0.10) -> Motion:
    """Draw what is pinched along the table until the middle of the whole has come that far.

    Args:
        state: now, with an end or a corner between the fingers; no batch shape.
        entity: the rope or cloth.
        direction: one of DIRECTIONS, on the table.
        distance: m that its middle is to come that way.

    Returns:
        A motion. It fails where the hold is lost on the way.
    """
    unit = np.array(DIRECTIONS[direction])
    start, first = here(state).copy(), state.entity(entity, "position").copy()

    def there(now: State) -> bool:
        way = now.entity(entity, "position") - first
        along = float(way @ unit)
        return along > distance and float(np.linalg.norm((way - along * unit)[:2])) < 0.7 * along

    # In line with the middle, so that the whole swings in behind the hand and not aside.
    far = first + max(0.0, float((start - first) @ unit)) * unit + 0.45 * unit
    far[2] = start[2]
    far = within(far)
    yaw = yaw_for(np.array([-unit[1], unit[0]]), state)
    return (yield from follow(state, entity, line(start, far + 0.004 * _UP), there, lambda _: yaw))


def _bring(state: State, entity: str, node: Node, to: Node) -> Motion:
    """Pinch a corner, carry it in an arc over another and a little beyond, let go of it there and rise."""
    state, ok = yield from pinch_node(state, entity, node)
    if not ok:
        return state, False
    start, fold = here(state).copy(), node_at(state, entity, to) - node_at(state, entity, node)
    beyond = _BEYOND * fold / max(1e-6, float(np.linalg.norm(fold)))
    height = start[2] + float(state.entity(entity, "size")[2])

    def over(now: State) -> tuple[Array, None]:
        # The corner below slides when the cloth is drawn over it, and the bead in the fingers is off their middle.
        at = here(now) + node_at(now, entity, to) - node_at(now, entity, node) + beyond
        return np.array([at[0], at[1], height]), None

    path = line(start, over(state)[0], _ARC * float(np.linalg.norm(fold)))
    state, ok = yield from follow(state, entity, path)
    if ok:
        state, _ = yield from servo(state, over, hold(state), tolerance=0.008, limit=4)
    state, _ = yield from rise(state)
    return state, ok


@primitive
def fold(state: State, entity: Name) -> Motion:
    """Bring a corner of a cloth onto the opposite one: the nearer of the first and the last node.

    Beads' arms fold flat along the crease between the other two corners, and not along the one across.
    """
    n, m = state.layout.grid(entity)
    ends = ((0, 0), (n - 1, m - 1))
    node = min(ends, key=lambda k: float(np.linalg.norm(node_at(state, entity, k) - here(state))))
    return (yield from _bring(state, entity, node, (n - 1 - node[0], m - 1 - node[1])))


@primitive
def drape(state: State, entity: Name, over: Name) -> Motion:
    """Carry the pinched corner of a cloth over an entity and beyond, so that its middle comes to lie on it.

    Args:
        state: now, with a corner between the fingers; no batch shape.
        entity: the cloth.
        over: what it is to lie on.

    Returns:
        A motion, which does not let go. It fails where the hold is lost on the way.
    """
    held = _held_node(state, entity)
    n, m = state.layout.grid(entity)
    opposite = (n - 1 - held[0], m - 1 - held[1])
    diagonal = float(np.linalg.norm(node_at(state, entity, held) - node_at(state, entity, opposite)))
    target = state.entity(over, "position").copy()
    start = here(state).copy()
    way = target - state.entity(entity, "position")
    unit = np.array([way[0], way[1], 0.0]) / max(1e-6, math.hypot(way[0], way[1]))
    high = start + (0.05 + float(state.entity(over, "size")[2])) * _UP
    end = target + 0.5 * diagonal * unit
    end[2] = high[2]
    low = end.copy()
    low[2] = start[2] + 0.01
    path = [*line(start, high), *line(high, end), *line(end, low)]
    return (yield from follow(state, entity, path))
