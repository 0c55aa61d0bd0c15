"""Libraries of several seeds from nothing: discovered, measured, named, and their names checked on fresh scenes.

    python benchmarks/library.py --seeds 3,4,5 --steps 840000 --runs runs/library

Each stage writes into the run's folder of its seed, as the command of the same name does. One that is there already is
left as it is, so that an interrupted benchmark goes on where it was. The budget is in control steps, and so the same
whatever else the machine does: 840000 are what half an hour gives on two cores.

A name is checked by running the task's skill once more, on scenes that no earlier stage had (split C of another seed).
What is claimed (name.json) minus what is found then should be 0 but for chance.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from about import about

from tabletop.api.stages import discover_stage, measure_stage, name_stage
from tabletop.discovery.config import EFFECT_CODES, looking_for
from tabletop.errors import TabletopError
from tabletop.files import write_whole
from tabletop.logic import load_registry
from tabletop.naming.name import NameSettings, rate_tasks
from tabletop.progress import tell
from tabletop.rollout.engine import Engine, Workers
from tabletop.runs.records import Discovery, Naming
from tabletop.runs.store import read_record, record_data
from tabletop.skills.library import Library, load_library
from tabletop.skills.scenes import effects_of_card

SCENE = "everything"
"""Card of all scenes; the effects looked for are all that it has things for."""
CHECK_SEED = 1_000_003
"""Added to a library's seed for the scenes of the check."""


def learn(folder: Path, seed: int, steps: int, episodes: int, workers: Workers) -> float:
    """Discover and measure, where that is missing; return how many effective skills there are at 2 cm.

    Raises:
        TabletopError: the folder holds a library of another seed or of fewer steps.
    """
    checkpoint = folder / "checkpoint"
    if not (folder / Discovery.FILE).is_file():
        tell(f"seed {seed}: discover")
        discover_stage(
            folder,
            looking_for(effects_of_card(SCENE, EFFECT_CODES), scene=SCENE, seed=seed),
            minutes=None,
            steps=steps,
            workers=workers,
            resume=checkpoint.is_dir() and any(checkpoint.iterdir()),
            measure=False,
        )
        tell(f"seed {seed}: measure")
        measure_stage(folder, load_library(folder / "library"), seed, workers, episodes)
    info = load_library(folder / "library").info
    if info["env_steps"] < steps or info["seed"] != seed:
        raise TabletopError(f"{str(folder)!r} holds another library: remove it, or give another --runs")
    return read_record(folder / Discovery.FILE, Discovery).effective_skills_2cm


def name(folder: Path, seed: int, workers: Workers) -> None:
    """Name the skills, and check the names, where that is missing."""
    library = load_library(folder / "library")
    if not (folder / Naming.FILE).is_file():
        tell(f"seed {seed}: name")
        name_stage(folder, library, NameSettings(seed=seed), workers)
    if not (folder / "check.json").is_file():
        tell(f"seed {seed}: check names")
        found = check(library, read_record(folder / Naming.FILE, Naming), seed, workers)
        write_whole(folder / "check.json", json.dumps(found, indent=1) + "\n")


def check(library: Library, named: Naming, seed: int, workers: Workers) -> dict[str, dict[str, Any]]:
    """Return the success of each task's skill on scenes that no stage had, by task."""
    entries = record_data(named)["skills"]
    settings = NameSettings(seed=seed + CHECK_SEED)
    with Engine(workers) as engine:
        return rate_tasks(library, load_registry(), engine, entries, settings)


def figures(folder: Path) -> dict[str, Any]:
    """Return what a library's files say of it, in short."""
    found, named = read_record(folder / Discovery.FILE, Discovery), read_record(folder / Naming.FILE, Naming)
    again: Mapping[str, Any] = json.loads((folder / "check.json").read_text(encoding="utf-8"))
    counts = ("effective_skills_2cm", "effective_skills_5cm", "bits_2cm", "codes", "episodes", "env_steps", "minutes")
    tasks = {
        task: {
            "skill": s.id,
            "skills": named.tasks[task].skills,
            "success": s.success,
            "low": s.low,
            "high": s.high,
            "n": s.n,
            "baselines": s.baselines,
            "seen": s.seen,
            "fitted": s.fitted,
            "fresh": again[task]["success"],
            "fresh_n": again[task]["n"],
        }
        for task, s in named.best().items()
    }
    return {
        "seed": found.seed,
        **{key: getattr(found, key) for key in counts},
        "joint": None if found.joint is None else asdict(found.joint),
        "baselines": {name: asdict(value) for name, value in found.baselines.items()},
        "named_skills": sum(s.task is not None for s in named.skills),
        "tasks": tasks,
        "mean_success": float(np.mean([t["success"] for t in tasks.values()])) if tasks else None,
        "claimed_minus_fresh": float(np.mean([t["success"] - t["fresh"] for t in tasks.values()])) if tasks else None,
    }


def main() -> None:
    """Run all seeds, and write the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="3,4,5", help="one library each, A,B,C (default 3,4,5)")
    parser.add_argument("--steps", type=int, default=840_000, help="control steps of a discovery (default 840000)")
    parser.add_argument("--episodes", type=int, default=50, help="held-out, a skill (default 50)")
    parser.add_argument("--runs", type=Path, default=Path("runs/library"), help="folder of the runs' folders")
    parser.add_argument("--workers", type=int, help="processes (default: one a core; 0: none)")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/library.json"))
    options = parser.parse_args()
    seeds = [int(word) for word in options.seeds.split(",")]
    folders = {seed: options.runs / str(seed) for seed in seeds}
    counts = {s: learn(f, s, options.steps, options.episodes, options.workers) for s, f in folders.items()}
    ranked = sorted(seeds, key=lambda seed: counts[seed])
    middle = ranked[len(ranked) // 2]
    tell(f"the middle one is seed {middle}")
    for seed in sorted(seeds, key=lambda seed: seed != middle):
        name(folders[seed], seed, options.workers)
    rows = [figures(folder) for folder in folders.values()]
    for row in rows:
        tell(
            f"seed {row['seed']}: {row['effective_skills_2cm']:.1f} effective skills at 2 cm, "
            f"{len(row['tasks'])} tasks named, mean success {row['mean_success']:.3f}, "
            f"claimed minus fresh {row['claimed_minus_fresh']:+.3f}"
        )
    result = {**about("pybullet", "torch", "numpy"), "steps": options.steps, "middle": middle, "seeds": rows}
    write_whole(options.out, json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
