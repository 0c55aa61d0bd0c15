from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tabletop.errors import TabletopError
from tabletop.rollout.episode import Trajectory
from tabletop.sim.roles import PART
from tabletop.sim.scene import Scene
from tabletop.sim.state import State
from tabletop.skills.effects import (
    EFFECT_WIDTH,
    EFFECTS,
    FACT,
    REACH,
    TURN,
    effect,
    entities_for,
    get_effect,
    outcome,
    possible,
)
from tabletop.skills.scenes import effects_along

Build = Callable[..., State]


def about_z(angle: float) -> tuple[float, float, float, float]:
    return (0.0, 0.0, float(np.sin(angle / 2)), float(np.cos(angle / 2)))


def of(name: str, first: State, then: State, entity: str = "a") -> np.ndarray:
    return get_effect(name).function(first, then, entity)


@pytest.mark.parametrize("name", ["held_at", "placed"])
def test_a_place_counts_from_the_middle_of_the_reach_and_its_height_from_the_start(make: Build, name: str) -> None:
    first, then = make(a={"position": (0.55, 0.1, 0.02)}), make(a={"position": (0.4, 0.25, 0.17)})
    assert of(name, first, then) == pytest.approx([-0.1, 0.25, 0.15])


def test_settled_is_the_displacement_in_metres_of_the_world(make: Build) -> None:
    first, then = make(a={"position": (0.55, 0.1, 0.02)}), make(a={"position": (0.4, 0.25, 0.17)})
    assert of("displaced", first, then)[:3] == pytest.approx([-0.15, 0.15, 0.15])


def test_settled_tells_pushes_apart_up_to_18_cm_to_either_side(make: Build) -> None:
    first = make(a={"position": (0.5, 0.0, 0.02)})
    far, farther = (make(a={"position": (0.5 + d, -d, 0.02)}) for d in (0.2, 0.3))
    assert of("displaced", first, far) == pytest.approx([0.18, -0.18, 0, 0])
    assert np.array_equal(of("displaced", first, far), of("displaced", first, farther))


def test_turned_counts_half_a_turn_as_the_reach_and_nothing_of_what_fell(make: Build) -> None:
    first, then = make(a={}), make(a={"quaternion": about_z(-np.pi / 4)})
    assert of("turned", first, then) == pytest.approx([-REACH / 4])
    assert of("turned", first, make(a={"quaternion": about_z(0.8), "position": (0.5, 0, -0.5)})) == pytest.approx([0])


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
    assert of("held_at", first, far) == pytest.approx([0.4, -0.4, 0.3])
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
    soft = {"dragged": "cloth", "straightened": "rope", "folded": "cloth"}
    thing = {"drawer": "drawer", "button": "button", **soft}.get(name, "block")
    first = make(a={"kind": thing, "position": (0.5, 0.1, 0.0), "quaternion": about_z(0.3)})
    then = make(a={"kind": thing, "position": (0.4, 0.3, 0.1), "quaternion": about_z(0.8), "fraction": 0.4})
    other = make(a={"kind": thing, "position": (0.5, -0.1, 0.0), "quaternion": about_z(-0.3)})
    end = make(a={"kind": thing, "position": (0.4, -0.3, 0.1), "quaternion": about_z(-0.8), "fraction": 0.4})
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
    assert of("drawer", first, then) == pytest.approx([fraction * REACH])


def test_a_button_pushed_past_its_end_is_just_pressed(make: Build) -> None:
    first, then = make(a={"kind": "button"}), make(a={"kind": "button", "fraction": 1.2})
    assert of("button", first, then) == pytest.approx([REACH])


@pytest.mark.parametrize("name", sorted(EFFECTS))
def test_a_batch_gives_what_its_rows_give(make: Build, name: str) -> None:
    effect = get_effect(name)
    what = effect.kinds[0] if effect.kinds else {"deformable": "rope"}.get(effect.body_type, "block")
    what = "drawer" if what == PART else what
    rng = np.random.default_rng(1)
    first = make(a={"kind": what})
    rows = [
        make(a={"kind": what, "position": rng.normal(0.3, 0.4, 3), "quaternion": about_z(a), "fraction": a})
        for a in rng.uniform(0, 1, 6)
    ]
    batch = effect.function(first, State.stack(rows), "a")
    assert batch.shape == (6, effect.size)
    assert effect.size <= EFFECT_WIDTH
    assert np.array_equal(batch, [effect.function(first, row, "a") for row in rows])


@pytest.mark.parametrize(
    ("moved", "counts"), [(0.0, 1.0), (0.04, 1.0), (0.12, 0.5), (0.3, 0.0)], ids=["there", "near", "half", "away"]
)
def test_a_turn_counts_less_the_farther_the_thing_was_moved(make: Build, moved: float, counts: float) -> None:
    first, then = make(a={}), make(a={"quaternion": about_z(np.pi / 4), "position": (0.5 + moved, 0.0, 0.025)})
    assert of("turned", first, then) == pytest.approx([counts * REACH / 4])


def test_on_top_of_another_thing_is_a_fact_and_beside_it_an_offset(make: Build) -> None:
    first = make(a={"position": (0.4, 0.0, 0.025)}, b={"position": (0.5, 0.1, 0.025)})
    on_top = make(a={"position": (0.51, 0.1, 0.075)}, b={"position": (0.5, 0.1, 0.025)})
    beside = make(a={"position": (0.5, 0.04, 0.025)}, b={"position": (0.5, 0.1, 0.025)})
    assert of("on", first, on_top) == pytest.approx([0.01, 0.0, 0.0, FACT])
    assert of("on", first, beside) == pytest.approx([0.0, -0.06, -0.05, 0.0])


def test_a_relation_is_with_the_nearest_entity_at_the_start(make: Build) -> None:
    def scene(x: float) -> State:
        near, far = {"position": (0.45, 0.0, 0.025)}, {"position": (0.6, 0.2, 0.025)}
        return make(a={"position": (x, 0.0, 0.075)}, near=near, far=far)

    assert of("on", scene(0.4), scene(0.6))[:2] == pytest.approx([0.15, 0.0])


@pytest.mark.parametrize(
    ("at", "offset", "fact"),
    [
        ((0.5, 0.04), (0.0, -0.01, 0.0), FACT),
        ((0.52, 0.1), (-0.03, 0.0, 0.05), 0.0),
        ((0.5, 0.24), (0.0, 0.09, 0.0), 0.0),
    ],
    ids=["beside", "on", "away"],
)
def test_how_far_a_thing_is_from_another_ones_side_is_an_offset_and_beside_it_a_fact(
    make: Build, at: tuple[float, float], offset: tuple[float, float, float], fact: float
) -> None:
    other = {"position": (0.5, 0.1, 0.025)}
    first = make(a={"position": (0.4, -0.2, 0.025)}, b=other)
    then = make(a={"position": (*at, 0.025 + offset[2])}, b=other)
    assert of("beside", first, then) == pytest.approx([*offset, fact])
    assert of("beside", then, then)[3] == 0.0, "nothing was done"


def test_in_a_bin_is_a_fact(make: Build) -> None:
    pen = {"kind": "bin", "position": (0.5, 0.2, 0.03), "size": (0.18, 0.18, 0.06)}
    first, then = make(a={}, pen=pen), make(a={"position": (0.48, 0.2, 0.035)}, pen=pen)
    assert of("inside", first, then) == pytest.approx([-0.02, 0.0, 0.01, FACT])
    assert of("inside", first, first)[3] == 0.0


@pytest.mark.parametrize(
    ("name", "then", "fact"),
    [
        ("toppled", {"quaternion": (float(np.sin(0.7)), 0.0, 0.0, float(np.cos(0.7)))}, 1),
        ("toppled", {"quaternion": (float(np.sin(0.3)), 0.0, 0.0, float(np.cos(0.3)))}, 0),
        ("dropped", {"position": (0.5, 0.5, -0.4)}, 1),
        ("dropped", {"position": (0.5, 0.34, 0.025)}, 0),
    ],
)
def test_a_fact_is_claimed_by_its_code(make: Build, name: str, then: dict[str, object], fact: int) -> None:
    found = of(name, make(a={"kind": "can"}), make(a={"kind": "can", **then}))
    assert get_effect(name).classify_fact(found[None]).tolist() == [fact]


def test_a_rope_that_is_pulled_straight_is_a_fact(make: Build) -> None:
    first = make(a={"kind": "rope"})
    nodes = first.nodes("a").copy()
    assert of("straightened", first, first) == pytest.approx([0.32, FACT])
    nodes[8:, 0, 0] = nodes[7::-1, 0, 0]
    doubled = make(a={"kind": "rope", "nodes": nodes})
    assert of("straightened", first, doubled) == pytest.approx([0.0, 0.0], abs=1e-9)


def test_a_cloth_folded_corner_to_corner_is_a_fact_and_a_crumpled_one_is_not(make: Build) -> None:
    first = make(a={"kind": "cloth"})
    nodes = first.nodes("a").copy()
    for i in range(6):
        for j in range(i):
            nodes[i, j] = nodes[j, i]
    assert of("folded", first, make(a={"kind": "cloth", "nodes": nodes})) == pytest.approx([0.0, FACT])
    crumpled = np.full_like(nodes, 0.5)
    assert of("folded", first, make(a={"kind": "cloth", "nodes": crumpled})) == pytest.approx([0.0, 0.0])
    assert of("folded", first, first) == pytest.approx([0.2 * 2**0.5, 0.0])


def test_what_is_deformable_is_dragged_by_its_middle(make: Build) -> None:
    first, then = make(a={"kind": "rope"}), make(a={"kind": "rope", "position": (0.45, 0.1, 0.02)})
    assert of("dragged", first, then) == pytest.approx([-0.05, 0.1, -0.005])


def test_shut_and_open_are_facts_and_what_lies_between_is_none() -> None:
    fractions = np.array([0.0, 0.03, 0.06, 0.5, 0.95, 0.97, 1.0])
    found = get_effect("door").classify_fact(fractions[:, None] * REACH)
    assert found.tolist() == [0, 0, -1, -1, -1, 1, 1]


@pytest.mark.parametrize("name", sorted(n for n, effect in EFFECTS.items() if effect.fact_targets))
def test_the_anchors_of_an_effect_are_its_facts(name: str) -> None:
    effect = get_effect(name)
    assert effect.classify_fact(np.array(effect.fact_targets)).tolist() == list(range(len(effect.fact_targets)))


def test_a_relation_needs_another_entity(make: Build) -> None:
    effect = get_effect("on")
    assert entities_for(effect, make(a={}).layout, {}) == []
    assert entities_for(effect, make(a={}, b={"kind": "ball"}).layout, {}) == [], "nothing stays on a ball, nor a ball"
    assert entities_for(effect, make(a={}, b={"kind": "plate"}).layout, {}) == ["a"]
    assert [possible(effect, k) for k in (["block"], ["block", "ball"], ["can", "block"])] == [False, False, True]


def test_nothing_is_put_into_a_drawer_that_is_shut(make: Build) -> None:
    layout = make(a={}, drawer={"kind": "drawer"}).layout
    effect = get_effect("inside")
    assert [entities_for(effect, layout, {"drawer": f}) for f in (0.2, 0.9)] == [[], ["a"]]


def test_entities_for_an_effect_fit_it_and_can_have_it(make: Build) -> None:
    layout = make(
        red={}, drawer={"kind": "drawer"}, up={"kind": "button"}, down={"kind": "button"}, mark={"kind": "target"}
    ).layout
    fractions = {"down": 0.9, "up": 0.0, "drawer": 1.0}
    found = {k: entities_for(get_effect(k), layout, fractions) for k in ("held_at", "displaced", "drawer", "button")}
    assert found == {"held_at": ["red"], "displaced": ["red"], "drawer": ["drawer"], "button": ["up"]}


def test_a_second_effect_of_a_name_is_refused_and_the_first_stays() -> None:
    before = EFFECTS["held_at"]
    with pytest.raises(TabletopError, match="'held_at' is registered twice"):
        effect("held_at", body_type="rigid", mirror=(1.0,), settles=False)(lambda first, then, entity: np.zeros(1))
    assert EFFECTS["held_at"] is before


def test_an_unknown_effect_is_refused_with_those_there_are() -> None:
    with pytest.raises(TabletopError, match=r"unknown effect 'fly'.*button,.*drawer,.*held_at,.*placed"):
        get_effect("fly")


def trajectory(states: list[State]) -> Trajectory:
    steps = len(states) - 1
    return Trajectory(
        states[0].layout, np.stack([s.values for s in states]), np.zeros((steps, 5), np.float32), Scene(), 0, True
    )


def test_effects_along_an_episode_end_with_the_one_after_settling_and_are_padded(make: Build) -> None:
    run = trajectory([make(a={"kind": "drawer", "fraction": f}) for f in (0.5, 0.6, 0.7, 0.8, 0.2)])
    found = effects_along(get_effect("drawer"), run, "a", horizon=3)
    assert found.shape == (4, EFFECT_WIDTH)
    assert found[:, 0] == pytest.approx(np.array([0.5, 0.6, 0.7, 0.2]) * REACH)
    assert not found[:, 1:].any()


def test_an_effect_that_does_not_settle_ends_where_acting_did(make: Build) -> None:
    run = trajectory([make(a={"position": (0.5 + dx, 0.0, 0.0)}) for dx in (0.0, 0.01, 0.02, 0.03, 0.1)])
    assert effects_along(get_effect("held_at"), run, "a", horizon=3)[:, 0] == pytest.approx([0.0, 0.01, 0.02, 0.03])
    assert effects_along(get_effect("displaced"), run, "a", horizon=3)[:, 0] == pytest.approx([0.0, 0.01, 0.02, 0.1])


def test_effects_may_count_from_another_first_state(make: Build) -> None:
    run = trajectory([make(a={"position": (0.5, 0.0, 0.2)}), make(a={"position": (0.6, 0.0, 0.2)})])
    found = effects_along(get_effect("held_at"), run, "a", 1, make(a={"position": (0.5, 0.0, 0.0)}))
    assert found[:, :3] == pytest.approx(np.array([[0, 0, 0.2], [0.1, 0, 0.2]]))
