from __future__ import annotations

import inspect
import math

import numpy as np
import pytest

from tabletop.control import PRIMITIVES, Motion, primitive
from tabletop.errors import TabletopError
from tabletop.sim import Entity, Robot, Scene, State, World

START = Robot(position=(0.45, 0.0, 0.25))


def run(world: World, scene: Scene, *steps: tuple[str, dict[str, object]]) -> tuple[State, list[bool]]:
    """Run primitives one after the other; return the last state and whether each did what it was for."""
    state, results = world.load(scene), []
    for name, arguments in steps:
        motion = PRIMITIVES[name].start(state, arguments)
        try:
            action = next(motion)
            for _ in range(200):
                assert action.shape == (5,)
                assert np.isfinite(action).all()
                assert np.abs(action[:3]).max() <= 1.0 + 1e-9
                action = motion.send(world.step(action))
            pytest.fail(f"{name} did not end")
        except StopIteration as end:
            state, ok = end.value
            results.append(ok)
    return state, results


def block(name: str = "block", x: float = 0.5, y: float = 0.1, yaw: float = 0.3) -> Entity:
    return Entity(name, "block", (x, y, 0.0255), yaw)


@pytest.fixture(scope="module")
def world() -> World:
    return World()


def test_grasp_and_lift_raise_the_block_in_the_fingers(world: World) -> None:
    state, ok = run(world, Scene((block(),), robot=START), ("grasp", {"entity": "block"}), ("lift", {"height": 0.1}))
    assert ok == [True, True]
    assert state.entity("block", "position")[2] == pytest.approx(0.125, abs=0.02)
    assert state.entity("block", "finger_force").min() > 0.3


def test_grasp_reports_failure_where_it_cannot_reach(world: World) -> None:
    _, ok = run(world, Scene((block(x=0.78, y=0.3),), robot=START), ("grasp", {"entity": "block"}))
    assert ok == [False]


@pytest.mark.parametrize(
    ("direction", "unit"), [("left", (0, 1)), ("right", (0, -1)), ("away", (1, 0)), ("toward", (-1, 0))]
)
def test_push_moves_the_block_that_far_that_way(world: World, direction: str, unit: tuple[int, int]) -> None:
    scene = Scene((block(y=0.0),), robot=START)
    state, ok = run(world, scene, ("push", {"entity": "block", "direction": direction, "distance": 0.1}))
    moved = state.entity("block", "position")[:2] - [0.5, 0.0]
    assert ok == [True]
    assert moved == pytest.approx(0.1 * np.array(unit), abs=0.02)


def test_place_brings_a_thing_to_a_place_on_the_table(world: World) -> None:
    steps = [
        ("grasp", {"entity": "block"}),
        ("lift", {"height": 0.1}),
        ("place", {"entity": "block", "x": 0.4, "y": -0.1}),
    ]
    state, ok = run(world, Scene((block(),), robot=START), *steps)
    assert ok == [True] * 3
    assert state.entity("block", "position")[:2] == pytest.approx([0.4, -0.1], abs=0.02)
    with pytest.raises(TabletopError, match="both x and y"):
        run(world, Scene((block(),), robot=START), ("place", {"entity": "block", "x": 0.4}))


@pytest.mark.parametrize("angle", [-45, -20, 30, 60])
def test_turn_turns_what_is_held_by_a_little_more_than_the_angle(world: World, angle: int) -> None:
    state, ok = run(
        world,
        Scene((block(yaw=0.0),), robot=START),
        ("grasp", {"entity": "block"}),
        ("turn", {"entity": "block", "by": math.radians(angle)}),
    )
    z, w = state.entity("block", "quaternion")[2:]
    turned = math.degrees(2 * math.atan2(z, w)) * math.copysign(1, angle)
    assert ok == [True, True]
    assert abs(angle) <= turned < abs(angle) + 12


def test_place_puts_the_block_on_the_other_and_lets_go(world: World) -> None:
    scene = Scene((block(), block("base", 0.45, -0.12, 0.0)), robot=START)
    place = {"entity": "block", "on": "base"}
    state, ok = run(world, scene, ("grasp", {"entity": "block"}), ("lift", {"height": 0.08}), ("place", place))
    assert ok == [True, True, True]
    assert state.entity("block", "position") == pytest.approx([0.45, -0.12, 0.075], abs=0.012)
    assert state.entity("block", "finger_force").max() == 0.0


@pytest.mark.parametrize(("name", "start", "end"), [("open", 0.0, 1.0), ("close", 1.0, 0.0)])
def test_a_drawer_opens_and_closes_by_its_handle(world: World, name: str, start: float, end: float) -> None:
    drawer = Entity("drawer", "drawer", (0.68, 0.05, 0.0), 0.1, size=(0.18, 0.2, 0.1), mass=0.3, fraction=start)
    state, ok = run(world, Scene((drawer,), robot=START), (name, {"entity": "drawer"}))
    assert ok == [True]
    assert float(state.entity("drawer", "fraction")) == pytest.approx(end, abs=0.12)


def test_press_presses_the_button(world: World) -> None:
    button = Entity("button", "button", (0.5, 0.1, 0.0), 0.0, size=(0.09, 0.09, 0.04), mass=0.05)
    state, ok = run(world, Scene((button,), robot=START), ("press", {"entity": "button"}))
    assert ok == [True]
    assert float(state.entity("button", "fraction")) > 0.8


def test_topple_lays_the_can_on_its_side(world: World) -> None:
    can = Entity("can", "can", (0.5, 0.0, 0.0455), 0.0, size=(0.046, 0.046, 0.09))
    _, ok = run(world, Scene((can,), robot=START), ("topple", {"entity": "can"}))
    assert ok == [True]


def test_what_a_primitive_takes_is_read_from_its_function() -> None:
    assert {"move", "grasp", "lift", "carry", "lower", "place", "release", "retreat"} <= set(PRIMITIVES)
    assert {"push", "drag", "press", "turn", "open", "close", "wait"} <= set(PRIMITIVES)
    for known in PRIMITIVES.values():
        assert [a.name for a in known.arguments] == list(inspect.signature(known.function).parameters)[1:]
        assert known.function.__doc__


def test_a_primitive_needs_a_new_name_and_known_types() -> None:
    def grasp(state: State) -> Motion:
        """Take nothing."""
        yield np.zeros(5)
        return state, True

    def paint(state: State, color: object) -> Motion:
        """Colour something."""
        yield np.zeros(5)
        return state, True

    with pytest.raises(TabletopError, match="must be new, got 'grasp'"):
        primitive(grasp)
    with pytest.raises(TabletopError, match="argument 'color' of primitive 'paint' has type 'object'"):
        primitive(paint)
    assert "paint" not in PRIMITIVES
