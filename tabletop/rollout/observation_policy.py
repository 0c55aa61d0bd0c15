"""Policies that are functions of what the gymnasium environment shows, such as a trained network's `predict`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from types import FunctionType
from typing import Any, Final

import numpy as np
from gymnasium import spaces

from tabletop.envs.observe import state_width
from tabletop.envs.task_observer import OBSERVED, TaskObserver, find_task
from tabletop.errors import TabletopError, unknown
from tabletop.logic.task import Task
from tabletop.rollout.main_module import main_is_importable
from tabletop.rollout.policy import Action
from tabletop.sim.action import as_action
from tabletop.sim.scene import Scene
from tabletop.sim.state import State

__all__ = ["TOLD", "ObservationPolicy", "check_observation"]

TOLD: Final = ("deterministic", "state", "episode_start", "rng")
"""What `predict` is given besides the observation, where it has a parameter of that name behind the first."""


def check_observation(observation: str) -> str:
    """Return the name of an observation that a policy can have.

    Raises:
        TabletopError: it is none, or "pixels".
    """
    if observation == "pixels":
        raise TabletopError(
            'a policy sees states and no pictures, got observation "pixels"; there are: ' + ", ".join(OBSERVED)
        )
    if observation not in OBSERVED:
        raise unknown("observation of a policy", observation, OBSERVED)
    return observation


class ObservationPolicy:
    """A policy that gives `predict` what the gymnasium environment would show, bit for bit.

    It is a policy factory too: called with a task and a scene, it returns itself for that task.

    >>> def up(observation):
    ...     return [0.0, 0.0, 1.0, 0.0, -1.0]  # dx, dy, dz, dyaw, grip
    >>> with Engine(workers=0) as engine:
    ...     evaluate(engine, ObservationPolicy(up), load_registry()["lift"], range(20))["success"]
    0.0
    """

    def __init__(
        self,
        predict: Callable[..., Any],
        observation: str = "state",
        *,
        task: str | Task | None = None,
        deterministic: bool = True,
        space: spaces.Space[Any] | None = None,
        nodes: int = 0,
    ) -> None:
        """Wrap a function.

        Args:
            predict: takes an observation and returns an action (5,) in [-1, 1], or a pair (action, state). It is given
                what TOLD names, by keyword, where it takes it: `state` is what it returned a step before, None at
                first; `episode_start` is an array (1,) of bool; `rng` is the episode's generator.
            observation: "state": float32 (state_width(nodes),); "goal": a dict of observation, achieved_goal and
                desired_goal.
            task: the task, or its name, whose environment it is; None: that without a task. A factory's task is the
                one that it is called with, unless it was given here.
            deterministic: what `predict` is given under this name.
            space: of the observations that it was made for, checked against the task's.
            nodes: of ropes and cloths, as the environment's argument.

        Raises:
            TabletopError: `predict` is no function, unknown observation or task, no such goal, or another space.
        """
        self.predict = _function(predict)
        self.observation = check_observation(observation)
        self.task = find_task(task)
        self.deterministic = deterministic
        self.space = space
        self.nodes = nodes
        state_width(nodes)
        self._given = _parameters(predict)
        self._observer: TaskObserver | None = None
        if self.task is not None:
            self._observer = self._observe(self.task)

    def for_task(self, task: Task) -> ObservationPolicy:
        """Return a fresh policy for a task, or for the one that this policy was given.

        Raises:
            TabletopError: the task has no such observation, or one of another shape than the policy was made for.
        """
        own = task if self.task is None else self.task
        return ObservationPolicy(
            self.predict,
            self.observation,
            task=own,
            deterministic=self.deterministic,
            space=self.space,
            nodes=self.nodes,
        )

    def __call__(self, task: Task, scene: Scene) -> ObservationPolicy:
        """Return the policy of one episode, as `for_task` does."""
        return self.for_task(task)

    def reset(self, state: State, scene: Scene, rng: np.random.Generator) -> None:
        """Begin an episode.

        Raises:
            TabletopError: observation "goal" without a task.
        """
        if self._observer is None:
            self._observer = self._observe(None)
        self._observer.begin(state)
        self._rng, self._memory, self._first = rng, None, True

    def act(self, state: State) -> Action:
        """Return what `predict` answers to the observation of a state, float32 (5,).

        Raises:
            TabletopError: no episode was begun, or the answer is not five finite numbers.
        """
        if self._observer is None:
            raise TabletopError("a policy must be reset before it acts")
        given = {
            "deterministic": self.deterministic,
            "state": self._memory,
            "episode_start": np.array([self._first]),
            "rng": self._rng,
        }
        answer = self.predict(self._observer(state), **{name: given[name] for name in self._given})
        pair = isinstance(answer, tuple) and len(answer) == 2
        action, self._memory = answer if pair else (answer, None)
        self._first = False
        return as_action(action)

    def _observe(self, task: Task | None) -> TaskObserver:
        observer = TaskObserver(task, self.observation, nodes=self.nodes)
        if self.space is not None and _shapes(self.space) != _shapes(observer.space):
            what = "no task" if task is None else f"task {task.name!r}"
            raise TabletopError(
                f'the policy was made for observations {_shapes(self.space)}; observation "{self.observation}" of'
                f" {what} is {_shapes(observer.space)}"
            )
        return observer

    def __reduce__(self) -> tuple[Any, ...]:
        """Return how to make it in another process.

        Raises:
            TabletopError: `predict` cannot go there.
        """
        _check_travels(self.predict)
        settings: dict[str, Any] = {"task": self.task, "deterministic": self.deterministic, "space": self.space}
        return partial(ObservationPolicy, nodes=self.nodes, **settings), (self.predict, self.observation)


def _function(value: object) -> Callable[..., Any]:
    if not callable(value):
        what = "predict must be a function of an observation, such as a model's method predict"
        raise TabletopError(f"{what}, got {type(value).__name__}")
    return value


def _parameters(predict: Callable[..., Any]) -> tuple[str, ...]:
    """Return which of TOLD a function takes; its first parameter is the observation, whatever its name."""
    try:
        parameters = list(inspect.signature(predict).parameters.values())[1:]
    except (TypeError, ValueError):  # written in C
        return ()
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return tuple(p.name for p in parameters if p.name in TOLD and p.kind in named)


def _shapes(space: spaces.Space[Any]) -> Mapping[str, tuple[int, ...] | None] | tuple[int, ...] | None:
    if isinstance(space, spaces.Dict):
        return {name: part.shape for name, part in sorted(space.spaces.items())}
    return space.shape


def _check_travels(predict: Callable[..., Any]) -> None:
    """Raise TabletopError where a function cannot be sent to another process."""
    while isinstance(predict, partial):
        predict = predict.func
    owner = type(getattr(predict, "__self__", None))
    if any(c.__module__.startswith("stable_baselines3.") for c in owner.__mro__):
        raise TabletopError(
            f"a model in memory cannot go to worker processes, got {owner.__name__}; save it and give its path to"
            " load_policy_file, or run it with Engine(workers=0)"
        )
    if not isinstance(predict, FunctionType):
        return
    main = predict.__module__ == "__main__" and not main_is_importable()
    if "<" in predict.__qualname__ or main:
        raise TabletopError(
            f"what goes to worker processes must be importable by name, got function {predict.__qualname__!r};"
            " write it at the top of a module, or of a script with if __name__ == '__main__':, or run it with workers=0"
        )
