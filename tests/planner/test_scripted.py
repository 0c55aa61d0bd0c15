"""Operators over scripted policies: what is forecast is what happens."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tabletop.logic import load_registry, parse
from tabletop.planner import Goal, Search, scripted_operators
from tabletop.rollout.episode import episode, process_world
from tabletop.sim.generate import generate
from tabletop.sim.state import State

Build = Callable[..., State]

DONE = [
    ("window-open", "slide open", "window"),
    ("window-close", "slide shut", "window"),
    ("faucet-open", "turn on", "faucet"),
    ("faucet-close", "turn off", "faucet"),
    ("door-lock", "shoot", "bolt"),
    ("door-unlock", "draw back", "bolt"),
    ("dial-turn", "twist", "dial"),
    ("lever-pull", "tip", "lever"),
    ("handle-press", "press down", "handle"),
    ("handle-pull", "pull up", "handle"),
    ("button-press", "ring", "button"),
    ("coffee-button", "push in", "machine"),
    ("hammer", "strike with hammer", "nail"),
    ("assembly", "thread onto post", "nut"),
    ("peg-insert-side", "insert into socket", "peg"),
    ("peg-unplug-side", "draw out of socket", "peg"),
    ("box-close", "close box with", "lid"),
    ("bin-two", "put left in bin", "red"),
    ("bin-two", "put right in bin", "blue"),
    ("pick-place", "place on target", "block"),
    ("plate-slide", "push to target", "plate"),
    ("soccer", "push to goal", "ball"),
    ("drop", "drop off", "block"),
    ("lift-high", "lift high", "block"),
    ("cloth-cover", "drape over puck", "cloth"),
]


@pytest.mark.parametrize(("task", "skill", "entity"), DONE)
def test_a_skill_leads_to_where_it_is_forecast(task: str, skill: str, entity: str) -> None:
    scene = generate(load_registry()[task].scene, 1)
    operator = next(o for o in scripted_operators(scene) if o.id == skill)
    state = process_world().load(scene)
    rows = State(state.layout, state.values[None])
    assert operator.applicable(rows, entity).all()
    expected = operator.predict(rows, entity, np.array([0.5]))[0]
    run = episode(operator.policy(entity), scene, 0, operator.horizon)
    # What falls is lower at every step.
    axes = 2 if skill == "drop off" else 3
    there = expected.entity(entity, "position")[:axes]
    np.testing.assert_allclose(run.final.entity(entity, "position")[:axes], there, atol=0.08 if axes == 2 else 0.05)
    assert run.final.entity(entity, "fraction") == pytest.approx(expected.entity(entity, "fraction"), abs=0.25)


def test_two_things_go_into_one_bin_side_by_side(make: Build) -> None:
    state = make(bin={"kind": "bin", "at": (0.5, 0.0)}, red={"at": (0.4, -0.2)}, blue={"at": (0.4, 0.2)})
    rows = State(state.layout, state.values[None])
    known = {o.id: o for o in scripted_operators(state.layout)}
    middle = known["put into bin"].predict(rows, "red", np.zeros(1))
    assert not known["put into bin"].applicable(middle, "blue").any()
    left = known["put left in bin"].predict(rows, "red", np.zeros(1))
    assert not known["put into bin"].applicable(left, "blue").any()
    assert known["put right in bin"].applicable(left, "blue").all()
    assert not known["put left in bin"].applicable(left, "blue").any()


def test_ids_are_unique_whatever_stands_on_the_table(make: Build) -> None:
    for task in load_registry().values():
        ids = [o.id for o in scripted_operators(generate(task.scene, 0))]
        assert len(set(ids)) == len(ids), task.name


def test_what_cannot_be_undone_is_not_done_where_anything_else_will_do(make: Build) -> None:
    state = make(red={"at": (0.5, 0.12)}, blue={"at": (0.5, 0.27)})
    for text, wanted in (("moved(red, left, 10 cm)", False), ("off_table(red)", True)):
        goal = Goal(parse(text), state)
        plan = Search(seconds=None).plan(goal, state, scripted_operators(state.layout), np.random.default_rng(0))
        assert plan.remaining == 0.0
        assert any(s.operator.id in {"drop off", "sweep off"} for s in plan.steps) is wanted, plan.steps
