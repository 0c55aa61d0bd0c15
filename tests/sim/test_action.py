"""What is taken for an action, and what is refused in one line."""

from __future__ import annotations

import numpy as np
import pytest

from tabletop.errors import TabletopError
from tabletop.sim.action import as_action


@pytest.mark.parametrize("given", [[0, 0.5, -1, 2, 1], (0, 0.5, -1, 2, 1), np.array([0, 0.5, -1, 2, 1])])
def test_five_numbers_are_an_action_as_they_are(given: object) -> None:
    action = as_action(given)
    assert (action.dtype, action.tolist()) == (np.float32, [0, 0.5, -1, 2, 1])


@pytest.mark.parametrize(
    "given",
    [
        np.zeros(4),
        np.zeros((1, 5)),
        np.full((40, 5), 0.123456789),
        [0, 0, 0, 0, np.nan],
        [np.inf] * 5,
        "up",
        [[0], 0, 0, 0, 0],
        None,
        {},
    ],
)
def test_all_else_is_refused_in_one_line(given: object) -> None:
    with pytest.raises(TabletopError, match="an action is 5 finite numbers") as error:
        as_action(given)
    assert "\n" not in str(error.value)


def test_what_is_long_is_told_by_its_kind_and_shape() -> None:
    with pytest.raises(TabletopError, match=r"got ndarray of shape \(40, 5\)$"):
        as_action(np.full((40, 5), 0.123456789))
    with pytest.raises(TabletopError, match=r"got str$"):
        as_action("up" * 80)
    with pytest.raises(TabletopError, match=r"got \[0, 0\]$"):
        as_action([0, 0])
