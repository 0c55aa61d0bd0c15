"""Pushes that last: World.push over the physics steps of control steps."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from tabletop.errors import TabletopError
from tabletop.sim.scene import Entity, Scene
from tabletop.sim.world import World

STILL = [0.0, 0.0, 0.0, 0.0, 1.0]
SLIPPERY = Scene((Entity("block", "block", (0.5, 0.1, 0.025), mass=0.2, friction=0.0),))


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World() as one:
        yield one


def speed(world: World, entity: str = "block") -> float:
    return float(world.state().entity(entity, "velocity")[0])


@pytest.mark.parametrize("steps", [1, 6, 12, 30])
def test_a_push_gives_force_times_time_over_mass(world: World, steps: int) -> None:
    world.load(SLIPPERY)
    world.push("block", (0.4, 0.0, 0.0), steps)
    for _ in range(3):
        world.step(STILL)
    # The engine's damping of 0.04 a second takes up to 2 % in 0.3 s.
    assert speed(world) == pytest.approx(0.4 * steps / 120 / 0.2, rel=0.02)


def test_pushes_add_up(world: World) -> None:
    world.load(SLIPPERY)
    world.push("block", (0.4, 0.0, 0.0), 12)
    world.push("block", (-0.4, 0.0, 0.0), 6)
    world.step(STILL)
    assert speed(world) == pytest.approx(0.4 * 6 / 120 / 0.2, rel=0.02)


def test_loading_ends_a_push(world: World) -> None:
    world.load(SLIPPERY)
    world.push("block", (5.0, 0.0, 0.0), 100)
    world.load(SLIPPERY)
    world.step(STILL)
    assert abs(speed(world)) < 1e-3


def test_a_snapshot_keeps_what_is_left_of_a_push(world: World) -> None:
    world.load(SLIPPERY)
    for _ in range(8):
        world.step(STILL)
    world.push("block", (0.4, 0.0, 0.0), 24)
    world.step(STILL)
    snapshot = world.save()
    first = [world.step(STILL).values for _ in range(3)]
    world.restore(snapshot)
    assert np.array_equal(first, [world.step(STILL).values for _ in range(3)])
    assert speed(world) == pytest.approx(0.4 * 24 / 120 / 0.2, rel=0.03)


def test_a_fixtures_moving_part_is_pushed_along_its_joint(world: World) -> None:
    world.load(Scene((Entity("drawer", "drawer", (0.68, 0.0, 0.0), size=(0.18, 0.2, 0.1), mass=0.3),)))
    world.push("drawer", (-6.0, 3.0, 0.0), 24)
    for _ in range(4):
        state = world.step(STILL)
    assert float(state.entity("drawer", "fraction")) > 0.2


def test_a_strong_push_displaces_the_gripper_by_several_centimetres_and_it_comes_to_rest(
    world: World,
) -> None:
    moved = []
    for x, y in ((1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0)):
        start = world.load(Scene()).robot("gripper_position").copy()
        world.push("gripper", (300.0 * x, 300.0 * y, 0.0), 36)
        path = [world.step(STILL).robot("gripper_position") - start for _ in range(14)]
        moved.append(max(np.linalg.norm(path, axis=1)))
        assert np.linalg.norm(path[-1] - path[-2]) < 0.002
    assert np.median(moved) > 0.03


def test_bad_pushes_are_refused(world: World) -> None:
    world.load(SLIPPERY)
    with pytest.raises(TabletopError, match="unknown entity 'sphinx'; there are: block"):
        world.push("sphinx", (1.0, 0.0, 0.0))
    with pytest.raises(TabletopError, match="3 finite numbers"):
        world.push("block", (1.0, float("nan"), 0.0))
    with pytest.raises(TabletopError, match="1 to 1000000 physics steps, got 0"):
        world.push("block", (1.0, 0.0, 0.0), 0)
