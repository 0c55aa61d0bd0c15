"""Room on the table: what is clear, within reach and not in the way, over batches of states."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from tabletop.logic.geometry import Solid
from tabletop.planner.change import closed_solid, contents
from tabletop.sim.cards import load_cards
from tabletop.sim.state import State

__all__ = ["CONTAINERS", "corridor_free", "covered", "free", "graspable", "reachable", "stands", "strip_free"]

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

CONTAINERS: Final = frozenset({"bin", "bowl", "drawer"})
"""Kinds that things can be put into."""
_X: Final = (0.31, 0.69)
_Y: Final = (-0.31, 0.31)
_TABLE_X: Final = 0.2
_EDGE: Final = 0.05


def reachable(state: State, point: Array) -> Mask:
    """Return where the gripper gets to points (..., 2), and a thing put down there stays on the table."""
    size = state.robot("table_size")
    x, y = point[..., 0], point[..., 1]
    far = np.minimum(_X[1], _TABLE_X + size[..., 0] - _EDGE)
    side = np.minimum(_Y[1], size[..., 1] / 2 - _EDGE)
    return np.asarray((x > _X[0]) & (x < far) & (np.abs(y) < side))


def stands(state: State, entity: str) -> Mask:
    """Return where an entity stands on the table itself."""
    return np.asarray(np.abs(Solid.of(state, entity).bottom - state.robot("table_height")) < 0.006)


def covered(state: State, entity: str) -> Mask:
    """Return where some rigid thing lies on an entity."""
    base = Solid.of(state, entity)
    out = np.zeros(state.values.shape[:-1], dtype=bool)
    for name in state.layout.names:
        if name == entity or state.layout.move(name) != "rigid":
            continue
        other = Solid.of(state, name)
        above = (other.bottom > base.top - 0.025) & (other.bottom < base.top + 0.03)
        out |= above & (base.footprint_margin(other.position) > -0.02)
    return out


def graspable(state: State, entity: str) -> Mask:
    """Return where the gripper can take an entity: in reach, nothing on it, and not in a container."""
    layout = state.layout
    if layout.move(entity) != "rigid" or not load_cards()[layout.kind(entity)].graspable:
        return np.zeros(state.values.shape[:-1], dtype=bool)
    out = reachable(state, state.entity(entity, "position")[..., :2]) & ~covered(state, entity)
    out &= Solid.of(state, entity).bottom > state.robot("table_height") - 0.01
    for name in layout.names:
        if name != entity and layout.kind(name) in CONTAINERS:
            out &= ~contents(state, name, entity)
    return np.asarray(out)


def _obstacles(state: State, ignore: frozenset[str]) -> list[Solid]:
    """Return what stands in the way, fixtures' bodies included."""
    out = []
    for name in state.layout.names:
        kind = state.layout.kind(name)
        if name in ignore or not load_cards()[kind].solid:
            continue
        out.append(Solid.of(state, name))
        if state.layout.move(name) == "joint":
            out.append(closed_solid(state, name))
    return out


def free(state: State, point: Array, radius: Array | float, ignore: frozenset[str]) -> Mask:
    """Return where nothing is within a radius (...,) of points (..., 2), m; `ignore` does not count."""
    at = np.concatenate([point, np.zeros((*point.shape[:-1], 1))], axis=-1)
    out = np.ones(point.shape[:-1], dtype=bool)
    for solid in _obstacles(state, ignore):
        out &= solid.footprint_margin(at) < -np.asarray(radius)
    return out


def corridor_free(
    state: State, start: Array, end: Array, radius: Array | float, ignore: frozenset[str]
) -> Mask:
    """Return where nothing is within a radius of the way from a point (..., 2) to another."""
    out = np.ones(start.shape[:-1], dtype=bool)
    for t in np.linspace(0.0, 1.0, 5):
        out &= free(state, start + t * (end - start), radius, ignore)
    return out


def strip_free(state: State, fixture: str, length: float) -> Mask:
    """Return where nothing stands within `length` (m) in front of a drawer's front, as wide as it."""
    solid = Solid.of(state, fixture)
    unit = -solid.axes[..., :2, 0]
    out = np.ones(state.values.shape[:-1], dtype=bool)
    across = solid.axes[..., :2, 1]
    for name in state.layout.names:
        if name == fixture or not load_cards()[state.layout.kind(name)].solid:
            continue
        other = Solid.of(state, name)
        offset = other.position[..., :2] - solid.position[..., :2]
        ahead = (offset * unit).sum(axis=-1) - solid.half[..., 0]
        aside = np.abs((offset * across).sum(axis=-1)) - solid.half[..., 1]
        size = np.maximum(other.half[..., 0], other.half[..., 1])
        out &= ~((ahead > -size) & (ahead < length + size) & (aside < size + 0.01))
    return out
