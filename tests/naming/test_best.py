"""The best of several skills: what is claimed of it is what it does on fresh scenes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tabletop.logic import Registry
from tabletop.metrics.effective_skills import Sample, SkillRun
from tabletop.naming import NameSettings, name_skills
from tabletop.naming.best import best_of_tasks
from tabletop.naming.name import PHASES
from tabletop.rollout.episode import Trajectory
from tabletop.runs.records import Naming
from tabletop.runs.store import as_record
from tabletop.sim.scene import Scene
from tabletop.sim.state import Layout
from tabletop.skills.codebook import Codebook
from tabletop.skills.effects import REACH

SKILLS = 12


def opened(code: int) -> Sample:
    """Return an episode in which a drawer went from shut to open."""
    layout = Layout(("box",), ("drawer",), ("joint",))
    states = np.zeros((2, layout.width))
    states[:, layout.entity_slice("box", "quaternion")] = (0, 0, 0, 1)
    states[1, layout.entity_slice("box", "fraction")] = 1.0
    run = Trajectory(layout, states, np.zeros((1, 5), np.float32), Scene(), 0, True)
    return Sample(code, "box", (REACH, 0.0, 0.0, 0.0, 0.0), run)


class Chance:
    """An engine that runs nothing: each skill does its task with a rate that is known, and baselines never do."""

    def __init__(self, rates: np.ndarray, rng: np.random.Generator) -> None:
        self.rates, self.rng = rates, rng

    def map(self, function: Any, jobs: Iterable[Any], *, chunk: int = 4, label: str | None = None) -> Iterator[Any]:
        for job in jobs:
            if isinstance(job, SkillRun):
                yield opened(job.skill.code)
            else:
                yield job.mode == "skill" and bool(self.rng.random() < self.rates[job.skill.code])


def library_of(disguised: Any) -> Any:
    return replace(disguised, tasks=("drawer-open",) * SKILLS, codes=Codebook({"joint": SKILLS}), joints=("drawer",))


def test_what_is_claimed_of_a_task_is_not_the_luck_of_the_best_of_its_skills(
    disguised: Any, registry: Registry
) -> None:
    library, only = library_of(disguised), Registry([registry["drawer-open"]])
    settings = NameSettings(effects=4, trials=2, contenders=1, episodes=40, fresh=80)
    claims, olds, truths = [], [], []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        rates = rng.uniform(0.55, 0.85, SKILLS)
        named = name_skills(library, only, Chance(rates, rng), settings)  # type: ignore[arg-type]
        best = as_record(Naming, named).best()["drawer-open"]
        claims.append(best.success)
        olds.append(max(e["success"] for e in named["skills"] if e["task"]))
        truths.append(rates[library.skills.index(next(k for k in library.skills if k.id == best.id))])
    # Twelve skills and 40 scenes: the luckiest of them shows 6 to 10 points more than it has.
    assert np.mean(olds) - np.mean(truths) > 0.05
    assert abs(np.mean(claims) - np.mean(truths)) < 0.02
    # The choice itself is a good one: far above the mean skill.
    assert np.mean(truths) > 0.74


def test_a_task_keeps_its_name_whatever_comes_of_the_fresh_scenes(disguised: Any, registry: Registry) -> None:
    class Fading(Chance):
        def map(self, function: Any, jobs: Iterable[Any], *, chunk: int = 4, label: str | None = None) -> Iterator[Any]:
            if label == PHASES["C"]:
                return iter([i < 2 for i, _ in enumerate(jobs)])
            return super().map(function, jobs, chunk=chunk, label=label)

    only = Registry([registry["drawer-open"]])
    settings = NameSettings(effects=4, trials=2, contenders=1, episodes=40, fresh=10)
    engine = Fading(np.ones(SKILLS), np.random.default_rng(0))
    named = name_skills(library_of(disguised), only, engine, settings)  # type: ignore[arg-type]
    assert named["tasks"]["drawer-open"] == {
        "skill": "drawer-00",
        "skills": SKILLS,
        "success": 0.2,
        "n": 10,
        "low": pytest.approx(0.057, abs=1e-3),
        "high": pytest.approx(0.510, abs=1e-3),
    }


def entry(id: str, task: str | None, low: float, success: float = 0.9) -> dict[str, Any]:
    return {"id": id, "task": task, "low": low, "success": success, "high": 1.0, "n": 40, "clip": None}


def test_the_best_has_the_highest_bound_and_of_equals_the_first_id() -> None:
    entries = [entry("c", "push", 0.7), entry("b", "lift", 0.6), entry("a", "push", 0.8), entry("0", "push", 0.8)]
    best = best_of_tasks([*entries, entry("x", None, 0.9)])
    assert [(task, e["id"]) for task, e in best.items()] == [("lift", "b"), ("push", "0")]
