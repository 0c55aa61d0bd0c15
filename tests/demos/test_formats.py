"""Datasets: Minari's own loader reads one format, a reader that checks the specification the other."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tabletop.demos import Demonstration, Recording, demonstrate, replay, write_demos
from tabletop.envs import TabletopEnv
from tabletop.envs.views import MODALITIES
from tabletop.errors import TabletopError
from tabletop.logic import load_registry
from tabletop.rollout.engine import Engine
from tabletop.rollout.evaluate import scripted
from tabletop.sim import World
from tabletop.sim.robot_card import using_robot
from tabletop.sim.scene import read_scene

TASKS = load_registry()
MAKERS = {"lift": scripted, "reach": scripted}


def test_minari_loads_the_episodes_and_makes_their_environment(
    two: Recording, here: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    minari = pytest.importorskip("minari")
    pytest.importorskip("h5py")
    monkeypatch.chdir(tmp_path)
    write_demos(Path("root"), "minari", two, MAKERS, here)
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "root"))
    assert set(minari.list_local_datasets()) == {"tabletop/lift/scripted-v0", "tabletop/reach/scripted-v0"}
    for task in two.tasks:
        dataset = minari.load_dataset(f"tabletop/{task.name}/scripted-v0")
        assert (dataset.total_episodes, dataset.spec.env_spec.id) == (2, f"Tabletop/{task.name.capitalize()}-v0")
        env = dataset.recover_environment()
        assert isinstance(env.unwrapped, TabletopEnv)
        assert env.unwrapped.task == task
        env.close()
        metadata = list(dataset.storage.get_episode_metadata([0, 1]))
        assert [m["seed"] for m in metadata] == [40, 41]
        assert dataset.total_steps == sum(len(e) for e in dataset.iterate_episodes())
        for episode, about in zip(dataset.iterate_episodes(), metadata, strict=True):
            demo = demonstrate(task, scripted, about["seed"])
            assert episode.observations.tobytes() == demo.observations.tobytes()
            assert episode.rewards.tobytes() == demo.rewards.tobytes()
            assert episode.infos["success"].tolist() == demo.done.tolist()
            assert about["rewards_sum"] == pytest.approx(demo.rewards.sum())
            assert not episode.terminations.any()
            assert np.flatnonzero(episode.truncations).tolist() == [len(demo) - 1]
            states = replay(about["scene"], episode.actions).states
            assert states.tobytes() == episode.infos["state"].tobytes()


def test_the_seed_of_a_minari_episode_is_what_its_environments_reset_got(
    here: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tasks of a free block, of a fixture and of a mark; scenes of small numbers and of the largest."""
    minari = pytest.importorskip("minari")
    pytest.importorskip("h5py")
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    makers = dict.fromkeys(("lift", "drawer-open", "reach"), scripted)
    for first in (0, 2**31 - 2):
        root = tmp_path / str(first)
        recording = Recording("scripted", tuple(TASKS[n] for n in makers), range(first, first + 2))
        write_demos(root, "minari", recording, makers, here)
        monkeypatch.setenv("MINARI_DATASETS_PATH", str(root))
        for name in makers:
            dataset = minari.load_dataset(f"tabletop/{name}/scripted-v0")
            env = dataset.recover_environment()
            seeds = [m["seed"] for m in dataset.storage.get_episode_metadata(dataset.episode_indices)]
            for episode, seed in zip(dataset.iterate_episodes(), seeds, strict=True):
                observations, rewards = [env.reset(seed=int(seed))[0]], []
                for action in episode.actions:
                    observation, reward, terminated, _, _ = env.step(action)
                    observations.append(observation)
                    rewards.append(reward)
                    assert not terminated
                assert np.stack(observations).tobytes() == episode.observations.tobytes()
                assert np.array_equal(np.float32(rewards), np.float32(episode.rewards))
                assert env.unwrapped.world.scene == read_scene(
                    next(dataset.storage.get_episode_metadata([episode.id]))["scene"]
                )
            env.close()


@pytest.fixture
def lerobot(two: Recording, here: Engine, tmp_path: Path) -> Path:
    pytest.importorskip("pyarrow")
    write_demos(tmp_path / "set", "lerobot", two, MAKERS, here)
    return tmp_path / "set"


def test_a_lerobot_dataset_keeps_the_formats_rules_and_the_episodes(lerobot: Path) -> None:
    from tabletop.demos.lerobot_read import read_lerobot

    data = read_lerobot(lerobot)
    assert data.tasks == tuple(TASKS[n].description for n in ("lift", "reach"))
    assert (data.info["fps"], data.info["total_episodes"]) == (10, 4)
    assert data.info["features"]["action"] == {
        "dtype": "float32",
        "shape": [5],
        "names": ["dx", "dy", "dz", "dyaw", "grip"],
    }
    for number, row in enumerate(data.episodes):
        demo, frames = demonstrate(TASKS[row["task_name"]], scripted, row["scene_number"]), data.episode(number)
        assert frames["observation.state"].tobytes() == demo.observations[:-1].tobytes()
        assert frames["action"].tobytes() == demo.actions.tobytes()
        assert frames["next.done"].tolist() == [False] * (len(demo) - 1) + [True]
        assert frames["next.success"].tolist() == demo.done[1:].tolist()
        states = replay(row["scene"], frames["action"]).states[:-1]
        width = states.shape[1]
        assert np.ascontiguousarray(frames["world_state"][:, :width]).tobytes() == states.tobytes()
        assert not frames["world_state"][:, width:].any()
    measured = {"min", "max", "mean", "std", "count", "q01", "q10", "q50", "q90", "q99"}
    assert all(set(found) == measured for found in data.stats.values())
    whole = data.frames["action"].astype(np.float64)
    np.testing.assert_allclose(data.stats["action"]["mean"], whole.mean(0))
    np.testing.assert_allclose(data.stats["action"]["q90"], np.quantile(whole, 0.9, axis=0))


def test_lerobots_own_loader_reads_it_where_it_is_installed(lerobot: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    loader = pytest.importorskip("lerobot.datasets.lerobot_dataset", exc_type=ImportError)
    data = loader.LeRobotDataset("local/demos", root=lerobot)
    assert (data.num_episodes, data.fps) == (4, 10)
    demo, row = demonstrate(TASKS["lift"], scripted, 40), data[3]
    assert row["task"] == TASKS["lift"].description
    assert row["observation.state"].numpy().tobytes() == demo.observations[3].tobytes()
    assert row["action"].numpy().tobytes() == demo.actions[3].tobytes()


def test_frames_go_into_a_new_file_where_one_is_full(
    two: Recording, here: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pyarrow")
    from tabletop.demos import lerobot_format, lerobot_read

    monkeypatch.setattr(lerobot_format, "FILE_MB", 0)
    monkeypatch.setattr(lerobot_format, "CHUNK_SIZE", 3)
    write_demos(tmp_path / "set", "lerobot", two, MAKERS, here)
    files = sorted(str(p.relative_to(tmp_path / "set")) for p in (tmp_path / "set/data").rglob("*.parquet"))
    assert files == [
        f"data/chunk-{c}/file-{f}.parquet" for c, f in (("000", "000"), ("000", "001"), ("000", "002"))
    ] + ["data/chunk-001/file-000.parquet"]
    assert len(lerobot_read.read_lerobot(tmp_path / "set").episodes) == 4


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("codebase_version", "v2.1", "codebase_version is v3.0, got 'v2.1'"),
        ("total_frames", 3, "total_frames is .*, got 3"),
        ("splits", {}, "split is of all episodes"),
        ("fps", 30, "timestamps are frames / 30"),
        ("features", {}, "timestamp is one float32"),
        ("data_path", "elsewhere/{file_index}.parquet", "no LeRobot dataset"),
    ],
)
def test_a_dataset_that_breaks_a_rule_is_refused(lerobot: Path, key: str, value: object, message: str) -> None:
    from tabletop.demos.lerobot_read import read_lerobot

    path = lerobot / "meta/info.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), key: value}))
    with pytest.raises(TabletopError, match=message):
        read_lerobot(lerobot)
    shutil.rmtree(lerobot / "meta")
    with pytest.raises(TabletopError, match=r"cannot read info\.json of the LeRobot dataset"):
        read_lerobot(lerobot)


def pictures_of(demo: Demonstration, cameras: tuple[str, ...]) -> dict[str, list[np.ndarray]]:
    """Return what the environment shows while a demonstration's actions are taken in its scene."""
    env = TabletopEnv(demo.task, observation="pixels", cameras=cameras, size=(48, 40))
    first, _ = env.reset(options={"scene": read_scene(demo.scene)})
    shown = [first, *(env.step(action)[0] for action in demo.actions)]
    env.close()
    return {name: [row[f"{name}/rgb"] for row in shown] for name in cameras}


def test_pictures_are_those_that_the_environment_shows(
    here: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    minari, _ = pytest.importorskip("minari"), pytest.importorskip("pyarrow")
    from tabletop.demos.lerobot_read import read_lerobot

    both = ("scene", "wrist")
    recording = Recording("scripted", (TASKS["lift"],), range(40, 42), cameras=both, size=(48, 40))
    for form in ("lerobot", "minari"):
        write_demos(tmp_path / form, form, recording, MAKERS, here)
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "minari"))
    data, own = read_lerobot(tmp_path / "lerobot"), minari.load_dataset("tabletop/lift/scripted-v0")
    for number, episode in zip((40, 41), own.iterate_episodes(), strict=True):
        demo = demonstrate(TASKS["lift"], scripted, number)
        frames = data.episode(number - 40)
        for name, pictures in pictures_of(demo, both).items():
            assert np.array_equal(episode.infos[f"pixels_{name}"], pictures)
            assert np.array_equal(frames[f"observation.images.{name}"], pictures[:-1])
    described = data.info["features"]["observation.images.wrist"]
    assert described == {"dtype": "image", "shape": [40, 48, 3], "names": ["height", "width", "channels"]}
    wrist = [p for number in range(len(data.episodes)) for p in data.pictures(number, "observation.images.wrist")]
    seen = np.array(wrist)[:, ::4, ::4].reshape(-1, 3) / 255
    np.testing.assert_allclose(np.ravel(data.stats["observation.images.wrist"]["mean"]), seen.mean(0), atol=1e-5)


def test_all_modalities_of_fixed_and_moving_cameras_are_those_that_the_environment_shows(
    here: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    minari, _ = pytest.importorskip("minari"), pytest.importorskip("pyarrow")
    from tabletop.demos.lerobot_read import read_lerobot

    hand = {"frame": "gripper", "position": [0.08, 0.0, -0.1], "target": [0.0, 0.0, 0.05]}
    task = replace(TASKS["lift"], scene={**TASKS["lift"].scene, "cameras": {"hand": hand}})
    both = ("scene", "hand")
    recording = Recording("scripted", (task,), range(40, 41), cameras=both, size=(24, 20), modalities=MODALITIES)
    for form in ("lerobot", "minari"):
        write_demos(tmp_path / form, form, recording, MAKERS, here)
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "minari"))
    data, own = read_lerobot(tmp_path / "lerobot"), minari.load_dataset("tabletop/lift/scripted-v0")
    (episode,), frames, row = list(own.iterate_episodes()), data.episode(0), data.episodes[0]
    (about,) = own.storage.get_episode_metadata([0])

    env = TabletopEnv(task, observation="pixels", cameras=both, modalities=MODALITIES, size=(24, 20))
    first, _ = env.reset(seed=40)
    shown = [first, *(env.step(action)[0] for action in episode.actions)]
    for camera in both:
        for modality in MODALITIES:
            wanted = np.stack([each[f"{camera}/{modality}"] for each in shown])
            key = "pixels" if modality == "rgb" else modality
            assert episode.infos[f"{key}_{camera}"].tobytes() == wanted.tobytes()
            feature = f"observation.images.{camera}" if modality == "rgb" else f"{modality}.{camera}"
            assert np.ascontiguousarray(frames[feature]).tobytes() == wanted[:-1].tobytes()
    assert np.ptp(frames["extrinsics.hand"], axis=0).max() > 0.05
    assert not np.ptp(frames["extrinsics.scene"], axis=0).any()

    labels = {str(k): v for k, v in env.segmentation_labels.items()}
    assert json.loads(about["segmentation_labels"]) == json.loads(row["segmentation_labels"]) == labels
    slots = [name or "" for name in env.slots]
    assert json.loads(about["slots"]) == row["slots"] == slots
    assert slots[0] == "block"
    names = list(env.state.layout.columns)
    assert json.loads(about["state_names"]) == row["state_names"] == names
    assert len(names) == episode.infos["state"].shape[1]
    env.close()
    described = data.info["features"]["depth.hand"]
    assert described == {"dtype": "float32", "shape": [20, 24], "names": ["height", "width"]}
    some = data.frames["depth.hand"][:, ::4, ::4].astype(np.float64)
    assert data.stats["depth.hand"]["mean"] == [[pytest.approx(some.mean())]]
    assert np.shape(data.stats["extrinsics.hand"]["std"]) == (4, 4)


def test_the_numbers_of_an_observation_have_names(lerobot: Path) -> None:
    from tabletop.demos.lerobot_read import read_lerobot

    data = read_lerobot(lerobot)
    names, demo = data.info["features"]["observation.state"]["names"], demonstrate(TASKS["lift"], scripted, 40)
    state = dict(zip(names, data.episode(0)["observation.state"].T, strict=True))
    with World() as world:
        first = world.load(read_scene(demo.scene))
    assert [state[f"robot.gripper_position.{i}"][0] for i in range(3)] == pytest.approx(first.robot("gripper_position"))
    assert [state[f"entity0.position.{i}"][0] for i in range(3)] == pytest.approx(first.entity("block", "position"))
    assert (state["entity0.present"] == 1).all()
    assert (state["entity0.rigid"] == 1).all()


def test_an_unknown_camera_is_refused_before_anything_is_run(here: Engine, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    recording = Recording("scripted", (TASKS["lift"],), range(2), cameras=("side",))
    with pytest.raises(TabletopError, match="unknown view 'side'"):
        write_demos(tmp_path / "set", "lerobot", recording, MAKERS, here)
    recording = Recording("scripted", (TASKS["lift"],), range(2), cameras=("top",), modalities=("touch",))
    with pytest.raises(TabletopError, match="unknown modality 'touch'"):
        write_demos(tmp_path / "set", "lerobot", recording, MAKERS, here)
    assert list(tmp_path.iterdir()) == []


def test_datasets_say_which_robot_they_are_of(here: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    minari, _ = pytest.importorskip("minari"), pytest.importorskip("pyarrow")
    from tabletop.demos import lerobot_format
    from tabletop.demos.lerobot_read import read_lerobot

    with using_robot("cobot6"):
        write_demos(
            tmp_path / "minari", "minari", Recording("scripted", (TASKS["reach"],), range(40, 41)), MAKERS, here
        )
        demo = demonstrate(TASKS["reach"], scripted, 40)
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "minari"))
    dataset = minari.load_dataset("tabletop/reach/scripted-v0")
    (episode,) = dataset.iterate_episodes()
    env = dataset.recover_environment()
    first, _ = env.reset(seed=40)
    assert env.unwrapped.world.scene == read_scene(demo.scene)
    assert first.tobytes() == episode.observations[0].tobytes()
    env.close()

    lerobot_format.write(tmp_path / "lerobot", [demo], [TASKS["reach"]], "scripted")
    assert read_lerobot(tmp_path / "lerobot").info["robot_type"] == "tabletop-cobot6"
    mixed = [demo, demonstrate(TASKS["reach"], scripted, 40)]
    with pytest.raises(TabletopError, match="must be of one robot, got 'cobot6', and 'panda'"):
        lerobot_format.write(tmp_path / "mixed", mixed, [TASKS["reach"]], "scripted")
