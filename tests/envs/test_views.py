"""Pixels: which cameras, colour, depth and segmentation, and what the numbers of these mean."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from gymnasium import spaces

from tabletop.envs import TabletopEnv
from tabletop.envs.views import IMAGES, MODALITIES, Views
from tabletop.errors import TabletopError
from tabletop.sim import Camera, World, generate
from tabletop.sim.camera import segmentation_ids
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
        ({"modalities": ("rgb", "touch")}, "unknown modality 'touch'; there are: depth, extrinsics, intrinsics, rgb, segmentation"),
        ({"modalities": ("rgb", "rgb")}, "modalities must be different ones, got rgb, rgb"),
        ({"modalities": ()}, "modalities must be one or more"),
        ({"modalities": ("depth",), "observation": "state"}, 'modalities go with observation "pixels"'),
    ],
)
def test_wrong_choices_are_refused_in_one_line(arguments: dict, message: str) -> None:
    with pytest.raises(TabletopError, match=message) as error:
        TabletopEnv("push", **{"observation": "pixels", **arguments})
    assert "\n" not in str(error.value)
