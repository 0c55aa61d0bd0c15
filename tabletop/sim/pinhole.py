"""Where in a picture a place in the world is, and the other way round: intrinsics, extrinsics, points from depth.

The camera's frame has its origin where the camera stands: x to the picture's right, y down, z along the view, m, as in
OpenCV. The centre of the pixel in column u and row v is at (u, v). So the picture's own centre, to which the view
leads, is at ((width - 1) / 2, (height - 1) / 2), and its edges are half a pixel outside of its outermost pixels'
centres. Pixels are square, and there is no distortion.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from tabletop.errors import TabletopError
from tabletop.sim.camera import check_size, up_of
from tabletop.sim.scene import Camera, check_camera

__all__ = ["extrinsics", "intrinsics", "points_from_depth"]

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
    v, u = np.mgrid[:height, :width]
    rays = np.stack([u, v, np.ones_like(u)], axis=-1) @ np.linalg.inv(intrinsics(camera, width, height)).T
    matrix = extrinsics(camera)
    return np.asarray((rays * along[..., None] - matrix[:3, 3]) @ matrix[:3, :3])


def _unit(vector: Array) -> Array:
    return np.asarray(vector / np.linalg.norm(vector))
