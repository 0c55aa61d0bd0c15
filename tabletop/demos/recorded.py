"""The episodes of a recorded dataset: what was recorded and, of our own, what it takes to run them again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tabletop.errors import TabletopError

__all__ = ["Column", "Recorded", "Watched", "is_dataset", "read_recorded"]

_LEROBOT = Path("meta/info.json")
_MINARI = "main_data.hdf5"
_COUNTS: Final = ("timestamp", "frame_index", "episode_index", "index", "task_index")
_FPS: Final = 10.0
"""Frames a second where a dataset does not say."""


@dataclass(frozen=True)
class Column:
    """Numbers that were recorded of each frame."""

    names: tuple[str, ...]
    """Of the numbers, (n,)."""
    values: npt.NDArray[np.float64]
    """(T, n)."""


@dataclass(frozen=True)
class Watched:
    """What was recorded of an episode."""

    actions: npt.NDArray[np.float32]
    """(T, n)."""
    numbers: Mapping[str, Column]
    """Such as "action", "observation", "reward"."""
    pictures: Mapping[str, Iterable[npt.NDArray[np.uint8]]]
    """By camera, (height, width, 3) RGB each. They may be read as they are asked for, and once only."""


@dataclass(frozen=True)
class Recorded:
    """An episode of a dataset."""

    number: int
    """In its dataset, from 0."""
    task: str
    """Its name in the registry; of somebody else's dataset, what that calls it."""
    text: str
    """What the robot was told to do, as the dataset has it."""
    scene: str | None
    """As YAML; None in somebody else's dataset."""
    success: bool | None
    """Whether the task was done in its last state; None where the dataset does not say."""
    watch: Callable[[], Watched]
    """Returns what was recorded, read anew."""
    fps: float = _FPS
    """Frames a second."""

    @property
    def actions(self) -> npt.NDArray[np.float32]:
        """The actions (T, n); those of our own episodes are (T, 5)."""
        return self.watch().actions


def is_dataset(path: Path) -> bool:
    """Return whether a folder holds a dataset of LeRobot's format, or of Minari's at any depth."""
    return (path / _LEROBOT).is_file() or next(path.rglob(_MINARI), None) is not None


def read_recorded(path: Path) -> list[Recorded]:
    """Return the episodes of a dataset, those of each task in order.

    Args:
        path: the folder that `tabletop demos` wrote, or somebody else's.

    Raises:
        TabletopError: no dataset, a damaged one, or the extra demos is not here.
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
    ended = data.frames.get("next.success")
    for number, row in enumerate(data.episodes):
        success = row.get("success")
        if success is None and ended is not None:
            success = ended[row["dataset_to_index"] - 1]
        text = str(row["tasks"][0])
        watch = partial(_watched_lerobot, data, number)
        done = None if success is None else bool(np.all(success))
        yield Recorded(number, row.get("task_name") or text, text, row.get("scene"), done, watch, data.info["fps"])


def _watched_lerobot(data: Any, number: int) -> Watched:
    features, found = data.info["features"], data.numbers(number)
    numbers = {k: _column(v, features[k].get("names")) for k, v in found.items() if k not in _COUNTS and _plain(v)}
    pictures = {camera: data.pictures(number, camera) for camera in data.cameras}
    return Watched(_actions(found.get("action")), numbers, pictures)


def _minari(path: Path) -> Iterator[Recorded]:
    storages = import_module("minari.dataset.minari_storage").MinariStorage
    for file in sorted(path.rglob(_MINARI)):
        storage = storages.read(file.parent)
        about, numbers = storage.metadata, range(storage.total_episodes)
        ended = _successes(file, numbers)
        for number, row in zip(numbers, storage.get_episode_metadata(numbers), strict=True):
            scene = row.get("scene")
            task = file.parts[-4] if scene is not None else str(about.get("dataset_id", file.parts[-3]))
            success = row["success"] if "success" in row else ended[number]
            yield Recorded(
                number,
                task,
                str(about.get("description", "")),
                scene.decode() if isinstance(scene, bytes) else scene,
                None if success is None else bool(success),
                partial(_watched_minari, storage, number),
            )


def _successes(file: Path, numbers: Iterable[int]) -> list[bool | None]:
    """Return what the last `infos` of each episode say; they are read without the rest of it."""
    with import_module("h5py").File(file, "r") as opened:
        found = [opened.get(f"episode_{number}/infos/success") for number in numbers]
        return [None if each is None or not each.shape else bool(each[-1]) for each in found]


def _watched_minari(storage: Any, number: int) -> Watched:
    (episode,) = storage.get_episodes([number])
    numbers, pictures = {}, {}
    parts = {
        "action": episode["actions"],
        "observation": episode["observations"],
        "reward": episode["rewards"],
        "info": {k: v for k, v in (episode.get("infos") or {}).items() if k.startswith("pixels")},
    }
    for name, value in _flat(parts, ""):
        if value.ndim == 4 and value.shape[-1] == 3 and value.dtype == np.uint8:
            pictures[name] = value
        elif _plain(value):
            numbers[name] = _column(value, None)
    return Watched(_actions(episode["actions"]), numbers, pictures)


def _flat(value: Any, name: str) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    """Yield the arrays in nested dictionaries and tuples, with names such as "observation.achieved_goal"."""
    if isinstance(value, Mapping | tuple):
        for key, part in value.items() if isinstance(value, Mapping) else enumerate(value):
            yield from _flat(part, f"{name}.{key}" if name else str(key))
    else:
        yield name, np.asarray(value)


def _plain(values: npt.NDArray[Any]) -> bool:
    """Return whether they are some numbers of each frame."""
    return values.ndim in (1, 2) and (np.issubdtype(values.dtype, np.number) or values.dtype == bool)


def _column(values: npt.NDArray[Any], names: Any) -> Column:
    table = values.reshape(len(values), -1).astype(float)
    if isinstance(names, Mapping):  # Such as {"motors": [...]}.
        names = next(iter(names.values()), None)
    known = isinstance(names, list) and len(names) == table.shape[1]
    return Column(tuple(map(str, names if known else range(table.shape[1]))), table)


def _actions(values: Any) -> npt.NDArray[np.float32]:
    found = np.zeros((0, 0)) if values is None or isinstance(values, dict | tuple) else np.asarray(values)
    return found.reshape(len(found), -1).astype(np.float32)
