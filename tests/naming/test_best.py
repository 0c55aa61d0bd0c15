"""The best of several skills: what is claimed of it is what it does on fresh scenes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tabletop.logic import Registry
from tabletop.metrics.effective_skills import Sample, SkillRun
from tabletop.naming import NameSettings, name_skills, skills_by_task
from tabletop.naming.best import best_of_tasks
from tabletop.rollout.episode import Trajectory
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
    return Sample(code, "box", (REACH, 0.0, 0.0, 0.0), run)


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
    return replace(disguised, tasks=("drawer-open",) * SKILLS, codes=Codebook({"drawer": SKILLS}))


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
        best = skills_by_task(named)["drawer-open"]
        claims.append(best["success"])
        olds.append(max(e["success"] for e in named["skills"] if e["task"]))
        truths.append(rates[library.skills.index(next(k for k in library.skills if k.id == best["id"]))])
    # Twelve skills and 40 scenes: the luckiest of them shows 6 to 10 points more than it has.
    assert np.mean(olds) - np.mean(truths) > 0.05
    assert abs(np.mean(claims) - np.mean(truths)) < 0.02
    # The choice itself is a good one: far above the mean skill.
    assert np.mean(truths) > 0.74


def test_a_task_keeps_its_name_whatever_comes_of_the_fresh_scenes(disguised: Any, registry: Registry) -> None:
    class Fading(Chance):
        def map(self, function: Any, jobs: Iterable[Any], *, chunk: int = 4, label: str | None = None) -> Iterator[Any]:
            if label == "name: split C":
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


def test_a_task_s_skill_comes_with_the_task_s_figures_and_all_else_of_its_own() -> None:
    figures = {"success": 0.5, "low": 0.4, "high": 0.6, "n": 80}
    named = {"skills": [entry("a", "push", 0.8), entry("b", "push", 0.9)], "tasks": {"push": {"skill": "a", **figures}}}
    assert skills_by_task(named) == {"push": {**entry("a", "push", 0.8), **figures}}


class Counting(Chance):
    """As Chance, and keeps how many episodes each label had, and of which skills."""

    def __init__(self, rates: np.ndarray) -> None:
        super().__init__(rates, np.random.default_rng(0))
        self.ran: dict[str, list[Any]] = {}

    def map(self, function: Any, jobs: Iterable[Any], *, chunk: int = 4, label: str | None = None) -> Iterator[Any]:
        self.ran[str(label)] = list(jobs)
        return super().map(function, self.ran[str(label)], chunk=chunk, label=label)


@pytest.mark.parametrize(
    ("limit", "skills", "each"), [(None, 12, 40), (360, 12, 20), (216, 12, 12), (108, 6, 12), (1, 1, 12)]
)
def test_a_limit_takes_episodes_from_all_then_leaves_out_the_least_promising(
    disguised: Any, registry: Registry, limit: int | None, skills: int, each: int
) -> None:
    # The second half of the skills never does it, so that trials tell them apart.
    engine = Counting(np.repeat([1.0, 0.0], SKILLS // 2))
    settings = NameSettings(effects=4, trials=2, contenders=1, episodes=40, fresh=10, limit=limit)
    only = Registry([registry["drawer-open"]])
    named = name_skills(library_of(disguised), only, engine, settings)  # type: ignore[arg-type]
    ran = engine.ran["name: split B"]
    assert len(ran) == skills * each
    codes = sorted({job.skill.code for job in ran})
    assert codes == list(range(skills))[: len(codes)]
    # Baselines are run for what may have a name only: they are shared by all skills of one task.
    assert {job.mode for job in engine.ran["name: baselines"]} == {"shuffled", "random", "nothing"}
    assert len(engine.ran["name: baselines"]) == 3 * max(8, each // 2)
    entries = {e["id"]: e for e in named["skills"]}
    assert [e["n"] for e in entries.values()] == [each * (i < skills) for i in range(SKILLS)]
    assert entries["drawer-00"]["random_success"] == 0.0
    assert entries["drawer-11"]["random_success"] is None
