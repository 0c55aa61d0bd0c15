"""Where the hand gets hold of things: in reach, and clear of what stands around them."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from tabletop.planner.hand_size import hand_size
from tabletop.planner.space import CONTAINERS, Surveyed, boxes, contains, covered, reachable
from tabletop.sim.cards import load_cards
from tabletop.sim.robot_card import load_robot_card
from tabletop.sim.state import State

__all__ = ["OPEN", "axes_at", "graspable", "hand_axis"]

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

OPEN: Final = 0.9
"""Fraction from which a drawer is open enough to reach into."""
_LONG: Final = 0.015
"""m by which a long thing's sides differ, at least."""


def graspable(state: State, entity: str) -> Mask:
    """Return where the gripper can take an entity: in reach, nothing on it, not deep in anything nor shut away."""
    if not isinstance(state, Surveyed):
        return _graspable(state, entity)
    if entity not in state.known:
        state.known[entity] = _graspable(state, entity)
    return state.known[entity]


def _graspable(state: State, entity: str) -> Mask:
    layout, own = state.layout, state.layout.index(entity)
    if layout.body_types[own] != "rigid" or not load_cards()[layout.kinds[own]].graspable:
        return np.zeros(state.values.shape[:-1], dtype=bool)
    out = reachable(state, state.entity(entity, "position")[..., :2], 0.03)
    out &= boxes(state).low[..., own] > state.robot("table_height") - 0.01
    if not out.any():
        return out
    out &= ~covered(state, entity) & _hand_room(state, own)
    found = boxes(state)
    for i, role in enumerate(layout.roles):
        if role in CONTAINERS and i != own:
            # A thing whose top is deeper below the rim is not had, as the hand meets the rim first.
            fits = found.high[..., i] - found.high[..., own] < load_robot_card(layout.robot).hand.deepest
            if role == "drawer":
                fits &= state.entity(layout.names[i], "fraction") > OPEN
            out &= ~contains(state, layout.names[i])[..., own] | fits
    return out


def _around(state: State, own: int) -> Mask:
    """Return which boxes are of containers that an entity is in, (..., N); of a drawer not the cabinet."""
    found, layout = boxes(state), state.layout
    out = np.zeros(found.half.shape[:-1], dtype=bool)
    for i, role in enumerate(layout.roles):
        if role in CONTAINERS and i != own:
            out[..., i] = contains(state, layout.names[i])[..., own]
    return out


def _hand_room(state: State, own: int) -> Mask:
    """Return where nothing higher than a thing stands so near that the hand would come down on it.

    The hand is as wide as the open fingers are apart. It can turn, except over what is long, which is taken by
    its sides.
    """
    found, cards, hand = boxes(state), load_cards(), hand_size(state.layout.robot)
    rows = [i for i, n in enumerate(found.names) if cards[state.layout.kind(n)].solid]
    rows = [i for i in rows if found.names[i] != state.layout.names[own]]
    if not rows:
        return np.ones(state.values.shape[:-1], dtype=bool)
    at, half, along = found.centre[..., own, :2], found.half[..., own, :2], found.along[..., own, :]
    gap = found.distance(at)[..., rows] - half.min(axis=-1)[..., None]
    higher = found.high[..., rows] > found.high[..., own : own + 1] + hand.above
    # A container is made for a hand to reach into.
    higher &= ~_around(state, own)[..., rows]
    out = np.asarray(~(higher & (gap < hand.gap)).any(axis=-1))
    long = np.abs(half[..., 0] - half[..., 1]) > _LONG
    if not (out & long & (higher & (gap < hand.half)).any(axis=-1)).any():
        return out
    across = np.where((half[..., 0] < half[..., 1])[..., None], along, np.stack([-along[..., 1], along[..., 0]], -1))
    for t in np.linspace(-hand.half, hand.half, 5):
        blocked = (higher & (found.distance(at + t * across)[..., rows] < hand.breadth)).any(axis=-1)
        out &= ~(long & blocked)
    return out


def hand_axis(state: State, entity: str) -> str | None:
    """Return the direction, "away" or "left", along which the hand has room over an entity; None where both do.

    The hand is as wide as the open fingers are apart, and what is higher than the entity would be hit by its ends.
    """
    found, cards, own = boxes(state), load_cards(), state.layout.index(entity)
    hand = hand_size(state.layout.robot)
    rows = [i for i, n in enumerate(found.names) if n != entity and cards[state.layout.kind(n)].solid]
    around = _around(state, own)
    rows = [i for i in rows if found.high[i] > found.high[own] + hand.above and not around[i]]
    if not rows:
        return None
    at = found.centre[own, :2]
    room = {}
    for direction, axis in (("away", np.array([1.0, 0.0])), ("left", np.array([0.0, 1.0]))):
        points = at + hand.half * np.linspace(-1.0, 1.0, 5)[:, None] * axis
        room[direction] = min(float(found.distance(p)[rows].min()) for p in points)
    if min(room.values()) > hand.breadth:
        return None
    return max(room, key=lambda d: room[d])


def axes_at(state: State, entity: str, point: Array) -> dict[str, Mask]:
    """Return where the hand that holds an entity has room to put it down at points (..., 2), by its fingers' direction.

    It is turned to the sides of what it holds, as near to the direction as these are. What is long is left out: its
    sides leave no choice.

    Args:
        state: (...,), with the entity held.
        entity: what is held.
        point: (..., 2), m, world.

    Returns:
        (...,) each, for fingers that open along "away" and along "left".
    """
    found, cards, own = boxes(state), load_cards(), state.layout.index(entity)
    hand = hand_size(state.layout.robot)
    rows = [i for i, n in enumerate(found.names) if n != entity and cards[state.layout.kind(n)].solid]
    half, along = found.half[..., own, :2], found.along[..., own, :]
    square = np.abs(half[..., 0] - half[..., 1]) < _LONG / 2
    if not rows:
        return {"away": square, "left": square}
    tall = found.high[..., rows] > state.robot("table_height")[..., None] + hand.height
    across = np.stack([-along[..., 1], along[..., 0]], axis=-1)
    out = {}
    for i, direction in enumerate(("away", "left")):
        nearer = np.abs(along[..., i]) >= np.abs(across[..., i])
        axis = np.where(nearer[..., None], along, across)
        fits = square.copy()
        for t in np.linspace(-hand.half, hand.half, 7):
            gap = found.distance(point + t * axis)[..., rows]
            fits &= (gap > np.where(tall, hand.breadth, hand.finger if abs(t) < hand.fingers else -1.0)).all(axis=-1)
        out[direction] = fits
    return out
