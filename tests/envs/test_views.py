"""Pixels: which cameras, colour, depth and segmentation, and what the numbers of these mean."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from gymnasium import spaces

from tabletop.envs import TabletopEnv
from tabletop.envs.views import IMAGES, MODALITIES, Views
from tabletop.errors import TabletopError
from tabletop.sim import Camera, SceneCamera, World, generate, unproject_depth
from tabletop.sim.camera import segmentation_ids
from tabletop.sim.scene import TABLE_NEAR_EDGE
from tabletop.sim.viewpoints import VIEWS

SIZE = (40, 30)
FRONT = Camera(position=(1.3, 0.0, 0.5), target=(0.4, 0.0, 0.1), fov=40.0)
SCENE = generate({"entities": {"red": {"kind": "block", "at": {"x": 0.5, "y": 0.1}}, "cup": "mug"}}, 2)


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World() as made:
        made.load(SCENE)
        yield made


def test_one_camera_with_one_modality_is_an_array(world: World) -> None:
    image = world.render(*SIZE)
    for modality in IMAGES:
        views = Views(modalities=[modality], size=SIZE)
        seen = views(world)
        assert isinstance(views.space, spaces.Box)
        assert views.space.contains(seen)
        assert np.array_equal(seen, getattr(image, modality))
    assert np.array_equal(Views(size=SIZE)(world), image.rgb)


def test_more_are_a_dict_by_camera_and_modality(world: World) -> None:
    views = Views({"front": FRONT, "hand": "wrist"}, ("rgb", "segmentation"), SIZE)
    seen = views(world)
    assert list(seen) == ["front/rgb", "front/segmentation", "hand/rgb", "hand/segmentation"]
    assert isinstance(views.space, spaces.Dict)
    assert views.space.contains(seen)
    assert np.array_equal(seen["front/rgb"], world.render(*SIZE, FRONT).rgb)
    assert np.array_equal(seen["hand/segmentation"], world.render(*SIZE, world.camera("wrist")).segmentation)
    assert np.array_equal(views.picture(world, 64, 48), world.render(64, 48, FRONT).rgb)


def test_depth_never_leaves_its_space(world: World) -> None:
    sky = Camera(position=(0.5, 0, 2.0), target=(0.5, 0.01, 4.0))
    views = Views({"up": sky}, ["depth"], SIZE)
    assert views(world).min() == views(world).max() == 4.0
    assert views.space.contains(views(world))


def test_a_camera_may_look_straight_down(world: World) -> None:
    views = Views({"mine": Camera((0.5, 0.0, 1.0), (0.5, 0.0, 0.0))}, ["segmentation"], SIZE)
    assert {0, 2} <= set(np.unique(views(world)))


def test_ids_name_what_is_seen(world: World) -> None:
    ids = segmentation_ids(SCENE.names)
    assert ids == {"background": -1, "table": 0, "robot": 1, "red": 2, "cup": 3}
    seen = Views("top", ["segmentation"], (96, 96))(world)
    assert set(np.unique(seen)) == set(ids.values())
    # The block is nearer to the robot's left, which is the picture's left, than the table's middle.
    assert np.nonzero(seen == ids["red"])[1].mean() < 48


def test_names_that_segmentations_use_themselves_are_refused() -> None:
    made = TabletopEnv(card={"entities": {"robot": "block"}}, observation="pixels", modalities=["segmentation"])
    with pytest.raises(TabletopError, match="no entity may be called background, table, robot, got 'robot'"):
        made.reset(seed=0)
    made.close()


def test_an_environments_pixels_are_its_views_and_say_what_the_numbers_mean() -> None:
    made = TabletopEnv(
        "stack", observation="pixels", cameras=VIEWS, modalities=MODALITIES, size=SIZE, render_mode="rgb_array"
    )
    observation, info = made.reset(seed=0)
    assert made.observation_space.contains(observation)
    assert len(observation) == 15
    assert info["segmentation_ids"] == made.segmentation_ids
    assert made.segmentation_ids["red"] in np.unique(observation["scene/segmentation"])
    assert "segmentation_ids" not in made.step(np.zeros(5, np.float32))[4]
    picture = made.render()
    assert np.array_equal(picture, made.world.render(480, 360).rgb)
    made.close()


def test_matrices_are_observed_and_turn_observed_depth_into_places(world: World) -> None:
    modalities = ("depth", "segmentation", "intrinsics", "extrinsics")
    made = TabletopEnv("push", observation="pixels", cameras=("scene", "wrist"), modalities=modalities, size=SIZE)
    made.reset(seed=1)
    for _ in range(6):
        observation = made.step(np.array([0.2, 0.1, -0.4, 0.5, 1.0], np.float32))[0]
    assert made.observation_space.contains(observation)
    table = made.world.scene.table  # type: ignore[union-attr]
    lower = np.array([TABLE_NEAR_EDGE, -table.size[1] / 2])
    for camera in ("scene", "wrist"):
        depth, seen, k, matrix = (observation[f"{camera}/{m}"] for m in modalities)
        points = unproject_depth(k, matrix, depth)
        parameters = made.camera_parameters(camera)
        assert np.abs(parameters.points(depth) - points).max() < 1e-5
        # Not the slab's sides.
        inside = ((points[..., :2] > lower + 0.005) & (points[..., :2] < lower + table.size - 0.005)).all(-1)
        upper = points[(seen == 0) & inside]
        assert len(upper) > 100
        assert np.abs(upper[:, 2] - table.height).max() < 1e-3
    assert not np.array_equal(*(observation[f"{c}/extrinsics"] for c in ("scene", "wrist")))
    made.close()


def test_matrices_alone_take_no_picture(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(World, "render", None)
    views = Views("wrist", ["intrinsics", "extrinsics"], SIZE)
    assert [v.shape for v in views(world).values()] == [(3, 3), (4, 4)]


HAND = {"frame": "gripper", "position": [0.08, 0.0, -0.1], "target": [0.0, 0.0, 0.05]}
CARD = {
    "entities": {"block": {"kind": "block", "at": {"x": 0.5, "y": 0.0}}},
    "cameras": {"front": {"position": [1.3, [-0.2, 0.2], 0.5], "target": [0.45, 0.0, 0.05]}, "hand": HAND},
}


def test_an_environment_sees_by_the_cameras_of_its_scene_card() -> None:
    made = TabletopEnv("push-left", card=CARD, observation="pixels", cameras=("front", "hand"), size=SIZE)
    fronts = []
    for seed in (0, 1):
        observation, _ = made.reset(seed=seed)
        assert made.observation_space.contains(observation)
        assert np.array_equal(observation["front/rgb"], made.world.render(*SIZE, made.world.scene.cameras[0]).rgb)  # type: ignore[union-attr]
        fronts.append(made.camera_parameters("front").pose[:3, 3])
    assert fronts[0][0] == pytest.approx(1.3)
    assert fronts[0][1] != fronts[1][1]
    before = made.camera_parameters("hand").pose[:3, 3]
    made.step(np.array([0.0, 1.0, 0.0, 0.0, 1.0], np.float32))
    moved = made.camera_parameters("hand").pose[:3, 3] - before
    assert moved[1] > 0.01
    before = made.state.values
    with pytest.raises(TabletopError, match="unknown view 'front'; there are: scene, top, wrist"):
        made.reset(options={"card": {"entities": {"block": "block"}}})
    assert np.array_equal(made.state.values, before), "the episode goes on"
    made.close()
    with pytest.raises(TabletopError, match="no episode has begun; call reset first"):
        made.camera_parameters("front")
    with pytest.raises(TabletopError, match="unknown view 'front'"):
        TabletopEnv("push-left", observation="pixels", cameras="front")


def test_a_camera_on_the_gripper_needs_no_card(world: World) -> None:
    as_value = SceneCamera("any", (0.08, 0.0, -0.1), (0.0, 0.0, 0.05), frame="gripper")
    pictures = [Views({"hand": given}, size=SIZE)(world) for given in (as_value, HAND)]
    assert np.array_equal(*pictures)
    with pytest.raises(TabletopError, match=r"camera 'hand': position\[0\]: Expected `float`"):
        Views({"hand": {**HAND, "position": [[0, 1], 0, 0]}})


def test_cameras_may_have_lists_and_none_that_cannot_see(world: World) -> None:
    with_lists = Camera([1.0, 0.0, 0.5], [0.4, 0.0, 0.0])  # type: ignore[arg-type]
    placed = SceneCamera("x", [1, 0, 0.5], [0.4, 0, 0])  # type: ignore[arg-type]
    shown = world.render(*SIZE, Camera((1.0, 0.0, 0.5), (0.4, 0.0, 0.0))).rgb
    assert np.array_equal(world.render(*SIZE, with_lists).rgb, shown)
    assert np.array_equal(world.render(*SIZE, placed).rgb, shown)
    for frame in ("world", "gripper"):
        with pytest.raises(TabletopError, match=r"camera: position: Expected .*, got 'abc'"):
            world.camera(SceneCamera("x", "abc", (0.4, 0.0, 0.0), frame=frame))  # type: ignore[arg-type]
    (camera,) = Views({"own": {**HAND, "name": "other"}}, size=SIZE)._cameras.values()
    assert isinstance(camera, SceneCamera)
    assert camera.name == "own"


def test_segmentations_have_a_table() -> None:
    made = TabletopEnv("stack", observation="pixels", modalities=["segmentation"], size=SIZE)
    observation, info = made.reset(seed=0)
    labels = made.segmentation_labels
    assert labels == made.world.segmentation_labels
    assert {name: label for label, name in labels.items()} == info["segmentation_ids"]
    assert set(np.unique(observation)) <= set(labels)
    made.close()


def test_pixels_do_not_change_what_happens() -> None:
    rows = []
    for more in ({}, {"observation": "pixels", "cameras": VIEWS, "modalities": MODALITIES, "size": SIZE}):
        made = TabletopEnv("lift", **more)  # type: ignore[arg-type]
        made.reset(seed=3)
        for action in np.random.default_rng(0).uniform(-1, 1, (15, 5)).astype(np.float32):
            made.step(action)
        rows.append(made.state.values)
        made.close()
    assert np.array_equal(*rows)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"cameras": "side"}, "unknown view 'side'; there are: a tabletop.sim.Camera, scene, top, wrist"),
        ({"cameras": ()}, "cameras must be one or more"),
        ({"cameras": ("top", "top")}, "cameras must be different ones, got top, top"),
        ({"cameras": (FRONT,)}, "a camera needs a name"),
        ({"cameras": {"a/b": "top"}}, "a camera needs a name without a slash, .* got 'a/b'"),
        ({"cameras": {"mine": 3}}, "unknown view '3'"),
        ({"cameras": {"mine": Camera((0.5, 0, 1), (0.5, 0, 1))}}, "must look at another place than its own"),
        ({"cameras": {"mine": Camera((0.5, np.inf, 1), (0.5, 0, 0))}}, r"camera: position\[1\]: Expected .* got inf"),
        ({"cameras": {"mine": Camera(fov=180.0)}}, "camera: fov: Expected .* < 180"),
        (
            {"modalities": ("rgb", "touch")},
            "unknown modality 'touch'; there are: depth, extrinsics, intrinsics, rgb, segmentation",
        ),
        ({"modalities": ("rgb", "rgb")}, "modalities must be different ones, got rgb, rgb"),
        ({"modalities": ()}, "modalities must be one or more"),
        ({"modalities": ("depth",), "observation": "state"}, 'modalities go with observation "pixels"'),
    ],
)
def test_wrong_choices_are_refused_in_one_line(arguments: dict, message: str) -> None:
    with pytest.raises(TabletopError, match=message) as error:
        TabletopEnv("push", **{"observation": "pixels", **arguments})
    assert "\n" not in str(error.value)
