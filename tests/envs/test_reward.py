"""Rewards: what the formula says, and goals that hold all the reward needs."""

from __future__ import annotations

import numpy as np
import pytest

from tabletop.envs.reward import GoalReward, reward_and_success
from tabletop.errors import TabletopError
from tabletop.logic import Task, load_registry, parse
from tabletop.sim import World, generate

TASKS = load_registry()


@pytest.mark.parametrize("name", ["push-left", "pick-place", "stack", "drawer-open", "reach", "topple"])
def test_reward_and_success_are_the_formulas_own(name: str) -> None:
    """States are taken as they come, and with entities put where the formula may hold."""
    task = TASKS[name]
    outcomes = set()
    with World() as world:
        initial = world.load(generate(task.scene, 0))
        rng = np.random.default_rng(0)
        for _ in range(60):
            values = initial.values.copy()
            for entity in task.success.names:
                values[initial.layout.entity_slice(entity, "position")] += rng.normal(0, 0.08, 3)
                values[initial.layout.entity_slice(entity, "fraction")] = rng.uniform()
            state = type(initial)(initial.layout, values)
            reward, done = reward_and_success("dense", task.success, state, initial)
            assert done == bool(task.success.holds(state, initial))
            assert reward == float(task.success.smooth(state, initial))
            assert reward_and_success("sparse", task.success, state, initial) == (0.0 if done else -1.0, done)
            outcomes.add(done)
    assert False in outcomes


def test_an_alternative_is_evaluated_exactly_although_its_smooth_margin_is_lower() -> None:
    formula = parse("lifted(a, 1 cm) or lifted(a, 30 cm)", ["a"])
    with World() as world:
        initial = world.load(generate({"entities": {"a": "block"}}, 0))
    values = initial.values.copy()
    values[initial.layout.entity_slice("a", "position")] += (0, 0, 0.0102)
    reward, done = reward_and_success("dense", formula, type(initial)(initial.layout, values), initial)
    assert done
    assert reward < 0.0


@pytest.mark.parametrize("name", ["stack", "push-left", "rotate", "reach-object"])
def test_a_goal_that_is_a_pose_needs_a_task_with_a_mark(name: str) -> None:
    with pytest.raises(TabletopError, match=f"brings something to one target, got task '{name}'"):
        GoalReward(TASKS[name], "dense")


@pytest.mark.parametrize("formula", ["at(a, mark) and near(b, mark)", "at(a, mark) and reached(mark)"])
def test_goals_are_of_one_thing(formula: str) -> None:
    scene = {"entities": {"a": "block", "b": "can", "mark": "target"}}
    task = Task("two", "push", "Two.", scene, parse(formula, ["a", "b", "mark"]), "a")
    with pytest.raises(TabletopError, match="mark may only go with one thing that moves"):
        GoalReward(task, "dense")


def test_the_grippers_goal_is_a_place_and_what_the_scene_settles_stays_as_it_is() -> None:
    task = TASKS["reach-wall"]
    reward = GoalReward(task, "sparse")
    assert (reward.thing, reward.mark, reward.width) == (None, "target", 4)
    with World() as world:
        state = world.load(generate(task.scene, 0))
    achieved, desired = reward.achieved(state, state), reward.desired(state)
    np.testing.assert_allclose(achieved[:3], state.robot("gripper_position"), rtol=1e-6)
    there = achieved.copy()
    there[:3] = desired[:3]
    assert reward(np.stack([achieved, there]), desired).tolist() == [-1.0, 0.0]
    there[0] += 0.031
    assert reward(there, desired) == -1.0


def test_a_goals_numbers_are_the_pose_and_the_other_statements() -> None:
    task = TASKS["pick-place"]
    reward = GoalReward(task, "dense")
    with World() as world:
        state = world.load(generate(task.scene, 0))
    achieved, desired = reward.achieved(state, state), reward.desired(state)
    assert achieved.shape == desired.shape == (reward.width,) == (13,)
    np.testing.assert_allclose(achieved[:3], state.entity("block", "position"), rtol=1e-6)
    np.testing.assert_allclose(desired[:3], state.entity("target", "position"), rtol=1e-6)
    batch = np.broadcast_to(achieved, (4, 2, 13))
    assert reward(batch, desired).shape == (4, 2)
    assert (reward(batch, desired) == float(reward(achieved, desired))).all()
