"""One demonstration: an episode with all that a learner, or whoever runs it again, needs of it."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tabletop.envs.task_observer import slots_of, state_observer
from tabletop.envs.views import Views
from tabletop.errors import TabletopError
from tabletop.files import LARGE, read_bytes, write_whole
from tabletop.logic.task import Task
from tabletop.rollout.episode import Trajectory, process_world
from tabletop.rollout.evaluate import PolicyFactory, run_task
from tabletop.sim.camera import segmentation_labels
from tabletop.sim.scene import read_scene, scene_layout, scene_text
from tabletop.sim.state import State

__all__ = [
    "Demonstration",
    "demonstrate",
    "load_demonstration",
    "names_of",
    "observations_of",
    "robot_of",
    "save_demonstration",
]


_VIEW: Final = "view "
"""What the names of views begin with in a file."""


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
    slots: tuple[str, ...] = ()
    """Which entity each slot of the observations is of, "entity0" first; "": an empty slot."""
    views: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)
    """What cameras saw of each state, (T + 1, ...), by "camera/modality" as envs/views.py has them."""

    @property
    def robot(self) -> str:
        """Name of the robot's card."""
        return read_scene(self.scene).robot.name

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
    modalities: Sequence[str] = ("rgb",),
    size: tuple[int, int] = (96, 96),
) -> Demonstration:
    """Run one episode of a task on its scene of that number, and keep all of it.

    Args:
        task: the task.
        make_policy: makes the policy of the episode.
        number: that the scene is drawn by, and the seed of the policy.
        cameras: that take a picture of each state: "scene", "wrist", "top", or of the task's scene card.
        modalities: what is kept of each camera: some of MODALITIES in envs/views.py.
        size: of the pictures: width and height, pixels.

    Raises:
        TabletopError: an unknown camera or modality.
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
        tuple(name or "" for name in slots_of(task, run.state.layout)),
        _seen(run, Views(cameras, modalities, size, [c.name for c in run.scene.cameras])) if cameras else {},
    )


def names_of(demo: Demonstration) -> dict[str, Any]:
    """Return what a demonstration's numbers are called, as plain values.

    Returns:
        "slots": which entity each slot of the observations is of; "state_names": of each column of the states; and,
        where segmentations were recorded, "segmentation_labels": the table of their numbers, as text.
    """
    scene = read_scene(demo.scene)
    names: dict[str, Any] = {"slots": list(demo.slots), "state_names": list(scene_layout(scene).columns)}
    if any(name.endswith("/segmentation") for name in demo.views):
        names["segmentation_labels"] = {str(k): v for k, v in segmentation_labels(scene.names).items()}
    return names


def robot_of(demo: Demonstration, others: str | None = None) -> str:
    """Return the robot of a demonstration.

    Args:
        demo: the demonstration.
        others: the robot of those that it goes with.

    Raises:
        TabletopError: it is another one.
    """
    if others is not None and demo.robot != others:
        raise TabletopError(
            f"demonstrations of one dataset must be of one robot, got {others!r}, and {demo.robot!r} for task "
            f"{demo.task!r}, scene {demo.number}"
        )
    return demo.robot


def _seen(run: Trajectory, views: Views) -> dict[str, npt.NDArray[Any]]:
    """Return what the environment's cameras would have shown along an episode: its actions are run again."""
    world = process_world()
    world.load(run.scene)
    taken = [views.all(world)]
    for action in run.actions.tolist():
        world.step(action)
        taken.append(views.all(world))
    return {name: np.stack([every[name] for every in taken]) for name in taken[0]}


def save_demonstration(demo: Demonstration, path: Path) -> None:
    """Write a demonstration as a NumPy archive that appears whole or not at all."""
    kept: dict[str, Any] = {k: np.asarray(v) for k, v in vars(demo).items() if k != "views"}
    kept |= {_VIEW + name: seen for name, seen in demo.views.items()}
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
        views = {k.removeprefix(_VIEW): found.pop(k) for k in list(found) if k.startswith(_VIEW)}
        slots = tuple(found.pop("slots").tolist())
        names = {"task": str(found.pop("task")), "number": int(found.pop("number")), "scene": str(found.pop("scene"))}
        return Demonstration(**names, **found, slots=slots, views=views)  # type: ignore[arg-type]
    except Exception as error:  # A flipped bit makes zlib, the tokenizer of array headers and others raise their own.
        raise TabletopError(f"cannot read demonstration {str(path)!r}: {error}; remove it") from None
