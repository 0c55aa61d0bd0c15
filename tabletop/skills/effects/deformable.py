"""Effects on ropes and cloths: where they are dragged, and the shape they are left in."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from tabletop.logic.predicate import get_predicate
from tabletop.sim.state import State
from tabletop.skills.effects.registry import FACT, effect
from tabletop.skills.effects.rigid import displacement, is_fact

__all__: list[str] = []  # Reached by name, not imported.

Array = npt.NDArray[np.float64]

_SHORT: Final = 0.18
"""m between the ends of a rope as it lies at the start, about."""
_LONG: Final = 0.33
"""m between the ends of a rope that is straight, about."""
_WIDE: Final = 0.28
"""m between opposite corners of a cloth that lies flat, about."""


def _between(state: State, entity: str, one: tuple[int, int], two: tuple[int, int]) -> Array:
    """Return the horizontal distance (...,) of two nodes, m."""
    nodes = state.nodes(entity)
    gap = nodes[..., one[0], one[1], :2] - nodes[..., two[0], two[1], :2]
    return np.asarray(np.linalg.norm(gap, axis=-1))


def _fact(predicate: str, initial: State, state: State, entity: str) -> Array:
    """Return (...,): FACT where a predicate holds, else 0."""
    return np.asarray((get_predicate(predicate).function(state, initial, entity) > 0) * FACT)


@effect("dragged", body_type="deformable", mirror=(1.0, -1.0, 1.0), settles=True, measures=("moved",))
def _dragged(initial: State, state: State, entity: str) -> Array:
    """Displacement of the middle (m) after the gripper let go and left."""
    return displacement(initial, state, entity)


@effect(
    "straightened",
    body_type="deformable",
    kinds=("rope",),
    mirror=(1.0, 1.0),
    settles=True,
    fact_targets=((_SHORT, 0.0), (_LONG, FACT)),
    classify=is_fact,
    said="pulls {a} straight",
    default_fact=0,
    measures=("straight",),
)
def _straightened(initial: State, state: State, entity: str) -> Array:
    """Horizontal distance between the ends (m), and whether it lies straight."""
    return np.stack([_between(state, entity, (0, 0), (-1, 0)), _fact("straight", initial, state, entity)], axis=-1)


@effect(
    "folded",
    body_type="deformable",
    kinds=("cloth",),
    mirror=(1.0, 1.0),
    settles=True,
    fact_targets=((_WIDE, 0.0), (0.0, FACT)),
    classify=is_fact,
    said="folds {a} corner to corner",
    default_fact=0,
    measures=("folded",),
)
def _folded(initial: State, state: State, entity: str) -> Array:
    """Least horizontal distance between opposite corners (m), and whether it is folded over such a pair."""
    least = np.minimum(_between(state, entity, (0, 0), (-1, -1)), _between(state, entity, (0, -1), (-1, 0)))
    return np.stack([least, _fact("folded", initial, state, entity)], axis=-1)
