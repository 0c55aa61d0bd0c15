"""Operators that take a thing and put it down: on another, into another, or on the table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from tabletop.logic.geometry import Solid
from tabletop.logic.predicate import DIRECTIONS
from tabletop.planner.acting import Line, ScriptedOperator, line, nowhere, radius, stood
from tabletop.planner.hand import OPEN, graspable
from tabletop.planner.space import CONTAINERS, boxes, contains, covered, free, reachable, rise
from tabletop.sim.cards import load_cards
from tabletop.sim.state import State

__all__ = ["PlaceOn", "PutDown", "PutInto", "SetDown"]

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

_CARRY: Final = 0.15
_BESIDE: Final = 0.05
"""m between the sides of things put down beside each other."""
_HOLD: Final = 0.3
"""N on each finger that count as a hold."""


@dataclass(frozen=True)
class PlaceOn(ScriptedOperator):
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
        if layout.kinds[base] == "target":
            return fits & free(state, point, radius(state, entity) + 0.01, entity, 0.03)
        fits &= ~covered(state, self.other)
        for name, kind in zip(layout.names, layout.kinds, strict=True):
            if name != self.other and kind in CONTAINERS:
                fits &= ~contains(state, name)[..., base]
        fits &= found.low[..., base] > state.robot("table_height") - 0.01
        if not fits.any():
            return fits
        clear = radius(state, entity) + 0.005
        return np.asarray(fits & free(state, point, clear, entity, above=found.high[..., base] + 0.005))

    def predict(self, state: State, entity: str, draws: Array) -> State:
        base, found = state.layout.index(self.other), boxes(state)
        kind = state.layout.kinds[base]
        # A plate's rim is higher than its middle.
        floor = found.high[..., base] - (0.008 if kind == "plate" else 0.0)
        if kind == "target":
            floor = state.robot("table_height")
        return stood(state, entity, found.centre[..., base, :2], np.asarray(floor))

    def lines(self, state: State, entity: str) -> Sequence[Line]:
        return (
            *self.approach(state, entity),
            line("grasp", entity=entity),
            line("lift", height=0.08),
            line("place", entity=entity, on=self.other),
        )


@dataclass(frozen=True)
class PutInto(ScriptedOperator):
    """Into a container that is empty."""

    other: str = ""
    reliability: float = 0.93

    def _spot(self, state: State) -> Array:
        base = Solid.of(state, self.other)
        if state.layout.kind(self.other) != "drawer":
            return base.position[..., :2]
        # Only what stands out of the cabinet is free.
        offset = np.zeros((*state.values.shape[:-1], 3))
        offset[..., 0] = 0.075 - base.half[..., 0]
        return base.world(offset)[..., :2]

    def applicable(self, state: State, entity: str) -> Mask:
        layout = state.layout
        if entity == self.other or layout.kind(entity) in CONTAINERS:
            return nowhere(state)
        fits = graspable(state, entity)
        if not fits.any():
            return fits
        fits = fits & reachable(state, self._spot(state)) & ~contains(state, self.other).any(axis=-1)
        if layout.kind(self.other) == "drawer":
            fits &= (state.entity(self.other, "fraction") > OPEN) & (2 * rise(state, entity) < 0.058)
        else:
            fits &= Solid.of(state, self.other).bottom > state.robot("table_height") - 0.01
        return np.asarray(fits)

    def predict(self, state: State, entity: str, draws: Array) -> State:
        return stood(state, entity, self._spot(state), Solid.of(state, self.other).bottom + 0.01)

    def lines(self, state: State, entity: str) -> Sequence[Line]:
        return (
            *self.approach(state, entity),
            line("grasp", entity=entity),
            line("lift", height=0.12),
            line("place", entity=entity, on=self.other),
        )


@dataclass(frozen=True)
class PutDown(ScriptedOperator):
    """On the table: a distance away, or to one side of another entity."""

    direction: str = "left"
    other: str | None = None

    def _spot(self, state: State, entity: str) -> Array:
        unit = np.array(DIRECTIONS[self.direction])[:2]
        if self.other is None:
            return np.asarray(state.entity(entity, "position")[..., :2] + _CARRY * unit)
        found, own = boxes(state), state.layout.index(self.other)
        tall = found.half[..., own, 2] > 0.0275
        far = Solid.of(state, self.other).reach(*unit) + radius(state, entity) + np.where(tall, 0.065, _BESIDE)
        return np.asarray(state.entity(self.other, "position")[..., :2] + far[..., None] * unit)

    def applicable(self, state: State, entity: str) -> Mask:
        if entity == self.other:
            return nowhere(state)
        fits = graspable(state, entity)
        if not fits.any():
            return fits
        spot = self._spot(state, entity)
        fits = fits & reachable(state, spot)
        return fits & free(state, spot, radius(state, entity) + 0.03, entity, 0.03) if fits.any() else fits

    def predict(self, state: State, entity: str, draws: Array) -> State:
        return stood(state, entity, self._spot(state, entity), state.robot("table_height"))

    def lines(self, state: State, entity: str) -> Sequence[Line]:
        way = self._spot(state, entity) - state.entity(entity, "position")[..., :2]
        x, y = float(way[0]), float(way[1])
        along = ("away" if x > 0 else "toward", abs(x)), ("left" if y > 0 else "right", abs(y))
        # The primitive goes along one axis at a time.
        (first, d1), (second, d2) = sorted(along, key=lambda a: a[1])
        lines = [*self.approach(state, entity), line("grasp", entity=entity), line("lift", height=0.10)]
        if d1 > 0.005:
            lines.append(line("carry", entity=entity, direction=first, distance=d1, height=0.10))
        return (*lines, line("place", entity=entity, direction=second, distance=d2))


@dataclass(frozen=True)
class SetDown(ScriptedOperator):
    """What is held, on whatever is right below it."""

    id: str = "set down"

    def applicable(self, state: State, entity: str) -> Mask:
        return np.asarray(state.entity(entity, "finger_force").min(axis=-1) > _HOLD)

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
            top = solid.bottom + 0.01 if state.layout.kind(name) in CONTAINERS else solid.top
            floor = np.where(under, np.maximum(floor, top), floor)
        return stood(state, entity, state.entity(entity, "position")[..., :2], np.asarray(floor))

    def lines(self, state: State, entity: str) -> Sequence[Line]:
        under = [name for name, over in self._below(state, entity) if over.all()]
        if not under:
            return (line("place", entity=entity),)
        highest = max(under, key=lambda n: float(Solid.of(state, n).top))
        return (line("place", entity=entity, on=highest),)
