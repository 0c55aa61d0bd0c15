"""Grippers whose fingers turn: the width is true, and joints that belong together go together."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pybullet
import pytest

from tabletop.errors import TabletopError
from tabletop.sim import World, generate
from tabletop.sim.fingers import Fingers, fingers_of
from tabletop.sim.robot_card import load_robot_card
from tabletop.sim.robot_model import model_of


@pytest.fixture(autouse=True)
def _used(other_robots: object) -> None:
    """The robots of pybullet_data are there."""


@pytest.mark.parametrize("name", ["panda", "cobot6", "xarm6", "kuka"])
def test_a_width_and_the_driven_joints_say_the_same(name: str) -> None:
    fingers, card = fingers_of(name), load_robot_card(name)
    for width in np.linspace(0.01, card.max_width, 9):
        assert fingers.width(*fingers.drivers(float(width))) == pytest.approx(width, abs=1e-9)


@pytest.mark.parametrize("name", ["cobot6", "xarm6", "kuka"])
@pytest.mark.parametrize("mass", [0.05, 0.4])
def test_the_width_is_that_of_what_is_held_and_followers_follow(name: str, mass: float) -> None:
    scene = generate({"entities": {"a": {"kind": "block", "held": True}}}, 0, robot=name)
    scene = replace(scene, entities=tuple(replace(e, mass=mass) for e in scene.entities))
    with World() as world:
        world.load(scene)
        for i in range(20):
            state = world.step([0.0, 0.0, 0.4 if i < 10 else 0.0, 0.3 * (i % 2), -1.0])
        arm, fingers = world.arm, fingers_of(name)
        values = [s[0] for s in pybullet.getJointStates(arm.body, arm.all_joints[len(arm.joints) :], world.client)]
    assert float(state.robot("gripper_width")) == pytest.approx(float(state.entity("a", "size")[0]), abs=0.004)
    assert np.linalg.norm(state.entity("a", "position") - state.robot("gripper_position")) < 0.015
    assert (state.entity("a", "finger_force") > 3.0).all()
    np.testing.assert_allclose(fingers.follow(*values[:2]), values[2:], atol=0.08)


def test_the_fingers_reach_every_width_that_is_asked_for() -> None:
    for name in ("xarm6", "kuka"):
        with World(name) as world:
            world.load(generate({"entities": {}}, 0, robot=name))
            for grip in (1.0, 0.0, -0.6):
                for _ in range(12):
                    state = world.step([0.0, 0.0, 0.0, 0.0, grip])
                asked = (grip + 1) / 2 * load_robot_card(name).max_width
                assert float(state.robot("gripper_width")) == pytest.approx(asked, abs=0.002)


def test_fingers_that_do_not_open_as_far_as_the_card_says_are_refused(other_robots, monkeypatch) -> None:
    card = load_robot_card("xarm6")
    monkeypatch.setattr("tabletop.sim.fingers.load_robot_card", lambda _: replace(card, max_width=0.12))
    with pytest.raises(TabletopError, match=r"max_width is 0\.12 m, but at finger_open the fingers are 0\.08"):
        fingers_of.__wrapped__("xarm6")


def test_sliding_fingers_need_no_measuring() -> None:
    fingers = fingers_of("panda")
    assert not fingers.is_linked
    assert isinstance(fingers, Fingers)
    assert fingers.drivers(0.05) == (0.025, 0.025)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        (
            "cobot6",
            {"max_width": 0.5},
            r"max_width is 0\.5 m, half of it each, but 'left_finger_joint' slides from 0 to 0\.04",
        ),
        (
            "xarm6",
            {"finger_open": None, "finger_closed": (0.0, 0.0), "followers": {}},
            "finger_open is missing, and 'right_outer_knuckle_joint' does not slide",
        ),
    ],
)
def test_sliding_fingers_open_as_far_as_their_joints(
    monkeypatch: pytest.MonkeyPatch, name: str, change: dict[str, Any], message: str
) -> None:
    card = load_robot_card(name)
    monkeypatch.setattr("tabletop.sim.fingers.load_robot_card", lambda _: replace(card, **change))
    with pytest.raises(TabletopError, match=message):
        fingers_of.__wrapped__(name)


def test_what_hangs_on_a_finger_link_of_the_card_is_the_finger() -> None:
    card, model = load_robot_card("xarm6"), model_of("xarm6")
    for side, links in enumerate(model.fingers_of(card)):
        assert set(links) >= {model.links[card.finger_links[side]], model.joints[card.finger_joints[side]]}
    swapped = replace(card, finger_links=card.finger_links[::-1])
    with pytest.raises(TabletopError, match=r"'left_finger' must move with 'right_outer.*' or a follower of it"):
        model.fingers_of(swapped)
    with pytest.raises(TabletopError, match="finger_links: 'link3' must move with"):
        model.fingers_of(replace(card, finger_links=("link3", card.finger_links[1])))
