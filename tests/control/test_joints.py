"""Primitives on fixtures with a joint, and with tools."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from tabletop.control import PRIMITIVES
from tabletop.control.joints import path
from tabletop.errors import TabletopError
from tabletop.logic.geometry import Solid
from tabletop.sim import State, World, generate


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World() as made:
        yield made


def run(world: World, card: dict, seed: int, *steps: tuple[str, dict[str, object]]) -> tuple[State, list[bool]]:
    """Run primitives one after the other; return the last state and whether each did what it was for."""
    state, results = world.load(generate({"entities": card}, seed)), []
    for name, arguments in steps:
        motion = PRIMITIVES[name].start(state, arguments)
        try:
            action = next(motion)
            for _ in range(200):
                action = motion.send(world.step(action))
            pytest.fail(f"{name} did not end")
        except StopIteration as end:
            state, ok = end.value
            results.append(ok)
    return state, results


@pytest.mark.parametrize("kind", ["door", "window", "faucet", "lever", "bolt", "dial"])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_path_is_where_the_handle_goes(world: World, kind: str, sign: float) -> None:
    at = []
    for fraction in (0.5, 0.5 + sign * 0.01):
        state = world.load(generate({"entities": {"a": {"kind": kind, "fraction": fraction}}}, 2))
        at.append(Solid.of(state, "a").world(state.entity("a", "grasp")))
        if len(at) == 1:
            way = path(state, "a", sign)
    step = at[1] - at[0]
    if kind == "dial":
        # Its handle is on the axis: it only turns.
        assert np.linalg.norm(step) < 1e-6
    else:
        assert way @ step / np.linalg.norm(step) == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("kind", ["door", "window", "faucet", "bolt"])
def test_a_fixture_is_pushed_open_and_shut_again(world: World, kind: str) -> None:
    state, ok = run(world, {"a": kind}, 4, ("push_open", {"entity": "a"}))
    assert ok == [True]
    assert state.entity("a", "fraction") > 0.9
    state, ok = run(world, {"a": {"kind": kind, "fraction": 1}}, 4, ("push_shut", {"entity": "a"}))
    assert ok == [True]
    assert state.entity("a", "fraction") < 0.1


def test_a_handle_is_pulled_back_up_and_a_dial_turned(world: World) -> None:
    state, ok = run(world, {"a": {"kind": "handle", "fraction": 1}}, 4, ("pull_shut", {"entity": "a"}))
    assert ok == [True]
    assert state.entity("a", "fraction") < 0.1
    state, ok = run(world, {"a": "dial"}, 4, ("twist", {"entity": "a"}))
    assert ok == [True]
    assert state.entity("a", "fraction") > 0.9


def test_what_has_no_joint_is_refused(world: World) -> None:
    state = world.load(generate({"entities": {"a": "block", "b": "block"}}, 0))
    for name, arguments in (
        ("push_open", {"entity": "a"}),
        ("pull_shut", {"entity": "a"}),
        ("twist", {"entity": "a"}),
        ("strike", {"entity": "a", "at": "b"}),
    ):
        motion = PRIMITIVES[name].start(state, arguments)
        with pytest.raises(TabletopError, match=r"'[ab]' is rigid"):
            next(motion)
