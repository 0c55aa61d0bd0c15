"""Small mends of a mesh: corners that are one, faces that look inward, and small holes."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from tabletop.importing.geometry import trimesh

__all__ = ["mended"]

Array = npt.NDArray[np.float64]

_SMALL: Final = 0.03
"""Share of the surface that filled holes may be. What is more open than that is meant to be: a cup, a box."""


def mended(vertices: Array, faces: npt.NDArray[np.int64]) -> tuple[Array, npt.NDArray[np.int64]]:
    """Return a mesh with one corner where several were at a place, its faces outward, and without small holes.

    Args:
        vertices: (n, 3), in any unit.
        faces: (m, 3).
    """
    library = trimesh()
    mesh = library.Trimesh(vertices, faces, process=True)
    a, b, c = mesh.faces.T
    real = (a != b) & (b != c) & (c != a) & mesh.unique_faces()
    if real.any() and not real.all():
        mesh.update_faces(real)
    if not mesh.is_watertight:
        whole = mesh.copy()
        # Holes of three or four edges: what a damaged file and a scan have.
        library.repair.fill_holes(whole)
        if whole.is_watertight and whole.area < (1 + _SMALL) * mesh.area:
            mesh = whole
    if mesh.is_watertight:
        if not mesh.is_winding_consistent:
            library.repair.fix_winding(mesh)
        if mesh.volume < 0:
            mesh.invert()
    return np.asarray(mesh.vertices, dtype=float), np.asarray(mesh.faces, dtype=np.int64)
