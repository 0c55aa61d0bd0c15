"""Cameras: colour, depth and segmentation by PyBullet's software renderer.

What never moves, the table and the floor, fills most of a picture and would take most of its time. So it
stands in a simulation of its own (`Backdrop`), is drawn once a camera, and pictures go before it by depth.
Ropes and cloths stand in one of their own too (`Backdrop.draped`), which is built anew for each picture.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tabletop.errors import TabletopError
from tabletop.schema import is_whole
from tabletop.sim.bullet import connect, p
from tabletop.sim.deformable_drapery import Drape, hang
from tabletop.sim.scene import Camera, Light, TiltedCamera, Vector

__all__ = [
    "BACKGROUND",
    "FAR",
    "ROBOT",
    "TABLE",
    "Backdrop",
    "Image",
    "MovingCamera",
    "Slab",
    "check_size",
    "render",
    "segmentation_ids",
    "segmentation_labels",
    "up_of",
]

FAR: Final = 4.0
"""m: what is farther is not seen."""
_NEAR: Final = 0.05
_SKY = (206.0, 214.0, 224.0)
_SKY_TOP = (150.0, 166.0, 188.0)
_KEPT = 8
_LINK_SHIFT: Final = 24
"""PyBullet's picture of bodies and links: the link, counted from 1 on, above so many bits; the body below them."""
_BODY: Final = (1 << _LINK_SHIFT) - 1

BACKGROUND: Final = -1
TABLE: Final = 0
ROBOT: Final = 1
"""Labels in a segmentation; the layout's entity i is 2 + i."""


def segmentation_ids(names: Sequence[str]) -> dict[str, int]:
    """Return what the numbers of a segmentation mean, by name; the floor and the sky are "background".

    Args:
        names: the entities, in the layout's order.

    Raises:
        TabletopError: an entity is called "background", "table" or "robot".

    >>> segmentation_ids(["red", "blue"])
    {'background': -1, 'table': 0, 'robot': 1, 'red': 2, 'blue': 3}
    """
    own = {"background": BACKGROUND, "table": TABLE, "robot": ROBOT}
    for name in names:
        if name in own:
            raise TabletopError(f"in a segmentation no entity may be called {', '.join(own)}, got {name!r}")
    return own | {name: 2 + i for i, name in enumerate(names)}


def segmentation_labels(names: Sequence[str]) -> dict[int, str]:
    """Return the table of a segmentation: the name of each number; as `segmentation_ids`, the other way round.

    >>> segmentation_labels(["red"])
    {-1: 'background', 0: 'table', 1: 'robot', 2: 'red'}
    """
    return {label: name for name, label in segmentation_ids(names).items()}


@dataclass(frozen=True)
class Image:
    """What a camera saw."""

    rgb: npt.NDArray[np.uint8]
    """(height, width, 3)"""
    depth: npt.NDArray[np.float32]
    """(height, width): m along the camera's axis; 4 m, the farthest, where nothing is"""
    segmentation: npt.NDArray[np.int32]
    """(height, width): -1 background, 0 table, 1 robot, 2 + i the layout's entity i"""


@dataclass(frozen=True)
class MovingCamera(TiltedCamera):
    """A camera that is carried along, such as one on the hand, as it is at one moment. Scenes have none of these."""


@dataclass(frozen=True)
class Slab:
    """A box that never moves."""

    size: tuple[float, ...]
    """Full extents, m."""
    centre: tuple[float, ...]
    """m, world."""
    color: tuple[float, ...]
    """RGBA."""
    label: int
    texture: Path | None = None


@dataclass(frozen=True)
class Layer:
    """A picture as PyBullet gives it; each (height, width)."""

    color: npt.NDArray[np.uint32]
    """Red, green, blue, alpha: the bytes of one number, which copies faster than four."""
    depth: npt.NDArray[np.float32]
    """In the depth buffer's unit: 1 at 4 m and where nothing is."""
    labels: npt.NDArray[np.int32]
    """PyBullet's body ids, or a segmentation."""


def _shoot(client: int, camera: Camera, light: Light, width: int, height: int, by_link: bool = False) -> Layer:
    view = p.computeViewMatrix(camera.position, camera.target, up_of(camera))
    projection = list(p.computeProjectionMatrixFOV(camera.fov, width / height, _NEAR, FAR))
    # PyBullet draws what is at the middle of a pixel half a pixel to the right of it, and half a pixel too high.
    projection[8], projection[9] = 1 / width, 1 / height
    out: Any = p.getCameraImage(
        width,
        height,
        view,
        projection,
        lightDirection=light.direction,
        lightColor=light.color,
        lightAmbientCoeff=light.ambient,
        lightDiffuseCoeff=light.diffuse,
        lightSpecularCoeff=0.1,
        shadow=0,
        flags=p.ER_SEGMENTATION_MASK_OBJECT_AND_LINKINDEX if by_link else 0,
        renderer=p.ER_TINY_RENDERER,
        physicsClientId=client,
    )
    # Arrays where PyBullet was built with numpy, tuples where not: those are read faster by way of bytes.
    pixels = out[2] if isinstance(out[2], np.ndarray) else np.frombuffer(bytes(out[2]), dtype=np.uint8)
    return Layer(
        np.ascontiguousarray(pixels, dtype=np.uint8).view(np.uint32).reshape(height, width),
        np.asarray(out[3], dtype=np.float32).reshape(height, width),
        np.asarray(out[4], dtype=np.int32).reshape(height, width),
    )


def up_of(camera: Camera) -> Vector:
    """Return the world direction that is up in the picture.

    It is a TiltedCamera's own. Else it is the world's, or away from the robot for a camera that looks straight up or
    down.
    """
    if isinstance(camera, TiltedCamera):
        return camera.up
    x, y, z = (t - c for t, c in zip(camera.target, camera.position, strict=True))
    return (0.0, 0.0, 1.0) if math.hypot(x, y) > 1e-3 * abs(z) else (1.0, 0.0, 0.0)


def check_size(width: object, height: object) -> None:
    """Check the sides of a picture.

    Raises:
        TabletopError: one is no whole number from 1 to 4096.
    """
    if not (is_whole(width, 1, 4096) and is_whole(height, 1, 4096)):
        raise TabletopError(f"a picture's sides are whole numbers from 1 to 4096, got {width!r} x {height!r}")


class Backdrop:
    """Pictures of what never moves, drawn once each. Holds a PyBullet client; close it."""

    def __init__(self) -> None:
        """Connect to a client of its own."""
        self._client = connect()
        self._disconnect = [weakref.finalize(self, p.disconnect, self._client)]
        self._slabs: tuple[Slab, ...] = ()
        self._kept: dict[object, Layer] = {}
        self._drapes = -1

    def close(self) -> None:
        """Disconnect."""
        for disconnect in self._disconnect:
            disconnect()

    def draped(self, behind: Layer, drapes: Sequence[Drape], camera: Camera, light: Light) -> Layer:
        """Return a picture with ropes and cloths before it.

        Args:
            behind: the picture so far, which stays as it is.
            drapes: ropes and cloths, where their nodes are now.
            camera: where from, as for `behind`.
            light: the scene's light.
        """
        if not drapes:
            return behind
        if self._drapes < 0:
            self._drapes = connect()
            self._disconnect.append(weakref.finalize(self, p.disconnect, self._drapes))
        labels = hang(drapes, self._drapes)
        height, width = behind.depth.shape
        return _before(_shoot(self._drapes, camera, light, width, height), labels, behind)

    def picture(self, slabs: tuple[Slab, ...], camera: Camera, light: Light, width: int, height: int) -> Layer:
        """Return the slabs before the sky, with a segmentation for labels. Not to be written to.

        Args:
            slabs: what never moves.
            camera: where from; what a MovingCamera saw is not kept.
            light: the scene's light.
            width: pixels.
            height: pixels.
        """
        if slabs != self._slabs:
            self._build(slabs)
        if isinstance(camera, MovingCamera):
            # Seen once from there: keeping it would only push out what is seen again.
            return self._draw(camera, light, width, height)
        key = (camera, light, width, height)
        found = self._kept.get(key)
        if found is None:
            if len(self._kept) >= _KEPT:
                self._kept.pop(next(iter(self._kept)))
            found = self._kept[key] = self._draw(camera, light, width, height)
        return found

    def _build(self, slabs: tuple[Slab, ...]) -> None:
        c = self._client
        p.resetSimulation(physicsClientId=c)
        self._labels = np.full(len(slabs) + 1, BACKGROUND, dtype=np.int32)
        for slab in slabs:
            shape = p.createVisualShape(
                p.GEOM_MESH,
                fileName="table.obj",
                meshScale=slab.size,
                rgbaColor=slab.color,
                physicsClientId=c,
            )
            body = p.createMultiBody(0, -1, shape, slab.centre, physicsClientId=c)
            if slab.texture is not None:
                picture = p.loadTexture(str(slab.texture), physicsClientId=c)
                p.changeVisualShape(body, -1, textureUniqueId=picture, physicsClientId=c)
            self._labels[body] = slab.label
        self._slabs = slabs
        self._kept.clear()

    def _draw(self, camera: Camera, light: Light, width: int, height: int) -> Layer:
        layer = _shoot(self._client, camera, light, width, height)
        down = np.linspace(0.0, 1.0, height)[:, None, None]
        sky = np.full((height, width, 4), 255, dtype=np.uint8)
        sky[..., :3] = np.asarray(_SKY_TOP) * (1 - down) + np.asarray(_SKY) * down
        color = np.where(layer.labels < 0, sky.view(np.uint32)[..., 0], layer.color)
        return Layer(color, layer.depth, self._labels[layer.labels])


def _before(layer: Layer, labels: Mapping[int, int], behind: Layer) -> Layer:
    """Return one picture before another, by depth; `labels` are those of the first one's bodies."""
    table = np.full(max(labels, default=0) + 2, BACKGROUND, dtype=np.int32)
    for body, label in labels.items():
        table[body] = label
    shown = layer.depth < behind.depth
    return Layer(
        np.where(shown, layer.color, behind.color),
        np.minimum(layer.depth, behind.depth),
        np.where(shown, table.take(layer.labels, mode="clip"), behind.labels),
    )


def _by_link(
    layer: Layer, labels: Mapping[int, int], links: Mapping[tuple[int, int], int]
) -> tuple[Layer, Mapping[int, int]]:
    """Return a picture of bodies and links as one of bodies: a link with a label of its own counts as a further one."""
    bodies = np.where(layer.labels < 0, -1, layer.labels & _BODY)
    own, further = dict(labels), max(labels) + 1
    for i, ((body, link), label) in enumerate(links.items()):
        bodies[layer.labels == body + ((link + 1) << _LINK_SHIFT)] = further + i
        own[further + i] = label
    return Layer(layer.color, layer.depth, bodies.astype(np.int32)), own


def render(
    client: int,
    camera: Camera,
    light: Light,
    width: int,
    height: int,
    labels: Mapping[int, int],
    behind: Layer,
    links: Mapping[tuple[int, int], int] | None = None,
) -> Image:
    """Render one picture.

    Args:
        client: PyBullet client.
        camera: where from.
        light: the scene's light.
        width: pixels.
        height: pixels.
        labels: segmentation label of each PyBullet body id; others are taken for the background.
        behind: what `Backdrop.picture` gave for the same camera, light and pixels.
        links: segmentation label of each (body id, link) that has one of its own, beside its body's.
    """
    layer = _shoot(client, camera, light, width, height, bool(links))
    if links:
        layer, labels = _by_link(layer, labels, links)
    whole = _before(layer, labels, behind)
    # From the far end, where the buffer's numbers are finest, so that 1 is 4 m to the last bit.
    depth = np.float32(FAR * _NEAR) / (np.float32(_NEAR) + np.float32(FAR - _NEAR) * (1 - whole.depth))
    rgba = whole.color.view(np.uint8).reshape(height, width, 4)
    rgb = np.empty((height, width, 3), dtype=np.uint8)
    # Channel by channel: numpy copies runs of three bytes one run at a time.
    for i in range(3):
        rgb[..., i] = rgba[..., i]
    return Image(rgb, depth, whole.labels)
