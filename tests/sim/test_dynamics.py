"""Physics is what the cards say: each property of each link is read back, and seen in what happens."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pybullet
import pytest

from tabletop.logic.geometry import Solid
from tabletop.sim import Scene, World, generate, load_scene_card
from tabletop.sim.cards import load_cards
from tabletop.sim.held_part import grasped_part
from tabletop.sim.robot import LINK_FRICTION
from tabletop.sim.robot_card import load_robot_card
from tabletop.sim.scene import Table

CARDS = load_cards()
LOOSE = sorted(k for k, c in CARDS.items() if c.body_type == "rigid")
BOUND = 0.002  # m that anything may sink into anything
STILL = [0.0, 0.0, 0.0, 0.0, 1.0]


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World() as made:
        yield made


def alone(kind: str, seed: int, **spec: object) -> Scene:
    """Return a scene with one thing of a kind, somewhere in the middle of the table if it is loose."""
    at = {"at": {"x": [0.42, 0.48], "y": [-0.18, -0.12]}} if CARDS[kind].loose else {}
    return generate({"entities": {"a": {"kind": kind, **at, **spec}}}, seed)


def links(world: World, body: int) -> list[int]:
    return list(range(-1, pybullet.getNumJoints(body, physicsClientId=world.client)))


def touching(world: World, body: int, link: int) -> tuple[float, float, float]:
    """Return the lateral, rolling and spinning friction coefficients of a link."""
    info = pybullet.getDynamicsInfo(body, link, physicsClientId=world.client)
    return info[1], info[6], info[7]


@pytest.mark.parametrize("kind", sorted(CARDS))
def test_every_link_of_every_kind_has_its_entitys_friction_and_mass(world: World, kind: str) -> None:
    scene = alone(kind, 3, friction=0.37)
    world.load(scene)
    entity, body = scene.entity("a"), world._bodies[0]
    for number in body.beads or (body.id,):
        shaped = links(world, number)
        for link in shaped:
            assert touching(world, number, link) == pytest.approx((0.37, CARDS[kind].rolling, 0.002)), link
        masses = [pybullet.getDynamicsInfo(number, link, physicsClientId=world.client)[0] for link in shaped]
        wanted = {"rigid": [entity.mass], "static": [0.0], "joint": [0.0, entity.mass]}
        assert masses == pytest.approx(wanted.get(body.body_type, [entity.mass / max(1, len(body.beads))]))


def test_every_link_of_the_robot_has_its_cards_friction(world: World) -> None:
    world.load(Scene())
    card = load_robot_card("panda")
    assert card.finger_friction != LINK_FRICTION
    for link in links(world, world.arm.body):
        wanted = card.finger_friction if link in world.arm.fingers else LINK_FRICTION
        assert touching(world, world.arm.body, link)[0] == pytest.approx(wanted), link


def test_table_and_floor_have_theirs(world: World) -> None:
    world.load(Scene(table=Table(friction=0.42)))
    found = sorted(
        touching(world, body, -1)[0] for body in range(pybullet.getNumBodies(world.client)) if body != world.arm.body
    )
    assert found == pytest.approx([0.42, 0.9])


@pytest.mark.parametrize(("friction", "slides"), [(0.3, True), (0.9, False)])
def test_a_block_slides_on_a_tilted_tray_by_the_trays_own_friction(world: World, friction: float, slides: bool) -> None:
    """The tray is a drawer's moving part; gravity is tilted, which is the same as tilting the table."""
    spec = {"drawer": {"kind": "drawer", "yaw": 0, "fraction": 1.0, "friction": friction}}
    scene = generate(
        {"entities": {**spec, "block": {"kind": "block", "inside": "drawer", "size": {"w": 0.04}, "friction": 1.0}}}, 2
    )
    world.load(scene)
    for _ in range(5):
        before = world.step(STILL)
    angle = math.atan(0.55)
    gravity = (0.0, 9.81 * math.sin(angle), -9.81 * math.cos(angle))
    pybullet.setGravity(*gravity, physicsClientId=world.client)
    for _ in range(2):
        after = world.step(STILL)
    moved = after.entity("block", "position")[1] - before.entity("block", "position")[1]
    assert (moved > 0.01) == slides, moved


@pytest.mark.parametrize("slope", [0.35, 0.55, 0.75])
def test_a_block_slides_on_the_table_where_the_slope_is_more_than_its_friction(world: World, slope: float) -> None:
    for friction in (0.45, 0.65):
        scene = alone("block", 1, friction=friction)
        world.load(replace(scene, table=replace(scene.table, friction=1.0)))
        before = world.step(STILL)
        angle = math.atan(slope)
        gravity = (0.0, 9.81 * math.sin(angle), -9.81 * math.cos(angle))
        pybullet.setGravity(*gravity, physicsClientId=world.client)
        for _ in range(6):
            after = world.step(STILL)
        moved = after.entity("a", "position")[1] - before.entity("a", "position")[1]
        assert (moved > 0.02) == (slope > friction), (friction, moved)


def test_joints_and_fingers_keep_to_the_cards_speeds(world: World) -> None:
    card = load_robot_card("panda")
    most = np.array([*card.velocity, card.finger_velocity, card.finger_velocity])
    rng = np.random.default_rng(0)
    seen = np.zeros(9)
    for seed in range(6):
        world.load(generate(load_scene_card("discovery"), seed))
        for _ in range(8):
            action = np.sign(rng.uniform(-1, 1, 5))
            for _ in range(5):
                world.step(action)
                states = pybullet.getJointStates(world.arm.body, world.arm.all_joints, world.client)
                seen = np.maximum(seen, [abs(s[1]) for s in states])
    # What the arm hits may push a joint a little faster than its motor goes.
    assert (seen < 1.25 * most).all(), seen / most
    assert (seen[[3, 6]] > 0.8 * most[[3, 6]]).all(), "some come near to it"


def below(world: World, name: str = "a") -> float:
    """Return how far the lowest point of a thing is below the table's surface, m."""
    state = world.state()
    return float(state.robot("table_height") - Solid.of(state, name).bottom)


@pytest.mark.parametrize("kind", LOOSE)
@pytest.mark.parametrize("speed", [0.2, 0.4, 0.6])
def test_nothing_sinks_while_it_slides(world: World, kind: str, speed: float) -> None:
    for seed in range(3):
        world.load(alone(kind, seed))
        for _ in range(3):
            world.step(STILL)
        world.apply_velocity("a", (0.0, speed, 0.0))
        for _ in range(10):
            world.step(STILL)
            assert below(world) < BOUND


@pytest.mark.parametrize("kind", LOOSE)
def test_nothing_sinks_while_it_is_pressed_on(world: World, kind: str) -> None:
    for seed in range(3):
        world.load(alone(kind, seed))
        for _ in range(3):
            world.step(STILL)
        world.push("a", (0.0, 0.0, -40.0), 120)
        for _ in range(10):
            world.step(STILL)
            assert below(world) < BOUND


@pytest.mark.parametrize("kind", LOOSE)
def test_nothing_sinks_while_the_hand_presses_on_it(world: World, kind: str) -> None:
    """The closed fingers come down at 0.1 m/s on the part that is held, and go on."""
    for seed in range(3):
        state = world.load(alone(kind, seed))
        part = grasped_part(CARDS[kind], state.entity("a", "size").tolist())
        for _ in range(25):
            above = Solid.of(state, "a").world(np.array(part.centre))[:2] - state.robot("gripper_position")[:2]
            state = world.step([*np.clip(above / 0.04, -1, 1), 0.0, 0.0, -1.0])
        for _ in range(60):
            world.step([0.0, 0.0, -0.25, 0.0, -1.0])
            deep = world.depths()
            assert deep.get(("a", "table"), 0.0) < BOUND
            assert max((d for pair, d in deep.items() if pair[0] in {"fingers", "hand"}), default=0.0) < 0.003


@pytest.mark.parametrize("kind", ["block", "brick", "puck", "can"])
def test_nothing_sinks_into_what_it_is_stacked_on(world: World, kind: str) -> None:
    at = {"x": [0.42, 0.48], "y": [-0.05, 0.05]}
    names = ["a", "b", "c"] if kind != "can" else ["a", "b"]
    card = {n: {"kind": kind, **({"on": names[i - 1]} if i else {"at": at})} for i, n in enumerate(names)}
    for seed in range(3):
        world.load(generate({"entities": card}, seed))
        for _ in range(20):
            state = world.step(STILL)
        for low, high in pairwise(names):
            assert float(Solid.of(state, low).top - Solid.of(state, high).bottom) < BOUND
        assert below(world) < BOUND
