"""The closed-form arm: exact where it can reach, inside the limits everywhere."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from tabletop.errors import TabletopError
from tabletop.sim.kinematics import Kinematics
from tabletop.sim.robot_card import RobotCard, load_robot_card


@pytest.fixture(scope="module")
def card() -> RobotCard:
    return load_robot_card("panda")


@pytest.fixture(scope="module")
def arm(card: RobotCard) -> Kinematics:
    return Kinematics(card)


def poses(card: RobotCard, count: int) -> list[tuple[list[float], float]]:
    rng = np.random.default_rng(0)
    points = rng.uniform(card.workspace.lower, card.workspace.upper, (count, 3))
    return list(zip(points.tolist(), rng.uniform(-math.pi / 2, math.pi / 2, count).tolist(), strict=True))


def down(yaw: float) -> np.ndarray:
    c, s = math.cos(yaw), math.sin(yaw)
    return np.array([[c, s, 0.0], [s, -c, 0.0], [0.0, 0.0, -1.0]])


def test_solving_reaches_the_reachable_pose_exactly_and_inside_the_limits(card, arm) -> None:
    for point, yaw in poses(card, 2000):
        q = arm.solve(point, yaw)
        assert all(low <= v <= high for v, low, high in zip(q, card.lower, card.upper, strict=True))
        position, rotation = arm.forward(q)
        near, turn = arm.reachable(point, yaw)
        np.testing.assert_allclose(position, near, atol=1e-9)
        np.testing.assert_allclose(rotation, down(turn), atol=1e-9)


def test_nearly_all_of_the_workspace_is_reached_unchanged(card, arm) -> None:
    samples = poses(card, 2000)
    same = [math.dist(arm.reachable(p, y)[0], p) < 1e-9 and arm.reachable(p, y)[1] == y for p, y in samples]
    assert sum(same) > 0.98 * len(samples)


def test_a_point_too_far_or_too_near_keeps_its_height_and_bearing(arm) -> None:
    for x, y, z in ((0.9, 0.3, 0.1), (1.5, -0.4, 0.2), (0.12, 0.05, 0.15)):
        (nx, ny, nz), yaw = arm.reachable((x, y, z), 0.2)
        assert (nz, yaw) == (z, 0.2)
        assert math.atan2(ny, nx) == pytest.approx(math.atan2(y, x))
        assert math.hypot(nx, ny) != pytest.approx(math.hypot(x, y), abs=1e-3)


def test_a_small_step_of_the_gripper_is_a_small_step_of_the_joints(card, arm) -> None:
    for point, yaw in poses(card, 300):
        if math.hypot(point[0], point[1]) < 0.7:
            before = arm.solve(point, yaw)
            after = arm.solve((point[0], point[1] + 0.001, point[2]), yaw)
            assert max(abs(a - b) for a, b in zip(before, after, strict=True)) < 0.02


def test_the_home_posture_of_the_card_is_the_solution_above_the_table(card, arm) -> None:
    np.testing.assert_allclose(arm.solve((0.45, 0.0, 0.25), 0.0), card.home, atol=1e-5)


def test_an_arm_of_another_build_is_refused(card) -> None:
    rows = [list(row) for row in card.dh]
    rows[4][0] = -0.05
    with pytest.raises(TabletopError, match="Panda's build"):
        Kinematics(replace(card, dh=tuple(map(tuple, rows))))
