"""State observations: fixed size, attended entity first, absence marked."""

from __future__ import annotations

import numpy as np

from tabletop.envs.observe import LIMIT, SLOT_WIDTH, SLOTS, STATE_WIDTH, StateObserver, slots
from tabletop.sim.state import ROBOT_FIELDS, Layout

LAYOUT = Layout(("drawer", "cup", "wall"), ("drawer", "mug", "wall"), ("joint", "rigid", "static"))
ROBOT = sum(ROBOT_FIELDS.values())


def seen(names: tuple[str | None, ...]) -> tuple[np.ndarray, np.ndarray]:
    values = np.random.default_rng(0).normal(size=LAYOUT.width)
    return values, StateObserver(LAYOUT, names)(values)


def test_the_named_come_first_then_the_rest_then_nothing() -> None:
    assert slots(LAYOUT, ["cup", "gone", "cup"]) == ("cup", None, "drawer", "wall", *[None] * (SLOTS - 4))
    assert "wall" not in slots(LAYOUT, ["cup"], without="wall")


def test_more_entities_than_slots_leave_the_last_out() -> None:
    many = Layout(tuple(f"e{i}" for i in range(12)), ("block",) * 12, ("rigid",) * 12)
    assert slots(many, ["e11"]) == ("e11", *(f"e{i}" for i in range(SLOTS - 1)))


def test_columns_are_the_robots_then_each_slots() -> None:
    values, out = seen(slots(LAYOUT, ["cup"]))
    assert (out.shape, out.dtype) == ((STATE_WIDTH,), np.float32)
    np.testing.assert_allclose(out[:ROBOT], values[:ROBOT], rtol=1e-6)
    first = out[ROBOT : ROBOT + SLOT_WIDTH]
    assert first[:4].tolist() == [1, 1, 0, 0]
    start = LAYOUT.entity_slice("cup", "position").start
    np.testing.assert_allclose(first[4:], values[start : start + SLOT_WIDTH - 4], rtol=1e-6)
    moves = [out[ROBOT + i * SLOT_WIDTH : ROBOT + i * SLOT_WIDTH + 4].tolist() for i in range(4)]
    assert moves[1:] == [[1, 0, 1, 0], [1, 0, 0, 1], [0, 0, 0, 0]]
    assert not out[ROBOT + 3 * SLOT_WIDTH :].any()


def test_a_batch_is_observed_row_by_row_and_clipped() -> None:
    rows = np.random.default_rng(1).normal(size=(2, 3, LAYOUT.width)) * 200
    observer = StateObserver(LAYOUT, slots(LAYOUT, ["wall"]))
    out = observer(rows)
    assert out.shape == (2, 3, STATE_WIDTH)
    assert np.array_equal(out[1, 2], observer(rows[1, 2]))
    assert np.abs(out).max() == LIMIT
