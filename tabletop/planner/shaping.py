"""Operators that give ropes and cloths a shape or another place, with their nodes as far as these can be forecast."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from tabletop.logic.geometry import Solid
from tabletop.logic.predicate import DIRECTIONS
from tabletop.logic.trace import risen, touched
from tabletop.logic.transition import park
from tabletop.planner.acting import SIDES, Line, ScriptedOperator, line, nowhere
from tabletop.planner.space import free, reachable
from tabletop.sim.cards import load_cards
from tabletop.sim.state import Layout, State

__all__ = ["Bend", "Drape", "Fold", "Straighten", "Tow", "shaping_operators"]

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

_TOWED: Final = 0.11
"""m that the middle comes along."""
_STEPS: Final = 400
"""Control steps that the shape of a rope gets."""


def shaped(state: State, entity: str, nodes: Array) -> State:
    """Return states with the nodes (..., n, m, 3), m, world, of something deformable, and its middle among them.

    Args:
        state: before, batch shape (...,).
        entity: a rope or a cloth.
        nodes: (..., n, m, 3), m, world.
    """
    values, layout = state.values.copy(), state.layout
    flat = nodes.reshape(*nodes.shape[:-3], -1)
    values[..., layout.nodes_slice(entity)] = flat
    low, high = nodes.min(axis=(-3, -2)), nodes.max(axis=(-3, -2))
    values[..., layout.entity_slice(entity, "position")] = (low + high) / 2
    out = park(touched(State(layout, values), entity), entity)
    return risen(out, entity, out.entity(entity, "position")[..., 2])


@dataclass(frozen=True)
class _Shape(ScriptedOperator):
    """Something done to a rope or a cloth."""

    kind: str = "rope"
    horizon: int = _STEPS
    reliability: float = 0.95

    def applicable(self, state: State, entity: str) -> Mask:
        if state.layout.role(entity) != self.kind:
            return nowhere(state)
        return reachable(state, state.entity(entity, "position")[..., :2], 0.15)

    def predict(self, state: State, entity: str, draws: Array) -> State:
        return shaped(state, entity, self.nodes(state, entity))

    def nodes(self, state: State, entity: str) -> Array:
        """Return the nodes afterwards."""
        raise NotImplementedError


def _measured(line: Array) -> tuple[Array, Array]:
    """Return middle (..., 3) and length (...,) m of ropes (..., n, 3)."""
    steps = np.linalg.norm(np.diff(line[..., :2], axis=-2), axis=-1)
    return line.mean(axis=-2), steps.sum(axis=-1)


@dataclass(frozen=True)
class Straighten(_Shape):
    """A rope drawn straight."""

    def nodes(self, state: State, entity: str) -> Array:
        rope = state.nodes(entity)[..., 0, :]
        middle, length = _measured(rope)
        chord = rope[..., -1, :] - rope[..., 0, :]
        chord[..., 2] = 0.0
        chord /= np.maximum(np.linalg.norm(chord, axis=-1, keepdims=True), 1e-6)
        along = np.linspace(-0.5, 0.5, rope.shape[-2])[:, None] * (chord * length[..., None])[..., None, :]
        return np.asarray(middle[..., None, :] + along)[..., None, :]

    def lines(self, state: State, entity: str) -> Sequence[Line]:
        return (line("straighten", entity=entity), line("retreat", entity=entity))


@dataclass(frozen=True)
class Bend(_Shape):
    """A rope made an L."""

    def nodes(self, state: State, entity: str) -> Array:
        rope = state.nodes(entity)[..., 0, :]
        middle, length = _measured(rope)
        along = np.linspace(-0.5, 0.5, rope.shape[-2])
        corner = np.stack([np.where(along < 0, -along, 0), np.where(along > 0, along, 0), 0 * along], axis=-1)
        corner = corner - corner.mean(axis=0)
        return np.asarray(middle[..., None, :] + corner * length[..., None, None])[..., None, :]

    def lines(self, state: State, entity: str) -> Sequence[Line]:
        return (line("bend", entity=entity), line("retreat", entity=entity))


@dataclass(frozen=True)
class Fold(_Shape):
    """A cloth folded corner to corner."""

    kind: str = "cloth"

    def nodes(self, state: State, entity: str) -> Array:
        cloth = state.nodes(entity)
        n, m = cloth.shape[-3:-1]
        i, j = np.meshgrid(np.arange(n), np.arange(m), indexing="ij")
        # Beyond the diagonal each node comes to lie on its mirror image.
        over = i / (n - 1) + j / (m - 1) < 1.0
        mirrored = np.swapaxes(cloth[..., ::-1, ::-1, :], -3, -2)
        raised = mirrored + np.array([0.0, 0.0, 0.01])
        return np.where(over[..., None], raised, cloth)

    def lines(self, state: State, entity: str) -> Sequence[Line]:
        return (line("fold", entity=entity), line("retreat", entity=entity))


@dataclass(frozen=True)
class Drape(_Shape):
    """A cloth drawn over another thing."""

    kind: str = "cloth"
    other: str = ""
    reliability: float = 0.9

    def applicable(self, state: State, entity: str) -> Mask:
        if entity == self.other:
            return nowhere(state)
        fits = super().applicable(state, entity)
        return np.asarray(fits & reachable(state, state.entity(self.other, "position")[..., :2], 0.03))

    def nodes(self, state: State, entity: str) -> Array:
        under = Solid.of(state, self.other)
        nodes = state.nodes(entity)
        way = under.position - state.entity(entity, "position")
        out = nodes + way[..., None, None, :]
        out[..., 2] = np.maximum(under.top[..., None, None] + 0.005, nodes[..., 2])
        return np.asarray(out)

    def lines(self, state: State, entity: str) -> Sequence[Line]:
        return (
            line("pinch", entity=entity, to=self.other),
            line("drape", entity=entity, over=self.other),
            line("unpinch"),
            line("retreat", entity=entity),
        )


@dataclass(frozen=True)
class Tow(_Shape):
    """A rope or a cloth drawn along the table by an end or a corner."""

    direction: str = "left"

    def applicable(self, state: State, entity: str) -> Mask:
        fits = super().applicable(state, entity)
        if not fits.any():
            return fits
        end = state.entity(entity, "position")[..., :2] + _TOWED * np.array(DIRECTIONS[self.direction])[:2]
        # As long as it is, it is drawn no farther than to where it may lie at first.
        for i, (low, high) in enumerate((load_cards()[self.kind].reach or {}).get(axis, (-1.0, 1.0)) for axis in "xy"):
            fits = fits & (end[..., i] > low) & (end[..., i] < high)
        return np.asarray(fits & free(state, end, 0.06, entity))

    def nodes(self, state: State, entity: str) -> Array:
        return np.asarray(state.nodes(entity) + _TOWED * np.array(DIRECTIONS[self.direction]))

    def lines(self, state: State, entity: str) -> Sequence[Line]:
        return (
            line("pinch", entity=entity, direction=self.direction),
            line("tow", entity=entity, direction=self.direction, distance=_TOWED),
            line("unpinch"),
            line("retreat", entity=entity),
        )


def shaping_operators(layout: Layout) -> list[ScriptedOperator]:
    """Return what can be done to the ropes and cloths of a layout."""
    out: list[ScriptedOperator] = []
    for kind in dict.fromkeys(k for k in layout.roles if k in {"rope", "cloth"}):
        out.extend(Tow(f"tow {kind} {side}", kind=kind, direction=side) for side in SIDES)
        if kind == "rope":
            out += [Straighten("straighten"), Bend("bend")]
        else:
            out.append(Fold("fold"))
            rigid = [n for n, m in zip(layout.names, layout.body_types, strict=True) if m == "rigid"]
            out.extend(Drape(f"drape over {n}", other=n) for n in rigid)
    return out
