"""Operators that move a fixture's joint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from tabletop.logic.geometry import Solid
from tabletop.planner.acting import Line, ScriptedOperator, line, nowhere
from tabletop.planner.change import follow_joint, park, swung
from tabletop.planner.space import covered, free, reachable, strip_free
from tabletop.sim.state import State

__all__ = ["MoveJoint", "Swing"]

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

_TRAVEL: Final = 0.13
_ARC: Final = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Fractions at which a door's way is looked at."""
_ALONG: Final = (-0.9, -0.3, 0.3, 0.9)
"""Places on the leaf, in half widths from its middle."""
_BEFORE: Final = 0.05
"""m that the hand takes before and behind a leaf."""


@dataclass(frozen=True)
class _Joint(ScriptedOperator):
    """A fixture's joint brought to a fraction."""

    primitive: str = "open"
    kind: str = "drawer"
    fraction: float = 1.0

    def predict(self, state: State, entity: str, draws: Array) -> State:
        fraction = np.full(state.values.shape[:-1], self.fraction)
        return park(follow_joint(state, entity, fraction), entity)

    def lines(self, state: State, entity: str) -> Sequence[Line]:
        return (line(self.primitive, entity=entity),)


@dataclass(frozen=True)
class MoveJoint(_Joint):
    """A drawer pulled or pushed, a button pressed."""

    def applicable(self, state: State, entity: str) -> Mask:
        if state.layout.kind(entity) != self.kind:
            return nowhere(state)
        fits = np.abs(state.entity(entity, "fraction") - self.fraction) > 0.1
        if self.kind == "button":
            return np.asarray(fits & ~covered(state, entity))
        left = _TRAVEL * np.maximum(self.fraction - state.entity(entity, "fraction"), 0.0)
        return np.asarray(fits & strip_free(state, entity, left + 0.055))

    def lines(self, state: State, entity: str) -> Sequence[Line]:
        way = self.approach(state, entity) if self.kind == "button" else ()
        return (*way, *super().lines(state, entity))


@dataclass(frozen=True)
class Swing(_Joint):
    """A door swung open or shut by its handle."""

    primitive: str = "push_open"
    kind: str = "door"

    def applicable(self, state: State, entity: str) -> Mask:
        if state.layout.kind(entity) != self.kind:
            return nowhere(state)
        fits = np.asarray(np.abs(state.entity(entity, "fraction") - self.fraction) > 0.1)
        for fraction in _ARC if fits.any() else ():
            leaf = Solid.of(swung(state, entity, np.full(fits.shape, fraction)), entity)
            for along in _ALONG:
                offset = np.zeros((*fits.shape, 3))
                offset[..., 1] = along * leaf.half[..., 1]
                fits = fits & free(state, leaf.world(offset)[..., :2], _BEFORE, entity)
            offset[..., 1] = leaf.half[..., 1]
            fits = fits & reachable(state, leaf.world(offset)[..., :2], 0.05)
        return np.asarray(fits)
