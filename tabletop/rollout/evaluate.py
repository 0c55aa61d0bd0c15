"""Success rates: a policy on the scenes of a task, with an interval."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Final, TypedDict

import numpy as np

from tabletop.control.scripted import load_scripted_policy
from tabletop.errors import TabletopError
from tabletop.logic.task import Task
from tabletop.rollout.engine import Engine
from tabletop.rollout.episode import Disturbance, Trajectory, episode
from tabletop.rollout.policy import Exploration, Nothing, Policy, Random
from tabletop.rollout.statistics import wilson
from tabletop.sim.generate import generate
from tabletop.sim.scene import Scene

__all__ = [
    "BUILTIN_POLICIES",
    "PolicyFactory",
    "Result",
    "evaluate",
    "exploration",
    "nothing",
    "random",
    "run_task",
    "scripted",
    "success_of",
]

PolicyFactory = Callable[[Task, Scene], Policy]
"""Makes the policy of one episode. It and what it holds cross process borders, so they must pickle."""


class Result(TypedDict):
    """Of one policy on one task."""

    success: float
    """Share of episodes in whose last state the task is done."""
    low: float
    high: float
    """95 % Wilson interval of `success`."""
    n: int
    median_steps: float | None
    """Control steps to the first success, median over the episodes that had one; None where none had."""
    success_once: float
    """Share of episodes in which the task was done at any step after the first state."""


def scripted(task: Task, scene: Scene) -> Policy:
    """Return the task's scripted policy."""
    return load_scripted_policy(task)


def random(task: Task, scene: Scene) -> Policy:
    """Return uniform random actions: white noise."""
    return Random()


def exploration(task: Task, scene: Scene) -> Policy:
    """Return random actions that are correlated in time."""
    return Exploration()


def nothing(task: Task, scene: Scene) -> Policy:
    """Return the policy that stands still."""
    return Nothing()


BUILTIN_POLICIES: Final[Mapping[str, PolicyFactory]] = {
    "scripted": scripted,
    "random": random,
    "exploration": exploration,
    "nothing": nothing,
}
"""The policies that need no library, by name."""


def success_of(task: Task, trajectory: Trajectory) -> tuple[bool, int | None]:
    """Return whether the task is done in the last state, and after how many steps it first was (None: never).

    The first state does not count for the latter unless it is the only one.
    """
    done = task.success.holds(trajectory.state, trajectory.initial)
    when = np.flatnonzero(done[1:])
    return bool(done[-1]), int(when[0]) + 1 if len(when) else (0 if done[-1] else None)


def run_task(
    task: Task,
    make_policy: PolicyFactory,
    seed: int,
    *,
    horizon: int | None = None,
    disturbance: Disturbance | None = None,
) -> Trajectory:
    """Run one episode of a task on its scene of that seed.

    Args:
        task: the task.
        make_policy: makes the policy of the episode.
        seed: number that the scene is drawn by, and seed of the randomness of policy and disturbance.
        horizon: control steps at most; the task's by default.
        disturbance: done to the episode.

    Raises:
        TabletopError: the scene cannot be drawn, or see `episode`.
    """
    scene = generate(task.scene, seed)
    return episode(
        make_policy(task, scene), scene, seed, task.horizon if horizon is None else horizon, disturbance=disturbance
    )


def _one(
    task: Task, make_policy: PolicyFactory, horizon: int | None, disturbance: Disturbance | None, seed: int
) -> tuple[bool, int | None]:
    return success_of(task, run_task(task, make_policy, seed, horizon=horizon, disturbance=disturbance))


def evaluate(
    engine: Engine,
    make_policy: PolicyFactory,
    task: Task,
    seeds: Iterable[int],
    *,
    horizon: int | None = None,
    disturbance: Disturbance | None = None,
    label: str | None = None,
) -> Result:
    """Run a policy once on the scene of each seed. The result does not depend on the number of workers.

    Args:
        engine: where the episodes run.
        make_policy: importable by name (or a partial of such); called once an episode.
        task: what counts as success, and where; success counts in the last state, after the policy has
            finished or the horizon is reached.
        seeds: of the scenes and of the policy's randomness.
        horizon: control steps; the task's by default.
        disturbance: done to every episode.
        label: of the progress bar or line.

    Raises:
        TabletopError: no seeds.
    """
    jobs = list(seeds)
    if not jobs:
        raise TabletopError("evaluation needs at least one seed, got none")
    one = partial(_one, task, make_policy, horizon, disturbance)
    outcomes = list(engine.map(one, jobs, label=label))
    successes = sum(done for done, _ in outcomes)
    steps = [when for _, when in outcomes if when is not None]
    low, high = wilson(successes, len(jobs))
    return Result(
        success=successes / len(jobs),
        low=low,
        high=high,
        n=len(jobs),
        median_steps=float(np.median(steps)) if steps else None,
        success_once=len(steps) / len(jobs),
    )
