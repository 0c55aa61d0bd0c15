from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tabletop.errors import TabletopError
from tabletop.logic import parse
from tabletop.planner import Goal, Outcome, Plan, SampledOperator, Search, scripted_operators
from tabletop.planner.operator import Family, families
from tabletop.rollout.policy import Nothing
from tabletop.sim.state import State

Build = Callable[..., State]


def nothing(entity: str) -> Nothing:
    return Nothing()


def rigid(id: str, *outcomes: Outcome, last: bool = False, reliability: float = 1.0) -> SampledOperator:
    return SampledOperator(id, "rigid", None, outcomes, 10, nothing, last, reliability)


def joint(id: str, kind: str, fraction: float) -> SampledOperator:
    return SampledOperator(id, "joint", (kind,), (Outcome(fraction=fraction),), 10, nothing)


LEFT = rigid("left", Outcome((0.0, 0.12, 0.0)))
RIGHT = rigid("right", Outcome((0.0, -0.12, 0.0)))
AWAY = rigid("away", Outcome((0.12, 0.0, 0.0)))
LIFT = rigid("lift", Outcome((0.0, 0.0, 0.12), held=True), last=True)
OPEN, PRESS = joint("open", "drawer", 1.0), joint("press", "button", 1.0)
ALL = (LEFT, RIGHT, AWAY, LIFT, OPEN, PRESS)


def scene(make: Build) -> State:
    return make(
        red={"at": (0.42, -0.1)},
        blue={"at": (0.45, 0.15)},
        drawer={"kind": "drawer", "at": (0.68, 0.0)},
        button={"kind": "button", "at": (0.6, -0.25)},
    )


def search(state: State, goal: str, operators: tuple[SampledOperator, ...] = ALL, **bounds: int) -> Plan:
    found = Goal(parse(goal, state.layout.names), state)
    return Search(**bounds).plan(found, state, operators, np.random.default_rng(0))


def keys(plan: Plan) -> list[tuple[str, str]]:
    return [s.key for s in plan.steps]


def test_a_goal_of_independent_parts_takes_one_skill_each(make: Build) -> None:
    plan = search(scene(make), "moved(red, left, 10 cm) and open(drawer) and pressed(button)")
    assert sorted(keys(plan)) == [("left", "red"), ("open", "drawer"), ("press", "button")]
    assert plan.probability == 1.0
    assert plan.remaining == 0.0


def test_a_skill_is_repeated_where_one_is_not_enough(make: Build) -> None:
    assert keys(search(scene(make), "moved(red, left, 20 cm)")) == [("left", "red")] * 2


def test_what_ends_holding_something_comes_last(make: Build) -> None:
    plan = search(scene(make), "lifted(blue) and open(drawer) and pressed(button)")
    assert len(plan.steps) == 3
    assert keys(plan)[-1] == ("lift", "blue")


def test_a_goal_that_holds_already_takes_no_skill(make: Build) -> None:
    plan = search(scene(make), "not open(drawer)")
    assert plan.steps == ()
    assert plan.probability == 1.0


def test_either_part_of_an_or_will_do(make: Build) -> None:
    plan = search(scene(make), "open(drawer) or moved(red, toward, 30 cm)")
    assert keys(plan) == [("open", "drawer")]


def test_the_more_reliable_of_two_skills_is_chosen(make: Build) -> None:
    unsure = rigid("unsure", *[Outcome((0.0, 0.12, 0.0)), Outcome()] * 2)
    sure = rigid("sure", *[Outcome((0.0, 0.12, 0.0))] * 9, Outcome())
    told = rigid("told", Outcome((0.0, 0.12, 0.0)), reliability=0.5)
    state = scene(make)
    assert keys(search(state, "moved(red, left, 10 cm)", (unsure, sure)))[0] == ("sure", "red")
    assert keys(search(state, "moved(red, left, 10 cm)", (sure, unsure)))[0] == ("sure", "red")
    assert keys(search(state, "moved(red, left, 10 cm)", (told, LEFT))) == [("left", "red")]


def test_probability_is_the_share_of_outcomes_that_reach_the_goal(make: Build) -> None:
    half = rigid("half", Outcome((0.0, 0.12, 0.0)), Outcome((0.0, -0.12, 0.0)))
    plan = search(scene(make), "moved(red, left, 10 cm)", (half,), depth=1)
    assert plan.probability == pytest.approx(0.5)


def test_what_comes_nearest_is_returned_where_the_goal_is_out_of_reach(make: Build) -> None:
    plan = search(scene(make), "pressed(button) and moved(red, toward, 30 cm)")
    assert ("press", "button") in keys(plan)
    assert plan.probability == 0.0
    assert plan.remaining == pytest.approx(1.0)


def test_a_penalty_makes_it_try_another_skill(make: Build) -> None:
    state = scene(make)
    other = rigid("other", Outcome((0.0, 0.13, 0.0)), reliability=0.9)
    goal = Goal(parse("moved(red, left, 10 cm)"), state)
    plan = Search().plan(goal, state, (LEFT, other), np.random.default_rng(0), {("left", "red"): 0.5})
    assert keys(plan) == [("other", "red")]


def test_depth_and_nodes_are_respected(make: Build) -> None:
    state = scene(make)
    far = "moved(red, left, 50 cm) and moved(blue, right, 50 cm)"
    assert len(search(state, far, depth=2).steps) <= 2
    plan = search(state, far, nodes=5)
    assert plan.expanded == 5
    assert search(state, far, patience=3).expanded >= 3


def test_the_same_generator_gives_the_same_plan(make: Build) -> None:
    rng = np.random.default_rng(3)
    noisy = tuple(rigid(f"s{i}", *(Outcome((*rng.normal(0, 0.1, 2), 0.0)) for _ in range(12))) for i in range(6))
    state = scene(make)
    goal = "moved(red, left, 8 cm) and moved(blue, right, 8 cm)"
    one, two = search(state, goal, noisy), search(state, goal, noisy)
    assert keys(one) == keys(two)
    assert one.probability == two.probability


def test_towers_are_built_from_below(make: Build) -> None:
    state = make(red={"at": (0.4, -0.1)}, blue={"at": (0.5, 0.15)}, green={"at": (0.45, 0.02)})
    operators = scripted_operators(state.layout)
    goal = Goal(parse("on(red, blue) and on(blue, green)"), state)
    plan = Search().plan(goal, state, operators, np.random.default_rng(0))
    assert keys(plan) == [("place on green", "blue"), ("place on blue", "red")]


def test_a_closed_drawer_is_opened_filled_and_closed(make: Build) -> None:
    state = make(red={"at": (0.4, -0.2)}, drawer={"kind": "drawer", "at": (0.68, 0.05)})
    operators = scripted_operators(state.layout)
    goal = Goal(parse("inside(red, drawer) and closed(drawer)"), state)
    plan = Search().plan(goal, state, operators, np.random.default_rng(0))
    assert keys(plan) == [("open", "drawer"), ("put into drawer", "red"), ("close", "drawer")]


@pytest.mark.parametrize("bounds", [{"depth": 0}, {"nodes": 0}, {"samples": 0}, {"step_cost": -1.0}])
def test_bad_bounds_are_refused(bounds: dict[str, int]) -> None:
    with pytest.raises(TabletopError, match=next(iter(bounds)).replace("_", " ")):
        Search(**bounds)


def test_a_plan_that_is_not_found_says_how_near_the_forecasts_come(make: Build) -> None:
    plan = search(scene(make), "lifted(red, 40 cm)")
    (short,) = plan.short
    assert (short.part, short.within, short.by) == ("lifted(red, 40 cm)", "lifted(red, 12 cm)", ("lift red",))
    assert short.short == "28 cm"
    assert short.text == (
        "no skill makes lifted(red, 40 cm) true (28 cm short); lifted(red, 12 cm) is the nearest, after lift red"
    )
    assert plan.why[-1].startswith(f"tried {plan.tried} skills on entities in {plan.expanded} states")
    assert search(scene(make), "lifted(red, 10 cm)").why == ()


def test_a_part_that_no_skill_is_for_is_named(make: Build) -> None:
    plan = search(scene(make), "pressed(button) and open(drawer)", (LEFT, OPEN))
    assert keys(plan) == [("open", "drawer")]
    assert plan.why[0] == "no skill can be done to anything that pressed(button) speaks of"
    assert [s.part for s in plan.short] == ["pressed(button)"]


def test_what_comes_no_nearer_says_so(make: Build) -> None:
    plan = search(scene(make), "moved(red, toward, 5 cm)", (LEFT, AWAY))
    assert plan.steps == ()
    assert plan.why[0].startswith("none of 2 skills brings moved(red, toward) nearer than it is (")


def test_parts_that_can_be_had_but_not_together_are_told_apart_from_those_that_cannot(make: Build) -> None:
    plan = search(scene(make), "moved(red, left, 10 cm) and moved(red, right, 10 cm)")
    assert plan.short == ()
    assert len(plan.apart) == 1
    assert "holds with all the rest" in plan.why[0]


def test_a_search_ends_with_its_time_and_says_so(make: Build) -> None:
    state = scene(make)
    goal = Goal(parse("lifted(red, 40 cm)", state.layout.names), state)
    cut = Search(seconds=1e-9).plan(goal, state, ALL, np.random.default_rng(0))
    assert cut.spent
    assert cut.expanded == 0
    assert cut.why[-1].endswith("until the time for it was spent")
    whole = Search(seconds=None).plan(goal, state, ALL, np.random.default_rng(0))
    assert not whole.spent
    with pytest.raises(TabletopError, match="above 0"):
        Search(seconds=0.0)


def test_the_same_generator_gives_the_same_plan_whatever_time_there_is_left(make: Build) -> None:
    state = scene(make)
    wobbly = rigid("wobbly", Outcome((0.0, 0.12, 0.0)), Outcome((0.0, 0.05, 0.0)), Outcome((0.05, 0.0, 0.0)))
    goal = Goal(parse("moved(red, left, 20 cm) and open(drawer)", state.layout.names), state)
    plans = [Search(seconds=s).plan(goal, state, (wobbly, OPEN), np.random.default_rng(4)) for s in (None, 100.0)]
    assert plans[0] == plans[1]
    assert plans[0].steps


def test_what_did_nothing_in_this_state_is_not_the_first_step(make: Build) -> None:
    state = scene(make)
    goal = Goal(parse("moved(red, left, 10 cm)", state.layout.names), state)
    far = rigid("far", Outcome((0.0, 0.3, 0.0)), reliability=0.5)
    plan = Search().plan(goal, state, (LEFT, far), np.random.default_rng(0), None, {("left", "red")})
    assert keys(plan) == [("far", "red")]


def test_operators_are_forecast_alike_by_themselves_and_by_family(make: Build) -> None:
    state = scene(make)
    rows = State(state.layout, np.repeat(state.values[None], 4, axis=0))
    draws = np.array([0.1, 0.4, 0.6, 0.9])
    one = rigid("one", Outcome((0.1, 0.0, 0.0), yaw=0.3), Outcome((0.0, 0.4, 0.0)), Outcome((0.0, 0.0, 0.1), held=True))
    two = rigid("two", Outcome(place=(0.5, 0.2)))
    (family,) = families((one, two))
    assert isinstance(family, Family)
    together = family.predict(rows, "red", draws)
    assert together.values.shape[:2] == (2, 4)
    for i, operator in enumerate((one, two)):
        np.testing.assert_allclose(together[i].values, operator.predict(rows, "red", draws).values)
    assert [type(m) for m in families((one, joint("open", "drawer", 1.0), two))] == [Family, Family]
