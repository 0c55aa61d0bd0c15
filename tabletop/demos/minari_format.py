"""Demonstrations as Minari datasets, one a task, in Minari's HDF5 format, written with Minari itself.

The folder is a root of Minari's: with MINARI_DATASETS_PATH set to it, Minari's
`load_dataset("tabletop/push/scripted-v0")` loads the dataset, and its `recover_environment()` makes
`Tabletop/Push-v0`. Beside what Minari has in every dataset, `infos` has "state", the world's whole state
(T + 1, width), and "success" (T + 1,); an episode's metadata have "scene", the scene as YAML, and "seed". As Minari
defines it, the environment's `reset(seed=seed)` begins the episode, and its actions then lead through it. What a camera
saw is "pixels_scene" (T + 1, height, width, 3), by the camera's name; "depth_scene", "segmentation_scene",
"intrinsics_scene" and "extrinsics_scene" go likewise. The dataset's metadata have "observation_names", the name of each
number of an observation, as JSON. Those of an episode have, as JSON, which entity each slot is of ("slots"), the name
of each number of "state" ("state_names"), and the table of what a segmentation's numbers are ("segmentation_labels").
"""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any, Final

import gymnasium
import numpy as np
from minari import __version__ as minari_version
from minari.data_collector.episode_buffer import EpisodeBuffer
from minari.dataset.minari_storage import MinariStorage

import tabletop.envs
from tabletop import __version__
from tabletop.demos.record import Demonstration, names_of, robot_of
from tabletop.envs.env import TabletopEnv
from tabletop.envs.observe import state_names
from tabletop.files import write_json
from tabletop.logic.task import Task
from tabletop.sim.robot_card import PANDA

__all__ = ["dataset_id", "write"]

_ROOM: Final = 2**20
"""Bytes for what HDF5 keeps beside the numbers of an episode."""


def dataset_id(task: str, policy: str) -> str:
    """Return the id of a task's dataset: "tabletop/push/scripted-v0"."""
    word = re.sub(r"[^\w]+", "-", policy).strip("-") or "policy"
    return f"tabletop/{task}/{word}-v0"


def write(root: Path, demos: Sequence[Demonstration], tasks: Sequence[Task], policy: str) -> int:
    """Write a dataset for each task that has demonstrations; return the number of steps.

    Args:
        root: an empty folder.
        demos: the demonstrations, taken one after another.
        tasks: those that the demonstrations are of, and perhaps others.
        policy: its name, which is part of the datasets' ids.

    Raises:
        OSError: the disk has no room for the next episode.
        TabletopError: the demonstrations of a task are of more than one robot.
    """
    root = root.resolve()  # Minari doubles a relative one.
    for name in ("tabletop", *(f"tabletop/{t.name}" for t in tasks)):
        (root / name).mkdir(parents=True)
        write_json(root / name / "namespace_metadata.json", {})
    storages: dict[str, Any] = {}
    robots: dict[str, str] = {}
    by_name, steps = {t.name: t for t in tasks}, 0
    for demo in demos:
        _check_room(root, demo)
        robots[demo.task] = robot_of(demo, robots.get(demo.task))
        if demo.task not in storages:
            storages[demo.task] = _begin(root, by_name[demo.task], policy, demo.robot)
        storage = storages[demo.task]
        index = storage.total_episodes
        storage.update_episodes([_buffer(demo)])
        storage.update_episode_metadata([_metadata(demo)], [index])
        steps += len(demo)
    return steps


def _check_room(root: Path, demo: Demonstration) -> None:
    """Check that an episode fits on the disk: HDF5 crashes where one is full."""
    arrays = [v for v in vars(demo).values() if isinstance(v, np.ndarray)]
    needed = _ROOM + 2 * sum(v.nbytes for v in [*arrays, *demo.views.values()])
    if shutil.disk_usage(root).free < needed:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _begin(root: Path, task: Task, policy: str, robot: str) -> Any:
    name = dataset_id(task.name, policy)
    path = root / name
    path.mkdir()
    env = TabletopEnv(task, robot=robot)
    spec = deepcopy(gymnasium.spec(tabletop.envs.environment_id(task.name)))
    if robot != PANDA:  # So that the Panda's datasets keep their bytes.
        spec.kwargs["robot"] = robot
    storage = MinariStorage.new(
        path / "data",
        observation_space=env.observation_space,
        action_space=env.action_space,
        env_spec=spec,
    )
    env.close()
    storage.update_metadata(
        {
            "dataset_id": name,
            "algorithm_name": policy,
            "description": task.description,
            "minari_version": minari_version,
            "observation_names": json.dumps(state_names()),
            "requirements": [f"tabletop=={__version__}"],
        }
    )
    return storage


def _buffer(demo: Demonstration) -> Any:
    ends = np.zeros(len(demo), bool)
    cut = ends.copy()
    cut[-1:] = True  # An episode ends by the clock or by the policy; what is done can come undone.
    return EpisodeBuffer(
        seed=demo.number,  # TabletopEnv.reset takes a seed for the scene's number.
        observations=demo.observations,
        actions=demo.actions,
        rewards=demo.rewards,
        terminations=ends,
        truncations=cut,
        infos={"state": demo.states, "success": demo.done, **{_key(k): v for k, v in demo.views.items()}},
    )


def _key(view: str) -> str:
    """Return what a view is called among the infos: "pixels_wrist" of "wrist/rgb"."""
    camera, _, modality = view.partition("/")
    return f"{'pixels' if modality == 'rgb' else modality}_{camera}"


def _metadata(demo: Demonstration) -> dict[str, Any]:
    rewards = demo.rewards
    figures = {"max": rewards.max(), "min": rewards.min(), "mean": rewards.mean(), "std": rewards.std()}
    figures["sum"] = rewards.sum()
    return {
        "scene": demo.scene,
        "success": demo.success,
        **{name: json.dumps(value) for name, value in names_of(demo).items()},
        **{f"rewards_{k}": float(v) for k, v in figures.items()},
    }
