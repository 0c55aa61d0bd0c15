"""What predicates of manner call true and false, on states made by hand and along real episodes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tabletop.control.scripted import ScriptedPolicy, Step, load_scripted_policy
from tabletop.logic import PREDICATES, load_registry, manner, parse
from tabletop.logic.containers import floor_of
from tabletop.rollout.episode import Trajectory, episode
from tabletop.sim.cards import load_cards
from tabletop.sim.generate import generate
from tabletop.sim.state import State

Build = Callable[..., State]

# Columns of a block that stood at z = 0.025 at reset.
CASES: list[tuple[str, dict[str, Any], bool]] = [
    ("slid(a)", {"highest": 0.0349}, True),
    ("slid(a)", {"highest": 0.0351}, False),
    ("slid(a, 2 cm)", {"highest": 0.0449}, True),
    ("slid(a, 2 cm)", {"highest": 0.0451}, False),
    ("slid(a)", {"steepest": np.radians(29)}, True),
    ("slid(a)", {"steepest": np.radians(31)}, False),
    ("slid(a)", {"kind": "ball", "steepest": np.radians(180)}, True),
    ("slid(a)", {"kind": "ball", "highest": 0.05}, False),
    ("carried(a)", {"carried_distance": 0.051}, True),
    ("carried(a)", {"carried_distance": 0.049}, False),
    ("carried(a, 10 cm)", {"carried_distance": 0.09}, False),
    ("glided(a)", {"free_distance": 0.051}, True),
    ("glided(a, 6 cm)", {"free_distance": 0.051}, False),
    ("never_touched(a)", {"touch": 0.09}, True),
    ("never_touched(a)", {"touch": 0.11}, False),
    ("upright_throughout(a)", {"steepest": np.radians(14)}, True),
    ("upright_throughout(a)", {"steepest": np.radians(16)}, False),
    ("upright_throughout(a, 20 deg)", {"steepest": np.radians(16)}, True),
]
NAMES = sorted(n for n, p in PREDICATES.items() if p.function.__module__ == manner.__name__)


@pytest.mark.parametrize(("text", "columns", "expected"), CASES)
def test_manner_holds_exactly_where_its_docstring_says(
    make: Build, text: str, columns: dict[str, Any], expected: bool
) -> None:
    initial = make({}, a={"kind": columns.get("kind", "block"), "highest": 0.025})
    state = make({}, a={"highest": 0.025, **columns})
    formula = parse(text, ["a"])
    assert bool(formula.holds(state, initial)) is expected
    assert bool((~formula).holds(state, initial)) is not expected


def test_every_predicate_of_manner_has_a_true_and_a_false_case() -> None:
    assert {(text.split("(")[0], expected) for text, _, expected in CASES} == {
        (name, truth) for name in NAMES for truth in (True, False)
    }


def test_what_was_carried_before_the_first_state_does_not_count(make: Build) -> None:
    initial = make({}, a={"carried_distance": 0.2})
    assert not parse("carried(a)", ["a"]).holds(make({}, a={"carried_distance": 0.24}), initial)
    assert parse("carried(a)", ["a"]).holds(make({}, a={"carried_distance": 0.26}), initial)


def test_margins_are_in_the_unit_of_their_threshold(make: Build) -> None:
    initial = make({}, a={"highest": 0.025})

    def margin(text: str, **columns: float) -> float:
        return float(parse(text, ["a"]).leaves[0].raw_margin(make({}, a={"highest": 0.025, **columns}), initial))

    assert margin("slid(a)", highest=0.031) == pytest.approx(0.004)
    assert margin("carried(a, 10 cm)", carried_distance=0.13) == pytest.approx(0.03)
    assert margin("never_touched(a)", touch=2.1) == pytest.approx(-2.0)
    assert margin("upright_throughout(a)", steepest=0.1) == pytest.approx(np.radians(15) - 0.1)


def play(name: str, *steps: tuple[str, dict[str, Any]], seed: int = 2001) -> Trajectory:
    """Run steps in a scene of a task."""
    policy = ScriptedPolicy(tuple(Step(primitive, arguments, "test") for primitive, arguments in steps))
    scene = generate(load_registry()[name].scene, seed)
    return episode(policy, scene, seed, 120)


def holds(text: str, run: Trajectory) -> bool:
    return bool(parse(text, run.layout.names).holds(run.final, run.initial))


def test_a_push_slides_and_a_carry_carries() -> None:
    push = play("push-left", ("push", {"entity": "block", "direction": "left", "distance": 0.13}))
    carry = play(
        "push-left",
        ("grasp", {"entity": "block"}),
        ("lift", {"height": 0.08}),
        ("place", {"entity": "block", "direction": "left", "distance": 0.15}),
    )
    for run in (push, carry):
        assert holds("moved(block, left, 10 cm) and on_table(block) and released(block)", run)
        assert not holds("never_touched(block)", run)
    assert holds("slid(block) and not carried(block) and upright_throughout(block)", push)
    assert holds("carried(block, 12 cm) and not slid(block)", carry)


def test_a_lift_is_no_slide_even_where_it_ends_where_it_began() -> None:
    run = play("push-left", ("grasp", {"entity": "block"}), ("lift", {"height": 0.05}), ("place", {"entity": "block"}))
    assert holds("undisturbed(block) and not slid(block) and not carried(block)", run)


def test_what_leans_over_the_edge_has_slid_and_what_topples_on_the_table_has_not() -> None:
    swept = play("sweep", ("sweep", {"entity": "block"}))
    assert holds("off_table(block) and slid(block)", swept)
    toppled = play("topple", ("topple", {"entity": "can"}))
    assert holds("toppled(can) and not slid(can) and not upright_throughout(can)", toppled)


def test_what_is_flicked_glides_on_and_what_is_drawn_along_does_not() -> None:
    flick = play("slide", ("flick", {"entity": "puck", "direction": "away", "distance": 0.13, "ahead": 0.06}))
    along = {"entity": "puck", "direction": "away", "distance": 0.17}
    drag = play("slide", ("grasp", {"entity": "puck"}), ("drag", along), ("release", {}))
    for run, glides in ((flick, True), (drag, False)):
        assert holds("moved(puck, away, 15 cm) and slid(puck)", run)
        assert holds("glided(puck, 5 cm)", run) is glides


def test_columns_of_manner_only_grow_and_begin_at_the_reset() -> None:
    run = episode(load_scripted_policy("carry-left"), generate(load_registry()["carry-left"].scene, 2003), 0, 60)
    for field in ("highest", "steepest", "touch", "carried_distance"):
        along = run.state.entity("block", field)
        assert (np.diff(along) >= 0).all(), field
        assert along[-1] > along[0], field
    assert run.initial.entity("block", "highest") == run.initial.entity("block", "position")[2]
    assert float(run.initial.entity("block", "touch")) == 0.0
    heights = run.state.entity("block", "position")[..., 2]
    np.testing.assert_array_equal(run.state.entity("block", "highest"), np.maximum.accumulate(heights))


@pytest.mark.parametrize("kind", sorted(load_cards()))
def test_a_floor_is_as_thick_as_it_is_whatever_the_size(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = floor_of(kind)
    assert 0.0 <= usual < 0.03
    monkeypatch.setattr("tabletop.logic.containers._NAMES", {"w": 0.16, "d": 0.24, "h": 0.08})
    assert floor_of.__wrapped__(kind) == pytest.approx(usual, abs=1e-9)
