"""`tabletop run`: all stages, one after another, told as they go."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable
from typing import Any

from tabletop.cli import stages
from tabletop.cli.files import read_json
from tabletop.cli.folder import library_of, make_way, new_folder, note
from tabletop.cli.parser import RUN_MINUTES
from tabletop.cli.show import discover_lines, name_lines, perturb_lines, plan_lines, say
from tabletop.errors import TabletopError
from tabletop.naming import NameSettings
from tabletop.skills.discover_settings import looking_for_few
from tabletop.skills.library import find_library, load_library, save_library

__all__ = ["run_everything"]


def run_everything(options: argparse.Namespace) -> None:
    """Run all stages into one folder. A stage that has nothing to work on is passed over with a line."""
    folder = new_folder(options)
    source = find_library(options.library) if options.library else None
    library = load_library(source) if source else None
    make_way(folder, source)
    note(folder, options)
    seed, workers = options.seed, options.workers
    if library is None:
        minutes = None if options.steps else (options.minutes or RUN_MINUTES)
        budget = f"{minutes:g} minutes" if minutes else f"{options.steps} steps"
        _tell(f"1/5 discover: a robot nobody taught plays on random tables for {budget}")
        found = stages.discover_stage(
            folder,
            looking_for_few(seed=seed),
            minutes=minutes,
            steps=options.steps,
            workers=workers,
            resume=False,
            episodes=16,
        )
        library = library_of(folder)
        # What was found in minutes is judged in minutes.
        naming = NameSettings(effects=10, trials=6, contenders=2, episodes=24, seed=seed)
    else:
        _tell(f"1/5 discover: taking the library {options.library!r}; measuring it")
        save_library(library, folder / "library")
        found = stages.measure_stage(folder, library, seed, workers, 30)
        naming = NameSettings(seed=seed)
    _tell("\n".join(discover_lines(folder, found)))
    _tell("2/5 name: which of the hand-written tasks are these?")
    named = stages.name_stage(folder, library, naming, workers)
    _tell("\n".join(name_lines(named)))
    _tell("3/5 plan: goals of two and three steps")
    _try(
        plan_lines,
        lambda: stages.plan_stage(
            folder, policy="library", goals=12, lengths=(2, 3), seed=seed, workers=workers, clips=2
        ),
    )
    _tell("4/5 perturb: the same skills, shoved and delayed")
    _try(
        perturb_lines,
        lambda: stages.perturb_stage(folder, families=stages.FAMILIES, scenes=6, most=5, seed=seed, workers=workers),
    )
    _tell("5/5 report")
    path = stages.report_stage(folder)
    summary = read_json(folder / "summary.json", "tabletop run")
    say(options, summary, [f"report: {path.resolve()}"])


def _try(lines: Callable[[dict[str, Any]], Iterable[str]], stage: Callable[[], dict[str, Any]]) -> None:
    """Run a stage and tell its result; where it has too little to work on, tell that: the report is due anyway."""
    try:
        _tell("\n".join(lines(stage())))
    except TabletopError as error:
        _tell(f"left out: {error}")


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
