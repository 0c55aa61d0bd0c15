"""Volume, centre of mass and inertia of a thing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from tabletop.importing.geometry import trimesh
from tabletop.importing.hulls import Hull, inside

__all__ = ["Spread", "spread_of"]

Array = npt.NDArray[np.float64]

_CELLS: Final = 48
"""Points along the longest side at which it is asked whether a thing is there."""


@dataclass(frozen=True)
class Spread:
    """How a body's mass lies, for even density."""

    volume: float
    """m^3."""
    centre: Array
    """(3,), m."""
    inertia: Array
    """(3, 3), m^2, of 1 kg about the centre."""
    is_exact: bool
    """Whether it is the mesh's own, not that of its hulls."""


def spread_of(vertices: Array, faces: npt.NDArray[np.int64], hulls: Sequence[Hull]) -> Spread:
    """Return volume, centre and inertia.

    Those of a closed mesh of one piece are exact. Else the hulls' union is measured at the points of a grid.

    Args:
        vertices: (n, 3), m.
        faces: (m, 3).
        hulls: of it.
    """
    mesh = trimesh().Trimesh(vertices, faces, process=True)
    filled = sum(h.volume for h in hulls)
    if mesh.is_watertight and mesh.body_count == 1 and mesh.is_winding_consistent and 0.02 * filled < mesh.volume:
        properties = mesh.mass_properties
        inertia = np.asarray(properties["inertia"]) / float(properties["mass"])
        if np.linalg.eigvalsh(inertia)[0] > 0:
            return Spread(float(mesh.volume), np.asarray(mesh.center_mass), inertia, True)
    corners = np.vstack([h.vertices for h in hulls])
    low, high = corners.min(axis=0), corners.max(axis=0)
    cell = float((high - low).max()) / _CELLS
    counts = np.maximum(4, np.ceil((high - low) / cell)).astype(int)
    axes = [lo + (np.arange(n) + 0.5) * (hi - lo) / n for lo, hi, n in zip(low, high, counts, strict=True)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    there = np.zeros(len(points), dtype=bool)
    for hull in hulls:
        left = ~there
        there[left] = inside(hull, points[left])
    small = np.prod((high - low) / counts)
    if not there.any():
        points, there, small = corners, np.ones(len(corners), dtype=bool), filled / len(corners)
    own = points[there]
    centre = own.mean(axis=0)
    # Each point stands for a cell, whose own second moment counts too.
    second = np.cov((own - centre).T, bias=True) + np.diag(((high - low) / counts) ** 2 / 12)
    return Spread(float(small * len(own)), centre, np.trace(second) * np.eye(3) - second, False)
