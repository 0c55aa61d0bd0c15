"""One demonstration: an episode with all that a learner, or whoever runs it again, needs of it."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tabletop.envs.task_observer import state_observer
from tabletop.envs.views import Views
from tabletop.errors import TabletopError
from tabletop.files import LARGE, read_bytes, write_whole
from tabletop.logic.task import Task
from tabletop.rollout.episode import Trajectory, process_world
from tabletop.rollout.evaluate import PolicyFactory, run_task
from tabletop.sim.scene import scene_text
from tabletop.sim.state import State

__all__ = ["Demonstration", "demonstrate", "load_demonstration", "observations_of", "save_demonstration"]


_PICTURE: Final = "picture "
"""What the names of pictures begin with in a file."""


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
    pictures: Mapping[str, npt.NDArray[np.uint8]] = field(default_factory=dict)
    """(T + 1, height, width, 3) RGB, by camera."""

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


def demonstrate(
    task: Task,
    make_policy: PolicyFactory,
    number: int,
    *,
    cameras: Sequence[str] = (),
    size: tuple[int, int] = (96, 96),
) -> Demonstration:
    """Run one episode of a task on its scene of that number, and keep all of it.

    Args:
        task: the task.
        make_policy: makes the policy of the episode.
        number: that the scene is drawn by, and the seed of the policy.
        cameras: that take a picture of each state: "scene", "wrist", "top".
        size: of the pictures: width and height, pixels.

    Raises:
        TabletopError: an unknown camera.
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
        _pictures(run, cameras, size),
    )


def _pictures(run: Trajectory, cameras: Sequence[str], size: tuple[int, int]) -> dict[str, npt.NDArray[np.uint8]]:
    """Return what the environment's cameras would have shown along an episode: its actions are run again."""
    if not cameras:
        return {}
    views = {name: Views(name, size=size) for name in cameras}
    world = process_world()
    world.load(run.scene)
    taken = {name: [view(world)] for name, view in views.items()}
    for action in run.actions.tolist():
        world.step(action)
        for name, view in views.items():
            taken[name].append(view(world))
    return {name: np.stack(pictures) for name, pictures in taken.items()}


def save_demonstration(demo: Demonstration, path: Path) -> None:
    """Write a demonstration as a NumPy archive that appears whole or not at all."""
    kept: dict[str, Any] = {k: np.asarray(v) for k, v in vars(demo).items() if k != "pictures"}
    kept |= {_PICTURE + name: pictures for name, pictures in demo.pictures.items()}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **kept)
    write_whole(path, buffer.getvalue())


def load_demonstration(path: Path) -> Demonstration:
    """Read what `save_demonstration` wrote.

    Raises:
        TabletopError: it is damaged.
    """
    try:
        with np.load(io.BytesIO(read_bytes(path, str(path), LARGE)), allow_pickle=False) as kept:
            found = {k: kept[k] for k in kept.files}
        pictures = {k.removeprefix(_PICTURE): found.pop(k) for k in list(found) if k.startswith(_PICTURE)}
        names = {"task": str(found.pop("task")), "number": int(found.pop("number")), "scene": str(found.pop("scene"))}
        return Demonstration(**names, **found, pictures=pictures)  # type: ignore[arg-type]
    except Exception as error:  # A flipped bit makes zlib, the tokenizer of array headers and others raise their own.
        raise TabletopError(f"cannot read demonstration {str(path)!r}: {error}; remove it") from None
