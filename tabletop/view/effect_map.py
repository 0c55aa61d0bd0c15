"""Where each skill takes a thing from here: the empowerment of this very scene, drawn on the table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from tabletop.planner import Operator, SampledOperator
from tabletop.sim.state import State

__all__ = ["EffectMap", "effect_map"]

_FINE: Final = 0.02
"""m within which two ends are the same, as `tabletop measure` counts."""
_FINE_JOINT: Final = 0.05
"""The same of a joint's fraction."""


@dataclass(frozen=True)
class EffectMap:
    """The ends that are forecast of one thing's skills."""

    entity: str
    start: npt.NDArray[np.float64]
    """(3,), m, world."""
    skills: tuple[str, ...]
    """Their ids."""
    ends: npt.NDArray[np.float64]
    """(skills, 3), m, world: the middle one of each skill's ends."""
    fractions: npt.NDArray[np.float64]
    """(skills,): of a joint, the same; 0 for what has none."""

    @property
    def distinct(self) -> int:
        """How many of the ends differ by more than the fine resolution, the start among them."""
        seen = [np.array([*self.start, np.nan])]
        for end, fraction in zip(self.ends, self.fractions, strict=True):
            here = np.array([*end, fraction])
            if all(_differ(here, other) for other in seen):
                seen.append(here)
        return len(seen)


def _differ(one: npt.NDArray[np.float64], two: npt.NDArray[np.float64]) -> bool:
    far = float(np.linalg.norm(one[:3] - two[:3])) > _FINE
    return far or abs(float(one[3] - two[3])) > _FINE_JOINT


def effect_map(operators: Sequence[Operator], state: State, entity: str, draws: int = 6) -> EffectMap:
    """Return where each sampled skill is forecast to take an entity.

    Args:
        operators: what can be done in the scene; those whose ends were chosen for the scene are left out.
        state: from where; no batch shape.
        entity: that the skills work on.
        draws: ends drawn of each skill; the one nearest to their median is kept.

    Raises:
        TabletopError: the state has no such entity.
    """
    state.layout.index(entity)
    rows = State(state.layout, np.repeat(state.values[None], draws, axis=0))
    even = (np.arange(draws) + 0.5) / draws
    ids, ends, fractions = [], [], []
    for operator in operators:
        if not isinstance(operator, SampledOperator) or not operator.applicable(rows, entity).all():
            continue
        after = operator.predict(rows, entity, even)
        positions, joint = after.entity(entity, "position"), after.entity(entity, "fraction")
        away = np.linalg.norm(positions - np.median(positions, axis=0), axis=1) + np.abs(joint - np.median(joint))
        ids.append(operator.id)
        ends.append(positions[int(away.argmin())])
        fractions.append(joint[int(away.argmin())])
    found = np.array(ends).reshape(-1, 3)
    return EffectMap(entity, state.entity(entity, "position"), tuple(ids), found, np.array(fractions))
