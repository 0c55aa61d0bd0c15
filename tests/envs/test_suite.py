"""Vectors of a suite's environments: order, one-hot ids, scenes, both autoreset modes, wrong arguments."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode, VectorEnv

from tabletop.envs import TabletopEnv, suite_id, suite_ids
from tabletop.envs.observe import STATE_WIDTH
from tabletop.envs.suite import TaskId, make_suite
from tabletop.errors import TabletopError
from tabletop.logic import Registry, Suite, load_registry, load_suites
from tabletop.sim.robot_card import using_robot

STILL = np.zeros(5, np.float32)
NAMES = ("reach", "push", "lift")


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> Suite:
    """Put a suite of three tasks, which the registry has, among the suites."""
    suite = Suite("Few", "Few.", NAMES, (50, 60))
    known = {**load_suites(), "Few": suite}
    monkeypatch.setattr("tabletop.envs.suite.find_suite", lambda name: known[name])
    return suite


def test_every_suite_has_an_id_that_make_vec_knows() -> None:
    assert (suite_id("MT10"), suite_id("ML1-train")) == ("Tabletop/MT10-v0", "Tabletop/ML1-train-v0")
    assert suite_id("long-horizon") == "Tabletop/LongHorizon-v0"
    assert set(suite_ids().values()) == set(load_suites())
    assert all(gymnasium.registry[name].vector_entry_point for name in suite_ids())


@pytest.mark.parametrize("name", load_suites())
def test_a_suite_is_one_environment_a_task_or_names_what_lacks(name: str) -> None:
    suite, registry = load_suites()[name], load_registry()
    more = {"task": "push"} if suite.is_open else {}
    if suite.missing(registry):
        with pytest.raises(TabletopError, match=f"registry lacks {len(suite.missing(registry))}: "):
            gymnasium.make_vec(suite_id(name))
        return
    vector = gymnasium.make_vec(suite_id(name), one_hot=True, **more)
    tasks = [t.name for t in vector.get_attr("task")]
    assert tasks == (list(suite.tasks) or ["push"])
    observations, _ = vector.reset(seed=0)
    assert observations[:, STATE_WIDTH:].tolist() == np.eye(len(tasks)).tolist()
    vector.close()


@pytest.mark.parametrize("processes", ["sync", "async"])
def test_its_tasks_are_those_of_the_registry_that_it_is_given(processes: str) -> None:
    own = Registry([replace(load_registry()["push"], horizon=7)])
    vector = make_suite("MT1", task="push", registry=own, processes=processes)
    assert [t.horizon for t in vector.get_attr("task")] == [7]
    vector.close()


@pytest.mark.parametrize("mode", ["NextStep", "SameStep"])
@pytest.mark.parametrize("processes", ["sync", "async"])
def test_both_autoreset_modes_begin_episodes_anew(few: Suite, mode: str, processes: str) -> None:
    vector = make_suite("Few", autoreset_mode=mode, processes=processes, max_episode_steps=2, one_hot=True)
    assert vector.metadata["autoreset_mode"] is AutoresetMode(mode)
    vector.reset(seed=0)
    times, ends = [], []
    for _ in range(3):
        observations, _, terminated, truncated, info = vector.step(np.tile(STILL, (3, 1)))
        times.append([round(float(t), 3) for t in observations[:, 0]])
        ends.append(truncated.tolist())
        assert not terminated.any()
        assert observations[:, STATE_WIDTH:].tolist() == np.eye(3).tolist()
        if mode == "SameStep" and truncated.any():
            assert info["final_obs"][1][0] == pytest.approx(0.2)
            assert info["final_obs"][1][STATE_WIDTH:].tolist() == [0, 1, 0]
    vector.close()
    assert ends == [[False] * 3, [True] * 3, [False] * 3]
    assert times == ([[0.1] * 3, [0.2] * 3, [0.0] * 3] if mode == "NextStep" else [[0.1] * 3, [0.0] * 3, [0.1] * 3])


def test_rounds_of_all_tasks_come_in_order_on_scenes_of_the_suite(few: Suite) -> None:
    vector = make_suite("Few", num_envs=6)
    assert [t.name for t in vector.get_attr("task")] == [*NAMES, *NAMES]
    numbers: set[int] = set()
    for seed in range(6):
        vector.reset(seed=10 * seed)
        numbers |= {w.scene.seed for w in vector.get_attr("world")}
    vector.close()
    assert numbers <= set(range(50, 60))
    assert len(numbers) > 3


def test_the_same_seed_gives_the_same_and_suites_of_one_task_other_scenes(few: Suite) -> None:
    def first(vector: VectorEnv) -> np.ndarray:
        seen = vector.reset(seed=3)[0]
        vector.close()
        return seen

    train, again, test = (
        first(gymnasium.make_vec(f"Tabletop/ML1-{part}-v0", task="push")) for part in ("train", "train", "test")
    )
    assert np.array_equal(train, again)
    assert not np.array_equal(train, test)


def test_an_environment_with_a_task_id_passes_gymnasiums_checker() -> None:
    made = TaskId(TabletopEnv("reach"), 1, 4)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*different from the unwrapped version")
        check_env(made, skip_render_check=True)
    assert made.reset(seed=0)[0][-4:].tolist() == [0, 1, 0, 0]
    made.close()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"suite": "MT11"}, "unknown suite 'MT11'"),
        ({"suite": "MT1"}, "say which"),
        ({"suite": "MT1", "task": "fly"}, "unknown task 'fly'"),
        ({"suite": "MT10", "task": "push"}, "takes no other"),
        ({"suite": "MT1:push", "processes": "threads"}, "unknown kind of processes 'threads'"),
        ({"suite": "MT1:push", "autoreset_mode": "never"}, "unknown autoreset mode 'never'; there are: Disabled"),
        ({"suite": "MT1:push", "max_episode_steps": 0}, "from 1 to 1000000000, got 0"),
        ({"suite": "MT1:push", "max_episode_steps": 2.5}, "got 2.5"),
        ({"suite": "MT1:push", "num_envs": 0}, "multiple of 1, got 0"),
        ({"suite": "MT1:push", "one_hot": True, "observation": "pixels"}, 'needs observation "state"'),
    ],
)
def test_wrong_arguments_are_refused_in_one_line(arguments: dict, message: str) -> None:
    with pytest.raises(TabletopError, match=message) as error:
        make_suite(**arguments)
    assert "\n" not in str(error.value)


def test_a_vector_needs_as_many_environments_as_tasks_and_goals_of_one_size(few: Suite) -> None:
    with pytest.raises(TabletopError, match="multiple of 3, got 4"):
        make_suite("Few", num_envs=4)
    with pytest.raises(TabletopError, match="has a size of its own"):
        make_suite("Few", observation="goal")


def test_environments_made_where_another_robot_is_in_use_have_that_of_the_suite(
    few: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a process that is started anew, which knows nothing of the one that made the suite."""
    monkeypatch.setattr("tabletop.envs.suite.AsyncVectorEnv", lambda makers, **_: makers)
    with using_robot("cobot6"):
        makers: Any = make_suite("Few", processes="async")
    for maker in makers:
        env = maker()
        env.reset(seed=0)
        assert env.unwrapped.state.layout.robot == "cobot6"
        env.close()
