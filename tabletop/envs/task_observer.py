"""What a task's environment shows of a state: one observer for the environment and for policies learned in it."""

from __future__ import annotations

from functools import lru_cache
from types import NoneType
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from tabletop.envs.goals import NumberGoal, make_goal
from tabletop.envs.observe import LIMIT, StateObserver, slots, state_width
from tabletop.envs.reward import GoalReward
from tabletop.errors import TabletopError, unknown
from tabletop.logic.task import Registry, Task, load_registry
from tabletop.projects import version
from tabletop.sim.state import Layout, State

__all__ = ["OBSERVED", "TaskObserver", "find_task", "slots_of", "state_observer"]

OBSERVED: Final = ("state", "goal")
"""The observations that a state alone gives; a picture needs the world."""


@lru_cache(maxsize=1)
def _registry(_: int) -> Registry:
    return load_registry()


def find_task(task: str | Task | None) -> Task | None:
    """Return the task of a name; a task, or None, as it is.

    Raises:
        TabletopError: no such task.
    """
    if not isinstance(task, (str, Task, NoneType)):
        raise TabletopError(f"a task must be a Task, or the name of one, got {task!r}")
    return _registry(version())[task] if isinstance(task, str) else task


def slots_of(task: Task | None, layout: Layout, without: str | None = None) -> tuple[str | None, ...]:
    """Return which entity is in which slot of an observation "state" of a task; None: an empty slot.

    The first slots are those of the task's attended entity, of what its formula names and of its scene card's entities.

    Args:
        task: None: the scene's entities in their order.
        layout: of the scene.
        without: an entity that is not seen.
    """
    first = () if task is None else (task.attends, *task.success.names, *task.entities)
    return slots(layout, first, without)


def state_observer(task: Task | None, layout: Layout, without: str | None = None, nodes: int = 0) -> StateObserver:
    """Return what turns states of a layout into observations "state" of a task, with so many nodes a slot.

    The other arguments are those of `slots_of`.
    """
    return StateObserver(layout, slots_of(task, layout, without), nodes)


class TaskObserver:
    """Turns the states of one episode after another into an environment's observations.

    >>> task = load_registry()["push"]
    >>> observer = TaskObserver(task, "goal")
    >>> with World() as world:
    ...     observer.begin(world.load(generate(task.scene, 0)))
    ...     observer(world.step([0.0, 0.0, -1.0, 0.0, 1.0]))["desired_goal"].shape
    (13,)
    """

    def __init__(
        self, task: Task | None, observation: str = "state", *, reward: str = "sparse", nodes: int = 0
    ) -> None:
        """Prepare for a task.

        Args:
            task: None for the environment without one.
            observation: one of OBSERVED.
            reward: of the goal.
            nodes: of ropes and cloths that each slot shows.

        Raises:
            TabletopError: unknown observation or reward, nodes out of range, or "goal" where the task has none.
        """
        if observation not in OBSERVED:
            raise unknown("observation of a state", observation, OBSERVED)
        self.task = task
        self.goal: GoalReward | NumberGoal | None = None
        """The task's goal and its reward, with observation "goal" only."""
        if observation == "goal":
            if task is None:
                raise TabletopError('observation "goal" needs a task, got none')
            self.goal = make_goal(task, reward)
        self.nodes, self._width = nodes, state_width(nodes)
        self._layout: Layout | None = None

    @property
    def slots(self) -> tuple[str | None, ...]:
        """Which entity is in which slot of the episode that was begun; None: an empty slot."""
        if self._layout is None:
            raise TabletopError("no episode has begun")
        return slots_of(self.task, self._layout, self.goal.mark if self.goal else None)

    @property
    def space(self) -> spaces.Space[Any]:
        """The space of the observations."""
        state = spaces.Box(-LIMIT, LIMIT, (self._width,), np.float32)
        if self.goal is None:
            return state
        goal = spaces.Box(-LIMIT, LIMIT, (self.goal.width,), np.float32)
        return spaces.Dict({"observation": state, "achieved_goal": goal, "desired_goal": goal})

    def begin(self, state: State) -> None:
        """Begin an episode with its first state."""
        self._initial = state
        if state.layout != self._layout:
            self._layout = state.layout
            self._see = state_observer(self.task, state.layout, self.goal.mark if self.goal else None, self.nodes)

    def __call__(self, state: State) -> npt.NDArray[np.float32] | dict[str, npt.NDArray[np.float32]]:
        """Return the observation of a state of the episode that was begun, as `space` says."""
        seen = self._see(state.values)
        if self.goal is None:
            return seen
        return {
            "observation": seen,
            "achieved_goal": self.goal.achieved(state, self._initial),
            "desired_goal": self.goal.desired(state),
        }
