"""Environments that go back to a kept moment, and those whose world is taken to one without them."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import gymnasium
import numpy as np
import pytest

from tabletop.config import SimSettings
from tabletop.envs import EnvSnapshot, TabletopEnv
from tabletop.errors import TabletopError
from tabletop.sim import World, generate

ACTIONS = np.random.default_rng(0).uniform(-1, 1, (16, 5)).astype(np.float32)
KINDS: list[dict[str, Any]] = [
    {"task": "push", "observation": "goal", "reward": "sparse"},
    {"task": "drawer-open", "observation": "goal"},
    {"task": "lift", "terminate_on_success": True, "control_frequency": 20},
    {"task": "reach", "observation": "pixels", "cameras": ("scene", "wrist"), "size": (24, 20)},
    {"task": None},
]


def same(one: object, other: object) -> bool:
    """Return whether two outcomes are equal to the last bit."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[k], other[k]) for k in one)
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(same(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return one.dtype == other.dtype and one.tobytes() == other.tobytes()
    return type(one) is type(other) and one == other


def going_on(env: gymnasium.Env, seed: int | None = None) -> tuple[object, ...]:
    """Return all that comes next: of four steps, of the next episode's beginning and of a step in it."""
    return (*[env.step(a) for a in ACTIONS[8:12]], env.reset(seed=seed), env.step(ACTIONS[12]))


@pytest.mark.parametrize("arguments", KINDS)
def test_a_restored_environment_goes_on_as_it_did_bit_for_bit(arguments: dict[str, Any]) -> None:
    env = TabletopEnv(**arguments)
    env.reset(seed=3)
    env.reset()
    for action in ACTIONS[:7]:
        env.step(action)
    before, seed = env.step(ACTIONS[7])[0], env.np_random_seed
    kept = env.save()
    state = env.state.values
    expected = going_on(env)
    other = TabletopEnv(**arguments)
    for one in (env, other):
        observation, info = one.restore(kept)
        assert same(observation, before)
        assert info["horizon"] == env.horizon
        assert one.np_random_seed == seed
        assert np.array_equal(one.state.values, state)
        assert same(going_on(one), expected)
        one.close()


def test_a_snapshot_is_not_touched_by_what_comes_after_it() -> None:
    env = TabletopEnv("push")
    env.reset(seed=1)
    kept = env.save()
    first = going_on(env)
    for _ in range(2):
        env.restore(kept)
        assert same(going_on(env), first)
    env.close()


@pytest.mark.parametrize(("observation", "reward"), [("goal", "sparse"), ("goal", "dense"), ("state", "sparse")])
def test_what_a_reset_asked_for_comes_back_and_does_not_stay(observation: str, reward: str) -> None:
    env = TabletopEnv("drawer-open", observation=observation, reward=reward)
    env.reset(seed=2, options={"goal": 0.01})
    kept = env.save()
    asked = [env.step(a) for a in ACTIONS[:5]]
    env.reset(seed=2)
    own = env.save()
    told = [env.step(a) for a in ACTIONS[:5]]
    for snapshot, expected in ((kept, asked), (own, told)):
        env.restore(snapshot)
        assert same(tuple(env.step(a) for a in ACTIONS[:5]), tuple(expected))
    if observation == "goal":
        assert (asked[0][0]["desired_goal"][0], told[0][0]["desired_goal"][0]) == (np.float32(0.01), np.float32(0.8))
    env.close()


def test_a_mark_that_a_reset_moved_comes_back() -> None:
    env = TabletopEnv("push", observation="goal")
    asked, _ = env.reset(seed=0, options={"goal": [0.5, -0.2]})
    kept = env.save()
    env.reset(seed=0)
    assert same(env.restore(kept)[0], asked)
    env.close()


def test_a_snapshot_crosses_processes_and_leaves_what_is_shown_to_the_environment() -> None:
    vector = gymnasium.make_vec("Tabletop/Push-v0", num_envs=2, vectorization_mode="async")
    vector.reset(seed=[4, 5])
    expected = vector.step(ACTIONS[:2])[0]
    kept = vector.call("save")
    vector.close()
    for i, snapshot in enumerate(kept):
        goal = TabletopEnv("push", observation="goal")
        plain = TabletopEnv("push")
        goal.restore(snapshot)
        assert np.array_equal(plain.restore(pickle.loads(pickle.dumps(snapshot)))[0], expected[i])
        assert np.array_equal(goal.state.values, plain.state.values)
        goal.close()
        plain.close()


def test_a_copy_of_an_environment_has_its_wrappers_counts_too() -> None:
    env = gymnasium.make("Tabletop/Push-v0", observation="goal", max_episode_steps=4)
    env.reset(seed=0)
    env.step(ACTIONS[0])
    twin = copy.deepcopy(env)
    one, other = ([made.step(a) for a in ACTIONS[1:4]] for made in (env, twin))
    assert same(tuple(one), tuple(other))
    assert [row[3] for row in one] == [False, False, True]
    assert twin.unwrapped.compute_reward.__self__ is twin.unwrapped
    env.close()
    twin.close()


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))])
@pytest.mark.parametrize("arguments", KINDS[1:4])
def test_a_copy_has_a_world_of_its_own_and_goes_on_alike(arguments: dict[str, Any], again: Any) -> None:
    env = TabletopEnv(**arguments)
    env.reset(seed=1)
    env.step(ACTIONS[0])
    twin = again(env)
    assert twin.world is not env.world
    expected = going_on(env)
    env.close()
    assert same(going_on(twin), expected)
    twin.close()


@pytest.mark.parametrize(
    "arguments", [{"task": "push", "observation": "goal"}, {"task": "drawer-open"}, {"task": None}]
)
def test_what_is_said_is_true_after_the_world_alone_went_back(arguments: dict[str, Any]) -> None:
    env = TabletopEnv(**arguments)
    env.reset(seed=3)
    for action in ACTIONS[:4]:
        env.step(action)
    kept, state = env.world.save(), env.state.values
    expected = [env.step(a) for a in ACTIONS[4:8]]
    for again in (lambda: None, lambda: env.reset(seed=9)):  # From the same episode, and from another.
        again()
        env.world.restore(kept)
        assert np.array_equal(env.state.values, state)
        assert same(tuple(env.step(a) for a in ACTIONS[4:8]), tuple(expected))
    env.close()


def test_what_is_said_is_true_of_another_scene_that_was_loaded_into_the_world() -> None:
    """The task's things are in other columns there; what is not there is named in one line."""
    card = {"entities": {"wall": "wall", "block": {"kind": "can", "at": {"x": 0.5, "y": 0.0}}, "target": "target"}}
    env, other = TabletopEnv("push", observation="goal"), TabletopEnv("push", observation="goal")
    env.reset(seed=0)
    scene = generate(card, 4)
    env.world.load(scene)
    other.reset(options={"scene": scene})
    assert same(env.step(ACTIONS[0]), other.step(ACTIONS[0]))
    env.world.load(generate({"entities": {"thing": "ball"}}, 0))
    with pytest.raises(TabletopError, match="unknown entity 'block'"):
        env.step(ACTIONS[0])
    env.close()
    other.close()


def test_what_is_done_to_the_world_is_in_the_state_at_once() -> None:
    env = TabletopEnv("push")
    env.reset(seed=0)
    there = env.world.step(ACTIONS[0])
    assert np.array_equal(env.state.values, there.values)
    env.close()


@pytest.mark.parametrize("card", ["discovery", "everything", "fabrics"])
def test_reading_the_state_changes_nothing(card: str) -> None:
    def run(reads: int) -> np.ndarray:
        env = TabletopEnv(card=card)
        env.reset(seed=1)
        rows = []
        for action in ACTIONS[:6]:
            env.step(action)
            rows += [env.state.values for _ in range(reads)][:1]
        env.close()
        return np.stack(rows)

    assert np.array_equal(run(1), run(3))


def test_a_snapshot_that_does_not_fit_is_refused_and_nothing_changes() -> None:
    env = TabletopEnv("push")
    with pytest.raises(TabletopError, match="no episode has begun; call reset first"):
        _ = env.state
    with pytest.raises(TabletopError, match="no scene is loaded"):
        env.save()
    env.reset(seed=0)
    env.step(ACTIONS[0])
    state, made = env.state.values, []
    for arguments in ({"task": "lift"}, {"task": None}, {"task": "push", "control_frequency": 20}):
        made.append(TabletopEnv(**arguments))
        made[-1].reset(seed=0)
    with World(settings=SimSettings().at(5)) as world:
        world.load(generate({"entities": {"block": "block"}}, 0))
        wrong = world.save()
    kept = env.save()
    for given, message in (
        (made[0].save(), "of the environment's own task, 'push', got task 'lift'"),
        (made[1].save(), "own task, 'push', got task none"),
        (made[2].save(), "its own settings .20 Hz., this one has others .10 Hz."),
        (wrong, "must be an EnvSnapshot, as save returns, got Snapshot"),
        (None, "got NoneType"),
        (EnvSnapshot(wrong, kept.task, None, kept.generator, 0), "its own settings .5 Hz."),
    ):
        with pytest.raises(TabletopError, match=message) as error:
            env.restore(given)
        assert "\n" not in str(error.value)
    assert np.array_equal(env.state.values, state)
    for one in (env, *made):
        one.close()
