"""What a task's environment shows of a state: one observer for the environment and for policies learned in it."""

from __future__ import annotations

from functools import lru_cache
from types import NoneType
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from tabletop.envs.goals import NumberGoal, make_goal
from tabletop.envs.observe import LIMIT, STATE_WIDTH, StateObserver, slots
from tabletop.envs.reward import GoalReward
from tabletop.errors import TabletopError, unknown
from tabletop.logic.task import Registry, Task, load_registry
from tabletop.projects import version
from tabletop.sim.state import Layout, State

__all__ = ["OBSERVED", "TaskObserver", "find_task", "state_observer"]

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


def state_observer(task: Task | None, layout: Layout, without: str | None = None) -> StateObserver:
    """Return what turns states of a layout into observations "state" of a task.

    The first slots are those of the task's attended entity, of what its formula names and of its scene card's entities.

    Args:
        task: None: the scene's entities in their order.
        layout: of the scene.
        without: an entity that is not seen.
    """
    first = () if task is None else (task.attends, *task.success.names, *task.entities)
    return StateObserver(layout, slots(layout, first, without))


class TaskObserver:
    """Turns the states of one episode after another into an environment's observations.

    >>> task = load_registry()["push"]
    >>> observer = TaskObserver(task, "goal")
    >>> with World() as world:
    ...     observer.begin(world.load(generate(task.scene, 0)))
    ...     observer(world.step([0.0, 0.0, -1.0, 0.0, 1.0]))["desired_goal"].shape
    (13,)
    """

    def __init__(self, task: Task | None, observation: str = "state", *, reward: str = "sparse") -> None:
        """Prepare for a task.

        Args:
            task: None for the environment without one.
            observation: one of OBSERVED.
            reward: of the goal.

        Raises:
            TabletopError: unknown observation or reward, or "goal" where the task has none.
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
        self._layout: Layout | None = None

    @property
    def space(self) -> spaces.Space[Any]:
        """The space of the observations."""
        state = spaces.Box(-LIMIT, LIMIT, (STATE_WIDTH,), np.float32)
        if self.goal is None:
            return state
        goal = spaces.Box(-LIMIT, LIMIT, (self.goal.width,), np.float32)
        return spaces.Dict({"observation": state, "achieved_goal": goal, "desired_goal": goal})

    def begin(self, state: State) -> None:
        """Begin an episode with its first state."""
        self._initial = state
        if state.layout != self._layout:
            self._layout = state.layout
            self._see = state_observer(self.task, state.layout, self.goal.mark if self.goal else None)

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
