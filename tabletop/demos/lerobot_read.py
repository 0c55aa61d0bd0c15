"""Reads a LeRobot dataset of format v3.0, whoever wrote it, and checks what the format says that one may rely on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
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
_STATS: Final = {"min", "max", "mean", "std", "count"}
_PICTURES: Final = ("image", "video")
_TOLERANCE: Final = 1e-4  # s, the loader's own for timestamps


@dataclass(frozen=True)
class LeRobotData:
    """A dataset: its numbers in memory, its pictures on disk."""

    root: Path
    info: Mapping[str, Any]
    stats: Mapping[str, Mapping[str, Any]]
    tasks: tuple[str, ...]
    """Sentences, by task index."""
    episodes: tuple[Mapping[str, Any], ...]
    """Rows of meta/episodes."""
    frames: Mapping[str, npt.NDArray[Any]]
    """(total_frames, ...) of each feature that is no picture."""

    @property
    def cameras(self) -> tuple[str, ...]:
        """The features that are pictures."""
        return tuple(k for k, v in self.info["features"].items() if v["dtype"] in _PICTURES)

    def numbers(self, number: int) -> dict[str, npt.NDArray[Any]]:
        """Return the frames of an episode, (length, ...) of each feature that is no picture."""
        row = self.episodes[number]
        return {k: v[row["dataset_from_index"] : row["dataset_to_index"]] for k, v in self.frames.items()}

    def pictures(self, number: int, camera: str) -> Iterator[npt.NDArray[np.uint8]]:
        """Yield what a camera saw in an episode, length times (height, width, 3) RGB.

        Raises:
            TabletopError: a file is missing or damaged, or it is a video and the extra view is not here.
        """
        row, described = self.episodes[number], self.info["features"][camera]
        try:
            if described["dtype"] == "video":
                place = {k: row[f"videos/{camera}/{k}"] for k in ("chunk_index", "file_index")}
                path = self.root / str(self.info["video_path"]).format(video_key=camera, **place)
                start = float(row[f"videos/{camera}/from_timestamp"])
                yield from _of_video(path, start, row["length"], float(self.info["fps"]))
                return
            path = _data_file(self.root, self.info, row["data/chunk_index"], row["data/file_index"])
            table = pq.read_table(path, columns=[camera], filters=[("episode_index", "==", row["episode_index"])])
            yield from _of_images(camera, table[camera].combine_chunks(), described["shape"])
        except (OSError, ValueError, KeyError) as error:
            if isinstance(error, TabletopError):
                raise
            raise TabletopError(f"{camera} of episode {number} of {str(self.root)!r} cannot be read: {error}") from None

    def episode(self, number: int) -> dict[str, npt.NDArray[Any]]:
        """Return the frames of an episode, (length, ...) of each feature, pictures among them.

        Raises:
            TabletopError: as `pictures`.
        """
        return {**self.numbers(number), **{k: np.stack([*self.pictures(number, k)]) for k in self.cameras}}


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
        frames = _frames([_data_file(root, info, *file) for file in files], info["features"])
    except (OSError, ValueError, KeyError) as error:
        if isinstance(error, TabletopError):
            raise
        raise TabletopError(f"{str(root)!r} is no LeRobot dataset: {error!r}") from None
    _check_totals(info, stats, tasks, rows, frames)
    for row, start in zip(rows, np.cumsum([0, *(r["length"] for r in rows)])[:-1].tolist(), strict=True):
        _check_episode(row, start, info, tasks, frames)
    return LeRobotData(root, info, stats, tasks, tuple(rows), frames)


def _data_file(root: Path, info: Mapping[str, Any], chunk: int, file: int) -> Path:
    return root / str(info["data_path"]).format(chunk_index=chunk, file_index=file)


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


def _frames(files: list[Path], features: Mapping[str, Mapping[str, Any]]) -> dict[str, npt.NDArray[Any]]:
    parts: dict[str, list[npt.NDArray[Any]]] = {k: [] for k, v in features.items() if v["dtype"] not in _PICTURES}
    for name, dtype in _ALWAYS.items():
        described = features.get(name, {})
        _rule((described.get("dtype"), described.get("shape")) == (dtype, [1]), f"{name} is one {dtype}", described)
    columns = {k for k, v in features.items() if v["dtype"] != "video"}
    for file in files:
        there = pq.read_schema(file).names
        _rule(set(there) == columns, "frames have the features' columns", there)
        table = pq.read_table(file, columns=list(parts))
        for name, part in parts.items():
            part.append(_column(name, table[name].combine_chunks(), features[name]))
    return {k: np.concatenate(v) for k, v in parts.items()}


def _column(name: str, column: Any, described: Mapping[str, Any]) -> npt.NDArray[Any]:
    """Return the numbers of a feature, (n,) or (n, width) or (n, height, width)."""
    if len(described["shape"]) == 2:
        return _matrices(name, column, described)
    (width,) = described["shape"]
    nested, wanted = hasattr(column.type, "value_type"), _stored(described)
    stored = str(column.type.value_type if nested else column.type)
    _rule(stored == wanted, f"{name} is of {wanted}", str(column.type))
    _rule(nested or width == 1, f"{name} has {width} numbers", str(column.type))
    if not nested:  # As LeRobot keeps a single number.
        return np.asarray(column.to_numpy(zero_copy_only=False))
    widths = {getattr(column.type, "list_size", None)} - {None} or {*column.value_lengths().to_pylist()}
    _rule(widths <= {width}, f"{name} has {width} numbers", str(column.type))
    return np.asarray(column.flatten().to_numpy(zero_copy_only=False).reshape(-1, width))


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


def _of_images(name: str, column: Any, shape: list[int]) -> Iterator[npt.NDArray[np.uint8]]:
    """Yield the pictures of a column, (height, width, 3) RGB each."""
    _rule(str(column.type) == "struct<bytes: binary, path: string>", f"{name} has bytes and path", str(column.type))
    for row in column.to_pylist():
        picture = cv2.imdecode(np.frombuffer(row["bytes"], np.uint8), cv2.IMREAD_COLOR)
        _rule(picture is not None and list(picture.shape) == shape, f"{name} has pictures of {shape}", picture)
        yield np.asarray(picture, np.uint8)[..., ::-1]


def _of_video(path: Path, start: float, length: int, fps: float) -> Iterator[npt.NDArray[np.uint8]]:
    """Yield pictures of a video from a time on, s. OpenCV cannot read AV1, which LeRobot writes; PyAV can."""
    try:
        open_video = import_module("av").open
    except ImportError:
        raise TabletopError("videos need the extra view: pip install 'tabletop[view]'") from None
    left = length
    try:
        with open_video(str(path)) as container:
            stream = container.streams.video[0]
            container.seek(int(start / stream.time_base), stream=stream)  # To the last whole picture before.
            for frame in container.decode(stream):
                if left and frame.time > start - 0.5 / fps:
                    left -= 1
                    yield frame.to_ndarray(format="rgb24")
                if not left:
                    return
    except (OSError, ValueError, IndexError) as error:
        raise TabletopError(f"the video {str(path)!r} cannot be read: {error}") from None
    _rule(not left, f"the video {str(path)!r} has {length} pictures from {start:g} s on", length - left)


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
            if described["dtype"] in _PICTURES:
                own = (described["shape"][-1], 1, 1)
            elif described.get("names") == ["height", "width"]:
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
