"""What a plan can do with any policy: an operator for each task, from what came of running the policy on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import numpy as np

from tabletop.errors import TabletopError
from tabletop.logic import Task
from tabletop.naming.candidates import task_kinds
from tabletop.planner import Outcome, SampledOperator
from tabletop.planner.placing import in_hand
from tabletop.rollout.engine import Engine
from tabletop.rollout.evaluate import PolicyFactory, run_task
from tabletop.rollout.policy import Action, Policy
from tabletop.seeds import Purpose, seed_of
from tabletop.sim.cards import load_cards
from tabletop.sim.scene import Scene
from tabletop.sim.state import State
from tabletop.skills.effects import outcome

__all__ = ["bound", "operators_of_tasks", "plannable"]

EPISODES: Final = 20
"""Of each task, from which its operator is made."""


def plannable(task: Task) -> bool:
    """Return whether a task is about one thing that is rigid or has a joint: others are no operators of a plan."""
    types = {load_cards()[kind].body_type for kind in task_kinds(task, task.attends)}
    return task.success.names == (task.attends,) and types <= {"rigid", "joint"}


def bound(task: Task, entity: str) -> Task:
    """Return a task that is about one thing, about an entity of another scene."""
    spec = task.scene["entities"][task.attends]
    return replace(
        task,
        attends=entity,
        success=task.success.rename({task.attends: entity}),
        scene={**task.scene, "entities": {entity: spec}},
    )


@dataclass
class BoundPolicy:
    """A task's policy at work on an entity of any scene."""

    make: PolicyFactory
    task: Task
    entity: str

    def reset(self, state: State, scene: Scene, rng: np.random.Generator) -> None:
        """Begin an episode."""
        self._policy: Policy = self.make(bound(self.task, self.entity), scene)
        self._policy.reset(state, scene, rng)

    def act(self, state: State) -> Action | None:
        """Return the policy's action."""
        return self._policy.act(state)


def operators_of_tasks(
    makers: Mapping[str, PolicyFactory], tasks: Sequence[Task], engine: Engine, seed: int, episodes: int = EPISODES
) -> tuple[SampledOperator, ...]:
    """Run a policy on tasks, and return an operator for each, which is forecast to do what it did.

    The policy acts in scenes of the task's card then, and in any scene when it is planned with. Operators are those of
    `skill_operators`: what came of the episodes, each as likely as the others. One that holds its thing at the end in
    half of them or more comes last in a plan.

    Args:
        makers: the policy's factory by task's name, as `policies_of` gives them.
        tasks: what it is run on; those that are not `plannable` are left out.
        engine: runs the episodes.
        seed: of the scenes.
        episodes: of each task.

    Raises:
        TabletopError: none of the tasks is plannable.
    """
    chosen = [task for task in tasks if task.name in makers and plannable(task)]
    if not chosen:
        names = ", ".join(task.name for task in tasks)
        raise TabletopError(f"a plan needs a task about one thing, such as lift or drawer-open; got {names}")
    out = []
    for task in chosen:
        make = makers[task.name]
        seeds = [seed_of(seed, Purpose.TASK_OPERATORS, i) for i in range(episodes)]
        outcomes = tuple(engine.map(partial(_outcome, task, make), seeds, label=f"plan: what {task.name} does"))
        kinds = task_kinds(task, task.attends)
        last = 2 * sum(o.held for o in outcomes) >= len(outcomes)
        policy = partial(BoundPolicy, make, task)
        out.append(
            SampledOperator(task.name, load_cards()[kinds[0]].body_type, kinds, outcomes, task.horizon, policy, last)
        )
    return tuple(out)


def _outcome(task: Task, make: PolicyFactory, seed: int) -> Outcome:
    run = run_task(task, make, seed)
    found = outcome(run.initial, run.final, task.attends)
    if run.layout.body_type(task.attends) == "joint":
        return Outcome(fraction=float(found[0]))
    dx, dy, dz, yaw = (float(v) for v in found[:4])
    return Outcome((dx, dy, dz), yaw, held=bool(in_hand(run.final, task.attends)))
