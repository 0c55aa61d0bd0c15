"""Demonstrations as one LeRobot dataset of format v3.0: Parquet files and JSON, pictures as PNG inside.

    meta/info.json  meta/stats.json  meta/tasks.parquet  meta/episodes/chunk-000/file-000.parquet
    data/chunk-000/file-000.parquet

A frame has the observation and the action taken in it, and what came of that in `next.reward`, `next.success` and
`next.done`. `observation.images.scene` is what that camera saw, where pictures were asked for; `depth.scene` (m),
`segmentation.scene`, `intrinsics.scene` and `extrinsics.scene` are numbers in two dimensions. `world_state` is the
world's whole state, filled up with 0. `meta/episodes` also has each scene as YAML, which entity each slot of the
observation is of, the name of each number of `world_state`, and the table of what a segmentation's numbers are.
Written with pyarrow: lerobot's own package asks for versions of torch and numpy other than this one's.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from tabletop.config import SimSettings
from tabletop.demos.record import Demonstration, names_of, robot_of
from tabletop.envs.observe import STATE_WIDTH, state_names
from tabletop.files import make_folder, write_json
from tabletop.logic.task import Task

__all__ = ["CHUNK_SIZE", "DATA_PATH", "EPISODES_PATH", "FILE_MB", "QUANTILES", "VERSION", "features", "write"]

VERSION: Final = "v3.0"
CHUNK_SIZE: Final = 1000
"""Files in a folder chunk-000 at most."""
FILE_MB: Final = 100
"""A file of frames is full at that size, uncompressed."""
DATA_PATH: Final = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
EPISODES_PATH: Final = "meta/episodes/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
QUANTILES: Final = {"q01": 0.01, "q10": 0.10, "q50": 0.50, "q90": 0.90, "q99": 0.99}
_IMAGES: Final = "observation.images."
_SIDES: Final = {
    "depth": ["height", "width"],
    "segmentation": ["height", "width"],
    "intrinsics": ["row", "column"],
    "extrinsics": ["row", "column"],
}
"""Names of the two dimensions of what is no picture in colour."""
_PIXELS: Final = 4
"""Of so many pixels across and down, statistics see one."""
_ACTIONS: Final = ["dx", "dy", "dz", "dyaw", "grip"]
Columns = dict[str, npt.NDArray[Any]]


def features(world: int, views: Mapping[str, npt.NDArray[Any]]) -> dict[str, dict[str, Any]]:
    """Return the columns of a frame as `info.json` describes them.

    Args:
        world: width of the world's states.
        views: of a demonstration, by "camera/modality".
    """
    sizes: dict[str, tuple[str, int, list[str] | None]] = {
        "observation.state": ("float32", STATE_WIDTH, list(state_names())),
        "action": ("float32", len(_ACTIONS), _ACTIONS),
        "world_state": ("float64", world, None),
        "next.reward": ("float32", 1, None),
        "next.success": ("bool", 1, None),
        "next.done": ("bool", 1, None),
        "timestamp": ("float32", 1, None),
        "frame_index": ("int64", 1, None),
        "episode_index": ("int64", 1, None),
        "index": ("int64", 1, None),
        "task_index": ("int64", 1, None),
    }
    numbers = {k: {"dtype": dtype, "shape": [n], "names": names} for k, (dtype, n, names) in sizes.items()}
    axes = ["height", "width", "channels"]
    seen = {}
    for view, arrays in views.items():
        name, modality = _key(view), view.partition("/")[2]
        dtype, names = ("image", axes) if modality == "rgb" else (str(arrays.dtype), _SIDES[modality])
        seen[name] = {"dtype": dtype, "shape": list(arrays.shape[1:]), "names": names}
    return numbers | seen


def _key(view: str) -> str:
    """Return what a view is called as a feature: "observation.images.wrist" of "wrist/rgb"."""
    camera, _, modality = view.partition("/")
    # Loaders take whatever begins with "observation" for a policy's input.
    return _IMAGES + camera if modality == "rgb" else f"{modality}.{camera}"


def write(root: Path, demos: Sequence[Demonstration], tasks: Sequence[Task], policy: str) -> int:
    """Write the dataset; return the number of frames.

    Args:
        root: an empty folder.
        demos: the demonstrations; they are gone through three times.
        tasks: those that the demonstrations are of, and perhaps others.
        policy: of no use here: the format has no place for it.

    Raises:
        TabletopError: the demonstrations are of more than one robot.
    """
    world = max(d.states.shape[1] for d in demos)
    described = features(world, demos[0].views)
    fps = round(1 / SimSettings().control_step)
    used = [t for t in tasks if t.name in {d.task for d in demos}]
    numbers = {t.name: i for i, t in enumerate(used)}
    rows: list[dict[str, Any]] = []
    frames: list[Columns] = []
    start = file = size = 0
    everything: list[Columns] = []
    robot: str | None = None
    for number, demo in enumerate(demos):
        robot = robot_of(demo, robot)
        columns = _columns(demo, number, start, numbers[demo.task], world, fps)
        columns |= {_key(k): v[:-1] for k, v in demo.views.items()}
        seen = {k: columns.pop(k) for k in list(columns) if described[k]["dtype"] == "image"}
        nbytes = sum(c.nbytes for c in columns.values())
        columns |= {k: _encoded(v) for k, v in seen.items()}
        nbytes += sum(len(png) for k in seen for png in columns[k])
        if frames and size + nbytes > FILE_MB * 2**20:
            _write_frames(root, file, frames, described)
            frames, file, size = [], file + 1, 0
        frames.append(columns)
        size += nbytes
        place = {"chunk_index": file // CHUNK_SIZE, "file_index": file % CHUNK_SIZE}
        small = _seen(columns, seen)
        rows.append(
            {
                "episode_index": number,
                "tasks": [used[numbers[demo.task]].description],
                "length": len(demo),
                **{f"data/{k}": v for k, v in place.items()},
                "dataset_from_index": start,
                "dataset_to_index": start + len(demo),
                "meta/episodes/chunk_index": 0,
                "meta/episodes/file_index": 0,
                "task_name": demo.task,
                "scene": demo.scene,
                "scene_number": demo.number,
                "success": demo.success,
                **_texts(names_of(demo)),
                **{f"stats/{k}/{s}": v for k, stat in _stats(small).items() for s, v in stat.items()},
            }
        )
        everything.append(small)
        start += len(demo)
    _write_frames(root, file, frames, described)
    _write_table(root / EPISODES_PATH.format(chunk_index=0, file_index=0), pa.Table.from_pylist(rows))
    _write_tasks(root, used)
    whole = {k: np.concatenate([c[k] for c in everything]) for k in described}
    write_json(root / "meta/stats.json", _stats(whole))
    info = {
        "codebase_version": VERSION,
        "robot_type": f"tabletop-{robot}",
        "total_episodes": len(demos),
        "total_frames": start,
        "total_tasks": len(used),
        "chunks_size": CHUNK_SIZE,
        "data_files_size_in_mb": FILE_MB,
        "video_files_size_in_mb": 200,
        "fps": fps,
        "splits": {"train": f"0:{len(demos)}"},
        "data_path": DATA_PATH,
        "video_path": None,
        "features": described,
    }
    write_json(root / "meta/info.json", info)
    return start


def _columns(demo: Demonstration, number: int, start: int, task: int, world: int, fps: int) -> Columns:
    """Return the frames of an episode: each column (T,) or (T, n)."""
    steps = len(demo)
    state = np.zeros((steps, world))
    state[:, : demo.states.shape[1]] = demo.states[:-1]
    ends = np.zeros(steps, bool)
    ends[-1:] = True
    frame = np.arange(steps)
    return {
        "observation.state": demo.observations[:-1],
        "action": demo.actions,
        "world_state": state,
        "next.reward": demo.rewards.astype(np.float32),
        "next.success": demo.done[1:],
        "next.done": ends,
        "timestamp": (frame / fps).astype(np.float32),
        "frame_index": frame,
        "episode_index": np.full(steps, number),
        "index": start + frame,
        "task_index": np.full(steps, task),
    }


def _texts(names: Mapping[str, Any]) -> dict[str, Any]:
    """Return lists as they are, and tables as JSON: Parquet has one type for all episodes."""
    return {k: json.dumps(v) if isinstance(v, dict) else v for k, v in names.items()}


def _encoded(pictures: npt.NDArray[np.uint8]) -> npt.NDArray[Any]:
    """Return RGB pictures (T, height, width, 3) as PNG: (T,) bytes."""
    out = np.empty(len(pictures), dtype=object)
    for i, picture in enumerate(pictures):
        out[i] = cv2.imencode(".png", picture[..., ::-1])[1].tobytes()
    return out


def _seen(columns: Columns, pictures: Columns) -> Columns:
    """Return columns with some pixels in place of pictures.

    These are colours from 0 to 1 in place of PNGs, (T * pixels, 3, 1, 1), and single numbers, (T * pixels, 1, 1), in
    place of depth and segmentation.
    """
    some = {k: v[:, ::_PIXELS, ::_PIXELS].reshape(-1, 3, 1, 1).astype(np.float32) / 255 for k, v in pictures.items()}
    for name, column in columns.items():
        if name.startswith(("depth.", "segmentation.")):
            some[name] = column[:, ::_PIXELS, ::_PIXELS].reshape(-1, 1, 1)
    return {k: some.get(k, v) for k, v in columns.items()}


def _stats(columns: Mapping[str, npt.NDArray[Any]]) -> dict[str, dict[str, list[float]]]:
    """Return min, max, mean, std, quantiles (n,) and count (1,) of each column; of pictures' colours (3, 1, 1)."""
    found = {}
    for name, column in columns.items():
        flat = column.reshape(len(column), -1).astype(np.float64)
        figures = {"min": flat.min(0), "max": flat.max(0), "mean": flat.mean(0), "std": flat.std(0)}
        figures |= dict(zip(QUANTILES, np.quantile(flat, list(QUANTILES.values()), axis=0), strict=True))
        shape = column.shape[1:] or (1,)
        found[name] = {k: v.reshape(shape).tolist() for k, v in figures.items()} | {"count": [len(flat)]}
    return found


def _arrow(column: npt.NDArray[Any], described: Mapping[str, Any]) -> Any:
    if described["dtype"] == "image":
        parts = pa.array(column, pa.binary()), pa.nulls(len(column), pa.string())
        return pa.StructArray.from_arrays(parts, names=["bytes", "path"])
    arrow_type = pa.bool_() if described["dtype"] == "bool" else getattr(pa, described["dtype"])()
    if column.ndim == 1:
        return pa.array(column, arrow_type)
    if column.ndim == 3:  # Lists of lists, which is how Hugging Face stores two dimensions.
        count, height, width = column.shape
        rows = _lists(pa.array(column.ravel(), arrow_type), count * height, width)
        return _lists(rows, count, height)
    return pa.FixedSizeListArray.from_arrays(pa.array(column.ravel(), arrow_type), column.shape[1])


def _lists(values: Any, count: int, length: int) -> Any:
    return pa.ListArray.from_arrays(pa.array(np.arange(count + 1) * length, pa.int32()), values)


def _write_frames(root: Path, file: int, frames: Sequence[Columns], described: Mapping[str, Any]) -> None:
    whole = {k: np.concatenate([f[k] for f in frames]) for k in described}
    table = pa.table({k: _arrow(v, described[k]) for k, v in whole.items()})
    _write_table(root / DATA_PATH.format(chunk_index=file // CHUNK_SIZE, file_index=file % CHUNK_SIZE), table)


def _write_tasks(root: Path, tasks: Sequence[Task]) -> None:
    """Write the sentences of the tasks as the index of a pandas frame, which is how they are looked up."""
    table = pa.table({"task_index": pa.array(range(len(tasks)), pa.int64()), "task": [t.description for t in tasks]})
    pandas = {
        "index_columns": ["task"],
        "column_indexes": [],
        "columns": list(_pandas_columns([("task_index", "int64", "int64"), ("task", "unicode", "object")])),
        "pandas_version": "2.0.0",
    }
    _write_table(root / "meta/tasks.parquet", table.replace_schema_metadata({"pandas": json.dumps(pandas)}))


def _pandas_columns(columns: Sequence[tuple[str, str, str]]) -> Iterator[dict[str, Any]]:
    for name, pandas_type, numpy_type in columns:
        yield {"name": name, "field_name": name, "pandas_type": pandas_type, "numpy_type": numpy_type, "metadata": None}


def _write_table(path: Path, table: Any) -> None:
    make_folder(path.parent)
    pq.write_table(table, path, compression="snappy")
