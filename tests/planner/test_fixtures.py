from __future__ import annotations

import numpy as np
import pytest

from tabletop.logic import parse
from tabletop.logic.transition import swung
from tabletop.planner import PlannerPolicy, scripted_operators
from tabletop.planner.fixtures import Swing
from tabletop.planner.space import boxes, free
from tabletop.rollout.episode import episode, process_world
from tabletop.sim.cards import load_cards
from tabletop.sim.generate import generate
from tabletop.sim.scene import Scene


def scene(seed: int, fraction: float, kind: str = "door", **others: object) -> Scene:
    return generate({"entities": {"door": {"kind": kind, "fraction": fraction}, **others}}, seed)


STAYS = [k for k, c in load_cards().items() if c.joint is not None and not c.joint.spring]


@pytest.mark.parametrize("kind", STAYS)
@pytest.mark.parametrize("seed", [0, 3])
def test_a_joint_that_moves_is_forecast_where_the_world_has_it(kind: str, seed: int) -> None:
    shut, ajar = (process_world().load(scene(seed, f, kind)) for f in (0.0, 0.7))
    there = swung(shut, "door", np.asarray(0.7))
    for field in ("position", "quaternion", "fraction"):
        assert there.entity("door", field) == pytest.approx(ajar.entity("door", field), abs=2e-3)


@pytest.mark.parametrize(("text", "fraction"), [("open(door)", 0.0), ("closed(door)", 0.8)])
def test_a_door_is_swung_by_the_scripted_policies(text: str, fraction: float) -> None:
    made = scene(0, fraction)
    goal = parse(text)
    policy = PlannerPolicy(goal, scripted_operators(made))
    run = episode(policy, made, 0, policy.horizon)
    assert goal.holds(run.final, run.initial)
    assert [(e["entity"], e["failed"]) for e in policy.log] == [("door", False)]


def test_a_door_is_not_swung_into_what_stands_before_it() -> None:
    clear = process_world().load(scene(0, 0.0, red="block"))
    swing = Swing("swing open")
    values = clear.values.copy()
    columns = clear.layout.entity_slice("red", "position")
    values[columns][:2] = (0.35, 0.28)
    assert swing.applicable(clear, "door")
    at = clear.entity("door", "position")[:2] - 0.08 * boxes(clear).along[0]
    blocked = type(clear)(clear.layout, values)
    blocked.values[columns][:2] = at
    assert not swing.applicable(blocked, "door")
    assert not swing.applicable(clear, "red")


def test_the_cabinet_behind_a_door_takes_up_room_whether_it_is_open_or_not() -> None:
    for fraction in (0.0, 1.0):
        made = scene(0, fraction, red="block")
        state = process_world().load(made)
        cabinet = np.array(made.entities[0].position[:2])
        assert not free(state, cabinet, 0.01, "red")
