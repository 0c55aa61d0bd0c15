"""Chains and proven goals on the command line, and the skills that plans are made of."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from tabletop.api.clips import ChainClip, film_chain, to_film
from tabletop.api.folder import library_of
from tabletop.api.policies import AnyPolicy, policies_of
from tabletop.api.task_operators import operators_of_tasks
from tabletop.errors import TabletopError
from tabletop.files import check_out
from tabletop.logic import Formula, Task, load_registry
from tabletop.naming import NamedLibrary
from tabletop.planner import (
    SCRIPTED_VOCABULARY,
    ChainJob,
    ExactOperators,
    Fixed,
    SampledOperator,
    Search,
    Template,
    evaluate_chains,
    load_goals,
    operators_from_samples,
    prove_again,
    sample_proven,
    save_goals,
    scripted_operators,
    vocabulary_of,
)
from tabletop.planner.chain import LENGTH
from tabletop.planner.evaluate import OperatorFactory, evaluate_plans
from tabletop.progress import track
from tabletop.rollout.engine import Engine, Workers
from tabletop.runs.lock import holding
from tabletop.runs.records import Chains, Naming
from tabletop.runs.store import as_record, read_record, write_record
from tabletop.runs.summary import merge_summary
from tabletop.schema import is_name
from tabletop.sim.scene import Scene
from tabletop.sim.scene_cards import find_scene_card
from tabletop.skills.library import Library, Skill

__all__ = [
    "Skills",
    "chains_stage",
    "check_goals",
    "codes_of",
    "make_goals",
    "operators_of",
    "policy_skills",
    "run_goals",
    "skills_of",
]

_LEAST_SURE: Final = 0.2
_MOST_SURE: Final = 0.97
"""Bounds of what the planner counts on an exact skill for."""

Skills = tuple[OperatorFactory, Sequence[Template]]
"""What makes operators, and what may be asked of them."""


def skills_of(folder: Path, library: Library | None) -> Skills:
    """Return what makes the operators of a run's skills, and what may be asked of them.

    Args:
        folder: the run.
        library: of it, whose named and consistent skills are meant; None for the scripted policies.

    Raises:
        TabletopError: the skills have not been named, or none has a name.
    """
    if library is None:
        return scripted_operators, SCRIPTED_VOCABULARY
    return operators_of(NamedLibrary(library, read_record(folder / Naming.FILE, Naming, library.digest)))


def policy_skills(policy: AnyPolicy, tasks: Sequence[Task], engine: Engine, seed: int) -> Skills:
    """Run any policy on tasks, and return what makes its operators, and what may be asked of them.

    Args:
        policy: as for `policies_of`.
        tasks: what it is run on; those that are about one thing are planned with.
        engine: runs the episodes.
        seed: of their scenes.

    Raises:
        TabletopError: no such policy, or none of the tasks can be planned with.
    """
    found = operators_of_tasks(policies_of(policy, tasks), tasks, engine, seed)
    names = {operator.id for operator in found}
    return Fixed(found), vocabulary_of(task for task in tasks if task.name in names)


def operators_of(skills: NamedLibrary) -> Skills:
    """Return what makes the operators of a library's named and consistent skills, and what may be asked of them.

    Raises:
        TabletopError: the skills have not been named, or none has a name.
    """
    library, named = skills.library, _named(skills)
    exact = _reliability(named)
    sampled = tuple(o for o in codes_of(skills) if not _asked(library.skill(o.id), exact))
    if not sampled and not exact:
        raise TabletopError("no skill of this library has a name, so there is nothing to plan with; discover longer")
    registry = load_registry()
    made: OperatorFactory = ExactOperators(library, sampled, exact) if exact else Fixed(sampled)
    return made, vocabulary_of(registry[t] for t in named.named_tasks)


def codes_of(skills: NamedLibrary) -> tuple[SampledOperator, ...]:
    """Return the named and consistent codes of a library, with what came of each in its own episodes.

    Raises:
        TabletopError: the skills have not been named.
    """
    named = _named(skills)
    usable = {s.id: [list(row) for row in s.outcomes] for s in named.skills if s.name and not s.aimed}
    return operators_from_samples(skills.library, usable)


def _named(skills: NamedLibrary) -> Naming:
    if skills.named is None:
        raise TabletopError("the skills of this library have no names yet; name them with: tabletop name")
    return skills.named


def _asked(skill: Skill, exact: Mapping[str, float]) -> bool:
    """Return whether what a code does is better asked for: its end lies where things stood as it was measured.

    Relations are asked for as places. Joints have their codes, whose ends are the same in every scene.
    """
    effect = skill.effect
    return effect.body_type == "rigid" and (effect.name in exact or (effect.partners is not None and "placed" in exact))


def _reliability(named: Naming) -> dict[str, float]:
    """Return how often exact skills did what tasks ask for on split B: of each effect, and of each kind of joint."""
    rates: dict[str, list[float]] = {}
    for skill in named.skills:
        if skill.aimed and skill.n:
            for key in {skill.effect, skill.entity_kind if skill.effect == "joint" else skill.effect}:
                rates.setdefault(key, []).append(skill.success)
    return {key: float(np.clip(np.mean(found), _LEAST_SURE, _MOST_SURE)) for key, found in rates.items()}


def run_goals(
    engine: Engine,
    operators: OperatorFactory,
    scenes: Sequence[Scene],
    goals: Sequence[Formula],
    seeds: Sequence[int],
    until: float | None = None,
    search: Search | None = None,
) -> dict[str, Any]:
    """Plan and run goals; return what `Planning` holds of those that were begun, but for its policy and clips.

    Args:
        engine: where they run.
        operators: makes a scene's operators.
        scenes: one for each goal.
        goals: what to reach.
        seeds: one for each goal.
        until: s of the monotonic clock, from which no further round is begun. A round is as many goals as there are
            processes; the first is always run. None: all goals at once.
        search: how plans are found.
    """
    size = len(goals) if until is None else max(1, engine.workers)
    parts: list[Mapping[str, Any]] = []
    for i in track(range(0, len(goals), size), "plan", unit="rounds"):
        if parts and until is not None and time.monotonic() > until:
            break
        rows = slice(i, i + size)
        chosen = scenes[rows], goals[rows], seeds[rows]
        parts.append(evaluate_plans(engine, operators, *chosen, search=search, label="plan: run goals"))
    episodes = [
        {
            **episode,
            "log": episode["skills"],
            "skills": [f"{step.get('skill')} {step.get('entity')}" for step in episode["skills"]],
        }
        for part in parts
        for episode in part["episodes"]
    ]
    share = sum(e["completed"] / e["literals"] for e in episodes) / len(episodes)
    counts = {key: sum(part[key] for part in parts) for key, value in parts[0].items() if isinstance(value, int)}
    return {**counts, "mean_completed": round(share, 6), "episodes": episodes}


@holding
def chains_stage(
    folder: Path,
    *,
    policy: str,
    chains: int,
    seed: int,
    workers: Workers,
    clips: int = 4,
    seconds: float | None = 10.0,
    skills: Skills | None = None,
) -> Chains:
    """Run the benchmark of chains. Writes chains.json, clips/, summary.json.

    The chains do not depend on the policy: they are drawn over what the basic scripted operators can do.

    Args:
        folder: the run.
        policy: "library" (its named and consistent skills) or "scripted".
        chains: how many.
        seed: of scenes, chains and plans.
        workers: processes.
        clips: how many of the chains are filmed: half of them whole ones, the others those that broke off first.
        seconds: to search for a goal's first plan, and as long again for all its others; None for no end.
        skills: what `policy` then is the name of; by default see `skills_of`.
    """
    library = library_of(folder) if policy == "library" else None
    operators, _ = skills or skills_of(folder, library)
    jobs = [ChainJob(operators, seed, i, search=Search(seconds=seconds)) for i in range(chains)]
    with Engine(workers) as engine:
        result: dict[str, Any] = dict(evaluate_chains(engine, jobs, label="plan: run chains"))
        done = [e["completed"] for e in result["episodes"]]
        order = to_film(sorted(range(chains), key=lambda i: (done[i], i)), [d == LENGTH for d in done], clips)
        films = [ChainClip(jobs[i], str(folder), f"clips/chain-{i:03d}.webp") for i in order]
        filmed = dict(zip(order, engine.map(film_chain, films, chunk=1, label="plan: clips"), strict=True))
    for i, entry in enumerate(result["episodes"]):
        entry["clip"] = filmed.get(i)
    result = {"policy": policy, "library_digest": library.digest if library else None, "seed": seed, **result}
    record = as_record(Chains, result)
    write_record(folder / Chains.FILE, record)
    merge_summary(folder, "chains", {k: v for k, v in result.items() if k != "episodes"})
    return record


def make_goals(
    path: Path, count: int, lengths: Sequence[int], seed: int, *, card: str = "workshop", workers: Workers = None
) -> dict[str, Any]:
    """Draw goals that the scripted policies are seen to reach, and write them.

    Args:
        path: YAML file to write.
        count: goals to draw.
        lengths: numbers of literals that the goals have, in turn.
        seed: of scenes and goals.
        card: scene card: one that ships, by name, or the path of a YAML file.
        workers: processes, see `Engine`; None: one a core.

    Returns:
        How many "goals", and how many of them are "distinct". Counts by number of "literals" and by "predicates". How
        many goals were "unreached" and scenes "undrawn", and passed over. "out", the path.

    Raises:
        TabletopError: the goals cannot be made, or the file cannot be written.
    """
    check_out(path, "goals")
    drawn_from = card if is_name(card) else find_scene_card(card)
    with Engine(workers) as engine:
        draws = sample_proven(engine, seed, count, lengths, card=drawn_from, label="goals")
    save_goals(path, [d.goal for d in draws])
    goals = [d.goal.goal for d in draws]
    return {
        "goals": len(goals),
        "distinct": len({g.text for g in goals}),
        "literals": {str(k): v for k, v in sorted(Counter(len(g.leaves) for g in goals).items())},
        "predicates": dict(sorted(Counter(x.predicate for g in goals for x in g.leaves).items())),
        "unreached": sum(d.unreached for d in draws),
        "undrawn": sum(d.undrawn for d in draws),
        "out": str(path),
    }


def check_goals(path: Path, workers: Workers = None) -> dict[str, Any]:
    """Run the plans of a file of proven goals again.

    Raises:
        TabletopError: no such file, or it is damaged.
    """
    goals = load_goals(path)
    with Engine(workers) as engine:
        proofs = list(engine.map(prove_again, goals, chunk=1, label="goals"))
    return {
        "goals": len(goals),
        "reached": sum(p.reached for p in proofs),
        "identical": sum(p.identical for p in proofs),
        "differ": [i for i, p in enumerate(proofs) if not (p.reached and p.identical)],
    }
