"""The episodes of a recorded dataset, each with what it takes to run it again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tabletop.errors import TabletopError

__all__ = ["Recorded", "is_dataset", "read_recorded"]

_LEROBOT = Path("meta/info.json")
_MINARI = "main_data.hdf5"


@dataclass(frozen=True)
class Recorded:
    """An episode of a dataset."""

    number: int
    """In its dataset, from 0."""
    task: str
    """Its name in the registry."""
    text: str
    """What the robot was told to do, as the dataset has it."""
    scene: str
    """As YAML."""
    actions: npt.NDArray[np.float32]
    """(T, 5)."""
    success: bool
    """Whether the task was done in its last state."""


def is_dataset(path: Path) -> bool:
    """Return whether a folder holds a dataset of LeRobot's format, or of Minari's at any depth."""
    return (path / _LEROBOT).is_file() or next(path.rglob(_MINARI), None) is not None


def read_recorded(path: Path) -> list[Recorded]:
    """Return the episodes of a dataset, those of each task in order.

    Args:
        path: the folder that `tabletop demos` wrote.

    Raises:
        TabletopError: no dataset, a damaged one, one of somebody else's whose episodes have no scene, or the extra
            demos is not here.
    """
    if not is_dataset(path):
        raise TabletopError(f"{str(path)!r} holds no dataset of Minari's or LeRobot's format")
    try:
        found = list(_lerobot(path) if (path / _LEROBOT).is_file() else _minari(path))
    except ImportError as error:
        raise TabletopError(f"datasets need the extra demos: pip install 'tabletop[demos]' ({error})") from None
    except (KeyError, OSError, ValueError) as error:
        if isinstance(error, TabletopError):
            raise
        raise TabletopError(f"the dataset {str(path)!r} cannot be read: {error!r}") from None
    if not found:
        raise TabletopError(f"the dataset {str(path)!r} has no episodes")
    return found


def _lerobot(path: Path) -> Iterator[Recorded]:
    data = import_module("tabletop.demos.lerobot_read").read_lerobot(path)
    for number, row in enumerate(data.episodes):
        task, scene = _said(row, "task_name", path), _said(row, "scene", path)
        actions = np.asarray(data.episode(number)["action"], dtype=np.float32)
        yield Recorded(number, task, str(row["tasks"][0]), scene, actions, bool(row["success"]))


def _minari(path: Path) -> Iterator[Recorded]:
    storages = import_module("minari.dataset.minari_storage").MinariStorage
    for file in sorted(path.rglob(_MINARI)):
        storage = storages.read(file.parent)
        description = str(storage.metadata.get("description", ""))
        numbers = range(storage.total_episodes)
        for episode, about in zip(storage.get_episodes(numbers), storage.get_episode_metadata(numbers), strict=True):
            scene = _said(about, "scene", path)
            actions = np.asarray(episode["actions"], dtype=np.float32)
            yield Recorded(int(episode["id"]), file.parts[-4], description, scene, actions, bool(about["success"]))


def _said(row: Any, name: str, path: Path) -> str:
    """Return a text that `tabletop demos` writes of each episode.

    Raises:
        TabletopError: it is not there.
    """
    found = row.get(name)
    if found is None:
        raise TabletopError(f"the episodes of {str(path)!r} have no {name}: `tabletop demos` did not write them")
    return found.decode() if isinstance(found, bytes) else str(found)
