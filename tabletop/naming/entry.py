"""What name.json says of a skill."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from tabletop.logic import Registry, Task
from tabletop.metrics.effective_skills import Sample
from tabletop.naming.candidates import Candidate, task_kinds
from tabletop.naming.phrase import consistency, offset_words, phrase
from tabletop.rollout.statistics import wilson
from tabletop.skills.effects import Effect
from tabletop.skills.library import Skill

__all__ = ["BASELINES", "entry_of", "seen_of"]

BASELINES: Final = ("shuffled", "exploration", "random", "nothing")
"""What a skill's rate at its task is held against: another code of its effect, random actions correlated in time, white
noise, and doing nothing."""


def _title(candidate: Candidate) -> str:
    if candidate.offset is not None:
        return f"{candidate.task} {offset_words(*candidate.offset)} (its own mark)"
    if candidate.angle is not None:
        return f"{candidate.task} {abs(np.degrees(candidate.angle)):.0f} deg (its own turn)"
    return candidate.task


def seen_of(effect: Effect, task: Task, candidate: Candidate) -> str:
    """Return how much of a task's success formula is about what the discriminator saw: "all", "part" or "none".

    Where it is all, the skill was trained on what the task asks for, by the same numbers. A mark that stands where the
    skill takes things asks for its own displacement.

    Args:
        effect: the skill's.
        task: that it is named for.
        candidate: the task with the parameter that the skill shows.
    """
    marks = ("at",) if candidate.offset is not None else ()
    leaves = task.success.leaves
    seen = sum(leaf.names[:1] == (task.attends,) and leaf.predicate in (*effect.measures, *marks) for leaf in leaves)
    return "all" if seen == len(leaves) else "part" if seen else "none"


def entry_of(
    skill: Skill,
    samples: Sequence[Sample],
    candidate: Candidate | None,
    registry: Registry,
    results: Mapping[tuple[str, str], Sequence[bool]],
) -> dict[str, Any]:
    """Return the entry of a skill, named for its task if its lower bound on split B is above each baseline.

    Args:
        skill: the skill.
        samples: its episodes on split A.
        candidate: the task that it was given on split A, if any.
        registry: the tasks.
        results: outcomes on split B, by (skill's id, mode). Baselines are run only where its bound would do.
    """
    effects = np.array([x.effect for x in samples])
    size = skill.effect.size if skill.effect.partners is not None else 0
    kinds = sorted({x.trajectory.layout.kind(x.entity) for x in samples})
    spread = consistency(skill.effect, effects)
    noun = f"the {skill.kind or kinds[0]}" if skill.effect.body_type != "rigid" else "the object"
    outcomes = np.array([x.outcome for x in samples])
    words = phrase(skill.effect, effects, outcomes, noun)
    # An effect may be a place, and what always ends at the same one may have been there before.
    idle = [skill.effect.function(x.trajectory.initial, x.trajectory.initial, x.entity) for x in samples]
    away = (effects[:, : skill.effect.size] - np.array(idle))[:, : skill.effect.asked]
    change = float(np.median(np.linalg.norm(away, axis=1)))
    entry: dict[str, Any] = {
        "id": skill.id,
        "effect": skill.effect.name,
        "entity_kind": skill.effect.body_type if skill.effect.body_type == "rigid" else kinds[0],
        **_UNTESTED,
        "phrase": words,
        "size": round(change, 4),
        "spread": round(spread, 4),
        "consistent": bool(spread < 0.05 and change > 0.04),
        # What a relation came to is seen in the effect only.
        "outcomes": [[round(float(v), 4) for v in (*x.outcome, *x.effect[:size])] for x in samples],
    }
    if candidate is not None:
        entry |= _tested(skill, candidate, registry, results)
    if entry["name"] is None and entry["consistent"]:
        entry["name"] = words
    return entry


def aimed_entry(
    skill: Skill, candidate: Candidate, registry: Registry, results: Mapping[tuple[str, str], Sequence[bool]]
) -> dict[str, Any]:
    """Return the entry of an effect that is asked for what a task's formula wants; arguments as of `entry_of`."""
    task = registry[candidate.task]
    kinds = task_kinds(task, task.attends)
    return {
        "id": skill.id,
        "effect": skill.effect.name,
        "entity_kind": skill.effect.body_type if skill.effect.body_type == "rigid" else kinds[0],
        **_UNTESTED,
        "phrase": f"brings about what {task.name} asks for",
        "size": 0.0,
        "spread": 0.0,
        "consistent": False,
        "outcomes": [],
        "aimed": True,
        **_tested(skill, candidate, registry, results),
    }


_UNTESTED: Final[Mapping[str, Any]] = {
    "name": None,
    "task": None,
    "tried": None,
    "success": 0.0,
    "low": 0.0,
    "high": 1.0,
    "n": 0,
    # Where the skill's own rate will not do, baselines are not run.
    **{f"{m}_success": None for m in BASELINES},
    "seen": None,
    "offset": None,
    "angle": None,
}


def _tested(
    skill: Skill, candidate: Candidate, registry: Registry, results: Mapping[tuple[str, str], Sequence[bool]]
) -> dict[str, Any]:
    """Return what split B says of a skill at its task; {} where it was not run there."""
    if (skill.id, "skill") not in results:
        return {}
    own = results[skill.id, "skill"]
    low, high = wilson(sum(own), len(own))
    baselines = {m: float(np.mean(results[skill.id, m])) for m in BASELINES if (skill.id, m) in results}
    found = {
        "tried": candidate.task,
        "success": round(float(np.mean(own)), 4),
        "low": round(low, 4),
        "high": round(high, 4),
        "n": len(own),
        **{f"{m}_success": round(v, 4) for m, v in baselines.items()},
        "offset": list(candidate.offset) if candidate.offset else None,
        "angle": candidate.angle,
        "seen": seen_of(skill.effect, registry[candidate.task], candidate),
    }
    if baselines and low > max(baselines.values()):
        found |= {"task": candidate.task, "name": _title(candidate)}
    return found
