"""A suite as one vector of environments, a task each, for learners of many tasks at once."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv, VectorEnv
from gymnasium.wrappers import TimeLimit

from tabletop.envs.env import TabletopEnv
from tabletop.errors import TabletopError, unknown
from tabletop.logic.suite import find_suite
from tabletop.logic.task import Registry, Task, load_registry
from tabletop.schema import is_whole
from tabletop.sim.robot_card import robot_in_use

__all__ = ["TaskId", "make_suite"]

_PROCESSES: Final = ("sync", "async")
_UNLIMITED: Final = -1
_LONGEST: Final = 10**9


class TaskId(gymnasium.ObservationWrapper[Any, npt.NDArray[np.float32], Any]):
    """Appends which of a suite's tasks this is to a state observation, as a one-hot."""

    def __init__(self, env: gymnasium.Env[Any, Any], index: int, count: int) -> None:
        """Append `count` numbers: 0, but 1 at `index`.

        Args:
            env: an environment with observation "state".
            index: of its task in the suite, from 0.
            count: tasks in the suite.

        Raises:
            TabletopError: the observation is no vector of numbers.
        """
        super().__init__(env)
        own = env.observation_space
        if not isinstance(own, spaces.Box) or own.dtype != np.float32:
            raise TabletopError(f'a one-hot task id needs observation "state", got {type(own).__name__} of {own.dtype}')
        self._hot: npt.NDArray[np.float32] = np.eye(count, dtype=np.float32)[index]
        self.observation_space = spaces.Box(
            np.concatenate([own.low, np.zeros(count, np.float32)]),
            np.concatenate([own.high, np.ones(count, np.float32)]),
            dtype=np.float32,
        )

    def observation(self, observation: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return the observation (n,) with the task's id behind it, (n + count,)."""
        return np.concatenate([observation, self._hot])


def _make(
    task: Task, index: int, count: int, one_hot: bool, steps: int | None, settings: dict[str, Any]
) -> gymnasium.Env[Any, Any]:
    own = TabletopEnv(task, **settings)
    env: gymnasium.Env[Any, Any] = TaskId(own, index, count) if one_hot else own
    return env if steps == _UNLIMITED else TimeLimit(env, own.horizon if steps is None else steps)


def make_suite(
    suite: str,
    num_envs: int = 1,
    *,
    task: str | None = None,
    one_hot: bool = False,
    max_episode_steps: int | None = None,
    processes: str = "sync",
    autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
    registry: Registry | None = None,
    **settings: Any,
) -> VectorEnv[Any, Any, Any]:
    """Return a vector of environments, one for each task of a suite, in the suite's order.

    This is what `gymnasium.make_vec("Tabletop/MT10-v0", one_hot=True)` calls. `get_attr("task")` returns the tasks.

    Args:
        suite: "MT10", or "MT1:push".
        num_envs: 1 or the number of tasks: one environment a task; a multiple of it: that many rounds of all.
        task: the task of a suite that is of one, such as MT1.
        one_hot: append a one-hot task id to observation "state".
        max_episode_steps: control steps before truncation; -1: none. By default each task's own horizon.
        processes: "sync": all in this process; "async": one each.
        autoreset_mode: when an environment whose episode has ended is reset: "NextStep", "SameStep", "Disabled".
        registry: of tasks; the package's own by default.
        settings: of TabletopEnv, the same for all.

    Raises:
        TabletopError: unknown suite, task, mode or setting, a number of environments that does not fit, or the
            registry lacks a task of the suite.
    """
    found = find_suite(suite)
    if task is not None:
        found = found.of(task)
    tasks = found.select(load_registry() if registry is None else registry)
    if processes not in _PROCESSES:
        raise unknown("kind of processes", processes, _PROCESSES)
    if max_episode_steps not in {None, _UNLIMITED} and not is_whole(max_episode_steps, 1, _LONGEST):
        raise TabletopError(
            f"max_episode_steps is -1, or a whole number from 1 to {_LONGEST}, got {max_episode_steps!r}"
        )
    try:
        mode = AutoresetMode(autoreset_mode)
    except ValueError:
        raise unknown("autoreset mode", autoreset_mode, [m.value for m in AutoresetMode]) from None
    count = len(tasks)
    if num_envs != 1 and (num_envs < 1 or num_envs % count):
        raise TabletopError(f"suite {found.name!r} needs num_envs to be a multiple of {count}, got {num_envs}")
    if settings.get("observation") == "goal" and count > 1:
        raise TabletopError(
            f'suite {found.name!r} has {count} tasks, and observation "goal" has a size of its own in each'
        )
    settings = {"scenes": found.scenes, **settings}
    if settings.get("robot") is None:  # Processes that are started know nothing of `use_robot` here.
        settings["robot"] = robot_in_use()
    rounds = max(1, num_envs // count)
    makers = [
        partial(_make, each, i, count, one_hot, max_episode_steps, settings) for i, each in enumerate(tasks)
    ] * rounds
    vector = SyncVectorEnv if processes == "sync" else AsyncVectorEnv
    made: VectorEnv[Any, Any, Any] = vector(makers, autoreset_mode=mode)
    return made
