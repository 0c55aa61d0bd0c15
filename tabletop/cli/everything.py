"""`tabletop run`: all stages, one after another, with a line for each result."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from tabletop.api import stages
from tabletop.api.choices import DEFAULT_FAMILIES
from tabletop.api.clock import FULL, Clock, Effort, speed_of
from tabletop.api.folder import make_way
from tabletop.api.measuring import announcement
from tabletop.cli.folder import new_folder, note
from tabletop.cli.parser import RUN_MINUTES
from tabletop.cli.show import discover_lines, name_lines, perturb_lines, plan_lines, say
from tabletop.discovery.config import looking_for_few
from tabletop.discovery.train import discover
from tabletop.errors import TabletopError
from tabletop.files import read_json
from tabletop.naming import NameSettings
from tabletop.progress import tell
from tabletop.runs.lock import alone_in
from tabletop.runs.records import Record
from tabletop.skills.library import Library, find_library, load_library, save_library

__all__ = ["run_everything"]

R = TypeVar("R", bound=Record)
_GOALS = 12


def run_everything(options: argparse.Namespace) -> None:
    """Run all stages into one folder. A stage that has nothing to work on is passed over with a line.

    With a budget in minutes all stages together keep to it (api/clock.py). With one in steps, or with a library that is
    there, each stage does all that it can.
    """
    folder = new_folder(options)
    source = find_library(options.library) if options.library else None
    given = load_library(source) if source else None
    make_way(folder, source)
    with alone_in(folder):
        _stages(folder, options, given)


def _stages(folder: Path, options: argparse.Namespace, given: Library | None) -> None:
    """Run all stages into a folder that is held; the library is the one that is given, or discovered."""
    note(folder, options)
    seed, workers = options.seed, options.workers
    if given is None:
        clock = None if options.steps else Clock(60 * (options.minutes or RUN_MINUTES))
        library, full = _discovered(folder, options, clock), FULL
    else:
        tell(f"1/5 discover: taking the library {options.library!r}")
        clock = Clock(60 * options.minutes, len(given.skills)) if options.minutes else None
        library, full = given, Effort(measured=30, naming=NameSettings())
        save_library(library, folder / "library")
    effort = clock.measuring() if clock else full
    seconds = clock.pace * clock.codes * effort.held_out if clock else None
    tell(announcement(len(library.skills), effort.measured, effort.baselines, seconds))
    began = time.monotonic()
    found = stages.measure_stage(folder, library, seed, workers, effort.measured, effort.baselines)
    if clock:
        clock.measured(effort, time.monotonic() - began)
    tell("\n".join(discover_lines(folder, found)))
    tell("2/5 name: which of the hand-written tasks are these?")
    effort = clock.naming() if clock else full
    named = stages.name_stage(folder, library, replace(effort.naming, seed=seed), workers, effort.films)
    tell("\n".join(name_lines(named)))
    tell("3/5 plan: goals of two and three steps")
    seconds = clock.planning().planning if clock else None
    planned = _try(
        plan_lines,
        lambda: stages.plan_stage(
            folder,
            policy="library",
            goals=_GOALS,
            lengths=(2, 3),
            seed=seed,
            workers=workers,
            clips=2,
            within=seconds,
        ),
    )
    tell("4/5 perturb: the same skills, pushed and delayed")
    last = clock.perturbing() if clock else full
    perturbed = _try(
        perturb_lines,
        lambda: stages.perturb_stage(
            folder, families=DEFAULT_FAMILIES, scenes=last.scenes, most=last.most, seed=seed, workers=workers
        ),
    )
    if given is None and not (planned and perturbed):
        tell("too little was found for that; `tabletop run --library default` does it with the skills that ship")
    tell("5/5 report")
    path = stages.report_stage(folder)
    summary = read_json(folder / "summary.json", "summary.json")
    say(options, summary, [f"report: {path.resolve()}"])


def _discovered(folder: Path, options: argparse.Namespace, clock: Clock | None) -> Library:
    """Discover, for what the clock leaves or for the steps that are asked for."""
    settings = looking_for_few(seed=options.seed)
    minutes = None
    if clock is not None:
        clock.codes = sum(settings.counts.values())
        clock.pace = speed_of(settings, options.workers)
        minutes = clock.discovery()
    budget = f"{options.steps} steps" if minutes is None else f"{minutes:.1f} minutes"
    tell(f"1/5 discover: a robot nobody taught plays on random tables for {budget}")
    library = discover(folder, settings, minutes=minutes, steps=options.steps, workers=options.workers)
    if clock is not None:
        # What else the machine has to do may have changed since.
        clock.pace = speed_of(settings, options.workers)
    return library


def _try(lines: Callable[[R], Iterable[str]], stage: Callable[[], R]) -> bool:
    """Run a stage and print its result, or why it has too little to work on: the report is due anyway."""
    try:
        tell("\n".join(lines(stage())))
    except TabletopError as error:
        tell(f"left out: {error}")
        return False
    return True
