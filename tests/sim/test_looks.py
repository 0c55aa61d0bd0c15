"""What others draw of a world is what its own camera sees."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from tabletop.errors import TabletopError
from tabletop.sim import looks
from tabletop.sim.bullet import p
from tabletop.sim.camera import up_of
from tabletop.sim.generate import generate
from tabletop.sim.looks import sheets_of
from tabletop.sim.scene import Entity, Scene
from tabletop.sim.scene_cards import find_scene_card
from tabletop.sim.world import World

WIDTH, HEIGHT = 960, 720
LARGE = 1200
"""Pixels from which a silhouette's edge is a small part of it."""


def drawn(world: World) -> dict[str, np.ndarray]:
    """Return which pixels (HEIGHT, WIDTH) each label has, painted far to near by the triangles of `looks`."""
    scene, camera = world.scene, world.camera("scene")
    assert scene is not None
    view = np.array(p.computeViewMatrix(camera.position, camera.target, up_of(camera))).reshape(4, 4).T
    lens = np.array(p.computeProjectionMatrixFOV(camera.fov, WIDTH / HEIGHT, 0.05, 4.0)).reshape(4, 4).T
    poses, triangles = world.poses(), []
    for piece in [*world.looks(), *sheets_of(scene, world.state())]:
        points = piece.vertices.astype(float)
        if piece.frame >= 0:
            pose = poses[piece.frame]
            points = points @ np.array(p.getMatrixFromQuaternion(pose[3:])).reshape(3, 3).T + pose[:3]
        seen = np.column_stack([points, np.ones(len(points))]) @ view.T
        flat = seen @ lens.T
        at = flat[:, :2] / flat[:, 3:]
        pixels = np.column_stack([(at[:, 0] + 1) / 2 * WIDTH - 0.5, (1 - at[:, 1]) / 2 * HEIGHT - 0.5])
        # The floor and the table are large: all else is before them.
        behind = {"floor": 200.0, "table": 100.0}.get(piece.label, 0.0)
        triangles += [(behind - seen[f, 2].mean(), pixels[f], piece.label) for f in piece.faces]
    names: dict[str, int] = {}
    picture = np.zeros((HEIGHT, WIDTH), np.uint8)
    for _, corners, label in sorted(triangles, key=lambda t: -t[0]):
        number = names.setdefault(label, len(names) + 1)
        cv2.fillConvexPoly(picture, np.round(corners * 16).astype(np.int32), number, shift=4)
    return {name: picture == number for name, number in names.items()}


def check(world: World) -> list[str]:
    """Check all that is large in the picture, and return what that was."""
    image, own, checked = world.render(WIDTH, HEIGHT), drawn(world), []
    for number, name in world.segmentation_labels.items():
        seen = image.segmentation == number
        if name != "background" and seen.sum() > LARGE:
            overlap = (seen & own[name]).sum() / (seen | own[name]).sum()
            assert overlap > 0.85, f"{name}: {overlap:.3f}"
            checked.append(name)
    return checked


@pytest.mark.parametrize("card", ["everything", "workshop", "cupboard", "fabrics"])
@pytest.mark.parametrize("robot", ["panda", "cobot6"])
def test_its_silhouettes_are_those_of_the_camera(card: str, robot: str) -> None:
    checked = set()
    with World(robot) as world:
        for seed in range(3):
            world.load(generate(find_scene_card(card), seed))
            for _ in range(4):
                world.step([0.3, -0.2, -0.4, 0.5, -1.0])
            checked |= set(check(world))
    assert len(checked) > 2


def test_ropes_and_cloths_change_their_shape() -> None:
    with World() as world:
        state = world.load(generate(find_scene_card("fabrics"), 1))
        assert world.scene is not None
        one = sheets_of(world.scene, state)
        moved = state.values.copy()
        name = next(n for n in state.layout.names if any(state.layout.grid(n)))
        moved[state.layout.nodes_slice(name)] += 0.1
        two = sheets_of(world.scene, type(state)(state.layout, moved))
    assert {piece.label for piece in one} == {name}
    for a, b in zip(one, two, strict=True):
        assert b.vertices == pytest.approx(a.vertices + 0.1, abs=1e-5)


def test_each_shape_has_its_size_and_is_closed() -> None:
    for (vertices, faces), extent in (
        (looks._box((0.1, 0.2, 0.3)), (0.1, 0.2, 0.3)),
        (looks._cylinder(0.1, 0.4), (0.2, 0.2, 0.4)),
        (looks._sphere(0.1), (0.2, 0.2, 0.2)),
    ):
        assert np.ptp(vertices, axis=0) == pytest.approx(extent, rel=0.02)
        corners = vertices[faces].astype(float)
        # Outward triangles of a closed body enclose its volume (the divergence theorem).
        volume = np.einsum("ij,ij->", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])) / 6
        assert 0.5 * np.prod(extent) < volume <= np.prod(extent) * 1.0001


def test_files_of_meshes_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.obj").write_text("v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nf 1/1/1 2//2 3 4\nf -1 -2 -3\n")
    vertices, faces = looks._mesh(tmp_path / "a.obj")
    assert len(vertices) == 4
    assert faces.tolist() == [[0, 1, 2], [0, 2, 3], [3, 2, 1]]
    rows = np.zeros(1, dtype=[("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("rest", "<u2")])
    rows["corners"] = [[[0, 0, 0], [1, 0, 0], [0, 1, 0]]]
    (tmp_path / "a.stl").write_bytes(bytes(80) + (1).to_bytes(4, "little") + rows.tobytes())
    assert looks._mesh(tmp_path / "a.stl")[0].tolist() == rows["corners"][0].tolist()
    (tmp_path / "a.dae").write_text("no mesh")
    with pytest.raises(TabletopError, match=r"a\.dae"):
        looks._mesh(tmp_path / "a.dae")


def test_reading_where_things_are_touches_nothing() -> None:
    scene = Scene(entities=(Entity("red", "block", (0.5, 0.0, 0.03), 0.0, (0.04, 0.04, 0.04)),))
    rows = []
    for looked in (False, True):
        with World() as world:
            world.load(scene)
            for _ in range(20):
                world.step([0.4, 0.1, -0.8, 0.2, -1.0])
                if looked:
                    world.poses()
                    world.looks()
            rows.append(world.state().values)
    assert np.array_equal(rows[0], rows[1])
