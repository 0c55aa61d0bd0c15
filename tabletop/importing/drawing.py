"""A drawing of an imported thing: its hulls from three sides, and the fingers around it."""

from __future__ import annotations

import colorsys
import math
from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from tabletop.importing.grasping import Fingers, FoundGrip
from tabletop.importing.hulls import Hull

__all__ = ["drawing"]

Array = npt.NDArray[np.float64]
Picture = npt.NDArray[np.uint8]

_SIDE: Final = 320
_VIEWS: Final = (("front", (1, 2), 0), ("side", (0, 2), 1), ("top", (0, 1), 2))
"""Name, the axes that go right and up, and the one that is looked along."""
_FINGER: Final = (60, 60, 60)


def drawing(hulls: Sequence[Hull], grip: FoundGrip | None) -> Picture:
    """Return a picture (height, width, 3), BGR, of a thing in three views.

    Args:
        hulls: of the upright thing, about its middle, m.
        grip: how it is held; None: not at all.
    """
    corners = np.vstack([h.vertices for h in hulls])
    span = max(0.11, float(np.ptp(corners, axis=0).max()) * 1.15)
    views = [_view(hulls, grip, axes, along, span, name) for name, axes, along in _VIEWS]
    return np.concatenate(views, axis=1)


def _view(
    hulls: Sequence[Hull], grip: FoundGrip | None, axes: tuple[int, int], along: int, span: float, name: str
) -> Picture:
    picture: Picture = np.full((_SIDE, _SIDE, 3), 255, dtype=np.uint8)

    def pixels(points: Array) -> npt.NDArray[np.int32]:
        flat = points[:, axes] / span * _SIDE
        return np.round(np.column_stack([_SIDE / 2 + flat[:, 0], _SIDE / 2 - flat[:, 1]])).astype(np.int32)

    order = sorted(range(len(hulls)), key=lambda i: -float(hulls[i].vertices[:, along].mean()))
    for i in order if along != 2 else order[::-1]:
        red, green, blue = colorsys.hsv_to_rgb(i * 0.381966 % 1.0, 0.35, 0.92)
        outline = cv2.convexHull(pixels(hulls[i].vertices))
        cv2.fillConvexPoly(picture, outline, (255 * blue, 255 * green, 255 * red), cv2.LINE_AA)
        cv2.polylines(picture, [outline], True, (110, 110, 110), 1, cv2.LINE_AA)
    if grip is not None:
        for box in _fingers(grip, Fingers()):
            cv2.polylines(picture, [cv2.convexHull(pixels(box))], True, _FINGER, 2, cv2.LINE_AA)
    long = 10 ** math.floor(math.log10(span / 2))
    cv2.line(picture, (12, _SIDE - 12), (12 + round(long / span * _SIDE), _SIDE - 12), _FINGER, 2)
    text = f"{name}   {long * 100:g} cm"
    cv2.putText(picture, text, (12, _SIDE - 20), cv2.FONT_HERSHEY_SIMPLEX, 0.42, _FINGER, 1, cv2.LINE_AA)
    return picture


def _fingers(grip: FoundGrip, fingers: Fingers) -> list[Array]:
    """Return the corners (8, 3) of both closed fingers, m."""
    way = np.array([-math.sin(grip.yaw), math.cos(grip.yaw), 0.0])
    side = np.array([math.cos(grip.yaw), math.sin(grip.yaw), 0.0])
    out = []
    for sign in (-1.0, 1.0):
        inner = sign * grip.width / 2
        across = (inner, inner + sign * fingers.thickness)
        out.append(
            np.array(
                [
                    grip.at + a * way + b * side + np.array([0.0, 0.0, z])
                    for a in across
                    for b in (-fingers.breadth / 2, fingers.breadth / 2)
                    for z in (-fingers.tip, fingers.palm)
                ]
            )
        )
    return out
