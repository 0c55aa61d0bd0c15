"""Ways in which a thing lies still on a flat ground, and which of them is upright."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from tabletop.errors import TabletopError
from tabletop.importing.geometry import trimesh

__all__ = ["UPS", "Rest", "onto", "resting_poses", "stands", "upright"]

Array = npt.NDArray[np.float64]

UPS: Final = {"x": (1, 0, 0), "-x": (-1, 0, 0), "y": (0, 1, 0), "-y": (0, -1, 0), "z": (0, 0, 1), "-z": (0, 0, -1)}
_ALIKE: Final = 0.999
"""Cosine of the angle within which two directions are one."""
_KEPT: Final = 12
_FLAT: Final = 0.002
"""Share of its size within which points are in one plane, on which it stands."""
_FIRM: Final = 0.02
"""Share of its size by which the foot reaches beyond the centre of mass."""
_SIDES: Final = 36


@dataclass(frozen=True)
class Rest:
    """One way to lie still."""

    turn: Array
    """(3, 3): takes the thing's frame to one whose z is up."""
    share: float
    """Of the drops in which it comes to lie so, about."""

    @property
    def up(self) -> Array:
        """(3,), in the thing's frame."""
        return np.asarray(self.turn[2])


def resting_poses(corners: Array, centre: Array) -> list[Rest]:
    """Return the ways in which a thing lies still, the likeliest first.

    Args:
        corners: (n, 3), of its hulls.
        centre: (3,), of mass.
    """
    library = trimesh()
    hull = library.convex.convex_hull(corners)
    try:
        turns, shares = library.poses.compute_stable_poses(hull, center_mass=centre, sigma=0.0, n_samples=1)
    except Exception:
        # Of what is nearly round each facet is tiny.
        return []
    found: list[Rest] = []
    for turn, share in sorted(zip(turns, shares, strict=True), key=lambda pair: -pair[1]):
        rest = Rest(np.asarray(turn)[:3, :3], float(share))
        same = next((i for i, f in enumerate(found) if f.up @ rest.up > _ALIKE), None)
        if same is None:
            found.append(rest)
        else:
            found[same] = Rest(found[same].turn, found[same].share + rest.share)
    return sorted(found, key=lambda r: -r.share)[:_KEPT]


def stands(corners: Array, centre: Array, up: Array) -> bool:
    """Return whether a thing stands on its lowest points with a direction upward.

    Args:
        corners: (n, 3), of its mesh.
        centre: (3,), of mass.
        up: (3,), unit.
    """
    heights = corners @ up
    size = float(np.ptp(corners, axis=0).max())
    foot = corners[heights < heights.min() + _FLAT * size] - centre
    across = onto(up)[:2]
    angles = np.arange(_SIDES) * 2 * np.pi / _SIDES
    ways = np.column_stack([np.cos(angles), np.sin(angles)]) @ across
    # The centre is over the foot if the foot reaches beyond it on all sides.
    return bool((foot @ ways.T).max(axis=0).min() > _FIRM * size)


def upright(
    corners: Array, centre: Array, rests: Sequence[Rest], up: str | None, format_up: str, what: str
) -> tuple[Array, str]:
    """Return the turn (3, 3) that makes a thing stand upright, and what decided it.

    Args:
        corners: (n, 3), of its mesh.
        centre: (3,), of mass.
        rests: of `resting_poses`.
        up: one of UPS, which the caller asks for; "rest" for the likeliest way; None to guess: the format's axis if the
            thing stands so, or else y or z if it stands so, or else the likeliest way.
        format_up: the axis that the file's format has upward.
        what: it is, for the message.

    Raises:
        TabletopError: it asks for none of these.
    """
    if up is not None and up not in {*UPS, "rest"}:
        raise TabletopError(f"{what}: up must be one of {', '.join(UPS)} or rest, got {up!r}")
    if up in UPS:
        return onto(np.array(UPS[up], dtype=float)), f"{up} up, as asked for"
    if up is None or not rests:
        for axis in dict.fromkeys((format_up, "z", "y")):
            way = np.array(UPS[axis], dtype=float)
            if stands(corners, centre, way):
                return onto(way), f"{axis} up, as it stands so"
    if not rests:
        return onto(np.array(UPS[format_up], dtype=float)), f"{format_up} up: it lies still in no way"
    return rests[0].turn, "up as it lies most often"


def onto(up: Array) -> Array:
    """Return the turn (3, 3) that brings a direction to z by the shortest way."""
    z = np.array([0.0, 0.0, 1.0])
    if up @ z > 1 - 1e-9:
        return np.eye(3)
    if up @ z < -1 + 1e-9:
        return np.diag([1.0, -1.0, -1.0])
    across = np.cross(up, z)
    skew = np.array([[0, -across[2], across[1]], [across[2], 0, -across[0]], [-across[1], across[0], 0]])
    return np.asarray(np.eye(3) + skew + skew @ skew / (1 + up @ z))
