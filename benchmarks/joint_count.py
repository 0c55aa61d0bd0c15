"""How many skills libraries have, by the information between code and joint outcome given the start.

    python benchmarks/joint_count.py --libraries default --scenes 24 --runs runs/joint_count

All codes that can attend to a category of entity run in the same scenes. Episodes are kept in --runs, a file a scene,
so that an interrupted benchmark goes on where it was. Two other estimates stand beside the count
(tabletop/metrics/second_opinion.py), and the sum over effects that it replaces, with the factor between them.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from about import about

from tabletop.files import write_whole
from tabletop.metrics.joint_figures import counted, figures, interval
from tabletop.metrics.second_opinion import by_centres, within_scenes
from tabletop.metrics.trials import Trials, run_trials
from tabletop.progress import tell
from tabletop.rollout.engine import Engine
from tabletop.runs.records import Discovery
from tabletop.runs.store import read_record
from tabletop.skills.library import Library, find_library, load_library

CATEGORIES = "block,can,mug,drawer,door,button"


def episodes_of(library: Library, kind: str, scenes: int, seed: int, engine: Engine, folder: Path) -> Trials:
    """Return a category's episodes; those of a scene are in a file of their own, or are run and written to it."""
    found = []
    for number in range(scenes):
        path = folder / f"{kind}-{seed}-{number:03d}.npz"
        if not path.is_file():
            trials = run_trials(library, engine, {kind: 1}, seed, first=number)[0]
            tell(f"{kind}, scene {number + 1} of {scenes}: {trials.episodes} episodes")
            _write(path, trials)
        found.append(_read(path))
    return joined(found)


def _write(path: Path, trials: Trials) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part.npz")
    rows: dict[str, Any] = {f.name: np.asarray(getattr(trials, f.name)) for f in fields(Trials)}
    np.savez_compressed(part, **rows)
    part.replace(path)


def _read(path: Path) -> Trials:
    with np.load(path, allow_pickle=False) as kept:
        found = {f.name: kept[f.name] for f in fields(Trials)}
    lists = {name: tuple(found[name].tolist()) for name in ("codes", "names")}
    words = {name: str(found[name]) for name in ("category", "body_type")}
    return Trials(**{**found, **lists, **words})


def joined(trials: Sequence[Trials]) -> Trials:
    """Return the trials of several scenes of a category as those of all."""
    names = dict(sorted((code, name) for t in trials for code, name in zip(t.codes, t.names, strict=True)))
    rows = [np.searchsorted(list(names), t.codes) for t in trials]
    most = max(t.others.shape[1] for t in trials)
    by_code: dict[str, Any] = {}
    for field in ("ran", "values", "states", "misses", "idle_misses", "turn_misses"):
        blank = np.nan if field.endswith("misses") else 0
        columns = []
        for t, row in zip(trials, rows, strict=True):
            own = getattr(t, field)
            column = np.full((len(names), *own.shape[1:]), blank, dtype=own.dtype)
            column[row] = own
            columns.append(column)
        by_code[field] = np.concatenate(columns, axis=1)
    others = [np.pad(t.others, ((0, 0), (0, most - t.others.shape[1]), (0, 0)), constant_values=np.nan) for t in trials]
    by_scene: dict[str, Any] = {
        f: np.concatenate([getattr(t, f) for t in trials]) for f in ("starts", "start_states", "clutter")
    }
    codes, ids = tuple(names), tuple(names.values())
    return replace(trials[0], codes=codes, names=ids, others=np.concatenate(others), **by_code, **by_scene)


def main() -> None:
    """Run the episodes, count, and write the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--libraries", default="default", help="names or folders, A,B,C (default: default)")
    parser.add_argument("--categories", default=CATEGORIES, help=f"of entity (default {CATEGORIES})")
    parser.add_argument("--scenes", type=int, default=24, help="of each category (default 24)")
    parser.add_argument("--seed", type=int, default=0, help="of the scenes (default 0)")
    parser.add_argument("--runs", type=Path, default=Path("runs/joint_count"), help="folder of the episodes")
    parser.add_argument("--workers", type=int, help="processes (default: one a core; 0: none)")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/joint_count.json"))
    options = parser.parse_args()
    libraries, found = {}, []
    for name in options.libraries.split(","):
        path = find_library(name)
        library = load_library(path)
        folder = options.runs / library.digest[:16]
        with Engine(options.workers) as engine:
            trials = [
                episodes_of(library, kind, options.scenes, options.seed, engine, folder)
                for kind in options.categories.split(",")
            ]
            counts = list(engine.map(partial(counted, seed=options.seed), trials, chunk=1))
            others = list(engine.map(partial(opinions, seed=options.seed), trials, chunk=1))
        found.append([one.fine for one in counts])
        row = figures(counts, options.seed)
        for kind, other in zip(options.categories.split(","), others, strict=True):
            row["categories"][kind] |= other
            tell(f"{name}, {kind}: {row['categories'][kind]}")
        beside = path / Discovery.FILE if (path / Discovery.FILE).is_file() else path.parent / Discovery.FILE
        if beside.is_file():
            row["sum_2cm"] = read_record(beside, Discovery).effective_skills_2cm
            row["sum_over_count"] = round(row["sum_2cm"] / row["skills"], 2)
        libraries[name] = row
        tell(f"{name}: {row['skills']:.2f} ({row['low']:.2f} .. {row['high']:.2f})")
    skills, low, high = (round(v, 3) for v in interval(found, options.seed))
    whole = {"skills": skills, "low": low, "high": high}
    settings = {"scenes": options.scenes, "seed": options.seed}
    result = {**about("pybullet", "numpy"), **settings, "all": whole, "libraries": libraries}
    write_whole(options.out, json.dumps(result, indent=1) + "\n")


def opinions(trials: Trials, seed: int) -> dict[str, float]:
    """Return exp of the two other estimates of a category."""
    alike, most = within_scenes(trials, seed)
    found = {"within_scenes": most, "within_scenes_alike": alike, "by_centres": by_centres(trials, seed)}
    return {name: round(float(np.exp(value)), 3) for name, value in found.items()}


if __name__ == "__main__":
    main()
