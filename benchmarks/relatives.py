"""Our discovery beside its closest relatives, by measures that know nothing of either.

    python benchmarks/relatives.py --steps 120000 --seeds 5 --out benchmarks/results/relatives.json

| --methods | what |
| --- | --- |
| final-state | the discovery that ships |
| goal-conditioned | SAC with hindsight, and goals drawn evenly over what was reached; no discriminator in the reward |
| curious | the same, with effects chosen by learning progress, as CURIOUS does |

Any other objective of `tabletop discover` can be named as well. All have the same learner, networks, effects, numbers
of codes, starts, augmentation, control steps and updates. They differ in reward, in what is asked for, and in how
effects are chosen (docs/objectives.md). --tuning says by how many runs the settings of each were chosen: it is written
beside the figures, as a method that was tuned more has more to show. --learner has other settings of the learner than
the defaults, for all methods of the run. With it a method is tuned, on a seed and targets that no figure is of:

    python benchmarks/relatives.py --methods goal-conditioned --learner goal_tolerance=0.05 --first 10 --seeds 1 \\
        --seed 77 --out tuned.json

Libraries are made seed by seed and measured as benchmarks/neutral.py does, in scenes of a seed that no training has.
What --runs and --out have already is not made again: the same command goes on after an interruption, and with more
seeds it adds to what is there. Differences are of the first method from each other one.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import yaml
from asked import library_at
from neutral import MEASURES, Settings, measures_of, show, side_by_side

from tabletop.discovery.checkpoint import CHECKPOINTS
from tabletop.discovery.config import USUAL, DiscoverSettings, looking_for, looking_for_few
from tabletop.discovery.learner_config import LearnerSettings
from tabletop.discovery.objectives import get_objective
from tabletop.discovery.train import discover
from tabletop.errors import TabletopError
from tabletop.progress import tell
from tabletop.rollout.engine import Workers

__all__ = ["EFFECTS", "METHODS", "learner_of", "made", "tuning_of"]

METHODS: Final = ("final-state", "goal-conditioned", "curious")
EFFECTS: Final[Mapping[str, Callable[..., DiscoverSettings]]] = {
    "few": looking_for_few,
    "usual": partial(looking_for, USUAL),
}
"""What to look for: the effects of `tabletop run`, or those of `tabletop discover`."""
HELD_OUT: Final = 1000
"""Seed of all that is measured."""


def made(folder: Path, settings: DiscoverSettings, steps: int, workers: Workers) -> None:
    """Discover into a folder, or go on where that was left, or leave a library as it is that is done."""
    if (folder / "library").is_dir() and library_at(str(folder)).info["env_steps"] >= steps:
        return
    library_at.cache_clear()
    resume = any((folder / name).is_dir() for name in CHECKPOINTS)
    discover(folder, settings, steps=steps, workers=workers, resume=resume)


def tuning_of(text: str, methods: Sequence[str]) -> dict[str, int | None]:
    """Return the runs by which the settings of each method were chosen; None where that is not said.

    Args:
        text: NAME=RUNS,NAME=RUNS or nothing.
        methods: the names.

    Raises:
        TabletopError: not of that form, or of no method that is run.
    """
    out: dict[str, int | None] = dict.fromkeys(methods)
    for part in filter(None, text.split(",")):
        name, _, runs = part.partition("=")
        if name not in out or not runs.isdecimal():
            raise TabletopError(f"--tuning takes NAME=RUNS,... of {', '.join(methods)}; got {part!r}")
        out[name] = int(runs)
    return out


def learner_of(text: str) -> dict[str, float | bool]:
    """Return settings of the learner.

    Args:
        text: SETTING=VALUE,SETTING=VALUE or nothing. A value is a number, or true or false.

    Raises:
        TabletopError: not of that form, or there is no such setting.
    """
    kinds = {f.name: type(f.default) for f in fields(LearnerSettings) if isinstance(f.default, (int, float))}
    fit: dict[type, tuple[type, ...]] = {bool: (bool,), int: (int,), float: (int, float)}
    out: dict[str, float | bool] = {}
    for part in filter(None, text.split(",")):
        name, _, value = part.partition("=")
        found = yaml.safe_load(value)
        if name not in kinds or type(found) not in fit[kinds[name]]:
            raise TabletopError(f"--learner takes SETTING=VALUE,... of {', '.join(kinds)}; got {part!r}")
        out[name] = found
    return out


def main() -> None:
    """Make the libraries, measure them, print the table and write the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--methods", default=",".join(METHODS), help=f"objectives A,B,C (default {','.join(METHODS)})")
    parser.add_argument("--seeds", type=int, default=5, help="libraries of each (default 5)")
    parser.add_argument("--first", type=int, default=0, help="the first seed (default 0)")
    parser.add_argument("--steps", type=int, default=120_000, help="control steps of each library (default 120000)")
    parser.add_argument("--effects", choices=EFFECTS, default="usual", help="what to look for (default usual)")
    parser.add_argument("--learner", default="", help="SETTING=VALUE,...: of the learner (discovery/learner_config.py)")
    parser.add_argument("--tuning", default="", help="NAME=RUNS,...: runs by which a method's settings were chosen")
    parser.add_argument("--measures", default=",".join(MEASURES), help=f"A,B,C (default {','.join(MEASURES)})")
    defaults = replace(Settings(), seed=HELD_OUT)
    for name, value in asdict(defaults).items():
        parser.add_argument(f"--{name}", type=int, default=value, help=f"of benchmarks/neutral.py (default {value})")
    parser.add_argument("--workers", type=int, help="processes (default: as many as `tabletop discover` has)")
    parser.add_argument("--runs", type=Path, default=Path("runs/relatives"), help="folder of the libraries")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/relatives.json"))
    options = parser.parse_args()
    methods, wanted = options.methods.split(","), measures_of(options.measures)
    for name in methods:
        get_objective(name)  # Refused before anything runs.
    if options.seeds < 1 or options.steps < 1:
        raise TabletopError(f"--seeds and --steps must be at least 1, got {options.seeds} and {options.steps}")
    settings = Settings(**{name: getattr(options, name) for name in asdict(defaults)})
    changed = learner_of(options.learner)
    also: dict[str, Any] = {"steps": options.steps, "effects": options.effects, "learner": changed}
    also["tuning_runs"] = tuning_of(options.tuning, methods)
    root = options.runs / "-".join([options.effects, str(options.steps), *filter(None, [options.learner])])
    groups: dict[str, list[str]] = {name: [] for name in methods}
    table: dict[str, Any] = {}
    for seed in range(options.first, options.first + options.seeds):
        for name in methods:
            tell(f"{name}, seed {seed}")
            folder = root / name / str(seed)
            learner = LearnerSettings(objective=name, **changed)
            made(folder, EFFECTS[options.effects](learner=learner, seed=seed), options.steps, options.workers)
            groups[name].append(str(folder))
        table = side_by_side(groups, wanted, settings, options.out, options.workers, also=also)
    show(table, methods[0])
    for name, runs in also["tuning_runs"].items():
        print(f"{name}: settings chosen by {'a number of runs that is not said' if runs is None else f'{runs} runs'}")


if __name__ == "__main__":
    try:
        main()
    except TabletopError as error:
        sys.exit(f"relatives: {error}")
    except KeyboardInterrupt:
        sys.exit("relatives: interrupted; the same command goes on")
