"""Where to look from: what is framed is in the picture and near, from above, along the gripper."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from tabletop.errors import TabletopError
from tabletop.sim import Camera, Entity, Scene, World, framing, generate, load_scene_card
from tabletop.sim.scene import scene_text
from tabletop.sim.viewpoints import VIEWS

SIZE = (240, 180)
BLOCK = Entity("block", "block", (0.5, 0.1, 0.03), size=(0.06, 0.06, 0.06), color=(0.9, 0.05, 0.05, 1.0))


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World() as made:
        yield made


def seen_at(camera: Camera, point: tuple[float, ...], aspect: float = 4 / 3) -> np.ndarray:
    """Return where a point is in the picture: -1 to 1 from left to right and from bottom to top."""
    ahead = np.subtract(camera.target, camera.position)
    ahead = ahead / np.linalg.norm(ahead)
    right = np.cross(ahead, (0, 0, 1))
    right = right / np.linalg.norm(right)
    gap = np.subtract(point, camera.position)
    half = np.tan(np.radians(camera.fov) / 2) * (gap @ ahead)
    return np.array([gap @ right / (half * aspect), gap @ np.cross(right, ahead) / half])


@pytest.mark.parametrize("card", ["discovery", "workshop", "fabrics"])
@pytest.mark.parametrize("seed", range(3))
def test_framing_shows_every_entity_and_the_gripper_larger_than_the_scenes_own_camera(
    world: World, card: str, seed: int
) -> None:
    scene = generate(load_scene_card(card), seed)
    before = scene_text(scene)
    world.load(scene)
    near, far = (world.render(*SIZE, camera).segmentation for camera in (framing(scene), scene.camera))
    assert scene_text(scene) == before
    assert np.abs(seen_at(framing(scene), scene.robot.position)).max() < 1
    counts = [((near == i).sum(), (far == i).sum()) for i in range(2, 2 + len(scene.names))]
    # A thing may stand behind another or the hand, from one side more than from the other.
    assert all(n for n, _ in counts)
    assert sum(n for n, _ in counts) > 1.5 * sum(f for _, f in counts)


def test_one_small_thing_does_not_fill_the_picture_and_the_nearer_the_gripper_the_larger_it_is(world: World) -> None:
    shares = []
    for height in (0.05, 0.30):
        scene = Scene((BLOCK,))
        scene = replace(scene, robot=replace(scene.robot, position=(0.5, -0.05, height)))
        world.load(scene)
        shares.append((world.render(*SIZE, framing(scene)).segmentation == 2).mean())
    assert 0.1 > shares[0] > shares[1] > 0.01


def test_a_way_is_framed_too_and_what_leaves_the_table_up_to_its_edge() -> None:
    scene = Scene((BLOCK,))
    left = (0.5, 0.38, 0.03)
    assert np.abs(seen_at(framing(scene), left)).max() > 1
    assert np.abs(seen_at(framing(scene, [left]), left)).max() < 1
    fallen = framing(scene, [(0.5, 3.0, -2.0)])
    assert np.abs(seen_at(fallen, (0.5, 0.4, 0.0))).max() < 1
    assert framing(scene, [(0.5, 0.4, 0.0)]) == fallen


def test_an_open_drawer_is_in_the_frame_of_a_closed_one(world: World) -> None:
    card = {"entities": {"drawer": {"kind": "drawer", "at": {"x": 0.55, "y": 0.15}, "yaw": 0, "fraction": [0, 0]}}}
    scene = generate(card, 1)
    opened = replace(scene, entities=(replace(scene.entity("drawer"), fraction=1.0),))
    world.load(opened)
    seen = world.render(*SIZE, framing(scene)).segmentation == 2
    edges = np.concatenate([seen[0], seen[-1], seen[:, 0], seen[:, -1]])
    assert seen.any()
    assert not edges.any()


def test_from_above_all_of_the_table_is_seen_with_away_up_and_left_to_the_left(world: World) -> None:
    ball = Entity("ball", "ball", (0.65, -0.2, 0.025), size=(0.05, 0.05, 0.05))
    scene = Scene((BLOCK, ball))
    world.load(scene)
    seen = world.render(120, 120, world.camera("top")).segmentation
    rows, columns = np.nonzero(seen == 0)
    assert 0 < rows.min() < rows.max() < 119
    assert 0 < columns.min() < columns.max() < 119
    block, other = (np.array(np.nonzero(seen == i)).mean(axis=1) for i in (2, 3))
    assert other[0] < block[0] - 10
    assert block[1] < 60 < other[1]


def test_the_wrists_camera_goes_along_and_turns_with_the_hand(world: World) -> None:
    """What stands before the gripper is in the middle above the fingers, and turns as the hand does."""

    def block(x: float, yaw: float) -> np.ndarray:
        scene = Scene((replace(BLOCK, position=(0.55, 0.0, 0.03)),))
        world.load(replace(scene, robot=replace(scene.robot, position=(x, 0.0, 0.15), yaw=yaw)))
        image = world.render(120, 120, world.camera("wrist"))
        assert (image.segmentation == 1).any()
        return np.array(np.nonzero(image.segmentation == 2)).mean(axis=1)

    ahead, below, turned = block(0.47, 0.0), block(0.53, 0.0), block(0.47, 0.6)
    assert abs(ahead[1] - 59.5) < 2
    assert ahead[0] < below[0] < 119
    assert abs(turned[1] - 59.5) > 15


def test_pictures_of_every_view_leave_the_physics_as_it_is(world: World) -> None:
    scene = generate(load_scene_card("discovery"), 5)

    def run(views: tuple[str, ...]) -> np.ndarray:
        world.load(scene)
        rows = []
        for i in range(12):
            for view in views:
                world.render(32, 24, world.camera(view))
            rows.append(world.step([0.2, 0.3, -1.0, 0.1 * (-1) ** i, -1.0]).values)
        return np.stack(rows)

    assert np.array_equal(run(()), run(VIEWS))


def test_an_unknown_view_is_refused(world: World) -> None:
    world.load(Scene())
    with pytest.raises(TabletopError, match="unknown view 'side'; there are: scene, top, wrist"):
        world.camera("side")
