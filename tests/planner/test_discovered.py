from __future__ import annotations

import math
import pickle

import numpy as np
import pytest

from tabletop.errors import TabletopError
from tabletop.planner import operators_from_samples
from tabletop.skills.codes import Codes
from tabletop.skills.library import Library
from tabletop.skills.policy import SETTLE_STEPS

LIBRARY = Library(Codes({"held": 2, "settled": 2, "drawer": 2}), 50, {}, np.zeros((6, 4)), {}, {})
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
    assert (settled.moves, drawer.moves, drawer.kinds) == ("rigid", "joint", ("drawer",))


def test_only_skills_that_may_end_holding_something_come_last_and_only_others_settle() -> None:
    held, settled = operators_from_samples(LIBRARY, {HELD: [[0, 0, 0.1, 0, 0, 0]], SETTLED: [[0] * 6]})
    assert (held.last, settled.last) == (True, False)
    assert (held.horizon, settled.horizon) == (50, 50 + SETTLE_STEPS)


def test_operators_pickle_and_make_the_skill_s_policy() -> None:
    (one,) = pickle.loads(pickle.dumps(operators_from_samples(LIBRARY, {SETTLED: [[0.1, 0, 0, 0, 0, 0]]})))
    policy = one.policy("red")
    assert (policy.entity, policy.effect) == ("red", "settled")


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
