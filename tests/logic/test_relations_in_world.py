"""Predicates on states that the simulation itself settled into."""

from __future__ import annotations

import numpy as np
import pytest

from tabletop.logic import parse
from tabletop.sim.generate import generate
from tabletop.sim.state import State
from tabletop.sim.world import World

CARD = {
    "entities": {
        "ball": "ball",
        "can": "can",
        "plate": "plate",
        "block": {"kind": "block", "on": "plate"},
        "bin": "bin",
        "puck": {"kind": "puck", "inside": "bin"},
        "target": "target",
    }
}


@pytest.fixture(scope="module")
def settled() -> tuple[State, State]:
    """Return the state after two seconds in which the gripper only rises, and the one at reset."""
    world = World()
    state = initial = world.load(generate(CARD, 1))
    for _ in range(20):
        state = world.step(np.array([0.0, 0.0, 0.3, 0.0, 1.0]))
    world.close()
    return state, initial


@pytest.mark.parametrize(
    "text",
    [
        "on_table(ball) and on_table(can) and on_table(plate) and on_table(bin) and on_table(target)",
        "on(block, plate) and not on_table(block) and not inside(block, bin)",
        "inside(puck, bin) and not on(puck, bin) and not on(puck, plate)",
        "still(ball) and still(block) and upright(can) and not toppled(can)",
        "undisturbed(ball) and undisturbed(block) and not moved(ball, left) and not lifted(block, 1 cm)",
        "released(block) and not held(block) and gripper_open() and not reached(block)",
    ],
)
def test_a_scene_at_rest_is_described_as_it_was_laid_out(settled: tuple[State, State], text: str) -> None:
    formula = parse(text)
    assert [str(leaf) for leaf in formula.leaves if leaf.margin(*settled) < 0] == []
    assert formula.holds(*settled)
