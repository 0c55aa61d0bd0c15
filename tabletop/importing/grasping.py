"""Where two fingers that come from above fit around a thing: antipodal grips on its hulls."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from tabletop.importing.hulls import Hull

__all__ = ["Fingers", "FoundGrip", "grips"]

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Fingers:
    """Two fingers that point down and close towards each other, m."""

    opening: float = 0.080
    """Between them, at most."""
    thickness: float = 0.009
    """Of each, along the way it closes."""
    breadth: float = 0.018
    """Of each, across that."""
    tip: float = 0.010
    """From the grip's middle down to their tips."""
    palm: float = 0.036
    """From the grip's middle up to the palm."""
    pad: float = 0.014
    """Height of the pads that touch, up from the tips."""


@dataclass(frozen=True)
class FoundGrip:
    """A way to hold a thing that stands upright."""

    at: Array
    """(3,), m, in the thing's frame."""
    yaw: float
    """rad about z; at 0 the fingers close along y."""
    width: float
    """m between the fingers once they touch."""
    score: float
    """From 0 to 1: how flat and how close to the centre of mass it is held."""


_SPARE: Final = 0.003
"""m on either side between an open finger and what it comes down beside."""
_YAWS: Final = 24
_STEP: Final = 0.004
"""m between the lines that are tried."""
_LEVELS: Final = (0.005, 0.010, 0.016, 0.022)
"""m below the top at which it is held."""
_TOUCH: Final = 0.0015
"""m from the foremost point within which a finger's pad touches."""
_GROUND: Final = 0.011
"""m above the ground, at least, of the grip's middle."""
_FLAT: Final = 0.2
"""Share of a pad that must touch."""
_THINNEST: Final = 0.003
_FINE: Final = 0.004
"""m between the heights at which a finger must be free above its pad."""
_RUNG: Final = 0.008
"""m between the heights that are tried far below the top."""
_HAND: Final = 0.10
"""m from the palm up, in which the hand must be clear."""
_PALM: Final = (0.108, 0.032)
"""m, half of the palm's length the way the fingers close, and of its breadth."""
_KEPT: Final = 24


def grips(
    hulls: Sequence[Hull],
    centre: Array,
    fingers: Fingers | None = None,
    *,
    around: Sequence[Hull] = (),
    yaws: Sequence[float] | None = None,
    everywhere: bool = False,
) -> list[FoundGrip]:
    """Return ways to hold a thing from above, the best first.

    Fingers come down open, with nothing under them, and close until both touch. Lines are cut with the hulls, as
    these are what physics touches.

    Args:
        hulls: of the upright thing, m.
        centre: (3,), of mass.
        fingers: of the gripper.
        around: what stands around it and may not be hit.
        yaws: rad, that are tried; all around by default.
        everywhere: whether it may be held far below its top too, where the hand has room.
    """
    fingers = fingers or Fingers()
    corners = np.vstack([h.vertices for h in hulls])
    low, high = corners.min(axis=0), corners.max(axis=0)
    levels = _levels(float(low[2]), float(high[2]), fingers)
    if everywhere:
        levels = sorted({*levels, *np.arange(float(low[2]) + fingers.tip, levels[-1], _RUNG).tolist()})
    found: list[FoundGrip] = []
    for level in levels:
        for yaw in np.arange(_YAWS) * math.pi / _YAWS if yaws is None else yaws:
            found += _along(hulls, corners, centre, level, float(yaw), fingers, around)
    found.sort(key=lambda g: -g.score)
    return found if everywhere else found[:_KEPT]


def _levels(bottom: float, top: float, fingers: Fingers) -> list[float]:
    """Return heights (z, m) of the grip's middle, with the palm above all and the tips off the ground."""
    least = bottom + _GROUND
    levels = {max(least, top - down) for down in _LEVELS if down < fingers.palm}
    return sorted(levels)


def _along(
    hulls: Sequence[Hull],
    corners: Array,
    centre: Array,
    level: float,
    yaw: float,
    fingers: Fingers,
    around: Sequence[Hull],
) -> Iterator[FoundGrip]:
    """Yield the grips with the fingers closing along one direction, at one height."""
    way = np.array([-math.sin(yaw), math.cos(yaw), 0.0])
    side = np.array([math.cos(yaw), math.sin(yaw), 0.0])
    across = corners @ side
    lines = np.arange(across.min() + _STEP / 2, across.max(), _STEP)
    wide = np.linspace(-fingers.breadth / 2, fingers.breadth / 2, 5)
    pads = np.linspace(-fingers.tip, fingers.pad - fingers.tip, 4)
    # Above the pads a finger must be free too, up to the palm.
    above = np.arange(fingers.pad - fingers.tip, fingers.palm, _FINE)[1:]
    heights = level + np.concatenate([pads, above])
    starts = (lines[:, None, None, None] + wide[None, :, None, None]) * side + np.zeros((1, 1, len(heights), 1))
    starts = starts + heights[None, None, :, None] * np.array([0.0, 0.0, 1.0])
    enter, leave = _cuts([*hulls, *around], starts.reshape(-1, 3), way)
    shape = (len(lines), len(wide), len(heights), len(hulls) + len(around))
    enter, leave = enter.reshape(shape), leave.reshape(shape)
    own = slice(0, len(hulls))
    for i, line in enumerate(lines):
        pad = slice(0, len(pads))
        for low, high in _segments(enter[i][:, pad, own], leave[i][:, pad, own]):
            width = high - low
            if not _THINNEST < width < fingers.opening - 2 * _SPARE:
                continue
            middle = (low + high) / 2
            reach = fingers.opening / 2 + fingers.thickness
            if not (_free(enter[i], leave[i], middle - reach, low) and _free(enter[i], leave[i], high, middle + reach)):
                continue
            flat = _flatness(enter[i][:, pad, own], leave[i][:, pad, own], low, high)
            at = line * side + middle * way + np.array([0.0, 0.0, level])
            if around and not _palm_fits([*hulls, *around], at, way, side, fingers):
                continue
            off = float(np.hypot(*(at - centre)[:2]))
            score = flat * math.exp(-off / 0.03) * (1.0 if width < 0.065 else 0.8)
            if flat > _FLAT:
                yield FoundGrip(at, yaw, float(width), float(score))


def _palm_fits(hulls: Sequence[Hull], at: Array, way: Array, side: Array, fingers: Fingers) -> bool:
    """Return whether the palm above a grip is clear of all."""
    lines = np.linspace(-_PALM[1], _PALM[1], 7)
    heights = fingers.palm + np.arange(0.0, _HAND, _FINE)
    starts = at + lines[:, None, None] * side + heights[None, :, None] * np.array([0.0, 0.0, 1.0])
    enter, leave = _cuts(hulls, starts.reshape(-1, 3), way)
    return _free(enter, leave, -_PALM[0], _PALM[0])


def _cuts(hulls: Sequence[Hull], starts: Array, way: Array) -> tuple[Array, Array]:
    """Return where lines enter and leave each hull: (lines, hulls) each, m along the way; enter > leave for a miss."""
    enter, leave = [], []
    for hull in hulls:
        slope = hull.planes[:, :3] @ way
        height = starts @ hull.planes[:, :3].T + hull.planes[:, 3]
        with np.errstate(divide="ignore", invalid="ignore"):
            at = -height / slope
        first = np.where(slope < -1e-9, at, -np.inf).max(axis=1)
        last = np.where(slope > 1e-9, at, np.inf).min(axis=1)
        beside = ((np.abs(slope) <= 1e-9) & (height > 0)).any(axis=1)
        enter.append(np.where(beside, np.inf, first))
        leave.append(np.where(beside, -np.inf, last))
    return np.stack(enter, axis=1), np.stack(leave, axis=1)


def _segments(enter: Array, leave: Array) -> Iterator[tuple[float, float]]:
    """Yield where there is something along a line, over all of its rays: separate stretches (m)."""
    hit = enter < leave
    spans = sorted(zip(enter[hit].tolist(), leave[hit].tolist(), strict=True))
    current: list[float] = []
    for first, last in spans:
        if current and first <= current[1] + 1e-4:
            current[1] = max(current[1], last)
        else:
            if current:
                yield current[0], current[1]
            current = [first, last]
    if current:
        yield current[0], current[1]


def _free(enter: Array, leave: Array, low: float, high: float) -> bool:
    """Return whether nothing is between two places along a line, for all rays."""
    return not bool(((enter < leave) & (leave > low + 1e-6) & (enter < high - 1e-6)).any())


def _flatness(enter: Array, leave: Array, low: float, high: float) -> float:
    """Return the share of a pad that touches, of the finger which touches less."""
    hit = enter < leave
    first = np.where(hit, enter, np.inf)
    last = np.where(hit, leave, -np.inf)
    # Only what belongs to this stretch counts.
    first = np.where((first >= low - 1e-6) & (first <= high), first, np.inf).min(axis=-1)
    last = np.where((last <= high + 1e-6) & (last >= low), last, -np.inf).max(axis=-1)
    one = float(np.mean(first < low + _TOUCH))
    two = float(np.mean(last > high - _TOUCH))
    return min(one, two)
