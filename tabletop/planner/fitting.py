"""Operators that fit one thing onto or into another, and take it out: nut and post, peg and socket, lid and box."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from tabletop.logic.geometry import Solid
from tabletop.logic.transition import carry, hold, park, put
from tabletop.planner.acting import Line, ScriptedOperator, line, nowhere, stood
from tabletop.planner.hand import graspable
from tabletop.planner.space import boxes, covered, free, reachable
from tabletop.sim.state import Layout, State

__all__ = ["Cap", "Insert", "TakeOff", "Thread", "Unplug", "fitting_operators"]

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

_DEEP: Final = 0.04
"""m that a peg is put into a socket."""
_OUT: Final = 0.11
"""m that it is drawn out."""
_ASIDE: Final = 0.18
"""m from its post at which a nut is put down."""


def _around(state: State, entity: str, other: str) -> Mask:
    """Return where the middle of another entity is in the box of one: a post in a nut, a peg in a socket."""
    found, own = boxes(state), state.layout.index(entity)
    point = state.entity(other, "position")[..., :2]
    inside = (np.abs(found.local(point)[..., own, :]) < found.half[..., own, :2]).all(axis=-1)
    return np.asarray(inside & (found.low[..., own] < found.high[..., state.layout.index(other)]))


@dataclass(frozen=True)
class _Fit(ScriptedOperator):
    """About two things: one that is moved, and another."""

    kind: str = ""
    other: str = ""
    reliability: float = 0.93


@dataclass(frozen=True)
class Thread(_Fit):
    """A nut put over a post."""

    def applicable(self, state: State, entity: str) -> Mask:
        if state.layout.role(entity) != self.kind:
            return nowhere(state)
        fits = graspable(state, entity) & ~covered(state, self.other) & ~_around(state, entity, self.other)
        return np.asarray(fits & reachable(state, state.entity(self.other, "position")[..., :2], 0.03))

    def predict(self, state: State, entity: str, draws: Array) -> State:
        return stood(state, entity, state.entity(self.other, "position")[..., :2], state.robot("table_height"))

    def lines(self, state: State, entity: str) -> Sequence[Line]:
        return (
            *self.approach(state, entity),
            line("grasp", entity=entity),
            line("lift", height=0.12),
            line("carry", entity=entity, to=self.other),
            line("lower", entity=entity),
            line("release"),
            line("retreat", entity=entity),
        )


@dataclass(frozen=True)
class TakeOff(_Fit):
    """A nut taken off its post and put down beside it."""

    def applicable(self, state: State, entity: str) -> Mask:
        if state.layout.role(entity) != self.kind:
            return nowhere(state)
        return np.asarray(_around(state, entity, self.other) & ~covered(state, entity))

    def predict(self, state: State, entity: str, draws: Array) -> State:
        post = state.entity(self.other, "position")[..., :2]
        best, room = post, np.full(post.shape[:-1], -np.inf)
        for angle in np.linspace(0.0, 2 * np.pi, 12, endpoint=False):
            spot = post + _ASIDE * np.array([np.cos(angle), np.sin(angle)])
            score = reachable(state, spot) * 1.0 + free(state, spot, 0.08, entity)
            best = np.where((score > room)[..., None], spot, best)
            room = np.maximum(room, score)
        return stood(state, entity, best, state.robot("table_height"))

    def lines(self, state: State, entity: str) -> Sequence[Line]:
        return (
            line("grasp", entity=entity),
            line("lift", height=0.11),
            line("place", entity=entity, far=self.other, distance=_ASIDE),
        )


def _depth(state: State, peg: str, socket: str) -> Array:
    """Return how deep (...,) m, the far end of a peg is in a socket along its x; negative before it."""
    hole, rod = Solid.of(state, socket), Solid.of(state, peg)
    axis = _inward(state, socket)
    far = (np.abs(np.einsum("...ij,...i->...j", rod.axes, axis)) * rod.half).sum(axis=-1)
    gap = ((rod.position - hole.position) * axis).sum(axis=-1)
    return np.asarray(gap + far + hole.half[..., 0])


def _inward(state: State, socket: str) -> Array:
    axis = Solid.of(state, socket).axes[..., :, 0]
    return np.asarray(np.where(axis[..., :1] > 0, axis, -axis))


def _before(state: State, peg: str, socket: str) -> Mask:
    """Return where a peg is in line with a socket's hole: partly in it, so that it must be drawn out first."""
    across = boxes(state).local(state.entity(peg, "position")[..., :2])[..., state.layout.index(socket), 1]
    return np.asarray((np.abs(across) < 0.03) & (_depth(state, peg, socket) > -0.01))


@dataclass(frozen=True)
class Insert(_Fit):
    """A peg put into the hole of a socket, from the robot's side; it stays in the hand."""

    last: bool = True

    def applicable(self, state: State, entity: str) -> Mask:
        if state.layout.role(entity) != self.kind:
            return nowhere(state)
        fits = reachable(state, state.entity(self.other, "position")[..., :2], 0.05)
        return np.asarray(fits & (_before(state, entity, self.other) | graspable(state, entity)))

    def predict(self, state: State, entity: str, draws: Array) -> State:
        hole, rod = Solid.of(state, self.other), Solid.of(state, entity)
        axis = _inward(state, self.other)
        longest = rod.half.max(axis=-1)
        back = hole.half[..., 0] - _DEEP + longest
        there = hole.position - axis * back[..., None]
        values = state.values.copy()
        # Its longest side, y, along the way in: about +z by the way's heading less a quarter turn.
        angle = np.arctan2(axis[..., 1], axis[..., 0]) - np.pi / 2
        flat = np.zeros((*angle.shape, 4))
        flat[..., 2], flat[..., 3] = np.sin(angle / 2), np.cos(angle / 2)
        values[..., state.layout.entity_slice(entity, "quaternion")] = flat
        out = park(carry(State(state.layout, values), entity, there), entity)
        return hold(out, entity, np.ones(angle.shape, dtype=bool))

    def lines(self, state: State, entity: str) -> Sequence[Line]:
        drawn = (line("drag", entity=entity, direction="toward", distance=_OUT),)
        return (
            line("grasp", entity=entity),
            *(drawn if _before(state, entity, self.other).all() else ()),
            line("lift", height=0.08),
            line("insert", entity=entity, into=self.other),
        )


@dataclass(frozen=True)
class Unplug(_Fit):
    """A peg drawn out of its socket; it stays in the hand."""

    last: bool = True

    def applicable(self, state: State, entity: str) -> Mask:
        if state.layout.role(entity) != self.kind:
            return nowhere(state)
        return _before(state, entity, self.other)

    def predict(self, state: State, entity: str, draws: Array) -> State:
        drawn = state.entity(entity, "position") - np.array([_OUT, 0.0, 0.0])
        return hold(put(park(state, entity), entity, drawn), entity, np.ones(state.values.shape[:-1], dtype=bool))

    def lines(self, state: State, entity: str) -> Sequence[Line]:
        return (line("grasp", entity=entity), line("drag", entity=entity, direction="toward", distance=_OUT))


@dataclass(frozen=True)
class Cap(_Fit):
    """A lid put on a box."""

    def applicable(self, state: State, entity: str) -> Mask:
        if state.layout.role(entity) != self.kind:
            return nowhere(state)
        fits = graspable(state, entity) & ~covered(state, self.other)
        return np.asarray(fits & reachable(state, state.entity(self.other, "position")[..., :2], 0.03))

    def predict(self, state: State, entity: str, draws: Array) -> State:
        top = Solid.of(state, self.other).top
        return stood(state, entity, state.entity(self.other, "position")[..., :2], top)

    def lines(self, state: State, entity: str) -> Sequence[Line]:
        return (
            *self.approach(state, entity),
            line("grasp", entity=entity),
            line("lift", height=0.08),
            line("carry", entity=entity, to=self.other),
            line("release"),
            line("retreat", entity=entity),
        )


def fitting_operators(layout: Layout) -> list[ScriptedOperator]:
    """Return what fits the things of a layout onto and into each other."""
    out: list[ScriptedOperator] = []
    for name, kind in zip(layout.names, layout.roles, strict=True):
        if kind == "post" and "nut" in layout.roles:
            out.append(Thread(f"thread onto {name}", kind="nut", other=name))
            out.append(TakeOff(f"take off {name}", kind="nut", other=name))
        if kind == "socket" and "peg" in layout.roles:
            out.append(Insert(f"insert into {name}", kind="peg", other=name))
            out.append(Unplug(f"draw out of {name}", kind="peg", other=name))
        if kind == "bin" and "lid" in layout.roles:
            out.append(Cap(f"close {name} with", kind="lid", other=name))
    return out
