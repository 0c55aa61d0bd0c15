"""Success rates of any policy by task, and under perturbations."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from tabletop.api.bounds import check_numbers
from tabletop.api.policies import AnyPolicy, name_of, policies_of
from tabletop.logic import Task
from tabletop.perturbation import Perturbation, perturb_tasks
from tabletop.progress import track
from tabletop.rollout.engine import Engine, Workers
from tabletop.rollout.evaluate import evaluate
from tabletop.runs.records import Evaluation, Robustness
from tabletop.runs.store import as_record

__all__ = ["robustness", "success_rates"]

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


def success_rates(
    policy: AnyPolicy,
    tasks: Sequence[Task],
    scenes: Iterable[int],
    *,
    seed: int,
    suite: str | None = None,
    noise: float = 0.0,
    workers: Workers = None,
) -> Evaluation:
    """Return a policy's success by task, and the mean over all of them.

    A task that no skill is named for cannot be done: it counts as not done.

    Args:
        policy: as for `policies_of`.
        tasks: what to run it on.
        scenes: numbers of the scenes of each.
        seed: that they were drawn with, for the record.
        suite: that the tasks are of, for the record.
        noise: of actions: sigma as a share of their range, 0 to 1.
        workers: processes, as for Engine.

    Returns:
        A row a task, as `rollout.evaluate.Result`; without a skill n is 0, and low, high are None.

    Raises:
        TabletopError: the noise is out of range, no such policy, or it can do none of the tasks.
    """
    check_numbers({"noise": noise})
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
    data = {"policy": name_of(policy), "seed": seed, "suite": suite, "noise": noise, "counted": len(results)}
    mean = sum(r["success"] for r in results.values()) / len(results)
    missing = [t.name for t in tasks if t.name not in makers]
    return as_record(Evaluation, {**data, "mean": mean, "missing": missing, "tasks": results})


def robustness(
    policy: AnyPolicy,
    tasks: Sequence[Task],
    families: Sequence[str] | None = None,
    scenes: int = 10,
    seed: int = 0,
    workers: Workers = None,
) -> Robustness:
    """Return a policy's success under perturbations; see `perturb_tasks`. Tasks without a skill are left out.

    Args:
        policy: as for `policies_of`.
        tasks: what to run it on.
        families: of perturbations; all by default.
        scenes: of each task.
        seed: number of each task's first scene.
        workers: processes, as for Engine.

    Raises:
        TabletopError: no such policy or family, or it can do none of the tasks.
    """
    makers = policies_of(policy, tasks)
    able = [t for t in tasks if t.name in makers]
    with Engine(workers) as engine:
        curves = perturb_tasks(engine, makers, able, families, scenes, seed, label="perturb")
    names = [t.name for t in able]
    missing = [t.name for t in tasks if t.name not in makers]
    data = {"policy": name_of(policy), "seed": seed, "scenes": scenes, "tasks": names, "missing": missing}
    return as_record(Robustness, {**data, "families": curves})
