"""Goals: which task has one, and rewards of goals that are numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tabletop.envs.goals import NumberGoal, has_goal, make_goal
from tabletop.envs.reward import GoalReward
from tabletop.errors import TabletopError
from tabletop.logic import Task, load_registry, parse
from tabletop.rollout.evaluate import run_task, scripted

TASKS = load_registry()
NUMBERS = [n for n, t in TASKS.items() if has_goal(t) and isinstance(make_goal(t, "sparse"), NumberGoal)]

SHOWN = ("rotate", "rotate-right", "dial-turn", "drawer-open", "faucet-close", "lift", "hammer")
UNITS = {"turned": "rad", "lifted": "m"}


def asked(name: str, number: float) -> Task:
    """Return the task with another number in its formula's statement about one."""
    goal = make_goal(TASKS[name], "sparse")
    assert isinstance(goal, NumberGoal)
    literal = next(x for x in TASKS[name].success.literals if x.args[-1] == goal.number)
    written = f"{number:.12f} {UNITS.get(literal.predicate, '')}"
    others = [str(x) for x in TASKS[name].success.literals if x is not literal]
    text = " and ".join([f"{literal.predicate}({literal.names[0]}, {written})", *others])
    return replace(TASKS[name], success=parse(text, TASKS[name].entities))


def test_a_mark_comes_before_a_number() -> None:
    assert isinstance(make_goal(TASKS["push"], "dense"), GoalReward)
    assert {"rotate", "dial-turn", "faucet-open", "faucet-close", "drawer-open", "lift", "door-unlock"} <= {*NUMBERS}
    assert not {"stack", "push-left", "reach-object", "topple", "push"} & {*NUMBERS}


@pytest.mark.parametrize("name", SHOWN)
def test_a_reward_for_another_goal_is_that_of_the_formula_with_that_number(name: str) -> None:
    """Along a scripted episode, for goals on both sides of what was reached."""
    run = run_task(TASKS[name], scripted, 5)
    sparse, dense = (make_goal(TASKS[name], reward) for reward in ("sparse", "dense"))
    states = [type(run.final)(run.layout, row) for row in (*run.states[:-1:3], run.states[-1])]
    achieved = np.stack([sparse.achieved(s, run.initial) for s in states])
    outcomes = set()
    for share in (0.25, 0.6, 1.2):
        desired = sparse.desired(run.initial).copy()
        desired[0] *= share
        formula = asked(name, float(desired[0])).success
        expected = np.array([float(formula.smooth(s, run.initial)) for s in states])
        np.testing.assert_allclose(dense(achieved, desired), expected, atol=2e-5)
        done = np.array([bool(formula.holds(s, run.initial)) for s in states])
        clear = np.abs(expected) > 1e-4
        assert ((sparse(achieved, desired) == 0.0) == done)[clear].all()
        outcomes |= {*done}
    assert outcomes == {True, False}


@pytest.mark.parametrize("name", NUMBERS)
def test_what_was_reached_is_its_own_goal_where_the_rest_holds(name: str) -> None:
    goal = make_goal(TASKS[name], "sparse")
    achieved = np.ones((3, 2, goal.width), np.float32)
    achieved[..., 0] = np.linspace(-0.5, 1.5, 6).reshape(3, 2)
    assert (goal(achieved, achieved) == 0.0).all()
    if goal.width > 1:
        achieved[..., 1] = -0.1
        assert (goal(achieved, achieved) == -1.0).all()


def test_numbers_are_at_least_or_at_most_as_the_formula_has_it() -> None:
    reached = np.array([[0.05], [0.5], [0.95]], np.float32)
    opened, closed = (make_goal(TASKS[n], "sparse") for n in ("door-open", "door-close"))
    assert opened(reached, np.array([0.5], np.float32)).tolist() == [-1.0, 0.0, 0.0]
    assert closed(reached, np.array([0.5], np.float32)).tolist() == [0.0, 0.0, -1.0]


@pytest.mark.parametrize("formula", ["open(door) or closed(door)", "not open(door)", "open(door) and closed(door)"])
def test_other_formulas_have_no_goal(formula: str) -> None:
    task = replace(TASKS["door-open"], success=parse(formula, ["door"]))
    assert not has_goal(task)
    with pytest.raises(TabletopError, match="or a joint, a height or a turn to a number, got task 'door-open'"):
        make_goal(task, "dense")
