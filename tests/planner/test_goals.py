from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tabletop.errors import TabletopError
from tabletop.logic import load_registry, parse
from tabletop.planner import (
    Goal,
    Outcome,
    SampledOperator,
    Search,
    goal_for,
    scripted_operators,
    template,
    vocabulary_of,
)
from tabletop.rollout.policy import Nothing
from tabletop.sim.state import State

Build = Callable[..., State]


def nothing(entity: str) -> Nothing:
    return Nothing()


@pytest.fixture
def state(make: Build) -> State:
    return make(
        red={"at": (0.40, -0.15)},
        blue={"at": (0.42, 0.02)},
        drawer={"kind": "drawer", "at": (0.68, -0.1)},
        bin={"kind": "bin", "at": (0.5, 0.22)},
        button={"kind": "button", "at": (0.38, -0.28)},
    )


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_goals_have_so_many_literals_none_of_which_holds_yet(state: State, count: int) -> None:
    operators = scripted_operators(state.layout)
    for seed in range(4):
        goal = goal_for(state, seed, count, operators)
        assert len(goal.literals) == count
        assert not any(literal.margin(state, state) >= 0 for literal in goal.literals)
        assert parse(goal.text, state.layout.names) == goal


def test_the_operators_reach_what_is_asked_for_as_forecast(state: State) -> None:
    operators = scripted_operators(state.layout)
    reached = 0
    for seed in range(4):
        goal = Goal(goal_for(state, seed, 2, operators), state)
        plan = Search().plan(goal, state, operators, np.random.default_rng(0))
        reached += plan.remaining == 0.0
    assert reached == 4


def test_goals_depend_on_the_seed_alone(state: State) -> None:
    operators = scripted_operators(state.layout)
    goals = [goal_for(state, seed, 3, operators) for seed in range(4)]
    assert goals == [goal_for(state, seed, 3, operators) for seed in range(4)]
    assert len(set(goals)) > 2


def test_goals_vary_in_what_they_ask_for(state: State) -> None:
    operators = scripted_operators(state.layout)
    goals = [goal_for(state, seed, 3, operators) for seed in range(12)]
    assert len({x.predicate for g in goals for x in g.literals}) >= 6


def test_only_what_the_skills_can_do_is_asked_for(state: State) -> None:
    left = SampledOperator("left", "rigid", None, (Outcome((0.0, 0.12, 0.0)),) * 4, 10, nothing)
    words = [template(f"moved(a, {d}, 10 cm)", a="block") for d in ("left", "right")]
    for seed in range(5):
        goal = goal_for(state, seed, 2, (left,), words)
        assert {str(x) for x in goal.literals} == {"moved(red, left, 10 cm)", "moved(blue, left, 10 cm)"}
    with pytest.raises(TabletopError, match="found no goal of 3 literals"):
        goal_for(state, 0, 3, (left,), words)


def test_what_happens_half_of_the_time_or_less_often_is_not_asked_for(state: State) -> None:
    outcomes = (Outcome((0.0, 0.12, 0.0)), Outcome(), Outcome())
    unsure = SampledOperator("unsure", "rigid", None, outcomes, 10, nothing)
    with pytest.raises(TabletopError, match="found no goal"):
        goal_for(state, 0, 1, (unsure,), [template("moved(a, left, 10 cm)", a="block")])


def test_templates_are_filled_with_fitting_entities_only(state: State) -> None:
    found = template("inside(a, b)", a="block", b=("bin", "drawer")).ground(state.layout)
    assert {str(x) for x in found} == {f"inside({a}, {b})" for a in ("red", "blue") for b in ("drawer", "bin")}
    pairs = template("near(a, b)", a="block", b="block").ground(state.layout)
    assert {str(x) for x in pairs} == {"near(red, blue)", "near(blue, red)"}


def test_task_formulas_give_what_to_do_and_not_how_to_leave_it() -> None:
    tasks = load_registry()
    found = vocabulary_of([tasks["push-left"], tasks["stack"], tasks["drawer-open"]])
    assert {t.literal.predicate for t in found} == {"moved", "on", "open"}
    moved = next(t for t in found if t.literal.predicate == "moved")
    assert "block" in dict(moved.kinds)[moved.literal.names[0]]


@pytest.mark.parametrize(
    ("text", "kinds", "message"),
    [
        ("open(a) and closed(a)", {"a": "drawer"}, "one literal"),
        ("on(a, b)", {"a": "block"}, "needs kinds for 'b'"),
        ("open(a)", {"a": "fridge"}, "unknown kind"),
    ],
)
def test_malformed_templates_are_refused(text: str, kinds: dict[str, str], message: str) -> None:
    with pytest.raises(TabletopError, match=message):
        template(text, **kinds)


def test_a_goal_needs_a_literal(state: State) -> None:
    with pytest.raises(TabletopError, match="at least 1 literal"):
        goal_for(state, 0, 0, scripted_operators(state.layout))
