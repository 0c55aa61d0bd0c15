"""What a world looks like, as triangles that others can draw: a browser, or a page that plays by itself."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tabletop.errors import TabletopError
from tabletop.files import LARGE, read_bytes, read_text
from tabletop.paths import ASSETS
from tabletop.sim.bullet import p
from tabletop.sim.camera import Slab
from tabletop.sim.deformable_drapery import Drape, surfaces
from tabletop.sim.robot_model import matrix
from tabletop.sim.scene import Scene
from tabletop.sim.state import State

__all__ = ["Piece", "frames_of", "pieces_of", "pose_of", "sheets_of", "slab_piece"]

Vertices = npt.NDArray[np.float32]
Faces = npt.NDArray[np.int32]
Frame = tuple[int, int]
"""PyBullet's body and link; -1 is the base."""

_ROUND: Final = 24
"""Corners around what is round."""
_STL_HEAD: Final = 84
"""Bytes before the triangles of a binary STL file."""


@dataclass(frozen=True)
class Piece:
    """Triangles of one colour that move with one frame."""

    label: str
    """What it is of: an entity, "robot", "table" or "floor"."""
    frame: int
    """Row of `World.poses` that it moves with; -1 for what stands still in the world's frame."""
    vertices: Vertices
    """(V, 3), m, in that frame."""
    faces: Faces
    """(F, 3), seen from where their corners run counter-clockwise."""
    color: tuple[float, float, float, float]
    """RGBA, 0 to 1."""


def slab_piece(slab: Slab, label: str) -> Piece:
    """Return what never moves, the table or the floor."""
    vertices, faces = _box(slab.size)
    return Piece(label, -1, vertices + _floats(slab.centre), faces, _rgba(slab.color))


def sheets_of(scene: Scene, state: State) -> list[Piece]:
    """Return the triangles of ropes and cloths as they are in a state (no batch shape), in the world's frame."""
    return [
        Piece(entity.name, -1, _floats(points), triangles.astype(np.int32), _rgba(color))
        for entity, (n, _) in zip(scene.entities, state.layout.grids, strict=False)
        if n
        for points, triangles, color in surfaces(Drape(state.nodes(entity.name), entity.size[2], entity.color, 0))
    ]


def frames_of(bodies: Sequence[int], client: int) -> list[Frame]:
    """Return what of the bodies moves, or may be drawn, in order."""
    return [(body, link) for body in bodies for link in range(-1, p.getNumJoints(body, physicsClientId=client))]


def pose_of(frame: Frame, client: int) -> tuple[float, ...]:
    """Return where a frame of `pieces_of` is (7,): position (m) and quaternion (xyzw), world."""
    body, link = frame
    if link >= 0:
        state = p.getLinkState(body, link, 0, 0, client)
        return (*state[4], *state[5])
    position, turn = p.getBasePositionAndOrientation(body, client)
    info = p.getDynamicsInfo(body, -1, client)
    position, turn = p.multiplyTransforms(position, turn, *p.invertTransform(info[3], info[4]))
    return (*position, *turn)


def pieces_of(frames: Sequence[Frame], labels: Sequence[str], client: int) -> list[Piece]:
    """Return all that is drawn of some frames.

    Args:
        frames: PyBullet's bodies and links.
        labels: what each is of.
        client: PyBullet's client.

    Raises:
        TabletopError: a mesh's file cannot be read here.
    """
    number = {frame: i for i, frame in enumerate(frames)}
    found: dict[tuple[int, tuple[float, ...]], list[tuple[Vertices, Faces]]] = {}
    for body in dict.fromkeys(body for body, _ in frames):
        for shape in p.getVisualShapeData(body, physicsClientId=client):
            at = number.get((body, shape[1]))
            if at is not None:
                found.setdefault((at, tuple(shape[7])), []).append(_triangles(shape, client))
    out = []
    for (at, color), parts in found.items():
        vertices, faces = _joined(parts)
        out.append(Piece(labels[at], at, vertices, faces, _rgba(color)))
    return out


def _rgba(color: Sequence[float]) -> tuple[float, float, float, float]:
    """Return a colour as four numbers from 0 to 1."""
    red, green, blue, alpha = (min(1.0, max(0.0, float(v))) for v in color)
    return red, green, blue, alpha


def _floats(values: npt.ArrayLike) -> Vertices:
    return np.asarray(values, dtype=np.float32)


def _joined(parts: Sequence[tuple[Vertices, Faces]]) -> tuple[Vertices, Faces]:
    starts = np.cumsum([0, *(len(vertices) for vertices, _ in parts)])
    faces = [faces + np.int32(start) for (_, faces), start in zip(parts, starts, strict=False)]
    return np.concatenate([vertices for vertices, _ in parts]), np.concatenate(faces)


def _triangles(shape: Sequence[Any], client: int) -> tuple[Vertices, Faces]:
    """Return the triangles of a visual shape, as getVisualShapeData describes it, in its link's frame."""
    kind, size, file, at, turn = shape[2:7]
    if kind == p.GEOM_BOX:
        vertices, faces = _box(size)
    elif kind == p.GEOM_SPHERE:
        vertices, faces = _sphere(size[0])
    elif kind in {p.GEOM_CYLINDER, p.GEOM_CAPSULE}:
        # Of a capsule, its length is that of the straight part.
        vertices, faces = _cylinder(size[1], size[0] + (2 * size[1] if kind == p.GEOM_CAPSULE else 0.0))
    else:
        vertices, faces = _mesh(ASSETS / "shapes" / file.decode())  # That of an absolute path is itself.
        vertices = vertices * _floats(size)
        if np.prod(np.sign(size)) < 0:
            faces = faces[:, ::-1]
    return _floats(vertices @ _floats(matrix(turn)).T + _floats(at)), faces


def _box(size: Sequence[float]) -> tuple[Vertices, Faces]:
    """Return a box of full extents, m."""
    corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], dtype=np.float32)
    sides = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    faces = np.array([t for a, b, c, d in sides for t in ((a, b, c), (a, c, d))], dtype=np.int32)
    return _floats(corners * _floats(size) / 2), faces


def _cylinder(radius: float, length: float) -> tuple[Vertices, Faces]:
    angle = np.arange(_ROUND) * 2 * np.pi / _ROUND
    ring = np.stack([radius * np.cos(angle), radius * np.sin(angle), np.zeros(_ROUND)], axis=1)
    up = np.array([0.0, 0.0, length / 2])
    vertices = np.concatenate([ring - up, ring + up, [-up, up]])
    i = np.arange(_ROUND)
    j = (i + 1) % _ROUND
    low, high = np.full(_ROUND, 2 * _ROUND), np.full(_ROUND, 2 * _ROUND + 1)
    corners = [(i, j, j + _ROUND), (i, j + _ROUND, i + _ROUND), (j, i, low), (i + _ROUND, j + _ROUND, high)]
    return vertices.astype(np.float32), np.concatenate([np.stack(c, axis=1) for c in corners]).astype(np.int32)


def _sphere(radius: float) -> tuple[Vertices, Faces]:
    rows = _ROUND // 2
    down = (np.arange(rows + 1) * np.pi / rows)[:, None]
    around = (np.arange(_ROUND) * 2 * np.pi / _ROUND)[None, :]
    height = np.cos(down) + np.zeros_like(around)
    flat = np.stack([np.sin(down) * np.cos(around), np.sin(down) * np.sin(around), height], axis=-1)
    i, j = (v.ravel() for v in np.meshgrid(np.arange(rows), np.arange(_ROUND), indexing="ij"))
    a, b = i * _ROUND + j, (i + 1) * _ROUND + j
    c, d = (i + 1) * _ROUND + (j + 1) % _ROUND, i * _ROUND + (j + 1) % _ROUND
    faces = np.concatenate([np.stack([a, b, c], axis=1), np.stack([a, c, d], axis=1)])
    return (radius * flat.reshape(-1, 3)).astype(np.float32), faces.astype(np.int32)


def _mesh(path: Path) -> tuple[Vertices, Faces]:
    """Return the triangles of a file.

    Raises:
        TabletopError: it is neither OBJ nor binary STL, and trimesh, which reads others, is not here.
    """
    if path.suffix.lower() == ".obj":
        return _obj(path)
    if path.suffix.lower() == ".stl":
        found = _stl(path)
        if found is not None:
            return found
    try:
        trimesh = import_module("trimesh")
    except ImportError:
        raise TabletopError(f"to draw {path.name!r} takes trimesh: pip install 'tabletop[assets]'") from None
    try:
        mesh = trimesh.load(path, force="mesh")
    except Exception as error:
        raise TabletopError(f"{path.name!r} cannot be read: {error}") from None
    return np.asarray(mesh.vertices, dtype=np.float32), np.asarray(mesh.faces, dtype=np.int32)


def _obj(path: Path) -> tuple[Vertices, Faces]:
    vertices: list[list[float]] = []
    faces: list[tuple[int, int, int]] = []
    for line in read_text(path, f"mesh {path.name!r}", LARGE).splitlines():
        head, *words = line.split() or [""]
        if head == "v":
            vertices.append([float(v) for v in words[:3]])
        elif head == "f":
            corners = [int(word.partition("/")[0]) for word in words]
            corners = [c - 1 if c > 0 else len(vertices) + c for c in corners]
            faces += [(corners[0], b, c) for b, c in pairwise(corners[1:])]
    return np.array(vertices, dtype=np.float32).reshape(-1, 3), np.array(faces, dtype=np.int32).reshape(-1, 3)


def _stl(path: Path) -> tuple[Vertices, Faces] | None:
    """Return the triangles of a binary STL file; None where it is text."""
    data = read_bytes(path, f"mesh {path.name!r}", LARGE)
    if len(data) < _STL_HEAD:
        return None
    (number,) = struct.unpack_from("<I", data, _STL_HEAD - 4)
    if len(data) != _STL_HEAD + 50 * number:
        return None
    rows = np.frombuffer(data, dtype=[("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("", "<u2")], offset=_STL_HEAD)
    vertices = rows["corners"].reshape(-1, 3)
    return vertices.astype(np.float32), np.arange(len(vertices), dtype=np.int32).reshape(-1, 3)
