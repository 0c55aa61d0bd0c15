"""Writing meshes as the OBJ that the simulation reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tabletop.importing.geometry import trimesh
from tabletop.importing.hulls import Hull

__all__ = ["MOST_FACES", "hulls_text", "looks_text"]

Array = npt.NDArray[np.float64]

MOST_FACES: Final = 2000
"""Of what is seen, at most."""
_SMOOTH: Final = 0.6
"""rad between two faces up to which their edge is shaded as if round."""


def hulls_text(hulls: Sequence[Hull]) -> str:
    """Return hulls as OBJ, an object each; m."""
    lines, first = [], 1
    for i, hull in enumerate(hulls):
        lines.append(f"o hull{i}")
        lines += [_corner("v", v) for v in hull.vertices]
        lines += [f"f {a + first} {b + first} {c + first}" for a, b, c in hull.faces]
        first += len(hull.vertices)
    return "\n".join(lines) + "\n"


def looks_text(vertices: Array, faces: npt.NDArray[np.int64]) -> tuple[str, int]:
    """Return a mesh as OBJ with normals and at most MOST_FACES faces, and how many it has.

    Args:
        vertices: (n, 3), m.
        faces: (m, 3).
    """
    mesh: Any = trimesh().Trimesh(vertices, faces, process=True)
    if len(mesh.faces) > MOST_FACES:
        mesh = mesh.simplify_quadric_decimation(face_count=MOST_FACES)
    shown = trimesh().graph.smooth_shade(mesh, angle=_SMOOTH)
    normals = np.nan_to_num(np.asarray(shown.vertex_normals))
    normals[np.linalg.norm(normals, axis=1) < 0.5] = (0.0, 0.0, 1.0)
    lines = ["o looks"]
    lines += [_corner("v", v) for v in shown.vertices]
    lines += [_corner("vn", n) for n in normals]
    lines += [f"f {a}//{a} {b}//{b} {c}//{c}" for a, b, c in np.asarray(shown.faces) + 1]
    return "\n".join(lines) + "\n", len(shown.faces)


def _corner(word: str, values: Array) -> str:
    return word + "".join(f" {v:.6f}" if abs(v) >= 5e-7 else " 0" for v in values)
