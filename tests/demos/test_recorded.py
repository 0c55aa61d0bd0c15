from __future__ import annotations

import json
from pathlib import Path

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


def test_another_ones_minari_dataset_has_no_scene_to_show(tmp_path: Path) -> None:
    pytest.importorskip("minari")
    import gymnasium
    from minari.data_collector import EpisodeBuffer
    from minari.dataset.minari_storage import MinariStorage

    path = tmp_path / "theirs" / "task" / "v0" / "data"
    path.mkdir(parents=True)
    box = gymnasium.spaces.Box(-1, 1, (2,))
    storage = MinariStorage.new(path, observation_space=box, action_space=box)
    flat = np.zeros((3, 2), np.float32)
    ends = np.array([False, True])
    storage.update_episodes(
        [
            EpisodeBuffer(
                0,
                observations=flat,
                actions=flat[:2],
                rewards=[0.0, 0.0],
                terminations=ends,
                truncations=ends,
                infos={},
            )
        ]
    )
    storage.update_metadata({"description": "theirs"})
    with pytest.raises(TabletopError, match="have no scene"):
        read_recorded(tmp_path)
