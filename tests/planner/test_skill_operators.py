from __future__ import annotations

import math
import pickle

import numpy as np
import pytest

from tabletop.errors import TabletopError
from tabletop.logic.predicate import get_predicate
from tabletop.planner import operators_from_samples
from tabletop.sim.state import Layout, State
from tabletop.skills.codebook import Codebook
from tabletop.skills.effects import FACT
from tabletop.skills.library import Library
from tabletop.skills.skill_policy import SETTLE_STEPS

LIBRARY = Library(Codebook({"held_at": 2, "displaced": 2, "drawer": 2}), 50, {}, np.zeros((6, 4)), {}, {})
HELD, _, SETTLED, _, DRAWER, _ = (s.id for s in LIBRARY.skills)


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
    library = Library(Codebook({"on": 2}), 50, {}, np.zeros((2, 4)), {}, {})
    missed, done = [0.02, 0.0, 0.0, 0.0, 0, 0, -0.2, 0, -0.04, 0], [0.1, 0, 0.04, 0, 0, 0, 0.01, 0, 0, FACT]
    (stack,) = operators_from_samples(library, {"on-01": [missed, done]})
    before = scene(blue)
    after = stack.predict(before, "red", np.array([0.0, 0.99]))
    x = float(before.entity(under, "position")[0, 0])
    assert after.entity("red", "position") == pytest.approx(np.array([[0.42, 0.0, 0.03], [x + 0.01, 0.0, 0.07]]))
    assert (get_predicate("on").function(after, before, "red", under) > 0).tolist() == [False, True]


def test_a_thing_is_forecast_beside_another_on_the_side_that_it_is_on() -> None:
    library = Library(Codebook({"beside": 2}), 50, {}, np.zeros((2, 4)), {}, {})
    (push,) = operators_from_samples(library, {"beside-01": [[0.1, 0, 0, 0, 0, 0, -0.02, 0, 0, FACT]]})
    before = scene(0.7)
    after = push.predict(before, "red", np.array([0.0, 0.99]))
    assert after.entity("red", "position") == pytest.approx(np.array([[0.53, 0.0, 0.03]] * 2))
    assert (get_predicate("beside").function(after, before, "red", "green") > 0).all()


def test_a_relation_needs_another_thing() -> None:
    library = Library(Codebook({"on": 2}), 50, {}, np.zeros((2, 4)), {}, {})
    (stack,) = operators_from_samples(library, {"on-01": [[0.0] * 10]})
    layout = Layout(("red",), ("block",), ("rigid",))
    assert not stack.applicable(State(layout, np.zeros((2, layout.width))), "red").any()
    assert stack.applicable(scene(0.5), "red").all()


def test_what_is_deformable_has_no_forecast() -> None:
    library = Library(Codebook({"dragged": 2}), 50, {}, np.zeros((2, 4)), {}, {})
    assert operators_from_samples(library, {"dragged-00": [[0.0] * 6]}) == ()


def test_only_skills_that_may_end_holding_something_come_last_and_only_others_settle() -> None:
    held, settled = operators_from_samples(LIBRARY, {HELD: [[0, 0, 0.1, 0, 0, 0]], SETTLED: [[0] * 6]})
    assert (held.last, settled.last) == (True, False)
    assert (held.horizon, settled.horizon) == (50, 50 + SETTLE_STEPS)


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
