"""Sweeps of a policy over tasks: the same scenes as an evaluation's, under perturbations of rising magnitude."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tabletop.errors import TabletopError, unknown
from tabletop.logic.task import Task
from tabletop.perturbation.sweep import Curve, Run, sweep
from tabletop.rollout.engine import Engine
from tabletop.rollout.evaluate import PolicyFactory
from tabletop.rollout.policy import Action, Policy
from tabletop.sim.generate import generate
from tabletop.sim.scene import Scene
from tabletop.sim.state import State

__all__ = ["perturb_tasks"]


@dataclass
class _MadeAtReset:
    """A policy that a factory makes anew for each episode, in the process that runs it."""

    make: PolicyFactory
    task: Task
    scene: Scene

    def reset(self, state: State, scene: Scene, rng: np.random.Generator) -> None:
        """Make the policy for the undisturbed scene, as an evaluation does, and begin the episode."""
        self._policy: Policy = self.make(self.task, self.scene)
        self._policy.reset(state, scene, rng)

    def act(self, state: State) -> Action | None:
        """Return the policy's next action."""
        return self._policy.act(state)


def perturb_tasks(
    engine: Engine,
    makers: PolicyFactory | Mapping[str, PolicyFactory],
    tasks: Sequence[Task],
    families: Iterable[str] | None = None,
    scenes: int = 10,
    seed: int = 0,
    *,
    magnitudes: Mapping[str, Sequence[float]] | None = None,
    label: str | None = None,
) -> dict[str, Curve]:
    """Run a policy on the scenes of tasks under every family of perturbations at each of its magnitudes.

    The scenes and the policy's randomness are those of `evaluate` with seeds from `seed` on. So magnitude 0 gives its
    rates, and the result does not depend on the number of workers.

    >>> with Engine() as engine:
    ...     curves = perturb_tasks(engine, scripted, [load_registry()["push"]], ["mass"], scenes=20)
    >>> curves["mass"]["by_task"]["push"]["success"]  # undisturbed first
    [1.0, 1.0, 0.95, 0.85, 0.65]

    Args:
        engine: where the episodes run.
        makers: the policy factory of all tasks, or of each by its name.
        tasks: what to run it on.
        families: names of perturbations; all by default.
        scenes: of each task.
        seed: number of each task's first scene.
        magnitudes: other magnitudes than a family's own, rising from 0.
        label: of the progress bar or line.

    Returns:
        A curve by family, ready for JSON: all tasks together, and each under `by_task`.

    Raises:
        TabletopError: no tasks or scenes, a task without a factory, an unknown family, or unsuitable magnitudes.
    """
    if scenes < 1:
        raise TabletopError(f"perturbing needs at least one scene of each task, got {scenes}")
    runs = []
    for task in tasks:
        make = makers.get(task.name) if isinstance(makers, Mapping) else makers
        if make is None:
            raise unknown("task of these policies", task.name, makers if isinstance(makers, Mapping) else ())
        for number in range(seed, seed + scenes):
            scene = generate(task.scene, number)
            policy = _MadeAtReset(make, task, scene)
            runs.append(Run(policy, scene, number, task.horizon, task.success, task.attends, task.name))
    return sweep(engine, runs, families, magnitudes=magnitudes, label=label)
