"""Success rates of a policy by task: what `tabletop evaluate` measures."""

from __future__ import annotations

import argparse
from pathlib import Path

from tabletop.api.success import success_rates
from tabletop.files import check_out
from tabletop.logic import Suite, Task, find_suite, load_registry
from tabletop.logic.suite import ALL_SCENES
from tabletop.runs.records import Evaluation

__all__ = ["chosen", "evaluate_tasks"]


def chosen(options: argparse.Namespace) -> tuple[Suite, tuple[Task, ...]]:
    """Return the tasks that --tasks or --suite ask for, and the suite (of no name where --tasks does).

    Raises:
        TabletopError: an unknown task or suite, or a suite with tasks that the registry lacks.
    """
    registry = load_registry()
    if options.suite is not None:
        suite = find_suite(options.suite)
        return suite, suite.select(registry)
    tasks = registry.select(options.tasks)
    return Suite("", "", tuple(t.name for t in tasks), ALL_SCENES), tasks


def evaluate_tasks(options: argparse.Namespace) -> Evaluation:
    """Run a policy on each task asked for; return its rates, and write them where --out says.

    Raises:
        TabletopError: bad options, a suite with tasks that the registry lacks, or nothing to evaluate.
    """
    suite, tasks = chosen(options)
    scenes = suite.scene_numbers(options.seed, options.episodes)
    if options.out:
        check_out(Path(options.out), "evaluate")
    labels = {"seed": options.seed, "suite": options.suite}
    record = success_rates(options.policy, tasks, scenes, **labels, noise=options.noise, workers=options.workers)
    if options.out:
        record.save(options.out)
    return record
