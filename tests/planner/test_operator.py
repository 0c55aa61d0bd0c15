from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tabletop.errors import TabletopError
from tabletop.logic import parse
from tabletop.logic.transition import carry, put
from tabletop.planner import Outcome, SampledOperator
from tabletop.rollout.policy import Nothing
from tabletop.sim.state import State

Build = Callable[..., State]


def nothing(entity: str) -> Nothing:
    return Nothing()


def operator(*outcomes: Outcome, body_type: str = "rigid", kinds: tuple[str, ...] | None = None) -> SampledOperator:
    return SampledOperator("x", body_type, kinds, outcomes, 10, nothing)


def batch(state: State, count: int) -> State:
    return State(state.layout, np.repeat(state.values[None], count, axis=0))


def test_each_draw_gives_its_outcome_and_leaves_other_things_alone(make: Build) -> None:
    state = batch(make(red={"at": (0.4, 0.0)}, blue={"at": (0.6, 0.1)}), 4)
    found = operator(Outcome((0.1, 0, 0)), Outcome((0, 0.2, 0), yaw=0.5)).predict(
        state, "red", np.array([0.1, 0.4, 0.6, 0.9])
    )
    np.testing.assert_allclose(
        found.entity("red", "position")[:, :2], [[0.5, 0], [0.5, 0], [0.4, 0.2], [0.4, 0.2]], atol=1e-12
    )
    np.testing.assert_allclose(found.entity("red", "quaternion")[-1], [0, 0, np.sin(0.25), np.cos(0.25)])
    np.testing.assert_array_equal(found.entity("blue", "position"), state.entity("blue", "position"))


def test_a_forecast_does_not_change_the_state_it_starts_from(make: Build) -> None:
    state = batch(make(red={}), 2)
    before = state.values.copy()
    operator(Outcome((0.1, 0, 0))).predict(state, "red", np.array([0.2, 0.7]))
    np.testing.assert_array_equal(state.values, before)


def test_what_leaves_the_table_falls_below_it(make: Build) -> None:
    found = operator(Outcome((0, 0.4, 0))).predict(batch(make(red={}), 1), "red", np.array([0.5]))
    assert found.entity("red", "position")[0, 2] < -0.1


def test_a_held_outcome_puts_the_gripper_at_the_entity(make: Build) -> None:
    state = batch(make(red={}), 1)
    found = operator(Outcome((0.0, 0.1, 0.12), held=True)).predict(state, "red", np.array([0.5]))
    np.testing.assert_allclose(found.robot("gripper_position"), found.entity("red", "position"))
    assert (found.entity("red", "finger_force") > 1).all()
    on_table = operator(Outcome((0.0, 0.1, 0.0))).predict(state, "red", np.array([0.5]))
    assert (on_table.entity("red", "finger_force") == 0).all()
    assert on_table.robot("gripper_position")[0, 2] > 0.2


def test_an_outcome_with_a_place_is_there_wherever_it_began_unless_it_fell(make: Build) -> None:
    state = batch(make(red={"at": (0.45, -0.1)}), 1)
    there, fallen = Outcome((0.1, 0.1, 0.0), place=(0.6, 0.2)), Outcome((0.0, 0.0, -0.2), place=(0.9, 0.9))
    found = operator(there).predict(state, "red", np.array([0.5])).entity("red", "position")
    assert found[0, :2] == pytest.approx([0.6, 0.2])
    off = operator(fallen).predict(state, "red", np.array([0.5])).entity("red", "position")
    assert off[0, :2] == pytest.approx([0.45, -0.1])
    assert off[0, 2] < -0.1


def test_what_lies_in_a_drawer_goes_with_it_and_what_stands_beside_does_not(make: Build) -> None:
    state = make(
        drawer={"kind": "drawer", "at": (0.55, 0.0), "fraction": 1.0},
        red={"at": (0.53, 0.0), "size": (0.04, 0.04, 0.04), "position": (0.53, 0.0, 0.032)},
        blue={"at": (0.5, 0.25)},
    )
    shut = operator(Outcome(fraction=0.0), body_type="joint").predict(batch(state, 1), "drawer", np.array([0.5]))
    # The drawer opens toward the robot, along -x, by 13 cm.
    assert shut.entity("drawer", "position")[0, 0] == pytest.approx(0.68)
    assert shut.entity("red", "position")[0, 0] == pytest.approx(0.66)
    assert shut.entity("blue", "position")[0, 0] == pytest.approx(0.5)
    assert shut.entity("drawer", "fraction")[0] == 0.0


def test_it_applies_to_fitting_kinds_on_the_table_and_to_buttons_that_are_up(make: Build) -> None:
    state = make(
        red={},
        fallen={"position": (0.5, 0.6, -0.5)},
        button={"kind": "button"},
        down={"kind": "button", "fraction": 1.0},
    )
    push = operator(Outcome((0.1, 0, 0)))
    press = operator(Outcome(fraction=1.0), body_type="joint", kinds=("button",))
    assert [bool(push.applicable(state, n)) for n in state.layout.names] == [True, False, False, False]
    assert [bool(press.applicable(state, n)) for n in state.layout.names] == [False, False, True, False]


@pytest.mark.parametrize(
    ("make_it", "message"),
    [
        (lambda: operator(), "at least one outcome"),
        (
            lambda: SampledOperator("x", "rigid", None, (Outcome(),), 1, nothing, reliability=0.0),
            "reliability",
        ),
        (lambda: Outcome((float("nan"), 0.0, 0.0)), "finite"),
    ],
)
def test_nonsense_is_refused_in_one_line(make_it: Callable[[], object], message: str) -> None:
    with pytest.raises(TabletopError, match=message) as error:
        make_it()
    assert "\n" not in str(error.value)


def test_a_forecast_says_how_a_thing_got_there(make: Build) -> None:
    state = make(red={"at": (0.5, 0.0), "highest": 0.025}, drawer={"kind": "drawer", "at": (0.6, 0.2)})
    before = batch(state, 2)
    there = before.entity("red", "position") + np.array([0.0, 0.12, 0.0])
    for moved, slid, carried in ((put, True, False), (carry, False, True)):
        found = moved(before, "red", there)
        for text, expected in (
            ("slid(red)", slid),
            ("carried(red, 10 cm)", carried),
            ("never_touched(red)", False),
            ("moved(red, left, 10 cm)", True),
        ):
            assert (parse(text, ["red"]).holds(found, before) == expected).all(), (text, moved)
        assert not before.entity("red", "touch").any()
