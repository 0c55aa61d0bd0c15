"""Operators of a discovered library, from the effects its skills had in measured episodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from tabletop.errors import TabletopError
from tabletop.planner.operator import Outcome, SampledOperator, held_outcome
from tabletop.skills.effects import REACH, TURN, EffectKind
from tabletop.skills.library import Library

__all__ = ["operators_from_samples"]


def operators_from_samples(
    library: Library, samples: Mapping[str, Sequence[Sequence[float]]]
) -> tuple[SampledOperator, ...]:
    """Return an operator for each skill that has samples.

    The episodes begin with the gripper away from everything. So a skill that is judged while it may hold its
    entity comes last in a plan: what would follow it was never measured from there.

    Args:
        library: the skills.
        samples: final effects by skill id, each (d,) as the skill's kind of effect gives them
            (skills/effects.py), further numbers ignored.

    Raises:
        TabletopError: an unknown skill, or an effect with too few or infinite numbers.
    """
    out = []
    for id, effects in samples.items():
        skill = library.skill(id)
        outcomes = tuple(_outcome(skill.effect, e, id) for e in effects)
        out.append(
            SampledOperator(
                id,
                skill.effect.moves,
                skill.effect.kinds,
                outcomes,
                library.length(skill),
                partial(library.policy, id),
                last=not skill.effect.settles,
            )
        )
    return tuple(out)


def _outcome(kind: EffectKind, effect: Sequence[float], id: str) -> Outcome:
    numbers = [float(v) for v in effect]
    if len(numbers) < kind.size or not np.isfinite(numbers).all():
        raise TabletopError(f"an effect of skill {id!r} takes {kind.size} finite numbers, got {numbers!r}")
    if kind.moves == "joint":
        return Outcome(fraction=numbers[0] / REACH)
    if not kind.settles:
        return held_outcome(numbers[:3])
    x, y, z = numbers[:3]
    return Outcome((x, y, z), yaw=numbers[3] / TURN if kind.size > 3 else 0.0)
