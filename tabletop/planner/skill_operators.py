"""Operators of a discovered library, from the effects its skills had in measured episodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

import numpy as np

from tabletop.errors import TabletopError
from tabletop.planner.operator import Outcome, SampledOperator
from tabletop.skills.effects import MIDDLE, Effect
from tabletop.skills.library import Library

__all__ = ["operators_from_samples"]

_TAKEN: Final = 0.02
"""m a thing must have risen to count as held at the end, or as laid on something that was there."""


def operators_from_samples(
    library: Library, samples: Mapping[str, Sequence[Sequence[float]]]
) -> tuple[SampledOperator, ...]:
    """Return an operator for each skill that has samples. What is deformable is left out: its shape has no forecast.

    The episodes begin with the gripper away from everything. So a skill that is measured while it may hold its
    entity comes last in a plan: what would follow it was never measured from there.

    Args:
        library: the skills.
        samples: outcomes by skill id, as `outcome` in skills/effects gives them; where the effect is a relation, the
            effect itself (4 numbers) follows.

    Raises:
        TabletopError: an unknown skill, or an outcome with too few or infinite numbers.
    """
    out = []
    for id, found in samples.items():
        skill = library.skill(id)
        if skill.effect.body_type == "deformable":
            continue
        outcomes = tuple(_outcome(skill.effect, e, id) for e in found)
        out.append(
            SampledOperator(
                id,
                skill.effect.body_type,
                None if skill.kind is None else (skill.kind,),
                outcomes,
                library.length(skill),
                partial(library.policy, id),
                last=not skill.effect.settles,
                relative=skill.effect.partners is not None,
            )
        )
    return tuple(out)


def _outcome(effect: Effect, found: Sequence[float], id: str) -> Outcome:
    numbers = [float(v) for v in found]
    size = 1 if effect.body_type == "joint" else 6 + effect.size * (effect.partners is not None)
    # An effect may be padded.
    numbers = numbers if effect.partners is None else numbers[:size]
    if len(numbers) != size or not np.isfinite(numbers).all():
        raise TabletopError(f"an outcome of skill {id!r} takes {size} finite numbers, got {numbers!r}")
    if effect.body_type == "joint":
        return Outcome(fraction=numbers[0])
    dx, dy, dz, yaw, x, y = numbers[:6]
    if effect.settles and dz > _TAKEN:
        # It came to lie on something of that scene. Forecast as it is, doing it again would lift it again.
        dz = 0.0
    if effect.partners is not None:
        near = numbers[6:]
        true = effect.classify_fact(np.array([near]))[0] == len(effect.fact_targets) - 1
        return Outcome((dx, dy, dz), yaw, related=(near[0], near[1], near[2]) if true else None)
    place = (x + float(MIDDLE[0]), y + float(MIDDLE[1])) if effect.places else None
    # Whether the gripper still holds it is not said; what ends above where it began is taken to be held.
    return Outcome((dx, dy, dz), yaw, place=place, held=not effect.settles and dz > _TAKEN)
