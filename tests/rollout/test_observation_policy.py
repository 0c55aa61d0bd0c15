"""Functions of the environment's observation as policies: what they see, what they are told, what they may answer."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
from gymnasium import spaces

from tabletop.envs import TabletopEnv
from tabletop.errors import TabletopError
from tabletop.logic import load_registry
from tabletop.rollout import Engine, Trajectory, episode
from tabletop.rollout.evaluate import evaluate
from tabletop.rollout.observation_policy import ObservationPolicy
from tabletop.sim import Scene, generate, load_scene_card

TASKS = load_registry()
STEPS = 6
ACTIONS = np.random.default_rng(0).uniform(-1.5, 1.5, (STEPS, 5)).astype(np.float32)
"""Some outside [-1, 1]."""


def up(observation: np.ndarray) -> np.ndarray:
    """Go up with open fingers, faster the lower the gripper is."""
    return np.array([0.0, 0.0, 1.0 - float(observation[3]), 0.0, 1.0])


def run(policy: ObservationPolicy, scene: Scene, steps: int = STEPS) -> Trajectory:
    return episode(policy, scene, 0, steps)


def leaves(observation: Any) -> dict[str, np.ndarray]:
    return observation if isinstance(observation, dict) else {"": observation}


@pytest.mark.parametrize(
    ("name", "observation"),
    [
        ("push", "state"),
        ("push", "goal"),
        ("reach", "goal"),
        ("drawer-open", "goal"),
        ("lift", "goal"),
        ("stack-three", "state"),
        ("rope-pull", "state"),
        (None, "state"),
    ],
)
@pytest.mark.parametrize("as_factory", [False, True])
@pytest.mark.parametrize("nodes", [0, 5])
def test_predict_sees_what_the_environment_shows_bit_for_bit(
    name: str | None, observation: str, as_factory: bool, nodes: int
) -> None:
    scene = generate(load_scene_card("discovery") if name is None else TASKS[name].scene, 3)
    env = TabletopEnv(name, observation=observation, nodes=nodes)
    shown = [env.reset(options={"scene": scene})[0]]
    states = [env.state.values]
    for action in ACTIONS:
        shown.append(env.step(action)[0])
        states.append(env.state.values)
    env.close()
    seen: list[Any] = []

    def predict(given: Any) -> np.ndarray:
        seen.append(given)
        return ACTIONS[len(seen) - 1]

    if as_factory and name is not None:
        policy = ObservationPolicy(predict, observation, nodes=nodes)(TASKS[name], scene)
    else:
        policy = ObservationPolicy(predict, observation, task=name, nodes=nodes)
    trajectory = run(policy, scene)
    assert np.array_equal(trajectory.states, np.stack(states))
    assert len(seen) == STEPS
    for one, two in zip(shown[:-1], seen, strict=True):
        assert list(leaves(one)) == list(leaves(two))
        for key, value in leaves(one).items():
            assert (value.dtype, value.tobytes()) == (leaves(two)[key].dtype, leaves(two)[key].tobytes())
            assert value.any()


def test_a_function_is_told_what_it_takes_and_its_memory_ends_with_the_episode() -> None:
    told = []

    def predict(state: Any, *, deterministic: bool, episode_start: np.ndarray, rng: np.random.Generator) -> Any:
        told.append((state.shape, deterministic, episode_start.tolist(), rng.integers(100)))
        return np.zeros(5)

    def remembers(observation: Any, state: int | None = None, episode_start: Any = None) -> tuple[np.ndarray, int]:
        told.append((state, episode_start.tolist()))
        return np.zeros(5), (state or 0) + 1

    scene = generate(TASKS["lift"].scene, 0)
    for deterministic in (True, False):
        run(ObservationPolicy(predict, deterministic=deterministic), scene, 2)
    draws = np.random.default_rng([0, 0]).integers(100, size=2).tolist()
    width = TabletopEnv("lift").observation_space.shape
    rest = [([True], draws[0]), ([False], draws[1])]
    assert told == [(width, flag, *r) for flag in (True, False) for r in rest]
    told.clear()
    policy = ObservationPolicy(remembers)
    for _ in range(2):
        run(policy, scene, 3)
    assert told == [(None, [True]), (1, [False]), (2, [False])] * 2


@pytest.mark.parametrize("answer", [[0.0] * 4, [[0.0] * 5], [np.nan] * 5, None, "up", ([0.0] * 4, None)])
def test_an_answer_that_is_no_action_is_refused_as_in_the_environment(answer: Any) -> None:
    scene = generate(TASKS["lift"].scene, 0)
    with pytest.raises(TabletopError, match="an action is 5 finite numbers") as error:
        run(ObservationPolicy(lambda observation: answer), scene)
    assert "\n" not in str(error.value)
    env = TabletopEnv("lift")
    env.reset(seed=0)
    with pytest.raises(TabletopError, match="an action is 5 finite numbers"):
        env.step(answer)
    env.close()


def test_what_makes_no_policy_is_refused_in_one_line() -> None:
    scene = generate(TASKS["stack"].scene, 0)
    box = spaces.Box(-1, 1, (7,), np.float32)
    cases = {
        'sees states and no pictures, got observation "pixels"; there are: state, goal': lambda: ObservationPolicy(
            up, "pixels"
        ),
        "unknown observation of a policy 'touch'; there are: goal, state": lambda: ObservationPolicy(up, "touch"),
        "such as a model's method predict, got int": lambda: ObservationPolicy(3),  # type: ignore[arg-type]
        "unknown task 'fly'": lambda: ObservationPolicy(up, task="fly"),
        'observation "goal" needs a task, got none': lambda: run(ObservationPolicy(up, "goal"), scene),
        "got task 'stack'": lambda: ObservationPolicy(up, "goal")(TASKS["stack"], scene),
        r"made for observations \(7,\); observation \"state\" of task 'stack' is \(": lambda: ObservationPolicy(
            up, space=box
        )(TASKS["stack"], scene),
        "must be reset before it acts": lambda: ObservationPolicy(up).act(None),  # type: ignore[arg-type]
    }
    for message, make in cases.items():
        with pytest.raises(TabletopError, match=message) as error:
            make()
        assert "\n" not in str(error.value)


def test_a_policy_of_a_task_of_its_own_keeps_it() -> None:
    policy = ObservationPolicy(up, task="push")
    assert policy(TASKS["lift"], generate(TASKS["lift"].scene, 0)).task is policy.task
    assert ObservationPolicy(up)(TASKS["lift"], generate(TASKS["lift"].scene, 0)).task == TASKS["lift"]


def test_rates_do_not_depend_on_the_number_of_workers() -> None:
    policy = ObservationPolicy(partial(up))
    results = []
    for workers in (0, 2):
        with Engine(workers) as engine:
            results.append(evaluate(engine, policy, TASKS["reach-object"], range(4), horizon=8))
    assert results[0] == results[1]


def test_a_function_without_a_name_runs_here_and_is_refused_for_workers() -> None:
    policy = ObservationPolicy(lambda observation: up(observation))
    with Engine(0) as engine:
        assert evaluate(engine, policy, TASKS["lift"], [0], horizon=2)["n"] == 1
    with Engine(1) as engine, pytest.raises(TabletopError, match=r"importable by name, got function .*<lambda>"):
        evaluate(engine, policy, TASKS["lift"], [0], horizon=2)


def test_a_model_in_memory_runs_here_and_is_refused_for_workers() -> None:
    sb3 = pytest.importorskip("stable_baselines3")
    env = TabletopEnv("reach")
    policy = ObservationPolicy(sb3.PPO("MlpPolicy", env, n_steps=8, batch_size=8, device="cpu", seed=0).predict)
    with Engine(0) as engine:
        assert evaluate(engine, policy, TASKS["reach"], [0], horizon=2)["n"] == 1
    with Engine(1) as engine, pytest.raises(TabletopError, match="got PPO; save it and give its path"):
        evaluate(engine, policy, TASKS["reach"], [0], horizon=2)
    env.close()
