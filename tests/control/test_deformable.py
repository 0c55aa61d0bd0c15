"""Pinching ropes and cloths: fingers take hold of a node by friction alone, and bring it along."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tabletop.control.handling import holds
from tabletop.control.primitive import get_primitive
from tabletop.logic import parse
from tabletop.sim import State, World, generate


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World() as made:
        yield made


def run(world: World, name: str, **arguments: Any) -> tuple[State, bool]:
    """Return the state after a primitive, and whether it did what it is for."""
    motion = get_primitive(name, "a test").start(world.state(), arguments)
    try:
        action = next(motion)
        while True:
            action = motion.send(world.step(action))
    except StopIteration as end:
        state, ok = end.value
        return state, ok


@pytest.mark.parametrize("kind", ["rope", "cloth"])
def test_a_pinched_node_comes_along_and_stays_when_let_go(world: World, kind: str) -> None:
    world.load(generate({"entities": {"soft": {"kind": kind, "at": {"x": 0.5, "y": -0.12}}}}, 1))
    state, ok = run(world, "pinch", entity="soft", direction="left")
    assert ok
    assert holds(state, "soft")
    start = state.nodes("soft")[..., 1].max()
    state, ok = run(world, "tow", entity="soft", direction="left", distance=0.05)
    assert ok
    assert state.nodes("soft")[..., 1].max() > start + 0.05
    before = state.nodes("soft").copy()
    state, _ = run(world, "unpinch")
    assert not holds(state, "soft")
    assert np.abs(state.nodes("soft") - before).max() < 0.03


def test_what_is_not_held_is_not_towed(world: World) -> None:
    first = world.load(generate({"entities": {"soft": "rope"}}, 2))
    state, ok = run(world, "tow", entity="soft", direction="left", distance=0.05)
    assert not ok
    assert np.abs(state.nodes("soft") - first.nodes("soft")).max() < 0.002


def test_what_is_pinched_does_not_creep_out_of_the_fingers(world: World) -> None:
    world.load(generate({"entities": {"soft": {"kind": "cloth", "at": {"x": 0.5, "y": 0.12}}}}, 3))
    state, ok = run(world, "pinch", entity="soft", direction="right")
    assert ok
    before = np.linalg.norm(state.nodes("soft") - state.robot("gripper_position"), axis=-1).min()
    state, ok = run(world, "tow", entity="soft", direction="right", distance=0.10)
    assert ok
    after = np.linalg.norm(state.nodes("soft") - state.robot("gripper_position"), axis=-1).min()
    assert abs(after - before) < 0.003


@pytest.mark.parametrize(
    ("kind", "name", "wanted"),
    [("rope", "straighten", "straight"), ("rope", "bend", "l_shaped"), ("cloth", "fold", "folded")],
)
def test_a_rope_or_cloth_is_given_a_shape_and_let_go_of(world: World, kind: str, name: str, wanted: str) -> None:
    first = world.load(generate({"entities": {"soft": kind}}, 4))
    shape = parse(f"{wanted}(soft)", ["soft"])
    assert not shape.holds(first, first)
    state, _ = run(world, name, entity="soft")
    assert shape.holds(state, first)
    assert not holds(state, "soft")
