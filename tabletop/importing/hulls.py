"""A mesh as convex hulls, which is what physics touches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tabletop.errors import TabletopError
from tabletop.importing.geometry import trimesh

__all__ = ["Hull", "convex_hulls", "fewer", "hull_of", "inside", "shrunk"]

Array = npt.NDArray[np.float64]

MOST: Final = 16
"""Hulls of a thing at most."""
_CORNERS: Final = 24
"""Corners of a hull at most."""
_ASIDE: Final = 0.15
"""By how much a direction leans from its axis."""
_CONVEX: Final = 0.96
"""Share of its hull's volume that a piece fills to count as convex."""
_PIECES: Final = 400
"""Pieces up to which each is looked at alone."""
_ADDED: Final = 0.05
"""Share of a thing's volume that joining hulls may add, all together, where there are few enough of them."""
_TRIED: Final = 5
"""Hulls, and neighbours of each, that are tried to be joined."""
_SLACK: Final = 1e-3
"""Share of a thing's length that counts as nothing."""
MARGIN: Final = 0.001
"""m that PyBullet adds around each hull."""


class Hull:
    """A convex piece: corners (n, 3), faces (m, 3), and planes (k, 4) whose `a x + b y + c z + d <= 0` is inside."""

    def __init__(self, mesh: Any) -> None:
        """Take a convex mesh of trimesh."""
        self.vertices: Array = np.asarray(mesh.vertices, dtype=float)
        self.faces: npt.NDArray[np.int64] = np.asarray(mesh.faces, dtype=np.int64)
        normals = np.asarray(mesh.face_normals, dtype=float)
        offsets = -np.einsum("ij,ij->i", normals, self.vertices[self.faces[:, 0]])
        # Triangles of one plane say the same; rounding makes their rows equal.
        _, first = np.unique(
            np.round(np.column_stack([normals, offsets / max(np.ptp(self.vertices), 1e-9)]), 5),
            axis=0,
            return_index=True,
        )
        self.planes: Array = np.column_stack([normals, offsets])[np.sort(first)]
        self.volume = float(abs(mesh.volume))


def hull_of(points: Array) -> Hull | None:
    """Return the convex hull of points (n, 3) with few corners; None where they lie in a plane."""
    library = trimesh()
    points = np.unique(np.asarray(points, dtype=float), axis=0)
    if len(points) < 4:
        return None
    try:
        hull = library.convex.convex_hull(points)
        if len(hull.vertices) > _CORNERS:
            hull = library.convex.convex_hull(_extremes(np.asarray(hull.vertices)))
    except Exception:
        # scipy's QhullError: the points are flat.
        return None
    size = float(np.ptp(points, axis=0).max())
    if not abs(hull.volume) > (_SLACK * size) ** 3 * 1e-3 or not len(hull.faces):
        return None
    return Hull(hull)


def _extremes(points: Array) -> Array:
    """Return the points that are farthest along some directions.

    They are four a little aside of each axis, so that a flat end keeps its rim, on which it stands, and the diagonals.
    """
    ways = [[x, y, z] for x in (-1.0, 1.0) for y in (-1.0, 1.0) for z in (-1.0, 1.0)]
    for axis in range(3):
        for end in (-1.0, 1.0):
            for aside in range(4):
                angle = (aside + 0.5) * np.pi / 2
                way = [0.0, 0.0, 0.0]
                way[axis] = end
                way[axis - 1], way[axis - 2] = _ASIDE * np.cos(angle), _ASIDE * np.sin(angle)
                ways.append(way)
    return np.asarray(points[np.unique(np.argmax(points @ np.array(ways).T, axis=0))])


def convex_hulls(vertices: Array, faces: npt.NDArray[np.int64], what: str, most: int = MOST) -> list[Hull]:
    """Return convex hulls that together make up a mesh.

    Pieces that are convex are taken as they are. Others are split by coacd, with a seed of its own.

    Args:
        vertices: (n, 3), in any unit.
        faces: (m, 3).
        what: it is, for the message.
        most: hulls at most.

    Raises:
        TabletopError: it has no volume.
    """
    library = trimesh()
    mesh = library.Trimesh(vertices, faces, process=True)
    hulls = _pieces(mesh)
    if hulls is None:
        hulls = _split(mesh, most)
    if not hulls:
        raise TabletopError(f"{what}: it must have a volume, all of it lies in one plane")
    return fewer(hulls, most)


def fewer(hulls: Sequence[Hull], most: int = MOST) -> list[Hull]:
    """Return hulls of which those inside others are left out, and close ones joined until there are few.

    Args:
        hulls: one or more.
        most: hulls at most.
    """
    left = _without_inner(hulls)
    room = _ADDED * sum(h.volume for h in left)
    while len(left) > 1:
        joined, added = _merged(left)
        room -= max(0.0, added)
        if len(left) <= most and room < 0:
            break
        left = joined
    return sorted(left, key=lambda h: (-round(h.volume, 15), *h.vertices.min(axis=0)))


def _pieces(mesh: Any) -> list[Hull] | None:
    """Return the hulls of a mesh's connected pieces, if each is convex and closed; else None."""
    count = mesh.body_count
    if count > _PIECES:
        return None
    found = []
    for piece in mesh.split(only_watertight=False):
        hull = hull_of(piece.vertices)
        if hull is None:
            continue
        if not piece.is_watertight or not abs(piece.volume) > _CONVEX * abs(piece.convex_hull.volume):
            return None
        found.append(hull)
    return found or None


def _split(mesh: Any, most: int) -> list[Hull]:
    """Return the hulls that coacd finds."""
    whole = hull_of(mesh.vertices)
    if whole is None:
        return []
    if mesh.is_watertight and mesh.volume > _CONVEX * whole.volume:
        return [whole]
    import coacd

    coacd.set_log_level("off")
    if len(mesh.faces) > 20_000:
        mesh = mesh.simplify_quadric_decimation(face_count=20_000)
    parts = coacd.run_coacd(
        coacd.Mesh(np.asarray(mesh.vertices), np.asarray(mesh.faces)),
        threshold=0.06,
        max_convex_hull=most,
        preprocess_mode="auto",
        preprocess_resolution=40,
        resolution=800,
        mcts_nodes=10,
        mcts_iterations=15,
        mcts_max_depth=2,
        max_ch_vertex=_CORNERS,
        seed=0,
    )
    # What it makes of an open mesh is some millimetres larger.
    low, high = mesh.bounds
    return [h for h in (hull_of(np.clip(corners, low, high)) for corners, _ in parts) if h is not None]


def inside(hull: Hull, points: Array, slack: float = 0.0) -> npt.NDArray[np.bool_]:
    """Return which points (n, 3) lie in a hull, or at most `slack` off it."""
    return np.asarray((points @ hull.planes[:, :3].T + hull.planes[:, 3] <= slack).all(axis=1))


def _without_inner(hulls: Sequence[Hull]) -> list[Hull]:
    """Return the hulls that lie in no other one."""
    slack = _SLACK * float(np.ptp(np.vstack([h.vertices for h in hulls]), axis=0).max())
    kept: list[Hull] = []
    for hull in sorted(hulls, key=lambda h: -h.volume):
        if not any(inside(other, hull.vertices, slack).all() for other in kept):
            kept.append(hull)
    return kept


def _merged(hulls: Sequence[Hull]) -> tuple[list[Hull], float]:
    """Return hulls of which a small one and the neighbour that adds the least volume are one, and what that adds."""
    centres = np.array([h.vertices.mean(axis=0) for h in hulls])
    best: tuple[float, int, int, Hull] | None = None
    for small in (int(i) for i in np.argsort([h.volume for h in hulls], kind="stable")[:_TRIED]):
        order = np.argsort(np.linalg.norm(centres - centres[small], axis=1), kind="stable")
        for other in (int(i) for i in order[: _TRIED + 1] if i != small):
            joined = hull_of(np.vstack([hulls[small].vertices, hulls[other].vertices]))
            if joined is None:
                continue
            added = joined.volume - hulls[small].volume - hulls[other].volume
            if best is None or added < best[0]:
                best = added, small, other, joined
    if best is None:
        least = int(np.argmin([h.volume for h in hulls]))
        return [h for i, h in enumerate(hulls) if i != least], 0.0
    return [h for i, h in enumerate(hulls) if i not in best[1:3]] + [best[3]], best[0]


def shrunk(hull: Hull, by: float = MARGIN) -> Hull:
    """Return a hull, in m, made smaller all round, as PyBullet makes it larger by as much.

    What is too thin for that becomes thinner by half.
    """
    from scipy.spatial import HalfspaceIntersection

    centre, room = _middle(hull)
    if room > 1.5 * by:
        planes = hull.planes.copy()
        planes[:, 3] += by
        try:
            corners = HalfspaceIntersection(planes, centre).intersections
        except Exception:
            corners = None
        if corners is not None and np.isfinite(corners).all():
            found = hull_of(corners)
            if found is not None:
                return found
    half = np.ptp(hull.vertices, axis=0) / 2
    middle = (hull.vertices.max(axis=0) + hull.vertices.min(axis=0)) / 2
    factors = np.maximum(0.5, 1 - by / np.maximum(half, 1e-9))
    return hull_of(middle + (hull.vertices - middle) * factors) or hull


def _middle(hull: Hull) -> tuple[Array, float]:
    """Return the point of a hull that is farthest from its planes, and how far it is, m."""
    from scipy.optimize import linprog

    a, b = hull.planes[:, :3], -hull.planes[:, 3]
    found = linprog(
        [0, 0, 0, -1], A_ub=np.column_stack([a, np.ones(len(a))]), b_ub=b, bounds=[(None, None)] * 3 + [(0, None)]
    )
    if found.x is None:
        return hull.vertices.mean(axis=0), 0.0
    return np.asarray(found.x[:3]), float(found.x[3])
