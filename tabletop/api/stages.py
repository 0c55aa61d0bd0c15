"""The stages: each reads what the one before left in the run folder and leaves its own files there."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tabletop.api.clips import PlanClip, SkillClip, film_plan, film_skill, to_film
from tabletop.api.folder import forget_stages, library_of, made_with_another
from tabletop.api.goals import PLANNING, draw_goals, read_goal
from tabletop.api.measuring import plan_measuring
from tabletop.api.planning import Skills, run_goals, skills_of
from tabletop.discovery.config import DiscoverSettings
from tabletop.discovery.train import discover
from tabletop.errors import TabletopError
from tabletop.files import read_bytes
from tabletop.logic import load_registry
from tabletop.metrics.baselines import Measured, measure_library
from tabletop.naming import NameSettings, name_skills
from tabletop.naming.trial import skill_task
from tabletop.perturbation import Run, sweep
from tabletop.planner import PlanJob, Search
from tabletop.progress import tell
from tabletop.report import write_comparison, write_report
from tabletop.rollout.engine import Engine, Workers
from tabletop.runs.lock import holding
from tabletop.runs.records import Discovery, Naming, Planning, Robustness
from tabletop.runs.store import as_record, read_record, record_data, write_record
from tabletop.runs.summary import merge_summary
from tabletop.seeds import Purpose, seed_of
from tabletop.skills.effects import Effect
from tabletop.skills.library import Library

__all__ = [
    "comparison_stage",
    "discover_stage",
    "measure_stage",
    "name_stage",
    "perturb_stage",
    "plan_stage",
    "report_stage",
    "write_discovery",
]

Array = npt.NDArray[np.float64]

_ROUNDS: Final = 0.7
"""Share of the time for planning after which no further round is begun: films come after them."""


@holding
def discover_stage(
    folder: Path,
    settings: DiscoverSettings,
    *,
    minutes: float | None,
    steps: int | None,
    workers: Workers,
    resume: bool,
    start: str | os.PathLike[str] | None = None,
    episodes: int | None = None,
    measure: bool = True,
    begun: Callable[[], None] | None = None,
) -> Discovery | None:
    """Discover, then measure on held-out episodes. Writes library/, discover.json, summary.json.

    What later stages said of the library that a resumed run had before goes, if it has changed.

    Args:
        folder: the run's.
        settings: of the discovery.
        minutes: to discover for, or
        steps: control steps.
        workers: processes.
        resume: go on from the folder's checkpoint.
        start: a library to go on from, by name or path.
        episodes: held-out, a code; None: 50, or as many as fit into a third of the minutes (api/measuring.py).
        measure: False leaves measuring out; then discover.json is not written, and None is returned.
        begun: called when discovery begins.
    """
    weights = folder / "library" / "weights.safetensors"
    before = read_bytes(weights, "weights") if weights.is_file() else None
    library = discover(
        folder, settings, minutes=minutes, steps=steps, workers=workers, start=start, resume=resume, begun=begun
    )
    # A kill may fall between new weights and what was said of the old ones: then the files' digests tell.
    if (before is not None and read_bytes(weights, "weights") != before) or made_with_another(folder, library):
        forget_stages(folder)
    if not measure:
        return None
    with Engine(workers) as engine:
        plan = plan_measuring(library, engine, settings.seed, episodes=episodes, minutes=minutes)
    tell(plan.announcement())
    return measure_stage(folder, library, settings.seed, workers, plan.episodes, plan.baselines)


@holding
def measure_stage(
    folder: Path, library: Library, seed: int, workers: Workers, episodes: int, baselines: int | None = None
) -> Discovery:
    """Measure a library on held-out episodes from nominal starts, with baselines. Writes discover.json.

    Args:
        folder: the run's.
        library: the skills.
        seed: of scenes, episodes and discriminators.
        workers: processes, see `Engine`; None: one a core.
        episodes: held-out, a code.
        baselines: episodes a code of each baseline, 2 or more; None: a tenth of `episodes`, but 2 at least.

    Returns:
        What discover.json says.
    """
    with Engine(workers) as engine:
        found = measure_library(library, engine, episodes, seed, baselines)
    return write_discovery(folder, library, found)


def write_discovery(folder: Path, library: Library, found: Measured) -> Discovery:
    """Write discover.json, and its part of summary.json, of a library that was measured; return what it says.

    Args:
        folder: the run's.
        library: the skills.
        found: their held-out episodes, and the figures.
    """
    samples, info = found.samples, library.info
    result: dict[str, Any] = {"library_digest": library.digest, "codes": len(library.skills), **found.figures}
    result |= {key: info.get(key) for key in ("env_steps", "minutes", "seed")}
    result["objective"] = info.get("objective", "final-state")
    result["skills"] = [
        {
            "id": s.id,
            "effect": s.effect.name,
            "code": s.code,
            "finals": [
                _final(s.effect, samples.outcomes[i], samples.effects[i]) for i in np.flatnonzero(samples.owners == n)
            ],
        }
        for n, s in enumerate(library.skills)
    ]
    record = as_record(Discovery, result)
    write_record(folder / Discovery.FILE, record)
    keys = (
        *("codes", "effective_skills_2cm", "effective_skills_5cm", "bits_2cm", "env_steps", "minutes"),
        *("episodes", "baseline_episodes", "coverage_bins_5cm", "seed", "objective", "baselines"),
    )
    merge_summary(folder, "discover", {k: result[k] for k in keys})
    return record


def _final(effect: Effect, found: Array, seen: Array) -> list[float]:
    """Return an end as the report draws it: a change or a place (x, y, z in m) and a turn (rad), or a fraction.

    Args:
        effect: what the skill is after.
        found: (6,) or (1,), as `outcome` in skills/effects gives it.
        seen: (EFFECT_WIDTH,), the effect: where three numbers say where a thing or the gripper is, it is these.
    """
    row = found if len(found) == 1 else [*(seen[:3] if effect.asked == 3 else found[:3]), found[3]]
    return [round(float(v), 4) for v in row]


@holding
def name_stage(
    folder: Path, library: Library, settings: NameSettings, workers: Workers, films: int | None = None
) -> Naming:
    """Name a library's skills. Writes name.json, clips/, summary.json.

    Args:
        folder: the run.
        library: the skills.
        settings: how thoroughly they are tested.
        workers: processes.
        films: of named skills at most, the best of each task first; all by default.
    """
    with Engine(workers) as engine:
        result = {"library_digest": library.digest, **name_skills(library, load_registry(), engine, settings)}
        found = as_record(Naming, result)
        record = film_named(folder, library, found, settings.seed, engine, films)
    write_record(folder / Naming.FILE, record)
    result = record_data(record)
    keys = ("id", "entity_kind", "name", "task", "success", "low", "high", "n", "exploration_success")
    merge_summary(
        folder,
        "name",
        {
            "skills": [{k: e[k] for k in keys} for e in result["skills"]],
            "named_tasks": result["named_tasks"],
            "tasks": result["tasks"],
        },
    )
    return record


def film_named(
    folder: Path, library: Library, found: Naming, seed: int, engine: Engine, films: int | None = None
) -> Naming:
    """Film skills with a name, the best of each task first; return what is known of them, with their films.

    Args:
        folder: the run.
        library: the skills.
        found: their names.
        seed: of the films' scenes: `tabletop play` films them again with it.
        engine: makes them.
        films: at most; all by default.
    """
    best = {task.skill for task in found.tasks.values()}
    filmed = sorted((s for s in found.skills if s.name), key=lambda s: (s.id not in best, s.task is None))[:films]
    jobs = [SkillClip(library, load_registry(), skill, str(folder), seed) for skill in filmed]
    made = engine.map(film_skill, jobs, chunk=2, label="name: clips")
    clips = {skill.id: clip for skill, clip in zip(filmed, made, strict=True)}
    return replace(found, skills=tuple(replace(s, clip=clips.get(s.id)) for s in found.skills))


@holding
def plan_stage(
    folder: Path,
    *,
    policy: str,
    goals: int,
    lengths: Sequence[int],
    seed: int,
    workers: Workers,
    goal: str | None = None,
    card: str = PLANNING,
    scene: str | None = None,
    clips: int = 4,
    within: float | None = None,
    seconds: float | None = 10.0,
    skills: Skills | None = None,
) -> Planning:
    """Plan for sampled goals, or one given goal, and run the plans. Writes plan.json, clips/, summary.json.

    Args:
        folder: the run.
        policy: "library" (its named and consistent skills) or "scripted".
        goals: how many to sample.
        lengths: literals of the goals, in turn.
        seed: of scenes, goals and plans.
        workers: processes.
        goal: a formula to reach instead, in the scene that the card gives for that seed.
        card: scene card: one that ships, or the path of a file.
        scene: path of a saved scene, which the goal is to be reached in.
        clips: how many of the plans are filmed: half of them of goals that were reached, as far as there are so many.
        within: s of the wall clock, after which no further goal is begun; at least one round is run. None: no end.
        seconds: to search for a goal's first plan, and as long again for all its others; None for no end.
        skills: what `policy` then is the name of; by default see `skills_of`.
    """
    began = time.monotonic()
    library = library_of(folder) if policy == "library" else None
    operators, vocabulary = skills or skills_of(folder, library)
    if goal is not None:
        where, formula = read_goal(goal, seed, card, scene)
        scenes, wanted = [where], [formula]
    else:
        scenes, wanted = draw_goals(seed, goals, lengths, operators, vocabulary, card)
    seeds = [seed_of(seed, Purpose.PLANNING_EPISODES, i) for i in range(len(wanted))]
    with Engine(workers) as engine:
        until = None if within is None else began + within * _ROUNDS
        search = Search(seconds=seconds)
        result = run_goals(engine, operators, scenes, wanted, seeds, until, search)
        # The longest goals make the most telling clips.
        longest = sorted(range(result["goals"]), key=lambda i: (-result["episodes"][i]["literals"], i))
        order = to_film(longest, [e["solved"] for e in result["episodes"]], clips)
        jobs = [
            PlanClip(
                PlanJob(operators, scenes[i], wanted[i], seeds[i], search),
                tuple((str(s["skill"]), str(s["entity"])) for s in result["episodes"][i]["log"]),
                str(folder),
                f"clips/plan-{i:02d}.webp",
            )
            for i in order
        ]
        filmed = dict(zip(order, engine.map(film_plan, jobs, chunk=1, label="plan: clips"), strict=True))
    for i, entry in enumerate(result["episodes"]):
        entry["clip"] = filmed.get(i)
    result["policy"], result["library_digest"] = policy, library.digest if library else None
    record = as_record(Planning, result)
    write_record(folder / Planning.FILE, record)
    merge_summary(folder, "plan", {k: result[k] for k in ("policy", "goals", "solved", "mean_completed", "spent")})
    return record


@holding
def perturb_stage(
    folder: Path,
    *,
    families: Sequence[str],
    scenes: int,
    most: int,
    seed: int,
    workers: Workers,
) -> Robustness:
    """Perturb the named skills (the best of each task). Writes perturb.json, summary.json.

    Args:
        folder: the run.
        families: of perturbations.
        scenes: for each skill.
        most: skills at most.
        seed: of the scenes.
        workers: processes.
    """
    library, registry = library_of(folder), load_registry()
    named = read_record(folder / Naming.FILE, Naming, library.digest)
    chosen = sorted(named.best().values(), key=lambda s: (-s.low, s.id))[:most]
    if not chosen:
        raise TabletopError(
            "no skill of this library is named for a task, so there is nothing to perturb; discover longer"
        )
    runs = []
    for best in chosen:
        skill = library.skill(best.id)
        for i in range(scenes):
            scene, task, entity = skill_task(registry, best, seed_of(seed, Purpose.PERTURBING_SCENES, i))
            policy = library.policy(skill, entity, task.horizon)
            noise = seed_of(seed, Purpose.PERTURBING_EPISODES, i)
            runs.append(Run(policy, scene, noise, policy.length, task.success, entity, task.name))
    with Engine(workers) as engine:
        curves = sweep(engine, runs, families, label="perturb")
    record = as_record(
        Robustness,
        {
            "policy": "library",
            "library_digest": library.digest,
            "seed": seed,
            "scenes": scenes,
            "tasks": [s.task for s in chosen],
            "skills": [s.id for s in chosen],
            "families": curves,
        },
    )
    write_record(folder / Robustness.FILE, record)
    merge_summary(
        folder,
        "perturb",
        {n: {"magnitudes": c["magnitudes"], "success": c["success"]} for n, c in curves.items()},
    )
    return record


def comparison_stage(folders: Sequence[Path], target: Path) -> Path:
    """Write a page that sets runs side by side; return its path."""
    return write_comparison(folders, target)


def report_stage(folder: Path) -> Path:
    """Write report.html from whatever stages the folder has; return its path."""
    return write_report(folder)
