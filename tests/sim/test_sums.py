from __future__ import annotations

from tabletop.sim.sums import added


def test_values_are_added_from_left_to_right() -> None:
    assert added([0.1] * 10) == 0.1 + 0.1 + 0.1 + 0.1 + 0.1 + 0.1 + 0.1 + 0.1 + 0.1 + 0.1 != 1.0
    assert added([1.0, 1e16, -1e16]) == 0.0
    assert added(iter((1e16, -1e16, 1.0))) == 1.0
    assert added([]) == 0.0
