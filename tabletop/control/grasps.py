"""Where, and turned how, the gripper takes hold of an entity."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from tabletop.control.motion import HAND, TIP, Array, gripper_yaw
from tabletop.logic.geometry import Solid
from tabletop.sim.cards import load_cards, number
from tabletop.sim.state import State

__all__ = ["Grasp", "grasp_of", "nearest_yaw", "yaw_for"]

_WIDEST: Final = 0.074
_DEPTH: Final = 0.024
_SPARE: Final = 1.1


@dataclass(frozen=True)
class Grasp:
    """A pose of the gripper around an entity."""

    position: Array
    """(3,), m, world."""
    yaw: float
    """rad."""
    width: float
    """m between the fingers once they touch."""


def yaw_for(direction: Array, state: State, period: float = math.pi) -> float:
    """Return the yaw at which the fingers open along a horizontal direction (2,): the one nearest to now."""
    return nearest_yaw(math.atan2(direction[1], direction[0]) - math.pi / 2, state, period)


def nearest_yaw(yaw: float, state: State, period: float = math.pi) -> float:
    """Return the yaw that equals another up to whole periods and is the nearest to the gripper's now.

    Only yaws that leave the wrist a turn of 60 deg either way are chosen.
    """
    x, y = (float(v) for v in state.robot("gripper_position")[:2])
    # The wrist's middle stands 45 deg to the left of the bearing (see sim.kinematics).
    middle = math.atan2(y, x) + math.pi / 4
    now = gripper_yaw(state)
    options = [yaw + period * k for k in range(-8, 9)]
    room = [o for o in options if abs(o - middle) <= 2.89 - _SPARE + 1e-9]
    return min(room or options, key=lambda o: abs(o - now))


def _body(state: State, name: str) -> tuple[Array, Array, str, bool]:
    """Return centre (3,) and extents (3,) of the part to grasp in the own frame, its shape, if it is the only one."""
    card = load_cards()[state.layout.kind(name)]
    size = state.entity(name, "size")
    part = card.parts[0]
    names = dict(zip(("w", "d", "h"), (float(s) for s in size), strict=True))
    centre = np.array([number(a, names) for a in part.at])
    given = [number(s, names) for s in part.size]
    if part.shape == "box":
        extents = np.array(given)
    elif part.shape == "cylinder":
        extents = np.array([2 * given[0], 2 * given[0], given[1]])
    else:
        extents = np.full(3, 2 * given[0])
    return centre, extents, part.shape, len(card.parts) == 1


def _ceiling(state: State, name: str, at: Array) -> float:
    """Return the height below which the hand would hit what stands around an entity."""
    lowest = -math.inf
    for other in state.layout.names:
        if other == name:
            continue
        solid = Solid.of(state, other)
        near = np.abs(solid.position[:2] - at[:2]).max() < float(np.max(solid.half[:2])) + 0.09
        if near and state.layout.move(other) != "rigid":
            lowest = max(lowest, float(solid.top) + 0.004 - HAND)
    return lowest


def grasp_of(state: State, name: str) -> Grasp:
    """Return how to take hold of an entity, from above.

    What is not rigid is taken at its handle, with the fingers on either side of its own x axis.
    """
    solid = Solid.of(state, name)
    axes = solid.axes
    if state.layout.move(name) != "rigid":
        point = solid.world(state.entity(name, "grasp"))
        return Grasp(point, yaw_for(axes[:2, 0], state), 0.012)
    centre, extents, shape, alone = _body(state, name)
    point = solid.world(centre).copy()
    upright = abs(axes[2, 2]) > 0.7
    horizontal = [i for i in range(3) if abs(axes[2, i]) < 0.5 and extents[i] <= _WIDEST]
    if shape == "sphere" or (shape == "cylinder" and upright and alone):
        yaw, width = nearest_yaw(gripper_yaw(state), state), float(extents[0])
    elif shape == "cylinder" and not upright:
        lying = axes[:2, 2]
        yaw, width = yaw_for(np.array([-lying[1], lying[0]]), state), float(extents[0])
    elif shape == "cylinder":
        yaw, width = yaw_for(axes[:2, 0], state), float(extents[0])
    else:
        options = [(yaw_for(axes[:2, i], state), float(extents[i])) for i in horizontal or [0]]
        now = gripper_yaw(state)
        narrow = min(w for _, w in options)
        # Only faces about as far apart as the nearest ones, so that a brick is not taken by its ends.
        yaw, width = min((o for o in options if o[1] < narrow + 0.02), key=lambda o: abs(o[0] - now))
    table = float(state.robot("table_height"))
    point[2] = max(point[2], float(solid.top) - _DEPTH, table + TIP + 0.002, _ceiling(state, name, point))
    return Grasp(point, yaw, width)
