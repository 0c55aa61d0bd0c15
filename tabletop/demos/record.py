"""One demonstration: an episode with all that a learner, or whoever runs it again, needs of it."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tabletop.envs.task_observer import state_observer
from tabletop.errors import TabletopError
from tabletop.logic.task import Task
from tabletop.rollout.evaluate import PolicyFactory, run_task
from tabletop.sim.scene import scene_text
from tabletop.sim.state import State

__all__ = ["Demonstration", "demonstrate", "load_demonstration", "observations_of", "save_demonstration"]


@dataclass(frozen=True)
class Demonstration:
    """An episode of T control steps."""

    task: str
    number: int
    """That the scene was drawn by, and the policy's seed."""
    scene: str
    """As YAML: `sim.scene.read_scene` gives it back, bit for bit."""
    observations: npt.NDArray[np.float32]
    """(T + 1, STATE_WIDTH): the environment's observation "state"."""
    states: npt.NDArray[np.float64]
    """(T + 1, width of the scene's layout): the whole state of the world."""
    actions: npt.NDArray[np.float32]
    """(T, 5)."""
    rewards: npt.NDArray[np.float64]
    """(T,): the task's dense reward of the states that the actions led to."""
    done: npt.NDArray[np.bool_]
    """(T + 1,): whether the task is done."""

    @property
    def success(self) -> bool:
        """Whether the task is done in the last state."""
        return bool(self.done[-1])

    def __len__(self) -> int:
        """Number of control steps."""
        return len(self.actions)


def observations_of(task: Task, state: State) -> npt.NDArray[np.float32]:
    """Return the observations "state" (..., STATE_WIDTH) that the task's environment gives of states (...)."""
    return state_observer(task, state.layout)(state.values)


def demonstrate(task: Task, make_policy: PolicyFactory, number: int) -> Demonstration:
    """Run one episode of a task on its scene of that number, and keep all of it.

    Args:
        task: the task.
        make_policy: makes the policy of the episode.
        number: that the scene is drawn by, and the seed of the policy.
    """
    run = run_task(task, make_policy, number)
    return Demonstration(
        task.name,
        number,
        scene_text(run.scene),
        observations_of(task, run.state),
        run.states,
        run.actions,
        np.asarray(task.success.smooth(run.state, run.initial))[1:],
        task.success.holds(run.state, run.initial),
    )


def save_demonstration(demo: Demonstration, path: Path) -> None:
    """Write a demonstration as a NumPy archive that appears whole or not at all."""
    kept: dict[str, Any] = {k: np.asarray(v) for k, v in vars(demo).items()}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **kept)
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_bytes(buffer.getvalue())
    temporary.replace(path)


def load_demonstration(path: Path) -> Demonstration:
    """Read what `save_demonstration` wrote.

    Raises:
        TabletopError: it is damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as kept:
            found = {k: kept[k] for k in kept.files}
        names = {"task": str(found.pop("task")), "number": int(found.pop("number")), "scene": str(found.pop("scene"))}
        return Demonstration(**names, **found)  # type: ignore[arg-type]
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise TabletopError(f"cannot read demonstration {str(path)!r}: {error}; remove it") from None
