from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tabletop.sim.state import Layout, State
from tabletop.skills.observation import EGO, OTHER_WIDTH, OTHERS, Observer, mirrored

Build = Callable[..., State]

HORIZON = 30


def crowd(seed: int, names: tuple[str, ...] = ("red", "can", "drawer", "mug", "brick", "mark")) -> State:
    """A state with random numbers in all columns, the same for each entity whatever the order of names."""
    kinds = {"red": "block", "can": "can", "drawer": "drawer", "mug": "mug", "brick": "brick", "mark": "target"}
    body_types = {"drawer": "joint", "mark": "static"}
    layout = Layout(names, tuple(kinds[n] for n in names), tuple(body_types.get(n, "rigid") for n in names))
    values = np.zeros(layout.width)
    rng = np.random.default_rng(seed)
    values[: layout.entity_slice(names[0], "position").start] = rng.normal(0, 0.3, 22)
    for name in sorted(names):
        block = layout.entity_slice(name, "position").start
        values[block : block + 20] = rng.normal(0, 0.3, 20)
    return State(layout, values)


def see(state: State, entity: str, initial: State | None = None, step: float = 0.0) -> np.ndarray:
    return Observer(state.layout, entity, (initial or state).values, HORIZON)(state.values, step)


def rows(observation: np.ndarray) -> np.ndarray:
    return observation[EGO:].reshape(OTHERS, OTHER_WIDTH)


def test_a_batch_is_observed_as_its_rows_are() -> None:
    first = crowd(0)
    observer = Observer(first.layout, "red", first.values, HORIZON)
    batch = np.stack([crowd(i).values for i in range(5)])
    steps = np.arange(5.0)
    together = observer(batch, steps)
    assert together.shape == (5, EGO + OTHERS * OTHER_WIDTH)
    assert together.dtype == np.float32
    for i in range(5):
        # A product of matrices may add in another order than one of a vector: float32's last bit.
        assert np.allclose(together[i], observer(batch[i], float(i)), rtol=0, atol=2e-6)


def test_the_states_that_are_observed_stay_as_they_were() -> None:
    state = crowd(3)
    before = state.values.copy()
    see(state, "drawer")
    assert np.array_equal(state.values, before)


@pytest.mark.parametrize("seed", range(4))
def test_the_order_of_the_entities_changes_the_order_of_the_rows_at_most(seed: int) -> None:
    one = crowd(seed)
    other = crowd(seed, ("mug", "mark", "drawer", "brick", "red", "can"))
    a, b = see(one, "red"), see(other, "red")
    assert np.allclose(a[:EGO], b[:EGO], atol=1e-6)
    assert np.allclose(np.sort(rows(a), axis=0), np.sort(rows(b), axis=0), atol=1e-6)


def test_the_attended_entity_comes_first_and_only_there() -> None:
    state = crowd(1)
    moved = State(state.layout, state.values.copy())
    moved.values[state.layout.entity_slice("can", "spin")] += 1.0
    about_can, about_red = see(moved, "can", state) - see(state, "can"), see(moved, "red", state) - see(state, "red")
    assert np.count_nonzero(about_can[:EGO]) == 3
    assert not about_can[EGO:].any()
    assert not about_red.any()


def test_another_entity_that_moves_is_seen_in_its_row_only() -> None:
    state = crowd(1)
    moved = State(state.layout, state.values.copy())
    moved.values[state.layout.entity_slice("can", "position")] += 0.1
    change = see(moved, "red", state) - see(state, "red")
    assert not change[:EGO].any()
    assert np.count_nonzero(rows(change).any(axis=1)) == 1


def test_the_nearest_entities_at_the_start_are_seen_and_targets_never(make: Build) -> None:
    things = {
        f"x{i}": {"position": (0.5, 0.1 * (i + 1), 0.025), "size": (0.01 * (i + 1),) * 3} for i in range(OTHERS + 2)
    }
    state = make(mark={"kind": "target", "position": (0.5, 0.01, 0.0)}, **dict(reversed(things.items())), red={})
    seen = rows(see(state, "red"))
    assert sorted(seen[:, 7] / 8.0) == pytest.approx([0.01 * (i + 1) for i in range(OTHERS)], abs=1e-6)
    assert (seen[:, 0] == 1).all()


def test_rows_of_what_is_not_there_are_marked_absent_and_empty(make: Build) -> None:
    seen = rows(see(make(red={}, blue={"position": (0.4, 0.1, 0.02)}), "red"))
    assert seen[:, 0].tolist() == [1.0] + [0.0] * (OTHERS - 1)
    assert not seen[1:].any()


def test_where_all_moves_together_only_the_place_on_the_table_changes(make: Build) -> None:
    def shifted(by: float) -> State:
        state = make(red={"position": (0.4 + by, 0.0, 0.02)}, blue={"position": (0.5 + by, 0.1, 0.02)})
        state.values[state.layout.robot_slice("gripper_position")] = (0.45 + by, 0.05, 0.2)
        return state

    change = see(shifted(0.07), "red") - see(shifted(0.0), "red")
    changed = np.flatnonzero(np.abs(change) > 1e-5)
    assert not (changed >= EGO).any()
    # The gripper's x, the entity's x, and its distance from the far edge.
    assert change[changed] == pytest.approx([4 * 0.07, 4 * 0.07, -3 * 0.07], abs=1e-5)


def test_time_left_runs_from_1_to_minus_1(make: Build) -> None:
    observer = Observer(make(red={}).layout, "red", make(red={}).values, HORIZON)
    begin, end = observer(make(red={}).values, 0.0), observer(make(red={}).values, float(HORIZON))
    (column,) = np.flatnonzero(begin != end)
    assert (begin[column], end[column]) == (1.0, -1.0)
    assert np.array_equal(observer(make(red={}).values, 15.0), begin), "an early step is like the first"


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), scale=st.sampled_from([0.0, 1e-6, 1.0, 100.0]), step=st.floats(0, HORIZON))
def test_what_is_seen_is_finite_whatever_the_state(seed: int, scale: float, step: float) -> None:
    state = crowd(seed)
    far = State(state.layout, state.values * scale)
    for entity in ("red", "drawer"):
        assert np.isfinite(see(far, entity, state, step)).all()


def in_a_mirror(state: State) -> State:
    """The world with left and right changed: a reflection at the plane y = 0."""
    values = state.values.copy()
    layout = state.layout
    parts = [(layout.robot_slice(f"gripper_{f}"), f) for f in ("position", "velocity", "quaternion")]
    for name in layout.names:
        parts += [
            (layout.entity_slice(name, f), f)
            for f in ("position", "velocity", "spin", "quaternion", "grasp", "finger_force")
        ]
    signs = {"spin": [-1, 1, -1], "quaternion": [-1, 1, -1, 1]}
    for where, field in parts:
        if field == "finger_force":
            values[where] = values[where][::-1]
        else:
            values[where] *= signs.get(field, [1, -1, 1])
    return State(layout, values)


@pytest.mark.parametrize("entity", ["red", "drawer"])
def test_a_mirrored_observation_is_what_is_seen_of_the_mirrored_world(entity: str) -> None:
    first, later = crowd(1), crowd(2)
    there = see(in_a_mirror(later), entity, in_a_mirror(first), 4.0)
    here = see(later, entity, first, 4.0)
    assert not np.allclose(there, here, atol=0.1)
    assert np.allclose(mirrored(here), there, rtol=0, atol=1e-5)
    assert np.array_equal(mirrored(mirrored(here)), here)


def test_the_ends_of_a_rope_are_seen_as_things_beside_it(make: Build) -> None:
    state = make(a={"kind": "rope"}, b={"position": (0.5, 0.2, 0.025)})
    found = rows(see(state, "a"))
    ends = state.nodes("a")[[0, 8, 15], 0] - state.entity("a", "position")
    assert found[:, 0].tolist() == [1, 1, 1, 1]
    assert found[:3, 1:4] == pytest.approx(6 * ends, abs=1e-6)
    assert found[3, 1:4] == pytest.approx([0.0, 1.2, 0.0], abs=1e-6)
    assert found[:, 10].tolist() == [0, 0, 0, 1]


def test_a_cloth_in_a_mirror_is_seen_as_its_mirror_image(make: Build) -> None:
    def cloth(side: int) -> np.ndarray:
        turn = side * 0.2
        return see(
            make(
                a={
                    "kind": "cloth",
                    "position": (0.5, side * 0.1, 0.01),
                    "quaternion": (0, 0, np.sin(turn), np.cos(turn)),
                }
            ),
            "a",
        )

    one, other = mirrored(cloth(1)), cloth(-1)
    assert one[:EGO] == pytest.approx(other[:EGO], abs=1e-6)
    assert np.sort(rows(one), axis=0) == pytest.approx(np.sort(rows(other), axis=0), abs=1e-6)
