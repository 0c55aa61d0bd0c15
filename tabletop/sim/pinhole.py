"""Where in a picture a place in the world is, and the other way round: intrinsics, extrinsics, pixels, points.

The camera's frame has its origin where the camera stands: x to the picture's right, y down, z along the view, m, as in
OpenCV. The centre of the pixel in column u and row v is at (u, v). So the picture's own centre, to which the view
leads, is at ((width - 1) / 2, (height - 1) / 2), and its edges are half a pixel outside of its outermost pixels'
centres. Pixels are square, and there is no distortion.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tabletop.errors import TabletopError
from tabletop.sim.camera import check_size, up_of
from tabletop.sim.scene import Camera, check_camera

__all__ = [
    "CameraParameters",
    "camera_parameters",
    "extrinsics",
    "intrinsics",
    "points_from_depth",
    "project_points",
    "unproject_depth",
]

Array = npt.NDArray[np.float64]


def intrinsics(camera: Camera, width: int, height: int) -> Array:
    """Return the matrix K (3, 3) from the camera's frame to pixels: K @ (x, y, z) is (u z, v z, z).

    Args:
        camera: any; only its field of view counts.
        width: of the picture, pixels.
        height: of the picture, pixels.

    Raises:
        TabletopError: the camera cannot see, or a side is out of range.

    >>> intrinsics(Camera(fov=90.0), 84, 60)[:, 2].tolist()
    [41.5, 29.5, 1.0]
    """
    check_camera(camera)
    check_size(width, height)
    focal = height / 2 / math.tan(math.radians(camera.fov) / 2)
    return np.array([[focal, 0.0, (width - 1) / 2], [0.0, focal, (height - 1) / 2], [0.0, 0.0, 1.0]])


def extrinsics(camera: Camera) -> Array:
    """Return the matrix (4, 4) from the world's frame to the camera's, of homogeneous coordinates, m.

    Raises:
        TabletopError: the camera cannot see.

    >>> camera = Camera(position=(1.0, 0.0, 0.5), target=(0.0, 0.0, 0.5))
    >>> (extrinsics(camera) @ (0.4, 0.1, 0.7, 1.0)).round(6).tolist()
    [0.1, -0.2, 0.6, 1.0]
    """
    check_camera(camera)
    eye = np.asarray(camera.position, dtype=np.float64)
    ahead = _unit(np.asarray(camera.target, dtype=np.float64) - eye)
    right = _unit(np.cross(ahead, up_of(camera)))
    matrix = np.eye(4)
    matrix[:3, :3] = right, np.cross(ahead, right), ahead
    matrix[:3, 3] = -matrix[:3, :3] @ eye
    return matrix


def points_from_depth(camera: Camera, depth: npt.ArrayLike) -> Array:
    """Return the places (height, width, 3), m, world, that the pixels of a depth picture show.

    Args:
        camera: that took the picture.
        depth: (height, width), m along the view, as `Image` has it; the sky's 4 m give places at 4 m.

    Raises:
        TabletopError: the camera cannot see, or the depth has no height and width.

    >>> points_from_depth(Camera((0.0, 0.0, 1.0), (1.0, 0.0, 1.0)), np.full((3, 3), 0.5))[1, 1].tolist()
    [0.5, 0.0, 1.0]
    """
    along = np.asarray(depth, dtype=np.float64)
    if along.ndim != 2:
        raise TabletopError(f"a depth picture is of shape (height, width), got {along.shape}")
    height, width = along.shape
    return unproject_depth(intrinsics(camera, width, height), extrinsics(camera), along)


def unproject_depth(intrinsics: npt.ArrayLike, extrinsics: npt.ArrayLike, depth: npt.ArrayLike) -> Array:
    """Return the places (..., height, width, 3), m, world, that the pixels of depth pictures show.

    Args:
        intrinsics: K, (..., 3, 3), as `intrinsics` gives it, observations and demonstrations have it.
        extrinsics: from the world's frame to the camera's, (..., 4, 4).
        depth: (..., height, width), m along the view. Leading axes are broadcast: one K goes with many pictures.

    Raises:
        TabletopError: the shapes are others, or do not go together.

    >>> camera = Camera((0.0, 0.0, 1.0), (1.0, 0.0, 1.0))
    >>> pictures = np.full((7, 3, 3), 0.5)
    >>> unproject_depth(intrinsics(camera, 3, 3), extrinsics(camera), pictures).shape
    (7, 3, 3, 3)
    """
    k, matrix = _matrices(intrinsics, extrinsics)
    along = np.asarray(depth, dtype=np.float64)
    if along.ndim < 2:
        raise TabletopError(f"depth pictures are of shape (..., height, width), got {along.shape}")
    v, u = np.mgrid[: along.shape[-2], : along.shape[-1]]
    rays = np.stack([u, v, np.ones_like(u)], axis=-1)
    try:
        own = np.einsum("...ij,hwj->...hwi", np.linalg.inv(k), rays) * along[..., None]
        return np.asarray((own - matrix[..., None, None, :3, 3]) @ matrix[..., None, :3, :3])
    except ValueError:
        raise _apart(k.shape, matrix.shape, along.shape) from None


def project_points(intrinsics: npt.ArrayLike, extrinsics: npt.ArrayLike, points: npt.ArrayLike) -> Array:
    """Return where places are seen: (..., n, 3), each a column and a row (pixels) and a depth (m along the view).

    What is behind the camera has a depth below 0, and no pixel. What has the depth 0 gets NaN.

    Args:
        intrinsics: K, (..., 3, 3).
        extrinsics: from the world's frame to the camera's, (..., 4, 4).
        points: (..., n, 3), m, world. Leading axes are broadcast.

    Raises:
        TabletopError: the shapes are others, or do not go together.

    >>> camera = Camera((0.0, 0.0, 1.0), (1.0, 0.0, 1.0), fov=90.0)
    >>> project_points(intrinsics(camera, 84, 60), extrinsics(camera), [[2.0, 1.0, 1.0]]).round(6).tolist()
    [[26.5, 29.5, 2.0]]
    """
    k, matrix = _matrices(intrinsics, extrinsics)
    places = np.asarray(points, dtype=np.float64)
    if places.ndim < 2 or places.shape[-1] != 3:
        raise TabletopError(f"points are of shape (..., n, 3), got {places.shape}")
    try:
        own = places @ np.swapaxes(matrix[..., :3, :3], -1, -2) + matrix[..., None, :3, 3]
        pixels = own @ np.swapaxes(k, -1, -2)
    except ValueError:
        raise _apart(k.shape, matrix.shape, places.shape) from None
    far = np.where(own[..., 2:] == 0.0, np.nan, own[..., 2:])
    return np.concatenate([pixels[..., :2] / far, own[..., 2:]], axis=-1)


@dataclass(frozen=True)
class CameraParameters:
    """What turns pixels of one camera into places and back, at one moment and for one size of pictures."""

    intrinsics: Array
    """K, (3, 3): from the camera's frame to pixels."""
    extrinsics: Array
    """(4, 4): from the world's frame to the camera's."""
    width: int
    """Pixels."""
    height: int
    """Pixels."""

    @property
    def pose(self) -> Array:
        """(4, 4): from the camera's frame to the world's, the inverse of `extrinsics`; m."""
        turn = self.extrinsics[:3, :3].T
        matrix = np.eye(4)
        matrix[:3, :3], matrix[:3, 3] = turn, -turn @ self.extrinsics[:3, 3]
        return matrix

    def points(self, depth: npt.ArrayLike) -> Array:
        """Return the places (height, width, 3), m, world, of the pixels of a depth picture (height, width)."""
        return unproject_depth(self.intrinsics, self.extrinsics, depth)

    def pixels(self, points: npt.ArrayLike) -> Array:
        """Return where places (n, 3) are seen, (n, 3): column, row and depth, as `project_points` does."""
        return project_points(self.intrinsics, self.extrinsics, points)


def camera_parameters(camera: Camera, width: int, height: int) -> CameraParameters:
    """Return the matrices of a camera.

    Args:
        camera: as it is now, such as `World.camera` gives it.
        width: of the pictures, pixels.
        height: of the pictures, pixels.

    Raises:
        TabletopError: the camera cannot see, or a side is out of range.

    >>> camera_parameters(Camera((0.0, 0.0, 1.0), (1.0, 0.0, 1.0)), 84, 84).pose[:3, 3].tolist()
    [0.0, 0.0, 1.0]
    """
    return CameraParameters(intrinsics(camera, width, height), extrinsics(camera), width, height)


def _matrices(intrinsics: npt.ArrayLike, extrinsics: npt.ArrayLike) -> tuple[Array, Array]:
    k, matrix = np.asarray(intrinsics, dtype=np.float64), np.asarray(extrinsics, dtype=np.float64)
    if k.shape[-2:] != (3, 3) or matrix.shape[-2:] != (4, 4):
        raise TabletopError(f"intrinsics are (..., 3, 3) and extrinsics (..., 4, 4), got {k.shape} and {matrix.shape}")
    return k, matrix


def _apart(*shapes: tuple[int, ...]) -> TabletopError:
    return TabletopError(f"leading axes must go together, got shapes {', '.join(map(str, shapes))}")


def _unit(vector: Array) -> Array:
    return np.asarray(vector / np.linalg.norm(vector))
