from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from tabletop.errors import TabletopError
from tabletop.logic.containers import floor_of
from tabletop.rollout.episode import Trajectory
from tabletop.sim.scene import Scene
from tabletop.sim.state import State
from tabletop.skills.effects import (
    COLUMNS,
    DESCRIPTOR_WIDTH,
    EFFECT_WIDTH,
    EFFECTS,
    FACT,
    LEAVING,
    LEFT,
    REACH,
    TURN,
    disturbed,
    effect,
    entities_for,
    get_effect,
    outcome,
    partner_of,
    possible,
    related,
    unfinished,
)
from tabletop.skills.scenes import effects_along
from tabletop.skills.skill_policy import reference

Build = Callable[..., State]


def about_z(angle: float) -> tuple[float, float, float, float]:
    return (0.0, 0.0, float(np.sin(angle / 2)), float(np.cos(angle / 2)))


def of(name: str, first: State, then: State, entity: str = "a") -> np.ndarray:
    return get_effect(name).function(first, then, entity)


@pytest.mark.parametrize(
    ("name", "rise", "counts"),
    [("held_at", 0.15, 0.30), ("held_at", 0.03, 0.06), ("placed", 0.15, 0.04), ("placed", 0.03, 0.03)],
)
def test_a_place_counts_from_the_middle_and_its_height_from_the_start(
    make: Build, name: str, rise: float, counts: float
) -> None:
    first, then = make(a={"position": (0.55, 0.1, 0.02)}), make(a={"position": (0.4, 0.25, 0.02 + rise)})
    assert of(name, first, then)[:3] == pytest.approx([-0.1, 0.25, counts])


@pytest.mark.parametrize(("rise", "counts"), [(0.03, 0.03), (0.10, 0.04), (0.25, 0.04), (-0.3, -0.2)])
def test_what_is_displaced_is_no_farther_off_the_higher_it_is_carried(make: Build, rise: float, counts: float) -> None:
    first, then = make(a={"position": (0.55, 0.1, 0.02)}), make(a={"position": (0.4, 0.25, 0.02 + rise)})
    side = [-0.15, 0.15] if rise > -0.1 else [0.0, 0.0]
    assert of("displaced", first, then)[:3] == pytest.approx([*side, counts])


def test_settled_tells_pushes_apart_up_to_18_cm_to_either_side(make: Build) -> None:
    first = make(a={"position": (0.5, 0.0, 0.02)})
    far, farther = (make(a={"position": (0.5 + d, -d, 0.02)}) for d in (0.2, 0.3))
    assert of("displaced", first, far) == pytest.approx([0.18, -0.18, 0, 0])
    assert np.array_equal(of("displaced", first, far), of("displaced", first, farther))


def test_turned_counts_half_a_turn_as_the_reach_and_nothing_of_what_lies_on_its_side(make: Build) -> None:
    first, then = make(a={}), make(a={"quaternion": about_z(-np.pi / 4)})
    assert of("turned", first, then) == pytest.approx([-REACH / 4, 0.0])
    lying = (0.5**0.5, 0, 0, 0.5**0.5)
    assert of("turned", first, make(a={"quaternion": lying})) == pytest.approx([0.0, 0.0])


def test_an_outcome_says_change_and_place_in_plain_units(make: Build) -> None:
    first = make(a={"position": (0.55, 0.1, 0.02)})
    then = make(a={"position": (0.4, 0.25, 0.17), "quaternion": about_z(0.7)})
    assert outcome(first, then, "a") == pytest.approx([-0.15, 0.15, 0.15, 0.7, -0.1, 0.25])
    assert outcome(first, make(a={"kind": "drawer", "fraction": 0.3}), "a") == pytest.approx([0.3])


def test_settled_adds_the_turn_at_5_cm_a_radian(make: Build) -> None:
    first, then = make(a={"quaternion": about_z(0.2)}), make(a={"quaternion": about_z(0.9)})
    assert of("displaced", first, then) == pytest.approx([0, 0, 0, 0.7 * TURN])


def test_a_displacement_beyond_the_bounds_is_not_told_apart(make: Build) -> None:
    first = make(a={"position": (0.5, 0.0, 0.0)})
    far, farther = (make(a={"position": (0.5 + d, -d, d)}) for d in (0.7, 0.9))
    assert of("held_at", first, far)[:3] == pytest.approx([0.4, -0.4, 0.6])
    assert np.array_equal(of("held_at", first, far), of("held_at", first, farther))


def test_wherever_it_fell_to_what_fell_off_the_table_is_off_the_table(make: Build) -> None:
    first = make(a={"position": (0.5, 0.1, 0.0)})
    ends = [make(a={"position": (0.5 + x, 0.1, z)}) for x, z in ((0.0, -0.5), (0.3, -0.4), (-0.9, -1.2))]
    off = [of("held_at", first, end) for end in ends]
    assert all(np.array_equal(o, off[0]) for o in off)
    lowest = of("held_at", first, make(a={"position": (0.5, 0.1, -0.099)}))
    assert np.linalg.norm(off[0] - lowest) > 0.09


@pytest.mark.parametrize("name", list(EFFECTS))
def test_the_effect_in_a_mirrored_world_is_the_mirrored_effect(make: Build, name: str) -> None:
    thing = {"joint": "drawer", "deformable": "cloth"}.get(EFFECTS[name].body_type, "block")

    def world(side: int, y: float, turn: float, **more: object) -> State:
        here = {"kind": thing, "position": (0.5, side * y, 0.0), "quaternion": about_z(side * turn)}
        return make(a={**here, **more}, b={"position": (0.4, side * 0.15, 0.025)})

    first, other = world(1, 0.1, 0.3), world(-1, 0.1, 0.3)
    then, end = world(1, 0.3, 0.8, fraction=0.4), world(-1, 0.3, 0.8, fraction=0.4)
    assert of(name, first, then).any() or name in {"toppled", "dropped"}
    assert of(name, other, end) == pytest.approx(of(name, first, then) * EFFECTS[name].mirror)


@pytest.mark.parametrize(("start", "end", "turn"), [(3.0, -3.0, 2 * np.pi - 6), (-3.0, 3.0, 6 - 2 * np.pi)])
def test_a_turn_through_the_back_is_the_short_way_round(make: Build, start: float, end: float, turn: float) -> None:
    first, then = make(a={"quaternion": about_z(start)}), make(a={"quaternion": about_z(end)})
    assert of("displaced", first, then)[3] == pytest.approx(turn * TURN)


def test_a_turn_counts_up_to_a_quarter_each_way(make: Build) -> None:
    first, then = make(a={}), make(a={"quaternion": about_z(2.5)})
    assert of("displaced", first, then)[3] == pytest.approx(np.pi / 2 * TURN)


@pytest.mark.parametrize(("kind", "means"), [("block", True), ("brick", True), ("can", False), ("ball", False)])
def test_the_yaw_of_things_alike_from_all_sides_means_nothing(make: Build, kind: str, means: bool) -> None:
    first, then = make(a={"kind": kind}), make(a={"kind": kind, "quaternion": about_z(0.8)})
    assert bool(of("displaced", first, then)[3]) is means


def test_what_lies_on_its_side_has_no_turn(make: Build) -> None:
    def leaning(angle: float) -> State:
        s, c, x, w = np.sin(0.4), np.cos(0.4), np.sin(angle / 2), np.cos(angle / 2)
        return make(a={"quaternion": (c * x, s * x, s * w, c * w)})

    assert of("displaced", make(a={}), leaning(0.1))[3] == pytest.approx(0.8 * TURN)
    assert of("displaced", make(a={}), leaning(np.pi / 2))[3] == 0


@pytest.mark.parametrize("fraction", [0.0, 0.25, 1.0])
def test_the_whole_range_of_a_joint_counts_as_the_reach(make: Build, fraction: float) -> None:
    first = make(a={"kind": "drawer", "fraction": 0.7})
    then = make(a={"kind": "drawer", "fraction": fraction})
    assert of("joint", first, then) == pytest.approx([fraction * REACH])


def test_a_button_pushed_past_its_end_is_just_pressed(make: Build) -> None:
    first, then = make(a={"kind": "button"}), make(a={"kind": "button", "fraction": 1.2})
    assert of("joint", first, then) == pytest.approx([REACH])


@pytest.mark.parametrize("name", sorted(EFFECTS))
def test_a_batch_gives_what_its_rows_give(make: Build, name: str) -> None:
    effect = get_effect(name)
    what = {"joint": "drawer", "deformable": "rope"}.get(effect.body_type, "block")
    rng = np.random.default_rng(1)
    first = make(a={"kind": what}, b={"position": (0.4, 0.1, 0.025)})
    rows = [
        make(
            a={"kind": what, "position": rng.normal(0.3, 0.4, 3), "quaternion": about_z(a), "fraction": a},
            b={"position": (0.4, a, 0.025)},
        )
        for a in rng.uniform(0, 1, 6)
    ]
    batch = effect.function(first, State.stack(rows), "a")
    assert batch.shape == (6, effect.size)
    assert effect.size <= EFFECT_WIDTH
    assert np.array_equal(batch, [effect.function(first, row, "a") for row in rows])


@pytest.mark.parametrize(
    ("moved", "counts"), [(0.0, 0.0), (0.02, 0.0), (0.12, 0.1), (0.4, 0.15)], ids=["there", "near", "off", "away"]
)
def test_a_turn_is_to_be_in_place(make: Build, moved: float, counts: float) -> None:
    first, then = make(a={}), make(a={"quaternion": about_z(np.pi / 4), "position": (0.5 + moved, 0.0, 0.025)})
    assert of("turned", first, then) == pytest.approx([REACH / 4, counts])
    assert get_effect("turned").asks.tolist() == [1, 0, 0, 0, 0, 0], "no target asks for the way"


@pytest.mark.parametrize(("velocity", "counts"), [((0, 0, 0), 0.0), ((0.06, 0, 0.08), 0.01), ((0, 3, 0), 0.05)])
def test_what_is_held_at_a_place_is_to_be_still_there(
    make: Build, velocity: tuple[float, float, float], counts: float
) -> None:
    found = of("held_at", make(a={}), make(a={"velocity": velocity}))
    assert found == pytest.approx([0.0, 0.0, 0.0, counts])
    assert get_effect("held_at").asks.tolist() == [1, 1, 1, 0, 0, 0]


@pytest.mark.parametrize(
    ("carried", "missing"), [(0.2, 0.0), (0.1, 0.0), (0.08, 0.02), (0.0, 0.05)], ids=["all", "half", "less", "pushed"]
)
def test_what_is_placed_is_to_be_carried_over_half_of_its_way(make: Build, carried: float, missing: float) -> None:
    first = make(a={"position": (0.5, 0.0, 0.025), "carried_distance": 0.3})
    then = make(a={"position": (0.5, -0.2, 0.025), "carried_distance": 0.3 + carried})
    assert of("placed", first, then) == pytest.approx([0.0, -0.2, 0.0, missing])
    assert of("placed", first, first)[3] == 0.0, "nothing is missing where it stays"
    assert get_effect("placed").asks.tolist() == [1, 1, 1, 0, 0, 0], "no target asks for the way"


@pytest.mark.parametrize(
    ("kind", "highest", "steepest", "counts"),
    [
        ("block", 0.025, 0.0, (0.0, 0.0)),
        ("block", 0.04, 0.2, (0.015, 0.02)),
        ("block", 0.3, 1.6, (0.05, 0.05)),
        ("ball", 0.04, 1.6, (0.015, 0.0)),
    ],
)
def test_what_slides_is_to_rise_and_lean_nowhere_on_its_way_but_a_ball_may_roll(
    make: Build, kind: str, highest: float, steepest: float, counts: tuple[float, float]
) -> None:
    first = make(a={"kind": kind, "position": (0.5, 0.0, 0.025), "highest": 0.025})
    then = make(a={"kind": kind, "position": (0.6, -0.3, 0.025), "highest": highest, "steepest": steepest})
    assert of("slid", first, then) == pytest.approx([0.1, -0.18, *counts])
    assert get_effect("slid").asks.tolist() == [1, 1, 0, 0, 0, 0], "no target asks for the manner"


def test_what_starts_in_the_hand_may_count_as_carried_and_turned_there(make: Build) -> None:
    turn = 0.4
    now = make(a={"position": (0.5, 0.1, 0.2), "quaternion": (0.0, 0.0, math.sin(0.5), math.cos(0.5))})
    begun = reference(now, "a", (0.44, 0.02, 0.025, turn))
    assert of("turned", begun, now) == pytest.approx([turn * REACH / math.pi, 0.15])
    assert of("displaced", begun, now) == pytest.approx([0.06, 0.08, 0.04, turn * TURN])
    assert (now.entity("a", "carried_distance") - begun.entity("a", "carried_distance")).item() == pytest.approx(0.1)
    assert np.array_equal(reference(now, "a", None).values, now.values)
    assert now.entity("a", "position") == pytest.approx([0.5, 0.1, 0.2]), "the state stays as it is"


@pytest.mark.parametrize(("moved", "counts"), [(0.0, 0.0), (0.01, 0.0), (0.03, 0.02), (0.3, 0.05)])
def test_what_is_disturbed_is_what_moved_most_of_all_others(make: Build, moved: float, counts: float) -> None:
    def world(way: float, own: float) -> State:
        return make(
            a={"position": (0.5 + own, 0.0, 0.025)},
            b={"position": (0.5, 0.1 + way, 0.025)},
            c={"kind": "drawer", "position": (0.5, -0.2 - way / 2, 0.05)},
        )

    first, then = world(0.0, 0.0), world(moved, 0.2)
    assert float(disturbed(first, then, "a")) == pytest.approx(counts)
    both = disturbed(first, State.stack([first, then]), "a")
    assert both == pytest.approx([0.0, counts])
    assert float(disturbed(make(a={}), make(a={"position": (0.7, 0.0, 0.3)}), "a")) == 0.0, "there is no other"


BIN = {"kind": "bin", "position": (0.5, 0.2, 0.03), "size": (0.18, 0.18, 0.06)}
"""In the middle of which a block rests at (0.5, 0.2, 0.025 + floor_of("bin"))."""


def tray(fraction: float) -> dict[str, object]:
    """A drawer's moving part, where the columns say that it is."""
    return {"kind": "drawer", "position": (0.5, 0.2, 0.05), "size": (0.16, 0.12, 0.06), "fraction": fraction}


@pytest.mark.parametrize(
    ("at", "offset", "fact"),
    [
        ((0.51, 0.1, 0.075), (0.01, 0.0, 0.0), FACT),
        ((0.5, 0.04, 0.025), (0.0, -0.06, -0.10), 0.0),
        ((0.51, 0.1, 0.105), (0.01, 0.0, 0.06), 0.0),
        ((0.51, 0.1, 0.175), (0.01, 0.0, 0.08), 0.0),
        ((0.5, 0.55, 0.025), (0.0, 0.3, -0.10), 0.0),
    ],
    ids=["on it", "beside it", "just above it", "high above it", "away"],
)
def test_how_far_a_block_is_from_resting_on_another_is_an_offset_and_that_it_does_a_fact(
    make: Build, at: tuple[float, ...], offset: tuple[float, ...], fact: float
) -> None:
    other = {"position": (0.5, 0.1, 0.025)}
    first = make(a={"position": (0.4, 0.0, 0.025)}, b=other)
    assert of("related", first, make(a={"position": at}, b=other)) == pytest.approx([*offset, fact])


def test_what_was_there_at_the_start_is_nothing_that_was_done(make: Build) -> None:
    on_it = make(a={"position": (0.5, 0.1, 0.075)}, b={"position": (0.5, 0.1, 0.025)})
    assert of("related", on_it, on_it) == pytest.approx([0.0, 0.0, 0.0, 0.0])


def test_a_relation_is_with_the_nearest_entity_at_the_start(make: Build) -> None:
    def scene(x: float) -> State:
        near, far = {"position": (0.45, 0.0, 0.025)}, {"position": (0.6, 0.2, 0.025)}
        return make(a={"position": (x, 0.0, 0.075)}, near=near, far=far)

    assert of("related", scene(0.4), scene(0.6))[:2] == pytest.approx([0.15, 0.0])


def test_in_a_bin_is_a_fact_and_its_place_is_on_the_floor_of_the_bin(make: Build) -> None:
    floor = floor_of("bin")
    first, then = make(a={}, bin=BIN), make(a={"position": (0.48, 0.2, 0.025 + floor)}, bin=BIN)
    assert of("related", first, then) == pytest.approx([-0.02, 0.0, 0.0, FACT])
    assert of("related", first, make(a={"position": (0.48, 0.2, 0.3)}, bin=BIN))[3] == 0.0, "high above it"
    assert of("related", first, first)[3] == 0.0


def test_in_an_open_drawer_is_a_fact_and_a_shut_one_takes_nothing_in(make: Build) -> None:
    for fraction, rests in ((0.9, FACT), (0.2, 0.0)):
        inside = {"position": (0.5, 0.2, 0.02 + floor_of("drawer") + 0.025)}
        first, then = make(a={}, box=tray(fraction)), make(a=inside, box=tray(fraction))
        assert of("related", first, then) == pytest.approx([0.0, 0.0, 0.0, rests], abs=1e-9)
        assert int(partner_of(first, "a")) == (1 if rests else -1)


def test_what_bears_a_thing_is_wide_and_low_and_no_ball(make: Build) -> None:
    def found(**other: object) -> int:
        return int(partner_of(make(a={}, b={"position": (0.5, 0.2, 0.025), **other}), "a"))

    assert found() == found(kind="plate") == found(kind="mug") == 1
    assert found(kind="ball") == found(kind="target") == found(kind="button") == -1
    assert found(size=(0.05, 0.02, 0.05)) == -1, "narrower than 3 cm"
    assert (found(position=(0.5, 0.2, 0.13)), found(position=(0.5, 0.2, 0.14))) == (1, -1), "its top at 16 cm at most"


def test_a_partner_is_told_by_rows_of_a_batch(make: Build) -> None:
    near, far = {"position": (0.45, 0.0, 0.025)}, {"position": (0.6, 0.2, 0.025)}
    batch = State.stack([make(a={"position": (x, 0.1, 0.025)}, near=near, far=far) for x in (0.4, 0.7)])
    assert partner_of(batch, "a").tolist() == [1, 2]


@pytest.mark.parametrize("other", [{"position": (0.5, 0.1, 0.025)}, BIN, tray(1.0)], ids=["block", "bin", "drawer"])
def test_where_a_relation_leads_is_where_it_is_found(make: Build, other: dict[str, object]) -> None:
    first, offset = make(a={"position": (0.4, 0.0, 0.025)}, b=other), np.array([0.02, -0.03, 0.0])
    then = make(a={"position": related(first, "a", offset)}, b=other)
    assert of("related", first, then)[:3] == pytest.approx(offset)
    alone = make(a={})
    assert related(alone, "a", offset) == pytest.approx(alone.entity("a", "position")), "nothing to go to"


@pytest.mark.parametrize(
    ("name", "then", "fact"),
    [
        ("toppled", {"quaternion": (float(np.sin(0.7)), 0.0, 0.0, float(np.cos(0.7)))}, 1),
        ("toppled", {"quaternion": (float(np.sin(0.3)), 0.0, 0.0, float(np.cos(0.3)))}, 0),
        ("toppled", {"kind": "block", "quaternion": (float(np.sin(0.7)), 0.0, 0.0, float(np.cos(0.7)))}, 1),
        ("toppled", {"quaternion": (float(np.sin(0.7)), 0.0, 0.0, float(np.cos(0.7))), "position": (0.5, 0, 0.3)}, 0),
        ("dropped", {"position": (0.5, 0.5, -0.4)}, 1),
        ("dropped", {"position": (0.5, 0.34, 0.025)}, 0),
    ],
)
def test_a_fact_is_claimed_by_its_code(make: Build, name: str, then: dict[str, object], fact: int) -> None:
    found = of(name, make(a={"kind": "can"}), make(a={"kind": "can", **then}))
    assert found[-1] == fact * FACT
    assert get_effect(name).classify_fact(found[None]).tolist() == [fact]


def test_the_shape_of_a_rope_is_how_far_its_ends_are_apart(make: Build) -> None:
    first = make(a={"kind": "rope"})
    nodes = first.nodes("a").copy()
    assert of("shaped", first, first) == pytest.approx([0.32, 0.32])
    nodes[8:, 0, 0] = nodes[7::-1, 0, 0]
    doubled = make(a={"kind": "rope", "nodes": nodes})
    assert of("shaped", first, doubled) == pytest.approx([0.0, 0.0], abs=1e-9)


def test_the_shape_of_a_cloth_is_how_far_opposite_corners_are_apart_the_nearer_pair_first(make: Build) -> None:
    first = make(a={"kind": "cloth"})
    diagonal = 0.2 * 2**0.5
    for turned_over in (False, True):
        nodes = first.nodes("a").copy()
        for i in range(6):
            for j in range(i):
                # Folded along one diagonal, or along the other.
                nodes[(i, 5 - j) if turned_over else (i, j)] = nodes[(j, 5 - i) if turned_over else (j, i)]
        folded = make(a={"kind": "cloth", "nodes": nodes})
        assert of("shaped", first, folded) == pytest.approx([0.0, diagonal], abs=1e-9)
    assert of("shaped", first, first) == pytest.approx([diagonal, diagonal])
    assert of("shaped", first, make(a={"kind": "cloth", "nodes": np.full_like(nodes, 0.5)})) == pytest.approx([0, 0])


def test_what_is_deformable_is_dragged_by_its_middle(make: Build) -> None:
    first, then = make(a={"kind": "rope"}), make(a={"kind": "rope", "position": (0.45, 0.1, 0.02)})
    assert of("dragged", first, then) == pytest.approx([-0.05, 0.1, -0.01])


def test_shut_and_open_are_facts_and_what_lies_between_is_none() -> None:
    fractions = np.array([0.0, 0.03, 0.06, 0.5, 0.95, 0.97, 1.0])
    found = get_effect("joint").classify_fact(fractions[:, None] * REACH)
    assert found.tolist() == [0, 0, -1, -1, -1, 1, 1]


@pytest.mark.parametrize("name", sorted(n for n, effect in EFFECTS.items() if effect.fact_targets))
def test_the_anchors_of_an_effect_are_its_facts(name: str) -> None:
    effect = get_effect(name)
    assert effect.classify_fact(np.array(effect.fact_targets)).tolist() == list(range(len(effect.fact_targets)))


def test_a_relation_needs_another_entity_that_can_bear_it(make: Build) -> None:
    effect = get_effect("related")
    assert entities_for(effect, make(a={}).layout, {}) == []
    assert entities_for(effect, make(a={}, b={"kind": "ball"}).layout, {}) == ["b"], "nothing stays on a ball"
    assert entities_for(effect, make(a={}, b={"kind": "plate"}).layout, {}) == ["a"], "no gripper goes around a plate"
    assert entities_for(effect, make(a={}, b={"kind": "button"}).layout, {}) == [], "a button is not hollow"
    assert [possible(effect, k) for k in (["block"], ["can", "block"], ["plate", "bowl"])] == [False, True, False]


def test_nothing_is_put_into_a_drawer_that_is_shut(make: Build) -> None:
    layout = make(a={}, drawer={"kind": "drawer"}).layout
    effect = get_effect("related")
    assert [entities_for(effect, layout, {"drawer": f}) for f in (0.2, 0.9)] == [[], ["a"]]


def test_entities_for_an_effect_fit_it_and_can_have_it(make: Build) -> None:
    layout = make(
        red={},
        drawer={"kind": "drawer"},
        up={"kind": "button"},
        down={"kind": "button"},
        mark={"kind": "target"},
        ball={"kind": "ball"},
        can={"kind": "can"},
        rope={"kind": "rope"},
        plate={"kind": "plate"},
    ).layout
    fractions = {"down": 0.9, "up": 0.0, "drawer": 1.0}
    found = {k: entities_for(get_effect(k), layout, fractions) for k in EFFECTS}
    loose = ["red", "ball", "can"]
    assert found == {
        **dict.fromkeys(("held_at", "placed", "displaced", "dropped", "reached", "related"), loose),
        "slid": loose,
        "turned": ["red"],
        "toppled": ["red", "can"],
        "joint": ["drawer", "up"],
        "dragged": ["rope"],
        "shaped": ["rope"],
    }


DESCRIBED = {
    "held_at": {"position", "places"},
    "placed": {"position", "settles", "places"},
    "displaced": {"position", "rotation", "settles"},
    "slid": {"position", "manner", "settles"},
    "turned": {"rotation", "settles"},
    "toppled": {"tilt", "settles"},
    "dropped": {"edge", "settles"},
    "related": {"relative", "settles"},
    "reached": {"gripper"},
    "joint": {"joint", "settles", "places"},
    "dragged": {"position", "settles"},
    "shaped": {"shape", "settles", "places"},
}


@pytest.mark.parametrize("name", list(EFFECTS))
def test_a_policy_is_told_what_columns_an_effect_is_read_off_and_not_its_name(name: str) -> None:
    found = get_effect(name).descriptor
    assert found.shape == (DESCRIPTOR_WIDTH,)
    words = (*COLUMNS, "settles", "places")
    assert {word for word, is_so in zip(words, found, strict=True) if is_so} == DESCRIBED[name]
    assert set(found.tolist()) <= {0.0, 1.0}


def test_no_two_effects_are_described_alike_on_one_type_of_body() -> None:
    told = [(e.body_type, e.descriptor.tobytes()) for e in EFFECTS.values()]
    assert len(set(told)) == len(told)


@pytest.mark.parametrize(
    ("name", "target", "then"),
    [
        ("held_at", (0.4, 0.25, 0.15), {"position": (0.4, 0.25, 0.175)}),
        ("placed", (0.4, -0.2, 0.0), {"position": (0.4, -0.2, 0.025), "carried_distance": 0.2}),
        ("displaced", (-0.1, 0.05, 0.0, 0.7), {"position": (0.4, 0.05, 0.025), "quaternion": about_z(0.7)}),
        ("slid", (-0.1, 0.05), {"position": (0.4, 0.05, 0.025), "highest": 0.025}),
        ("turned", -0.6, {"quaternion": about_z(-0.6)}),
        ("joint", 0.35, {"fraction": 0.35}),
        ("dragged", (0.1, -0.1, 0.0), {"position": (0.6, -0.1, 0.025)}),
        ("reached", (-0.05, 0.0, 0.275), {}),
        ("shaped", (0.32, 0.32), {}),
        ("toppled", (np.pi / 2, 1), {"quaternion": (0.5**0.5, 0, 0, 0.5**0.5)}),
        ("dropped", (0.03, 1), {"position": (0.5, 0.38, -0.3)}),
    ],
)
def test_a_target_in_plain_units_is_the_effect_of_the_state_it_asks_for(
    make: Build, name: str, target: tuple[float, ...] | float, then: dict[str, object]
) -> None:
    kind = {"joint": "drawer", "deformable": "rope"}.get(get_effect(name).body_type, "block")
    first, end = make(a={"kind": kind}), make(a={"kind": kind, **then})
    aim = get_effect(name).aim(target)
    assert aim.shape == (EFFECT_WIDTH,)
    assert aim[: get_effect(name).size] == pytest.approx(of(name, first, end))
    assert not aim[get_effect(name).size :].any()


def test_a_target_may_leave_the_last_numbers_open() -> None:
    assert get_effect("placed").aim((0.5, 0.1)) == pytest.approx([0.0, 0.1, 0, 0, 0, 0])
    assert get_effect("related").aim((0.0, -0.06)) == pytest.approx([0.0, -0.06, 0, 0, 0, 0])


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("joint", (0.1, 0.2)),
        ("placed", ()),
        ("placed", (0.1, 0.2, 0.3, 0.4)),
        ("held_at", (0.5, float("nan"))),
        ("joint", float("inf")),
        ("placed", [[0.5, 0.1]]),
    ],
)
def test_a_target_that_is_none_is_refused(name: str, target: object) -> None:
    with pytest.raises(TabletopError, match=f"a target for {name} takes 1 (finite number|to 3 finite numbers), got"):
        get_effect(name).aim(target)  # type: ignore[arg-type]


def test_nothing_is_left_once_the_gripper_has_gone_and_the_thing_rests(make: Build) -> None:
    def left(gripper: tuple[float, float, float], **thing: object) -> float:
        state = make(a=thing)
        state.values[state.layout.robot_slice("gripper_position")] = gripper
        return float(unfinished(state, "a", LEAVING))

    away, near = (0.5, 0.0, 0.3), (0.5, 0.0, 0.08)
    assert left(away) == 0.0
    assert left((0.5, 0.0, 0.101)) == 0.0, "5 cm above its top"
    assert left(near) == pytest.approx(0.02), "3 cm above its top"
    held = left((0.5, 0.0, 0.025), finger_force=(5.0, 5.0))
    assert held > left((0.5, 0.0, 0.025)) > left(near) > 0
    assert left(away, velocity=(0.1, 0.0, 0.0)) == pytest.approx(0.01)
    assert left(away, velocity=(3.0, 0.0, 0.0)) == pytest.approx(0.05), "no more than that, however fast"
    assert left(away, finger_force=(0.0, 0.05)) == 0.0, "too weak to be felt"


def test_a_second_effect_of_a_name_is_refused_and_the_first_stays() -> None:
    before = EFFECTS["held_at"]
    with pytest.raises(TabletopError, match="'held_at' is registered twice"):
        effect("held_at", columns=("position",), body_type="rigid", mirror=(1.0,), settles=False)(
            lambda first, then, entity: np.zeros(1)
        )
    assert EFFECTS["held_at"] is before
    with pytest.raises(TabletopError, match=r"unknown type of column 'colour'; there are: edge, gripper"):
        effect("painted", columns=("colour",), body_type="rigid", mirror=(1.0,), settles=True)
    assert "painted" not in EFFECTS


def test_an_unknown_effect_is_refused_with_those_there_are() -> None:
    with pytest.raises(TabletopError, match=r"unknown effect 'fly'.*held_at,.*joint,.*placed,.*related"):
        get_effect("fly")


def trajectory(states: list[State]) -> Trajectory:
    steps = len(states) - 1
    return Trajectory(
        states[0].layout, np.stack([s.values for s in states]), np.zeros((steps, 5), np.float32), Scene(), 0, True
    )


def test_effects_along_an_episode_end_with_the_one_after_a_script_and_are_padded(make: Build) -> None:
    run = trajectory([make(a={"kind": "drawer", "fraction": f}) for f in (0.5, 0.6, 0.7, 0.8, 0.2)])
    found = effects_along(get_effect("joint"), run, "a", horizon=3, release="scripted")
    assert found.shape == (4, EFFECT_WIDTH)
    assert found[:, 0] == pytest.approx(np.array([0.5, 0.6, 0.7, 0.2]) * REACH)
    assert not found[:, 1:].any()


def test_what_is_missing_until_the_gripper_left_counts_near_the_end_of_a_learned_release(make: Build) -> None:
    steps, touching = 20, {"position": (0.45, 0.0, 0.28)}
    run = trajectory([*[make(a=touching)] * steps, make(a={"position": (0.45, 0.0, 0.1)})])
    missing = float(unfinished(make(a=touching), "a", LEAVING))
    assert missing > 0.0
    found = effects_along(get_effect("placed"), run, "a", steps)[:, LEFT]
    assert found.tolist() == [0.0] * (steps - LEAVING) + [missing] * LEAVING + [0.0]
    assert not effects_along(get_effect("placed"), run, "a", steps, release="scripted")[:, LEFT].any()
    assert not effects_along(get_effect("held_at"), run, "a", steps)[:, LEFT].any(), "what is held is not to be left"


def test_what_is_to_stay_is_to_rest_all_the_way_where_release_is_learned(make: Build) -> None:
    steps = 20
    run = trajectory([*[make(a={"velocity": (0.0, 0.0, -0.01 * i)}) for i in range(steps)], make(a={})])
    for name, rests in (("placed", [0.001 * i for i in range(steps)] + [0.0]), ("held_at", [0.0] * (steps + 1))):
        found = effects_along(get_effect(name), run, "a", steps)[:, LEFT]
        away = found - float(unfinished(make(a={}), "a", LEAVING)) * (np.arange(steps + 1) >= steps - LEAVING)
        assert away == pytest.approx(rests) if name == "placed" else not found.any()


def test_an_effect_that_does_not_settle_ends_where_acting_did(make: Build) -> None:
    run = trajectory([make(a={"position": (0.5 + dx, 0.0, 0.0)}) for dx in (0.0, 0.01, 0.02, 0.03, 0.1)])
    assert effects_along(get_effect("held_at"), run, "a", horizon=3)[:, 0] == pytest.approx([0.0, 0.01, 0.02, 0.03])
    assert effects_along(get_effect("displaced"), run, "a", horizon=3)[:, 0] == pytest.approx([0.0, 0.01, 0.02, 0.1])


def test_effects_may_count_from_another_first_state(make: Build) -> None:
    run = trajectory([make(a={"position": (0.5, 0.0, 0.2)}), make(a={"position": (0.6, 0.0, 0.2)})])
    found = effects_along(get_effect("held_at"), run, "a", 1, make(a={"position": (0.5, 0.0, 0.0)}))
    assert found[:, :3] == pytest.approx(np.array([[0, 0, 0.4], [0.1, 0, 0.4]]))
