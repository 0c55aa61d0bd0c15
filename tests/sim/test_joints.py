"""Fixtures' joints: where cards say that the moving part is, it is in the world too."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from tabletop.errors import TabletopError
from tabletop.logic.geometry import Solid
from tabletop.sim import World, generate
from tabletop.sim.card_parts import Joint, number
from tabletop.sim.cards import load_cards
from tabletop.sim.joints import corners, handle_way, moving_point
from tabletop.sim.placement import grasp_point

JOINTED = sorted(c.kind for c in load_cards().values() if c.joint)
HINGED = Joint("revolute", (0, 0, 1), math.pi / 2, (0, 0, 0.1), (0.02, 0.2, 0.1), hinge=(0, -1, 0))
SIZE = (0.1, 0.2, 0.1)


def test_a_hinged_part_turns_about_its_edge() -> None:
    # The hinge stands at y = -0.1; the far edge goes from y = 0.1 around to x = -0.2.
    np.testing.assert_allclose(moving_point(HINGED, SIZE, 0.0), [0, 0, 0.1], atol=1e-12)
    np.testing.assert_allclose(moving_point(HINGED, SIZE, 1.0), [-0.1, -0.1, 0.1], atol=1e-12)
    np.testing.assert_allclose(moving_point(HINGED, SIZE, 1.0, (0, 0.1, 0)), [-0.2, -0.1, 0.1], atol=1e-12)
    np.testing.assert_allclose(moving_point(HINGED, SIZE, 0.6, (0, -0.1, 0)), [0, -0.1, 0.1], atol=1e-12)


def test_all_that_a_hinged_part_sweeps_over_counts() -> None:
    left, right, low, high = corners(HINGED, SIZE)
    assert left == pytest.approx(-0.2, abs=0.005)
    assert right == pytest.approx(0.05)
    assert (low, high) == pytest.approx((-0.11, 0.1), abs=0.005)


@pytest.mark.parametrize("kind", JOINTED)
def test_the_moving_part_is_where_its_card_says_and_stays_there(kind: str) -> None:
    joint = load_cards()[kind].joint
    assert joint is not None
    with World() as world:
        for fraction in (0.0, 0.5, 1.0):
            scene = generate({"entities": {"a": {"kind": kind, "fraction": fraction}}}, 3)
            entity = scene.entity("a")
            state = world.load(scene)
            assert state.entity("a", "fraction") == pytest.approx(fraction, abs=1e-6)
            found = Solid.of(state, "a").world(state.entity("a", "grasp"))
            np.testing.assert_allclose(found, grasp_point(entity), atol=1e-6)
            if joint.spring > 0 and fraction == 0.5:
                continue
            for _ in range(10):
                state = world.step([0, 0, 0, 0, 1])
            assert state.entity("a", "fraction") == pytest.approx(fraction, abs=0.02)


@pytest.mark.parametrize("kind", JOINTED)
def test_a_joint_ends_at_its_travel(kind: str) -> None:
    joint = load_cards()[kind].joint
    assert joint is not None
    with World() as world:
        scene = generate({"entities": {"a": {"kind": kind, "fraction": 1.0}}}, 1)
        size = dict(zip("wdh", scene.entity("a").size, strict=True))
        assert number(joint.travel, size) > 0
        world.load(scene)
        for _ in range(4):
            world.push("a", [2.0, 2.0, -2.0], steps=12)
            world.step([0, 0, 0, 0, 1])
        # The stops are a little soft: a blow carries a door 5 deg beyond.
        for _ in range(6):
            state = world.step([0, 0, 0, 0, 1])
        assert -0.1 < state.entity("a", "fraction") < 1.1


def test_what_fits_another_starts_at_a_pose_in_its_frame() -> None:
    card = {"entities": {"a": {"kind": "block", "fit": {"with": "b", "x": 0.02, "z": 0.01, "yaw": 90}}, "b": "hole"}}
    for seed in range(5):
        scene = generate(card, seed)
        a, b = scene.entity("a"), scene.entity("b")
        assert a.yaw == pytest.approx(b.yaw + math.pi / 2)
        expected = (b.position[0] + 0.02 * math.cos(b.yaw), b.position[1] + 0.02 * math.sin(b.yaw))
        assert a.position[:2] == pytest.approx(expected)
        assert a.position[2] - a.size[2] / 2 == pytest.approx(b.position[2] + 0.0105)


@pytest.mark.parametrize(
    ("fit", "words"),
    [
        ({"with": "c"}, "refers to 'c', which is not placed"),
        ({"x": 0.1}, "fit: Object missing required field `with`"),
        ({"with": "b", "pitch": 3}, "fit 'pitch'; there are: with, x, y, yaw, z"),
        ({"with": "b", "x": "left"}, "fit.x: Expected `float | array`, got 'left'"),
        (0.1, "fit: Expected `object`, got 0.1"),
    ],
)
def test_a_wrong_fit_is_refused_in_one_line(fit: object, words: str) -> None:
    with pytest.raises(TabletopError) as error:
        generate({"entities": {"a": {"kind": "block", "fit": fit}, "b": "hole"}}, 0)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_the_handle_of_a_slide_goes_as_far_as_it_travels() -> None:
    drawer = load_cards()["drawer"].joint
    assert drawer is not None
    assert handle_way(drawer, (0.18, 0.2, 0.1)) == pytest.approx(0.13)


def test_the_handle_of_a_door_goes_along_an_arc() -> None:
    # The hinge stands at y = -0.1 and the handle at y = 0.06, 2 cm before the door: 16.12 cm from the axis.
    door = replace(HINGED, grasp=(-0.02, 0.06, 0.03))
    assert handle_way(door, SIZE) == pytest.approx(math.hypot(0.02, 0.16) * math.pi / 2)
    assert handle_way(replace(door, grasp=(-0.02, 0.06, -0.3)), SIZE) == pytest.approx(handle_way(door, SIZE))


def test_a_knob_that_is_held_around_its_axis_goes_as_far_as_its_rim() -> None:
    knob = Joint("revolute", (0, 0, 1), 1.7, (0, 0, 0.1), ("w * 0.8", "w * 0.8", 0.04), grasp=(0, 0, 0.01))
    assert handle_way(knob, SIZE) == pytest.approx(1.7 * 0.04)


@pytest.mark.parametrize("kind", JOINTED)
def test_the_way_of_a_handle_is_the_path_that_it_takes_in_the_world(kind: str) -> None:
    joint = load_cards()[kind].joint
    assert joint is not None
    size = generate({"entities": {"a": {"kind": kind}}}, 3).entity("a").size
    grasp = [number(g, dict(zip("wdh", size, strict=True))) for g in joint.grasp]
    path = np.array([moving_point(joint, size, f, grasp) for f in np.linspace(0, 1, 400)])
    went = float(np.linalg.norm(np.diff(path, axis=0), axis=1).sum())
    if kind == "dial":
        assert went < 1e-6 < handle_way(joint, size)
    else:
        assert handle_way(joint, size) == pytest.approx(went, rel=1e-4)
    assert 0.015 < handle_way(joint, size) < 0.35
