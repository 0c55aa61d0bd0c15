"""A fixture with several moving parts, each an entity: two doors, of which one follows, a drawer and a wheel."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tabletop import projects
from tabletop.errors import TabletopError
from tabletop.logic import parse
from tabletop.sim import World, generate
from tabletop.sim.cards import load_cards
from tabletop.sim.joints import moving_point
from tabletop.sim.scene import Camera, Scene, check_scene, load_scene, save_scene
from tabletop.yaml_files import parse_yaml, yaml_text

CARD = """
description: a cabinet
body_type: static
size: {w: [0.22, 0.26], d: 0.30, h: 0.24}
mass: [0.3, 0.3]
parts:
  - {shape: box, size: [w, d, 0.01], at: [0, 0, h - 0.005]}
  - {shape: box, size: [0.01, d, h - 0.01], at: [w / 2 - 0.005, 0, (h - 0.01) / 2]}
moving_parts:
  left_door:
    joint: {type: revolute, axis: [0, 0, -1], travel: 1.5, origin: [-w / 2 - 0.005, 0.07, 0.16],
            extent: [0.01, 0.13, 0.12], hinge: [0, 1, 0], grasp: [-0.03, -0.05, 0], friction: 0.02}
    parts:
      - {shape: box, size: [0.01, 0.13, 0.12]}
      - {shape: box, size: [0.03, 0.012, 0.04], at: [-0.02, -0.05, 0]}
    colors: [[0.2, 0.4, 0.8]]
  right_door:
    joint: {type: revolute, axis: [0, 0, 1], travel: 1.2, origin: [-w / 2 - 0.005, -0.07, 0.16],
            extent: [0.01, 0.13, 0.12], hinge: [0, -1, 0], friction: 0.02}
    parts: [{shape: box, size: [0.01, 0.13, 0.12]}]
    mimic: {part: left_door, ratio: 0.5}
  drawer:
    joint: {type: prismatic, axis: [-1, 0, 0], travel: 0.12, origin: [0, 0, 0.05], extent: [0.2, 0.26, 0.06],
            grasp: [-0.11, 0, 0], friction: 0.5}
    parts:
      - {shape: box, size: [0.2, 0.26, 0.008], at: [0, 0, -0.026]}
      - {shape: box, size: [0.01, 0.26, 0.06], at: [-0.095, 0, 0]}
    mass: [0.2, 0.2]
  wheel:
    joint: {type: revolute, axis: [0, 0, 1], travel: 3.0, continuous: true, origin: [0, 0, h + 0.02],
            extent: [0.1, 0.1, 0.02], friction: 0.0}
    parts: [{shape: cylinder, size: [0.05, 0.02]}]
  damped:
    joint: {type: revolute, axis: [0, 0, 1], travel: 3.0, continuous: true, origin: [0, 0.1, h + 0.02],
            extent: [0.08, 0.08, 0.02], friction: 0.0, damping: 0.001}
    parts: [{shape: cylinder, size: [0.04, 0.02]}]
"""
PARTS = [f"cabinet/{part}" for part in ("left_door", "right_door", "drawer", "wheel", "damped")]


def forget() -> None:
    projects._used, projects._version = (), projects._version + 1


@pytest.fixture(scope="module", autouse=True)
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    root = tmp_path_factory.mktemp("lab")
    (root / "assets/fixtures").mkdir(parents=True)
    (root / "tabletop.toml").write_text('name = "lab"\n')
    (root / "assets/fixtures/cabinet.yaml").write_text(CARD)
    forget()
    projects.use_project(root)
    yield root
    forget()


def draw(yaw: float = 0.0, **parts: float) -> Scene:
    given = {name: {"fraction": share} for name, share in parts.items()}
    cabinet = {"kind": "cabinet", "at": {"x": 0.55, "y": 0.0}, "yaw": yaw, "parts": given}
    return generate({"entities": {"cabinet": cabinet}}, 0)


@pytest.fixture
def world() -> Iterator[World]:
    with World() as found:
        yield found


def test_each_part_is_an_entity_behind_its_fixture(world: World) -> None:
    scene = draw()
    state = world.load(scene)
    assert list(state.layout.names) == ["cabinet", *PARTS]
    assert state.layout.body_types == ("static", *["joint"] * 5)
    assert [e.kind for e in scene.entities] == ["cabinet", *PARTS]
    assert scene.entity("cabinet/drawer").mass == 0.2
    assert scene.entity("cabinet/wheel").mass == 0.3


@pytest.mark.parametrize("yaw", [0.0, 40.0])
def test_a_part_is_where_its_joint_brings_it(yaw: float, world: World) -> None:
    scene = draw(yaw, left_door=0.4, drawer=1.0, wheel=0.25)
    state, base = world.load(scene), scene.entity("cabinet")
    angle = base.yaw
    assert angle == pytest.approx(math.radians(yaw))
    turn = np.array([[math.cos(angle), -math.sin(angle), 0], [math.sin(angle), math.cos(angle), 0], [0, 0, 1]])
    cards = load_cards()
    for name in PARTS:
        joint = cards[name].joint
        assert joint is not None
        fraction = scene.entity(name).fraction
        assert state.entity(name, "fraction") == pytest.approx(fraction)
        place = base.position + turn @ moving_point(joint, base.size, fraction)
        np.testing.assert_allclose(state.entity(name, "position"), place, atol=1e-6)
        assert state.entity(name, "size") == pytest.approx([float(v) for v in joint.extent])
    np.testing.assert_allclose(state.entity("cabinet/left_door", "grasp"), (-0.03, -0.05, 0))


def test_a_part_that_follows_starts_and_stays_in_step(world: World) -> None:
    scene = draw(left_door=0.4)
    # Half of 0.4 times 1.5 rad, of 1.2 rad.
    assert scene.entity("cabinet/right_door").fraction == pytest.approx(0.25)
    world.load(scene)
    world.apply_joint_velocity("cabinet/left_door", 1.5)
    for _ in range(10):
        world.advance()
    state = world.state()
    lead, follower = (1.5 * float(state.entity("cabinet/left_door", "fraction")), 0.0)
    follower = 1.2 * float(state.entity("cabinet/right_door", "fraction"))
    assert lead > 0.45 * 1.5
    assert follower == pytest.approx(0.5 * lead, abs=0.02)


def test_a_wheel_turns_beyond_one_and_damping_slows_it(world: World) -> None:
    world.load(draw())
    for name in ("wheel", "damped"):
        world.apply_joint_velocity(f"cabinet/{name}", 2.0)
    for _ in range(10):
        world.advance()
    state = world.state()
    assert 1.5 < state.entity("cabinet/wheel", "fraction") < 2.1
    # m r^2 / 2 = 0.24 g m^2 and 1 mN m s: most of the speed is gone after a quarter of a second.
    assert 0.1 < state.entity("cabinet/damped", "fraction") < 0.8


def test_what_touches_a_part_is_told_by_its_name(world: World) -> None:
    scene = generate(
        {
            "entities": {
                "cabinet": {"kind": "cabinet", "at": {"x": 0.6, "y": 0}, "yaw": 0, "parts": {"drawer": {"fraction": 1}}}
            }
        },
        0,
    )
    drawer = world.load(scene).entity("cabinet/drawer", "position")
    block = replace(
        generate({"entities": {"cube": "block"}}, 0).entity("cube"),
        position=(float(drawer[0]) - 0.03, 0.08, float(drawer[2]) + 0.005),
    )
    world.load(replace(scene, entities=(*scene.entities, block)))
    for _ in range(8):
        world.advance()
    assert {pair for pair in world.contacts() if "cube" in pair} == {("cabinet/drawer", "cube")}
    assert ("cabinet/drawer", "cube") in world.depths()


def test_a_segmentation_has_each_part(world: World) -> None:
    scene = draw(left_door=0.4, drawer=1.0)
    scene = replace(scene, camera=Camera((0.05, -0.35, 0.5), (0.55, 0.0, 0.12)))
    state = world.load(scene)
    image = world.render(160, 120)
    assert set(range(7)) <= set(np.unique(image.segmentation))
    for i, name in enumerate(state.layout.names):
        seen = image.segmentation == 2 + i
        assert seen.sum() > 20
        if name == "cabinet/left_door":
            red, _, blue = image.rgb[seen].mean(axis=0)
            assert blue > 2 * red
        elif i:
            red, _, blue = image.rgb[seen].mean(axis=0)
            assert red == pytest.approx(blue, rel=0.2)
    # The drawer stands before the cabinet.
    depth = {name: image.depth[image.segmentation == 2 + i].mean() for i, name in enumerate(state.layout.names)}
    assert depth["cabinet/drawer"] < depth["cabinet"]


def test_a_scene_with_parts_is_the_same_after_yaml(tmp_path: Path, world: World) -> None:
    scene = draw(30.0, left_door=0.3, drawer=0.5)
    save_scene(scene, tmp_path / "scene.yaml")
    again = load_scene(tmp_path / "scene.yaml")
    assert again == scene
    first = [world.load(scene).values, *(world.step([0.5, 0, -1, 0, 1]).values for _ in range(5))]
    second = [world.load(again).values, *(world.step([0.5, 0, -1, 0, 1]).values for _ in range(5))]
    assert np.array_equal(first, second)


def test_formulas_speak_of_parts(world: World) -> None:
    state = world.load(draw(left_door=1.0))
    text = "open(cabinet/left_door) and closed(cabinet/drawer)"
    formula = parse(text, names=state.layout.names)
    assert str(formula) == text
    assert parse(str(formula)) == formula
    assert formula.holds(state, state)
    assert not parse("open(cabinet/drawer)").holds(state, state)
    with pytest.raises(TabletopError, match="unknown entity 'cabinet/dor'"):
        parse("open(cabinet/dor)", names=state.layout.names)


def test_an_entity_s_parts_stand_behind_it(tmp_path: Path) -> None:
    scene = draw()
    base, first, *rest = scene.entities
    for entities, message in (
        ((base, *rest), "behind 'cabinet' must stand 'cabinet/left_door'"),
        ((first, base, *rest), "must stand behind what it moves on"),
        ((base, replace(first, yaw=1.0), *rest), "must have position, yaw and size of 'cabinet'"),
    ):
        with pytest.raises(TabletopError, match=message):
            check_scene(replace(scene, entities=entities))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mimic": {"part": "ghost"}}, "unknown moving part"),
        ({"mimic": {"part": "left_door"}}, "unknown moving part"),
        ({"parent": "drawer"}, "'left_door' must come after 'drawer', on which it moves"),
        ({"mimic": {"part": "right_door"}}, "moving part 'left_door' must come after 'right_door', which it follows"),
        ({"parts": []}, "moving part 'left_door' needs parts or a mesh"),
        ({"joint": {"type": "planar"}}, "joint.type: Expected one of"),
        ({"joint": {"type": "prismatic", "continuous": True}}, "only a revolute joint can be continuous"),
        ({"mass": [0, 0]}, "mass"),
        ({"masss": [1, 1]}, "unknown field of card fixtures/cabinet.yaml: moving_parts: left_door"),
        ({"joint": {"travel": "w - 9"}}, "the joint's travel or extent must be above 0"),
    ],
)
def test_a_card_whose_parts_do_not_hang_together_is_refused(change: dict[str, Any], message: str, lab: Path) -> None:
    card = parse_yaml(CARD, "card")
    door = card["moving_parts"]["left_door"]
    for field, value in change.items():
        door[field] = {**door["joint"], **value} if field == "joint" else value
    path = lab / "assets/fixtures/cabinet.yaml"
    path.write_text(yaml_text(card))
    projects.has_changed()
    try:
        with pytest.raises(TabletopError) as caught:
            load_cards()
        assert message in str(caught.value)
        assert "\n" not in str(caught.value)
    finally:
        path.write_text(CARD)
        projects.has_changed()
    assert "cabinet/left_door" in load_cards()
