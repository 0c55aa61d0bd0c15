"""What is rigid together in a URDF or SDF file, as one body of hulls and a mesh."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tabletop.importing.description import Description, Geometry
from tabletop.importing.geometry import read_mesh, trimesh
from tabletop.importing.hulls import Hull, convex_hulls, hull_of

__all__ = ["RigidBody", "body_of", "placed"]

Array = npt.NDArray[np.float64]

_ROUGHEST: Final = 1.5
"""Friction coefficient of a thing, at most: it is multiplied by the other's."""
_ROUND: Final = 24
"""Corners of a round shape's outline."""


@dataclass(frozen=True)
class RigidBody:
    """What is rigid together, in the frame of the whole with all joints shut; m."""

    hulls: tuple[Hull, ...]
    vertices: Array
    faces: npt.NDArray[np.int64]
    mass: float | None
    friction: float | None
    color: tuple[float, float, float]


def _rigid(found: Description, root: str) -> list[tuple[str, Array]]:
    """Return the links that hang on one by fixed joints, itself among them, each with its pose in that one's frame."""
    out = [(root, np.eye(4))]
    for link, pose in out:
        out += [(j.child, pose @ j.pose) for j in found.children.get(link, ()) if j.type == "fixed"]
    return out


def body_of(found: Description, root: str, start: Array, scale: float, turn: Array, what: str) -> RigidBody | None:
    """Return what hangs on a link by fixed joints as one body.

    Args:
        found: what the file says.
        root: the link.
        start: (4, 4), its pose in the frame of the whole, in the file's own lengths.
        scale: metres of these.
        turn: (3, 3), of the whole.
        what: the file is, for the message.

    Returns:
        The body; None where it has no shape.

    Raises:
        TabletopError: a mesh cannot be read, or has no volume.
    """
    hulls: list[Hull] = []
    corners: list[Array] = []
    faces: list[npt.NDArray[np.int64]] = []
    colors: list[tuple[float, tuple[float, float, float]]] = []
    masses, frictions, count = [], [], 0
    for link, pose in _rigid(found, root):
        own = found.links[link]
        masses += [own.mass] if own.mass else []
        frictions += [own.friction] if own.friction else []
        for geometry in own.touches or own.looks:
            hulls += _hulls(geometry, start @ pose, scale, turn, what)
        for geometry in own.looks or own.touches:
            for vertices, own_faces, color in _surfaces(geometry, start @ pose, scale, turn, what):
                corners.append(vertices)
                faces.append(own_faces + count)
                count += len(vertices)
                colors.append((float(np.ptp(vertices, axis=0).prod()), color))
    if not hulls or not corners:
        return None
    total = sum(masses) * scale**3 if masses else None
    friction = min(frictions[0], _ROUGHEST) if frictions else None
    color = max(colors, key=lambda pair: pair[0])[1]
    return RigidBody(tuple(hulls), np.vstack(corners), np.vstack(faces), total, friction, color)


def placed(points: Array, pose: Array, scale: float, turn: Array) -> Array:
    """Return points (n, 3) of a frame at a pose (4, 4), turned (3, 3) as a whole and then scaled."""
    return np.asarray((points @ pose[:3, :3].T + pose[:3, 3]) @ turn.T * scale)


def _hulls(geometry: Geometry, pose: Array, scale: float, turn: Array, what: str) -> list[Hull]:
    out = []
    for vertices, faces, _ in _surfaces(geometry, pose, scale, turn, what):
        pieces = convex_hulls(vertices, faces, what) if geometry.shape == "mesh" else [hull_of(vertices)]
        out += [p for p in pieces if p is not None]
    return out


def _surfaces(
    geometry: Geometry, pose: Array, scale: float, turn: Array, what: str
) -> Iterator[tuple[Array, npt.NDArray[np.int64], tuple[float, float, float]]]:
    """Yield corners, faces and colour of a shape in the fixture's frame."""
    library: Any = trimesh()
    grey = (0.7, 0.7, 0.7)
    if geometry.shape == "mesh":
        if geometry.file is None:
            return
        source = read_mesh(geometry.file, f"{what}: mesh {geometry.file.name!r}")
        points = source.vertices * np.array(geometry.size)
        given = source.faces if np.prod(geometry.size) > 0 else source.faces[:, ::-1]  # A mirrored mesh is turned out.
        used, faces = np.unique(given, return_inverse=True)
        yield (
            placed(points[used], pose @ geometry.pose, scale, turn),
            faces.reshape(-1, 3),
            geometry.color or source.color,
        )
        return
    size = geometry.size
    if geometry.shape == "box":
        made = library.creation.box(extents=size)
    elif geometry.shape == "cylinder":
        made = library.creation.cylinder(radius=size[0], height=size[1], sections=_ROUND)
    elif geometry.shape == "sphere":
        made = library.creation.icosphere(subdivisions=2, radius=size[0])
    else:
        made = library.creation.capsule(radius=size[0], height=size[1], count=[_ROUND // 2, _ROUND // 2])
        made.apply_translation(-made.bounds.mean(axis=0))
    vertices = np.asarray(made.vertices, dtype=float)
    yield (
        placed(vertices, pose @ geometry.pose, scale, turn),
        np.asarray(made.faces, dtype=np.int64),
        geometry.color or grey,
    )
