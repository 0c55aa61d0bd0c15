"""Scripted policies neither press things into each other nor let them drift in the hand; and what measures that."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pybullet
import pytest

from tabletop.errors import TabletopError
from tabletop.logic import load_registry
from tabletop.rollout.engine import Engine
from tabletop.rollout.evaluate import run_task, scripted
from tabletop.rollout.physics import BOUNDS, Bounds, Depths, drift, physics
from tabletop.sim import World
from tabletop.sim.scene import Entity, Scene

TASKS = load_registry()
STILL = [0.0, 0.0, 0.0, 0.0, 1.0]


@pytest.mark.parametrize("name", sorted(TASKS))
def test_no_scripted_policy_presses_anything_into_anything(name: str) -> None:
    depths = Depths()
    run_task(TASKS[name], scripted, 11, disturbance=depths)
    worst = max(depths.deepest.items(), key=lambda item: item[1], default=None)
    assert worst is None or worst[1] <= min(BOUNDS.robot, BOUNDS.things), worst


def overlapping(gap: float) -> Scene:
    """Return two blocks side by side with a gap between them, m; negative where they overlap."""
    one = Entity("one", "block", (0.5, 0.0, 0.025), size=(0.05, 0.05, 0.05), mass=0.1, friction=0.8)
    return Scene((one, replace(one, name="two", position=(0.5, 0.05 + gap, 0.025))))


@pytest.fixture
def overlap() -> Iterator[World]:
    """Return a world with two blocks that are 1 cm in each other, before any physics step."""
    with World() as world:
        world.load(overlapping(-0.01))
        pybullet.performCollisionDetection(world.client)
        yield world


def test_depths_are_by_pair_and_in_metres(overlap: World) -> None:
    assert overlap.depths()["one", "two"] == pytest.approx(0.01, abs=0.001)
    overlap.load(overlapping(0.02))
    overlap.step(STILL)
    depths = overlap.depths()
    assert set(depths) == {("one", "table"), ("two", "table")}
    assert max(depths.values()) < 0.0005


def test_what_has_only_just_met_is_an_impact(overlap: World) -> None:
    watch = Depths()
    watch.look(overlap, 1)
    assert watch.deepest == {}
    assert watch.impacts["one", "two"] == pytest.approx(0.01, abs=0.001)
    watch.look(overlap, 2)
    assert watch.deepest["one", "two"] == watch.impacts["one", "two"]


def test_drift_is_the_way_across_the_fingers_while_something_is_held() -> None:
    run = run_task(TASKS["lift"], scripted, 3)
    assert drift(run) < 0.003
    states = run.states.copy()
    held = run.state.entity("block", "finger_force").min(axis=-1) > 1.0
    turn = run.state.robot("gripper_quaternion")[-1]
    yaw = 2 * np.arctan2(turn[1], turn[0])  # the hand points down: half a turn about x, then its yaw
    columns = run.layout.entity_slice("block", "position")
    states[-2:, columns] += 0.01 * np.array([-np.sin(yaw), np.cos(yaw), 0.0])
    assert held[-2:].all()
    assert drift(replace(run, states=states)) == pytest.approx(0.01, abs=0.003)


def test_an_audit_of_the_physics_says_what_is_broken_and_where() -> None:
    tasks = [TASKS["lift"], TASKS["reach"]]
    with Engine(0) as engine:
        found = physics(engine, tasks, 2, 5)
        strict = physics(engine, tasks, 2, 5, Bounds(robot=0.0, things=0.0))
        with pytest.raises(TabletopError, match="a task and an episode"):
            physics(engine, [], 2, 5)
    assert found["holds"]
    assert not strict["holds"]
    row = strict["tasks"]["lift"]
    assert row["robot"]["pair"] == ["fingers", "block"]
    assert row["robot"]["scene"] in {5, 6}
    assert row["robot"]["over"] == 2
    assert row["broken"][0].startswith("robot at most 0 mm inside, got ")
    assert strict["tasks"]["reach"]["robot"] == {"mm": 0.0, "pair": [], "scene": 5, "over": 0}
