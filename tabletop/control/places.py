"""Where things are put: on, in and beside other entities."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from tabletop.control.motion import Array, gripper_yaw, hand_of
from tabletop.logic.geometry import Solid
from tabletop.sim.card_parts import number
from tabletop.sim.cards import Card, base_of, load_cards
from tabletop.sim.state import State

__all__ = ["free_side", "free_spot", "least_height", "size_of", "spot"]

_REACH: Final = ((0.30, 0.70), (-0.38, 0.38))
_PLACES: Final = ((0.32, 0.68), (-0.29, 0.29))
_RIM: Final = 0.006
_CABINET: Final = 0.026
_SUNK: Final = 0.004
"""m by which a floor lies below the rim of what counts as a container."""


def _card(state: State, name: str) -> Card:
    return load_cards()[state.layout.kind(name)]


def _floor(state: State, name: str) -> float:
    """Return the height (m, world) of what carries things put on or in an entity: its first part's top.

    Cards list a container's floor and a shelf's board first.
    """
    card, solid = _card(state, name), Solid.of(state, name)
    if not card.solid:
        return float(state.robot("table_height"))
    if card.mesh is not None:
        if card.mesh.floor is None:
            return float(solid.top)
        return float(solid.bottom) + card.mesh.floor * float(solid.half[2]) * 2 / card.mesh.size[2]
    part = (card.moving or card.parts)[0]
    # Of a fixture the size is that of its moving part's box; its base card's expressions are not needed.
    names = dict(zip(("w", "d", "h"), (float(s) for s in size_of(state, name)), strict=True))
    tall = {"box": 2, "cylinder": 1}.get(part.shape)
    thick = number(part.size[tall], names) / 2 if tall is not None else number(part.size[0], names)
    # Parts of a static card count from its underside, others from the middle.
    origin = float(solid.bottom) if card.body_type == "static" else float(solid.position[2])
    return min(origin + number(part.at[2], names) + thick, float(solid.top))


def size_of(state: State, name: str) -> Array:
    """Return w, d, h as the card's expressions mean them."""
    size = state.entity(name, "size")
    joint = _card(state, name).joint
    if joint is None:
        return size
    base = base_of(name)
    if base is not None:
        return state.entity(base, "size")
    # The state holds the moving part's extents: what they exceed or fall short of w, d, h by is a constant.
    zero = {"w": 0.0, "d": 0.0, "h": 0.0}
    return np.array([float(s) - number(e, zero) for s, e in zip(size, joint.extent, strict=True)])


def _is_container(state: State, name: str) -> bool:
    return _card(state, name).solid and float(Solid.of(state, name).top) - _floor(state, name) > _SUNK


def spot(state: State, on: str) -> tuple[Array, float]:
    """Return where (2,) the centre of a thing should come to be on or in an entity, and its support's height."""
    base, card = Solid.of(state, on), _card(state, on)
    if card.joint is None or not _is_container(state, on):
        return base.position[:2], _floor(state, on)
    # Only what stands out of the cabinet is free: so far as it is open, less the front.
    names = dict(zip(("w", "d", "h"), (float(s) for s in size_of(state, on)), strict=True))
    out = number(card.joint.travel, names) * float(state.entity(on, "fraction")) / 2 + 0.01
    toward = np.array(card.joint.axis)
    return base.world(toward * (np.abs(toward) @ base.half - out))[:2], _floor(state, on)


def least_height(state: State, on: str) -> float:
    """Return how low (m, world) the gripper's centre may come over an entity.

    The hand is wider than what it reaches into, and a cabinet stands above its drawer.
    """
    if not _is_container(state, on):
        return -math.inf
    room = _RIM if _card(state, on).joint is None else _CABINET
    return float(Solid.of(state, on).top) + room - hand_of(state).palm


def free_side(state: State, entity: str, other: str, gap: float) -> Array:
    """Return where (2,) an entity stands beside another with the fingers clear of it, on its freer side.

    Args:
        state: now, with the entity held; no batch shape.
        entity: what is to stand there.
        other: what it is to stand beside.
        gap: m between the two.

    Returns:
        (2,), m, world: the centre of what stands there.
    """
    one, two = Solid.of(state, entity), Solid.of(state, other)
    yaw = gripper_yaw(state)
    best, most = two.position[:2], -math.inf
    for sign in (1.0, -1.0):
        unit = sign * np.array([math.cos(yaw), math.sin(yaw)])
        point = two.position[:2] + unit * (float(two.reach(*unit)) + float(one.reach(*unit)) + gap)
        room = min(
            [0.2]
            + [
                float(np.linalg.norm(Solid.of(state, n).position[:2] - point))
                for n in state.layout.names
                if n not in {entity, other}
            ]
        )
        room = min(room, *(4 * (high - v) for v, (_, high) in zip(point, _REACH, strict=True)))
        room = min(room, *(4 * (v - low) for v, (low, _) in zip(point, _REACH, strict=True)))
        room -= 0.2 * float(np.linalg.norm(one.position[:2] - point))
        if room > most:
            best, most = point, room
    return best


def free_spot(state: State, entity: str, other: str, distance: float) -> Array:
    """Return the place (2,) on the table, a distance from another entity, with the most room around it.

    Args:
        state: now; no batch shape.
        entity: what is to stand there.
        other: what it is to be off.
        distance: m between their centres.

    Returns:
        (2,), m, world: the best of 24 places all around.
    """
    own, centre = Solid.of(state, entity), Solid.of(state, other).position[:2]
    others = [Solid.of(state, n) for n in state.layout.names if n != entity]
    best, most = own.position[:2], -math.inf
    for angle in np.linspace(-math.pi, math.pi, 24, endpoint=False):
        point = centre + distance * np.array([math.cos(angle), math.sin(angle)])
        room = min(
            [0.1]
            + [float(np.linalg.norm(s.position[:2] - point) - np.linalg.norm(s.half[:2])) - 0.06 for s in others]
            + [1.5 * min(v - low, high - v) for v, (low, high) in zip(point, _PLACES, strict=True)]
        )
        room -= 0.15 * float(np.linalg.norm(own.position[:2] - point))
        if room > most:
            best, most = point, room
    return best
