from __future__ import annotations

import math
import pickle
from dataclasses import replace

import numpy as np
import pytest

from tabletop.errors import TabletopError
from tabletop.logic.predicate import get_predicate
from tabletop.planner import operators_from_samples
from tabletop.sim.state import Layout, State
from tabletop.skills.codebook import Codebook
from tabletop.skills.effects import EFFECT_WIDTH, FACT
from tabletop.skills.library import Library
from tabletop.skills.skill_policy import SETTLE_STEPS

CARD = {"entities": {"box": "drawer"}}
LIBRARY = Library(Codebook({"held_at": 2, "displaced": 2, "joint": 2}), 50, {}, np.zeros((6, EFFECT_WIDTH)), CARD, {})
HELD, _, SETTLED, _, DRAWER, _ = (s.id for s in LIBRARY.skills)
RELATED = Library(Codebook({"related": 2}), 50, {}, np.zeros((2, EFFECT_WIDTH)), CARD, {})


def test_what_was_measured_becomes_the_planner_s_outcomes() -> None:
    held, settled, drawer = operators_from_samples(
        LIBRARY,
        {
            HELD: [[0.0, 0.1, 0.15, 0.0, 0.1, 0.2], [0.0] * 6],
            SETTLED: [[0.1, 0.0, 0.001, 0.04, 0.1, 0.0]],
            DRAWER: [[1.0], [0.5]],
        },
    )
    assert [o.held for o in held.outcomes] == [True, False]
    assert held.outcomes[0].place == pytest.approx((0.6, 0.2))
    assert settled.outcomes[0].place is None
    assert settled.outcomes[0].displacement == (0.1, 0.0, 0.001)
    assert settled.outcomes[0].yaw == 0.04
    assert math.isclose(math.fsum(o.fraction or 0.0 for o in drawer.outcomes), 1.5)
    assert (settled.body_type, drawer.body_type, drawer.kinds) == ("rigid", "joint", ("drawer",))
    assert DRAWER == "drawer-00"


def test_what_was_measured_of_one_kind_of_joint_is_forecast_for_that_kind_alone() -> None:
    drawer, door = operators_from_samples(LIBRARY, {"drawer-01": [[1.0]], "door-01": [[0.4]]})
    layout = Layout(("box", "gate", "bell"), ("drawer", "door", "button"), ("joint",) * 3)
    state = State(layout, np.zeros((2, layout.width)))
    assert [[bool(o.applicable(state, n).all()) for n in layout.names] for o in (drawer, door)] == [
        [True, False, False],
        [False, True, False],
    ]
    after = door.predict(state, "gate", np.zeros(2))
    assert after.entity("gate", "fraction") == pytest.approx(0.4)


def test_what_latches_is_pressed_once_and_a_drawer_moves_both_ways() -> None:
    drawer, button = operators_from_samples(LIBRARY, {"drawer-01": [[0.1]], "button-01": [[1.0]]})
    layout = Layout(("box", "bell"), ("drawer", "button"), ("joint",) * 2)
    values = np.zeros((2, layout.width))
    for name in layout.names:
        values[:, layout.entity_slice(name, "fraction")] = [[0.2], [0.9]]
    state = State(layout, values)
    assert drawer.applicable(state, "box").tolist() == [True, True]
    assert button.applicable(state, "bell").tolist() == [True, False]


def test_what_came_to_lie_on_something_is_not_forecast_to_rise_each_time() -> None:
    (settled,) = operators_from_samples(LIBRARY, {SETTLED: [[0.1, 0.0, 0.105, 0.0, 0.1, 0.0]]})
    state, draws = scene(0.5), np.zeros(2)
    for _ in range(2):
        state = settled.predict(state, "red", draws)
    assert state.entity("red", "position")[:, 2] == pytest.approx(0.03)
    assert state.entity("red", "position")[:, 0] == pytest.approx(0.6)


def scene(blue: float) -> State:
    """A block 6 cm wide at x = 0.4 m, and one 4 cm wide that a block at `blue` is nearer or farther than."""
    kinds = {"red": (0.4, 0.06), "blue": (blue, 0.04), "green": (0.6, 0.04)}
    layout = Layout(tuple(kinds), ("block",) * 3, ("rigid",) * 3)
    values = np.zeros((2, layout.width))
    for name, (x, width) in kinds.items():
        values[:, layout.entity_slice(name, "position")] = (x, 0.0, width / 2)
        values[:, layout.entity_slice(name, "quaternion")] = (0.0, 0.0, 0.0, 1.0)
        values[:, layout.entity_slice(name, "size")] = width
    values[:, layout.robot_slice("table_size")] = (0.65, 0.7)
    return State(layout, values)


@pytest.mark.parametrize(("blue", "under"), [(0.5, "blue"), (0.7, "green")])
def test_a_relation_is_forecast_with_the_nearest_thing_where_it_came_about(blue: float, under: str) -> None:
    missed, done = [0.02, 0.0, 0.0, 0.0, 0, 0, -0.2, 0, -0.04, 0], [0.1, 0, 0.04, 0, 0, 0, 0.01, 0, 0, FACT]
    (stack,) = operators_from_samples(RELATED, {"related-01": [missed, done]})
    (padded,) = operators_from_samples(RELATED, {"related-01": [[*missed, 0.0], [*done, 0.0]]})
    assert padded.outcomes == stack.outcomes, "an effect may be padded"
    before = scene(blue)
    after = stack.predict(before, "red", np.array([0.0, 0.99]))
    x = float(before.entity(under, "position")[0, 0])
    assert after.entity("red", "position") == pytest.approx(np.array([[0.42, 0.0, 0.03], [x + 0.01, 0.0, 0.07]]))
    assert (get_predicate("on").function(after, before, "red", under) > 0).tolist() == [False, True]


def test_a_relation_needs_another_thing() -> None:
    (stack,) = operators_from_samples(RELATED, {"related-01": [[0.0] * 10]})
    layout = Layout(("red",), ("block",), ("rigid",))
    assert not stack.applicable(State(layout, np.zeros((2, layout.width))), "red").any()
    assert stack.applicable(scene(0.5), "red").all()


def test_what_is_deformable_has_no_forecast() -> None:
    library = Library(Codebook({"dragged": 2}), 50, {}, np.zeros((2, EFFECT_WIDTH)), {}, {})
    assert operators_from_samples(library, {"dragged-00": [[0.0] * 6]}) == ()


def test_only_skills_that_may_end_holding_something_come_last_and_only_others_settle() -> None:
    held, settled = operators_from_samples(LIBRARY, {HELD: [[0, 0, 0.1, 0, 0, 0]], SETTLED: [[0] * 6]})
    assert (held.last, settled.last) == (True, False)
    assert (held.horizon, settled.horizon) == (50, 50)
    (scripted,) = operators_from_samples(replace(LIBRARY, release="scripted"), {SETTLED: [[0] * 6]})
    assert scripted.horizon == 50 + SETTLE_STEPS


def test_operators_pickle_and_make_the_skill_s_policy() -> None:
    (one,) = pickle.loads(pickle.dumps(operators_from_samples(LIBRARY, {SETTLED: [[0.1, 0, 0, 0, 0, 0]]})))
    policy = one.policy("red")
    assert (policy.entity, policy.effect) == ("red", "displaced")


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        ({"nonsense": [[0.0]]}, "unknown skill"),
        ({SETTLED: [[0.0, 0.0]]}, "takes 6 finite numbers"),
        ({SETTLED: []}, "at least one outcome"),
    ],
)
def test_malformed_samples_are_refused(samples: dict[str, list[list[float]]], message: str) -> None:
    with pytest.raises(TabletopError, match=message):
        operators_from_samples(LIBRARY, samples)
