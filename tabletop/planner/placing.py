"""Operators that take a thing and put it on another or into one, and those that part with what is held."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tabletop.logic.geometry import Solid
from tabletop.logic.predicate import DIRECTIONS
from tabletop.logic.trace import touched
from tabletop.planner.acting import Line, ScriptedOperator, Taking, line, nowhere, pushed, radius, stood
from tabletop.planner.hand import OPEN, axes_at, graspable
from tabletop.planner.space import CONTAINERS, boxes, contains, covered, free, reachable, rise
from tabletop.sim.cards import load_cards
from tabletop.sim.state import State

__all__ = ["LetGo", "PlaceOn", "PutInto", "SetDown", "in_hand"]

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

_WALL: Final = 0.012
"""m of a container's wall, and of room left before it."""
_THIN: Final = 0.004
"""m of a wall that a thing may not be over when it is let down."""
_ASIDE: Final = 0.04
"""m off a container's middle at most."""
_LEAST_ASIDE: Final = 0.015
_BETWEEN: Final = 0.006
"""m between things in one container."""
_HOLD: Final = 0.3
"""N on each finger that count as a hold."""


@dataclass(frozen=True)
class PlaceOn(Taking):
    """On top of another entity."""

    other: str = ""
    reliability: float = 0.95

    def applicable(self, state: State, entity: str) -> Mask:
        if entity == self.other:
            return nowhere(state)
        fits = graspable(state, entity)
        if not fits.any():
            return fits
        layout = state.layout
        base, found = layout.index(self.other), boxes(state)
        point = found.centre[..., base, :2]
        fits = fits & reachable(state, point)
        if not fits.any():
            return fits
        if layout.roles[base] == "target":
            round_about = free(state, point, radius(state, entity) + 0.01, entity, 0.03)
            if round_about.all():
                return np.asarray(fits)
            # In a narrow place the hand goes in one way only.
            narrow = np.logical_or.reduce(list(axes_at(state, entity, point).values()))
            return np.asarray(
                fits & (round_about | (narrow & free(state, point, radius(state, entity) + 0.004, entity)))
            )
        fits &= ~covered(state, self.other)
        for name, role in zip(layout.names, layout.roles, strict=True):
            if name != self.other and role in CONTAINERS:
                fits &= ~contains(state, name)[..., base]
        fits &= found.low[..., base] > state.robot("table_height") - 0.01
        if not fits.any():
            return fits
        clear = radius(state, entity) + 0.005
        return np.asarray(fits & free(state, point, clear, entity, above=found.high[..., base] + 0.005))

    def predict(self, state: State, entity: str, draws: Array) -> State:
        base, found = state.layout.index(self.other), boxes(state)
        role = state.layout.roles[base]
        # A plate's rim is higher than its middle.
        floor = found.high[..., base] - (0.008 if role == "plate" else 0.0)
        if role == "target":
            floor = state.robot("table_height")
        return stood(state, entity, found.centre[..., base, :2], np.asarray(floor))

    def lines(self, state: State, entity: str) -> Sequence[Line]:
        way = self.approach(state, entity)
        if not way and state.layout.role(self.other) == "target":
            room = axes_at(state, entity, state.entity(self.other, "position")[..., :2])
            fitting = [direction for direction, fits in room.items() if fits.all()]
            way = [line("face", direction=fitting[0])] if len(fitting) == 1 else []
        return (
            *way,
            line("grasp", entity=entity),
            line("lift", height=0.08),
            line("place", entity=entity, on=self.other),
        )


@dataclass(frozen=True)
class PutInto(Taking):
    """Into a container: to its middle or to a side of it, where nothing else lies yet."""

    other: str = ""
    direction: str | None = None
    reliability: float = 0.93

    def _shift(self, state: State, entity: str) -> Array:
        """Return how far (...,) m off the middle it goes: as far as the walls allow, at most some centimetres."""
        if self.direction is None:
            return np.zeros(state.values.shape[:-1])
        base = Solid.of(state, self.other)
        across = base.half[..., 1] if state.layout.role(self.other) == "drawer" else base.half[..., :2].min(axis=-1)
        return np.asarray(np.minimum(across - _WALL - radius(state, entity), _ASIDE))

    def _spot(self, state: State, entity: str) -> Array:
        base = Solid.of(state, self.other)
        spot = base.position[..., :2]
        if state.layout.role(self.other) == "drawer":
            # Only what stands out of the cabinet is free.
            offset = np.zeros((*state.values.shape[:-1], 3))
            offset[..., 0] = 0.075 - base.half[..., 0]
            spot = base.world(offset)[..., :2]
        if self.direction is None:
            return np.asarray(spot)
        return np.asarray(spot + self._shift(state, entity)[..., None] * np.array(DIRECTIONS[self.direction])[:2])

    def applicable(self, state: State, entity: str) -> Mask:
        layout = state.layout
        if entity == self.other or layout.role(entity) in CONTAINERS:
            return nowhere(state)
        fits = graspable(state, entity)
        if not fits.any():
            return fits
        spot = self._spot(state, entity)
        room = Solid.of(state, self.other).half[..., :2].min(axis=-1) - _THIN
        fits = fits & reachable(state, spot) & (radius(state, entity) < room)
        if self.direction is not None:
            fits &= self._shift(state, entity) > _LEAST_ASIDE
        if layout.role(self.other) == "drawer":
            fits &= (state.entity(self.other, "fraction") > OPEN) & (2 * rise(state, entity) < 0.058)
        else:
            fits &= Solid.of(state, self.other).bottom > state.robot("table_height") - 0.01
        if not fits.any():
            return np.asarray(fits)
        within = contains(state, self.other)
        within[..., layout.index(entity)] = False
        gap = boxes(state).distance(spot)[..., : len(layout.names)]
        near = gap < (radius(state, entity) + _BETWEEN)[..., None]
        return np.asarray(fits & ~(within & near).any(axis=-1))

    def predict(self, state: State, entity: str, draws: Array) -> State:
        # Beside its middle the hand comes down on a wall.
        state = state if self.direction is None else touched(state, self.other)
        return stood(state, entity, self._spot(state, entity), Solid.of(state, self.other).bottom + 0.01)

    def lines(self, state: State, entity: str) -> Sequence[Line]:
        aside: dict[str, Any] = {}
        if self.direction is not None:
            aside = {"direction": self.direction, "distance": float(self._shift(state, entity))}
        return (
            *self.approach(state, entity),
            line("grasp", entity=entity),
            line("lift", height=0.12),
            line("place", entity=entity, on=self.other, **aside),
        )


def in_hand(state: State, entity: str) -> Mask:
    """Return where both fingers press on an entity."""
    return np.asarray(state.entity(entity, "finger_force").min(axis=-1) > _HOLD)


@dataclass(frozen=True)
class SetDown(ScriptedOperator):
    """What is held, on whatever is right below it; a fixture's handle cannot be set down."""

    id: str = "set down"

    def applicable(self, state: State, entity: str) -> Mask:
        return in_hand(state, entity) & (state.layout.body_type(entity) == "rigid")

    def _below(self, state: State, entity: str) -> list[tuple[str, Mask]]:
        """Return the solid things in the layout's order, and where they have the entity above them."""
        layout, found, own = state.layout, boxes(state), state.layout.index(entity)
        inside = (np.abs(found.local(found.centre[..., own, :2])) < found.half[..., :2]).all(axis=-1)
        inside &= found.low < found.low[..., own : own + 1]
        cards = load_cards()
        solid = [i for i, k in enumerate(layout.kinds) if i != own and cards[k].solid]
        return [(layout.names[i], inside[..., i]) for i in solid]

    def predict(self, state: State, entity: str, draws: Array) -> State:
        floor = np.broadcast_to(state.robot("table_height"), state.values.shape[:-1])
        for name, under in self._below(state, entity):
            solid = Solid.of(state, name)
            top = solid.bottom + 0.01 if state.layout.role(name) in CONTAINERS else solid.top
            floor = np.where(under, np.maximum(floor, top), floor)
        return pushed(state, entity, state.entity(entity, "position")[..., :2], np.asarray(floor))

    def lines(self, state: State, entity: str) -> Sequence[Line]:
        under = [name for name, over in self._below(state, entity) if over.all()]
        if not under:
            return (line("place", entity=entity),)
        highest = max(under, key=lambda n: float(Solid.of(state, n).top))
        return (line("place", entity=entity, on=highest),)


@dataclass(frozen=True)
class LetGo(SetDown):
    """What is held, or what the fingers are stuck in, left where it is: they open and go up."""

    id: str = "let go of"

    def applicable(self, state: State, entity: str) -> Mask:
        return in_hand(state, entity)

    def lines(self, state: State, entity: str) -> Sequence[Line]:
        return (line("release"), line("retreat", height=0.12))
