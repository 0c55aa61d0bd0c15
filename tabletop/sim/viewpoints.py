"""Where to look from: near to what a scene is about, from above, and along the gripper."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from tabletop.sim.camera import MovingCamera
from tabletop.sim.placement import Rectangle, footprint, heights
from tabletop.sim.robot_card import Hand
from tabletop.sim.scene import TABLE_NEAR_EDGE, VIEWS, Camera, Scene, SceneCamera, Table, TiltedCamera, Vector

__all__ = ["VIEWS", "framing", "scene_view", "top_view", "wrist_view"]

Array = npt.NDArray[np.float64]

_STEEPNESS: Final = math.radians(40.0)
"""How steeply `framing` looks down: flatter, the arm hides what it holds; steeper, heights are lost."""
_FOV: Final = 38.0
"""deg, vertical, of `framing`."""
_ASPECT: Final = 4 / 3
"""Width by height of the pictures that `framing` is for."""
_FILLED: Final = 0.85
"""Share of the picture that holds what is framed."""
_HAND: Final = (0.03, 0.10, 0.05)
"""m, half extents of the hand across and along its fingers' way, and its height above the fingers' middle."""
_ROOM: Final = 0.05
"""m around each thing that are framed too."""
_LEAST: Final = 0.18
"""m to each side of the middle that are framed in any case: one small thing does not fill the picture."""

_TOP_FOV: Final = 45.0
_TOP_ROOM: Final = 0.08
"""m around the table that `top_view` shows."""

_MOUNT: Final = (0.021, 0.049)
"""m from the hand to the wrist's camera: off its side along its own x, and above the palm. The hand's lower face is
then nearer than cameras see, and does not cover the fingers."""
_WRIST_FOV: Final = 80.0


def framing(scene: Scene, way: Sequence[Sequence[float]] | Array = ()) -> Camera:
    """Return a camera that is near to what a scene is about: its entities and the gripper.

    It is for pictures that people look at, 4 wide by 3 high. It looks from the side of the scene's own camera, and
    more steeply. The scene and its camera stay as they are.

    Args:
        scene: entities and gripper are framed where they start, and all that a fixture's moving part reaches.
        way: (n, 3), m, world: further points to frame, such as where a thing went. Of points off the table the
            nearest place on the table counts.

    >>> from tabletop.sim import World, framing, generate, load_scene_card
    >>> scene = generate(load_scene_card("discovery"), seed=3)
    >>> with World() as world:
    ...     _ = world.load(scene)
    ...     world.render(240, 180, framing(scene)).rgb.shape
    (180, 240, 3)
    """
    points = _framed(scene, np.asarray(way, dtype=np.float64).reshape(-1, 3))
    (x, y), (own_x, own_y) = scene.camera.target[:2], scene.camera.position[:2]
    bearing = math.atan2(own_y - y, own_x - x)
    flat, rise = math.cos(_STEEPNESS), math.sin(_STEEPNESS)
    ahead = -np.array([flat * math.cos(bearing), flat * math.sin(bearing), rise])
    right = np.array([-math.sin(bearing), math.cos(bearing), 0.0])
    up = np.cross(right, ahead)
    slope = math.tan(math.radians(_FOV) / 2) * _FILLED
    aside, back = _fit(points @ right, points @ ahead, slope * _ASPECT)
    above, farther_back = _fit(points @ up, points @ ahead, slope)
    own = min(back, farther_back)
    position = aside * right + above * up + own * ahead
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    return Camera(_vector(position), _vector(position + (middle @ ahead - own) * ahead), _FOV)


def _fit(across: Array, ahead: Array, slope: float) -> tuple[float, float]:
    """Return where to stand so that points fill the view: how far aside, and how far ahead at most.

    Args:
        across: (n,), m, of the points to the side.
        ahead: (n,), m, of the points along the view.
        slope: m to either side that are seen at a distance of 1 m.
    """
    # A point is seen where |across - aside| <= slope * (ahead - own).
    one, two = float((across - slope * ahead).max()), float((-across - slope * ahead).max())
    return (one - two) / 2, -(one + two) / (2 * slope)


def _framed(scene: Scene, way: Array) -> Array:
    """Return points (n, 3), m, world: corners around the entities and the hand, a way, and the least that is shown."""
    boxes = [_corners(_roomy(footprint(e)), heights(e)) for e in scene.entities if not e.held]
    (x, y, z), (half_w, half_d, height) = scene.robot.position, _HAND
    boxes.append(_corners((x, y, half_w, half_d, scene.robot.yaw), (z - 0.01, z + height)))
    depth, width = scene.table.size
    low = (TABLE_NEAR_EDGE, -width / 2, scene.table.height)
    high = (TABLE_NEAR_EDGE + depth, width / 2, math.inf)
    points = np.concatenate([*boxes, way.clip(low, high)])
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    return np.concatenate([points, [middle - _LEAST, middle + _LEAST]])


def _roomy(rectangle: Rectangle) -> Rectangle:
    x, y, half_w, half_d, yaw = rectangle
    return x, y, half_w + _ROOM, half_d + _ROOM, yaw


def _corners(rectangle: Rectangle, z: tuple[float, float]) -> Array:
    """Return the corners (8, 3) of an upright box."""
    x, y, half_w, half_d, yaw = rectangle
    c, s = math.cos(yaw), math.sin(yaw)
    flat = [(x + c * a - s * b, y + s * a + c * b) for a in (-half_w, half_w) for b in (-half_d, half_d)]
    return np.array([(*p, h) for p in flat for h in z])


def top_view(table: Table) -> Camera:
    """Return a camera above the middle of a table that shows all of it; away from the robot is up in the picture.

    Pictures that are higher than wide cut off the table's left and right.
    """
    depth, width = table.size
    x = TABLE_NEAR_EDGE + depth / 2
    far = (max(depth, width) / 2 + _TOP_ROOM) / math.tan(math.radians(_TOP_FOV) / 2)
    # Not straight down: the picture's top is where the view leans to.
    return Camera((x, 0.0, table.height + far), (x + 0.001, 0.0, table.height), _TOP_FOV)


def wrist_view(position: Sequence[float], quaternion: Sequence[float], hand: Hand) -> MovingCamera:
    """Return a camera on the hand that looks along the gripper; the fingers close from left and right in the picture.

    Args:
        position: of the point midway between the fingertips, m, world.
        quaternion: of the hand, xyzw, world: its z points along the gripper, and its fingers open along its y.
        hand: its shape.
    """
    across, along = _axes(quaternion)
    # Rounded, so that sums of decimals are what they say.
    aside, back = round(hand.half[1] + _MOUNT[0], 6), round(hand.palm + _MOUNT[1], 6)
    eye = np.asarray(position, dtype=np.float64) + aside * across - back * along
    return MovingCamera(_vector(eye), _vector(eye + 0.1 * along), _WRIST_FOV, _vector(across))


def scene_view(camera: SceneCamera, position: Sequence[float], quaternion: Sequence[float]) -> Camera:
    """Return where one of a scene's cameras is now, in the world's frame.

    Args:
        camera: of the scene, or one of the same kind.
        position: of the point midway between the fingertips, m, world.
        quaternion: of the hand, xyzw, world, as for `wrist_view`.
    """
    if camera.frame == "world":
        if camera.up is None:
            return Camera(camera.position, camera.target, camera.fov)
        return TiltedCamera(camera.position, camera.target, camera.fov, camera.up)
    across, along = _axes(quaternion)
    turn = np.stack([across, np.cross(along, across), along], axis=-1)
    eye, target = (np.asarray(position) + turn @ p for p in (camera.position, camera.target))
    up = camera.up
    if up is None:
        x, y, z = np.subtract(camera.target, camera.position)
        up = (1.0, 0.0, 0.0) if math.hypot(y, z) > 1e-3 * abs(x) else (0.0, 0.0, -1.0)
    return MovingCamera(_vector(eye), _vector(target), camera.fov, _vector(turn @ up))


def _axes(quaternion: Sequence[float]) -> tuple[Array, Array]:
    """Return the hand's own x and z, world, each (3,)."""
    x, y, z, w = quaternion
    across = np.array([1 - 2 * (y * y + z * z), 2 * (x * y + z * w), 2 * (x * z - y * w)])
    along = np.array([2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y)])
    return across, along


def _vector(values: Array) -> Vector:
    return tuple(float(v) for v in values)
