"""Predicates of ropes and cloths, by their nodes (..., n, m, 3). As in relations: a signed margin, positive = true."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from tabletop.logic.geometry import Solid
from tabletop.logic.predicate import Entity, Fraction, Length, predicate
from tabletop.sim.state import State

__all__: list[str] = []  # Reached by name through the registry, not imported.

Array = npt.NDArray[np.float64]

WIDE: Final = 0.8  # share of its length that an edge or diagonal keeps in a fold: less is crumpled
REACH: Final = 0.02  # m around a point of a cloth that counts as cloth: a cell's half, roughly
DENSER: Final = 2  # points of a cloth for each of its nodes, along either side


def _length(line: Array) -> Array:
    """Return the length (...,) of lines (..., n, 3 or 2)."""
    return np.asarray(np.linalg.norm(np.diff(line, axis=-2), axis=-1).sum(axis=-1))


def _distance(nodes: Array, one: tuple[int, int], two: tuple[int, int]) -> Array:
    """Return the horizontal distance (...,) of two nodes."""
    return np.asarray(np.linalg.norm((nodes[..., one[0], one[1], :] - nodes[..., two[0], two[1], :])[..., :2], axis=-1))


@predicate(phrase="{a} straight", negated="{a} not straight", scale=0.2, unit="")
def straight(state: State, initial: State, a: Entity, share: Fraction = 0.95) -> Array:
    """The ends of rope a are at least `share` of its length apart."""
    line = state.nodes(a)[..., 0, :]
    return np.asarray(np.linalg.norm(line[..., -1, :] - line[..., 0, :], axis=-1) / _length(line) - share)


@predicate(phrase="{a} in the shape of an L", negated="{a} not in the shape of an L", scale=0.03)
def l_shaped(state: State, initial: State, a: Entity, tolerance: Length = 0.012) -> Array:
    """Seen from above, the nodes of rope a are on average (root mean square) within `tolerance` of an L of the
    same length with equal arms, wherever it lies, however it is turned, and to whichever side it bends."""
    line = state.nodes(a)[..., 0, :2]
    along = np.linspace(-0.5, 0.5, line.shape[-2])
    model = np.where(along < 0, -along, 0) + 1j * np.where(along > 0, along, 0)
    points = line[..., 0] + 1j * line[..., 1]
    points = points - points.mean(axis=-1, keepdims=True)
    wanted = (model - model.mean()) * _length(line)[..., None]
    spread = (np.abs(points) ** 2).mean(axis=-1) + (np.abs(wanted) ** 2).mean(axis=-1)
    # The best turn of the plane has a closed form in complex numbers; the L's mirror image is its conjugate.
    fit = np.maximum(*(np.abs((points * w).mean(axis=-1)) for w in (wanted, wanted.conj())))
    return np.asarray(tolerance - np.sqrt(np.maximum(spread - 2 * fit, 0.0)))


@predicate(phrase="{a} folded corner to corner", negated="{a} not folded corner to corner", scale=0.05)
def folded(state: State, initial: State, a: Entity, tolerance: Length = 0.03) -> Array:
    """Seen from above, two opposite corners of cloth a are within `tolerance` of each other, and the other two
    as far apart as at reset, or 80 % of that at least."""
    now, before = state.nodes(a), initial.nodes(a)
    pairs = (((0, 0), (-1, -1)), ((0, -1), (-1, 0)))
    margins = [
        np.minimum(tolerance - _distance(now, *met), _distance(now, *wide) - WIDE * _distance(before, *wide))
        for met, wide in (pairs, pairs[::-1])
    ]
    return np.maximum(*margins)


@predicate(phrase="{a} folded in half", negated="{a} not folded in half", scale=0.05)
def folded_in_half(state: State, initial: State, a: Entity, tolerance: Length = 0.04) -> Array:
    """Seen from above, both corners of one side of cloth a are within `tolerance` of those of the opposite side,
    and either of these sides is as long between its corners as at reset, or 80 % of that at least."""
    now, before = state.nodes(a), initial.nodes(a)
    margins = []
    for one, two in ((((0, 0), (0, -1)), ((-1, 0), (-1, -1))), (((0, 0), (-1, 0)), ((0, -1), (-1, -1)))):
        met = np.maximum(_distance(now, one[0], two[0]), _distance(now, one[1], two[1]))
        wide = [_distance(now, *side) - WIDE * _distance(before, *side) for side in (one, two)]
        margins.append(np.minimum(tolerance - met, np.minimum(*wide)))
    return np.maximum(*margins)


def _denser(nodes: Array) -> Array:
    """Return points (..., k, 3) on the cloth of these nodes: the nodes and those halfway between them."""
    for axis in (-3, -2):
        a = np.swapaxes(nodes, axis, 0)
        out = np.empty((DENSER * len(a) - 1, *a.shape[1:]))
        out[::2], out[1::2] = a, (a[1:] + a[:-1]) / 2
        nodes = np.swapaxes(out, axis, 0)
    return nodes.reshape(*nodes.shape[:-3], -1, 3)


@predicate(phrase="{a} covers {b}", negated="{a} does not cover {b}", scale=0.05)
def covers(state: State, initial: State, a: Entity, b: Entity) -> Array:
    """Seen from above, the middle of b and its rim at eight places have cloth a over them: within 2 cm of a point
    of the cloth that is no lower than the middle of b."""
    solid, cloth = Solid.of(state, b), _denser(state.nodes(a))
    # What lies lower counts as far away at once, or a cloth under b would cover it.
    below = solid.position[..., 2:3] - cloth[..., 2]
    below = np.where(below > 0.0, below + REACH, 0.0)
    worst: Array = np.asarray(-np.inf)
    for k in range(9):
        x, y = (np.cos(k * np.pi / 4), np.sin(k * np.pi / 4)) if k < 8 else (0.0, 0.0)
        far = solid.reach(np.asarray(x), np.asarray(y)) if k < 8 else np.zeros(solid.position.shape[:-1])
        dx = cloth[..., 0] - (solid.position[..., 0] + x * far)[..., None]
        dy = cloth[..., 1] - (solid.position[..., 1] + y * far)[..., None]
        worst = np.maximum(worst, np.sqrt(dx**2 + dy**2 + below**2).min(axis=-1))
    return np.asarray(REACH - worst)
