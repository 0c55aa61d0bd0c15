"""Success rates of a policy by task: what `tabletop evaluate` measures."""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from tabletop.cli.library_policy import policies_of
from tabletop.errors import TabletopError
from tabletop.logic import Suite, Task, find_suite, load_registry
from tabletop.logic.suite import ALL_SCENES
from tabletop.perturb import Perturbation
from tabletop.progress import track
from tabletop.rollout.engine import Engine, Workers
from tabletop.rollout.evaluate import evaluate
from tabletop.runs.records import Evaluation
from tabletop.runs.store import as_record, write_record

__all__ = ["chosen", "evaluate_tasks", "success_rates"]

_RANGE: Final = 2.0
"""From the smallest to the largest number of an action, -1 to 1."""
_NO_SKILL: Final = {
    "success": 0.0,
    "low": None,
    "high": None,
    "n": 0,
    "median_steps": None,
    "success_once": 0.0,
}
"""The row of a task that no skill is named for."""


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
    rates = success_rates(options.policy, tasks, scenes, noise=options.noise, workers=options.workers)
    result = {"policy": options.policy, "seed": options.seed, "suite": options.suite, "noise": options.noise, **rates}
    record = as_record(Evaluation, result)
    if options.out:
        write_record(Path(options.out), record)
    return record


def success_rates(
    policy: str, tasks: Sequence[Task], scenes: Iterable[int], *, noise: float = 0.0, workers: Workers = None
) -> dict[str, Any]:
    """Return a policy's success by task, and the mean over all of them.

    A task that no skill is named for cannot be done: it counts as not done.

    Args:
        policy: as for `policies_of`.
        tasks: what to run it on.
        scenes: numbers of the scenes of each.
        noise: of actions: sigma as a share of their range, 0 to 1.
        workers: processes, as for Engine.

    Returns:
        "counted": tasks that the "mean" is over; "missing": those of them that have no skill; "tasks": a row for each.
        A row has the fields of `rollout.evaluate.Result`; without a skill n is 0, and low, high are None.

    Raises:
        TabletopError: the noise is out of range, no such policy, or it can do none of the tasks.
    """
    if not (math.isfinite(noise) and 0.0 <= noise <= 1.0):
        raise TabletopError(f"--noise must be a share from 0 to 1 of the actions' range, got {noise:g}")
    disturbance = Perturbation("action-noise", _RANGE * noise) if noise else None
    makers, numbers = policies_of(policy, tasks), list(scenes)
    results: dict[str, dict[str, Any]] = {}
    with Engine(workers) as engine:
        for task in track(tasks, "evaluate", unit="tasks"):
            make = makers.get(task.name)
            results[task.name] = (
                dict(_NO_SKILL)
                if make is None
                else dict(evaluate(engine, make, task, numbers, disturbance=disturbance, label=task.name))
            )
    return {
        "counted": len(results),
        "mean": sum(r["success"] for r in results.values()) / len(results),
        "missing": [t.name for t in tasks if t.name not in makers],
        "tasks": results,
    }
