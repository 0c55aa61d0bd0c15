"""Where, and turned how, the gripper takes hold of an entity."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from tabletop.control.motion import Array, gripper_yaw, hand_of, tip_of
from tabletop.logic.geometry import Solid, footprint_gap
from tabletop.sim.cards import load_cards
from tabletop.sim.held_part import grasped_part
from tabletop.sim.robot import wrist_of
from tabletop.sim.robot_card import load_robot_card
from tabletop.sim.state import Layout, State

__all__ = [
    "DEPTH",
    "INSET",
    "Grasp",
    "blocked",
    "grasp_of",
    "nearest_yaw",
    "unwound_yaw",
    "widest",
    "wrist_middle",
    "wrist_room",
    "yaw_for",
]

_LEAST_ROOM: Final = 0.006
"""m that the open fingers are farther apart than what they take is wide, at least."""
DEPTH: Final = 0.024
"""m below a thing's top at which it is taken at most."""
_SPARE: Final = 1.1
_MARGIN: Final = 0.0073
"""rad that the wrist keeps off the ends of its way."""
INSET: Final = 0.020
"""m from an end at which it is taken."""
_TURNS: Final = 24
"""Ways, over half a turn, in which the hand may stand over what is round."""
_CABINET: Final = 0.027
"""m below a drawer's top at which the gripper's centre still has its hand above the cabinet."""


def widest(layout: Layout) -> float:
    """Return how wide, m, what the fingers take may be."""
    return load_robot_card(layout.robot).max_width - _LEAST_ROOM


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
    """Return the yaw at which the fingers open along a horizontal direction (2,): the one nearest to now.

    Args:
        direction: (2,), world x and y, of any length.
        state: now; no batch shape.
        period: rad after which a yaw does as well as another: half a turn, as both fingers are alike.

    Returns:
        rad.
    """
    return nearest_yaw(math.atan2(direction[1], direction[0]) - math.pi / 2, state, period)


def wrist_middle(position: Array, state: State) -> float:
    """Return the yaw (rad) at which the wrist is in its middle, at a position (2,) or (3,), m, world."""
    wrist = wrist_of(state.layout.robot)
    x, y = wrist.root
    return math.atan2(float(position[1]) - y, float(position[0]) - x) + wrist.middle


def wrist_room(state: State) -> float:
    """Return how far (rad) the wrist turns either way from its middle."""
    return wrist_of(state.layout.robot).turns - _MARGIN


def unwound_yaw(state: State) -> float:
    """Return the gripper's yaw (rad), within half a turn of where the wrist is in its middle."""
    middle = wrist_middle(state.robot("gripper_position"), state)
    return math.remainder(gripper_yaw(state) - middle, 2 * math.pi) + middle


def nearest_yaw(yaw: float, state: State, period: float = math.pi) -> float:
    """Return the yaw that equals another up to whole periods and is the nearest to the gripper's now.

    Only yaws that leave the wrist a turn of 60 deg either way are chosen, where there are any.

    Args:
        yaw: rad.
        state: now; no batch shape.
        period: rad after which a yaw does as well as another.

    Returns:
        rad.
    """
    middle = wrist_middle(state.robot("gripper_position"), state)
    now = gripper_yaw(state)
    options = [yaw + period * k for k in range(-8, 9)]
    room = [o for o in options if abs(o - middle) <= wrist_room(state) - _SPARE + 1e-9]
    return min(room or options, key=lambda o: abs(o - now))


def _slab(at: Array, yaw: float, along: float, across: float) -> Solid:
    """Return a thin box around a point, `along` (m, half) the way the fingers open and `across` the other."""
    turn = np.array([0.0, 0.0, math.sin(yaw / 2), math.cos(yaw / 2)])
    return Solid(at, turn, np.array([across, along, 0.001]))


def blocked(state: State, name: str, at: Array, yaw: float, apart_from: str | None = None) -> tuple[int, float]:
    """Return how many things the open fingers would hit, and the least height (m) that keeps the hand clear.

    Args:
        state: now.
        name: what is to be grasped.
        at: (3,), where the gripper should be, m.
        yaw: of the gripper, rad.
        apart_from: what may be hit.
    """
    own, half = hand_of(state), load_robot_card(state.layout.robot).max_width / 2
    fingers = _slab(at, yaw, half + own.thickness, own.breadth / 2 + 0.002)
    hand = _slab(at, yaw, *own.half)
    hits, lowest = 0, -math.inf
    for other in state.layout.names:
        if other in {name, apart_from} or not load_cards()[state.layout.kind(other)].solid:
            continue
        solid = Solid.of(state, other)
        if float(solid.bottom) > at[2] + own.palm or np.linalg.norm(solid.position[:2] - at[:2]) > 0.3:
            continue
        # A container's sides are the same all round: only what stands beside the entity counts.
        around = float(solid.footprint_margin(at)) > 0
        hits += not around and float(solid.top) > at[2] - own.tip and float(footprint_gap(fingers, solid)) < 0.002
        if float(footprint_gap(hand, solid)) < 0.002:
            lowest = max(lowest, float(solid.top) + 0.004 - own.palm)
    return hits, lowest


def grasp_of(state: State, name: str, end: Array | None = None) -> Grasp:
    """Return how to take hold of an entity, from above, with fingers and hand clear of what stands around it.

    A fixture's moving part is taken at its handle, with the fingers on either side of its own x axis.

    Args:
        state: now.
        name: of the entity.
        end: a direction (3,): what is long is taken near that of its ends which points more that way.
    """
    solid = Solid.of(state, name)
    axes = solid.axes
    if state.layout.body_type(name) == "joint":
        point = solid.world(state.entity(name, "grasp"))
        if state.layout.role(name) == "drawer":
            # The hand would come down on a high cabinet before the fingers are around the handle.
            point[2] = max(point[2], float(solid.top) - _CABINET)
        return Grasp(point, yaw_for(axes[:2, 0], state), 0.012)
    part = grasped_part(load_cards()[state.layout.kind(name)], state.entity(name, "size").tolist())
    shape, extents = part.shape, part.extents
    point = solid.world(np.array(part.centre)).copy()
    if end is not None:
        longest = int(np.argmax(solid.half))
        out = axes[:, longest] * math.copysign(1.0, float(axes[:, longest] @ end))
        point += out * (float(solid.half[longest]) - INSET)
    if state.layout.body_type(name) == "rigid":
        point[2] = max(point[2], float(solid.top) - DEPTH, float(state.robot("table_height")) + tip_of(state) + 0.002)
    now = gripper_yaw(state)
    upright = abs(axes[2, 2]) > 0.7
    if shape == "sphere" or (shape == "cylinder" and upright and part.alone):
        options = [(now + math.pi * i / _TURNS, float(extents[0])) for i in range(_TURNS)]
        options = [(nearest_yaw(yaw, state), width) for yaw, width in options]
    elif shape == "cylinder":
        # Lying: across its axis. With a handle: not where that is.
        closing = axes[:2, 0] if upright else np.array([-axes[1, 2], axes[0, 2]])
        options = [(yaw_for(closing, state), float(extents[0]))]
    else:
        flat = [i for i in part.axes if abs(axes[2, i]) < 0.5 and extents[i] <= widest(state.layout)] or [0]
        narrow = min(float(extents[i]) for i in flat)
        # Only faces about as far apart as the nearest ones, so that a brick is not taken by its ends.
        options = [(yaw_for(axes[:2, i], state), float(extents[i])) for i in flat if extents[i] < narrow + 0.02]
    costs = []
    for yaw, _ in options:
        hits, lowest = blocked(state, name, point, yaw)
        costs.append((hits, max(0.0, lowest - float(point[2])), abs(yaw - now)))
        if costs[-1] == (0, 0.0, 0.0):
            break
    best = min(range(len(costs)), key=lambda i: costs[i])
    point[2] += min(costs[best][1], 0.025)
    yaw, width = options[best]
    return Grasp(point, yaw, width)
