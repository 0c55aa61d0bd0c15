"""Exact skills on tasks as written: each effect is asked for what a task's formula wants (skills/aiming.py)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from tabletop.logic import Registry, Task
from tabletop.naming.candidates import Candidate, task_kinds
from tabletop.naming.trial import TaskRun, succeeds, task_scene
from tabletop.rollout.engine import Engine
from tabletop.rollout.episode import process_world
from tabletop.seeds import Purpose, seed_of
from tabletop.sim.cards import load_cards
from tabletop.skills.aiming import aim
from tabletop.skills.library import Library, Skill

__all__ = ["aimed_skills"]

_LOOKS: Final = 2
"""Scenes in which it is forecast whether an effect can do a task."""
_CHANCE: Final = 0.25
"""Forecast chance from which it gets trials."""
_PROMISING: Final = 0.25
"""Rate in the trials from which it is tested."""


@dataclass(frozen=True)
class _Look:
    """A scene of a task in which an effect is forecast."""

    library: Library
    skill: Skill
    task: Task
    seed: int


def _chance(look: _Look) -> float:
    """Return the forecast chance that the effect does the task in the scene; 0 where it cannot act there."""
    scene = task_scene(look.task, Candidate(look.task.name, 0.0, 0), look.seed)
    if look.task.attends not in look.library.entities(look.skill, scene):
        return 0.0
    state = process_world().load(scene)
    return aim(look.skill.effect.name, state, look.task.attends, look.task.success).chance


def aimed_skills(
    library: Library, registry: Registry, engine: Engine, trials: int, seed: int, labels: tuple[str, str]
) -> list[tuple[Skill, Candidate]]:
    """Return for each task the effect that does it best in trials on split A, those that promise most first.

    Args:
        library: the skills.
        registry: the tasks.
        engine: runs the episodes.
        trials: episodes a task and effect.
        seed: of the scenes.
        labels: of the progress of forecasts and of trials.
    """
    skills = [(_skill(library, name, task), task) for task in registry.values() for name in library.aimed]
    fitting = [(skill, task) for skill, task in skills if _fits(skill, task)]
    seeds = [seed_of(seed, Purpose.NAMING_SPLIT_A, i) for i in range(max(_LOOKS, trials))]
    looks = [_Look(library, skill, task, s) for skill, task in fitting for s in seeds[:_LOOKS]]
    chances = np.array(list(engine.map(_chance, looks, chunk=8, label=labels[0]))).reshape(len(fitting), _LOOKS)
    tried = [pair for pair, chance in zip(fitting, chances.mean(1), strict=True) if chance >= _CHANCE]
    runs = [
        TaskRun(library, skill, task, Candidate(task.name, 0.0, 0), s, "skill")
        for skill, task in tried
        for s in seeds[:trials]
    ]
    done = np.array(list(engine.map(succeeds, runs, chunk=8, label=labels[1]))).reshape(len(tried), trials)
    best: dict[str, tuple[float, Skill]] = {}
    for (skill, task), rate in zip(tried, done.mean(1), strict=True):
        if rate >= _PROMISING and rate > best.get(task.name, (0.0, skill))[0]:
            best[task.name] = float(rate), skill
    order: Sequence[tuple[str, tuple[float, Skill]]] = sorted(best.items(), key=lambda b: (-b[1][0], b[0]))
    return [(skill, Candidate(name, rate, trials)) for name, (rate, skill) in order]


def _skill(library: Library, effect: str, task: Task) -> Skill:
    return replace(library.any_of(effect), id=f"{effect}@{task.name}", task=task.name, formula=task.success)


def _fits(skill: Skill, task: Task) -> bool:
    """Return whether what a task is about is of the effect's body type."""
    cards = load_cards()
    kinds = [k for k in task_kinds(task, task.attends) if k in cards]
    return any(cards[k].body_type == skill.effect.body_type for k in kinds)
