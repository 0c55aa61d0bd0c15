"""Whether the hand has room to work, as the motion primitives will find it (control/grasps.py), over batches of states.

Coarser rules (planner/hand.py, planner/space.py) draw the chains of goals and stay as they are. These come on top of
them where a skill is to be run.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from tabletop.control.grasps import DEPTH, INSET, widest
from tabletop.control.motion import hand_of
from tabletop.logic.predicate import DIRECTIONS
from tabletop.planner.space import CONTAINERS, Surveyed, boxes, contains
from tabletop.sim.cards import load_cards
from tabletop.sim.held_part import grasped_part
from tabletop.sim.robot_card import load_robot_card
from tabletop.sim.state import State

__all__ = ["free_way", "hand_room", "push_room"]

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

_SPARE: Final = 0.004
"""m left free around both."""
_RAISED: Final = 0.021
"""m by which a thing may be taken higher, so that the hand clears what stands around."""
_SQUARE: Final = 0.02
"""m by which the faces taken may be farther apart than the nearest ones."""
_TURNS: Final = 12
"""Ways, over half a turn, in which the hand may stand over what is round."""
_FAR: Final = 1.0
"""m of room where there is nothing around."""
_BEHIND: Final = 0.031
"""m from a thing's side to the middle of the fingers that come down behind it."""


@dataclass(frozen=True)
class _Around:
    """The upright boxes of all that is solid but one thing."""

    centre: Array
    """(..., N, 2), m, world."""
    along: Array
    """(..., N, 2), unit."""
    half: Array
    """(..., N, 2), m."""
    high: Array
    """(..., N), m, world."""
    inside: Mask
    """(..., N): of containers that the thing is in."""

    @classmethod
    def of(cls, state: State, own: int) -> _Around | None:
        found, cards, layout = boxes(state), load_cards(), state.layout
        names = found.names
        rows = [i for i, n in enumerate(names) if n != layout.names[own] and cards[layout.kind(n)].solid]
        if not rows:
            return None
        inside = np.zeros(found.high.shape, dtype=bool)
        for i, role in enumerate(layout.roles):
            if role in CONTAINERS and i != own:
                within = contains(state, layout.names[i])[..., own]
                for row in (j for j, n in enumerate(names) if n == layout.names[i]):
                    inside[..., row] = within
        return cls(
            found.centre[..., rows, :2],
            found.along[..., rows, :],
            found.half[..., rows, :2],
            found.high[..., rows],
            inside[..., rows],
        )

    def gap(self, centre: Array, along: Array, half: tuple[Array | float, Array | float]) -> Array:
        """Return the gaps (..., T, N), m, to rectangles; negative where they overlap, a lower bound corner to corner.

        Args:
            centre: (..., T, 2), m, world.
            along: (..., T, 2), unit vectors along their own x.
            half: m along their own x and y.
        """
        d = self.centre[..., None, :, :] - centre[..., :, None, :]
        u, v = along[..., :, None, :], self.along[..., None, :, :]
        cos = np.abs((u * v).sum(axis=-1))
        sin = np.abs(u[..., 0] * v[..., 1] - u[..., 1] * v[..., 0])
        a, b = (np.asarray(h)[..., None] for h in half)
        p, q = self.half[..., None, :, 0], self.half[..., None, :, 1]
        gaps = (
            np.abs((d * u).sum(axis=-1)) - a - (p * cos + q * sin),
            np.abs(d[..., 1] * u[..., 0] - d[..., 0] * u[..., 1]) - b - (p * sin + q * cos),
            np.abs((d * v).sum(axis=-1)) - p - (a * cos + b * sin),
            np.abs(d[..., 1] * v[..., 0] - d[..., 0] * v[..., 1]) - q - (a * sin + b * cos),
        )
        return np.asarray(np.max(gaps, axis=0))


def _ways(state: State, own: int) -> tuple[Array, Mask]:
    """Return the directions (..., T, 2) in which the fingers may open over a thing, and which of them take it."""
    found, layout = boxes(state), state.layout
    shape = state.values.shape[:-1]
    size = state.values.reshape(-1, state.values.shape[-1])[0, layout.entity_slice(layout.names[own], "size")]
    part = grasped_part(load_cards()[layout.kinds[own]], size.tolist())
    along, half = found.along[..., own, :], found.half[..., own, :2]
    if part.shape in {"sphere", "cylinder"} and part.alone:
        angles = np.arange(_TURNS) * math.pi / _TURNS
        units = np.stack([np.cos(angles), np.sin(angles)], axis=-1)
        lying = np.abs(half[..., 0] - half[..., 1]) > DEPTH / 2
        round_about = np.broadcast_to(units, (*shape, _TURNS, 2))
        # What lies is taken across its axis: by its narrower side.
        narrow = np.where((half[..., 0] < half[..., 1])[..., None], along, _across(along))
        ways = np.where(lying[..., None, None], narrow[..., None, :], round_about)
        return ways, np.ones(ways.shape[:-1], dtype=bool)
    ways = np.stack([along, _across(along)], axis=-2)
    width = 2 * half
    narrow = width.min(axis=-1, keepdims=True)
    fits = (width <= np.maximum(widest(layout), narrow)) & (width < narrow + _SQUARE)
    return ways, np.asarray(fits)


def _boxes(state: State) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return half extents, m, of the hand along the way in which the fingers open and across, and of the open fingers
    together."""
    card = load_robot_card(state.layout.robot)
    (along, across), own = card.hand.half, card.hand
    return (along, across), (card.max_width / 2 + own.thickness, own.breadth / 2 + 0.002)


def _across(unit: Array) -> Array:
    return np.stack([-unit[..., 1], unit[..., 0]], axis=-1)


def hand_room(state: State, entity: str, end: str | None = None) -> Mask:
    """Return where the fingers can come down on either side of a thing without hitting what stands around it.

    Args:
        state: now.
        entity: to be taken.
        end: a direction: what is long is taken near that of its ends which points more that way.
    """
    if not isinstance(state, Surveyed):
        return _hand_room(state, entity, end)
    key = f"room {end} {entity}"
    if key not in state.known:
        state.known[key] = _hand_room(state, entity, end)
    return state.known[key]


def _hand_room(state: State, entity: str, end: str | None) -> Mask:
    return np.asarray((_room(state, entity, end)[1] > 0).any(axis=-1))


def free_way(state: State, entity: str) -> float | None:
    """Return the angle (rad, from "away" to "left") of the way in which the open fingers have most room over a thing.

    None where they have room in every way, or in none. The state has no batch shape.
    """
    ways, room = _room(state, entity, None)
    taken = np.isfinite(room)
    if (room[taken] > 0).all() or not (room > 0).any():
        return None
    x, y = ways[int(np.argmax(room))]
    return math.atan2(y, x)


def _room(state: State, entity: str, end: str | None) -> tuple[Array, Array]:
    """Return the ways (..., T, 2) in which the fingers may open, and how much room (..., T), m, there is in each.

    It is negative where something is hit, and minus infinity where the thing is not taken that way.
    """
    own, found = state.layout.index(entity), boxes(state)
    ways, fits = _ways(state, own)
    around = _Around.of(state, own)
    if around is None:
        return ways, np.where(fits, _FAR, -np.inf)
    at = found.centre[..., own, :2]
    if end is not None:
        half = found.half[..., own, :2]
        along = found.along[..., own, :]
        out = np.where((half[..., 0] > half[..., 1])[..., None], along, _across(along))
        toward = np.sign(out @ np.array(DIRECTIONS[end])[:2])
        at = at + out * (toward * (half.max(axis=-1) - INSET))[..., None]
    at = np.broadcast_to(at[..., None, :], ways.shape)
    hand_shape, (hand_box, finger_box) = hand_of(state), _boxes(state)
    low = np.maximum(found.centre[..., own, 2], found.high[..., own] - DEPTH)
    low = np.maximum(low, state.robot("table_height") + hand_shape.tip + 0.002)[..., None, None]
    # A container is made for a hand to reach into.
    counts = ~around.inside[..., None, :]
    high = around.high[..., None, :]
    fingers = np.where(counts & (high > low - hand_shape.tip), around.gap(at, ways, finger_box), np.inf)
    over = high > low + hand_shape.palm + _RAISED - _SPARE
    hand = np.where(counts & over, around.gap(at, ways, hand_box), np.inf)
    room = np.minimum(fingers, hand).min(axis=-1) - _SPARE / 2
    return ways, np.where(fits, np.minimum(room, _FAR), -np.inf)


def push_room(state: State, entity: str, end: Array) -> Mask:
    """Return where the hand behind a thing has room all the way, as it pushes the thing to points (..., 2).

    Args:
        state: before, batch shape (...,).
        entity: what is pushed.
        end: (..., 2), m, world: where its centre is to come.
    """
    own, found = state.layout.index(entity), boxes(state)
    around = _Around.of(state, own)
    start = found.centre[..., own, :2]
    if around is None:
        return np.ones(start.shape[:-1], dtype=bool)
    way = end - start
    length = np.linalg.norm(way, axis=-1)
    unit = way / np.maximum(length, 1e-6)[..., None]
    reach = np.abs((found.along[..., own, :] * unit).sum(axis=-1)) * found.half[..., own, 0]
    reach += np.abs((_across(found.along[..., own, :]) * unit).sum(axis=-1)) * found.half[..., own, 1]
    # The fingers are pushed ahead of their goal, and drawn back a little at the end.
    middle = start + unit * (length / 2 - reach - _BEHIND)[..., None]
    half, low = found.half[..., own, :], found.low[..., own]
    tall = half[..., 2] > 1.03 * half[..., :2].min(axis=-1)
    height = np.minimum(low + half[..., 2] + 0.012 * tall, low + np.where(tall, 0.050, 0.034))
    hand_box = _boxes(state)[0]
    swept = around.gap(middle[..., None, :], unit[..., None, :], ((length / 2 + hand_box[1])[..., None], hand_box[0]))
    hit = (swept[..., 0, :] < _SPARE) & (around.high > (height + hand_of(state).palm)[..., None] - _SPARE)
    return np.asarray(~hit.any(axis=-1))
