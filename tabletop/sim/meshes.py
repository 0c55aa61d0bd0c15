"""What a card says of a body that is a mesh: its files, its mass, where it is held.

The files lie in the card's folder or below, as OBJ. The collision file has one object for each convex hull.
`tabletop import` writes them (tabletop/importing).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Final, Literal

import numpy as np
import numpy.typing as npt
from msgspec import Meta

from tabletop.errors import TabletopError
from tabletop.files import read_text
from tabletop.schema import InFolder
from tabletop.sim.rotations import quaternion_of

__all__ = ["Grip", "Mesh", "RestingPose", "check_mesh_file", "moments"]

Array = npt.NDArray[np.float64]

_Metres = Annotated[float, Meta(ge=-10, le=10)]
_Extent = Annotated[float, Meta(gt=0, le=10)]
_Square = Annotated[float, Meta(ge=-100, le=100)]
_Unit = Annotated[float, Meta(ge=-1.001, le=1.001)]
_Three = tuple[_Metres, _Metres, _Metres]
_LONGEST: Final = 900
"""Bytes of a mesh's path at most: PyBullet takes names of 1,023 bytes."""
_MOST_FACES: Final = 100_000
_FARTHEST: Final = 10.0
_MOST_BYTES: Final = 20_000_000
_LINE: Final = re.compile(
    r"(?:#.*|o \S+|(?:v|vn)(?: -?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?){3}|f(?: \d+(?://\d+)?){3})?\s*",
    re.ASCII,
)


@dataclass(frozen=True)
class Grip:
    """Where two fingers that come from above hold it."""

    at: _Three
    """Between the fingertips, in the thing's own frame, m."""
    closing: Literal["x", "y"]
    """Its own axis along which the fingers close."""
    width: Annotated[float, Meta(gt=0, le=1)]
    """m between the fingers once they touch."""


@dataclass(frozen=True)
class RestingPose:
    """A way in which it lies still on a flat ground."""

    quaternion: tuple[_Unit, _Unit, _Unit, _Unit]
    """xyzw, from its own frame to the world's."""
    height: _Extent
    """m, of its middle above the ground."""
    share: Annotated[float, Meta(ge=0, le=1)]
    """Of the drops in which it comes to lie so, about."""


@dataclass(frozen=True)
class Mesh:
    """A body made of convex hulls. Lengths are those at `size`; a thing of another size is stretched to it."""

    collision: InFolder
    """OBJ in m, about the middle of the thing's bounding box, with an object for each hull."""
    visual: InFolder
    """OBJ in m, of the same frame."""
    size: tuple[_Extent, _Extent, _Extent]
    """m, of the thing's bounding box for which the files are made."""
    centre_of_mass: _Three = (0.0, 0.0, 0.0)
    """m from the middle of the bounding box."""
    inertia: tuple[_Square, _Square, _Square, _Square, _Square, _Square] | None = None
    """m^2, of 1 kg about the centre of mass: xx, yy, zz, xy, xz, yz. Without it, those of a box."""
    floor: Annotated[float, Meta(ge=0, le=10)] | None = None
    """m above its underside: where things stand that are put on or into it. Without it, on its top."""
    grasp: Grip | None = None
    """Without it two fingers cannot hold it."""
    resting: tuple[RestingPose, ...] = ()
    """Ways in which it lies still, the likeliest first; for the record."""

    def __post_init__(self) -> None:
        """Check that something can turn so."""
        if self.inertia is not None:
            least = float(np.linalg.eigvalsh(_matrix(self.inertia))[0])
            if not least > 0:
                raise TabletopError(f"inertia must be positive definite, got {list(self.inertia)}")

    def scales(self, size: Sequence[float]) -> tuple[float, ...]:
        """Return by what a thing of a size (m) is stretched along its own axes (3,)."""
        return tuple(s / own for s, own in zip(size, self.size, strict=True))


def _matrix(inertia: Sequence[float]) -> Array:
    xx, yy, zz, xy, xz, yz = inertia
    return np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])


def moments(mesh: Mesh, size: Sequence[float]) -> tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]:
    """Return how the mass of 1 kg is spread in a thing of a size.

    Args:
        mesh: of its card.
        size: m, its extents.

    Returns:
        The centre of mass (3,) in m from its middle, the principal axes' turn (4,) xyzw in its own frame, and the
        principal moments (3,) in m^2.
    """
    scales = np.array(mesh.scales(size))
    centre = tuple(float(v) for v in scales * mesh.centre_of_mass)
    if mesh.inertia is None:
        w, d, h = size
        return centre, (0.0, 0.0, 0.0, 1.0), tuple((a * a + b * b) / 12 for a, b in ((d, h), (w, h), (w, d)))
    inertia = _matrix(mesh.inertia)
    # Second moments stretch along the axes; the inertia follows from them.
    second = (np.trace(inertia) / 2 * np.eye(3) - inertia) * np.outer(scales, scales)
    inertia = np.trace(second) * np.eye(3) - second
    if np.abs(inertia - np.diag(np.diag(inertia))).max() < 1e-12:
        return centre, (0.0, 0.0, 0.0, 1.0), tuple(float(v) for v in np.diag(inertia))
    values, axes = np.linalg.eigh(inertia)
    if np.linalg.det(axes) < 0:
        axes[:, 2] *= -1.0
    return centre, quaternion_of(axes), tuple(float(v) for v in values)


def check_mesh_file(path: Path, what: str) -> None:
    """Check that PyBullet can read a mesh: it crashes on some that it cannot.

    Args:
        path: of an OBJ file as `tabletop import` writes them.
        what: it is, for the message.

    Raises:
        TabletopError: there is none, it is too large, its path is too long, or a line is none of OBJ's `o`, `v`, `vn`
            and `f` of three corners that there are.
    """
    try:
        stat = path.stat()
    except OSError:
        stat = None
    _checked(path, what, None if stat is None else (stat.st_mtime_ns, stat.st_size, stat.st_ino))


@lru_cache(maxsize=1024)
def _checked(path: Path, what: str, _: object) -> None:
    text = read_text(path, what, _MOST_BYTES)
    if len(str(path).encode()) > _LONGEST:
        raise TabletopError(f"{what}: a mesh must lie at a path of at most {_LONGEST} bytes")
    corners = normals = faces = 0
    for i, line in enumerate(text.split("\n"), 1):
        if not _LINE.fullmatch(line):
            raise TabletopError(f"{what}: line {i} must be an o, v, vn or f of three corners, as OBJ has them")
        if line.startswith("v "):
            corners += 1
            if not all(abs(float(v)) <= _FARTHEST for v in line[2:].split()):
                raise TabletopError(f"{what}: line {i}: a corner must lie within {_FARTHEST:g} m of the middle")
        normals += line.startswith("vn ")
        if line.startswith("f "):
            faces += 1
            for corner in line[2:].split():
                place, _, normal = corner.partition("/")
                known = 1 <= int(place) <= corners and (not normal or 1 <= int(normal.strip("/")) <= normals)
                if not known:
                    raise TabletopError(f"{what}: line {i} speaks of a corner that is not there, {corner!r}")
    if not 1 <= faces <= _MOST_FACES:
        raise TabletopError(f"{what}: a mesh must have 1 to {_MOST_FACES} faces, got {faces}")
