"""Operators that move a fixture's joint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from tabletop.logic.geometry import Solid
from tabletop.logic.trace import carried, touched
from tabletop.logic.transition import follow_joint, hold, park, put, swung
from tabletop.planner.acting import Line, ScriptedOperator, line, nowhere
from tabletop.planner.hand import graspable
from tabletop.planner.room import hand_room
from tabletop.planner.space import covered, free, reachable, strip_free
from tabletop.sim.roles import PART
from tabletop.sim.state import Layout, State

__all__ = ["DrawHandle", "MoveJoint", "Strike", "Swing", "fixture_operators"]

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

_TRAVEL: Final = 0.13
_ARC: Final = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Fractions at which a door's way is looked at."""
_ALONG: Final = (-0.9, -0.3, 0.3, 0.9)
"""Places on the leaf, in half widths from its middle."""
_BEFORE: Final = 0.05
"""m that the hand takes before and behind a leaf."""
_AROUND: Final = 0.04
"""m that it takes around a handle."""
_BELOW: Final = 0.035
"""m below a handle to which it reaches."""
_RAISED: Final = 0.05
"""m by which a tool is raised before it is used."""
_DRAWN: Final[Mapping[str, Sequence[tuple[str, str, float]]]] = {
    "window": (("slide open", "push_open", 1.0), ("slide shut", "push_shut", 0.0)),
    "faucet": (("turn on", "push_open", 1.0), ("turn off", "push_shut", 0.0)),
    "bolt": (("shoot", "push_open", 1.0), ("draw back", "push_shut", 0.0)),
    "lever": (("tip", "push_open", 1.0), ("tip back", "push_shut", 0.0)),
    "handle": (("press down", "press", 1.0), ("pull up", "pull_shut", 0.0)),
    "dial": (("twist", "twist", 1.0),),
    "doorbell": (("ring", "push_open", 1.0),),
    "coffee_machine": (("push in", "push_open", 1.0),),
    PART: (("open part", "open_part", 1.0), ("shut part", "shut_part", 0.0)),
}
"""Of each kind: operator, primitive, and the fraction that it leads to."""


@dataclass(frozen=True)
class _Joint(ScriptedOperator):
    """A fixture's joint brought to a fraction."""

    primitive: str = "open"
    kind: str = "drawer"
    fraction: float = 1.0

    def predict(self, state: State, entity: str, draws: Array) -> State:
        return touched(park(self.driven(state, entity), entity), entity)

    def driven(self, state: State, entity: str) -> State:
        """Return states with the joint at the fraction, whatever moved it there."""
        return follow_joint(state, entity, np.full(state.values.shape[:-1], self.fraction))

    def lines(self, state: State, entity: str) -> Sequence[Line]:
        return (line(self.primitive, entity=entity),)


@dataclass(frozen=True)
class MoveJoint(_Joint):
    """A drawer pulled or pushed, a button pressed."""

    def applicable(self, state: State, entity: str) -> Mask:
        if state.layout.role(entity) != self.kind:
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
class DrawHandle(_Joint):
    """A handle, knob or fin brought along its way, where the hand has room around it all along."""

    def applicable(self, state: State, entity: str) -> Mask:
        if state.layout.role(entity) != self.kind:
            return nowhere(state)
        now = state.entity(entity, "fraction")
        fits = np.asarray(np.abs(now - self.fraction) > 0.1)
        for part in _ARC if fits.any() else ():
            there = swung(state, entity, now + part * (self.fraction - now))
            handle = Solid.of(there, entity).world(state.entity(entity, "grasp"))
            fits = fits & free(state, handle[..., :2], _AROUND, entity, above=handle[..., 2] - _BELOW)
        return np.asarray(fits)


@dataclass(frozen=True)
class Swing(_Joint):
    """A door swung open or shut by its handle."""

    primitive: str = "push_open"
    kind: str = "door"

    def applicable(self, state: State, entity: str) -> Mask:
        if state.layout.role(entity) != self.kind:
            return nowhere(state)
        fits = np.asarray(np.abs(state.entity(entity, "fraction") - self.fraction) > 0.1)
        for fraction in _ARC if fits.any() else ():
            leaf = Solid.of(swung(state, entity, np.full(fits.shape, fraction)), entity)
            for along in _ALONG:
                offset = np.zeros((*fits.shape, 3))
                offset[..., 1] = along * leaf.half[..., 1]
                # The nearer to the hinge, the less it comes forward, and the hand is at the other end.
                fits = fits & free(state, leaf.world(offset)[..., :2], _BEFORE * (1.2 + along) / 2.1, entity)
            offset[..., 1] = leaf.half[..., 1]
            fits = fits & reachable(state, leaf.world(offset)[..., :2], 0.05)
        return np.asarray(fits)


@dataclass(frozen=True)
class Strike(_Joint):
    """A nail driven home with a hammer, which stays in the hand."""

    tool: str = ""
    primitive: str = "strike"
    kind: str = "nail"
    last: bool = True

    def applicable(self, state: State, entity: str) -> Mask:
        if state.layout.role(entity) != self.kind:
            return nowhere(state)
        left = np.abs(state.entity(entity, "fraction") - self.fraction) > 0.1
        return np.asarray(left & graspable(state, self.tool))

    def predict(self, state: State, entity: str, draws: Array) -> State:
        # Only the tool touches it.
        driven = park(self.driven(state, entity), entity)
        at = driven.entity(self.tool, "position")
        raised = put(driven, self.tool, at + np.array([0.0, 0.0, _RAISED]))
        # It is carried to the nail; where it ends is not forecast.
        way = np.linalg.norm((state.entity(entity, "position") - at)[..., :2], axis=-1)
        return hold(carried(raised, self.tool, way), self.tool, np.ones(state.values.shape[:-1], dtype=bool))

    def room(self, state: State, entity: str) -> Mask:
        return hand_room(state, self.tool)

    def lines(self, state: State, entity: str) -> Sequence[Line]:
        return (
            *self.approach(state, self.tool),
            line("grasp", entity=self.tool),
            line("lift", height=_RAISED),
            line("strike", entity=self.tool, at=entity),
        )


def fixture_operators(layout: Layout) -> list[ScriptedOperator]:
    """Return what can be done to the fixtures of a layout."""
    out: list[ScriptedOperator] = []
    for kind in dict.fromkeys(layout.roles):
        for id, primitive, fraction in _DRAWN.get(kind, ()):
            out.append(DrawHandle(id, primitive=primitive, kind=kind, fraction=fraction))
    if "drawer" in layout.roles:
        out.append(MoveJoint("open", primitive="open", kind="drawer", fraction=1.0))
        out.append(MoveJoint("close", primitive="close", kind="drawer", fraction=0.0))
    if "button" in layout.roles:
        out.append(MoveJoint("press", primitive="press", kind="button", fraction=1.0))
    if "door" in layout.roles:
        out.append(Swing("swing open", primitive="push_open", fraction=1.0))
        out.append(Swing("swing shut", primitive="push_shut", fraction=0.0))
    if "nail" in layout.roles:
        tools = [n for n, k in zip(layout.names, layout.roles, strict=True) if k == "hammer"]
        out.extend(Strike(f"strike with {n}", tool=n) for n in tools)
    return out
