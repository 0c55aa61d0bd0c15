"""Rotations as matrices, rotation vectors and quaternions (xyzw)."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

__all__ = ["quaternion_of", "turn_of"]

Array = npt.NDArray[np.float64]


def turn_of(vector: Array) -> Array:
    """Return the rotation (3, 3) of a rotation vector (3,), rad (Rodrigues' formula)."""
    angle = math.sqrt(float(vector @ vector))
    if angle < 1e-12:
        return np.eye(3)
    x, y, z = (vector / angle).tolist()
    skew = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    return np.asarray(np.eye(3) + math.sin(angle) * skew + (1 - math.cos(angle)) * (skew @ skew))


def quaternion_of(rotation: Array) -> tuple[float, float, float, float]:
    """Return the quaternion, xyzw, of a rotation (3, 3)."""
    (xx, xy, xz), (yx, yy, yz), (zx, zy, zz) = rotation.tolist()
    squares = (1 + xx - yy - zz, 1 - xx + yy - zz, 1 - xx - yy + zz, 1 + xx + yy + zz)
    i = max(range(4), key=lambda k: squares[k])
    s = math.sqrt(max(squares[i], 0.0))
    pairs = (
        (s * s, xy + yx, zx + xz, zy - yz),
        (xy + yx, s * s, yz + zy, xz - zx),
        (zx + xz, yz + zy, s * s, yx - xy),
        (zy - yz, xz - zx, yx - xy, s * s),
    )[i]
    x, y, z, w = (v / (2 * s) for v in pairs)
    return x, y, z, w
