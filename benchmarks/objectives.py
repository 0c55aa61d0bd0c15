"""What each objective of discovery comes to at an equal budget: same learner, scenes and number of codes, N seeds.

    python benchmarks/objectives.py --minutes 8 --seeds 5

A case is an objective, what it sees, where the gripper starts, and what its codes are: `metra`, or
`metra/observation/nominal`, or `csd/effects/mixed/discrete`. `--cases all` (default) is every objective as it is best
here: on effects, from mixed starts; `--cases published` is DIAYN, METRA and CSD with each sight and each starts. Runs
that are finished are passed over and one that was interrupted goes on, so the same command can be given again. Each
library is measured on held-out episodes from nominal starts, as `tabletop discover` does. The table gives interquartile
means over the seeds with 95 % intervals by the stratified bootstrap (Agarwal et al. 2021); for the share of codes told
apart each kind of effect is a stratum.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from tqdm import tqdm

from tabletop.errors import TabletopError
from tabletop.logic import load_registry
from tabletop.naming import NameSettings, name_skills
from tabletop.paths import write_whole
from tabletop.rollout.engine import Engine
from tabletop.rollout.statistics import iqm, stratified_interval
from tabletop.skills.discover import discover
from tabletop.skills.discover_settings import DiscoverSettings
from tabletop.skills.learner import LearnerSettings
from tabletop.skills.library import Library
from tabletop.skills.measure import measure, sample_effects
from tabletop.skills.objectives import OBJECTIVES

HELD_OUT: Final = 1000
"""Seeds of held-out episodes begin here: they are the same for all cases."""
NAMING: Final = NameSettings(effects=10, trials=6, contenders=2, episodes=24, seed=HELD_OUT)
"""Less thorough than `tabletop name`: there are many runs to name."""
METRICS: Final = ("effective_skills_2cm", "effective_skills_5cm", "coverage_bins_5cm")


@dataclass(frozen=True)
class Case:
    """One kind of discovery."""

    objective: str
    sees: str = "effects"
    starts: str = "mixed"
    latent: str = "sphere"

    @property
    def name(self) -> str:
        """The parts that are not the default's, such as "metra/observation"."""
        parts, usual = [self.objective, self.sees, self.starts, self.latent], ["", "effects", "mixed", "sphere"]
        while parts[-1] == usual[len(parts) - 1]:
            parts.pop()
        return "/".join(parts)

    def settings(self, seed: int) -> DiscoverSettings:
        """Return the settings of a run."""
        learner = LearnerSettings(objective=self.objective, sees=self.sees, latent=self.latent)
        return DiscoverSettings(learner=learner, starts=self.starts, seed=seed)


def cases(text: str) -> list[Case]:
    """Return the cases that `--cases` asks for.

    Raises:
        TabletopError: a name that is not known.
    """
    if text == "all":
        return [Case(name) for name in OBJECTIVES]
    if text == "published":
        names, starts = ("every-state", "metra", "csd"), ("mixed", "nominal")
        return [Case(n, sees, s) for n in names for sees in ("effects", "observation") for s in starts]
    out = []
    for name in text.split(","):
        parts = name.strip().split("/")
        if len(parts) > 4:
            raise TabletopError(f"a case is objective/sees/starts/latent at most, got {name!r}")
        out.append(Case(*parts))
        out[-1].settings(0)  # Refused before anything runs.
    return out


def run(case: Case, seed: int, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Discover, measure and keep one run; what is kept already is read."""
    kept = folder / "result.json"
    budget = {"minutes": None if options.steps else options.minutes, "steps": options.steps}
    if kept.is_file():
        found: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8"))
        if found["budget"] != budget:
            raise TabletopError(f"{str(kept)!r} was made with {found['budget']}, not {budget}; give another --runs")
        return found
    settings = case.settings(seed)
    library = discover(
        folder,
        settings,
        minutes=budget["minutes"],
        steps=budget["steps"],
        workers=options.workers,
        resume=any((folder / name).is_dir() for name in ("checkpoint", "checkpoint.old")),
    )
    result = {"case": case.name, "seed": seed, "budget": budget, **judged(library, options)}
    if options.name:
        with Engine(options.workers) as engine:
            named = name_skills(library, load_registry(), engine, NAMING)
        result["named_tasks"] = len(named["named_tasks"])
        result["named"] = named["named_tasks"]
    write_whole(kept, json.dumps(result, indent=1) + "\n")
    return result


def judged(library: Library, options: argparse.Namespace) -> dict[str, Any]:
    """Return what a library comes to on held-out episodes."""
    with Engine(options.workers) as engine:
        samples = sample_effects(library, engine, options.episodes, HELD_OUT, label="measure")
        (found,) = engine.map(partial(measure, seed=HELD_OUT), [samples], chunk=1)
    return {**found, **{k: library.info[k] for k in ("env_steps", "minutes", "updates")}}


def shares(results: Sequence[dict[str, Any]], at: str) -> list[list[float]]:
    """Return, for each kind of effect, (effective - 1) / (codes - 1) of each seed: 0 for none told apart, 1 for all."""
    kinds = list(results[0]["by_kind"])
    return [[(r["by_kind"][k][at] - 1) / (r["by_kind"][k]["codes"] - 1) for r in results] for k in kinds]


def summary(results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return interquartile means over the seeds of one case, each with its 95 % interval."""
    out: dict[str, Any] = {"seeds": [r["seed"] for r in results]}
    metrics = [*METRICS, *(["named_tasks"] if all("named_tasks" in r for r in results) else [])]
    for metric in metrics:
        scores = [float(r[metric]) for r in results]
        out[metric] = {"iqm": float(iqm(scores)), "interval": stratified_interval([scores], iqm)}
    strata = shares(results, "effective_2cm")
    out["share_told_apart_2cm"] = {
        "iqm": float(iqm(np.concatenate(strata))),
        "interval": stratified_interval(strata, iqm),
    }
    for name in ("env_steps", "updates"):
        out[name] = float(np.mean([r[name] for r in results]))
    return out


def main() -> None:
    """Run what is missing, print the table, write the JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--cases", default="all", help="all, published, or A,B as objective/sees/starts/latent")
    parser.add_argument("--seeds", type=int, default=5, help="runs of each case (default 5)")
    parser.add_argument("--minutes", type=float, default=8.0, help="budget of each run (default 8)")
    parser.add_argument("--steps", type=int, help="budget in control steps instead: the same result each time")
    parser.add_argument("--episodes", type=int, default=24, help="held-out, a skill (default 24)")
    parser.add_argument("--workers", type=int, help="processes (default: one core is left to the learner)")
    parser.add_argument("--name", action="store_true", help="count the tasks that skills are named for, too")
    parser.add_argument("--runs", type=Path, default=Path("runs/objectives"), help="folder of the runs")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/objectives.json"))
    options = parser.parse_args()
    wanted = cases(options.cases)
    if options.seeds < 1:
        raise TabletopError(f"--seeds must be at least 1, got {options.seeds}")
    runs: dict[str, list[dict[str, Any]]] = {case.name: [] for case in wanted}
    # Seed by seed, so that an interrupted benchmark has every case.
    todo = [(case, seed) for seed in range(options.seeds) for case in wanted]
    for case, seed in tqdm(todo, desc="objectives", unit="run"):
        tqdm.write(f"{case.name}, seed {seed}", file=sys.stderr)
        runs[case.name].append(run(case, seed, options.runs / case.name.replace("/", "-") / str(seed), options))
    found = {name: summary(results) for name, results in runs.items()}
    print(f"{'case':32}{'at 2 cm':>22}{'at 5 cm':>22}{'bins of 5 cm':>22}{'steps':>10}")
    for name, row in sorted(found.items(), key=lambda item: -item[1][METRICS[0]]["iqm"]):
        cells = ["{iqm:.1f} [{interval[0]:.1f}, {interval[1]:.1f}]".format(**row[m]) for m in METRICS]
        print(f"{name:32}" + "".join(f"{c:>22}" for c in cells) + f"{row['env_steps']:>10.0f}")
    result = {
        "command": "python benchmarks/objectives.py " + " ".join(sys.argv[1:]),
        "machine": {"system": platform.platform(), "cpus": os.cpu_count(), "python": platform.python_version()},
        "versions": {"torch": torch.__version__, "numpy": np.__version__},
        "budget": {"minutes": None if options.steps else options.minutes, "steps": options.steps},
        "episodes_per_skill": options.episodes,
        "cases": found,
        "runs": runs,
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    write_whole(options.out, json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    try:
        main()
    except TabletopError as error:
        sys.exit(f"objectives: {error}")
    except KeyboardInterrupt:
        sys.exit("objectives: interrupted; the same command goes on")
