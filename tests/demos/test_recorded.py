from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from tabletop.demos import Recording, read_recorded, replay, write_demos
from tabletop.errors import TabletopError
from tabletop.logic import load_registry
from tabletop.rollout.engine import Engine
from tabletop.rollout.evaluate import BUILTIN_POLICIES

TASKS = load_registry()


@pytest.fixture(scope="module", params=["lerobot", "minari"])
def dataset(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    for module in ("minari", "pyarrow"):
        pytest.importorskip(module)
    root: Path = tmp_path_factory.mktemp("data") / request.param
    tasks = (TASKS["lift"], TASKS["reach"])
    for policy, where in (("scripted", root), ("nothing", root.with_name(f"{request.param}-failed"))):
        recording = Recording(policy, tasks, range(40, 42), keep_failures=True)
        with Engine(0) as engine:
            write_demos(where, request.param, recording, {t.name: BUILTIN_POLICIES[policy] for t in tasks}, engine)
    return root


def test_its_episodes_run_again_to_where_they_ended(dataset: Path) -> None:
    found = read_recorded(dataset)
    assert sorted((e.task, e.success) for e in found) == [("lift", True)] * 2 + [("reach", True)] * 2
    for episode in found:
        task = TASKS[episode.task]
        assert episode.text == task.description
        run = replay(episode.scene, episode.actions)
        assert len(run) == len(episode.actions)
        assert bool(task.success.holds(run.final, run.initial))


def test_failures_are_told(dataset: Path) -> None:
    found = read_recorded(dataset.with_name(f"{dataset.name}-failed"))
    assert {e.success for e in found if e.task == "lift"} == {False}


def test_what_is_no_dataset_of_ours_is_said_in_one_line(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    with pytest.raises(TabletopError, match="holds no dataset"):
        read_recorded(tmp_path)
    (tmp_path / "meta").mkdir()
    (tmp_path / "meta" / "info.json").write_text(json.dumps({"codebase_version": "v3.0"}))
    with pytest.raises(TabletopError, match="LeRobot") as caught:
        read_recorded(tmp_path)
    assert len(str(caught.value).splitlines()) == 1


def test_another_ones_minari_dataset_is_read_without_a_scene(tmp_path: Path) -> None:
    pytest.importorskip("minari")
    import gymnasium
    from minari.data_collector import EpisodeBuffer
    from minari.dataset.minari_storage import MinariStorage

    path = tmp_path / "theirs" / "task-v0" / "data"
    path.mkdir(parents=True)
    env = gymnasium.make("Pendulum-v1")
    seen = gymnasium.spaces.Dict(
        {"state": env.observation_space, "eye": gymnasium.spaces.Box(0, 255, (8, 6, 3), np.uint8)}
    )
    storage = MinariStorage.new(path, observation_space=seen, action_space=env.action_space)
    states = [env.reset(seed=3)[0]]
    actions = np.linspace(-2, 2, 5, dtype=np.float32)[:, None]
    states += [env.step(action)[0] for action in actions]
    eye = np.arange(6 * 8 * 6 * 3, dtype=np.uint8).reshape(6, 8, 6, 3)
    ends = np.arange(5) == 4
    for infos in ({}, {"success": ends}, {"success": np.zeros(5, bool)}):
        buffer = EpisodeBuffer(
            observations={"state": np.array(states), "eye": eye},
            actions=actions,
            rewards=np.arange(5.0),
            terminations=ends,
            truncations=ends,
            infos=infos,
        )
        storage.update_episodes([buffer])
    storage.update_metadata({"description": "swing it up", "dataset_id": "theirs/task-v0"})
    found = read_recorded(tmp_path)
    assert [(e.number, e.task, e.text, e.scene, e.success) for e in found] == [
        (i, "theirs/task-v0", "swing it up", None, s) for i, s in enumerate((None, True, False))
    ]
    watched = found[1].watch()
    assert np.array_equal(watched.actions, actions)
    assert sorted(watched.numbers) == ["action", "observation.state", "reward"]
    assert np.array_equal(watched.numbers["observation.state"].values, np.array(states, dtype=float))
    assert np.array_equal([*watched.pictures["observation.eye"]], eye)


@pytest.fixture(scope="module")
def filmed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    for module in ("pyarrow", "av"):
        pytest.importorskip(module)
    root: Path = tmp_path_factory.mktemp("data") / "set"
    recording = Recording("scripted", (TASKS["reach"],), range(40, 42), cameras=("scene",), size=(96, 72))
    with Engine(0) as engine:
        write_demos(root, "lerobot", recording, {"reach": BUILTIN_POLICIES["scripted"]}, engine)
    return root


def as_anothers(root: Path, to: Path) -> Path:
    """Copy a dataset of ours without what only ours have, its pictures in a video as LeRobot keeps them."""
    import av
    import pyarrow as pa
    import pyarrow.parquet as pq

    shutil.copytree(root, to)
    camera = "observation.images.scene"
    video = to / "videos" / camera / "chunk-000" / "file-000.mp4"
    video.parent.mkdir(parents=True)
    (data,), (rows,) = (to / "data").rglob("*.parquet"), (to / "meta" / "episodes").rglob("*.parquet")
    table = pq.read_table(data)
    with av.open(str(video), "w") as container:
        stream = container.add_stream("libsvtav1", rate=10, options={"g": "2", "crf": "20"})
        stream.width, stream.height, stream.pix_fmt = 96, 72, "yuv420p"
        for row in table[camera].to_pylist():
            picture = cv2.imdecode(np.frombuffer(row["bytes"], np.uint8), cv2.IMREAD_COLOR)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        container.mux(stream.encode())
    pq.write_table(table.drop_columns([camera]), data)
    kept = pq.read_table(rows).to_pylist()
    for row in kept:
        for name in [k for k in row if k in ("scene", "task_name", "success") or k.startswith("scene_")]:
            del row[name]
        place = {"chunk_index": 0, "file_index": 0, "from_timestamp": row["dataset_from_index"] / 10}
        row.update({f"videos/{camera}/{k}": v for k, v in place.items()})
    pq.write_table(pa.Table.from_pylist(kept), rows)
    path = to / "meta" / "info.json"
    info = json.loads(path.read_text())
    info["features"][camera]["dtype"] = "video"
    info["video_path"] = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"
    path.write_text(json.dumps(info))
    return to


def test_another_ones_lerobot_dataset_with_a_video_is_read_without_a_scene(filmed: Path, tmp_path: Path) -> None:
    ours, found = read_recorded(filmed), read_recorded(as_anothers(filmed, tmp_path / "theirs"))
    for own, other in zip(ours, found, strict=True):
        assert (other.scene, other.task, other.text) == (None, own.text, own.text)
        assert (other.success, other.fps) == (True, 10)
        assert np.array_equal(other.actions, own.actions)
        assert other.watch().numbers["action"].names == ("dx", "dy", "dz", "dyaw", "grip")
        first, second = ([*e.watch().pictures["observation.images.scene"]] for e in (own, other))
        assert np.shape(first) == np.shape(second) == (len(own.actions), 72, 96, 3)
        apart = np.abs(np.array(first, float)[:, None] - np.array(second, float)[None]).mean(axis=(2, 3, 4))
        assert np.diag(apart).max() < 4
        assert (apart.argmin(axis=1) == np.arange(len(first))).mean() > 0.8  # It moves little at both ends.


def test_a_video_that_is_not_there_or_short_is_said(filmed: Path, tmp_path: Path) -> None:
    root = as_anothers(filmed, tmp_path / "theirs")
    (video,) = root.rglob("*.mp4")
    first, last = read_recorded(root)
    data = video.read_bytes()
    video.write_bytes(data[:100])
    with pytest.raises(TabletopError, match="cannot be read"):
        next(iter(last.watch().pictures.values())).__next__()
    video.unlink()
    with pytest.raises(TabletopError, match=r"file-000\.mp4' cannot be read"):
        [*first.watch().pictures["observation.images.scene"]]


def test_pictures_that_are_not_there_are_said(filmed: Path, tmp_path: Path) -> None:
    shutil.copytree(filmed, tmp_path / "set")
    first, _ = read_recorded(tmp_path / "set")
    shutil.rmtree(tmp_path / "set" / "data")
    with pytest.raises(TabletopError, match=r"observation\.images\.scene of episode 0 of .* cannot be read"):
        [*first.watch().pictures["observation.images.scene"]]
