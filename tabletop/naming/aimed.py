"""Exact skills on tasks as written: each effect is asked for what a task's formula wants (skills/aiming.py)."""

from __future__ import annotations

from dataclasses import dataclass
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
    library: Library,
    registry: Registry,
    engine: Engine,
    trials: int,
    seed: int,
    labels: tuple[str, str],
    most: int | None = None,
) -> list[tuple[Skill, Candidate]]:
    """Return for each task the effect that does it best in trials on split A, those that promise most first.

    Args:
        library: the skills.
        registry: the tasks.
        engine: runs the episodes.
        trials: episodes a task and effect.
        seed: of the scenes.
        labels: of the progress of forecasts and of trials.
        most: pairs of a task and an effect that get trials, those first that are forecast to do best; None: all.
    """
    skills = [(library.asked(name, task), task) for task in registry.values() for name in library.aimed]
    fitting = [(skill, task) for skill, task in skills if _fits(skill, task)]
    seeds = [seed_of(seed, Purpose.NAMING_SPLIT_A, i) for i in range(trials)]
    # One scene says whether an effect can do a task at all: what it asks for is alike in all of them.
    looks = [_Look(library, skill, task, seeds[0]) for skill, task in fitting]
    chances = np.array(list(engine.map(_chance, looks, chunk=8, label=labels[0])))
    tried = [fitting[i] for i in np.argsort(-chances, kind="stable") if chances[i] >= _CHANCE][:most]
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
    found = sorted(best.items(), key=lambda b: (-b[1][0], b[0]))
    return [(skill, Candidate(name, rate, trials)) for name, (rate, skill) in found]


def _fits(skill: Skill, task: Task) -> bool:
    """Return whether what a task is about is of the effect's body type."""
    cards = load_cards()
    kinds = [k for k in task_kinds(task, task.attends) if k in cards]
    return any(cards[k].body_type == skill.effect.body_type for k in kinds)
