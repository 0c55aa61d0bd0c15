"""Arms of any build: the chain of joints is PyBullet's, and postures are found, within limits, the same each time."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from tabletop.errors import TabletopError
from tabletop.sim.bullet import connect, p
from tabletop.sim.inverse_kinematics import ChainKinematics, down, turn_between
from tabletop.sim.robot import chain_kinematics_of, kinematics_of
from tabletop.sim.robot_card import load_robot_card, robot_file
from tabletop.sim.robot_model import chain_of, load_body, look_at, matrix, model_of

ARMS = ("cobot6", "xarm6", "kuka")


@pytest.fixture(autouse=True)
def _used(other_robots: object) -> None:
    """The arms of pybullet_data are there."""


def postures(name: str, count: int) -> np.ndarray:
    card = load_robot_card(name)
    return np.random.default_rng(1).uniform(
        np.maximum(card.lower, -2.5), np.minimum(card.upper, 2.5), (count, len(card.lower))
    )


def down_poses(name: str, count: int) -> list[tuple[np.ndarray, float]]:
    rng = np.random.default_rng(0)
    points = rng.uniform((0.42, -0.22, 0.02), (0.62, 0.22, 0.25), (count, 3))
    return list(zip(points, rng.uniform(-1.5, 1.5, count).tolist(), strict=True))


@pytest.mark.parametrize("name", [*ARMS, "panda"])
def test_the_tool_is_where_pybullet_has_it(name: str) -> None:
    card, model, client = load_robot_card(name), model_of(name), connect()
    body = load_body(name, client)
    arm = ChainKinematics(card, chain_of(name))
    own = matrix(p.getQuaternionFromEuler(card.tool_rotation))
    for q in postures(name, 10):
        for joint, value in zip(card.arm_joints, q, strict=True):
            p.resetJointState(body, model.joints[joint], value, 0.0, physicsClientId=client)
        link = p.getLinkState(body, model.links[card.hand_link], 1, 1, client)
        turn = matrix(link[5])
        position, rotation = arm.forward(q)
        np.testing.assert_allclose(position, turn @ card.tcp + link[4], atol=1e-6)
        np.testing.assert_allclose(rotation, turn @ own, atol=1e-6)
    p.disconnect(client)


def test_the_arm_of_six_joints_has_the_published_kinematics_of_the_ur5e() -> None:
    rows = ((0.1625, 0, math.pi / 2), (0, -0.425, 0), (0, -0.3922, 0), (0.1333, 0, math.pi / 2))
    rows += ((0.0997, 0, -math.pi / 2), (0.0996, 0, 0))
    card, arm = load_robot_card("cobot6"), kinematics_of("cobot6")
    for q in postures("cobot6", 10):
        frame = np.diag([-1.0, -1.0, 1.0, 1.0])  # The base is turned by half a turn.
        for (d, a, alpha), theta in zip(rows, q, strict=True):
            ca, sa, ct, st = math.cos(alpha), math.sin(alpha), math.cos(theta), math.sin(theta)
            frame = frame @ [
                [ct, -st * ca, st * sa, a * ct],
                [st, ct * ca, -ct * sa, a * st],
                [0, sa, ca, d],
                [0, 0, 0, 1],
            ]
        position, rotation = arm.forward(q)
        np.testing.assert_allclose(rotation, frame[:3, :3], atol=1e-6)
        gripper = card.tcp[2] - 0.0996
        np.testing.assert_allclose(position, frame[:3, 3] + gripper * frame[:3, 2], atol=1e-6)


@pytest.mark.parametrize("name", ARMS)
def test_poses_over_the_table_are_reached_within_the_limits(name: str) -> None:
    card, arm = load_robot_card(name), kinematics_of(name)
    for point, yaw in down_poses(name, 60):
        found = arm.reach(point.tolist(), yaw)
        assert (found.position, found.yaw) == (tuple(point.tolist()), yaw)
        assert all(low <= v <= high for v, low, high in zip(found.q, card.lower, card.upper, strict=True))
        position, rotation = arm.forward(found.q)
        np.testing.assert_allclose(position, point, atol=1e-6)
        np.testing.assert_allclose(rotation, down(yaw), atol=1e-6)


@pytest.mark.parametrize("name", ARMS)
def test_a_pose_has_one_posture_whatever_came_before(name: str) -> None:
    arm, other = kinematics_of(name), ChainKinematics(load_robot_card(name), chain_of(name))
    poses = down_poses(name, 20)
    first = [arm.solve(point.tolist(), yaw) for point, yaw in poses]
    assert [other.solve(point.tolist(), yaw) for point, yaw in reversed(poses)] == first[::-1]


@pytest.mark.parametrize("name", ARMS)
def test_a_small_step_of_the_gripper_is_a_small_step_of_the_joints(name: str) -> None:
    arm = kinematics_of(name)
    for point, yaw in down_poses(name, 20):
        before = arm.solve(point.tolist(), yaw)
        after = arm.solve((point + np.array([0.0, 0.002, 0.001])).tolist(), yaw + 0.01, before)
        assert max(abs(a - b) for a, b in zip(before, after, strict=True)) < 0.05


@pytest.mark.parametrize("name", ARMS)
def test_out_of_reach_the_gripper_stays_down_and_comes_near(name: str) -> None:
    arm = kinematics_of(name)
    for wanted in ((1.4, 0.2, 0.1), (0.5, -1.3, 0.1), (0.5, 0.0, 1.9)):
        start = arm.reach((0.5, 0.0, 0.15), 0.0)
        for near in (None, start.q):
            found = arm.reach(wanted, 0.3, near)
            position, rotation = arm.forward(found.q)
            np.testing.assert_allclose(position, found.position, atol=1e-6)
            assert rotation[2, 2] < -0.999
            assert math.dist(found.position, wanted) < math.dist(start.position, wanted)


@pytest.mark.parametrize("name", [*ARMS, "panda"])
def test_poses_that_an_arm_can_have_are_found_however_it_leans(name: str) -> None:
    arm, missed = chain_kinematics_of(name), 0
    for q in postures(name, 60):
        position, rotation = arm.forward(q)
        found = arm.solve_pose(position, rotation, leaning=True)
        if found is None:
            missed += 1
            continue
        at, turn = arm.forward(found)
        assert np.linalg.norm(at - position) < 1e-6
        assert np.linalg.norm(turn_between(turn, rotation)) < 1e-6
    assert missed <= 6


def test_a_rotation_vector_takes_one_rotation_to_another() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        one, two = (matrix(tuple(v / np.linalg.norm(v))) for v in rng.normal(size=(2, 4)))
        angle = float(np.linalg.norm(turn_between(one, two)))
        axis = turn_between(one, two) / angle
        x, y, z = axis * math.sin(angle / 2)
        np.testing.assert_allclose(matrix((x, y, z, math.cos(angle / 2))) @ one, two, atol=1e-9)


def test_an_arm_that_does_not_point_down_at_rest_is_refused() -> None:
    card = load_robot_card("cobot6")
    tilted = replace(card, home=(*card.home[:3], card.home[3] + 0.6, *card.home[4:]))
    with pytest.raises(TabletopError, match="at home the gripper must point down, it is 34 deg off"):
        ChainKinematics(tilted, chain_of("cobot6"))


@pytest.mark.parametrize("base", [(0.0, 0.0, 0.0), (0.05, 0.2, 0.0)])
def test_the_wrist_is_in_its_middle_where_it_is_said_to_be(base: tuple[float, float, float]) -> None:
    card = replace(load_robot_card("cobot6"), base=base)
    arm = ChainKinematics(card, look_at(card, robot_file("cobot6").parent / card.urdf)[1])
    assert arm.wrist.root == pytest.approx(base[:2], abs=1e-7)
    assert arm.wrist.turns == pytest.approx(6.2832)
    for x, y in ((0.5, 0.0), (0.45, -0.15)):
        bearing = math.atan2(y - base[1], x - base[0])
        q = arm.solve_pose(np.array([x, y, 0.1]), down(bearing + arm.wrist.middle))
        # The shoulder stands 13 cm to the side, which turns the arm by more the nearer it reaches.
        assert math.remainder(q[-1], 2 * math.pi) == pytest.approx(0.0, abs=0.12)
