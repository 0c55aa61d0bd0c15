"""What is held stays where it is between the fingers, whatever it is and however the arm moves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pybullet
import pytest

from tabletop.logic.geometry import rotation
from tabletop.sim import World, generate
from tabletop.sim.cards import load_cards
from tabletop.sim.state import State

GRASPABLE = sorted(k for k, c in load_cards().items() if c.body_type == "rigid" and c.graspable)
BY_ITS_END = ("nut", "peg")
"""Held far from their middle: at half a kilogram they hang down, as they would."""


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World() as made:
        yield made


def in_hand(state: State) -> np.ndarray:
    """Return where a thing is in the hand's frame, (3,), m: along the fingers' faces, across, and up."""
    turn = rotation(state.robot("gripper_quaternion"))
    return np.asarray(turn.T @ (state.entity("a", "position") - state.robot("gripper_position")))


def squeeze(world: World) -> float:
    """Return how deep the fingers are in what they hold, m."""
    arm, body = world.arm.body, world._bodies[0].id
    points = [
        point
        for finger in world.arm.fingers
        for point in pybullet.getClosestPoints(arm, body, 0.0, finger, -1, physicsClientId=world.client)
    ]
    return max((-point[8] for point in points), default=0.0)


@pytest.mark.parametrize("mass", ["least", "most", 0.2, 0.5])
@pytest.mark.parametrize("kind", GRASPABLE)
def test_what_is_held_neither_drifts_nor_slips_nor_is_squeezed(world: World, kind: str, mass: float | str) -> None:
    rng = np.random.default_rng(0)
    ways = np.repeat(rng.uniform(-1, 1, (20, 4)), 2, axis=0)
    hangs = kind in BY_ITS_END and mass == 0.5
    for seed in range(2):
        scene = generate({"entities": {"a": {"kind": kind, "held": True}}}, seed)
        least, most = load_cards()[kind].mass
        kilograms = {"least": least, "most": most}.get(str(mass), mass)
        scene = replace(scene, entities=tuple(replace(e, mass=float(kilograms)) for e in scene.entities))
        world.load(scene)
        for _ in range(5):
            state = world.step([0, 0, 0, 0, -1])
        start, let_go = in_hand(state), 0
        for way in ways:
            state = world.step([*way, -1])
            drift = np.abs(in_hand(state) - start)
            assert drift[1] < (0.010 if hangs else 0.005), "to one finger's side"
            assert max(drift[0], drift[2]) < (0.070 if hangs else 0.012), "out of the hand"
            assert squeeze(world) < 0.003
            let_go += float(state.entity("a", "finger_force").min()) < 1.0
        # When the hand turns back at full speed what is held by its end may leave one finger for a moment.
        assert let_go <= (2 if kind in BY_ITS_END else 0)
