"""Naming: skills tested against the registry, names chosen on one split of scenes and reported on another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

import numpy as np

from tabletop.logic import Registry, Task
from tabletop.naming.candidates import Candidate, candidates
from tabletop.naming.phrase import consistency, offset_words, phrase
from tabletop.rollout.engine import Engine
from tabletop.rollout.episode import Trajectory, episode
from tabletop.rollout.policy import Nothing, Policy, Random
from tabletop.rollout.statistics import wilson
from tabletop.sim.generate import generate
from tabletop.sim.scene import Scene
from tabletop.skills.library import Library, Skill
from tabletop.skills.measure import Sample, SkillRun, nominal_run

__all__ = ["NameSettings", "TaskRun", "name_skills", "run_task_run", "skill_task", "task_scene"]

_SPLIT_A: Final = 1_000_000
_SPLIT_B: Final = 2_000_000
"""First scene seeds of the splits, so that they never meet."""


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
    least: float = 0.5
    """Lower bound on split B that a name needs."""
    promising: float = 0.1
    """Rate on split A from which a candidate gets trials. In the library's scenes a dial may be turned already, in the
    task's it is not, so that a low rate there says little."""
    reliable: float = 0.7
    """Rate in the trials from which a more telling task is preferred to one that is done more often."""
    seed: int = 0


@dataclass(frozen=True)
class TaskRun:
    """One episode of a skill, or of a floor, on a task's scene: a pure description of it."""

    library: Library
    skill: Skill
    task: Task
    candidate: Candidate
    seed: int
    """Of the scene."""
    mode: str
    """ "skill", "shuffled" (a code of the kind drawn at random), "random" or "nothing"."""


def task_scene(task: Task, candidate: Candidate, seed: int) -> Scene:
    """Return the scene of a task, with a target where the candidate's own offset puts it."""
    offsets = None
    if candidate.offset is not None and task.parameter is not None and task.parameter.entity:
        x, y = candidate.offset
        offsets = {task.parameter.entity: {"x": x, "y": y}}
    return generate(task.scene, seed, gripper="nominal", offsets=offsets)


def _asked(task: Task, candidate: Candidate) -> Task:
    return task.with_value(candidate.angle) if candidate.angle is not None else task


def skill_task(registry: Registry, entry: Mapping[str, Any], seed: int) -> tuple[Scene, Task, str]:
    """Return a scene of the task a skill is named for, the task with the skill's own parameter, and its entity.

    Args:
        registry: the tasks.
        entry: one of name_skills' "skills", named for a task.
        seed: of the scene.
    """
    offset = tuple(entry["offset"]) if entry["offset"] else None
    candidate = Candidate(entry["task"], entry["success"], entry["n"], offset, entry["angle"])
    task = registry[entry["task"]]
    return task_scene(task, candidate, seed), _asked(task, candidate), task.attends


def _policy(run: TaskRun, rng: np.random.Generator) -> Policy:
    if run.mode == "nothing":
        return Nothing()
    if run.mode == "random":
        return Random()
    skill = run.skill
    if run.mode == "shuffled":
        codes = run.library.codes
        own = codes.codes_of(int(codes.kind_of[skill.code]))
        skill = run.library.skills[int(rng.choice(own))]
    return run.library.policy(skill, run.task.attends, run.task.horizon)


def run_task_run(run: TaskRun) -> Trajectory:
    """Run it, within the task's horizon."""
    rng = np.random.default_rng([run.seed, 51])
    scene = task_scene(run.task, run.candidate, run.seed)
    return episode(_policy(run, rng), scene, run.seed, run.library.length(run.skill, run.task.horizon))


def _done(run: TaskRun) -> bool:
    trajectory = run_task_run(run)
    task = _asked(run.task, run.candidate)
    return bool(task.success.holds(trajectory.final, trajectory.initial))


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
    by trials, in the tasks' own scenes, of the candidates that set it apart from the other skills of its kind. On
    split B, scenes that had no part in the choice, the skill and three floors (another code at random, random
    actions, nothing) are run. The name stands
    if the Wilson lower bound is at least `settings.least` and above each floor's own rate.

    Returns:
        "skills": one entry a skill with id, entity_kind, effect, name, task, success, low, high, n, the floors,
        phrase, consistency and outcomes on split A (with the effects, where these are relations); "named_tasks";
        "matrix" of rates on split A.
    """
    s = settings or NameSettings()
    skills = library.skills
    jobs = [SkillRun(library, skill, i, _SPLIT_A + s.seed, "skill") for skill in skills for i in range(s.effects)]
    samples = list(engine.map(_brief, jobs, chunk=8, label="name: split A"))
    by_skill = {k.id: [x for x in samples if x.code == k.code] for k in skills}
    found = {k.id: candidates(k.effect, by_skill[k.id], registry) for k in skills}

    usual = _usual(skills, found)
    trials: list[TaskRun] = []
    for skill in skills:
        promising = [c for c in found[skill.id] if c.rate >= s.promising]
        telling = sorted(
            promising,
            key=lambda c: (
                c.fitted,
                -_telling(c.rate, usual[skill.effect.name, c.task]),
                -_statements(registry[c.task]),
            ),
        )
        for candidate in telling[: s.contenders]:
            task = registry[candidate.task]
            trials += [
                TaskRun(library, skill, task, candidate, _SPLIT_A + 1000 * s.seed + i, "skill") for i in range(s.trials)
            ]
    verdicts = list(engine.map(_done, trials, chunk=8, label="name: trials"))
    chosen: dict[str, Candidate] = {}
    best: dict[str, tuple[bool, bool, float, int, float]] = {}
    for start in range(0, len(trials), s.trials):
        run = trials[start]
        rate = float(np.mean(verdicts[start : start + s.trials]))
        # What the skill does reliably; a task as it is written rather than one that was fitted to the skill; and of
        # those the one that sets it apart from its siblings: all that lift also reach, but few carry to the left. Of
        # two that do so alike it is the one that asks for more: what pushes also moves.
        telling_here = _telling(rate, usual[run.skill.effect.name, run.candidate.task])
        score = (rate >= s.reliable, not run.candidate.fitted, telling_here, _statements(run.task), rate)
        if run.skill.id not in best or score > best[run.skill.id]:
            best[run.skill.id] = score
            chosen[run.skill.id] = run.candidate

    # Floors do not depend on the skill, only on what is asked, so skills of one task share them.
    finals: dict[tuple[object, ...], list[TaskRun]] = {}
    for skill in skills:
        if skill.id in chosen:
            make = partial(TaskRun, library, skill, registry[chosen[skill.id].task], chosen[skill.id])
            for mode, n in (("skill", s.episodes), *((m, max(8, s.episodes // 2)) for m in _FLOORS)):
                runs = [make(seed=_SPLIT_B + 1000 * s.seed + i, mode=mode) for i in range(n)]
                finals.setdefault(_question(skill, chosen[skill.id], mode), runs)
    jobs_b = [run for runs in finals.values() for run in runs]
    outcomes = iter(list(engine.map(_done, jobs_b, chunk=8, label="name: split B")))
    answers = {question: [next(outcomes) for _ in runs] for question, runs in finals.items()}
    results = {
        (skill.id, mode): answers[_question(skill, chosen[skill.id], mode)]
        for skill in skills
        if skill.id in chosen
        for mode in ("skill", *_FLOORS)
    }
    entries = [_entry(skill, by_skill[skill.id], chosen.get(skill.id), results, s) for skill in skills]
    tasks = sorted({c.task for cs in found.values() for c in cs if c.rate > 0})
    rates = {k: {c.task: c.rate for c in cs} for k, cs in found.items()}
    return {
        "skills": entries,
        "named_tasks": sorted({e["task"] for e in entries if e["task"]}),
        "matrix": {
            "tasks": tasks,
            "skills": [k.id for k in skills],
            "rates": [[round(rates[k.id][t], 3) if t in rates[k.id] else None for t in tasks] for k in skills],
        },
        "settings": {"seed": s.seed, "episodes": s.episodes, "effects": s.effects, "trials": s.trials},
    }


def _statements(task: Task) -> int:
    """Return how many statements a task's formula makes."""
    return len(task.success.leaves)


def _usual(skills: Sequence[Skill], found: Mapping[str, Sequence[Candidate]]) -> dict[tuple[str, str], float]:
    """Return how often skills of a kind of effect do a task on split A, on average, by (effect, task)."""
    rates: dict[tuple[str, str], float] = {}
    for skill in skills:
        siblings = sum(k.effect.name == skill.effect.name for k in skills)
        for c in found[skill.id]:
            key = skill.effect.name, c.task
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
    who = {"skill": skill.id, "shuffled": skill.effect.name}.get(mode, "")
    return mode, who, skill.effect.settles, candidate.task, candidate.offset, candidate.angle


_FLOORS: Final = ("shuffled", "random", "nothing")


def _title(candidate: Candidate) -> str:
    if candidate.offset is not None:
        return f"{candidate.task} {offset_words(*candidate.offset)}"
    if candidate.angle is not None:
        return f"{candidate.task} {abs(np.degrees(candidate.angle)):.0f} deg"
    return candidate.task


def _entry(
    skill: Skill,
    samples: Sequence[Sample],
    candidate: Candidate | None,
    results: dict[tuple[str, str], list[bool]],
    s: NameSettings,
) -> dict[str, Any]:
    effects = np.array([x.effect for x in samples])
    kinds = sorted({x.trajectory.layout.kind(x.entity) for x in samples})
    spread = consistency(skill.effect, effects)
    noun = "the object" if skill.effect.moves == "rigid" else f"the {skill.effect.name}"
    outcomes = np.array([x.outcome for x in samples])
    words = phrase(skill.effect, effects, outcomes, noun)
    # An effect may be a place, and what always ends at the same one may have been there before.
    idle = [skill.effect.function(x.trajectory.initial, x.trajectory.initial, x.entity) for x in samples]
    change = float(np.median(np.linalg.norm(effects[:, : skill.effect.size] - np.array(idle), axis=1)))
    entry: dict[str, Any] = {
        "id": skill.id,
        "effect": skill.effect.name,
        "entity_kind": skill.effect.moves if skill.effect.moves == "rigid" else kinds[0],
        "name": None,
        "task": None,
        "tried": None,
        "success": 0.0,
        "low": 0.0,
        "high": 1.0,
        "n": 0,
        "random_success": 0.0,
        "nothing_success": 0.0,
        "shuffled_success": 0.0,
        "phrase": words,
        "size": round(change, 4),
        "spread": round(spread, 4),
        "consistent": bool(spread < 0.05 and change > 0.04),
        # What a relation came to is seen in the effect only.
        "outcomes": [
            [round(float(v), 4) for v in (*x.outcome, *(x.effect if skill.effect.partners else ()))] for x in samples
        ],
        "offset": None,
        "angle": None,
    }
    if candidate is not None:
        own = results[skill.id, "skill"]
        low, high = wilson(sum(own), len(own))
        floors = {m: float(np.mean(results[skill.id, m])) for m in _FLOORS}
        entry |= {
            "tried": candidate.task,
            "success": round(float(np.mean(own)), 4),
            "low": round(low, 4),
            "high": round(high, 4),
            "n": len(own),
            **{f"{m}_success": round(v, 4) for m, v in floors.items()},
            "offset": list(candidate.offset) if candidate.offset else None,
            "angle": candidate.angle,
        }
        if low >= s.least and low > max(floors.values()):
            entry |= {"task": candidate.task, "name": _title(candidate)}
    if entry["name"] is None and entry["consistent"]:
        entry["name"] = words
    return entry
