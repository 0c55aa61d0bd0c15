"""The hand's room as forecast, and as the primitives find it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tabletop.control.grasps import blocked, grasp_of
from tabletop.planner.room import hand_room, push_room
from tabletop.sim.state import State

Build = Callable[..., State]

PUCK = {"kind": "puck", "size": (0.055, 0.055, 0.025)}
TOWER = {"kind": "block", "size": (0.05, 0.05, 0.10)}


def rows(state: State) -> State:
    return State(state.layout, state.values[None])


def standing(entity: dict[str, object], x: float, y: float) -> dict[str, object]:
    size = entity["size"]
    assert isinstance(size, tuple)
    return {**entity, "position": (x, y, size[2] / 2)}


@pytest.mark.parametrize("thing", [PUCK, {"kind": "block", "size": (0.05, 0.05, 0.05)}], ids=["puck", "block"])
def test_where_there_is_room_the_grasp_hits_nothing(make: Build, thing: dict[str, object]) -> None:
    rng = np.random.default_rng(0)
    found = []
    for _ in range(150):
        others = {}
        for i in range(3):
            angle, away = rng.uniform(-np.pi, np.pi), rng.uniform(0.06, 0.16)
            turn = rng.uniform(-np.pi, np.pi)
            place = standing(TOWER if i else {"kind": "block", "size": (0.05, 0.05, 0.05)}, 0.5, 0.0)
            at = place["position"]
            assert isinstance(at, tuple)
            place["position"] = (0.5 + away * np.cos(angle), away * np.sin(angle), at[2])
            others[f"o{i}"] = {**place, "quaternion": (0.0, 0.0, np.sin(turn / 2), np.cos(turn / 2))}
        state = make(red=standing(thing, 0.5, 0.0), **others)
        room = bool(hand_room(rows(state), "red").all())
        chosen = grasp_of(state, "red")
        lowest = np.array([0.5, 0.0, state.entity("red", "position")[2]])
        hits, least = blocked(state, "red", lowest, chosen.yaw)
        works = hits == 0 and least - lowest[2] <= 0.025
        if room:
            assert works, (hits, least)
        found.append((room, works))
    # It says no at times where there would be room, but not often.
    share = np.mean([r for r, w in found if w])
    assert share > 0.8, share
    assert not all(r for r, _ in found)


def test_the_hand_meets_what_is_high_beside_the_way_of_a_push(make: Build) -> None:
    for off, free in ((0.09, False), (0.17, True)):
        state = make(red={"at": (0.5, 0.1)}, tower=standing(TOWER, 0.5 - off, 0.0))
        assert push_room(rows(state), "red", np.array([[0.5, -0.02]])).all() == free
    # What is low goes under the hand.
    state = make(red={"at": (0.5, 0.1)}, low={"at": (0.41, 0.0), "size": (0.05, 0.05, 0.04)})
    assert push_room(rows(state), "red", np.array([[0.5, -0.02]])).all()


def test_a_thing_alone_has_room(make: Build) -> None:
    state = rows(make(red={"at": (0.5, 0.0)}))
    assert hand_room(state, "red").all()
    assert push_room(state, "red", np.array([[0.5, 0.1]])).all()
