"""Operators over scripted policies: what is forecast is what happens."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tabletop.logic import load_registry, parse
from tabletop.planner import Goal, Search, scripted_operators
from tabletop.planner.scripted_operators import basic_operators
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
    ("cloth-drag", "tow cloth right", "cloth"),
    ("rope-pull", "tow rope left", "rope"),
    ("stick-push", "push with right end of stick to target", "puck"),
    ("stick-pull", "push with left end of stick to target", "puck"),
    ("coffee-pull", "drag to target", "mug"),
    ("pull", "drag toward", "block"),
    ("push-left", "push left", "block"),
    ("push", "push to target", "block"),
    ("carry-left", "carry left", "block"),
    ("slide-under", "flick under shelf", "puck"),
    ("slide", "flick away", "puck"),
    ("sweep", "sweep off", "block"),
    ("rotate-left", "turn left", "block"),
    ("topple", "topple away", "can"),
    ("drawer-open", "open", "drawer"),
]
ROUGH = {"drop off": 0.08, "sweep off": 0.08, "flick away": 0.15}
"""m: what falls is lower at every step, and what glides goes farther at times."""


@pytest.mark.parametrize(("task", "skill", "entity"), DONE)
def test_a_skill_leads_to_where_it_is_forecast(task: str, skill: str, entity: str) -> None:
    scene = generate(load_registry()[task].scene, 1)
    operator = next(o for o in scripted_operators(scene) if o.id == skill)
    state = process_world().load(scene)
    rows = State(state.layout, state.values[None])
    assert operator.applicable(rows, entity).all()
    expected = operator.predict(rows, entity, np.array([0.5]))[0]
    run = episode(operator.policy(entity), scene, 0, operator.horizon)
    axes = 2 if skill in ROUGH else 3
    there = expected.entity(entity, "position")[:axes]
    np.testing.assert_allclose(run.final.entity(entity, "position")[:axes], there, atol=ROUGH.get(skill, 0.05))
    assert run.final.entity(entity, "fraction") == pytest.approx(expected.entity(entity, "fraction"), abs=0.25)
    for name, body_type in zip(state.layout.names, state.layout.body_types, strict=True):
        told = [f"never_touched({name})"]
        if body_type in {"rigid", "deformable"}:
            height = "2 cm" if body_type == "deformable" else "1 cm"
            told += [f"slid({name}, {height})", f"carried({name})", f"glided({name}, 4 cm)"]
            told += [f"upright_throughout({name})"] if body_type == "rigid" else []
        for text in told:
            (leaf,) = parse(text, state.layout.names).leaves
            came = bool(leaf.margin(run.final, run.initial) >= 0)
            assert came == bool(leaf.margin(expected, state) >= 0), f"{text} came out {came}"


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


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("at(red, mark) and slid(red)", {"push to mark", "drag to mark"}),
        ("at(red, mark) and carried(red)", {"place on mark"}),
        ("moved(red, left, 10 cm) and slid(red)", {"push left", "drag left"}),
        ("moved(red, left, 10 cm) and not slid(red)", {"carry left"}),
        ("off_table(red) and carried(red)", {"drop off"}),
        ("off_table(red) and slid(red)", {"sweep off"}),
        ("glided(puck, 4 cm)", {f"flick {side}" for side in ("left", "right", "away", "toward")}),
        ("not upright_throughout(can)", {f"topple {side}" for side in ("left", "right", "away", "toward")}),
    ],
)
def test_how_is_reached_as_well_as_what(make: Build, text: str, wanted: set[str]) -> None:
    state = make(
        red={"at": (0.45, 0.1)},
        mark={"kind": "target", "at": (0.37, 0.22)},
        puck={"kind": "puck", "at": (0.42, -0.15)},
        can={"kind": "can", "at": (0.55, -0.05)},
    )
    goal = Goal(parse(text), state)
    plan = Search(seconds=None).plan(goal, state, scripted_operators(state.layout), np.random.default_rng(0))
    assert plan.remaining == 0.0
    assert plan.steps[-1].operator.id in wanted, plan.steps


def test_the_basic_operators_are_those_without_a_look_at_the_hands_room(make: Build) -> None:
    # Chains are drawn by them: what a policy learns to avoid must not leave the benchmark.
    around = {
        f"b{i}": {"at": (0.5 + x, y)} for i, (x, y) in enumerate(((0.055, 0), (-0.055, 0), (0, 0.055), (0, -0.055)))
    }
    state = make(red={"at": (0.5, 0.0)}, **around)
    rows = State(state.layout, state.values[None])
    (basic,) = (o for o in basic_operators(state.layout) if o.id == "lift")
    (whole,) = (o for o in scripted_operators(state.layout) if o.id == "lift")
    assert basic.applicable(rows, "red").all()
    assert not whole.applicable(rows, "red").any()


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
