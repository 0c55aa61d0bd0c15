"""How long an episode lasts: gymnasium's TimeLimit says it, and nothing else does."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import VectorEnv
from gymnasium.wrappers import TimeAwareObservation, TimeLimit

from tabletop.envs import DISCOVERY, TabletopEnv, environment_id, environment_ids
from tabletop.envs.suite import make_suite
from tabletop.logic import load_registry

TASKS = load_registry()
STILL = np.zeros(5, np.float32)


def length(env: gymnasium.Env, most: int = 70) -> int | None:
    """Return the step that an episode is cut off at; None: at none of so many."""
    env.reset(seed=0)
    ends = (i for i in range(1, most + 1) if env.step(STILL)[3])
    found = next(ends, None)
    env.close()
    return found


def test_every_id_has_its_tasks_horizon_for_its_number_of_steps() -> None:
    horizons = {name: TASKS[task].horizon if task else 60 for name, task in environment_ids().items()}
    assert {name: gymnasium.spec(name).max_episode_steps for name in horizons} == horizons


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, 40),
        ({"max_episode_steps": 55}, 55),
        ({"max_episode_steps": 3}, 3),
        ({"max_episode_steps": -1}, None),
        ({"max_episode_steps": 3, "control_frequency": 20}, 3),
    ],
)
def test_an_episode_is_as_long_as_gymnasium_is_told(more: dict, expected: int | None) -> None:
    env = gymnasium.make("Tabletop/ReachObject-v0", **more)
    assert env.spec is not None
    assert env.spec.max_episode_steps == expected
    assert env.unwrapped.horizon == 40 * more.get("control_frequency", 10) / 10
    assert length(env) == expected


def test_an_environment_made_from_the_spec_of_another_is_as_long_as_that() -> None:
    env = gymnasium.make("Tabletop/Push-v0", max_episode_steps=4, observation="goal")
    assert env.spec is not None
    again = gymnasium.make(gymnasium.envs.registration.EnvSpec.from_json(env.spec.to_json()))
    assert length(env) == length(again) == 4
    assert isinstance(again.observation_space, gymnasium.spaces.Dict)


@pytest.mark.parametrize("task", ["reach-object", None])
def test_one_that_is_built_directly_goes_on_and_takes_any_limit(task: str | None) -> None:
    """As gymnasium's own do; there are 40 steps for the task, and 60 where there is none."""
    assert length(TabletopEnv(task), 65) is None
    assert length(TimeLimit(TabletopEnv(task), 65)) == 65
    assert length(TimeLimit(TabletopEnv(task), 2)) == 2


def test_a_reset_says_in_how_many_steps_the_task_is_to_be_done() -> None:
    for name, more, horizon in (
        ("Tabletop/ReachObject-v0", {}, 40),
        ("Tabletop/ReachObject-v0", {"max_episode_steps": 3}, 40),
        ("Tabletop/ReachObject-v0", {"control_frequency": 30}, 120),
        (DISCOVERY, {"control_frequency": 5}, 30),
    ):
        env = gymnasium.make(name, **more)
        assert env.reset(seed=0)[1]["horizon"] == horizon
        assert "horizon" not in env.step(STILL)[4]
        env.close()


@pytest.mark.parametrize("observation", ["state", "goal"])
def test_time_can_be_observed(observation: str) -> None:
    env = TimeAwareObservation(
        gymnasium.make("Tabletop/Reach-v0", observation=observation, max_episode_steps=4),
        flatten=False,
        normalize_time=True,
    )
    env.reset(seed=0)
    times = [float(env.step(STILL)[0]["time"][0]) for _ in range(4)]
    assert times == [0.25, 0.5, 0.75, 1.0]
    env.close()


def ends(vector: VectorEnv, steps: int) -> list[list[bool]]:
    """Return which environments were cut off at each of so many steps."""
    vector.reset(seed=0)
    found = [vector.step(np.tile(STILL, (vector.num_envs, 1)))[3].tolist() for _ in range(steps)]
    vector.close()
    return found


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_a_vectors_episodes_are_as_long_as_gymnasium_is_told(mode: str) -> None:
    vector = gymnasium.make_vec(environment_id("push"), num_envs=2, vectorization_mode=mode, max_episode_steps=5)
    assert ends(vector, 5) == [[False, False]] * 4 + [[True, True]]


def test_a_suites_episodes_are_as_long_as_gymnasium_is_told_and_else_as_their_tasks_say() -> None:
    told = gymnasium.make_vec("Tabletop/MT1-v0", task="push", max_episode_steps=5)
    assert ends(told, 5) == [[False]] * 4 + [[True]]
    own = ends(make_suite("MT1", task="reach-object", control_frequency=5), 20)
    assert own == [[False]] * 19 + [[True]]
    assert not np.any(ends(make_suite("MT1", task="reach-object", max_episode_steps=-1), 42))


def test_the_argument_that_gymnasium_has_for_it_is_the_only_one() -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'horizon'"):
        gymnasium.make("Tabletop/Push-v0", horizon=5)
