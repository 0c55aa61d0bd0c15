"""The effect on the shape of what bends: how far its ends or corners are apart."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tabletop.sim.state import State
from tabletop.skills.effects.registry import effect

__all__: list[str] = []  # Reached by name, not imported.

Array = npt.NDArray[np.float64]


def _between(state: State, entity: str, one: tuple[int, int], two: tuple[int, int]) -> Array:
    """Return the horizontal distance (...,) of two nodes, m."""
    nodes = state.nodes(entity)
    gap = nodes[..., one[0], one[1], :2] - nodes[..., two[0], two[1], :2]
    return np.asarray(np.linalg.norm(gap, axis=-1))


@effect(
    "shaped",
    columns=("shape",),
    body_type="deformable",
    mirror=(1.0, 1.0),
    settles=True,
    places=True,
    measures=("straight", "folded"),
)
def _shaped(initial: State, state: State, entity: str) -> Array:
    """Return horizontal distances (..., 2), m: of opposite corners, the nearer pair first; of a rope's ends, twice."""
    del initial
    n, m = state.layout.grid(entity)
    one = _between(state, entity, (0, 0), (n - 1, m - 1))
    two = _between(state, entity, (0, m - 1), (n - 1, 0))
    return np.stack([np.minimum(one, two), np.maximum(one, two)], axis=-1)
