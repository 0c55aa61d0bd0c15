"""Cameras: colour, depth and segmentation by PyBullet's software renderer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pybullet as p

from tabletop.sim.scene import Camera, Light

__all__ = ["Image", "render"]

_NEAR, _FAR = 0.05, 4.0


@dataclass(frozen=True)
class Image:
    """What a camera saw."""

    rgb: npt.NDArray[np.uint8]
    """(height, width, 3)"""
    depth: npt.NDArray[np.float32]
    """(height, width): m along the camera's axis"""
    segmentation: npt.NDArray[np.int32]
    """(height, width): -1 background, 0 table, 1 robot, 2 + i the layout's entity i"""


def render(
    client: int, camera: Camera, light: Light, width: int, height: int, labels: Mapping[int, int]
) -> Image:
    """Render one picture.

    Args:
        client: PyBullet client.
        camera: where from.
        light: the scene's light.
        width, height: pixels.
        labels: segmentation label of each PyBullet body id; others become -1.
    """
    view = p.computeViewMatrix(list(camera.position), list(camera.target), [0, 0, 1])
    projection = p.computeProjectionMatrixFOV(camera.fov, width / height, _NEAR, _FAR)
    out: Any = p.getCameraImage(
        width,
        height,
        view,
        projection,
        lightDirection=list(light.direction),
        lightColor=list(light.color),
        lightAmbientCoeff=light.ambient,
        lightDiffuseCoeff=light.diffuse,
        lightSpecularCoeff=0.1,
        shadow=0,
        renderer=p.ER_TINY_RENDERER,
        physicsClientId=client,
    )
    rgb = np.asarray(out[2], dtype=np.uint8).reshape(height, width, 4)[..., :3].copy()
    raw = np.asarray(out[3], dtype=np.float32).reshape(height, width)
    depth = (_FAR * _NEAR / (_FAR - (_FAR - _NEAR) * raw)).astype(np.float32)
    bodies = np.asarray(out[4], dtype=np.int64).reshape(height, width)
    table = np.full(max([0, *labels]) + 2, -1, dtype=np.int32)
    for body, label in labels.items():
        table[body] = label
    inside = (bodies >= 0) & (bodies < len(table) - 1)
    segmentation = np.where(inside, table[np.where(inside, bodies, -1)], -1).astype(np.int32)
    return Image(rgb, depth, segmentation)
