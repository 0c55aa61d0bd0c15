"""Other arms than the Panda in a world: they do what they are told, the same each time."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from tabletop.config import SimSettings
from tabletop.errors import TabletopError
from tabletop.logic.task import load_registry
from tabletop.rollout.episode import episode
from tabletop.rollout.evaluate import scripted, success_of
from tabletop.sim import World, generate, load_scene_card
from tabletop.sim.action import action_size
from tabletop.sim.robot import within_reach
from tabletop.sim.robot_card import load_robot_card, robot_in_use, use_robot, using_robot
from tabletop.sim.robot_model import matrix

ROBOTS = ("cobot6", "xarm6", "kuka")


@pytest.fixture(autouse=True)
def _used(other_robots: object) -> None:
    """The robots of pybullet_data are there."""


@pytest.mark.parametrize("task", ["lift", "push-left", "drawer-open"])
@pytest.mark.parametrize("robot", ROBOTS)
def test_scripts_written_for_the_panda_work(robot: str, task: str) -> None:
    found = load_registry()[task]
    done = []
    for seed in range(2):
        scene = generate(found.scene, seed, robot=robot)
        run = episode(scripted(found, scene), scene, seed, found.horizon)
        assert run.layout.robot == scene.robot.name == robot
        assert run.state.robot("joints").shape == (len(run.states), len(load_robot_card(robot).arm_joints))
        done.append(success_of(found, run)[0])
    assert any(done)


@pytest.mark.parametrize("control", ["cartesian", "pose", "joint"])
@pytest.mark.parametrize("robot", ["panda", *ROBOTS])
def test_a_kept_moment_comes_back_bit_for_bit(robot: str, control: str) -> None:
    scene = generate(load_scene_card("discovery"), 1, robot=robot)
    rng = np.random.default_rng(0)
    with World(settings=SimSettings(control=control)) as world:
        world.load(scene)
        actions = rng.uniform(-1, 1, (14, action_size(control, robot)))
        for action in actions[:8]:
            world.step(action)
        kept, later = world.save(), [world.step(a).values for a in actions[8:]]
        world.load(scene)
        world.restore(kept)
        assert all((world.step(a).values == b).all() for a, b in zip(actions[8:], later, strict=True))


@pytest.mark.parametrize("robot", ["panda", "cobot6"])
def test_a_whole_pose_is_followed(robot: str) -> None:
    with World(robot, SimSettings(control="pose")) as world:
        state = world.load(generate({"entities": {}}, 0, robot=robot))
        before, turn = state.robot("gripper_position").copy(), matrix(tuple(state.robot("gripper_quaternion")))
        for _ in range(6):
            state = world.step([0.0, 0.3, -0.2, 0.3, 0.0, 0.0, 0.0])
        for _ in range(6):
            state = world.step([0.0] * 7)
        moved = state.robot("gripper_position") - before
        now = matrix(tuple(state.robot("gripper_quaternion")))
    assert moved == pytest.approx([0.0, 6 * 0.3 * 0.04, -6 * 0.2 * 0.04], abs=0.006)
    # About the world's x axis.
    angle = 6 * 0.3 * 0.25
    c, s = math.cos(angle), math.sin(angle)
    np.testing.assert_allclose(now, [[1, 0, 0], [0, c, -s], [0, s, c]] @ turn, atol=0.03)


def test_a_gripper_leans_by_60_deg_at_most() -> None:
    with World("cobot6", SimSettings(control="pose")) as world:
        world.load(generate({"entities": {}}, 0, robot="cobot6"))
        for _ in range(20):
            state = world.step([0.0, 0.0, 0.3, 0.0, 1.0, 0.0, 0.0])
    lean = math.degrees(math.acos(-matrix(tuple(state.robot("gripper_quaternion")))[2, 2]))
    assert 50 < lean < 62


def test_joints_go_by_what_they_are_told() -> None:
    with World("cobot6", SimSettings(control="joint")) as world:
        before = world.load(generate({"entities": {}}, 0, robot="cobot6")).robot("joints").copy()
        for _ in range(4):
            world.step([0.2, -0.2, 0.0, 0.0, 0.0, 0.4, 1.0])
        for _ in range(4):
            state = world.step([0.0] * 7)
    assert state.robot("joints") - before == pytest.approx(0.25 * 4 * np.array([0.2, -0.2, 0, 0, 0, 0.4]), abs=0.02)


def test_an_action_of_another_control_is_refused_in_one_line() -> None:
    with World("cobot6", SimSettings(control="pose")) as world:
        world.load(generate({"entities": {}}, 0, robot="cobot6"))
        with pytest.raises(TabletopError, match=r"an action is 7 .* scripts and skills act with control='cartesian'"):
            world.step([0.0] * 5)


def test_scenes_have_the_robot_in_use() -> None:
    card = load_scene_card("discovery")
    with using_robot("xarm6"):
        assert robot_in_use() == "xarm6"
        assert generate(card, 0).robot.name == "xarm6"
        assert generate(card, 0, robot="panda").robot.name == "panda"
    assert generate(card, 0).robot.name == "panda"
    with pytest.raises(TabletopError, match="unknown robot 'r2d2'"):
        use_robot("r2d2")
    assert robot_in_use() == "panda"


def test_the_base_stands_where_the_card_says() -> None:
    assert within_reach("xarm6", (0.68, 0.3, 0.1), table=0.0)
    assert not within_reach("xarm6", (0.95, 0.3, 0.1), table=0.0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"home": (0.0,) * 5}, "home must have a number for each of the 6 arm_joints"),
        ({"lower": (1.0, *(-6.0,) * 5)}, "home must be within lower and upper, got 0 for 'shoulder_pan'"),
        ({"finger_joints": ("elbow", "right_finger_joint")}, "must be different joints"),
        ({"dh": ((0.0, 0.0, 0.0),) * 5}, "dh must have a row for each joint"),
    ],
)
def test_a_card_that_cannot_be_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(TabletopError, match=message):
        replace(load_robot_card("cobot6"), **change)
