from __future__ import annotations

import math

import numpy as np
import pytest

from tabletop.control.grasps import blocked, grasp_of, nearest_yaw
from tabletop.control.motion import gripper_yaw, width_command
from tabletop.sim import Entity, Robot, Scene, World


def scene(*entities: Entity, robot: Robot | None = None) -> Scene:
    return Scene(entities, robot=robot or Robot())


def brick(name: str, x: float, y: float, yaw: float) -> Entity:
    return Entity(name, "brick", (x, y, 0.02), yaw, size=(0.04, 0.11, 0.04))


@pytest.mark.parametrize("yaw", [-1.0, 0.0, 0.7, 2.5])
def test_a_brick_is_taken_across_its_narrow_side(yaw: float) -> None:
    with World() as world:
        grasp = grasp_of(world.load(scene(brick("block", 0.5, 0.0, yaw))), "block")
    # The fingers open along (-sin, cos) of the gripper's yaw; the narrow side is the brick's own x.
    opening = np.array([-math.sin(grasp.yaw), math.cos(grasp.yaw)])
    assert abs(opening @ [math.cos(yaw), math.sin(yaw)]) == pytest.approx(1.0, abs=1e-6)
    assert grasp.width == pytest.approx(0.04)


def test_a_mug_is_taken_at_its_body_and_not_at_its_middle() -> None:
    mug = Entity("mug", "mug", (0.5, 0.0, 0.035), 0.0, size=(0.058, 0.08, 0.07))
    with World() as world:
        grasp = grasp_of(world.load(scene(mug)), "mug")
    assert grasp.position[:2] == pytest.approx([0.5, (0.058 - 0.08) / 2])
    assert grasp.width == pytest.approx(0.058)


def test_a_square_block_between_two_others_is_taken_where_the_fingers_fit() -> None:
    block = Entity("block", "block", (0.5, 0.0, 0.025), 0.0, size=(0.05, 0.05, 0.05))
    beside = [
        Entity(f"b{i}", "block", (0.5, side * 0.065, 0.025), 0.0, size=(0.05, 0.05, 0.05))
        for i, side in enumerate((-1, 1))
    ]
    with World() as world:
        grasp = grasp_of(world.load(scene(block, *beside)), "block")
    assert abs(math.sin(grasp.yaw)) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("turned", [0.0, 0.1, 0.2])
def test_a_puck_between_two_high_things_is_taken_from_between_them(turned: float) -> None:
    puck = Entity("puck", "puck", (0.5, 0.0, 0.0125), 0.0, size=(0.055, 0.055, 0.025))
    towers = [
        Entity(f"t{i}", "block", (0.5 + x, y, 0.05), 0.0, size=(0.05, 0.05, 0.10))
        for i, (x, y) in enumerate(((0.105, 0.0), (-0.105, 0.0), (0.0, 0.105), (0.0, -0.105)))
    ]
    with World() as world:
        state = world.load(scene(puck, *towers, robot=Robot(yaw=turned)))
    grasp = grasp_of(state, "puck")
    hits, lowest = blocked(state, "puck", grasp.position, grasp.yaw)
    assert hits == 0
    assert lowest <= grasp.position[2]


def test_the_gripper_stays_above_the_rim_of_a_bin() -> None:
    block = Entity("block", "block", (0.5, 0.0, 0.032), 0.0, size=(0.045, 0.045, 0.045))
    container = Entity("bin", "bin", (0.5, 0.0, 0.0), 0.0, size=(0.18, 0.18, 0.07))
    with World() as world:
        alone = grasp_of(world.load(scene(block)), "block")
        inside = grasp_of(world.load(scene(block, container)), "block")
    assert inside.position[2] > alone.position[2]
    assert inside.position[2] + 0.036 > 0.07


def test_the_gripper_yaw_is_that_of_the_scene() -> None:
    with World() as world:
        for yaw in (-0.9, 0.0, 0.4, 1.2):
            state = world.load(scene(robot=Robot(yaw=yaw)))
            assert gripper_yaw(state) == pytest.approx(yaw, abs=1e-3)


def test_the_nearest_yaw_is_equal_up_to_periods_and_leaves_room() -> None:
    with World() as world:
        state = world.load(scene(robot=Robot(yaw=0.3)))
    for yaw in np.linspace(-6.0, 6.0, 25):
        found = nearest_yaw(float(yaw), state)
        assert abs(math.sin(found - yaw)) < 1e-9
        assert abs(found - math.pi / 4) <= 1.8


def test_the_width_command_spans_the_fingers_range() -> None:
    with World() as world:
        state = world.load(scene())
    assert [width_command(state, w) for w in (-0.1, 0.0, 0.04, 0.08, 0.2)] == [-1.0, -1.0, 0.0, 1.0, 1.0]
