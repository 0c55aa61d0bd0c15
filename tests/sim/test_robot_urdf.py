"""The arm's URDF has the Panda's kinematics, sane dynamics and few, small shapes."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import pybullet
import pybullet_data
import pytest
import yaml

from tabletop.paths import ASSETS
from tabletop.sim.kinematics import Kinematics
from tabletop.sim.robot_card import load_robot_card

FOLDER = ASSETS / "robots"
CARD: dict[str, Any] = yaml.safe_load((FOLDER / "panda.yaml").read_text(encoding="utf-8"))
Pose = tuple[np.ndarray, np.ndarray]


@pytest.fixture(scope="module")
def client() -> Iterator[int]:
    number = pybullet.connect(pybullet.DIRECT)
    yield number
    pybullet.disconnect(number)


@pytest.fixture(scope="module")
def robot(client: int) -> int:
    path = os.fspath(FOLDER / CARD["urdf"])
    flags = pybullet.URDF_USE_INERTIA_FROM_FILE
    return int(pybullet.loadURDF(path, useFixedBase=True, flags=flags, physicsClientId=client))


@pytest.fixture(scope="module")
def reference(client: int) -> int:
    path = os.path.join(pybullet_data.getDataPath(), "franka_panda", "panda.urdf")
    return int(pybullet.loadURDF(path, useFixedBase=True, physicsClientId=client))


def names(body: int, client: int) -> dict[str, int]:
    infos = [pybullet.getJointInfo(body, i, client) for i in range(pybullet.getNumJoints(body, physicsClientId=client))]
    return {word.decode(): info[0] for info in infos for word in (info[1], info[12])}


def links(body: int, joints: dict[str, float], wanted: list[str], client: int) -> list[Pose]:
    index = names(body, client)
    for name, value in joints.items():
        pybullet.resetJointState(body, index[name], value, physicsClientId=client)
    states = [
        pybullet.getLinkState(body, index[n], computeForwardKinematics=True, physicsClientId=client) for n in wanted
    ]
    turns = [np.reshape(pybullet.getMatrixFromQuaternion(s[5]), (3, 3)) for s in states]
    return [(np.array(s[4]), turn) for s, turn in zip(states, turns, strict=True)]


def random_joints(count: int) -> np.ndarray:
    return np.random.default_rng(1).uniform(CARD["lower"], CARD["upper"], (count, 7))


def published(q: np.ndarray) -> list[Pose]:
    """Franka's modified Denavit-Hartenberg product: frames 1 to 7, then the hand."""
    right = math.pi / 2
    rows = [
        (0.0, 0.0, 0.333, q[0]), (0.0, -right, 0.0, q[1]), (0.0, right, 0.316, q[2]),
        (0.0825, right, 0.0, q[3]),
        (-0.0825, -right, 0.384, q[4]), (0.0, right, 0.0, q[5]), (0.088, right, 0.0, q[6]),
        (0.0, 0.0, 0.107, -math.pi / 4),
    ]  # fmt: skip
    frame, out = np.eye(4), []
    for a, alpha, d, theta in rows:
        ca, sa, ct, st = math.cos(alpha), math.sin(alpha), math.cos(theta), math.sin(theta)
        frame = frame @ np.array(
            [[ct, -st, 0, a], [st * ca, ct * ca, -sa, -d * sa], [st * sa, ct * sa, ca, d * ca], [0, 0, 0, 1]]
        )
        out.append((frame[:3, 3], frame[:3, :3]))
    return out


def assert_same(got: list[Pose], wanted: list[Pose]) -> None:
    for (position, rotation), (position2, rotation2) in zip(got, wanted, strict=True):
        np.testing.assert_allclose(position, position2, atol=1e-6)
        np.testing.assert_allclose(rotation, rotation2, atol=1e-6)


def test_all_links_follow_the_published_denavit_hartenberg_product(robot, client) -> None:
    chain = [f"link{i}" for i in range(1, 7)] + ["hand"]
    for q in random_joints(50):
        joints = dict(zip(CARD["arm_joints"], q.tolist(), strict=True))
        frames = published(q)
        assert_same(links(robot, joints, chain, client), [*frames[:6], frames[7]])


def test_all_links_agree_with_the_reference_panda(robot, reference, client) -> None:
    ours = [f"link{i}" for i in range(1, 7)] + ["hand", "right_finger", "left_finger"]
    theirs = [f"panda_link{i}" for i in range(1, 7)] + ["panda_hand", "panda_leftfinger", "panda_rightfinger"]
    for i, q in enumerate(random_joints(50)):
        width = 0.04 * (i % 5) / 4
        fingers = dict.fromkeys(CARD["finger_joints"], width)
        arm = dict(zip(CARD["arm_joints"], q.tolist(), strict=True))
        other = {f"panda_joint{k + 1}": float(v) for k, v in enumerate(q)}
        both = {"panda_finger_joint1": width, "panda_finger_joint2": width}
        assert_same(links(robot, arm | fingers, ours, client), links(reference, other | both, theirs, client))


def test_the_fast_forward_kinematics_agree_with_the_urdf(robot, client) -> None:
    kinematics = Kinematics(load_robot_card("panda"))
    for q in random_joints(50):
        joints = dict(zip(CARD["arm_joints"], q.tolist(), strict=True))
        [(position, rotation)] = links(robot, joints, [CARD["hand_link"]], client)
        assert_same([kinematics.forward(q.tolist())], [(position + rotation @ np.array(CARD["tcp"]), rotation)])


def test_limits_of_the_urdf_are_those_of_the_card(robot, client) -> None:
    index = names(robot, client)
    for i, name in enumerate(CARD["arm_joints"]):
        info = pybullet.getJointInfo(robot, index[name], client)
        assert info[8:12] == (CARD["lower"][i], CARD["upper"][i], CARD["force"][i], CARD["velocity"][i])
    for name in CARD["finger_joints"]:
        info = pybullet.getJointInfo(robot, index[name], client)
        assert info[8:10] == (0.0, CARD["max_width"] / 2)


def test_the_left_finger_is_on_the_robots_left_when_the_gripper_points_down(robot, client) -> None:
    joints = dict(zip(CARD["arm_joints"], CARD["home"], strict=True)) | dict.fromkeys(CARD["finger_joints"], 0.04)
    left, right = links(robot, joints, CARD["finger_links"], client)
    assert (left[0][1], right[0][1]) == pytest.approx((0.04, -0.04), abs=1e-5)


def test_there_are_nine_moving_links_and_no_fixed_joint(robot, client) -> None:
    kinds = [
        pybullet.getJointInfo(robot, i, client)[2] for i in range(pybullet.getNumJoints(robot, physicsClientId=client))
    ]
    assert kinds == [pybullet.JOINT_REVOLUTE] * 7 + [pybullet.JOINT_PRISMATIC] * 2


def test_masses_add_up_to_the_arm_and_inertias_are_physical(robot, client) -> None:
    infos = [pybullet.getDynamicsInfo(robot, i, physicsClientId=client) for i in range(9)]
    assert 15.0 < sum(info[0] for info in infos) < 20.0
    for info in infos:
        a, b, c = sorted(info[2])
        assert min(info[0], a, a + b - c) > 0


def test_only_what_can_touch_the_table_has_collision_shapes(robot, client) -> None:
    index = names(robot, client)
    shaped = {n for n, i in index.items() if pybullet.getCollisionShapeData(robot, i, physicsClientId=client)}
    assert shaped & {"link1", "link2", "link3"} == set()
    assert {"hand", "left_finger", "right_finger"} <= shaped


def test_closed_fingers_touch_flat_and_the_tcp_lies_on_them(robot, client) -> None:
    index = names(robot, client)
    for name, sign in (("left_finger", -1.0), ("right_finger", 1.0)):
        [shape] = pybullet.getCollisionShapeData(robot, index[name], physicsClientId=client)
        assert shape[2] == pybullet.GEOM_BOX
        # PyBullet gives the shape's pose from the centre of mass.
        mass_centre = pybullet.getDynamicsInfo(robot, index[name], physicsClientId=client)[3]
        extents, centre = np.array(shape[3]), np.array(shape[5]) + np.array(mass_centre)
        inner = centre[1] * sign - extents[1] / 2
        assert inner == pytest.approx(0.0, abs=1e-6)
        assert abs(CARD["tcp"][2] - 0.0584 - centre[2]) < extents[2] / 2


def test_meshes_are_small() -> None:
    for path in FOLDER.rglob("*.obj"):
        faces = [line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("f ")]
        assert 0 < len(faces) < 200, path.name
