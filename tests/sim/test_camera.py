"""Pictures: what is where, how far, and in which colour."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tabletop import projects
from tabletop.errors import TabletopError
from tabletop.sim import Camera, Entity, Scene, World, camera, camera_parameters, generate, load_scene_card
from tabletop.sim.generate import textures

DOWN = Camera(position=(0.5, 0.0, 1.0), target=(0.501, 0.0, 0.0), fov=40.0)
BLOCK = Entity("block", "block", (0.5, 0.1, 0.03), size=(0.06, 0.06, 0.06), color=(0.9, 0.05, 0.05, 1.0))
BALL = Entity("ball", "ball", (0.5, -0.1, 0.025), size=(0.05, 0.05, 0.05), color=(0.05, 0.05, 0.9, 1.0))
SCENE = Scene((BLOCK, BALL), camera=DOWN)
AWAY = replace(SCENE, robot=replace(SCENE.robot, position=(0.3, 0.38, 0.35)))


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World() as made:
        yield made


def middle(mask: np.ndarray) -> tuple[float, float]:
    rows, columns = np.nonzero(mask)
    return float(rows.mean()), float(columns.mean())


@pytest.mark.parametrize("seed", range(6))
def test_the_generated_camera_sees_the_arm_the_table_and_every_entity(world: World, seed: int) -> None:
    scene = generate(load_scene_card("discovery"), seed)
    state = world.load(scene)
    image = world.render(240, 180)
    assert image.rgb.shape == (180, 240, 3)
    assert image.rgb.std() > 20
    share = {i: float((image.segmentation == i).mean()) for i in (-1, 0, 1)}
    assert share[0] > 0.1
    assert share[1] > 0.08
    assert set(range(2, 2 + len(state.layout.names))) <= set(np.unique(image.segmentation))


def test_a_drawers_front_is_seen(world: World) -> None:
    """The gap that a fully open drawer leaves before its cabinet shows more of it than a closed one does."""
    seen = []
    for fraction in (0.0, 1.0):
        card = {"entities": {"drawer": {"kind": "drawer", "fraction": fraction, "yaw": 0}}}
        world.load(replace(generate(card, 3), camera=Camera()))
        seen.append(int((world.render(240, 180).segmentation == 2).sum()))
    assert seen[1] > 1.15 * seen[0]


def test_segmentation_has_each_entity_at_its_place_in_its_colour(world: World) -> None:
    world.load(AWAY)
    image = world.render(120, 120)
    # The camera looks along +x at its end and down: the picture's right is the robot's right, -y.
    (row, block), (row2, ball) = middle(image.segmentation == 2), middle(image.segmentation == 3)
    assert block < 60 < ball
    assert abs(row - 60) < 12
    assert abs(row2 - 60) < 12
    assert image.rgb[image.segmentation == 2].mean(axis=0).argmax() == 0
    assert image.rgb[image.segmentation == 3].mean(axis=0).argmax() == 2


def test_depth_is_the_distance_along_the_axis(world: World) -> None:
    world.load(AWAY)
    image = world.render(120, 120)
    assert np.median(image.depth[image.segmentation == 0]) == pytest.approx(1.0, abs=0.01)
    assert np.median(image.depth[image.segmentation == 2]) == pytest.approx(0.94, abs=0.01)
    assert image.depth.min() > 0.05
    assert image.depth.max() == pytest.approx(1.45, abs=0.02)


def test_what_is_nearer_hides_what_is_behind(world: World) -> None:
    world.load(replace(SCENE, robot=replace(SCENE.robot, position=(0.5, 0.1, 0.2))))
    seen = world.render(120, 120).segmentation
    world.load(AWAY)
    assert (seen == 2).sum() < 0.7 * (world.render(120, 120).segmentation == 2).sum()
    below = Camera(position=(0.55, 0.0, -0.4), target=(0.551, 0.0, 0.0), fov=40.0)
    assert set(np.unique(world.render(60, 60, below).segmentation)) == {0}


def test_nothing_is_seen_in_the_sky(world: World) -> None:
    world.load(SCENE)
    image = world.render(32, 32, Camera(position=(0.5, 0, 2.0), target=(0.5, 0.01, 4.0)))
    assert set(np.unique(image.segmentation)) == {-1}
    assert (image.depth == 4.0).all()


def test_a_picture_is_the_same_again_and_changes_with_the_scene(world: World) -> None:
    def picture(scene: Scene) -> np.ndarray:
        world.load(scene)
        return world.render(64, 48).rgb

    plain = picture(SCENE)
    assert plain.flags.writeable
    moved = picture(replace(SCENE, entities=(replace(BLOCK, position=(0.45, 0.1, 0.03)), BALL)))
    dark = picture(replace(SCENE, light=replace(SCENE.light, ambient=0.2)))
    green = picture(replace(SCENE, table=replace(SCENE.table, color=(0.2, 0.8, 0.2, 1.0))))
    assert not any(np.array_equal(plain, other) for other in (moved, dark, green))
    assert dark.mean() < plain.mean()
    assert np.array_equal(plain, picture(SCENE))


def test_each_texture_gives_the_table_another_look(world: World) -> None:
    assert len(textures()) >= 3
    looks = []
    for name in ("plain", *textures()):
        world.load(replace(AWAY, table=replace(SCENE.table, texture=name)))
        image = world.render(96, 96)
        looks.append(image.rgb[image.segmentation == 0])
    assert looks[0].std(axis=0).max() < 2
    assert all(look.std(axis=0).max() > 3 for look in looks[1:])


def test_an_unknown_texture_is_refused_with_those_there_are(world: World) -> None:
    with pytest.raises(TabletopError, match=r"unknown texture 'tartan'; there are: checker, .*plain"):
        world.load(replace(SCENE, table=replace(SCENE.table, texture="tartan")))


@pytest.mark.parametrize("build", ["with numpy", "without"])
def test_both_builds_of_pybullet_give_the_same_picture(build: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Built with numpy PyBullet gives a picture as arrays; without, as flat tuples of numbers."""
    scene = generate({"entities": {"rope": "rope", "block": "block"}}, 3)
    with World() as plain:
        plain.load(scene)
        expected = plain.render(64, 48)
    shoot = camera.p.getCameraImage

    def as_built(width: int, height: int, *given: Any, **more: Any) -> tuple[Any, ...]:
        color, depth, labels = (np.ravel(x) for x in shoot(width, height, *given, **more)[2:])
        if build == "without":
            return width, height, tuple(color.tolist()), tuple(depth.tolist()), tuple(labels.tolist())
        shape = (height, width)
        arrays = color.astype(np.uint8).reshape(*shape, 4), depth.astype(np.float32).reshape(shape)
        return width, height, *arrays, labels.astype(np.int32).reshape(shape)

    monkeypatch.setattr(camera.p, "getCameraImage", as_built)
    with World() as other:
        other.load(scene)
        image = other.render(64, 48)
    assert set(np.unique(image.segmentation)) >= {0, 1, 2, 3}
    for name in ("rgb", "depth", "segmentation"):
        one, two = getattr(image, name), getattr(expected, name)
        assert (one.dtype, one.tobytes()) == (two.dtype, two.tobytes())


CHEST = """
description: a chest of two trays
body_type: static
size: {w: 0.2, d: 0.2, h: 0.1}
parts: [{shape: box, size: [w, d, 0.02], at: [0, 0, 0.01]}]
moving_parts:
  left: {joint: {type: prismatic, axis: [-1, 0, 0], travel: 0.1, origin: [0, 0.05, 0.06], extent: [w, 0.08, 0.04]},
    parts: [{shape: box, size: [w, 0.08, 0.04], at: [0, 0, 0]}]}
  right: {joint: {type: prismatic, axis: [-1, 0, 0], travel: 0.1, origin: [0, -0.05, 0.06], extent: [w, 0.08, 0.04]},
    parts: [{shape: box, size: [w, 0.08, 0.04], at: [0, 0, 0]}]}
"""


def test_each_moving_part_of_a_fixture_has_a_label_of_its_own(tmp_path: Path) -> None:
    folder = tmp_path / "assets" / "fixtures"
    folder.mkdir(parents=True)
    (tmp_path / "tabletop.toml").write_text('name = "chests"\n', encoding="utf-8")
    (folder / "chest.yaml").write_text(CHEST, encoding="utf-8")
    projects.use_project(tmp_path)
    try:
        cube = {"kind": "block", "at": {"x": 0.5, "y": 0.25}}
        card = {"entities": {"chest": {"kind": "chest", "at": {"x": 0.5, "y": 0.0}, "yaw": 0}, "cube": cube}}
        across = Camera((1.2, 0.0, 0.6), (0.5, 0.0, 0.0), 50.0)  # The arm is behind the things.
        with World() as world:
            state = world.load(generate(card, 0))
            labels = {name: label for label, name in world.segmentation_labels.items()}
            parameters = camera_parameters(across, 160, 160)
            seen = world.render(160, 160, across).segmentation
            names = ("chest/left", "chest/right", "cube")
            assert {"chest", *names} <= labels.keys()
            ((u, v, _), (u2, v2, _), (u3, v3, _)) = parameters.pixels([state.entity(n, "position") for n in names])
            for name, column, row in zip(names, (u, u2, u3), (v, v2, v3), strict=True):
                assert seen[round(row), round(column)] == labels[name]
            assert (seen == labels["chest"]).any()
            assert set(np.unique(seen)) <= set(labels.values())
    finally:
        projects._used, projects._version = (), projects._version + 1
