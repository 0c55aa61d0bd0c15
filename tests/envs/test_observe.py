"""State observations: fixed size, attended entity first, absence marked."""

from __future__ import annotations

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from tabletop.envs import TabletopEnv
from tabletop.envs.observe import (
    LIMIT,
    SLOT_WIDTH,
    SLOTS,
    STATE_WIDTH,
    StateObserver,
    nodes_of_width,
    slots,
    state_names,
    state_width,
)
from tabletop.errors import TabletopError
from tabletop.sim.state import ROBOT_FIELDS, Layout, State

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


# --- nodes ---------------------------------------------------------------------------------------

SOFT = Layout(
    ("rope", "cup", "cloth"),
    ("rope", "mug", "cloth"),
    ("deformable", "rigid", "deformable"),
    ((16, 1), (0, 0), (6, 6)),
)


def nodes_of(values: np.ndarray, nodes: int, slot: int) -> np.ndarray:
    """Return the nodes (nodes, 3) of a slot of an observation, found by their names."""
    first = state_names(nodes).index(f"entity{slot}.nodes.0.0")
    return values[first : first + 3 * nodes].reshape(nodes, 3)


def test_nodes_stand_behind_all_else_a_slot_after_the_other() -> None:
    values = np.random.default_rng(0).normal(size=SOFT.width)
    state = State(SOFT, values)
    names = slots(SOFT, ["cup", "gone"])
    assert names[:4] == ("cup", None, "rope", "cloth")
    out = StateObserver(SOFT, names, 40)(values)
    assert out.shape == (state_width(40),) == (len(state_names(40)),)
    assert np.array_equal(out[:STATE_WIDTH], StateObserver(SOFT, names)(values))
    assert state_names(40)[:STATE_WIDTH] == state_names()
    for slot, name, count in ((2, "rope", 16), (3, "cloth", 36)):
        own = nodes_of(out, 40, slot)
        np.testing.assert_allclose(own[:count], state.nodes(name).reshape(-1, 3), rtol=1e-6)
        assert not own[count:].any()
    assert not nodes_of(out, 40, 0).any()
    assert not nodes_of(out, 40, 1).any()


@pytest.mark.parametrize(
    ("nodes", "rope", "cloth"),
    [
        (1, [0], [(0, 0)]),
        (4, [0, 5, 10, 15], [(0, 0), (0, 5), (5, 0), (5, 5)]),
        (9, [0, 2, 4, 6, 8, 9, 11, 13, 15], [(i, j) for i in (0, 2, 5) for j in (0, 2, 5)]),
        (36, range(16), [(i, j) for i in range(6) for j in range(6)]),
    ],
)
def test_of_more_nodes_a_coarser_grid_with_the_same_ends_is_seen(nodes: int, rope: object, cloth: object) -> None:
    values = np.random.default_rng(1).normal(size=SOFT.width)
    state = State(SOFT, values)
    out = StateObserver(SOFT, slots(SOFT, ["rope", "cloth"]), nodes)(values)
    for slot, wanted in ((0, state.nodes("rope")[list(rope), 0]), (1, [state.nodes("cloth")[ij] for ij in cloth])):  # type: ignore[call-overload, attr-defined]
        own = nodes_of(out, nodes, slot)
        np.testing.assert_allclose(own[: len(wanted)], wanted, rtol=1e-6)
        assert not own[len(wanted) :].any()


def test_a_width_says_how_many_nodes_there_are() -> None:
    assert [nodes_of_width(state_width(n)) for n in (0, 1, 16, 256)] == [0, 1, 16, 256]
    assert [nodes_of_width(w) for w in (0, 269, 271, 293, state_width(256) + 24)] == [None] * 5


@pytest.mark.parametrize("nodes", [-1, 257, 2.5, True, "all"])
def test_nodes_out_of_range_are_refused(nodes: object) -> None:
    with pytest.raises(TabletopError, match="nodes must be a whole number from 0 to 256"):
        TabletopEnv("rope-pull", nodes=nodes)  # type: ignore[arg-type]


def test_nodes_do_not_go_with_pixels() -> None:
    with pytest.raises(TabletopError, match='nodes go with observation "state" or "goal", got 4 and "pixels"'):
        TabletopEnv("rope-pull", observation="pixels", nodes=4)


@pytest.mark.parametrize("task", ["rope-pull", "cloth-fold", "push"])
def test_an_environment_shows_nodes_and_names_its_columns_and_slots(task: str) -> None:
    plain, soft = TabletopEnv(task), TabletopEnv(task, nodes=36)
    check_env(soft, skip_render_check=True)
    plain.reset(seed=3)
    soft.reset(seed=3)
    for action in np.random.default_rng(0).uniform(-1, 1, (4, 5)).astype(np.float32):
        one, two = plain.step(action), soft.step(action)
        assert np.array_equal(one[0], two[0][:STATE_WIDTH])
        assert one[1:] == two[1:]
    state, names = soft.state, soft.state_names
    assert soft.observation_space.shape == (len(names),)
    seen = dict(zip(names, two[0].tolist(), strict=True))
    assert soft.slots[0] == soft.task.attends  # type: ignore[union-attr]
    for i, name in enumerate(soft.slots):
        assert seen[f"entity{i}.present"] == (name is not None)
        if name is None:
            continue
        assert seen[f"entity{i}.position.2"] == pytest.approx(state.entity(name, "position")[2], rel=1e-6)
        if any(state.layout.grid(name)):
            last = state.nodes(name).reshape(-1, 3)[-1]
            index = state.nodes(name).size // 3 - 1
            assert [seen[f"entity{i}.nodes.{index}.{a}"] for a in range(3)] == pytest.approx(last, rel=1e-6)
    plain.close()
    soft.close()


def test_a_goal_leaves_its_mark_out_of_the_slots() -> None:
    made = TabletopEnv("push", observation="goal", nodes=2)
    observation, _ = made.reset(seed=0)
    assert observation["observation"].shape == (len(made.state_names),)
    assert made.slots == ("block", *[None] * 7)
    made.close()


def test_the_columns_of_a_state_have_names() -> None:
    columns = SOFT.columns
    assert len(columns) == len(set(columns)) == SOFT.width
    assert columns[SOFT.entity_slice("cup", "spin")] == ("cup.spin.0", "cup.spin.1", "cup.spin.2")
    assert columns[SOFT.nodes_slice("cloth")][-4:] == (
        "cloth.nodes.5.4.2",
        *(f"cloth.nodes.5.5.{a}" for a in range(3)),
    )
