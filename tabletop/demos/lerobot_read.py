"""Reads a LeRobot dataset of format v3.0 and checks that it is one: what the format says that a loader may rely on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

from tabletop.errors import TabletopError
from tabletop.files import parse_json, read_json

__all__ = ["LeRobotData", "read_lerobot"]

_INFO: Final = {
    *("codebase_version", "robot_type", "total_episodes", "total_frames", "total_tasks", "chunks_size", "fps"),
    *("data_files_size_in_mb", "video_files_size_in_mb", "splits", "data_path", "video_path", "features"),
}
_ALWAYS: Final = {
    "timestamp": "float32",
    "frame_index": "int64",
    "episode_index": "int64",
    "index": "int64",
    "task_index": "int64",
}
_EPISODE: Final = {
    *("episode_index", "tasks", "length", "data/chunk_index", "data/file_index", "dataset_from_index"),
    *("dataset_to_index", "meta/episodes/chunk_index", "meta/episodes/file_index"),
}
_STATS: Final = {"min", "max", "mean", "std", "count", "q01", "q10", "q50", "q90", "q99"}
_TOLERANCE: Final = 1e-4  # s, the loader's own for timestamps


@dataclass(frozen=True)
class LeRobotData:
    """A dataset in memory."""

    info: Mapping[str, Any]
    stats: Mapping[str, Mapping[str, Any]]
    tasks: tuple[str, ...]
    """Sentences, by task index."""
    episodes: tuple[Mapping[str, Any], ...]
    """Rows of meta/episodes."""
    frames: Mapping[str, npt.NDArray[Any]]
    """(total_frames, ...) of each feature."""

    def episode(self, number: int) -> dict[str, npt.NDArray[Any]]:
        """Return the frames of an episode, (length, ...) of each feature."""
        row = self.episodes[number]
        return {k: v[row["dataset_from_index"] : row["dataset_to_index"]] for k, v in self.frames.items()}


def read_lerobot(root: Path) -> LeRobotData:
    """Read and check a dataset.

    Raises:
        TabletopError: a file is missing or damaged, or breaks a rule of the format; the message says which.
    """
    try:
        where = f"of the LeRobot dataset {str(root)!r}"
        info, stats = (read_json(root / "meta" / name, f"{name} {where}") for name in ("info.json", "stats.json"))
        tasks = _tasks(pq.read_table(root / "meta/tasks.parquet"))
        rows = [r for p in sorted((root / "meta/episodes").glob("*/*.parquet")) for r in pq.read_table(p).to_pylist()]
        _rule(info.keys() >= _INFO, f"info.json has {', '.join(sorted(_INFO))}", sorted(info))
        _rule(info["codebase_version"] == "v3.0", "codebase_version is v3.0", info["codebase_version"])
        files = dict.fromkeys((r["data/chunk_index"], r["data/file_index"]) for r in rows)
        tables = [pq.read_table(root / info["data_path"].format(chunk_index=c, file_index=f)) for c, f in files]
        frames = _frames(tables, info["features"])
    except (OSError, ValueError, KeyError) as error:
        if isinstance(error, TabletopError):
            raise
        raise TabletopError(f"{str(root)!r} is no LeRobot dataset: {error!r}") from None
    _check_totals(info, stats, tasks, rows, frames)
    for row, start in zip(rows, np.cumsum([0, *(r["length"] for r in rows)])[:-1].tolist(), strict=True):
        _check_episode(row, start, info, tasks, frames)
    return LeRobotData(info, stats, tasks, tuple(rows), frames)


def _rule(holds: object, rule: str, found: object) -> None:
    if not holds:
        raise TabletopError(f"a LeRobot dataset must be such that {rule}, got {found!r}")


def _tasks(table: Any) -> tuple[str, ...]:
    """Return the sentences by index: the index of the pandas frame that the file holds."""
    pandas = parse_json((table.schema.metadata or {}).get(b"pandas", b"{}"), "tasks.parquet")
    (column,) = pandas.get("index_columns") or ["?"]
    _rule(column in table.column_names, "tasks.parquet is a pandas frame with the tasks as its index", column)
    pairs = zip(table["task_index"].to_pylist(), table[column].to_pylist(), strict=True)
    ordered = sorted(pairs)
    _rule([i for i, _ in ordered] == list(range(len(ordered))), "task indices are 0, 1, 2, ...", ordered)
    return tuple(text for _, text in ordered)


def _frames(tables: list[Any], features: Mapping[str, Mapping[str, Any]]) -> dict[str, npt.NDArray[Any]]:
    parts: dict[str, list[npt.NDArray[Any]]] = {k: [] for k in features}
    for name, dtype in _ALWAYS.items():
        described = features.get(name, {})
        _rule((described.get("dtype"), described.get("shape")) == (dtype, [1]), f"{name} is one {dtype}", described)
    for table in tables:
        _rule(set(table.column_names) == set(features), "frames have the features' columns", table.column_names)
        for name, described in features.items():
            if described["dtype"] == "image":
                parts[name].append(_decoded(name, table[name].combine_chunks(), described["shape"]))
                continue
            if len(described["shape"]) == 2:
                parts[name].append(_matrices(name, table[name].combine_chunks(), described))
                continue
            column, (width,) = table[name].combine_chunks(), described["shape"]
            nested = width > 1
            stored = str(column.type.value_type if nested and hasattr(column.type, "value_type") else column.type)
            wanted = _stored(described)
            _rule(stored == wanted, f"{name} is of {wanted}", str(column.type))
            if nested:
                _rule(getattr(column.type, "list_size", -1) == width, f"{name} has {width} numbers", str(column.type))
                parts[name].append(column.flatten().to_numpy(zero_copy_only=False).reshape(-1, width))
            else:
                parts[name].append(column.to_numpy(zero_copy_only=False))
    return {k: np.concatenate(v) for k, v in parts.items()}


def _stored(described: Mapping[str, Any]) -> str:
    """Return what Parquet calls the type of a feature's numbers."""
    return str({"float32": "float", "float64": "double"}.get(described["dtype"], described["dtype"]))


def _matrices(name: str, column: Any, described: Mapping[str, Any]) -> npt.NDArray[Any]:
    """Return the numbers of a column in two dimensions, (n, height, width)."""
    (height, width), wanted = described["shape"], f"list<element: list<element: {_stored(described)}>>"
    _rule(str(column.type) == wanted, f"{name} is of {wanted}", str(column.type))
    rows = column.flatten()
    lengths = {*column.value_lengths().to_pylist()}, {*rows.value_lengths().to_pylist()}
    _rule(lengths in [({height}, {width}), (set(), set())], f"{name} is {height} by {width}", lengths)
    return np.asarray(rows.flatten().to_numpy(zero_copy_only=False)).reshape(-1, height, width)


def _decoded(name: str, column: Any, shape: list[int]) -> npt.NDArray[np.uint8]:
    """Return the pictures of a column, (n, height, width, 3) RGB."""
    _rule(str(column.type) == "struct<bytes: binary, path: string>", f"{name} has bytes and path", str(column.type))
    found = []
    for row in column.to_pylist():
        picture = cv2.imdecode(np.frombuffer(row["bytes"], np.uint8), cv2.IMREAD_COLOR)
        _rule(picture is not None and list(picture.shape) == shape, f"{name} has pictures of {shape}", picture)
        found.append(np.asarray(picture, np.uint8)[..., ::-1])
    return np.stack(found) if found else np.zeros((0, *shape), np.uint8)


def _check_totals(
    info: Mapping[str, Any],
    stats: Mapping[str, Mapping[str, Any]],
    tasks: tuple[str, ...],
    rows: list[dict[str, Any]],
    frames: Mapping[str, npt.NDArray[Any]],
) -> None:
    counted = {"total_episodes": len(rows), "total_frames": len(frames["index"]), "total_tasks": len(tasks)}
    for name, count in counted.items():
        _rule(info[name] == count, f"{name} is {count}, as many as there are", info[name])
    _rule(info["splits"] == {"train": f"0:{len(rows)}"}, "the split is of all episodes", info["splits"])
    _rule(np.array_equal(frames["index"], np.arange(len(frames["index"]))), "index counts all frames", frames["index"])
    _rule(set(stats) == set(info["features"]), "stats.json is of all features", sorted(stats))
    for name, described in info["features"].items():
        _rule(set(stats[name]) >= _STATS, f"stats of {name} are {', '.join(sorted(_STATS))}", sorted(stats[name]))
        for key, value in stats[name].items():
            own = tuple(described["shape"])
            if described["dtype"] == "image":
                own = (described["shape"][-1], 1, 1)
            elif described["names"] == ["height", "width"]:
                own = (1, 1)
            shape = (1,) if key == "count" else own
            _rule(np.shape(value) == shape, f"{key} of {name} is of shape {shape}", np.shape(value))


def _check_episode(
    row: Mapping[str, Any],
    start: int,
    info: Mapping[str, Any],
    tasks: tuple[str, ...],
    frames: Mapping[str, npt.NDArray[Any]],
) -> None:
    _rule(row.keys() >= _EPISODE, f"meta/episodes has {', '.join(sorted(_EPISODE))}", sorted(row))
    number, length = row["episode_index"], row["length"]
    place = row["dataset_from_index"], row["dataset_to_index"]
    _rule(length > 0 and place == (start, start + length), f"episode {number} follows the one before", place)
    own = {k: v[start : start + length] for k, v in frames.items()}
    steps = np.arange(length)
    _rule((own["episode_index"] == number).all(), f"frames of episode {number} say so", own["episode_index"])
    _rule(np.array_equal(own["frame_index"], steps), "frames count from 0", own["frame_index"])
    late = np.abs(own["timestamp"] - steps / info["fps"]).max()
    _rule(late < _TOLERANCE, f"timestamps are frames / {info['fps']}", own["timestamp"])
    named = {tasks[i] for i in np.unique(own["task_index"]).tolist()}
    _rule(named == set(row["tasks"]), f"episode {number} is of the tasks of its frames", row["tasks"])
