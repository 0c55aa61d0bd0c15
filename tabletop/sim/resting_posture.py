"""Where an arm of which only the joints are known rests, and where its base stands: found by search."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt

from tabletop.sim.inverse_kinematics import ChainKinematics, down, posture_for
from tabletop.sim.robot_card import RobotCard
from tabletop.sim.robot_model import Chain

__all__ = ["OVER", "base_for", "rest_for", "share_reached"]

Array = npt.NDArray[np.float64]

OVER: Final = (0.48, 0.0, 0.22)
"""m, world: over the middle of the table, where the gripper rests."""
_TRIES: Final = 140
_BASES: Final = tuple((x, 0.0, z) for x in (0.0, 0.05, 0.1, -0.05, -0.1) for z in (0.0, -0.1, 0.1))
"""m, world, that are tried for a base."""
_REACH: Final = ((0.34, 0.68), (-0.3, 0.3))
"""m, x and y: where things stand."""
_HEIGHTS: Final = (0.015, 0.12, 0.25)


def rest_for(chain: Chain, lower: Array, upper: Array) -> tuple[Array | None, float]:
    """Return a posture with the gripper down over the table: far from limits and singular postures, elbow up.

    Args:
        chain: of the arm's joints.
        lower: (n,), rad.
        upper: (n,), rad.

    Returns:
        (n,), rad, and how good it is; None where there is none.
    """
    rng, count = np.random.default_rng(0), len(lower)
    best: Array | None = None
    most = -math.inf
    for trial in range(_TRIES):
        start = np.clip(rng.uniform(-1.7, 1.7, count), lower, upper)
        held: tuple[int, ...] = ()
        if count > 6:
            # What is more than six joints is held at the middle of its way, each in turn.
            held = tuple((trial + k) % count for k in range(count - 6))
            start[list(held)] = np.clip(0.0, lower[list(held)], upper[list(held)])
        found = posture_for(chain, lower, upper, (np.array(OVER), down(0.0)), start, held)
        if found is None:
            continue
        q, least, height = found
        room = float(np.minimum(q - lower, upper - q).min())
        worth = least + 0.5 * height + 0.02 * min(room, 1.0) - 0.02 * float(np.abs(q).sum())
        if worth > most + 1e-6:
            best, most = q, worth
    return best, most


def share_reached(kinematics: ChainKinematics) -> float:
    """Return the share of places over the table, at three heights, that the arm reaches with the gripper down."""
    (x0, x1), (y0, y1) = _REACH
    places = [(x, y, z) for z in _HEIGHTS for x in np.linspace(x0, x1, 5) for y in np.linspace(y0, y1, 5)]
    return sum(math.dist(kinematics.reach(at, 0.0).position, at) < 1e-5 for at in places) / len(places)


def base_for(card: RobotCard, chain: Chain) -> RobotCard:
    """Return the card with the base from which its arm reaches most of the table; at the origin where that does it.

    Args:
        card: with the base at the origin.
        chain: of its joints.
    """
    best, most = card, -1.0
    for base in _BASES:
        moved = chain.before.copy()
        moved[0][:3, 3] += base
        share = share_reached(ChainKinematics(replace(card, base=base), Chain(moved, chain.tool)))
        if share > most + 0.01:
            best, most = replace(card, base=base), share
        if share == 1.0:
            break
    return best
