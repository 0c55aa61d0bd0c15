from __future__ import annotations

import pickle

import numpy as np
import pytest

from tabletop.api.planning import operators_of
from tabletop.logic import load_registry, parse
from tabletop.naming import open_library
from tabletop.planner import ExactOperator, ExactOperators, LoweredOperator
from tabletop.rollout.episode import episode, process_world
from tabletop.sim.generate import generate, load_scene_card
from tabletop.sim.scene import Scene
from tabletop.sim.state import State
from tabletop.skills.library import Library

DRAWS = np.zeros(1)


@pytest.fixture(scope="module")
def table() -> tuple[Scene, State]:
    """A scene with two blocks and a drawer."""
    for seed in range(100):
        scene = generate(load_scene_card("planning"), seed)
        if {"drawer", "button"} <= {e.name for e in scene.entities}:
            return scene, process_world().load(scene)
    raise AssertionError("no such scene")


def operators(library: Library, scene: Scene, **reliability: float) -> dict[str, ExactOperator]:
    made = ExactOperators(library, (), reliability)
    return {o.id: o for o in pickle.loads(pickle.dumps(made))(scene) if isinstance(o, ExactOperator)}


def test_effects_that_may_be_asked_for_anything_give_operators(library: Library, table: tuple[Scene, State]) -> None:
    scene, _ = table
    found = operators(library, scene, placed=0.8, joint=0.5, drawer=0.9)
    assert found["place on blue (placed)"].reliability == 0.8
    assert found["bring to the end: drawer (joint)"].reliability == 0.9, "of its own kind"
    assert found["bring to the end: button (joint)"].reliability == 0.5, "of joints in general"
    assert not any("turned" in id or "held_at" in id for id in found), "no such effect was tested"
    assert operators(library, scene) == {}


def test_what_is_to_stand_on_something_can_be_held_above_it_and_set_down(
    library: Library, table: tuple[Scene, State]
) -> None:
    scene, state = table
    found = operators(library, scene, placed=0.8, held_at=0.7)
    lowered = {id: o for id, o in found.items() if isinstance(o, LoweredOperator)}
    assert {id.split(" (")[1] for id in lowered} == {"held_at, set down)"}
    assert "lift (held_at)" in found
    assert "lift (held_at)" not in lowered
    one = lowered["place on blue (held_at, set down)"]
    after = one.predict(state[None], "red", DRAWS)
    assert bool(parse("on(red, blue)").holds(after, state[None])[0])
    policy = one.policy("red")
    policy.reset(state, scene, np.random.default_rng(0))
    x, y, z = after.entity("red", "position")[0]
    above = (x, y, z - state.entity("red", "position")[2] + 0.12)
    asked = library.policy(library.any_of("held_at"), "red", target=above)
    asked.reset(state, scene, np.random.default_rng(0))
    assert np.array_equal(policy.act(state), asked.act(state))


def test_the_library_that_ships_stacks_by_holding_above_and_setting_down() -> None:
    task, (make, _) = load_registry()["stack"], operators_of(open_library("default"))
    done = []
    for seed in range(6):
        scene = generate(task.scene, seed, gripper="nominal")
        (one,) = [o for o in make(scene) if o.id == "place on blue (held_at, set down)"]
        run = episode(one.policy("red"), scene, 0, one.horizon)
        done.append(bool(task.success.holds(run.final, run.initial)))
    assert sum(done) >= 4, "`placed` does it in one of five"


def test_the_forecast_is_what_the_goal_asks_for(library: Library, table: tuple[Scene, State]) -> None:
    scene, state = table
    found = operators(library, scene, placed=0.8, joint=0.5)
    stacked = found["place on blue (placed)"]
    assert stacked.applicable(state[None], "red").shape == (1,)
    after = stacked.predict(state[None], "red", DRAWS)
    assert bool(parse("on(red, blue)").holds(after, state[None])[0])
    opened = found["bring to the end: drawer (joint)"].predict(state[None], "drawer", DRAWS)
    assert bool(parse("open(drawer)").holds(opened, state[None])[0])


def test_the_skill_is_asked_for_the_forecast(library: Library, table: tuple[Scene, State]) -> None:
    scene, state = table
    found = operators(library, scene, placed=0.8, joint=0.5)
    policy = found["bring to the end: drawer (joint)"].policy("drawer")
    policy.reset(state, scene, np.random.default_rng(0))
    action = policy.act(state)
    assert action is not None
    skill = library.any_of("joint")
    same = library.policy(skill, "drawer", target=1.0)
    same.reset(state, scene, np.random.default_rng(0))
    assert np.array_equal(action, same.act(state))
    back = library.policy(skill, "drawer", target=0.0)
    back.reset(state, scene, np.random.default_rng(0))
    assert not np.array_equal(action, back.act(state))


def test_a_joint_at_its_limit_and_what_has_latched_are_left_alone(library: Library, table: tuple[Scene, State]) -> None:
    scene, state = table
    found = operators(library, scene, joint=0.5)
    values = state.values.copy()
    values[state.layout.entity_slice("drawer", "fraction")] = 1.0
    values[state.layout.entity_slice("button", "fraction")] = 0.9
    done = State(state.layout, values)
    assert not found["bring to the end: drawer (joint)"].applicable(done, "drawer")
    assert found["bring back: drawer (joint)"].applicable(done, "drawer")
    assert not found["bring back: button (joint)"].applicable(done, "button")
    assert not found["bring to the end: drawer (joint)"].applicable(state, "button")
