"""What is seen through noise: every number that a sensor gives has its own, and what is known stays."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from tabletop.logic.geometry import Solid
from tabletop.perturbation.noise import ARM_TURN, FORCE, FRACTION, SPIN, TURN, VELOCITY, WIDTH, blurred
from tabletop.sim.deformable_beads import box, heading
from tabletop.sim.generate import generate
from tabletop.sim.scene import Scene
from tabletop.sim.state import ENTITY_FIELDS, ROBOT_FIELDS, State
from tabletop.sim.world import World

CARD = {"entities": {"block": "block", "drawer": {"kind": "drawer", "fraction": 0.5}, "wall": "wall", "rope": "rope"}}
SIGMA = 0.01


@cache
def truth() -> tuple[Scene, State]:
    """Return a scene with a thing of each body type, and its state after a step."""
    scene = generate(CARD, 3)
    with World() as world:
        world.load(scene)
        state = world.step([0, 0, 0, 0, 0])
    # As if a finger pressed on everything, so that noise does not take the force below 0.
    for name in scene.names:
        state.entity(name, "finger_force")[...] = 8.0
    return scene, state


@cache
def seen() -> State:
    """Return 400 looks at it."""
    scene, state = truth()
    rng = np.random.default_rng(0)
    return State.stack([blurred(state, SIGMA, scene, rng) for _ in range(400)])


@pytest.mark.parametrize(
    ("field", "sigma"),
    [("gripper_position", 1.0), ("gripper_width", WIDTH), ("gripper_velocity", VELOCITY), ("joints", ARM_TURN)],
)
def test_all_that_the_arm_knows_of_itself_is_blurred(field: str, sigma: float) -> None:
    error = seen().robot(field) - truth()[1].robot(field)
    assert error.std(axis=0) == pytest.approx(SIGMA * sigma, rel=0.15)
    assert np.abs(error.mean(axis=0)).max() < 0.2 * SIGMA * sigma


@pytest.mark.parametrize(
    ("name", "field", "sigma"),
    [
        ("block", "position", 1.0),
        ("wall", "position", 1.0),
        ("drawer", "position", 1.0),
        ("block", "velocity", VELOCITY),
        ("drawer", "velocity", VELOCITY),
        ("rope", "velocity", VELOCITY),
        ("block", "spin", SPIN),
        ("drawer", "spin", SPIN),
        ("drawer", "fraction", FRACTION),
        ("block", "finger_force", FORCE),
        ("wall", "finger_force", FORCE),
        ("rope", "finger_force", FORCE),
    ],
)
def test_all_that_is_seen_of_things_is_blurred(name: str, field: str, sigma: float) -> None:
    error = seen().entity(name, field) - truth()[1].entity(name, field)
    assert error.std(axis=0) == pytest.approx(SIGMA * sigma, rel=0.15)


@pytest.mark.parametrize(("name", "sigma"), [("block", TURN), ("drawer", TURN), ("wall", TURN), (None, ARM_TURN)])
def test_turns_are_blurred_about_every_axis(name: str | None, sigma: float) -> None:
    def turn(state: State) -> np.ndarray:
        return state.robot("gripper_quaternion") if name is None else state.entity(name, "quaternion")

    found, true = turn(seen()), turn(truth()[1])
    assert np.linalg.norm(found, axis=1) == pytest.approx(1.0)
    x, y, z, w = true
    # Of found times the inverse of true, the vector is half of the turn about each axis of the world.
    a, b, c, d = found.T
    vector = 2 * np.stack([a * w - d * x - b * z + c * y, b * w - d * y - c * x + a * z, c * w - d * z - a * y + b * x])
    vector *= np.sign(found @ true)
    assert vector.std(axis=1) == pytest.approx(SIGMA * sigma, rel=0.15)


def test_what_belongs_to_a_kind_and_what_is_0_by_definition_stay_exact() -> None:
    state = truth()[1]
    for field in ("time", "table_height", "table_size"):
        assert (seen().robot(field) == state.robot(field)).all()
    for name in ("block", "drawer", "wall"):
        for field in ("size", "grasp"):
            assert (seen().entity(name, field) == state.entity(name, field)).all()
    for name, field in (("wall", "velocity"), ("wall", "spin"), ("rope", "spin"), ("rope", "fraction")):
        assert not seen().entity(name, field).any()
    assert not seen().entity("block", "fraction").any()


def test_every_column_is_blurred_or_said_to_be_exact() -> None:
    exact = {"time", "table_height", "table_size", "size", "grasp"}
    zero = {("block", "fraction"), ("wall", "fraction"), ("rope", "fraction")}
    zero |= {("wall", "velocity"), ("wall", "spin"), ("rope", "spin")}
    for field in ROBOT_FIELDS:
        assert (np.ptp(seen().robot(field), axis=0) > 0).all() == (field not in exact), field
    for name in truth()[0].names:
        for field in ENTITY_FIELDS:
            soft = name == "rope" and field == "size"
            still = (field in exact and not soft) or (name, field) in zero
            columns = np.ptp(seen().entity(name, field), axis=0)
            # The heading of what is deformable turns about z only.
            used = columns[2:] if (name, field) == ("rope", "quaternion") else columns
            assert (used > 0).all() == (not still), (name, field)


def test_nodes_are_blurred_and_the_box_is_the_one_around_what_is_seen_of_them() -> None:
    scene, state = truth()
    error = seen().nodes("rope") - state.nodes("rope")
    assert error.std() == pytest.approx(SIGMA, rel=0.1)
    # Half of the variance is shared, so that a mean over all nodes does not see through the noise.
    assert error.mean(axis=(1, 2)).std() == pytest.approx(SIGMA * np.sqrt(0.5), rel=0.15)
    for i in range(10):
        one = seen()[i]
        nodes = one.nodes("rope")
        yaw = heading(nodes)
        middle, extents = box(nodes, scene.entity("rope").size[2], yaw)
        assert one.entity("rope", "position") == pytest.approx(middle)
        assert one.entity("rope", "size") == pytest.approx(extents)
        assert 2 * np.arctan2(*one.entity("rope", "quaternion")[2:]) == pytest.approx(yaw)
        assert Solid.of(one, "rope").top >= nodes[..., 2].max()


def test_forces_and_widths_never_go_below_0_nor_fractions_beyond_their_ends() -> None:
    scene, state = truth()
    shut = State(state.layout, state.values.copy())
    shut.entity("block", "finger_force")[...] = 0.0
    shut.values[shut.layout.entity_slice("drawer", "fraction")] = 0.0
    shut.values[shut.layout.robot_slice("gripper_width")] = 0.0
    rng = np.random.default_rng(1)
    many = State.stack([blurred(shut, SIGMA, scene, rng) for _ in range(50)])
    for low in (many.entity("block", "finger_force"), many.entity("drawer", "fraction"), many.robot("gripper_width")):
        assert low.min() == 0.0
        assert low.max() > 0.0
    assert many.entity("drawer", "fraction").max() <= 1.0


def test_the_truth_is_left_as_it_is() -> None:
    scene, state = truth()
    before = state.values.copy()
    blurred(state, SIGMA, scene, np.random.default_rng(0))
    assert np.array_equal(state.values, before)
