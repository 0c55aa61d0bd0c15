"""Naming: skills tested against the registry on three splits of scenes.

Split A gives each skill a task that it may be. On split B the name stands or falls, and each task gets its best skill.
Split C had no part in any of that: what is reported of a task is measured on it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

import numpy as np

from tabletop.logic import Registry, Task
from tabletop.metrics.effective_skills import Sample, SkillRun, nominal_run
from tabletop.naming.aimed import aimed_skills
from tabletop.naming.best import best_of_tasks
from tabletop.naming.candidates import Candidate, candidates
from tabletop.naming.entry import BASELINES, aimed_entry, entry_of
from tabletop.naming.trial import TaskRun, succeeds
from tabletop.rollout.engine import Engine
from tabletop.rollout.statistics import wilson
from tabletop.seeds import Purpose, seed_of
from tabletop.skills.library import Library, Skill

__all__ = ["PHASES", "NameSettings", "name_skills", "rate_tasks"]

PHASES: Final = {
    "A": "name 1/5: what each skill does",
    "trials": "name 2/5: trials of tasks",
    "forecasts": "name 2/5: what tasks ask for",
    "aimed": "name 2/5: trials of exact skills",
    "B": "name 3/5: tests on fresh scenes",
    "baselines": "name 4/5: baselines",
    "C": "name 5/5: rates of the best",
}
"""What progress says, by split, of the trials on split A and of the baselines on split B."""


@dataclass(frozen=True)
class NameSettings:
    """How thoroughly skills are tested."""

    effects: int = 16
    """Episodes a skill on split A, in the library's own scenes."""
    trials: int = 8
    """Episodes a skill and candidate on split A, in the task's scenes."""
    contenders: int = 3
    """Candidates a skill that get such trials."""
    episodes: int = 40
    """Episodes a skill on split B, in the scenes of the one task chosen."""
    fresh: int = 80
    """Episodes a task on split C, of the skill that was chosen for it."""
    limit: int | None = None
    """Episodes on split B at most, baselines included, about. Each skill then has fewer, but 12 at least; where that is
    still too many, only those that did best in their trials are tested."""
    asked: int | None = None
    """Pairs of a task and an exact effect that are tried at most, those first that are forecast to do best."""
    least: float = 0.5
    """Lower bound on split B that a name needs."""
    promising: float = 0.1
    """Rate on split A from which a candidate gets trials. In the library's scenes a dial may be turned already, in the
    task's it is not, so that a low rate there says little."""
    reliable: float = 0.7
    """Rate in the trials from which a more telling task is preferred to one that is done more often."""
    seed: int = 0


def _brief(run: SkillRun) -> Sample:
    sample = nominal_run(run)
    # First and last states are all that formulas ask for; whole trajectories would be slow to send.
    short = replace(sample.trajectory, states=sample.trajectory.states[[0, -1]], actions=sample.trajectory.actions[:1])
    return replace(sample, trajectory=short)


def name_skills(
    library: Library, registry: Registry, engine: Engine, settings: NameSettings | None = None
) -> dict[str, Any]:
    """Test every skill of a library against the registry and name it.

    A skill's task is chosen on split A: by the formulas' verdicts on held-out episodes in the library's scenes, then
    by trials, in the tasks' own scenes, of the candidates that set it apart from the other skills of its effect. An
    effect that takes any target is asked for what a task's formula wants, and tried on every task that it may do. On
    split B, scenes that had no part in the choice, the skill and its baselines (`entry.BASELINES`) are run. A skill
    that can no longer reach the bound is run no further. The name stands if the Wilson lower bound is at least
    `settings.least` and above each baseline's own rate. The best skill of each task is the one with the highest bound.
    How well it does is measured on split C then.

    Args:
        library: the skills.
        registry: the tasks.
        engine: runs the episodes.
        settings: how many episodes, which bounds, and the seed; None: the defaults.

    Returns:
        "skills": one entry a skill with id, entity_kind, effect, name, task, success, low, high, n, the baselines,
        phrase, consistency and outcomes on split A (with the effects, where these are relations); "named_tasks";
        "tasks": by task, the id of its best skill, how many carry its name, and success, low, high and n on split C;
        "matrix" of rates on split A.
    """
    s = settings or NameSettings()
    skills = library.skills
    held_out = seed_of(s.seed, Purpose.NAMING_EFFECTS)
    jobs = [SkillRun(library, skill, i, held_out, "skill") for skill in skills for i in range(s.effects)]
    samples = list(engine.map(_brief, jobs, chunk=8, label=PHASES["A"]))
    by_skill = {k.id: samples[i * s.effects : (i + 1) * s.effects] for i, k in enumerate(skills)}
    found = {k.id: candidates(k.effect, by_skill[k.id], registry) for k in skills}

    usual = _usual(skills, found)
    trials: list[TaskRun] = []
    for skill in skills:
        promising = [c for c in found[skill.id] if c.rate >= s.promising]
        telling = sorted(
            promising,
            key=lambda c: (
                c.fitted,
                -_telling(c.rate, usual[skill.group, c.task]),
                -_statements(registry[c.task]),
            ),
        )
        picked = telling[: s.contenders]
        asked = [registry[c.task] for c in picked]
        # Together with what asks for more of the same: only one of the two is to be the name.
        picked += [c for c in telling[s.contenders :] if any(_asks_for_more(registry[c.task], t) for t in asked)]
        for candidate in picked:
            task = registry[candidate.task]
            trials += [
                TaskRun(library, skill, task, candidate, seed_of(s.seed, Purpose.NAMING_SPLIT_A, i), "skill")
                for i in range(s.trials)
            ]
    verdicts = list(engine.map(succeeds, trials, chunk=8, label=PHASES["trials"]))
    tried: dict[str, list[tuple[TaskRun, float]]] = {}
    for start in range(0, len(trials), s.trials):
        run = trials[start]
        tried.setdefault(run.skill.id, []).append((run, float(np.mean(verdicts[start : start + s.trials]))))
    chosen: dict[str, Candidate] = {}
    best: dict[str, tuple[bool, bool, float, int, float]] = {}
    for id, runs in tried.items():
        reliable = [run.task for run, rate in runs if rate >= s.reliable]
        for run, rate in runs:
            # What pushes also moves: where both are done reliably, the one that asks for less says nothing more.
            if any(_asks_for_more(task, run.task) for task in reliable):
                continue
            # What the skill does reliably; a task as it is written rather than one that was fitted to the skill; and
            # of those the one that sets it apart from its siblings: all that lift also reach, few carry to the left.
            telling_here = _telling(rate, usual[run.skill.group, run.candidate.task])
            score = (rate >= s.reliable, not run.candidate.fitted, telling_here, _statements(run.task), rate)
            if id not in best or score > best[id]:
                best[id] = score
                chosen[id] = run.candidate

    # Where the limit leaves time for some skills only, these are the ones that did best in their trials.
    order = sorted((k for k in skills if k.id in chosen), key=lambda k: best[k.id], reverse=True)
    labels = PHASES["forecasts"], PHASES["aimed"]
    aimed = aimed_skills(library, registry, engine, s.trials, s.seed, labels, s.asked)
    chosen |= {skill.id: candidate for skill, candidate in aimed}
    results = _tested(library, registry, engine, [*(skill for skill, _ in aimed), *order], chosen, s)
    entries = [entry_of(skill, by_skill[skill.id], chosen.get(skill.id), registry, results) for skill in skills]
    entries += [aimed_entry(skill, candidate, registry, results) for skill, candidate in aimed]
    tasks = sorted({c.task for cs in found.values() for c in cs if c.rate > 0})
    rates = {k: {c.task: c.rate for c in cs} for k, cs in found.items()}
    return {
        "skills": entries,
        "named_tasks": sorted({e["task"] for e in entries if e["task"]}),
        "tasks": rate_tasks(library, registry, engine, entries, s),
        "matrix": {
            "tasks": tasks,
            "skills": [k.id for k in skills],
            "rates": [[round(rates[k.id][t], 3) if t in rates[k.id] else None for t in tasks] for k in skills],
        },
        "settings": {
            "seed": s.seed,
            "episodes": s.episodes,
            "effects": s.effects,
            "trials": s.trials,
            "fresh": s.fresh,
        },
    }


def rate_tasks(
    library: Library, registry: Registry, engine: Engine, entries: Sequence[Mapping[str, Any]], settings: NameSettings
) -> dict[str, dict[str, Any]]:
    """Choose the best skill of each named task, and measure it on split C.

    The rate stays as it comes out: a task whose name stood on split B keeps it, or the rates of those that are left
    would be too high again.

    Args:
        library: the skills.
        registry: the tasks.
        engine: runs the episodes.
        entries: of the skills, with their figures on split B.
        settings: how many episodes, and the seed.

    Returns:
        By task: "skill", its id; "skills", how many carry the task's name; success, low, high and n on split C.
    """
    best = best_of_tasks(entries)
    n = settings.fresh
    runs = []
    for task, entry in best.items():
        offset = tuple(entry["offset"]) if entry["offset"] else None
        candidate = Candidate(task, entry["success"], entry["n"], offset, entry["angle"])
        make = partial(TaskRun, library, library.skill(entry["id"]), registry[task], candidate)
        runs += [make(seed=seed_of(settings.seed, Purpose.NAMING_SPLIT_C, i), mode="skill") for i in range(n)]
    outcomes = list(engine.map(succeeds, runs, chunk=8, label=PHASES["C"]))
    out: dict[str, dict[str, Any]] = {}
    for i, (task, entry) in enumerate(best.items()):
        done = sum(outcomes[i * n : (i + 1) * n])
        low, high = wilson(done, n)
        out[task] = {
            "skill": entry["id"],
            "skills": sum(e["task"] == task for e in entries),
            "success": round(done / n, 4),
            "low": round(low, 4),
            "high": round(high, 4),
            "n": n,
        }
    return out


def _tested(
    library: Library,
    registry: Registry,
    engine: Engine,
    asked: Sequence[Skill],
    chosen: Mapping[str, Candidate],
    s: NameSettings,
) -> dict[tuple[str, str], list[bool]]:
    """Run skills at their tasks on split B, and baselines of those whose own rate would do; by (skill's id, mode)."""
    count = s.episodes
    if s.limit is not None and asked:
        count = max(min(_FEWEST, count), min(count, int(s.limit / (_WITH_BASELINES * len(asked)))))
        asked = asked[: max(1, int(s.limit / (_WITH_BASELINES * count)))]

    def run(skills: Sequence[Skill], modes: Sequence[str], n: int, label: str) -> None:
        # Baselines do not depend on the skill, only on what is asked, so skills of one task share them.
        finals: dict[tuple[object, ...], list[TaskRun]] = {}
        for skill in skills:
            make = partial(TaskRun, library, skill, registry[chosen[skill.id].task], chosen[skill.id])
            for mode in modes:
                question = _question(skill, chosen[skill.id], mode)
                had = len(answers.get(question, ()))
                runs = [make(seed=seed_of(s.seed, Purpose.NAMING_SPLIT_B, i), mode=mode) for i in range(had, n)]
                finals.setdefault(question, runs)
        jobs = [run for runs in finals.values() for run in runs]
        outcomes = iter(list(engine.map(succeeds, jobs, chunk=8, label=label)))
        for question, runs in finals.items():
            answers.setdefault(question, []).extend(next(outcomes) for _ in runs)
        for skill in skills:
            for mode in modes:
                results[skill.id, mode] = answers[_question(skill, chosen[skill.id], mode)]

    results: dict[tuple[str, str], list[bool]] = {}
    answers: dict[tuple[object, ...], list[bool]] = {}
    # Most skills that fail do so early: they are not run on all scenes, and keep the rate on those that they had.
    standing = list(asked)
    for n in sorted({-(-count * part // _WAVES) for part in range(1, _WAVES + 1)}):
        run(standing, ["skill"], n, PHASES["B"])
        standing = [k for k in standing if wilson(sum(results[k.id, "skill"]) + count - n, count)[0] >= s.least]
    run(standing, BASELINES, max(8, count // 2), PHASES["baselines"])
    return results


def _asks_for_more(task: Task, other: Task) -> bool:
    """Return whether a task asks for all that another one asks for, and for something besides."""
    return {str(leaf) for leaf in task.success.leaves} > {str(leaf) for leaf in other.success.leaves}


def _statements(task: Task) -> int:
    """Return how many statements a task's formula makes."""
    return len(task.success.leaves)


def _usual(skills: Sequence[Skill], found: Mapping[str, Sequence[Candidate]]) -> dict[tuple[str, str], float]:
    """Return how often skills of a group do a task on split A, on average, by (group, task)."""
    rates: dict[tuple[str, str], float] = {}
    for skill in skills:
        siblings = sum(k.group == skill.group for k in skills)
        for c in found[skill.id]:
            key = skill.group, c.task
            rates[key] = rates.get(key, 0.0) + c.rate / siblings
    return rates


def _telling(rate: float, usual: float) -> float:
    """Return how much a skill's rate at a task says of it, beside the usual rate of its siblings, in nats.

    KL(rate || usual) of the two outcomes; 0 where the skill does no better than they.
    """
    if rate <= usual:
        return 0.0
    p, q = (min(max(v, 0.01), 0.99) for v in (rate, usual))
    return float(p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q)))


def _question(skill: Skill, candidate: Candidate, mode: str) -> tuple[object, ...]:
    """Return what an episode's outcome depends on, its scene left out."""
    who = {"skill": skill.id, "shuffled": skill.group}.get(mode, "")
    return mode, who, skill.effect.settles, candidate.task, candidate.offset, candidate.angle


_WAVES: Final = 4
"""Parts that a skill's episodes on split B are run in."""
_FEWEST: Final = 12
"""Episodes a skill on split B, however low the limit: with fewer hardly a name can stand."""
_WITH_BASELINES: Final = 1.5
"""Episodes on split B for one of a skill's: baselines are run for some skills only, on half as many scenes each."""
