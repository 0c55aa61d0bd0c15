"""Room on the table: what is clear, within reach and not in the way, over batches of states.

Everything counts as an upright box that stands around it. That is coarse, and fast enough to be asked for
each of the many steps a search considers.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from tabletop.logic.geometry import Remembering, Solid, rotation
from tabletop.logic.transition import swung, travel
from tabletop.planner.hand_size import hand_size
from tabletop.sim.card_parts import number
from tabletop.sim.cards import base_of, load_cards
from tabletop.sim.state import State

__all__ = [
    "CONTAINERS",
    "Boxes",
    "Surveyed",
    "boxes",
    "contains",
    "covered",
    "free",
    "reachable",
    "rise",
    "stands",
    "strip_free",
    "way_free",
]

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

CONTAINERS: Final = frozenset({"bin", "bowl", "drawer"})
"""Kinds that things can be put into."""
_X: Final = (0.31, 0.69)
_Y: Final = (-0.31, 0.31)
_TABLE_X: Final = 0.2
_EDGE: Final = 0.05
_TOWER: Final = 0.075
_ALONG: Final = np.linspace(0.0, 1.0, 5)


@dataclass(frozen=True)
class Boxes:
    """Upright boxes around things: the entities in the layout's order, then fixtures' bodies.

    A body's box is that of the moving part at fraction 0; of a door, the cabinet's behind it.
    """

    centre: Array
    """(..., N, 3), m, world."""
    along: Array
    """(..., N, 2): horizontal unit vector of the box's own x."""
    half: Array
    """(..., N, 3), m, in the box's frame."""
    names: tuple[str, ...]
    """(N,): of the entity each belongs to."""

    @property
    def low(self) -> Array:
        """World z of the undersides, (..., N)."""
        return np.asarray(self.centre[..., 2] - self.half[..., 2])

    @property
    def high(self) -> Array:
        """World z of the tops, (..., N)."""
        return np.asarray(self.centre[..., 2] + self.half[..., 2])

    def local(self, point: Array) -> Array:
        """Return points (..., 2 or 3) in each box's horizontal frame: (..., N, 2)."""
        d = point[..., None, :2] - self.centre[..., :2]
        x, y = self.along[..., 0], self.along[..., 1]
        return np.stack([d[..., 0] * x + d[..., 1] * y, d[..., 1] * x - d[..., 0] * y], axis=-1)

    def distance(self, point: Array) -> Array:
        """Return the horizontal distance (..., N) from points (..., 2) to the boxes, 0 inside."""
        beyond = np.maximum(np.abs(self.local(point)) - self.half[..., :2], 0.0)
        return np.asarray(np.sqrt((beyond**2).sum(axis=-1)))


@dataclass(frozen=True)
class Surveyed(Remembering):
    """A state that keeps its boxes and solids, for as long as a search asks about it."""

    @cached_property
    def boxes(self) -> Boxes:
        """See `boxes`."""
        return _boxes(self)

    @cached_property
    def known(self) -> dict[str, Mask]:
        """What was asked of entities: whether they are graspable (planner/hand.py), and the hand has room (room.py)."""
        return {}


def boxes(state: State) -> Boxes:
    """Return the boxes around a state's things."""
    return state.boxes if isinstance(state, Surveyed) else _boxes(state)


def _boxes(state: State) -> Boxes:
    layout = state.layout
    matrix = rotation(state.field("quaternion"))
    # A thing on its side may have its x upright.
    x = np.where(np.abs(matrix[..., 2:3, 0]) < 0.7, matrix[..., :2, 0], matrix[..., :2, 1])
    along = x / np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), 1e-9)
    frame = np.zeros(matrix.shape)
    frame[..., 0, :2], frame[..., 1, 0], frame[..., 1, 1] = along, -along[..., 1], along[..., 0]
    frame[..., 2, 2] = 1.0
    half = (np.abs(frame @ matrix) @ (state.field("size") / 2)[..., None])[..., 0]
    centre = state.field("position")
    fixtures = [i for i, m in enumerate(layout.body_types) if m == "joint"]
    if fixtures:
        names = [layout.names[i] for i in fixtures]
        back = np.stack([travel(state, n) * state.entity(n, "fraction")[..., None] for n in names], axis=-2)
        centre = np.concatenate([centre, centre[..., fixtures, :] - back], axis=-2)
        along = np.concatenate([along, along[..., fixtures, :]], axis=-2)
        half = np.concatenate([half, half[..., fixtures, :]], axis=-2)
        for row, i in enumerate(fixtures, start=len(layout.names)):
            if layout.roles[i] == "door":
                centre[..., row, :], along[..., row, :], half[..., row, :] = _cabinet(state, layout.names[i])
    return Boxes(centre, along, half, (*layout.names, *(layout.names[i] for i in fixtures)))


def _cabinet(state: State, door: str) -> tuple[Array, Array, Array]:
    """Return centre, direction and half extents of the body behind a door, the deepest that its card allows."""
    card = load_cards()[state.layout.kind(door)]
    shut = Solid.of(swung(state, door, np.zeros(state.values.shape[:-1])), door)
    wide = card.size["w"]
    depth = wide[-1] if isinstance(wide, tuple) else number(wide, {})
    half = np.stack([np.full(shut.half.shape[:-1], depth / 2), shut.half[..., 1], shut.half[..., 2]], axis=-1)
    back = np.zeros(half.shape)
    back[..., 0] = depth / 2 + shut.half[..., 0]
    along = shut.axes[..., :2, 0]
    return shut.world(back), along / np.linalg.norm(along, axis=-1, keepdims=True), half


def rise(state: State, entity: str) -> Array:
    """Return half of an entity's height as it lies, (...,) m."""
    return boxes(state).half[..., state.layout.index(entity), 2]


def reachable(state: State, point: Array, slack: float = 0.0) -> Mask:
    """Return where the gripper gets to points (..., 2), and a thing put down there stays on the table.

    Args:
        state: (...,)
        point: (..., 2), m, world.
        slack: m that widens the bounds: for what stands there already, if only because it was put down inexactly.
    """
    size = state.robot("table_size")
    x, y = point[..., 0], point[..., 1]
    far = np.minimum(_X[1], _TABLE_X + size[..., 0] - _EDGE) + slack
    side = np.minimum(_Y[1], size[..., 1] / 2 - _EDGE) + slack
    return np.asarray((x > _X[0] - slack) & (x < far) & (np.abs(y) < side))


def stands(state: State, entity: str) -> Mask:
    """Return where an entity stands on the table itself."""
    low = boxes(state).low[..., state.layout.index(entity)]
    return np.asarray(np.abs(low - state.robot("table_height")) < 0.006)


def _rigid(state: State) -> list[int]:
    return [i for i, m in enumerate(state.layout.body_types) if m == "rigid"]


def covered(state: State, entity: str) -> Mask:
    """Return where some rigid thing lies on an entity."""
    found, own = boxes(state), state.layout.index(entity)
    others = [i for i in _rigid(state) if i != own]
    if not others:
        return np.zeros(state.values.shape[:-1], dtype=bool)
    gap = found.low[..., others] - found.high[..., own : own + 1]
    over = _within(found, own, others, 0.02)
    return np.asarray((over & (gap > -0.025) & (gap < 0.03)).any(axis=-1))


def _within(found: Boxes, container: int, others: list[int], slack: float) -> Mask:
    """Return where the centres of some things are over another's box, (..., others)."""
    x, y = found.along[..., container, 0, None], found.along[..., container, 1, None]
    d = found.centre[..., others, :2] - found.centre[..., container, None, :2]
    across = np.abs(d[..., 1] * x - d[..., 0] * y) < found.half[..., container, 1, None] + slack
    return np.asarray(across & (np.abs(d[..., 0] * x + d[..., 1] * y) < found.half[..., container, 0, None] + slack))


def contains(state: State, container: str) -> Mask:
    """Return which entities have their centre over another's box and their underside in it: (..., E)."""
    found, own = boxes(state), state.layout.index(container)
    count = len(state.layout.names)
    low = found.low[..., :count]
    inside = _within(found, own, list(range(count)), 0.0)
    inside &= (low > found.low[..., own : own + 1] - 0.01) & (low < found.high[..., own : own + 1])
    inside[..., [i for i in range(count) if i == own or state.layout.body_types[i] != "rigid"]] = False
    return inside


def free(
    state: State, point: Array, radius: Array | float, ignore: str, hand: float = 0.0, above: Array | None = None
) -> Mask:
    """Return where nothing solid but `ignore` is within a radius (...,) of points (..., 2), m.

    Args:
        state: (...,)
        point: (..., 2), m, world.
        radius: m, (...,) or one for all.
        ignore: the entity that does not count; of a fixture, its body and what else moves on it neither.
        hand: m farther off that what is as high as the hand at work must be.
        above: (...,), m, world: only what is higher counts; None: all does.
    """
    found = boxes(state)
    cards, layout = load_cards(), state.layout
    own = base_of(ignore) or ignore
    rows = [i for i, n in enumerate(found.names) if (base_of(n) or n) != own and cards[layout.kind(n)].solid]
    if not rows:
        return np.ones(point.shape[:-1], dtype=bool)
    tall = found.high[..., rows] > state.robot("table_height")[..., None] + hand_size(layout.robot).height
    gap = found.distance(point)[..., rows] - hand * tall
    if above is not None:
        gap = np.where(found.high[..., rows] > above[..., None], gap, np.inf)
    return np.asarray(gap.min(axis=-1) > radius)


def way_free(state: State, start: Array, end: Array, radius: Array | float, ignore: str, hand: float = 0.0) -> Mask:
    """Return where nothing but `ignore` is within a radius (...,) of the way between points (..., 2).

    Five points of the way are looked at, both ends among them.

    Args:
        state: (...,)
        start: (..., 2), m, world.
        end: (..., 2), m, world.
        radius: as in `free`.
        ignore: as in `free`.
        hand: as in `free`.
    """
    out = np.ones(start.shape[:-1], dtype=bool)
    for t in _ALONG:
        out &= free(state, start + t * (end - start), radius, ignore, hand)
        if not out.any():
            break
    return out


def strip_free(state: State, fixture: str, length: Array) -> Mask:
    """Return where nothing solid stands within lengths (...,) m before a drawer's front, as wide as it.

    Args:
        state: (...,)
        fixture: a drawer.
        length: (...,), m that must be free.
    """
    found, own, cards = boxes(state), state.layout.index(fixture), load_cards()
    count = len(state.layout.names)
    rows = [i for i in range(count) if i != own and cards[state.layout.kinds[i]].solid]
    if not rows:
        return np.ones(state.values.shape[:-1], dtype=bool)
    x, y = found.along[..., own, 0, None], found.along[..., own, 1, None]
    d = found.centre[..., rows, :2] - found.centre[..., own, None, :2]
    size = found.half[..., rows, :2].max(axis=-1)
    ahead = -(d[..., 0] * x + d[..., 1] * y) - found.half[..., own, 0, None]
    aside = np.abs(d[..., 1] * x - d[..., 0] * y) - found.half[..., own, 1, None]
    # The hand around the handle reaches farther than the drawer, but above what is low.
    tall = found.high[..., rows] > state.robot("table_height")[..., None] + _TOWER
    reach = length[..., None] + size + 0.06 * tall
    blocked = (ahead > -size) & (ahead < reach) & (aside < size + 0.01)
    # What lies in the drawer is not in its way.
    blocked &= ~contains(state, fixture)[..., rows]
    return np.asarray(~blocked.any(axis=-1))
