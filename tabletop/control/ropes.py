"""Primitives that give a rope a shape: look at how it lies, draw an end to where it belongs, and look again."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from tabletop.control.grasps import yaw_for
from tabletop.control.motion import Array, Motion, here
from tabletop.control.pinching import REACH, follow, line, pinch_node, rise, within
from tabletop.control.primitive import Name, primitive
from tabletop.logic.predicate import get_predicate
from tabletop.sim.state import State

__all__ = ["bend", "straighten"]

_ROUNDS: Final = 4
"""Ends that are drawn before it is given up."""
_ASIDE: Final = 0.10
"""m of room that count as much as a radian between the way an end points and the way it is drawn."""
_TAUT: Final = 0.01
"""m that an arm of an L is drawn beyond its length, for its slack to come out."""


def _margin(state: State, entity: str, name: str) -> float:
    predicate = get_predicate(name)
    return float(predicate.margin(state, state, predicate.bind((entity,))))


def _line(state: State, entity: str) -> Array:
    """Return the nodes of a rope as seen from above, (n, 2), m, world."""
    return np.asarray(state.nodes(entity)[:, 0, :2])


def _draw(state: State, entity: str, end: int, to: Array, name: str, enough: float) -> Motion:
    """Pinch an end (0 or -1), draw it to a point (2,) or until the predicate holds by a margin, and let go."""
    state, ok = yield from pinch_node(state, entity, (end % state.layout.grid(entity)[0], 0))
    if not ok:
        return state, False
    start = here(state).copy()
    goal = within(np.array([to[0], to[1], start[2] + 0.004]))
    way = (goal - start)[:2]
    # The rope's next beads follow through the gap between the fingers.
    yaw = yaw_for(np.array([-way[1], way[0]]), state)
    state, ok = yield from follow(
        state, entity, line(start, goal), lambda now: _margin(now, entity, name) > enough, yaw
    )
    state, _ = yield from rise(state)
    return state, ok


def _room(point: Array, unit: Array) -> float:
    """Return how far (m) a point (2,) can go in a direction (2,) before the end of the reach."""
    ways = [
        ((high if u > 0 else low) - x) / u
        for x, u, (low, high) in zip(point, unit, REACH, strict=True)
        if abs(u) > 1e-6
    ]
    return max(0.0, min(ways))


@primitive
def straighten(state: State, entity: Name) -> Motion:
    """Draw an end of a rope away from the other one until it is straight; where there is no room, the other end."""
    for _ in range(_ROUNDS):
        if _margin(state, entity, "straight") > 0.0:
            return state, True
        points = _line(state, entity)
        length = float(np.linalg.norm(np.diff(points, axis=0), axis=1).sum())
        options = []
        for end in (0, -1):
            chord = points[end] - points[-1 - end]
            ahead = math.atan2(chord[1], chord[0])
            for turn in np.radians([-60, -30, 0, 30, 60]):
                unit = np.array([math.cos(ahead + turn), math.sin(ahead + turn)])
                way = min(_room(points[end], unit), length)
                options.append((way - _ASIDE * abs(turn), end, points[end] + way * unit))
        _, end, to = max(options, key=lambda o: o[0])
        state, _ = yield from _draw(state, entity, end, to, "straight", 0.01)
    return state, _margin(state, entity, "straight") > 0.0


def _corner(points: Array) -> tuple[Array, Array]:
    """Return where the ends of a rope (n, 2) belong, (2, 2), for it to be an L about the middle it has: of all
    turns and both ways to bend, within reach, the one that its nodes are nearest to."""
    n = len(points)
    length = float(np.linalg.norm(np.diff(points, axis=0), axis=1).sum())
    along = np.linspace(-0.5, 0.5, n)[:, None] * length
    middle = (points[(n - 1) // 2] + points[n // 2]) / 2
    best: tuple[float, Array, Array] | None = None
    for angle in np.arange(0.0, 2 * math.pi, math.pi / 18):
        ahead = np.array([math.cos(angle), math.sin(angle)])
        for side in (np.array([-ahead[1], ahead[0]]), np.array([ahead[1], -ahead[0]])):
            ends = middle + (0.5 * length + _TAUT) * np.stack([side, ahead])
            out = sum(float(np.linalg.norm(within(np.array([*e, 0.0]))[:2] - e)) for e in ends)
            model = middle + np.where(along < 0, -along * side, along * ahead)
            score = float(((points - model) ** 2).sum(axis=1).mean()) + out
            if best is None or score < best[0]:
                best = score, ends, model
    assert best is not None
    return best[1], best[2]


@primitive
def bend(state: State, entity: Name) -> Motion:
    """Draw the ends of a rope apart to where they belong for it to be an L about its middle."""
    for _ in range(_ROUNDS):
        if _margin(state, entity, "l_shaped") > 0.0:
            return state, True
        points = _line(state, entity)
        ends, model = _corner(points)
        half = len(points) // 2
        off = ((points - model) ** 2).sum(axis=1)
        end = 0 if off[:half].sum() > off[half:].sum() else -1
        state, _ = yield from _draw(state, entity, end, ends[end], "l_shaped", 0.003)
    return state, _margin(state, entity, "l_shaped") > 0.0
