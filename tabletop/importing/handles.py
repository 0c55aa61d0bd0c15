"""Where two fingers take a moving part, and where it is pushed if they cannot."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt

from tabletop.importing.grasping import Fingers, FoundGrip, grips
from tabletop.importing.hulls import Hull

__all__ = ["OPEN", "far_edge", "handle_of"]

Array = npt.NDArray[np.float64]

OPEN: Final = 0.080
"""m between the fingers, at most."""
_OPENINGS: Final = {OPEN: 1.0, 0.050: 0.9, 0.036: 0.7}
"""m between the fingers on the way to a handle, and what each is worth: wider is surer."""


def handle_of(
    hulls: Sequence[Hull], middle: Array, axis: Array, point: Array, kind: str, others: Sequence[Hull]
) -> tuple[FoundGrip, float] | None:
    """Return where two fingers from above hold a part, and how far (m) they open to get there; None if nowhere.

    What sticks out of it and fits between them is held.

    About an axis that lies, the fingers close along it, so that what they hold can turn between them.
    """
    lying = kind == "revolute" and abs(axis[2]) < 0.5
    yaws = [0.0, math.pi / 2]
    if lying:
        yaws = [0.0] if abs(axis[1]) > abs(axis[0]) else [math.pi / 2]
    best: tuple[FoundGrip, float] | None = None
    top = max(float(h.vertices[:, 2].max()) for h in hulls)
    for opening, worth in _OPENINGS.items():
        fingers = Fingers(opening=opening)
        for grip in grips(hulls, middle, fingers, around=others, yaws=yaws, everywhere=True):
            value = worth * _worth(grip, axis, point, kind, middle) * math.exp((float(grip.at[2]) - top) / 0.05)
            if best is None or value > best[0].score:
                best = replace(grip, score=value), opening
    return best


def _worth(grip: FoundGrip, axis: Array, point: Array, kind: str, middle: Array) -> float:
    """Return how good a grip is to move a part: firm, far from the hinge, towards the robot, near its middle line."""
    firm = grip.score / math.exp(-float(np.hypot(*(grip.at - middle)[:2])) / 0.03)
    if kind == "prismatic":
        aside = (grip.at - middle) - axis * ((grip.at - middle) @ axis)
        way = np.array([-math.sin(grip.yaw), math.cos(grip.yaw), 0.0])
        firm *= 0.4 + 0.6 * abs(float(way @ axis))
        return firm * math.exp(-float(np.linalg.norm(aside)) / 0.08) * math.exp(5 * float((grip.at - middle) @ axis))
    arm = grip.at - point
    arm = arm - axis * (arm @ axis)
    along = float((grip.at - middle) @ axis)
    return firm * (0.1 + float(np.linalg.norm(arm))) * math.exp(-abs(along) / 0.1)


def far_edge(low: Array, high: Array, axis: Array, point: Array, kind: str) -> Array:
    """Return where a part is pushed that cannot be held: the middle of the edge that is farthest from its hinge."""
    middle = (low + high) / 2
    out = middle.copy()
    if kind == "prismatic":
        lead = int(np.argmax(np.abs(axis)))
        out[lead] = high[lead] if axis[lead] > 0 else low[lead]
        return out
    arm = middle - point
    arm = arm - axis * (arm @ axis)
    far = int(np.argmax(np.abs(arm)))
    out[far] = high[far] if arm[far] > 0 else low[far]
    return out
