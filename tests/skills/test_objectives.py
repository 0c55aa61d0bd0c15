"""Properties of objectives, all of them and each by itself."""

from __future__ import annotations

import numpy as np
import pytest

from tabletop.errors import TabletopError
from tabletop.skills.objectives import OBJECTIVES, get_objective

RNG = np.random.default_rng(0)
GAINS = RNG.normal(0.0, 2.0, (5, 7))
LIVE = (np.arange(4)[:, None] < RNG.integers(1, 5, 7)).astype(float)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_steps_past_an_episodes_end_earn_nothing(name: str) -> None:
    reward = get_objective(name)
    for column in range(7):
        taken = int(LIVE[:, column].sum())
        cut = reward(GAINS[: taken + 1, column : column + 1], np.ones((taken, 1)), 0.9)
        assert reward(GAINS, LIVE, 0.9)[column] == pytest.approx(cut[0])


def test_final_state_telescopes_to_the_last_gain_without_discount() -> None:
    found = get_objective("final-state")(GAINS, np.ones((4, 7)), 1.0)
    assert found == pytest.approx(GAINS[-1] - GAINS[0])


def test_final_state_prefers_what_is_gained_early() -> None:
    early, late = np.array([[0.0], [1.0], [1.0]]), np.array([[0.0], [0.0], [1.0]])
    reward = get_objective("final-state")
    assert reward(early, np.ones((2, 1)), 0.9)[0] > reward(late, np.ones((2, 1)), 0.9)[0]


def test_every_state_is_the_discounted_sum_of_gains() -> None:
    found = get_objective("every-state")(GAINS, np.ones((4, 7)), 0.5)
    assert found == pytest.approx(GAINS[1] + 0.5 * GAINS[2] + 0.25 * GAINS[3] + 0.125 * GAINS[4])


def test_an_unknown_objective_is_refused_with_those_there_are() -> None:
    with pytest.raises(TabletopError, match="every-state, final-state"):
        get_objective("no-state")
