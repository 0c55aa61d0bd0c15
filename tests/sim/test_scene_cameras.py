"""Cameras that a scene card names: drawn apart from all else, saved with the scene, fixed or on the gripper."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tabletop.errors import TabletopError
from tabletop.sim import (
    Camera,
    Entity,
    Scene,
    SceneCamera,
    World,
    camera_parameters,
    extrinsics,
    generate,
    load_scene,
    save_scene,
)
from tabletop.sim.scene import Robot, read_scene, scene_text
from tabletop.sim.scene_cards import find_scene_card

THINGS = {"red": {"kind": "block", "mass": [0.1, 0.3]}, "rope": "rope"}
FRONT = {"position": [1.3, [-0.2, 0.2], 0.5], "target": [0.45, 0.0, 0.05], "fov": [35, 45]}
PALM = {"frame": "gripper", "position": [0.0, 0.09, -0.06], "target": [0.0, 0.0, 0.03], "up": [0, 0, -1]}
CARD = {"entities": THINGS, "cameras": {"front": FRONT, "palm": PALM}}
BLOCK = Entity("block", "block", (0.5, 0.1, 0.03), size=(0.06, 0.06, 0.06))


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World() as made:
        yield made


def test_cameras_are_drawn_from_their_ranges_and_move_nothing_else() -> None:
    scenes = [generate(CARD, seed) for seed in range(8)]
    for seed, scene in enumerate(scenes):
        assert replace(scene, cameras=()) == generate({"entities": THINGS}, seed)
        front, palm = scene.cameras
        assert front.position[::2] == (1.3, 0.5)
        assert -0.2 <= front.position[1] <= 0.2
        assert 35 <= front.fov <= 45
        assert palm == SceneCamera("palm", (0.0, 0.09, -0.06), (0.0, 0.0, 0.03), 47.0, "gripper", (0.0, 0.0, -1.0))
        assert generate(CARD, seed) == scene
    assert len({s.cameras[0] for s in scenes}) == 8
    further = generate({**CARD, "cameras": {**CARD["cameras"], "side": FRONT}}, 3)
    assert further.cameras[:2] == scenes[3].cameras


def test_a_scene_keeps_its_cameras_in_yaml_and_one_without_says_nothing_of_them(tmp_path: Path) -> None:
    scene = generate(CARD, 2)
    save_scene(scene, tmp_path / "scene.yaml")
    assert load_scene(tmp_path / "scene.yaml") == scene
    text = scene_text(replace(scene, cameras=()))
    assert "cameras" not in text
    assert scene_text(scene).startswith(text)


def test_a_yaml_card_names_cameras(tmp_path: Path, world: World) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "entities: {red: block}\n"
        "cameras:\n  front: {position: [1.3, [-0.2, 0.2], 0.5], target: [0.45, 0, 0.05]}\n"
        "  hand: {frame: gripper, position: [0.06, 0, -0.1], target: [0, 0, 0.05]}\n",
        encoding="utf-8",
    )
    world.load(generate(find_scene_card(path), 0))
    assert world.cameras == ("scene", "wrist", "top", "front", "hand")
    front = world.scene.cameras[0]  # type: ignore[union-attr]
    assert world.camera("front") == Camera(front.position, front.target, front.fov)
    assert np.array_equal(world.render(40, 30, "front").rgb, world.render(40, 30, world.camera("front")).rgb)


def test_the_wrists_camera_can_be_written_as_a_scenes_camera(world: World) -> None:
    own = SceneCamera("own", (0.05, 0.0, -0.085), (0.05, 0.0, 0.015), 80.0, "gripper")
    world.load(Scene((BLOCK,), cameras=(own,)))
    for _ in range(5):
        world.step([0.3, 0.4, -0.6, 0.8, 1.0])
    assert extrinsics(world.camera("own")) == pytest.approx(extrinsics(world.camera("wrist")), abs=1e-9)
    seen, wrist = (world.render(60, 60, name).segmentation for name in ("own", "wrist"))
    assert (seen == wrist).mean() > 0.999


@pytest.mark.parametrize("yaw", [0.0, 0.7])
def test_a_camera_on_the_gripper_stands_in_the_grippers_frame(world: World, yaw: float) -> None:
    """The hand points down, so its z is the world's -z; its x is ahead at yaw 0, and its y then to the right."""
    camera = SceneCamera("own", (0.1, 0.02, -0.15), (0.1, 0.02, 0.0), frame="gripper")
    state = world.load(Scene((BLOCK,), robot=Robot(position=(0.45, 0.05, 0.2), yaw=yaw), cameras=(camera,)))
    c, s = np.cos(yaw), np.sin(yaw)
    wanted = state.robot("gripper_position") + np.array([c * 0.1 + s * 0.02, s * 0.1 - c * 0.02, 0.15])
    pose = camera_parameters(world.camera("own"), 64, 64).pose
    assert pose[:3, 3] == pytest.approx(wanted, abs=2e-3)
    assert pose[:3, 2] == pytest.approx([0, 0, -1], abs=0.01)
    assert pose[:3, 1] == pytest.approx([-c, -s, 0], abs=0.01)  # Down in the picture is against the gripper's x.


def test_up_is_up_in_the_picture(world: World) -> None:
    left_up = SceneCamera("own", (0.5, 0.0, 1.0), (0.5, 0.0, 0.0), up=(0.0, 1.0, 0.0))
    world.load(Scene((BLOCK,), cameras=(left_up,)))
    ((u, v, z),) = camera_parameters(world.camera("own"), 101, 101).pixels([[0.6, 0.2, 0.0]])
    assert (u > 50, v < 50, z) == (True, True, pytest.approx(1.0))
    assert (u - 50) / (50 - v) == pytest.approx(0.5)
    rows = np.nonzero(world.render(101, 101, "own").segmentation == 2)[0]
    assert rows.max() < 50


def test_cameras_change_no_physics(world: World) -> None:
    def run(scene: Scene, views: tuple[str, ...]) -> np.ndarray:
        world.load(scene)
        rows = []
        for _ in range(8):
            for view in views:
                world.render(32, 24, view)
            rows.append(world.step([0.2, 0.3, -1.0, 0.1, -1.0]).values)
        return np.stack(rows)

    scene = generate(CARD, 5)
    assert np.array_equal(run(replace(scene, cameras=()), ()), run(scene, ("front", "palm")))


@pytest.mark.parametrize(
    ("cameras", "words"),
    [
        (3, "scene card: cameras: Expected `object`, got 3"),
        ({"front": 3}, "scene camera 'front' must be a mapping, got int"),
        ({"front": {"position": [1, 0, 0.5]}}, "scene camera 'front': Object missing required field `target`"),
        ({"front": {**FRONT, "look": [0, 0, 0]}}, "unknown field of scene camera 'front' 'look'"),
        ({"front": {**FRONT, "position": [1, 0]}}, "position: Expected `array` of length >= 3"),
        ({"front": {**FRONT, "position": [1, 0, "high"]}}, "position[2]: Expected `float | array`, got 'high'"),
        ({"front": {**FRONT, "position": [1, 0, float("nan")]}}, "position[2]: Expected `float`"),
        ({"front": {**FRONT, "position": [1, [0.2, 0.1], 0]}}, "position must be a number or [low, high]"),
        ({"front": {**FRONT, "fov": 180}}, "fov: Expected `float` < 180.0, got 180"),
        ({"front": {**FRONT, "fov": [50, 40]}}, "fov must be [low, high] with low <= high"),
        ({"front": {**FRONT, "frame": "elbow"}}, "frame: Expected one of 'world', 'gripper'"),
        ({"front": {**FRONT, "up": [0, [0, 1], 1]}}, "up[1]: Expected `float`, got [0, 1]"),
        ({"wrist": FRONT}, "camera 'wrist': the name must be none of scene, wrist, top"),
        ({"a/b": FRONT}, "cameras"),
        ({"down": {"position": [0, 0, 1], "target": [0, 0, 1]}}, "camera 'down': a camera must look at another place"),
        ({"down": {"position": [0, 0, 1], "target": [0, 0, 0], "up": [0, 0, 2]}}, "must point to another side"),
        ({"down": {"position": [0, 0, 1], "target": [0, 0, 0], "up": [0, 0, 0]}}, "must point to another side"),
        ({f"c{i}": FRONT for i in range(21)}, "cameras: Expected `object` of length <= 20"),
    ],
)
def test_a_malformed_camera_is_refused_in_one_line_before_a_scene_is_drawn(cameras: object, words: str) -> None:
    for call in (lambda card: generate(card, 0), find_scene_card):
        with pytest.raises(TabletopError) as error:
            call({"entities": THINGS, "cameras": cameras})
        assert words in str(error.value)
        assert "\n" not in str(error.value)


def test_a_saved_scene_with_cameras_that_cannot_be_is_refused(world: World) -> None:
    camera = SceneCamera("own", (0.0, 0.0, 1.0), (0.0, 0.0, 0.0))
    for wrong, words in (
        ((camera, camera), "camera names must be unique, 'own' stands 2 times"),
        ((replace(camera, name="top"),), "the name must be none of"),
        ((replace(camera, target=(0.0, 0.0, 1.0)),), "must look at another place"),
    ):
        scene = Scene((BLOCK,), cameras=wrong)
        with pytest.raises(TabletopError, match=words):
            world.load(scene)
        with pytest.raises(TabletopError, match=words):
            read_scene(scene_text(scene))
