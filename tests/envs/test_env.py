"""Environments: gymnasium's and Stable-Baselines3's contracts, rewards, seeds, goals, vectors of them."""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import yaml
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode

import tabletop as tt
from tabletop.envs import DISCOVERY, TabletopEnv, environment_id, environment_ids, state_names
from tabletop.envs.env import OBSERVATIONS
from tabletop.envs.goals import NumberGoal, has_goal, make_goal
from tabletop.envs.observe import STATE_WIDTH
from tabletop.errors import TabletopError
from tabletop.logic import load_registry
from tabletop.sim import World, generate, load_scene_card

TASKS = load_registry()
GOALS = [n for n, t in TASKS.items() if has_goal(t)]
MARKS = [n for n in GOALS if not isinstance(make_goal(TASKS[n], "sparse"), NumberGoal)]
IDS = list(environment_ids())


@pytest.fixture
def env(request: pytest.FixtureRequest) -> Iterator[TabletopEnv]:
    made = TabletopEnv(**request.param)
    yield made
    made.close()


def of(task: str | None = "push-left", **rest: object) -> dict[str, object]:
    return {"task": task, **rest}


def test_every_task_has_an_id_and_one_id_has_no_task() -> None:
    assert environment_id("pick-place") == "Tabletop/PickPlace-v0"
    assert set(environment_ids().values()) == {*TASKS, None}
    assert all(name in gymnasium.registry for name in IDS)


@pytest.mark.parametrize("name", IDS)
def test_gymnasiums_checker_passes_in_each_observation(name: str) -> None:
    task = environment_ids()[name]
    for observation in OBSERVATIONS:
        if observation == "goal" and task not in GOALS:
            with pytest.raises(TabletopError, match="goal"):
                gymnasium.make(name, observation=observation)
            continue
        made = gymnasium.make(name, observation=observation, render_mode="rgb_array", size=(48, 40))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            check_env(made.unwrapped, skip_render_check=True)
        made.close()


@pytest.mark.parametrize("observation", OBSERVATIONS)
@pytest.mark.parametrize("reward", ["dense", "sparse"])
def test_stable_baselines_checker_passes(observation: str, reward: str) -> None:
    checker = pytest.importorskip("stable_baselines3.common.env_checker")
    for name in ("push", "reach", "rotate"):
        made = TabletopEnv(name, observation=observation, reward=reward)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            checker.check_env(made)
        made.close()


@pytest.mark.slow
@pytest.mark.parametrize("name", IDS)
def test_stable_baselines_checker_passes_for_every_id_in_each_observation(name: str) -> None:
    checker = pytest.importorskip("stable_baselines3.common.env_checker")
    for observation in OBSERVATIONS:
        if observation == "goal" and environment_ids()[name] not in GOALS:
            continue
        for reward in ("dense", "sparse") if observation == "goal" else ("dense",):
            made = gymnasium.make(name, observation=observation, reward=reward)
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                checker.check_env(made.unwrapped)
            made.close()


@pytest.mark.parametrize("env", [of(), of(None), of(observation="pixels")], indirect=True)
def test_the_same_seed_gives_the_same_episodes_and_another_does_not(env: TabletopEnv) -> None:
    def run(seed: int) -> list[np.ndarray]:
        env.action_space.seed(1)
        seen = [env.reset(seed=seed)[0]]
        seen += [env.step(env.action_space.sample())[0] for _ in range(3)]
        seen.append(env.reset()[0])
        return seen

    one, two, other = run(5), run(5), run(6)
    assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))
    assert not np.array_equal(one[0], other[0])
    assert not np.array_equal(one[0], one[-1])


@pytest.mark.parametrize(
    ("env", "values"),
    [(of("reach-object"), (-1.0, 1.0)), (of("reach-object", reward="sparse"), (-1.0, 0.0))],
    indirect=["env"],
)
def test_success_is_in_info_and_the_reward_rises_with_it(env: TabletopEnv, values: tuple) -> None:
    """Going to the object raises the reward from step to step until the task is done."""
    _, info = env.reset(seed=3)
    assert info == {"is_success": False, "success": False, "horizon": 40}
    rewards, done = [], False
    for _ in range(40):
        gap = env.state.entity("object", "position") - env.state.robot("gripper_position")
        _, reward, _, _, info = env.step(np.array([*np.clip(gap / 0.04, -1, 1), 0, 1], np.float32))
        rewards.append(reward)
        done = done or info["is_success"]
    assert done
    assert all(isinstance(info[k], bool) for k in ("is_success", "success"))
    assert values[0] <= min(rewards) < max(rewards) <= values[1]
    assert max(rewards) >= 0.0 > rewards[0]


@pytest.mark.parametrize("name", ["push", "drawer-open", None])
def test_a_seed_is_the_number_of_the_scene_that_it_begins_with(name: str | None) -> None:
    card = TASKS[name].scene if name else load_scene_card("discovery")
    made = TabletopEnv(name)
    for seed in (0, 7, 2**31 - 1):
        made.reset(seed=seed)
        assert made.world.scene == generate(card, seed)
    first = made.reset(seed=2**31)[0]
    assert made.observation_space.contains(first), "a larger seed draws a scene"
    made.close()


def test_a_seed_that_is_no_number_of_the_environments_scenes_draws_one_of_them() -> None:
    made = TabletopEnv("push", scenes=(50, 60))
    numbers = []
    for seed in (0, 49, 50, 59, 60, 2**40):
        made.reset(seed=seed)
        assert made.world.scene is not None
        numbers.append(made.world.scene.seed)
    assert numbers[2:4] == [50, 59]
    assert set(numbers) <= {*range(50, 60)}
    made.close()


@pytest.mark.parametrize("env", [of(None)], indirect=True)
def test_discovery_has_no_reward_and_no_success(env: TabletopEnv) -> None:
    assert env.reset(seed=0)[1] == {"horizon": 60}
    assert env.step(np.ones(5, np.float32))[1] == 0.0


@pytest.mark.parametrize("name", GOALS)
@pytest.mark.parametrize("reward", ["dense", "sparse"])
def test_computed_rewards_of_goals_are_the_steps_rewards(name: str, reward: str) -> None:
    made = TabletopEnv(name, observation="goal", reward=reward)
    plain = TabletopEnv(name, reward=reward)
    made.reset(seed=1)
    plain.reset(seed=1)
    seen, rewards, others = [], [], []
    for action in np.random.default_rng(0).uniform(-1, 1, (12, 5)).astype(np.float32):
        observation, step_reward, *_ = made.step(action)
        seen.append(observation)
        rewards.append(step_reward)
        others.append(plain.step(action)[1])
    achieved, desired = (np.stack([o[k] for o in seen]) for k in ("achieved_goal", "desired_goal"))
    assert made.compute_reward(achieved, desired, [{}] * 12).tolist() == rewards
    np.testing.assert_allclose(rewards, others, atol=2e-5)
    relabelled = made.compute_reward(achieved, achieved, [{}] * 12)
    assert (relabelled >= made.compute_reward(achieved, desired, [{}] * 12)).all()
    made.close()
    plain.close()


@pytest.mark.parametrize("name", MARKS)
def test_putting_the_thing_on_the_mark_is_the_goal_achieved(name: str) -> None:
    made = TabletopEnv(name, observation="goal", reward="sparse")
    observation, _ = made.reset(seed=2)
    goal = observation["achieved_goal"].copy()
    assert made.compute_reward(goal, observation["desired_goal"], {}) == -1.0
    # What else the formula says is granted.
    pose, place = (3, 3) if "reached" in TASKS[name].success.text else (10, 2)
    for part in (slice(0, place), slice(pose, None)):
        goal[part] = observation["desired_goal"][part]
    assert made.compute_reward(goal, observation["desired_goal"], {}) == 0.0
    made.close()


def test_tasks_that_bring_a_thing_or_the_gripper_to_a_mark_have_goals() -> None:
    assert {
        "push",
        "pick-place",
        "push-back",
        "pick-place-wall",
        "coffee-pull",
        "plate-slide",
        "reach",
        "reach-wall",
    } <= {*MARKS}
    assert not {"stack", "rotate", "push-left", "reach-object", "drawer-open"} & {*MARKS}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["reach", "push", "rotate", "faucet-open"])
def test_stable_baselines_learns_with_hindsight(name: str) -> None:
    """SAC with its HER buffer runs on the environment as it is, and hindsight turns failures into successes."""
    sb3 = pytest.importorskip("stable_baselines3")
    made = gymnasium.make(environment_id(name), observation="goal", reward="sparse", max_episode_steps=10)
    buffer = sb3.HerReplayBuffer
    kwargs = {"n_sampled_goal": 4, "goal_selection_strategy": "future"}
    learner = sb3.SAC(
        *("MultiInputPolicy", made),
        replay_buffer_class=buffer,
        replay_buffer_kwargs=kwargs,
        learning_starts=20,
        batch_size=64,
        policy_kwargs={"net_arch": [16]},
        device="cpu",
        seed=0,
    )
    learner.learn(60)
    batch = learner.replay_buffer.sample(256)
    rewards = batch.rewards.numpy().ravel()
    assert set(np.unique(rewards)) <= {-1.0, 0.0}
    assert (rewards == 0.0).mean() > (0.2 if name == "reach" else 0.0)
    made.close()


@pytest.mark.parametrize("env", [of("pick-place", observation="goal")], indirect=True)
def test_the_mark_is_seen_as_the_goal_only(env: TabletopEnv) -> None:
    observation, _ = env.reset(seed=0)
    x = env.state.entity("target", "position")[0]
    np.testing.assert_allclose(observation["desired_goal"][0], x, rtol=1e-6)
    assert not np.isclose(observation["observation"], x, atol=1e-6).any()


@pytest.mark.parametrize("env", [of()], indirect=True)
def test_a_given_scene_is_used_and_a_wrong_one_refused(env: TabletopEnv) -> None:
    scene = generate(TASKS["push-left"].scene, 7)
    one, _ = env.reset(seed=0, options={"scene": scene})
    two, _ = env.reset(seed=1, options={"scene": scene})
    assert np.array_equal(one, two)
    with pytest.raises(TabletopError, match="unknown entity 'block'"):
        env.reset(options={"scene": generate({"entities": {"thing": "ball"}}, 0)})
    with pytest.raises(TabletopError, match="there are: card, goal, scene"):
        env.reset(options={"scenes": scene})
    with pytest.raises(TabletopError, match="must be a Scene"):
        env.reset(options={"scene": 3})
    with pytest.raises(TabletopError, match="take scene or card, got both"):
        env.reset(options={"scene": scene, "card": "discovery"})


@pytest.mark.parametrize(
    "arguments",
    [
        of("no-such-task"),
        of(observation="touch"),
        of(reward="generous"),
        of(render_mode="human"),
        of(size=(0, 84)),
        of(size=84),
        of(size=(84, 84, 3)),
        of(size=(84.5, 84)),
        of(size=(True, 84)),
        of(render_size="ab"),
        of(scenes=3),
        of(scenes=(0, 2.5)),
        of(scenes=("a", "b")),
        of(scenes=(5, 5)),
        of(scenes=(0, 2**31 + 1)),
        of(cameras=3),
        of(modalities=3),
        of(terminate_on_success="no"),
        of(3),
        of(None, observation="goal"),
        of("stack", observation="goal"),
        of(None, terminate_on_success=True),
        of(control_frequency=25),
        of(robot="arm"),
        of(card="no-such-card"),
        of(card="missing.yaml"),
        of(card={"entities": {"block": "no-such-kind"}}),
        of(card={"entities": {"thing": "block"}}),
    ],
)
def test_wrong_arguments_are_refused_in_one_line(arguments: dict[str, object]) -> None:
    with pytest.raises(TabletopError) as error:
        TabletopEnv(**arguments)  # type: ignore[arg-type]
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("env", [of()], indirect=True)
@pytest.mark.parametrize("options", [3, [1], "scene", {"goals": 1}, {"card": 3}, {"goal": None}])
def test_wrong_options_are_refused_in_one_line(env: TabletopEnv, options: Any) -> None:
    with pytest.raises(TabletopError) as error:
        env.reset(seed=0, options=options)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("env", [of()], indirect=True)
@pytest.mark.parametrize("action", [np.zeros(4), np.full(5, np.nan), np.zeros((1, 5))])
def test_a_wrong_action_is_refused(env: TabletopEnv, action: np.ndarray) -> None:
    env.reset(seed=0)
    with pytest.raises(TabletopError, match="5 finite numbers"):
        env.step(action)


def test_an_episode_terminates_at_the_first_step_at_which_the_task_is_done() -> None:
    ends = {}
    for terminates in (False, True):
        made = TabletopEnv("reach-object", reward="sparse", terminate_on_success=terminates)
        _, info = made.reset(seed=3)
        assert not info["is_success"]
        ends[terminates] = []
        for _ in range(30):
            gap = made.state.entity("object", "position") - made.state.robot("gripper_position")
            action = np.array([*np.clip(gap / 0.04, -1, 1), 0, 1], np.float32)
            _, reward, terminated, truncated, info = made.step(action)
            assert not truncated
            assert terminated == (terminates and info["is_success"])
            ends[terminates].append(info["is_success"])
            if terminated:
                assert reward == 0.0
                break
        made.close()
    first = ends[False].index(True)
    assert ends[True] == ends[False][: first + 1]
    assert len(ends[False]) == 30


def test_a_control_frequency_changes_the_steps_and_neither_speed_nor_seconds() -> None:
    def run(frequency: float) -> tuple[TabletopEnv, float, float]:
        made = TabletopEnv("push-left", control_frequency=frequency)
        made.reset(seed=0)
        before = made.state.robot("gripper_position")[1]
        for _ in range(round(frequency * 0.5)):
            observation, *_ = made.step(np.array([0, 1, 0, 0, 1], np.float32))
        went = float(made.state.robot("gripper_position")[1] - before)
        made.close()
        return made, float(observation[0]), went

    (ten, time, went), (forty, time_too, went_too) = run(10), run(40)
    assert time == pytest.approx(0.5)
    assert time_too == pytest.approx(0.5)
    assert went_too == pytest.approx(went, rel=0.15)
    assert (ten.metadata["render_fps"], forty.metadata["render_fps"]) == (10, 40)
    assert forty.horizon == 4 * ten.horizon == 4 * TASKS["push-left"].horizon
    assert TabletopEnv.metadata["render_fps"] == 10


def test_scenes_are_drawn_from_a_card_of_ones_own(tmp_path: Path) -> None:
    card = {"entities": {"cube": {"kind": "block", "at": {"x": 0.5, "y": 0.1}}}}
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(card), encoding="utf-8")
    seen = []
    for given in (card, path, str(path)):
        made = TabletopEnv(card=given)
        seen.append(made.reset(seed=1)[0])
        assert made.state.layout.names == ("cube",)
        np.testing.assert_allclose(made.state.entity("cube", "position")[:2], (0.5, 0.1))
        made.close()
    assert np.array_equal(seen[0], seen[1])
    assert np.array_equal(seen[0], seen[2])
    made = TabletopEnv(card="workshop")
    made.reset(seed=1)
    assert set(made.state.layout.names) >= {"red", "blue"}
    made.close()


def test_a_scene_without_room_gives_way_to_another() -> None:
    crowded = {"entities": {f"bin{i}": "bin" for i in range(4)}}

    def has_room(number: int) -> bool:
        try:
            return bool(generate(crowded, number))
        except TabletopError:
            return False

    full = next(n for n in range(100) if not has_room(n) and has_room(n + 1))
    made = TabletopEnv(card=crowded, scenes=(full, full + 2))
    for seed in range(4):
        made.reset(seed=seed)
        assert made.world.scene is not None
        assert made.world.scene.seed == full + 1
    made.close()
    made = TabletopEnv(card=crowded, scenes=(full, full + 1))
    with pytest.raises(TabletopError, match="no room for"):
        made.reset(seed=0)
    made.close()


def test_stable_baselines_learns_from_several_cameras() -> None:
    sb3 = pytest.importorskip("stable_baselines3")
    made = TabletopEnv("reach", observation="pixels", cameras=("scene", "wrist"), size=(40, 36))
    learner = sb3.PPO("MultiInputPolicy", made, n_steps=8, batch_size=8, n_epochs=1, device="cpu", seed=0)
    learner.learn(8)
    assert learner.num_timesteps == 8
    made.close()


def test_a_task_runs_on_another_card_that_has_its_things() -> None:
    card = {"entities": {"wall": "wall", "block": {"kind": "can", "at": {"x": 0.5, "y": 0.0}}}}
    made = TabletopEnv("push-left", card=card)
    made.reset(seed=1)
    assert made.state.layout.names == ("wall", "block")
    assert made.state.layout.kind("block") == "can"
    made.close()
    plain = TabletopEnv("push-left")
    plain.reset(seed=1, options={"card": card})
    assert plain.state.layout.kind("block") == "can"
    plain.reset(seed=1)
    assert plain.state.layout.names[0] == "block"
    with pytest.raises(TabletopError, match="unknown entity 'block'"):
        plain.reset(options={"card": {"entities": {"thing": "can"}}})
    plain.close()


CHOICES = [
    {"task": "push", "observation": "goal", "terminate_on_success": True, "control_frequency": 20},
    {"task": "drawer-open", "card": {"entities": {"drawer": "drawer", "cup": "mug"}}, "robot": "panda"},
    {"task": "stack", "observation": "pixels", "cameras": ("scene", "wrist", "top"), "size": (40, 36)},
    {"task": None, "card": "workshop", "observation": "pixels", "cameras": "wrist", "size": (40, 36)},
    {"task": "reach", "observation": "pixels", "modalities": ("rgb", "depth", "segmentation"), "size": (40, 36)},
]


@pytest.mark.parametrize("arguments", CHOICES)
def test_checkers_pass_with_every_choice(arguments: dict) -> None:
    checker = pytest.importorskip("stable_baselines3.common.env_checker")
    made = TabletopEnv(**arguments)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(made, skip_render_check=True)
        # Stable-Baselines3 has no depth and no segmentation: it says so and goes on.
        warnings.filterwarnings("ignore", message=".*(unconventional shape|your observation .* is an image).*")
        checker.check_env(made)
    made.close()


@pytest.mark.parametrize("mode", ["sync", "async"])
@pytest.mark.parametrize("arguments", CHOICES)
def test_vectors_take_every_choice(arguments: dict, mode: str) -> None:
    rest = {k: v for k, v in arguments.items() if k != "task"}
    name = environment_id(arguments["task"]) if arguments["task"] else DISCOVERY
    vector = gymnasium.make_vec(name, num_envs=2, vectorization_mode=mode, max_episode_steps=2, **rest)
    observations, info = vector.reset(seed=[1, 2])
    assert vector.observation_space.contains(observations)
    if "segmentation" in rest.get("modalities", ()):
        assert info["segmentation_ids"]["robot"].tolist() == [1, 1]
    observations, _, _, truncated, _ = vector.step(np.zeros((2, 5), np.float32))
    assert not truncated.any()
    observations, _, _, truncated, _ = vector.step(np.zeros((2, 5), np.float32))
    assert truncated.all()
    assert vector.observation_space.contains(observations)
    vector.close()


def test_vectors_end_with_success_where_they_are_told_to() -> None:
    """In one of two environments what is asked for holds from the first: it terminates at once, the other does not."""
    vector = gymnasium.make_vec("Tabletop/DoorClose-v0", num_envs=1, terminate_on_success=True, observation="goal")
    for goal, ends in ((1.0, True), (0.0, False)):
        vector.reset(seed=1, options={"goal": [goal]})
        assert vector.step(np.zeros((1, 5), np.float32))[2].tolist() == [ends]
    vector.close()


@pytest.mark.parametrize("env", [of(render_mode="rgb_array", render_size=(64, 48))], indirect=True)
def test_rendering_gives_a_picture_of_the_asked_size(env: TabletopEnv) -> None:
    env.reset(seed=0)
    picture = env.render()
    assert picture is not None
    assert (picture.shape, picture.dtype) == ((48, 64, 3), np.uint8)
    assert picture.std() > 10


@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP])
def test_vectors_of_environments_reset_themselves_in_both_modes(mode: AutoresetMode) -> None:
    vector = gymnasium.make_vec(
        "Tabletop/PushLeft-v0", num_envs=2, max_episode_steps=2, vector_kwargs={"autoreset_mode": mode}
    )
    observations, _ = vector.reset(seed=[1, 2])
    assert not np.array_equal(observations[0], observations[1])
    times, ends = [], []
    for _ in range(3):
        observations, _, terminated, truncated, _ = vector.step(np.zeros((2, 5), np.float32))
        times.append(round(float(observations[0, 0]), 3))
        ends.append(bool(truncated[0]))
        assert not terminated.any()
    if mode is AutoresetMode.NEXT_STEP:
        assert (times, ends) == ([0.1, 0.2, 0.0], [False, True, False])
    else:
        assert (times, ends) == ([0.1, 0.0, 0.1], [False, True, False])
    vector.close()


def test_importing_the_environments_does_not_load_torch() -> None:
    code = "import sys, tabletop.envs; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_id_without_a_task_is_made_by_its_name() -> None:
    made = gymnasium.make(DISCOVERY)
    assert made.reset(seed=0)[0].dtype == np.float32
    made.close()


@pytest.mark.parametrize(("control", "size"), [("pose", 7), ("joint", 7)])
def test_actions_may_be_whole_poses_or_changes_of_joints(control: str, size: int) -> None:
    env = TabletopEnv("push", robot="cobot6", control=control)
    assert env.action_space.shape == (size,)
    check_env(env, skip_render_check=True)
    observation, _ = env.reset(seed=0)
    assert observation.shape == (STATE_WIDTH,)
    # Six joints where seven have room.
    assert observation[state_names().index("robot.joints.6")] == 0
    with pytest.raises(TabletopError, match="an action is 7 finite numbers"):
        env.step(np.zeros(5, np.float32))
    kept = env.save()
    after = [env.step(np.full(size, 0.3, np.float32))[0] for _ in range(3)]
    env.restore(kept)
    assert all((env.step(np.full(size, 0.3, np.float32))[0] == seen).all() for seen in after)
    env.close()


def test_a_scene_of_an_arm_with_other_joints_is_refused() -> None:
    env = TabletopEnv(None, robot="cobot6", control="joint")
    with pytest.raises(TabletopError, match=r"robot 'panda' takes actions of 8 numbers, .* 'cobot6' of 7"):
        env.reset(options={"scene": generate(load_scene_card("discovery"), 0)})
    env.close()


def test_a_snapshot_of_an_arm_with_other_joints_is_refused_and_the_episode_goes_on() -> None:
    other, env = TabletopEnv(None, control="joint"), TabletopEnv(None, robot="cobot6", control="joint")
    other.reset(seed=0)
    env.reset(seed=0)
    before = env.state.values
    with pytest.raises(TabletopError, match=r"the snapshot: robot 'panda' takes actions of 8 numbers, .* of 7"):
        env.restore(other.save())
    assert np.array_equal(env.state.values, before)
    env.close()
    other.close()


@pytest.mark.parametrize("robot", [["cobot6"], 6, "", "r2d2"])
def test_what_names_no_robot_is_refused_in_one_line(robot: Any) -> None:
    card = load_scene_card("discovery")
    for ask in (
        lambda: TabletopEnv("push", robot=robot),
        lambda: World(robot),
        lambda: generate(card, 0, robot=robot),
        lambda: tt.use_robot(robot),
        lambda: tt.check_robot(robot),
    ):
        with pytest.raises(TabletopError, match=r"robot must be the name of a card|unknown robot '"):
            ask()


def test_a_control_that_is_none_is_refused() -> None:
    with pytest.raises(TabletopError, match=r"unknown control 'torque'; there are: cartesian, joint, pose"):
        TabletopEnv("push", control="torque")
