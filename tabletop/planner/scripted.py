"""Operators over the scripted motion primitives, with outcomes computed instead of measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from tabletop.logic.geometry import Solid
from tabletop.logic.predicate import DIRECTIONS
from tabletop.planner.acting import Line, ScriptedOperator, line, nowhere, radius
from tabletop.planner.change import drop_off, hold, park, put
from tabletop.planner.fixtures import MoveJoint, Swing
from tabletop.planner.hand import graspable
from tabletop.planner.placing import PlaceOn, PutDown, PutInto
from tabletop.planner.space import CONTAINERS, covered, free, reachable, stands, way_free
from tabletop.sim.cards import load_cards
from tabletop.sim.scene import Scene, layout_of
from tabletop.sim.state import Layout, State

__all__ = ["SIDES", "ScriptedOperator", "scripted_operators"]

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

SIDES: Final = ("left", "right", "away", "toward")
"""The directions on the table."""
_SUPPORTS: Final = frozenset({"block", "brick", "plate", "target", "shelf"})
_PUSH: Final = 0.12
_LIFT: Final = 0.12
_HAND: Final = 0.05
"""m that the hand stands out beyond the fingers."""


@dataclass(frozen=True)
class _Push(ScriptedOperator):
    direction: str = "left"

    def applicable(self, state: State, entity: str) -> Mask:
        if state.layout.move(entity) != "rigid" or state.layout.kind(entity) == "bowl":
            return nowhere(state)
        unit = np.array(DIRECTIONS[self.direction])[:2]
        at = state.entity(entity, "position")[..., :2]
        end = at + _PUSH * unit
        behind = at - unit * (Solid.of(state, entity).reach(*unit) + 0.04)[..., None]
        fits = reachable(state, end) & reachable(state, at, 0.03) & reachable(state, behind, 0.03)
        if not fits.any():
            return fits
        fits &= stands(state, entity) & ~covered(state, entity)
        fits &= free(state, behind, 0.025, entity, _HAND)
        return np.asarray(fits & way_free(state, at, end, radius(state, entity) + 0.015, entity, 0.02))

    def predict(self, state: State, entity: str, draws: Array) -> State:
        unit = np.array(DIRECTIONS[self.direction])
        moved = state.entity(entity, "position") + _PUSH * unit
        return drop_off(park(put(state, entity, moved), entity), entity)

    def lines(self, state: State, entity: str) -> Sequence[Line]:
        return (line("push", entity=entity, direction=self.direction, distance=_PUSH),)


@dataclass(frozen=True)
class _Lift(ScriptedOperator):
    last: bool = True

    def applicable(self, state: State, entity: str) -> Mask:
        return graspable(state, entity)

    def predict(self, state: State, entity: str, draws: Array) -> State:
        raised = state.entity(entity, "position") + np.array([0.0, 0.0, _LIFT])
        every = np.ones(state.values.shape[:-1], dtype=bool)
        return hold(put(park(state, entity), entity, raised), entity, every)

    def lines(self, state: State, entity: str) -> Sequence[Line]:
        return (
            *self.approach(state, entity),
            line("grasp", entity=entity),
            line("lift", height=_LIFT),
        )


def scripted_operators(scene: Scene | Layout) -> tuple[ScriptedOperator, ...]:
    """Return all that the scripted policies can do in a scene."""
    layout = scene
    if isinstance(layout, Scene):
        layout = layout_of(layout.entities, load_cards())
    out: list[ScriptedOperator] = []
    for name, kind in zip(layout.names, layout.kinds, strict=True):
        if kind in _SUPPORTS:
            out.append(PlaceOn(f"place on {name}", other=name))
        if kind in CONTAINERS:
            out.append(PutInto(f"put into {name}", other=name))
        if layout.move(name) == "rigid":
            out.extend(PutDown(f"put {d} of {name}", direction=d, other=name) for d in SIDES)
    for side in SIDES:
        out.append(_Push(f"push {side}", direction=side))
        out.append(PutDown(f"carry {side}", direction=side))
    if "drawer" in layout.kinds:
        out.append(MoveJoint("open", primitive="open", kind="drawer", fraction=1.0))
        out.append(MoveJoint("close", primitive="close", kind="drawer", fraction=0.0))
    if "button" in layout.kinds:
        out.append(MoveJoint("press", primitive="press", kind="button", fraction=1.0))
    if "door" in layout.kinds:
        out.append(Swing("swing open", primitive="push_open", fraction=1.0))
        out.append(Swing("swing shut", primitive="push_shut", fraction=0.0))
    out.append(_Lift("lift"))
    return tuple(out)
