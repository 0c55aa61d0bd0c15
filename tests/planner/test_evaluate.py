from __future__ import annotations

import json
import pickle

import pytest

from tabletop.errors import TabletopError
from tabletop.logic import parse
from tabletop.planner import (
    PlanJob,
    Search,
    evaluate_plans,
    sample_goal,
    scripted_operators,
)
from tabletop.rollout import Engine
from tabletop.sim.generate import generate, load_scene_card
from tabletop.sim.scene import Scene


@pytest.fixture(scope="module")
def scene() -> Scene:
    card = {"entities": {"drawer": {"kind": "drawer", "fraction": 0.0}, "button": "button", "red": "block"}}
    return generate(card, 3)


def test_two_skills_in_the_world_reach_a_goal_of_two_literals(scene: Scene) -> None:
    goal = parse("pressed(button) and open(drawer)", scene.names)
    with Engine(0) as engine:
        first = evaluate_plans(engine, scripted_operators, [scene], [goal], [5])
        again = evaluate_plans(engine, scripted_operators, [scene], [goal], [5])
    assert (first["goals"], first["solved"], first["mean_completed"]) == (1, 1, 1.0)
    done = first["episodes"][0]
    assert {(s["skill"], s["entity"]) for s in done["skills"]} == {("press", "button"), ("open", "drawer")}
    assert done["phrase"] == goal.phrase()
    assert json.dumps(first, sort_keys=True) == json.dumps(again, sort_keys=True)


def test_goals_sampled_for_a_scene_of_the_planning_card_are_about_it() -> None:
    scene = generate(load_scene_card("planning"), 11)
    goal = sample_goal(scene, 11, 2, scripted_operators(scene))
    assert set(goal.names) <= set(scene.names)
    assert len(goal.literals) == 2


def test_jobs_pickle(scene: Scene) -> None:
    job = PlanJob(scripted_operators, scene, parse("pressed(button)"), 0, Search())
    assert pickle.loads(pickle.dumps(job)) == job
    policy = job.policy()
    assert pickle.loads(pickle.dumps(policy)).goal == policy.goal


def test_goals_scenes_and_seeds_must_match(scene: Scene) -> None:
    goal = parse("pressed(button)")
    with Engine(0) as engine, pytest.raises(TabletopError, match="1 goals, 1 scenes and 2 seeds"):
        evaluate_plans(engine, scripted_operators, [scene], [goal], [0, 1])
