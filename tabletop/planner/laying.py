"""Operators that take a thing and put it down on the table: somewhere off, beside another one, or over the edge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from tabletop.logic.geometry import Solid
from tabletop.logic.predicate import DIRECTIONS
from tabletop.logic.transition import carry
from tabletop.planner.acting import Line, Taking, line, nowhere, radius, stood
from tabletop.planner.hand import graspable
from tabletop.planner.pushing import fallen, near_enough, over_edge
from tabletop.planner.space import boxes, free, reachable
from tabletop.sim.state import State

__all__ = ["PLACES", "Dump", "PutAt", "PutBefore", "PutBeside", "PutDown"]

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

_BESIDE: Final = 0.05
"""m between the sides of things put down to one side of each other."""
_CLOSE: Final = 0.011
"""m between the sides of things put down beside each other, as the primitive has it."""
_BEFORE: Final = 0.17
"""m before the middle of a pen or a shelf from where things are sent into it."""
PLACES: Final = {
    f"{row} {column}": (x, y)
    for row, x in (("near", 0.36), ("middle", 0.49), ("far", 0.62))
    for column, y in (("far left", 0.27), ("left", 0.135), ("centre", 0.0), ("right", -0.135), ("far right", -0.27))
}
"""m, world x and y, of places all over the table, by what to call them."""


@dataclass(frozen=True)
class _OnTable(Taking):
    """Put down at a place that follows from the state."""

    def _spot(self, state: State, entity: str) -> Array:
        raise NotImplementedError

    def applicable(self, state: State, entity: str) -> Mask:
        fits = graspable(state, entity)
        if not fits.any():
            return fits
        spot = self._spot(state, entity)
        fits = fits & reachable(state, spot)
        return fits & free(state, spot, radius(state, entity) + 0.03, entity, 0.03) if fits.any() else fits

    def predict(self, state: State, entity: str, draws: Array) -> State:
        return stood(state, entity, self._spot(state, entity), state.robot("table_height"))

    def lines(self, state: State, entity: str) -> Sequence[Line]:
        x, y = (float(v) for v in self._spot(state, entity))
        return (
            *self.approach(state, entity),
            line("grasp", entity=entity),
            line("lift", height=0.10),
            line("place", entity=entity, x=x, y=y),
        )


@dataclass(frozen=True)
class PutDown(_OnTable):
    """A distance away, or to one side of another entity."""

    direction: str = "left"
    other: str | None = None
    distance: float = 0.15
    """m, where there is no other entity."""

    def _spot(self, state: State, entity: str) -> Array:
        unit = np.array(DIRECTIONS[self.direction])[:2]
        if self.other is None:
            return np.asarray(state.entity(entity, "position")[..., :2] + self.distance * unit)
        found, own = boxes(state), state.layout.index(self.other)
        tall = found.half[..., own, 2] > 0.0275
        far = Solid.of(state, self.other).reach(*unit) + radius(state, entity) + np.where(tall, 0.065, _BESIDE)
        return np.asarray(state.entity(self.other, "position")[..., :2] + far[..., None] * unit)

    def applicable(self, state: State, entity: str) -> Mask:
        return nowhere(state) if entity == self.other else super().applicable(state, entity)


@dataclass(frozen=True)
class PutAt(_OnTable):
    """At one of some places all over the table."""

    place: tuple[float, float] = (0.49, 0.0)
    """m, world x and y."""

    def _spot(self, state: State, entity: str) -> Array:
        return np.broadcast_to(np.array(self.place), (*state.values.shape[:-1], 2))


@dataclass(frozen=True)
class PutBefore(_OnTable):
    """Before the open side of a pen or a shelf."""

    other: str = ""

    def _spot(self, state: State, entity: str) -> Array:
        ahead = boxes(state).along[..., state.layout.index(self.other), :]
        return np.asarray(state.entity(self.other, "position")[..., :2] - _BEFORE * ahead)


@dataclass(frozen=True)
class PutBeside(Taking):
    """Side by side with another entity, on its freest side."""

    other: str = ""
    reliability: float = 0.8
    """Less than it is: which side the fingers leave free is not forecast, so that other skills come first."""

    def _spot(self, state: State, entity: str) -> tuple[Array, Mask]:
        """Return the place (..., 2) on the freest of four sides, and where there is one."""
        one, two = Solid.of(state, entity), Solid.of(state, self.other)
        ahead = boxes(state).along[..., state.layout.index(self.other), :]
        across = np.stack([-ahead[..., 1], ahead[..., 0]], axis=-1)
        best, found = two.position[..., :2], nowhere(state)
        for unit in (ahead, -ahead, across, -across):
            x, y = unit[..., 0], unit[..., 1]
            own = one.reach(x, y)
            spot = two.position[..., :2] + unit * (two.reach(x, y) + own + _CLOSE)[..., None]
            fits = ~found & reachable(state, spot) & free(state, spot, own + _CLOSE / 2, entity)
            best, found = np.where(fits[..., None], spot, best), found | fits
        return np.asarray(best), np.asarray(found)

    def applicable(self, state: State, entity: str) -> Mask:
        if entity == self.other:
            return nowhere(state)
        fits = graspable(state, entity)
        return np.asarray(fits & self._spot(state, entity)[1]) if fits.any() else fits

    def predict(self, state: State, entity: str, draws: Array) -> State:
        return stood(state, entity, self._spot(state, entity)[0], state.robot("table_height"))

    def lines(self, state: State, entity: str) -> Sequence[Line]:
        return (
            *self.approach(state, entity),
            line("grasp", entity=entity),
            line("lift", height=0.08),
            line("place", entity=entity, beside=self.other),
        )


@dataclass(frozen=True)
class Dump(Taking):
    """Carried beyond the nearer side edge of the table and dropped."""

    id: str = "drop off"
    reliability: float = 0.5
    """Far less than it is: nothing brings back what has left the table, so that all else comes first."""

    def applicable(self, state: State, entity: str) -> Mask:
        fits = graspable(state, entity)
        return np.asarray(fits & near_enough(over_edge(state, entity)))

    def predict(self, state: State, entity: str, draws: Array) -> State:
        return fallen(state, entity, carry)

    def lines(self, state: State, entity: str) -> Sequence[Line]:
        return (
            *self.approach(state, entity),
            line("grasp", entity=entity),
            line("lift", height=0.08),
            line("dump", entity=entity),
        )
