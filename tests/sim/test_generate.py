"""Generated scenes: nothing overlaps or moves by itself, all is in reach, all that may vary varies."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator

import numpy as np
import pybullet
import pytest

from tabletop.errors import TabletopError
from tabletop.logic import load_registry
from tabletop.logic.geometry import Solid
from tabletop.sim import Scene, World, generate, load_scene_card
from tabletop.sim.cards import load_cards
from tabletop.sim.generate import GRIPPER_STARTS, inventory
from tabletop.sim.held_part import grasped_part

DISCOVERY = load_scene_card("discovery")
TASKS = load_registry()
BLOCK = {"a": "block"}


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World() as made:
        yield made


def drift(world: World, scene: Scene) -> dict[str, float]:
    """Return how far each entity that is not held moves in a second of nothing, m."""
    first = world.load(scene).field("position").copy()
    grip = -1.0 if any(e.held for e in scene.entities) else scene.robot.width / 0.04 - 1.0
    for _ in range(10):
        state = world.step([0, 0, 0, 0, grip])
    far = np.linalg.norm(state.field("position") - first, axis=-1)
    return {e.name: float(d) for e, d in zip(scene.entities, far, strict=True) if not e.held}


def depths(world: World, scene: Scene) -> dict[tuple[str, str], float]:
    """Return how deep (m) bodies are in each other by PyBullet's own closest points."""
    world.load(scene)
    bodies = {name: world._bodies[i].id for i, name in enumerate(scene.names)} | {"robot": world.arm.body}
    names = [n for n in bodies if n not in {e.name for e in scene.entities if e.held}]
    out = {}
    for i, one in enumerate(names):
        for two in names[i + 1 :]:
            points = pybullet.getClosestPoints(bodies[one], bodies[two], 0.0, physicsClientId=world.client)
            out[one, two] = max((-q[8] for q in points), default=0.0)
    return out


@pytest.mark.parametrize("mode", GRIPPER_STARTS)
def test_nothing_overlaps_and_nothing_moves_by_itself(world: World, mode: str) -> None:
    for seed in range(12):
        attend = "object" if seed % 2 or mode in {"holding", "bearing"} else None
        scene = generate(DISCOVERY, seed, gripper=mode, attend=attend)
        moved = drift(world, scene)
        assert max(moved.values(), default=0.0) < 0.005, (seed, moved)
        overlap = depths(world, scene)
        assert max(overlap.values()) < 0.001, (seed, overlap)


@pytest.mark.parametrize("name", sorted(TASKS))
def test_every_tasks_scenes_stand_still_and_are_not_solved_yet(world: World, name: str) -> None:
    task = TASKS[name]
    solved = 0
    for seed in range(6):
        scene = generate(task.scene, seed)
        moved = drift(world, scene)
        assert max(moved.values(), default=0.0) < 0.005, (seed, moved)
        state = world.load(scene)
        solved += bool(task.success.holds(state, state))
    assert solved == 0


def test_everything_stands_on_the_table_within_the_arms_reach() -> None:
    cards = load_cards()
    for seed in range(100):
        scene = generate(DISCOVERY, seed)
        for e in scene.entities:
            x, y, z = e.position
            assert 0.3 < math.hypot(x, y) < 0.76
            rise = z - scene.table.height - (e.size[2] / 2 if cards[e.kind].body_type == "rigid" else 0.0)
            assert 0.0 <= rise < 0.002
            assert x + min(e.size[:2]) / 2 < 0.2 + scene.table.size[0]
            assert abs(y) + min(e.size[:2]) / 2 < scene.table.size[1] / 2


def test_kinds_counts_sizes_and_looks_vary() -> None:
    scenes = [generate(DISCOVERY, seed) for seed in range(120)]
    kinds = Counter(e.kind for s in scenes for e in s.entities)
    asked = [DISCOVERY["extras"]["kinds"], *(e["kind"] for e in DISCOVERY["entities"].values())]
    assert set(kinds) == {k for given in asked for k in ([given] if isinstance(given, str) else given)}
    assert {len(s.entities) for s in scenes} >= {2, 3, 4, 5}
    for what in (
        lambda s: s.entities[-1].size,
        lambda s: s.entities[-1].color,
        lambda s: s.table.height,
        lambda s: s.table.color,
        lambda s: s.light,
        lambda s: s.camera,
        lambda s: s.robot.position,
    ):
        assert len({what(s) for s in scenes}) == len(scenes)
    assert len({s.table.texture for s in scenes}) >= 4


def test_the_same_seed_gives_the_same_scene_and_its_inventory_may_have_its_own() -> None:
    assert generate(DISCOVERY, 3) == generate(DISCOVERY, 3)
    assert generate(DISCOVERY, [3, 1]) != generate(DISCOVERY, [3, 2])
    one, two = generate(DISCOVERY, 1, inventory_seed=5), generate(DISCOVERY, 2, inventory_seed=5)
    bodies = [[(e.name, e.kind, e.size, e.mass, e.color) for e in s.entities] for s in (one, two)]
    assert bodies[0] == bodies[1]
    assert one.table == two.table
    assert [e.position for e in one.entities] != [e.position for e in two.entities]


def test_an_override_of_one_thing_moves_no_other() -> None:
    plain = generate({"entities": {"a": "block", "b": "can"}}, 4)
    small = generate({"entities": {"a": {"kind": "block", "size": {"w": 0.041}}, "b": "can"}}, 4)
    assert small.entity("a").size == (0.041, 0.041, 0.041)
    assert small.entity("b").size == plain.entity("b").size


@pytest.mark.parametrize(
    ("card", "what"),
    [
        ({"base": "block", "top": {"kind": "block", "on": "base"}}, "stacked"),
        ({"base": "plate", "top": {"kind": "block", "on": "base"}}, "stacked"),
        ({"base": "shelf", "top": {"kind": "puck", "on": "base"}}, "stacked"),
        ({"base": "bin", "top": {"kind": "block", "inside": "base"}}, "within"),
        ({"base": "bowl", "top": {"kind": "ball", "inside": "base"}}, "within"),
        ({"base": {"kind": "drawer", "fraction": 0.8}, "top": {"kind": "block", "inside": "base"}}, "within"),
        ({"base": "drawer", "top": {"kind": "block", "inside": "base"}}, "within"),
    ],
)
def test_things_begin_on_and_inside_others_and_stay_there(world: World, card: dict, what: str) -> None:
    for seed in range(5):
        scene = generate({"entities": card}, seed)
        assert drift(world, scene)["top"] < 0.005
        state = world.state()
        gap = state.entity("top", "position") - state.entity("base", "position")
        if what == "stacked":
            assert np.linalg.norm(gap[:2]) < 0.09
            assert gap[2] > 0.01
        else:
            half = state.entity("base", "size") / 2
            assert (np.abs(gap[:2]) < half[:2]).all()


def test_what_refers_to_another_may_stand_before_it_in_the_card(world: World) -> None:
    card = {
        "mark": {"kind": "target", "offset": {"from": "top", "x": 0.05, "y": 0.1}},
        "top": {"kind": "block", "on": "base"},
        "base": "block",
    }
    scene = generate({"entities": card}, 0)
    assert scene.names == ("mark", "top", "base")
    gap = np.subtract(scene.entity("mark").position, scene.entity("top").position)
    np.testing.assert_allclose(gap[:2], [0.05, 0.1], atol=1e-9)


def test_an_offset_can_be_given_and_only_to_what_has_one() -> None:
    card = {"entities": {"a": "block", "t": {"kind": "target", "offset": {"from": "a", "distance": [0.1, 0.2]}}}}
    scene = generate(card, 0, offsets={"t": {"x": -0.05, "y": 0.12}})
    gap = np.subtract(scene.entity("t").position, scene.entity("a").position)
    np.testing.assert_allclose(gap[:2], [-0.05, 0.12], atol=1e-9)
    with pytest.raises(TabletopError, match="there are: t"):
        generate(card, 0, offsets={"a": {"x": 0.1}})


@pytest.mark.parametrize("mode", GRIPPER_STARTS)
def test_the_gripper_starts_where_the_mode_says(world: World, mode: str) -> None:
    for seed in range(8):
        scene = generate({"entities": {"a": ["block", "brick", "mug"][seed % 3]}}, seed, gripper=mode)
        state = world.load(scene)
        assert scene.entity("a").held == (mode in {"holding", "bearing"})
        solid = Solid.of(state, "a")
        part = grasped_part(load_cards()[scene.entity("a").kind], scene.entity("a").size)
        gap = state.robot("gripper_position") - solid.world(np.array(part.centre))
        flat, up = math.hypot(gap[0], gap[1]), gap[2]
        if mode in {"around", "holding", "bearing"}:
            assert flat < 0.01
            assert abs(up) < 0.025
        elif mode == "above":
            assert flat < 0.06
            assert 0.02 < up < 0.20
        elif mode == "near":
            assert 0.05 < flat < 0.15
        else:
            assert up > 0.08


def test_what_is_held_may_start_above_another_thing() -> None:
    card = {"entities": {"a": "block", "b": "bin"}}
    scenes = [generate(card, seed, gripper="bearing", attend="a") for seed in range(20)]
    offsets = [np.subtract(s.robot.position, s.entity("b").position) for s in scenes]
    above = [float(np.hypot(x, y)) < 0.07 and 0.05 < z < 0.25 for x, y, z in offsets]
    assert np.mean(above) > 0.7, "where there is room"


def test_an_inventory_is_what_the_scenes_of_its_seed_hold() -> None:
    for seed in range(5):
        scene = generate(DISCOVERY, 3, inventory_seed=seed)
        assert inventory(DISCOVERY, seed) == {e.name: e.kind for e in scene.entities}


def test_fingers_close_on_what_they_start_around(world: World) -> None:
    for kind in ("block", "brick", "can", "mug", "stick", "ball"):
        world.load(generate({"entities": {"a": kind}}, 1, gripper="around"))
        for _ in range(6):
            state = world.step([0, 0, 0, 0, -1])
        assert state.entity("a", "finger_force").min() > 1.0, kind


@pytest.mark.parametrize(
    "card",
    [
        {"entities": {f"b{i}": "bin" for i in range(9)}},
        {"entities": {"a": {"kind": "stick", "inside": "b"}, "b": "bowl"}},
        {
            "entities": {
                "a": {"kind": "bin", "at": {"x": 0.5, "y": 0}},
                "b": {"kind": "block", "at": {"x": 0.5, "y": 0}},
            }
        },
    ],
)
def test_an_impossible_card_gives_one_clear_line(card: dict) -> None:
    with pytest.raises(TabletopError, match="no room for ") as error:
        generate(card, 0)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("card", "words"),
    [
        ([1], "scene card must be a mapping"),
        ({"things": {}}, "unknown field of scene card 'things'; there are: attend, cameras, entities"),
        ({"entities": ["block"]}, "entities: Expected `object`, got ['block']"),
        ({"entities": {"a": "teapot"}}, "unknown kind of entity 'teapot'; there are: ball"),
        ({"entities": {"a": 3}}, "scene entity 'a' must be a mapping, got int"),
        ({"entities": {"a": {"colour": 1, "kind": "block"}}}, "'colour'; did you mean 'color'? there are: at, color"),
        ({"entities": {"a": {"kind": []}}}, "needs a kind, or a list of kinds, got []"),
        ({"entities": {"a": {"mass": 0.1}}}, "missing required field `kind`"),
        ({"entities": {"../a": "block"}}, "Expected `str` matching regex"),
        ({"entities": {True: "block"}}, "Expected `str`"),
        ({"entities": {"a": {"kind": "block", "at": None}}}, "at: Expected `object`, got None"),
        ({"entities": {"a": {"kind": "block", "size": {"w": "1 / (w - w)"}}}}, "unknown name"),
        ({"entities": {"a": {"kind": "block", "size": {"d": "1 / (w - w)"}}}}, "takes numbers, names"),
        ({"entities": {"a": {"kind": "block", "optional": "yes"}}}, "optional: Expected `float`, got 'yes'"),
        ({"entities": {"a": {"kind": "block", "optional": 1.5}}}, "optional: Expected `float` <= 1.0, got 1.5"),
        ({"entities": {"a": {"kind": "block", "size": 0.05}}}, "size: Expected `object`, got 0.05"),
        (
            {"entities": {"a": {"kind": "block", "size": {"w": [0.1, 0.05]}}}},
            "w must be [low, high] with low <= high, got [0.1, 0.05]",
        ),
        ({"entities": {"a": {"kind": "block", "size": {"w": -0.1}}}}, "size.w: Expected `float` >= 0.0005, got -0.1"),
        ({"entities": {"a": {"kind": "block", "size": {"w": "import os"}}}}, "takes numbers, names"),
        ({"entities": {"a": {"kind": "block", "size": {"w": "d / 0"}}}}, "unknown name"),
        ({"entities": {"a": {"kind": "block", "mass": 0}}}, "mass: Expected `float` >= 0.0001, got 0"),
        ({"entities": {"a": {"kind": "block", "mass": 1e300}}}, "mass: Expected `float` <= 1000.0, got 1e+300"),
        ({"entities": {"a": {"kind": "block", "mass": 10**400}}}, "mass: Number out of range"),
        ({"entities": {"a": {"kind": "block", "mass": float("nan")}}}, "mass: Expected"),
        ({"entities": {"a": {"kind": "block", "friction": -1}}}, "friction: Expected `float` >= 0.0, got -1"),
        ({"entities": {"a": {"kind": "block", "color": "red"}}}, "color: Expected `array`, got 'red'"),
        ({"entities": {"a": {"kind": "block", "color": [1, "x", 0]}}}, "color[1]: Expected `float | array`, got 'x'"),
        ({"entities": {"a": {"kind": "block", "yaw": "north"}}}, "yaw: Expected `float | array`, got 'north'"),
        ({"entities": {"a": {"kind": "block", "at": [0.5, 0]}}}, "at: Expected `object`, got [0.5, 0]"),
        ({"entities": {"a": {"kind": "block", "held": 1}}}, "held: Expected `bool`, got 1"),
        ({"entities": {"a": {"kind": "bin", "held": True}}}, "held needs something to grasp, got 'bin'"),
        ({"entities": {"a": {"kind": "block", "on": "b"}}}, "refers to 'b', which is not placed"),
        ({"entities": {"a": {"kind": "block", "on": "a"}}}, "refers to 'a', which is not placed"),
        ({"entities": {"a": {"kind": "block", "offset": {"x": 0.1}}}}, "offset: Object missing required field `from`"),
        ({"entities": {"a": {"kind": "block", "offset": 0.1}}}, "offset: Expected `object`, got 0.1"),
        ({"entities": {"a": "block", "b": {"kind": "ball", "on": "a", "at": {}}}}, "takes one of at, inside"),
        ({"entities": BLOCK, "extras": {"count": [2, 1], "kinds": ["ball"]}}, "count must be [low, high]"),
        ({"entities": BLOCK, "extras": {"count": 1}}, "extras: Object missing required field `kinds`"),
        ({"entities": BLOCK, "extras": [1]}, "extras: Expected `object`, got [1]"),
        ({"entities": {"extra1": "block"}, "extras": {"count": 1, "kinds": ["ball"]}}, "must be unique"),
        ({"entities": BLOCK, "table": {"height": "low"}}, "table.height: Expected `float | array`, got 'low'"),
        ({"entities": BLOCK, "table": 3}, "table: Expected `object`, got 3"),
        ({"entities": BLOCK, "gripper": "beside"}, "gripper: Expected one of 'nominal', 'near'"),
        ({"entities": BLOCK, "attend": "b"}, "unknown entity to attend to 'b'; there are: a"),
    ],
)
def test_a_malformed_card_is_refused_in_one_line(card: object, words: str) -> None:
    with pytest.raises(TabletopError) as error:
        generate(card, 0)  # type: ignore[arg-type]
    assert words in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("seed", [-1, 1.5, "3", [], [1, -2]])
def test_a_seed_is_a_whole_number_from_0(seed: object) -> None:
    with pytest.raises(TabletopError, match="seed"):
        generate({"entities": BLOCK}, seed)  # type: ignore[arg-type]


def test_extras_leave_room_around_a_mark_for_what_is_brought_there() -> None:
    card = {
        "entities": {
            "block": "block",
            "mark": {"kind": "target", "offset": {"from": "block", "distance": [0.12, 0.25]}},
        },
        "extras": {"count": 2, "kinds": ["brick", "can"]},
    }
    nearest = []
    for seed in range(60):
        scene = {e.name: e for e in generate(card, seed).entities}
        for extra in (e for name, e in scene.items() if name.startswith("extra")):
            gap = math.dist(extra.position[:2], scene["mark"].position[:2])
            nearest.append(gap - extra.size[0] / 2)
    # Half a mark and room for a finger.
    assert min(nearest) > 0.06
