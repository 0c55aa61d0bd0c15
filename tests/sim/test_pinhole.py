"""Pictures are those of a pinhole: what is where in the world is where the matrices say in the picture, and back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

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
    framing,
    intrinsics,
    points_from_depth,
    project_points,
    unproject_depth,
)
from tabletop.sim.camera import MovingCamera
from tabletop.sim.scene import TABLE_NEAR_EDGE, Robot

BLOCK = Entity("block", "block", (0.5, 0.1, 0.04), size=(0.08, 0.06, 0.08))
BALLS = tuple(
    Entity(f"ball{i}", "ball", at, size=(0.07, 0.07, 0.07))
    for i, at in enumerate([(0.45, -0.12, 0.035), (0.62, 0.25, 0.2), (0.68, -0.28, 0.05)])
)
# The hand is above the block and its camera sees it.
SCENE = Scene((BLOCK, *BALLS), robot=Robot(position=(0.42, 0.1, 0.2)))
SLAB = ((TABLE_NEAR_EDGE + SCENE.table.size[0] / 2, 0.0, SCENE.table.height - 0.02), (*SCENE.table.size, 0.04))
CAMERAS = {
    "scene": None,
    "wrist": "wrist",
    "top": "top",
    "framing": framing(SCENE),
    "across": Camera((1.3, 0.2, 0.5), (0.45, 0.0, 0.05), 40.0),
    "down": Camera((0.5, 0.0, 1.0), (0.5, 0.0, 0.0), 50.0),
    "tilted": MovingCamera((0.9, 0.5, 0.6), (0.5, 0.0, 0.0), 55.0, (0.5, 0.0, 1.0)),
}
SIZES = [(240, 180), (97, 84)]


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World() as made:
        made.load(SCENE)
        yield made


def camera_of(world: World, name: str) -> Camera:
    given = CAMERAS[name]
    return given if isinstance(given, Camera) else world.camera(given or "scene")


def seen_at(camera: Camera, points: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return the pixels (n, 2) at which places (n, 3) are seen."""
    own = extrinsics(camera) @ np.column_stack([points, np.ones(len(points))]).T
    u, v, z = intrinsics(camera, *size) @ own[:3]
    assert (z > 0).all()
    return np.stack([u / z, v / z], axis=-1)


def corners(middle: tuple[float, ...], size: tuple[float, ...]) -> np.ndarray:
    signs = np.stack(np.meshgrid(*[(-0.5, 0.5)] * 3), axis=-1).reshape(-1, 3)
    return middle + signs * size


def outside(camera: Camera, points: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return how far, in pixels, each pixel's centre is outside of the convex outline of places; below 0 inside."""
    at = seen_at(camera, points, size)
    v, u = np.mgrid[: size[1], : size[0]]
    gaps = []
    for one in at:
        for other in at:
            along = other - one
            if np.hypot(*along) > 1e-6:
                normal = np.array([along[1], -along[0]]) / np.hypot(*along)
                if ((at - one) @ normal).max() < 1e-6:
                    gaps.append((u - one[0]) * normal[0] + (v - one[1]) * normal[1])
    return np.max(gaps, axis=0)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", CAMERAS)
def test_a_boxs_outline_is_that_of_its_corners_to_a_tenth_of_a_pixel(
    world: World, name: str, size: tuple[int, int]
) -> None:
    camera = camera_of(world, name)
    seen = world.render(*size, camera).segmentation
    gap = outside(camera, corners(BLOCK.position, BLOCK.size), size)
    assert (seen == 2).sum() > 30
    assert gap[seen == 2].max() < 0.1
    # Balls and the robot may stand before it.
    assert ((seen == 2) | (seen == 1) | (seen > 2))[gap < -0.1].all()


@pytest.mark.parametrize("name", [n for n in CAMERAS if n != "wrist"])
def test_the_tables_outline_is_that_of_its_corners_to_a_tenth_of_a_pixel(world: World, name: str) -> None:
    camera, size = camera_of(world, name), SIZES[0]
    seen = world.render(*size, camera).segmentation
    gap = outside(camera, corners(*SLAB), size)
    assert gap[seen == 0].max() < 0.1
    assert (seen != -1)[gap < -0.1].all()


@pytest.mark.parametrize("name", [n for n in CAMERAS if n != "wrist"])
def test_balls_are_where_their_centres_are_projected_to(world: World, name: str) -> None:
    """A ball's outline is not round: its middle is that of the rays that meet the ball.

    Balls are drawn with flat faces. These move each middle by up to a tenth of a pixel, in any direction.
    """
    size = (480, 360)
    camera = camera_of(world, name)
    seen = world.render(*size, camera).segmentation
    rays = points_from_depth(camera, np.ones(size[::-1])) - camera.position
    rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
    off = []
    for i, ball in enumerate(BALLS):
        gap = np.subtract(ball.position, camera.position)
        along = rays @ gap
        predicted = gap @ gap - along**2 < (ball.size[0] / 2) ** 2
        mask = seen == 3 + i
        if mask.sum() < 0.93 * predicted.sum() or predicted[[0, -1]].any() or predicted[:, [0, -1]].any():
            continue  # Something is before it, or it is partly out of the picture.
        off.append(np.mean(np.nonzero(mask), axis=1) - np.mean(np.nonzero(predicted), axis=1))
    assert len(off) >= 2
    assert np.abs(np.mean(off, axis=0)).max() < 0.1


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", CAMERAS)
def test_points_from_depth_lie_on_the_things_to_a_tenth_of_a_millimetre(
    world: World, name: str, size: tuple[int, int]
) -> None:
    camera = camera_of(world, name)
    image = world.render(*size, camera)
    points = points_from_depth(camera, image.depth)
    for label, (middle, extents) in {0: SLAB, 2: (BLOCK.position, BLOCK.size)}.items():
        off = np.abs(points[image.segmentation == label] - middle) - np.divide(extents, 2)
        assert len(off)
        assert np.abs(off.max(axis=-1)).max() < 1e-4


def test_the_middle_of_the_view_is_the_middle_of_the_picture_and_its_edges_half_a_pixel_farther() -> None:
    camera = Camera((1.0, 0.0, 0.5), (0.0, 0.0, 0.5), fov=90.0)
    for width, height in ((84, 60), (7, 5)):
        (middle, top) = seen_at(camera, np.array([[0.2, 0.0, 0.5], [0.0, 0.0, 1.5]]), (width, height))
        assert middle == pytest.approx([(width - 1) / 2, (height - 1) / 2])
        assert top[1] == pytest.approx(-0.5)
    matrix = extrinsics(camera)
    assert matrix[:3, :3] @ matrix[:3, :3].T == pytest.approx(np.eye(3))
    assert np.linalg.det(matrix) == pytest.approx(1.0)


def test_left_is_left_and_up_is_up() -> None:
    camera = Camera((-0.5, 0.0, 0.5), (0.5, 0.0, 0.5))
    left, high = seen_at(camera, np.array([[0.5, 0.1, 0.5], [0.5, 0.0, 0.6]]), (64, 48))
    assert left[0] < 31.5
    assert left[1] == pytest.approx(23.5)
    assert high[1] < 23.5


@pytest.mark.parametrize("name", ["scene", "top", "across", "down", "tilted", "ahead"])
def test_projected_corners_bound_the_segmentation_of_a_box_to_a_pixel(world: World, name: str) -> None:
    ahead = SceneCamera("ahead", (0.12, 0.0, -0.05), (0.25, 0.0, 0.1), 90.0, "gripper")
    size = (240, 180)
    with World() as other:  # The gripper stands aside.
        other.load(Scene((BLOCK,), robot=Robot(position=(0.3, 0.1, 0.2)), cameras=(ahead,)))
        camera = other.camera("ahead") if name == "ahead" else camera_of(world, name)
        seen = np.nonzero(other.render(*size, camera).segmentation == 2)
    columns, rows, depth = camera_parameters(camera, *size).pixels(corners(BLOCK.position, BLOCK.size)).T
    assert (depth > 0).all()
    for own, pixels in ((rows, seen[0]), (columns, seen[1])):
        # Nothing is outside. Where two edges meet at a point, its tip may hold the middle of no pixel.
        assert own.min() - 0.1 <= pixels.min() <= own.min() + 1.5
        assert own.max() - 1.5 <= pixels.max() <= own.max() + 0.1


def test_pixels_and_places_are_each_others_inverse_for_many_pictures_at_once(world: World) -> None:
    cameras = [camera_of(world, name) for name in ("scene", "wrist", "tilted")]
    k = np.stack([intrinsics(c, 40, 30) for c in cameras])
    matrices = np.stack([extrinsics(c) for c in cameras])
    depth = np.stack([world.render(40, 30, c).depth for c in cameras])
    points = unproject_depth(k, matrices, depth)
    assert points.shape == (3, 30, 40, 3)
    for camera, picture, own in zip(cameras, depth, points, strict=True):
        assert own == pytest.approx(points_from_depth(camera, picture), abs=1e-12)
    v, u = np.mgrid[:30, :40]
    wanted = np.broadcast_to(np.stack([u, v], axis=-1), (3, 30, 40, 2)).reshape(3, -1, 2)
    found = project_points(k, matrices, points.reshape(3, -1, 3))
    assert found[..., :2] == pytest.approx(wanted, abs=1e-6)
    assert found[..., 2] == pytest.approx(depth.reshape(3, -1), abs=1e-9)
    # One K goes with all of them.
    assert unproject_depth(k[0], matrices[:1], depth[:2]).shape == (2, 30, 40, 3)


def test_a_cameras_pose_is_the_inverse_of_its_extrinsics(world: World) -> None:
    for name in ("scene", "wrist"):
        camera = camera_of(world, name)
        parameters = camera_parameters(camera, 84, 60)
        assert parameters.pose @ parameters.extrinsics == pytest.approx(np.eye(4), abs=1e-12)
        assert parameters.pose[:3, 3] == pytest.approx(camera.position)


def test_what_is_behind_has_a_depth_below_0_and_what_is_beside_no_pixel() -> None:
    parameters = camera_parameters(Camera((0.0, 0.0, 0.0), (1.0, 0.0, 0.0)), 84, 60)
    behind, beside = parameters.pixels([[-2.0, 0.1, 0.0], [0.0, 0.3, 0.0]])
    assert behind[2] == pytest.approx(-2.0)
    assert np.isnan(beside[:2]).all()
    assert beside[2] == 0.0


def test_what_cannot_be_is_refused_in_one_line() -> None:
    camera = Camera()
    for call in (
        lambda: intrinsics(camera, 0, 84),
        lambda: intrinsics(replace(camera, fov=180.0), 84, 84),
        lambda: extrinsics(replace(camera, target=camera.position)),
        lambda: extrinsics(replace(camera, position=(0.0, float("nan"), 0.0))),
        lambda: points_from_depth(camera, np.ones(5)),
        lambda: unproject_depth(np.eye(4), np.eye(4), np.ones((5, 5))),
        lambda: unproject_depth(np.eye(3), np.eye(4), np.ones(5)),
        lambda: unproject_depth(np.ones((2, 3, 3)) * np.eye(3), np.eye(4), np.ones((3, 5, 5))),
        lambda: project_points(np.eye(3), np.eye(4), np.ones(3)),
        lambda: project_points(np.eye(3), np.eye(4), np.ones((4, 2))),
        lambda: project_points(np.ones((2, 3, 3)), np.ones((3, 4, 4)), np.ones((4, 3))),
        lambda: camera_parameters(camera, 84, 0),
    ):
        with pytest.raises(TabletopError) as error:
            call()
        assert "\n" not in str(error.value)
