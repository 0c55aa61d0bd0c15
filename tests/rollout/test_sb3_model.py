"""Models that Stable-Baselines3 saved, as policies: each algorithm, both observations, and what is refused."""

from __future__ import annotations

import json
import sys
import zipfile
from importlib import import_module
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.wrappers import TimeLimit

from tabletop.envs import TabletopEnv
from tabletop.errors import TabletopError
from tabletop.logic import load_registry
from tabletop.rollout import Engine
from tabletop.rollout.evaluate import evaluate, run_task
from tabletop.rollout.policy_file import load_policy_file
from tabletop.rollout.sb3_model import load_model
from tabletop.sim import generate

sb3 = pytest.importorskip("stable_baselines3")
REACH = load_registry()["reach"]
ROLLOUT = {"device": "cpu", "n_steps": 8, "batch_size": 8}
OFF_POLICY = {"SAC", "TD3", "DDPG", "TQC", "CrossQ"}


def small() -> dict[str, Any]:
    """Return settings of a small model, anew: models write into them."""
    return {"device": "cpu", "seed": 0, "policy_kwargs": {"net_arch": [8]}}


def made(package: str, name: str, env: gymnasium.Env[Any, Any], **rest: Any) -> Any:
    policies = {"RecurrentPPO": "MlpLstmPolicy", "ARS": "LinearPolicy"}
    settings = {**small(), **({"buffer_size": 20} if name in OFF_POLICY else {}), **rest}
    if name == "ARS":
        settings.pop("policy_kwargs")
    algorithm = getattr(pytest.importorskip(package), name)
    return algorithm(policies.get(name, "MlpPolicy"), env, **settings)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("package", "name", "loaded_as"),
    [
        *(("stable_baselines3", name, name) for name in ("PPO", "A2C", "SAC", "TD3")),
        ("stable_baselines3", "DDPG", "TD3"),
        *(("sb3_contrib", name, name) for name in ("TRPO", "TQC", "CrossQ", "ARS", "RecurrentPPO")),
    ],
)
def test_a_saved_model_acts_as_the_one_in_memory(here: Path, package: str, name: str, loaded_as: str) -> None:
    env = TabletopEnv("reach")
    model = made(package, name, env)
    if name == "ARS":  # begins with weights of 0
        model.policy.load_from_vector(np.random.default_rng(0).normal(0, 0.1, model.n_params))
    model.save("model")
    run = run_task(REACH, load_policy_file("model.zip"), 5, horizon=4)
    observation, _ = env.reset(options={"scene": generate(REACH.scene, 5)})
    memory, actions = None, []
    for step in range(4):
        start = np.array([step == 0])
        action, memory = model.predict(observation, state=memory, episode_start=start, deterministic=True)
        actions.append(action)
        observation = env.step(action)[0]
    env.close()
    assert run.actions.tolist() == np.stack(actions).tolist()
    assert np.ptp(run.actions, axis=0).max() > 0
    loaded = load_model(here / "model.zip")
    assert type(loaded).__name__ == loaded_as
    assert getattr(loaded, "buffer_size", 1) == 1


def test_a_model_with_hindsight_loads_without_an_environment_and_keeps_to_its_goals(here: Path) -> None:
    env = TimeLimit(TabletopEnv("reach", observation="goal", reward="sparse"), 10)
    model = sb3.SAC(
        "MultiInputPolicy", env, replay_buffer_class=sb3.HerReplayBuffer, learning_starts=20, buffer_size=200, **small()
    )
    model.learn(30)
    model.save("model")
    make = load_policy_file("model.zip")
    run = run_task(REACH, make, 5, horizon=1)
    observation, _ = env.reset(options={"scene": generate(REACH.scene, 5)})
    assert run.actions[0].tolist() == model.predict(observation, deterministic=True)[0].tolist()
    env.close()
    make.check([REACH])
    tasks = load_registry()
    with pytest.raises(TabletopError, match=r"^model.zip: observation \"goal\" needs .* got task 'stack'"):
        make.check([REACH, tasks["stack"]])
    with pytest.raises(TabletopError, match=r"^model.zip: the policy was made for observations .* of task 'lift' is"):
        make.check([REACH, tasks["lift"]])


@pytest.mark.parametrize(("observation", "nodes"), [("state", 4), ("goal", 2)])
def test_a_model_sees_as_many_nodes_as_it_was_made_for(here: Path, observation: str, nodes: int) -> None:
    env = TabletopEnv("reach", observation=observation, nodes=nodes)
    kind = "MlpPolicy" if observation == "state" else "MultiInputPolicy"
    model = sb3.PPO(kind, env, **small())
    model.save("model")
    run = run_task(REACH, load_policy_file("model.zip"), 5, horizon=1)
    observed, _ = env.reset(options={"scene": generate(REACH.scene, 5)})
    assert run.actions[0].tolist() == model.predict(observed, deterministic=True)[0].tolist()
    env.close()


def test_rates_of_a_model_do_not_depend_on_the_number_of_workers(here: Path) -> None:
    env = TabletopEnv("reach")
    made("stable_baselines3", "PPO", env, policy_kwargs={"net_arch": [256, 256]}).save("model")
    env.close()
    results = []
    for workers in (0, 1):
        with Engine(workers) as engine:
            results.append(evaluate(engine, load_policy_file("model.zip"), REACH, range(4), horizon=20))
    assert results[0] == results[1]


@pytest.mark.parametrize(
    ("name", "env", "message"),
    [
        ("PPO", "CartPole-v1", r"a policy acts with 5 numbers, got a model for actions of Discrete\(2\)$"),
        (
            "SAC",
            "Pendulum-v1",
            r"a policy acts with 5 numbers, got a model for actions of Box\(-2.0, 2.0, \(1,\), float32",
        ),
        ("DQN", "CartPole-v1", r"model 'model.zip' is of none of the algorithms .*: A2C, ARS, CrossQ, DDPG, PPO, "),
    ],
)
def test_a_model_of_another_robot_is_refused(here: Path, name: str, env: str, message: str) -> None:
    getattr(sb3, name)("MlpPolicy", env, **small()).save("model")
    with pytest.raises(TabletopError, match=f"^model.zip: {message}"):
        load_policy_file("model.zip")


def test_a_model_of_pictures_or_of_other_observations_is_refused(here: Path) -> None:
    env = TabletopEnv("reach", observation="pixels", size=(40, 40))
    sb3.PPO("CnnPolicy", env, **ROLLOUT).save("model")
    env.close()
    with pytest.raises(TabletopError, match=r"^model.zip: a policy sees states and no pictures"):
        load_policy_file("model.zip")
    cut = gymnasium.wrappers.FlattenObservation(
        gymnasium.wrappers.FilterObservation(TabletopEnv("reach", observation="goal"), ["observation", "desired_goal"])
    )
    sb3.PPO("MlpPolicy", cut, **ROLLOUT).save("model")
    cut.close()
    with pytest.raises(
        TabletopError, match=r"^model.zip: a policy sees observation \"state\", 270 numbers, or \"goal\""
    ):
        load_policy_file("model.zip")


def test_what_is_no_model_is_one_line(here: Path) -> None:
    (here / "model.zip").write_bytes(b"text")
    with pytest.raises(
        TabletopError, match=r"^model.zip: .* must be a .zip that Stable-Baselines3 saved: File is not a"
    ):
        load_policy_file("model.zip")
    for data in (None, "[1]", "{}", "{"):
        with zipfile.ZipFile(here / "model.zip", "w") as archive:
            archive.writestr("other" if data is None else "data", data or "")
        with pytest.raises(
            TabletopError, match=r"^model.zip: .* must be a .zip that Stable-Baselines3 saved: "
        ) as error:
            load_policy_file("model.zip")
        assert "\n" not in str(error.value)


def test_a_damaged_model_is_one_line_that_says_where_its_loader_gave_up(here: Path) -> None:
    env = TabletopEnv("reach")
    made("stable_baselines3", "PPO", env).save("model")
    env.close()
    with zipfile.ZipFile(here / "model.zip") as archive:
        kept = {name: archive.read(name) for name in archive.namelist()}
    data = json.loads(kept["data"])
    del data["observation_space"]
    with zipfile.ZipFile(here / "model.zip", "w") as archive:
        for name, content in {**kept, "data": json.dumps(data)}.items():
            archive.writestr(name, content)
    with pytest.raises(TabletopError, match=r"^model.zip \(in base_class.py:\d+\): KeyError: ") as error:
        load_policy_file("model.zip")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("name", "package"), [("PPO", "stable_baselines3"), ("TRPO", "sb3_contrib")])
def test_a_missing_package_is_named(here: Path, monkeypatch: pytest.MonkeyPatch, name: str, package: str) -> None:
    data = {"policy_class": {}, "clip_range": 0.2} if name == "PPO" else {"policy_class": {}, "cg_max_steps": 1}
    with zipfile.ZipFile(here / "model.zip", "w") as archive:
        archive.writestr("data", json.dumps(data))
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError):
        import_module(package)
    needs = f"model.zip: model 'model.zip' needs {package}; install it with: pip install {package.replace('_', '-')}"
    with pytest.raises(TabletopError, match=f"^{needs}$"):
        load_policy_file("model.zip")
