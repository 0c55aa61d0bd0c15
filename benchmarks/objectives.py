"""What each objective of discovery comes to at an equal budget: same learner, scenes and number of codes, N seeds.

    python benchmarks/objectives.py --cases all,parts --at 0.5,1
    python benchmarks/objectives.py --cases published --name
    python benchmarks/objectives.py --effects usual --cases published --steps 200000 --seeds 1 --name --out FILE

A case is an objective, what it discriminator_input, where the gripper starts, and what its codes are: `metra`, or
`metra/observation/nominal`, or `csd/effects/mixed/discrete`. `--cases all` (default) is every objective as it is best
here: on effects, from mixed starts; `published` is DIAYN, METRA and CSD as published (the whole observation, the
gripper away from everything) and with our effects and starts; `parts` is the default with one of its parts left out
(PARTS). `--effects few` (default) looks for the four effects of `tabletop run`, `usual` for those of
`tabletop discover`. `--at` says at which shares of the budget a run is measured on its way.

Each library is measured on held-out episodes from nominal starts, as `tabletop discover` does. Its baselines differ
little and are measured with the first point of each case only. The file that is written keeps every run: runs that are
in it are not made again and a run that was interrupted goes on. So the same command can be given again, and others with
the same --out add to its table. A run is not measured at a share that it is past. What changes learning needs a new
file: the runs do not say by which code they were made. The table gives interquartile means over the seeds with 95 %
intervals by the stratified bootstrap (Agarwal et al. 2021). Each effect is a stratum of the share of
distinguishable codes.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from about import about

from tabletop.discovery.checkpoint import CHECKPOINTS
from tabletop.discovery.config import USUAL, DiscoverSettings, looking_for, looking_for_few
from tabletop.discovery.learner import LearnerSettings
from tabletop.discovery.objectives import OBJECTIVES
from tabletop.discovery.train import discover
from tabletop.errors import TabletopError
from tabletop.files import write_whole
from tabletop.learn.device import has_bf16
from tabletop.logic import load_registry
from tabletop.metrics.baselines import BASELINES, measure_library
from tabletop.metrics.effective_skills import measure, sample_effects
from tabletop.naming import NameSettings, name_skills
from tabletop.progress import tell, track
from tabletop.rollout.engine import Engine
from tabletop.rollout.statistics import iqm, stratified_interval
from tabletop.skills.library import Library

HELD_OUT: Final = 1000
"""Seeds of held-out episodes begin here: they are the same for all cases."""
NAMING: Final = NameSettings(effects=10, trials=6, contenders=2, episodes=24, seed=HELD_OUT)
"""Less thorough than `tabletop name`: there are many runs to name."""
EFFECTS: Final[Mapping[str, Callable[..., DiscoverSettings]]] = {
    "few": partial(looking_for_few, horizon_multiplier=1),
    "usual": partial(looking_for, USUAL, horizon_multiplier=1),
}
"""What to look for: few effects, as `tabletop run` does, or those that `tabletop discover` looks for. Skills act for as
long as they were learned in."""
METRICS: Final = ("effective_skills_2cm", "effective_skills_5cm", "coverage_bins_5cm")
PARTS: Final[Mapping[str, Callable[[LearnerSettings], LearnerSettings]]] = {
    "wide-bells": lambda s: replace(s, sigma=0.03),
    "without-tail": lambda s: replace(s, tail=0.0),
    "without-slope": lambda s: replace(s, tail=1.0, slope=1e6),
    "without-beyond": lambda s: replace(s, beyond=0.0),
    "without-precision": lambda s: replace(s, reject_weight=0.0),
    "without-hindsight": lambda s: replace(s, hindsight=0.0),
    "half-hindsight": lambda s: replace(s, hindsight=0.5),
    "without-exact-goals": lambda s: replace(s, exact_goals=False),
    "without-mirror": lambda s: replace(s, mirror=False),
    "without-turns": lambda s: replace(s, turn=0.0),
    "without-shifts": lambda s: replace(s, shift=0.0),
    "without-half-turns": lambda s: replace(s, half_turns=False),
    "flat": lambda s: replace(s, flat=True),
    "adapted-temperature": lambda s: replace(s, sac=replace(s.sac, alpha=None)),
    "float32": lambda s: replace(s, sac=replace(s.sac, bf16=False)),
}
"""The default with a part left out or changed: q's channel without noise; no "none of them" in q; commanded codes
only, or half of a batch; hindsight codes in place of exact goals; no mirrored, turned, shifted or half-turned batches;
neighbours one by one; a temperature that keeps an entropy; no bfloat16. Its other parts are objectives and starts."""
SCRIPTED: Final = "scripted-release"
"""The default whose skills are let go by a script: 30 control steps, then the script's 12."""


@dataclass(frozen=True)
class Case:
    """One way to discover."""

    objective: str
    discriminator_input: str = "effects"
    starts: str = "mixed"
    latent: str = "sphere"

    @property
    def name(self) -> str:
        """The parts that are not the default's, such as "metra/observation"."""
        parts, usual = (
            [self.objective, self.discriminator_input, self.starts, self.latent],
            ["", "effects", "mixed", "sphere"],
        )
        while parts[-1] == usual[len(parts) - 1]:
            parts.pop()
        return "/".join(parts)

    def settings(self, seed: int, effects: str) -> DiscoverSettings:
        """Return the settings of a run that looks for `effects`, of EFFECTS."""
        if self.objective == SCRIPTED:
            return EFFECTS[effects](starts=self.starts, seed=seed, release="scripted", horizon=30)
        if self.objective in PARTS:
            learner = PARTS[self.objective](LearnerSettings())
        else:
            learner = LearnerSettings(
                objective=self.objective, discriminator_input=self.discriminator_input, latent=self.latent
            )
        return EFFECTS[effects](learner=learner, starts=self.starts, seed=seed)


def cases(text: str) -> list[Case]:
    """Return the cases that `--cases` asks for.

    Raises:
        TabletopError: a name that is not known.
    """
    ways = (("observation", "nominal"), ("effects", "mixed"))
    groups = {
        "all": [Case(name) for name in OBJECTIVES],
        "published": [Case(name, *way) for name in ("every-state", "metra", "csd") for way in ways],
        "parts": [
            Case("final-state"),
            Case("every-state"),
            Case("final-state-at-end"),
            Case("final-state", starts="nominal"),
            *(Case(name) for name in (*PARTS, SCRIPTED)),
        ],
    }
    out: list[Case] = []
    for name in (n.strip() for n in text.split(",")):
        parts = name.split("/")
        if len(parts) > 4:
            raise TabletopError(f"a case is objective/sees/starts/latent at most, got {name!r}")
        out += groups.get(name) or [Case(*parts)]
        out[-1].settings(0, "few")  # Refused before anything runs.
    return list(dict.fromkeys(out))


def run(case: Case, seed: int, options: argparse.Namespace, runs: list[dict[str, Any]]) -> None:
    """Discover, measuring on the way; points that `runs` has already are not made again."""
    folder: Path = options.runs / f"{options.effects}-{options.steps}" / case.name.replace("/", "-") / str(seed)
    kept = next((r for r in runs if (r["case"], r["seed"]) == (case.name, seed)), None)
    points: list[dict[str, Any]] = kept["points"] if kept else []
    for share in options.at:
        point = next((p for p in points if p["share"] == share), None)
        if point and (not options.name or "named_tasks" in point):
            continue
        if any(p["share"] > share for p in points):
            tell(f"{case.name}, seed {seed}, is past {share:g} of its budget: not measured there")
            continue
        library = discover(
            folder,
            case.settings(seed, options.effects),
            steps=round(share * options.steps),
            workers=options.workers,
            resume=any((folder / name).is_dir() for name in CHECKPOINTS),
        )
        own = [p for r in runs if r["case"] == case.name for p in r["points"] if p is not point]
        found = {"share": share, **measured(library, options, baselines=not any("baselines" in p for p in own))}
        if point:
            points.remove(point)
        if kept is None:
            kept = {"case": case.name, "seed": seed, "points": points}
            runs.append(kept)
        points.append(found)
        write(options, runs)


def measured(library: Library, options: argparse.Namespace, *, baselines: bool) -> dict[str, Any]:
    """Return what a library comes to on held-out episodes, and the tasks it is named for if that is asked."""
    with Engine(options.workers) as engine:
        if baselines:
            found = measure_library(library, engine, options.episodes, HELD_OUT).figures
        else:
            found = measure(sample_effects(library, engine, options.episodes, HELD_OUT, label="measure"), HELD_OUT)
        found |= {k: library.info[k] for k in ("env_steps", "minutes", "updates")}
        if options.name:
            named = name_skills(library, load_registry(), engine, NAMING)
            found |= {"named_tasks": len(named["named_tasks"]), "named": named["named_tasks"]}
    return found


def summary(results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return interquartile means over the seeds of one case at one share of the budget, with 95 % intervals."""
    out: dict[str, Any] = {name: float(np.mean([r[name] for r in results])) for name in ("env_steps", "updates")}
    metrics = [*METRICS, *(["named_tasks"] if all("named_tasks" in r for r in results) else [])]
    for metric in metrics:
        scores = [float(r[metric]) for r in results]
        out[metric] = {"iqm": float(iqm(scores)), "interval": stratified_interval([scores], iqm)}
    told_apart = shares(results, "effective_2cm")
    out["share_told_apart_2cm"] = {
        "iqm": float(iqm(np.concatenate(told_apart))),
        "interval": stratified_interval(told_apart, iqm),
    }
    if baselines := [r["baselines"] for r in results if "baselines" in r]:
        out["baselines"] = {
            n: {k: float(np.mean([f[n][k] for f in baselines])) for k in METRICS[:2]} for n in BASELINES
        }
    return out


def shares(results: Sequence[dict[str, Any]], at: str) -> list[list[float]]:
    """Return, for each effect, (effective - 1) / (codes - 1) of each seed: 0 none distinguishable, 1: all."""
    effects = list(results[0]["by_effect"])
    return [[(r["by_effect"][e][at] - 1) / (r["by_effect"][e]["codes"] - 1) for r in results] for e in effects]


def common(options: argparse.Namespace) -> dict[str, Any]:
    """Return what all runs of a file have in common."""
    return {"effects": options.effects, "steps": options.steps, "episodes_per_skill": options.episodes}


def read(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Return the runs that the file has already.

    Raises:
        TabletopError: they are of another budget.
    """
    if not options.out.is_file():
        return []
    kept = json.loads(options.out.read_text(encoding="utf-8"))
    for name, value in common(options).items():
        if kept.get(name) != value:
            raise TabletopError(
                f"{str(options.out)!r} has runs with {name} {kept.get(name)}, not {value}; give another --out"
            )
    return list(kept["runs"])


def write(options: argparse.Namespace, runs: Sequence[dict[str, Any]]) -> None:
    """Write the file: what the runs have in common, the table, and the runs."""
    result = {
        **about("torch", "numpy"),
        "bf16": has_bf16(),
        **common(options),
        "cases": collected(runs),
        "runs": runs,
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    write_whole(options.out, json.dumps(result, indent=1) + "\n")


def collected(runs: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return, by case, its seeds and the summary of each point."""
    out: dict[str, dict[str, Any]] = {}
    for name in dict.fromkeys(r["case"] for r in runs):
        own = [r for r in runs if r["case"] == name]
        points = {}
        for share in sorted({p["share"] for r in own for p in r["points"]}):
            there = [p for r in own for p in r["points"] if p["share"] == share]
            points[f"{share:g}"] = {"seeds": len(there), **summary(there)}
        out[name] = {"seeds": [r["seed"] for r in own], "points": points}
    return out


def show(found: Mapping[str, Mapping[str, Any]]) -> None:
    """Print the table, the best at the end of the budget first."""
    print(
        f"{'case':30}{'of budget':>10}{'seeds':>6}{'at 2 cm':>22}{'at 5 cm':>22}{'bins':>22}{'named':>20}"
        f"{'baselines':>18}"
    )
    rows = [(name, share, row) for name, case in found.items() for share, row in case["points"].items()]
    for name, share, row in sorted(rows, key=lambda r: (-float(r[1]), -r[2][METRICS[0]]["iqm"])):
        metrics = [row.get(m) for m in (*METRICS, "named_tasks")]
        cell = "{iqm:.1f} [{interval[0]:.1f}, {interval[1]:.1f}]" if row["seeds"] > 1 else "{iqm:.1f}"
        cells = [cell.format(**m) if m else "-" for m in metrics]
        baselines = " ".join(f"{row['baselines'][f][METRICS[0]]:.1f}" for f in BASELINES) if "baselines" in row else "-"
        print(
            f"{name:30}{share:>10}{row['seeds']:>6}"
            + "".join(f"{c:>22}" for c in cells[:3])
            + f"{cells[3]:>20}{baselines:>18}"
        )


def main() -> None:
    """Run what is missing, print the table, write the JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--cases", default="all", help="of all, published, parts and objective/sees/starts/latent (default all)"
    )
    parser.add_argument("--seeds", type=int, default=5, help="runs of each case (default 5)")
    parser.add_argument("--steps", type=int, default=120_000, help="budget of each run, control steps (default 120000)")
    parser.add_argument("--effects", choices=EFFECTS, default="few", help="what to look for (default few)")
    parser.add_argument("--at", default="1", help="shares of the budget to measure at, A,B,C (default 1)")
    parser.add_argument("--episodes", type=int, default=12, help="held-out, a skill (default 12)")
    parser.add_argument("--workers", type=int, help="processes (default: one core is left to the learner)")
    parser.add_argument("--name", action="store_true", help="count the tasks that skills are named for, too")
    parser.add_argument(
        "--runs", type=Path, default=Path("runs/objectives"), help="folder of what goes on after an interruption"
    )
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/objectives.json"))
    options = parser.parse_args()
    wanted = cases(options.cases)
    if options.seeds < 1:
        raise TabletopError(f"--seeds must be at least 1, got {options.seeds}")
    try:
        options.at = sorted({float(share) for share in options.at.split(",")})
    except ValueError:
        raise TabletopError(f"--at takes shares such as 0.1,0.5,1; got {options.at!r}") from None
    if not (options.at and options.at[0] > 0.0 and options.at[-1] <= 1.0):
        raise TabletopError(f"--at takes shares above 0 and up to 1; got {options.at}")
    runs = read(options)
    # Seed by seed, so that an interrupted benchmark has every case.
    todo = [(case, seed) for seed in range(options.seeds) for case in wanted]
    for case, seed in track(todo, "objectives", unit="runs"):
        tell(f"{case.name}, seed {seed}")
        run(case, seed, options, runs)
    show(collected(runs))


if __name__ == "__main__":
    try:
        main()
    except TabletopError as error:
        sys.exit(f"objectives: {error}")
    except KeyboardInterrupt:
        sys.exit("objectives: interrupted; the same command goes on")
