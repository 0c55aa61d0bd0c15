from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tabletop.control.joints import handle_of
from tabletop.logic.geometry import Solid
from tabletop.rollout.episode import Trajectory, episode
from tabletop.rollout.policy import Exploration
from tabletop.sim import World, generate
from tabletop.sim.cards import load_cards
from tabletop.sim.scene import Entity
from tabletop.sim.scene_cards import find_scene_card
from tabletop.sim.state import Layout, State
from tabletop.skills.effects import EFFECT_WIDTH, REACH, get_effect
from tabletop.skills.observation import (
    EGO,
    HAND,
    NO_END,
    OTHER_WIDTH,
    OTHERS,
    TANGENT,
    TANGENT_SCALE,
    TIME,
    WRIST,
    Observer,
    half_turned,
    mirrored,
    positions,
    rotated,
    transformed,
)
from tabletop.skills.skill_policy import condition

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


def placed(state: State, name: str) -> Entity:
    """Return the entity of a scene that a state is of, as far as an Observer asks: its name, kind and size."""
    size = tuple(float(v) for v in state.entity(name, "size"))
    return Entity(name, state.layout.kind(name), (0.5, 0.0, 0.0), size=size)


def see(state: State, entity: str, initial: State | None = None, step: float = 0.0) -> np.ndarray:
    first = initial or state
    return Observer(state.layout, placed(first, entity), first.values, HORIZON)(state.values, step)


def rows(observation: np.ndarray) -> np.ndarray:
    return observation[EGO:].reshape(OTHERS, OTHER_WIDTH)


@pytest.mark.parametrize("entity", ["red", "drawer"])
def test_a_batch_is_observed_as_its_rows_are(entity: str) -> None:
    first = crowd(0)
    batch = np.stack([crowd(i).values for i in range(5)])
    steps = np.arange(5.0)
    observer = Observer(first.layout, placed(first, entity), first.values, HORIZON)
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
    state = make(red={})
    observer = Observer(state.layout, placed(state, "red"), state.values, HORIZON)
    begin, end = observer(state.values, 0.0), observer(state.values, float(HORIZON))
    (column,) = np.flatnonzero(begin != end)
    assert (begin[column], end[column]) == (1.0, -1.0)
    assert np.array_equal(observer(state.values, 15.0), begin), "an early step is like the first"


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), scale=st.sampled_from([0.0, 1e-6, 1.0, 100.0]), step=st.floats(0, HORIZON))
def test_what_is_seen_is_finite_whatever_the_state(seed: int, scale: float, step: float) -> None:
    state = crowd(seed)
    far = State(state.layout, state.values * scale)
    for entity in ("red", "drawer"):
        assert np.isfinite(see(far, entity, state, step)).all()


@pytest.mark.parametrize(
    ("angle", "room"), [(0.0, (2.8973, 2.8973)), (2.5, (np.pi, 0.3973)), (-2.8973, (0.0, np.pi)), (3.1, (np.pi, 0.0))]
)
def test_how_far_the_wrist_can_still_turn_is_seen(make: Build, angle: float, room: tuple[float, float]) -> None:
    state = make(a={})
    state.values[state.layout.robot_slice("joints").stop - 1] = angle
    assert see(state, "a")[WRIST : WRIST + 2] == pytest.approx(np.array(room) / np.pi, abs=1e-6)


@pytest.mark.parametrize(
    ("kind", "yaw", "extent", "long", "sides"),
    [
        ("brick", 0.0, 0.04, (0.6, 0.0), (1.0, 0.0)),
        ("brick", math.pi / 2, 0.08, (-0.6, 0.0), (1.0, 0.0)),
        ("brick", math.pi / 4, 0.12 / math.sqrt(2), (0.0, 0.6), (-1.0, 0.0)),
        ("brick", math.pi / 8, 0.04 * math.cos(math.pi / 8) + 0.08 * math.sin(math.pi / 8), (0.6, 0.6), (0.0, 1.0)),
        ("can", math.pi / 8, 0.08, (0.6, 0.6), (0.0, 0.0)),
        ("ball", 0.7, 0.08, None, (0.0, 0.0)),
    ],
)
def test_how_wide_a_thing_is_between_the_fingers_and_which_way_its_sides_are_is_seen(
    make: Build,
    kind: str,
    yaw: float,
    extent: float,
    long: tuple[float, float] | None,
    sides: tuple[float, float],
) -> None:
    base = 0.3
    turn = (0.0, 0.0, math.sin((base + yaw) / 2), math.cos((base + yaw) / 2))
    state = make(a={"kind": kind, "position": (0.5, 0.1, 0.03), "quaternion": turn, "size": (0.08, 0.04, 0.05)})
    way = np.array([0.02, -0.01])
    c, s = math.cos(base), math.sin(base)
    state.values[state.layout.robot_slice("gripper_quaternion")] = (0.0, 0.0, math.sin(base / 2), math.cos(base / 2))
    state.values[state.layout.robot_slice("gripper_position")] = (
        0.5 - (c * way[0] - s * way[1]),
        0.1 - (s * way[0] + c * way[1]),
        0.03,
    )
    seen = see(state, "a")[HAND : HAND + 9]
    assert seen[:2] == pytest.approx(8.0 * way, abs=1e-5)
    assert seen[2:4] == pytest.approx(np.tanh(40.0 * way), abs=1e-5)
    assert seen[4] == pytest.approx(10.0 * extent, abs=1e-4)
    if long is not None:
        # Twice the angle: (w^2 - d^2) / (w^2 + d^2) = 0.6, turned by it.
        share = math.hypot(*long)
        assert seen[5:7] == pytest.approx(0.6 * np.array(long) / share, abs=1e-5)
    assert seen[7:9] == pytest.approx(sides, abs=1e-5)


def test_a_handle_is_seen_in_the_hand_but_not_measured(make: Build) -> None:
    seen = see(make(a={"kind": "drawer", "position": (0.6, 0.1, 0.05)}), "a")[HAND : HAND + 9]
    assert seen[:4].any()
    assert not seen[4:].any()


def test_the_column_of_the_time_left_is_the_only_one_that_changes_with_the_step(make: Build) -> None:
    state = make(a={})
    one, other = see(state, "a", step=HORIZON - 10.0), see(state, "a", step=HORIZON - 4.0)
    assert np.flatnonzero(one != other).tolist() == [TIME]


@pytest.mark.parametrize(("name", "ends"), [("placed", True), ("joint", True), ("held_at", False), ("reached", False)])
def test_only_who_is_to_have_left_at_the_end_sees_it_come(make: Build, name: str, ends: bool) -> None:
    seen = np.stack([see(make(a={}), "a", step=step) for step in (0.0, HORIZON - 4.0)])
    zero, descriptor = np.zeros((2, EFFECT_WIDTH)), np.tile(get_effect(name).descriptor, (2, 1))
    early, late = condition(seen, zero, zero, descriptor)
    assert early[TIME] == NO_END == seen[0, TIME]
    assert np.flatnonzero(early != late).tolist() == ([TIME] if ends else [])
    assert seen[1, TIME] < NO_END, "what was observed stays as it is"
    assert np.array_equal(condition(seen[1], zero[1], zero[1], descriptor[1]), late), "one by one as in a batch"


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
    # The wrist's limits are as far to both sides.
    values[layout.robot_slice("joints").stop - 1] *= -1
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


def turned_and_shifted(state: State, angle: float, shift: tuple[float, float]) -> State:
    """The world with all things and the gripper turned about the robot's base, then shifted; the table stays."""
    values, layout = state.values.copy(), state.layout
    way = np.array([shift])
    half = np.array([0.0, 0.0, np.sin(angle / 2), np.cos(angle / 2)])

    def turn(part: slice, offset: np.ndarray | float = 0.0) -> None:
        at = values[part.start : part.start + 2]
        values[part.start : part.start + 2] = rotated(at[None], np.array([angle]))[0] + np.ravel(offset)

    def turn_quaternion(part: slice) -> None:
        (x, y, z, w), (_, _, s, c) = values[part], half
        values[part] = [c * x - s * y, c * y + s * x, c * z + s * w, c * w - s * z]

    turn(layout.robot_slice("gripper_position"), way)
    turn(layout.robot_slice("gripper_velocity"))
    turn_quaternion(layout.robot_slice("gripper_quaternion"))
    for name in layout.names:
        turn(layout.entity_slice(name, "position"), way)
        turn(layout.entity_slice(name, "velocity"))
        turn(layout.entity_slice(name, "spin"))
        turn_quaternion(layout.entity_slice(name, "quaternion"))
    return State(layout, values)


def with_the_fingers_changed(state: State) -> State:
    """The world with the gripper turned by half a turn about its own axis."""
    values = state.values.copy()
    part = state.layout.robot_slice("gripper_quaternion")
    x, y, z, w = values[part]
    values[part] = [y, -x, w, -z]
    for name in state.layout.names:
        forces = state.layout.entity_slice(name, "finger_force")
        values[forces] = values[forces][::-1]
    return State(state.layout, values)


@pytest.fixture(scope="module")
def happened() -> list[Trajectory]:
    """Return random episodes among all kinds of things, and what the fingers hold among them."""
    card = find_scene_card("everything")
    starts = ("nominal", "holding", "around", "bearing")
    return [episode(Exploration(), generate(card, i, gripper=start), i, 8) for i, start in enumerate(starts)]


def attended(runs: list[Trajectory]) -> list[tuple[Trajectory, str]]:
    return [(run, n) for run in runs for n in run.layout.names if run.layout.body_type(n) in {"rigid", "joint"}]


def test_what_is_seen_of_a_world_that_was_turned_and_shifted_follows_from_what_was_seen(
    happened: list[Trajectory],
) -> None:
    rng = np.random.default_rng(0)
    kinds = set()
    for run, name in attended(happened):
        first, later = run.initial, State(run.layout, run.states[-1])
        angle, shift = float(rng.uniform(-0.5, 0.5)), tuple(rng.uniform(-0.1, 0.1, 2))
        entity = run.scene.entity(name)
        here = Observer(run.layout, entity, first.values, HORIZON)(later.values, 7.0)
        new = turned_and_shifted(first, angle, shift)
        there = Observer(run.layout, entity, new.values, HORIZON)
        expected = there(turned_and_shifted(later, angle, shift).values, 7.0)
        found = transformed(here[None], np.array([angle]), np.array([shift]))[0]
        assert found == pytest.approx(expected, abs=1e-4), run.layout.kind(name)
        assert np.abs(found - here).max() > 0.01
        kinds.add(run.layout.kind(name))
    assert len(kinds) > 5
    assert "joint" in {load_cards()[kind].body_type for kind in kinds}


def test_what_is_seen_of_a_mirrored_world_follows_from_what_was_seen(happened: list[Trajectory]) -> None:
    for run, name in attended(happened):
        kind = run.layout.kind(name)
        if run.layout.body_type(name) == "joint" and kind not in {"drawer", "button"}:
            continue  # These have another mirror image: a door with its hinge on the other side.
        first, later, entity = run.initial, State(run.layout, run.states[-1]), run.scene.entity(name)
        here = Observer(run.layout, entity, first.values, HORIZON)(later.values, 7.0)
        expected = Observer(run.layout, entity, in_a_mirror(first).values, HORIZON)(in_a_mirror(later).values, 7.0)
        assert mirrored(here) == pytest.approx(expected, abs=1e-4), kind


def test_what_is_seen_if_the_fingers_change_places_follows_from_what_was_seen(happened: list[Trajectory]) -> None:
    for run, name in attended(happened):
        first, later, entity = run.initial, State(run.layout, run.states[-1].copy()), run.scene.entity(name)
        later.values[run.layout.entity_slice(name, "finger_force")] = 3.0, 8.0
        observer = Observer(run.layout, entity, first.values, HORIZON)
        here, expected = observer(later.values, 7.0), observer(with_the_fingers_changed(later).values, 7.0)
        assert half_turned(here) == pytest.approx(expected, abs=1e-5), run.layout.kind(name)
        assert np.array_equal(half_turned(half_turned(here)), here)


def test_turning_by_nothing_changes_nothing_and_positions_are_read_back(happened: list[Trajectory]) -> None:
    run, name = attended(happened)[0]
    here = Observer(run.layout, run.scene.entity(name), run.initial.values, HORIZON)(
        run.states, np.arange(len(run.states))
    )
    nothing = np.zeros(len(here))
    assert transformed(here, nothing, np.zeros((len(here), 2))) == pytest.approx(here, abs=1e-6)
    gripper, thing = positions(here)
    assert gripper == pytest.approx(run.state.robot("gripper_position")[:, :2], abs=1e-6)
    assert thing == pytest.approx(run.state.entity(name, "position")[:, :2], abs=1e-6)


JOINTS = [kind for kind, card in load_cards().items() if card.body_type == "joint"]


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World() as there:
        yield there


def opened(world: World, kind: str, fraction: float) -> tuple[Entity, State]:
    """Return a fixture and its state with its joint at a fraction; its place and yaw are those of the kind."""
    scene = generate({"entities": {"a": {"kind": kind, "fraction": [fraction, fraction]}}}, 0)
    state = world.load(scene)
    return scene.entity("a"), State(state.layout, state.values.copy())


@pytest.mark.parametrize("kind", JOINTS)
def test_the_tangent_is_how_the_handle_goes_for_the_whole_range(world: World, kind: str) -> None:
    for fraction in (0.1, 0.8):
        entity, before = opened(world, kind, fraction - 5e-4)
        _, after = opened(world, kind, fraction + 5e-4)
        _, state = opened(world, kind, fraction)
        moved = after.entity("a", "fraction") - before.entity("a", "fraction")
        expected = (handle_of(after, "a") - handle_of(before, "a")) / moved
        found = see_of(entity, state)[TANGENT : TANGENT + 9]
        assert found[:3] / TANGENT_SCALE == pytest.approx(expected, abs=2e-5)
        joint = load_cards()[kind].joint
        assert joint is not None
        # The rest: the axis, times the angle, of what turns; how the fingers close there, and how far.
        turns = Solid.of(state, "a").axes @ np.array(joint.axis) * (joint.type == "revolute")
        assert found[3:6] == pytest.approx(turns * (0.0 if joint.type == "prismatic" else joint.travel), abs=1e-5)
        length = get_effect("joint").metres(entity)[0] * REACH
        if kind != "dial":
            assert np.linalg.norm(expected) == pytest.approx(length, rel=1e-4), "what a skill count takes it for"
        assert found[8] == pytest.approx(25.0 * joint.width)


def see_of(entity: Entity, state: State) -> np.ndarray:
    return Observer(state.layout, entity, state.values, HORIZON)(state.values, 0.0)


@pytest.mark.parametrize("kind", ["drawer", "door", "dial", "faucet"])
def test_how_the_fingers_close_is_seen_as_twice_the_angle_with_the_gripper(world: World, kind: str) -> None:
    entity, state = opened(world, kind, 0.5)
    joint = load_cards()[kind].joint
    assert joint is not None
    closing = Solid.of(state, "a").axes[:, "xy".index(joint.closing)]
    part = state.layout.robot_slice("gripper_quaternion")
    for off in (0.0, 0.3, np.pi / 2):
        yaw = np.arctan2(closing[1], closing[0]) - off
        # It points down: half a turn about x, then the yaw.
        state.values[part] = [np.cos(yaw / 2), np.sin(yaw / 2), 0.0, 0.0]
        assert see_of(entity, state)[TANGENT + 6 : TANGENT + 8] == pytest.approx(
            [np.cos(2 * off), np.sin(2 * off)], abs=1e-5
        )


def test_what_has_no_joint_has_no_tangent(make: Build) -> None:
    assert not see(make(red={}, drawer={"kind": "drawer"}), "red")[TANGENT : TANGENT + 9].any()


def test_a_neighbour_s_yaw_is_seen_and_which_of_them_may_bear_the_thing(make: Build) -> None:
    turn = 0.3
    state = make(
        red={"position": (0.5, 0.0, 0.025)},
        near={"kind": "ball", "position": (0.5, 0.06, 0.025)},
        far={"position": (0.5, 0.2, 0.025), "quaternion": (0.0, 0.0, np.sin(turn / 2), np.cos(turn / 2))},
    )
    seen = rows(see(state, "red"))
    # The one that may bear it comes first, though a ball is nearer.
    assert seen[:3, 15].tolist() == [1.0, 0.0, 0.0]
    assert seen[0, 1:4] == pytest.approx([0.0, 1.2, 0.0], abs=1e-6)
    assert seen[1, 1:4] == pytest.approx([0.0, 0.36, 0.0], abs=1e-6)
    assert seen[0, 13:15] == pytest.approx([np.cos(2 * turn), np.sin(2 * turn)], abs=1e-6)
    assert seen[1, 13:15] == pytest.approx([1.0, 0.0], abs=1e-6)


def test_nothing_of_a_joint_is_a_partner(make: Build) -> None:
    assert not rows(see(make(box={"kind": "drawer"}, b={"position": (0.5, 0.2, 0.025)}), "box"))[:, 15].any()
