from __future__ import annotations

import pytest

from tabletop.logic import parse
from tabletop.planner import Search, evaluate_plans, scripted_operators
from tabletop.planner.evaluate import PlanEpisode
from tabletop.rollout import Engine
from tabletop.sim.generate import generate


@pytest.fixture(scope="module")
def planned() -> PlanEpisode:
    scene = generate(
        {"entities": {"drawer": {"kind": "drawer", "fraction": 0.0}, "button": "button", "red": "block"}}, 3
    )
    goal = parse("pressed(button) and open(drawer)", scene.names)
    with Engine(0) as engine:
        return evaluate_plans(engine, scripted_operators, [scene], [goal], [5], search=Search(seconds=None))[
            "episodes"
        ][0]


def test_the_tree_of_the_first_search_has_the_plan_that_was_chosen(planned: PlanEpisode) -> None:
    branches = [tuple(branch["steps"]) for branch in planned["tree"]]
    plan = tuple(planned["skills"][0]["plan"])
    assert len(plan) == 2
    assert {plan[:n] for n in range(len(plan) + 1)} <= set(branches)
    assert len(set(branches)) == len(branches)


def test_each_branch_stands_after_the_one_it_goes_on_from_and_has_no_more_states(planned: PlanEpisode) -> None:
    seen: dict[tuple[str, ...], int] = {}
    for branch in planned["tree"]:
        steps, states = tuple(branch["steps"]), branch["states"]
        if steps:
            assert states <= seen[steps[:-1]]
        seen[steps] = states
    for steps, states in seen.items():
        below = [n for other, n in seen.items() if len(other) == len(steps) + 1 and other[: len(steps)] == steps]
        # The state itself was looked at, too, before any below it was.
        assert sum(below) <= max(0, states - 1)
        assert below == sorted(below, reverse=True)
    assert seen[()] > 1
