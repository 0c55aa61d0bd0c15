"""How ropes and cloths look: a tube along a line of nodes, a sheet over a grid of them.

Their shape changes from picture to picture, so they are built anew for each, in a simulation of their own: taking
a picture must not touch the physics.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Final

import numpy as np
import numpy.typing as npt

from tabletop.sim.bullet import p

__all__ = ["Drape", "hang", "surfaces"]

Array = npt.NDArray[np.float64]

_SIDES: Final = 8
_FINE: Final = 3
"""Pieces that are drawn between two nodes."""
_THIN: Final = 0.25
"""Half of a sheet's thickness, in diameters of its beads."""
_SHADE: Final = 0.78
"""Factor on the colour of every other piece: strands of a rope, squares of a cloth."""


@dataclass(frozen=True)
class Drape:
    """Something deformable to be drawn."""

    nodes: Array
    """(n, m, 3), m, world."""
    thickness: float
    """m."""
    color: tuple[float, ...]
    """RGBA."""
    label: int
    """In the segmentation."""


def _smooth(points: Array) -> Array:
    """Return a smooth curve through points (n, ...), with _FINE pieces between two (Catmull-Rom)."""
    ends = np.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    a, b, c, d = (ends[i : len(ends) - 3 + i] for i in range(4))
    out = []
    for t in np.arange(_FINE) / _FINE:
        out.append(b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a))))
    curve = np.stack(out, axis=1).reshape(-1, *points.shape[1:])
    return np.concatenate([curve, points[-1:]])


def _unit(vectors: Array) -> Array:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9))


def _tube(line: Array, radius: float) -> tuple[Array, Array]:
    """Return rings of points around a line (n, 3) and their normals, each (n, sides + 1, 3)."""
    ahead = _unit(np.gradient(line, axis=0))
    side = np.cross(ahead, np.where(np.abs(ahead[:, 2:]) < 0.9, [[0.0, 0.0, 1.0]], [[1.0, 0.0, 0.0]]))
    side = _unit(side)
    up = np.cross(side, ahead)
    angle = np.linspace(0, 2 * np.pi, _SIDES + 1)[None, :, None]
    normal = np.cos(angle) * side[:, None] + np.sin(angle) * up[:, None]
    wide = np.full(len(line), radius)
    wide[[0, -1]] = 0.0
    return line[:, None] + wide[:, None, None] * normal, normal


def _quads(n: int, m: int, shaded: npt.NDArray[np.bool_], turned: bool) -> npt.NDArray[np.intp]:
    """Return the triangles (k, 3) of the shaded pieces (n - 1, m - 1) of a grid of n x m points."""
    i, j = np.nonzero(shaded)
    a, b, c, d = i * m + j, (i + 1) * m + j, (i + 1) * m + j + 1, i * m + j + 1
    if turned:
        b, d = d, b
    return np.concatenate([np.stack([a, b, c], axis=-1), np.stack([a, c, d], axis=-1)])


def _faces(drape: Drape) -> Iterator[tuple[Array, Array, npt.NDArray[np.intp], float]]:
    """Yield points, normals, triangles and shade of each piece of a drape; triangles are seen from one side."""
    radius = drape.thickness / 2
    if drape.nodes.shape[1] == 1:
        line = _smooth(drape.nodes[:, 0])
        line = np.concatenate([line[:1] - 0.6 * radius * _unit(line[1:2] - line[:1]), line, line[-1:]])
        line[-1] += 0.6 * radius * _unit(line[-2] - line[-3])
        points, normals = _tube(line, radius)
        n, m = points.shape[:2]
        strands = (np.add.outer(np.arange(n - 1), np.arange(m - 1)) // 2) % 2 == 0
        for shade, part in ((1.0, strands), (_SHADE, ~strands)):
            yield points, normals, _quads(n, m, part, False), shade
        return
    sheet = np.swapaxes(_smooth(np.swapaxes(_smooth(drape.nodes), 0, 1)), 0, 1)
    normals = _unit(np.cross(np.gradient(sheet, axis=0), np.gradient(sheet, axis=1)))
    n, m = sheet.shape[:2]
    squares = np.add.outer(np.arange(n - 1) // _FINE, np.arange(m - 1) // _FINE) % 2 == 0
    for sign in (1.0, -1.0):
        points = sheet + sign * _THIN * drape.thickness * normals
        for shade, part in ((1.0, squares), (_SHADE, ~squares)):
            yield points, sign * normals, _quads(n, m, part, sign < 0), shade


class _Rows:
    """Lists for PyBullet, the same for all pictures.

    It never lets go of a list of vectors, nor of these: each call adds two references to both. New ones for each
    picture would take 0.4 MiB.
    """

    def __init__(self) -> None:
        self.rows: list[list[float]] = []
        self._kept: list[list[float]] = []

    def fill(self, values: Array) -> list[list[float]]:
        """Return vectors (n, 3) as lists."""
        while len(self._kept) < len(values):
            self._kept.append([0.0, 0.0, 0.0])
        self.rows[:] = self._kept[: len(values)]
        for row, value in zip(self.rows, values.tolist(), strict=True):
            row[:] = value
        return self.rows


_VERTICES: Final = _Rows()
_NORMALS: Final = _Rows()
_INDICES: Final[list[int]] = []
_FILLING: Final = Lock()


def surfaces(drape: Drape) -> list[tuple[Array, npt.NDArray[np.intp], tuple[float, ...]]]:
    """Return the pieces of a drape: points (n, 3) in m, world, triangles (k, 3), and colour, RGBA."""
    return [
        (points.reshape(-1, 3), triangles, _shaded(drape.color, shade)) for points, _, triangles, shade in _faces(drape)
    ]


def _shaded(color: tuple[float, ...], shade: float) -> tuple[float, ...]:
    return (*(c * shade for c in color[:3]), color[3])


def hang(drapes: Sequence[Drape], client: int) -> dict[int, int]:
    """Fill a client with what is to be drawn and nothing else; return the label of each body."""
    p.resetSimulation(physicsClientId=client)
    labels = {}
    for drape in drapes:
        for points, normals, triangles, shade in _faces(drape):
            color = list(_shaded(drape.color, shade))
            shape = _mesh(points.reshape(-1, 3), normals.reshape(-1, 3), triangles, color, client)
            labels[p.createMultiBody(0, -1, shape, [0, 0, 0], physicsClientId=client)] = drape.label
    return labels


def _mesh(points: Array, normals: Array, triangles: npt.NDArray[np.intp], color: list[float], client: int) -> int:
    """Return a visual shape of points (n, 3), their normals and triangles (k, 3)."""
    with _FILLING:
        _INDICES[:] = triangles.ravel().tolist()
        shape: int = p.createVisualShape(
            p.GEOM_MESH,
            vertices=_VERTICES.fill(points),
            normals=_NORMALS.fill(normals),
            indices=_INDICES,
            rgbaColor=color,
            physicsClientId=client,
        )
    return shape
