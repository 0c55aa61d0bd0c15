"""How many skills libraries have, by the information between code and joint outcome given the start.

    python benchmarks/joint_count.py --libraries default --scenes 24 --runs runs/joint_count

All codes that can attend to a category of entity run in the same scenes. Episodes are kept in --runs, a file a
category, so that an interrupted benchmark goes on where it was.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path

import numpy as np

from tabletop.metrics.trials import Trials, run_trials
from tabletop.progress import tell
from tabletop.rollout.engine import Engine
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
    np.savez_compressed(part, **{f.name: np.asarray(getattr(trials, f.name)) for f in fields(Trials)})
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
    by_code = {}
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
    by_scene = {f: np.concatenate([getattr(t, f) for t in trials]) for f in ("starts", "start_states", "clutter")}
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
    options = parser.parse_args()
    for name in options.libraries.split(","):
        library = load_library(find_library(name))
        with Engine(options.workers) as engine:
            for kind in options.categories.split(","):
                folder = options.runs / library.digest[:16]
                episodes_of(library, kind, options.scenes, options.seed, engine, folder)


if __name__ == "__main__":
    main()
