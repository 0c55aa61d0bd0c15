"""Meshes of known shape, and a project that they are imported into."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tabletop import projects
from tabletop.api.importing import import_file
from tabletop.importing.apart import Apart
from tabletop.importing.objects import Options

trimesh = pytest.importorskip("trimesh")
pytest.importorskip("coacd")

Import = Callable[..., Path]


def prism(outline: list[tuple[float, float]], triangles: list[tuple[int, int, int]], depth: float) -> Any:
    """Return a closed mesh that is an outline of (x, z), counter-clockwise, drawn out along y; m."""
    n = len(outline)
    corners = [(x, y, z) for y in (-depth / 2, depth / 2) for x, z in outline]
    faces = [*triangles, *((c + n, b + n, a + n) for a, b, c in triangles)]
    for i in range(n):
        j = (i + 1) % n
        faces += [(i, i + n, j), (j, i + n, j + n)]
    mesh = trimesh.Trimesh(np.array(corners), faces, process=False)
    mesh.fix_normals()
    return mesh


@pytest.fixture(scope="module")
def ell() -> Any:
    """Return an L of one piece: 6 cm wide, 8 cm high, 2 cm thick, 3 cm deep."""
    outline = [(0, 0), (0.06, 0), (0.06, 0.02), (0.02, 0.02), (0.02, 0.08), (0, 0.08)]
    return prism(outline, [(0, 1, 2), (0, 2, 3), (0, 3, 4), (0, 4, 5)], 0.03)


@pytest.fixture(scope="module")
def crate() -> Any:
    """Return an open box of five walls that overlap: 10 x 8 x 5 cm, walls 4 mm, floor 6 mm."""
    parts = [((0.10, 0.08, 0.006), (0, 0, 0.003))]
    parts += [((0.004, 0.08, 0.05), (s * 0.048, 0, 0.025)) for s in (-1, 1)]
    parts += [((0.10, 0.004, 0.05), (0, s * 0.038, 0.025)) for s in (-1, 1)]
    boxes = [trimesh.creation.box(size, trimesh.transformations.translation_matrix(at)) for size, at in parts]
    return trimesh.util.concatenate(boxes)


def forget() -> None:
    projects._used, projects._version = (), projects._version + 1


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a project in use, at a path that is not ASCII."""
    root = tmp_path_factory.mktemp("labs") / "Größe 大"
    root.mkdir()
    (root / "tabletop.toml").write_text('name = "lab"\n')
    forget()
    projects.use_project(root)
    yield root
    forget()


@pytest.fixture(scope="module")
def bring(lab: Path) -> Iterator[Import]:
    """Return what imports a mesh under a name, with `Options`, and gives its card."""
    with Apart() as apart:

        def imported(mesh: Any, name: str, replace: bool = False, **options: Any) -> Path:
            path = lab / f"{name}.ply"
            mesh.export(path)
            return import_file(path, Options(name, **options), replace=replace, apart=apart)

        yield imported
