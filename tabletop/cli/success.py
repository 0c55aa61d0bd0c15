"""Success rates of a policy by task: what `tabletop evaluate` measures."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import Any

from tabletop.cli.library_policy import policies_of
from tabletop.errors import TabletopError
from tabletop.logic import Suite, Task, find_suite, load_registry
from tabletop.logic.suite import ALL_SCENES
from tabletop.perturb import Perturbation
from tabletop.rollout.engine import Engine
from tabletop.rollout.evaluate import evaluate
from tabletop.runs.records import Evaluation
from tabletop.runs.store import as_record, write_record

__all__ = ["chosen", "evaluate_tasks"]

_RANGE = 2.0
"""From the smallest to the largest number of an action, -1 to 1."""


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
    if options.out and Path(options.out).is_dir():
        raise TabletopError(f"--out takes a file for evaluate, got the folder {options.out!r}")
    if not (math.isfinite(options.noise) and 0.0 <= options.noise <= 1.0):
        raise TabletopError(f"--noise must be a share from 0 to 1 of the actions' range, got {options.noise:g}")
    disturbance = Perturbation("action-noise", _RANGE * options.noise) if options.noise else None
    makers = policies_of(options.policy, tasks)
    results: dict[str, Any] = {}
    with Engine(options.workers) as engine:
        for task in tasks:
            if task.name in makers:
                rates = evaluate(engine, makers[task.name], task, scenes, disturbance=disturbance, label=task.name)
                results[task.name] = dict(rates)
    missing = [t.name for t in tasks if t.name not in results]
    result = {"policy": options.policy, "seed": options.seed, "suite": options.suite, "noise": options.noise}
    # A task that no skill is named for cannot be done: of a suite it counts as not done.
    result["counted"] = len(tasks) if options.suite else len(results)
    result["mean"] = sum(r["success"] for r in results.values()) / result["counted"]
    result["missing"] = missing
    result["tasks"] = results
    record = as_record(Evaluation, result)
    if options.out:
        write_record(Path(options.out), record)
    return record
