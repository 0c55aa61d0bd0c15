"""The shape in which something deformable starts: beads at the nodes of a grid, in the plane."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt

from tabletop.errors import TabletopError
from tabletop.sim.scene import Entity

__all__ = ["bends", "box", "footprint", "heading", "rest", "spacing"]

Array = npt.NDArray[np.float64]

_ROOM: Final = 1.05
"""Least distance of neighbouring beads' middles in diameters: they must not touch."""


def spacing(entity: Entity, grid: tuple[int, int]) -> tuple[float, float]:
    """Return the distance (m) of neighbouring beads along the entity's own x and y; 0 where there is one.

    Raises:
        TabletopError: the beads have no room.
    """
    w, d, h = entity.size
    out = tuple((s - h) / (n - 1) if n > 1 else 0.0 for s, n in zip((w, d), grid, strict=True))
    if any(n > 1 and step < _ROOM * h for step, n in zip(out, grid, strict=True)):
        raise TabletopError(
            f"{entity.kind} {entity.name!r}: {grid[0]} x {grid[1]} beads of {h:g} m do not fit into {w:g} x {d:g} m"
        )
    return out[0], out[1]


def bends(grid: tuple[int, int], curl: Callable[[], float], rng: np.random.Generator) -> tuple[float, ...]:
    """Draw the turns (rad) between the links of a rope: two arcs, each of a curl (deg) that is drawn, to either side.
    A cloth has none.

    Args:
        grid: (n, m) nodes along its own x and y.
        curl: draws a curl, deg; called twice.
        rng: draws the sides.

    Returns:
        (n - 2,), rad; () for a cloth.
    """
    joints = grid[0] - 2 if grid[1] == 1 else 0
    halves = [math.radians(curl()) * rng.choice((-1.0, 1.0)) for _ in range(2)]
    return tuple(float(halves[2 * i // joints]) / (joints / 2) for i in range(joints))


def rest(entity: Entity, grid: tuple[int, int]) -> tuple[Array, Array]:
    """Return the nodes (n, m, 3), m, and the yaw (n, m), rad, of their beads, in the entity's own frame.

    The origin is the middle of the box around the beads, and x runs from the first node, or row of them, to
    the last.

    Raises:
        TabletopError: the beads have no room, or it takes another number of bends.
    """
    (n, m), (along, across) = grid, spacing(entity, grid)
    if len(entity.bends) not in ({0, n - 2} if m == 1 else {0}):
        raise TabletopError(
            f"{entity.kind} {entity.name!r} takes {n - 2 if m == 1 else 0} bends, got {len(entity.bends)}"
        )
    turns = entity.bends or [0.0] * (n - 2)
    yaw = np.cumsum([0.0, *turns, 0.0])
    steps = along * np.stack([np.cos(yaw), np.sin(yaw)], axis=-1)
    line = np.concatenate([np.zeros((1, 2)), np.cumsum(steps[:-1], axis=0)])
    chord = math.atan2(*(line[-1] - line[0])[::-1])
    c, s = math.cos(chord), math.sin(chord)
    line, yaw = line @ np.array([[c, -s], [s, c]]), yaw - chord
    nodes = np.zeros((n, m, 3))
    nodes[..., :2] = line[:, None]
    nodes[..., 1] += across * np.arange(m)
    nodes -= (nodes.min(axis=(0, 1)) + nodes.max(axis=(0, 1))) / 2
    return nodes, np.repeat(yaw[:, None], m, axis=1)


def box(nodes: Array, thickness: float, yaw: float) -> tuple[Array, Array]:
    """Return the middle (3,), world, and the extents (3,), in a frame of that yaw, of the box around beads.

    Args:
        nodes: (n, m, 3), m, world.
        thickness: of the beads, m.
        yaw: rad.
    """
    c, s = math.cos(yaw), math.sin(yaw)
    turn = np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
    own = nodes.reshape(-1, 3) @ turn
    low, high = own.min(axis=0), own.max(axis=0)
    return turn @ ((low + high) / 2), high - low + thickness


def heading(nodes: Array) -> float:
    """Return the horizontal direction (rad) from the first node, or the middle of the first row, to the last."""
    x, y = (nodes[-1] - nodes[0]).mean(axis=0)[:2]
    return math.atan2(y, x)


def footprint(entity: Entity, grid: tuple[int, int]) -> tuple[float, float]:
    """Return half of the extents (2,) along the entity's own x and y in the shape in which it starts, m."""
    _, extents = box(rest(entity, grid)[0], entity.size[2], 0.0)
    return float(extents[0]) / 2, float(extents[1]) / 2
