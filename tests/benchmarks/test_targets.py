"""Targets that know no library: what is drawn, who reaches them, and what is asked of a library."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import asked
import drawn_targets
import numpy as np
import pytest
import targets
from asked import Method
from drawn_targets import Target, draw_target, draw_way, outcome_of

from tabletop.errors import TabletopError
from tabletop.rollout.episode import Trajectory, episode
from tabletop.rollout.policy import Nothing, Policy
from tabletop.sim.placement import apart, footprint
from tabletop.skills.effects import MIDDLE
from tabletop.skills.library import Library, save_library

SEED = 5
ORACLE, NOTHING = Method("oracle"), Method("nothing")


def test_places_are_drawn_evenly_over_what_is_free_of_the_reach() -> None:
    drawn = [draw_target("place", SEED, i) for i in range(60)]
    assert drawn[3] == draw_target("place", SEED, 3) != draw_target("place", SEED + 1, 3)
    for target in drawn:
        block = target.scene.entity("block")
        assert math.dist(target.goal, block.position[:2]) >= 0.06
        there = (*target.goal, *footprint(block)[2:])
        assert all(apart(there, footprint(e), 0.02) for e in target.scene.entities if e.name != "block")
    goals = np.array([t.goal for t in drawn])
    (low, high), (right, left) = drawn_targets.REACH
    assert (goals > [low, right]).all()
    assert (goals < [high, left]).all()
    assert 2 <= min(t.clutter for t in drawn) < max(t.clutter for t in drawn) == 4
    assert np.mean([t.nearest < 0.12 for t in drawn]) > 0.6
    # Binomial, 60 draws: three standard deviations are 0.19.
    assert abs(np.mean(goals[:, 0] < (low + high) / 2) - 0.5) < 0.19
    assert abs(np.mean(goals[:, 1] < 0) - 0.5) < 0.19


def test_joints_begin_far_from_where_they_are_to_go() -> None:
    kinds = drawn_targets.joint_kinds({"entities": {"a": {"kind": ["door", "bin"]}, "b": "button", "c": "door"}})
    assert kinds == ["door", "button"]
    for i in range(12):
        target = draw_target("joint", SEED, i, "door")
        assert target.goal == ((0.0, 1.0, 0.5)[i % 3],)
        assert abs(target.scene.entity("fixture").fraction - target.goal[0]) >= 0.3
        pressed = draw_target("joint", SEED, i, "button")
        assert (pressed.goal, pressed.scene.entity("fixture").fraction) == ((1.0,), 0.0)


def test_both_ways_of_a_fixture_are_asked_for_in_one_scene() -> None:
    opened, shut = (draw_way("window", SEED, 4, goal) for goal in (1.0, 0.0))
    one, two = (t.scene.entity("fixture").fraction for t in (opened, shut))
    assert one == pytest.approx(1.0 - two)
    assert one <= 0.3
    level = [replace(e, fraction=0.0) for e in opened.scene.entities]
    assert level == [replace(e, fraction=0.0) for e in shut.scene.entities]


@pytest.mark.parametrize("family", ["place", "turn", "lift", "joint"])
def test_scripts_reach_what_is_drawn_and_standing_still_does_not(family: str) -> None:
    kind = "door" if family == "joint" else None
    rows = [targets.run_target(targets.Job(m, family, SEED, 1, kind)) for m in (ORACLE, NOTHING)]
    assert [(r["fine"], r["rough"]) for r in rows] == [(True, True), (False, False)], rows
    assert rows[0]["miss"] < rows[1]["miss"]


def test_random_actions_end_as_a_skill_does() -> None:
    target = draw_target("place", SEED, 0)
    policy, horizon = answered(Method("exploration"), target)
    run = episode(policy, target.scene, target.seed, horizon)
    assert len(run) == horizon == 72
    assert (run.actions[-12:, 4] == 1.0).all()
    assert (run.actions[62:68, 2] == 1.0).all()
    assert run.actions[:60].std() > 0.3


def answered(method: Method, target: Target) -> tuple[Policy, int]:
    found = asked.asked(method, target)
    assert found is not None
    return found


Edit = Callable[..., Trajectory]


@pytest.fixture(scope="module")
def left() -> tuple[Target, Trajectory]:
    """A place, and a run that leaves the block where it stands."""
    target = draw_target("place", SEED, 0)
    return target, episode(Nothing(), target.scene, 0, 10)


def ended(run: Trajectory, **columns: Any) -> Trajectory:
    """Return a run whose last state has the block's columns otherwise."""
    states = run.states.copy()
    for name, value in columns.items():
        states[-1, run.layout.entity_slice("block", name)] = value
    return replace(run, states=states)


def test_a_place_counts_where_the_block_is_at_rest_and_let_go_of(left: tuple[Target, Trajectory]) -> None:
    target, run = left
    (x, y), z = target.goal, run.final.entity("block", "position")[2]
    for off, fine, rough in ((0.029, True, True), (0.031, False, True), (0.051, False, False)):
        found = outcome_of(target, ended(run, position=(x + off, y, z)))
        assert (found.fine, found.rough) == (fine, rough)
        assert found.miss == pytest.approx(off)
    for spoiled in ({"finger_force": 5.0}, {"velocity": (0.1, 0.0, 0.0)}, {"position": (x, y, z + 0.02)}):
        assert not outcome_of(target, ended(run, **{"position": (x, y, z), **spoiled})).rough


def test_a_lift_counts_where_the_block_is_held_at_its_height(left: tuple[Target, Trajectory]) -> None:
    target, run = replace(left[0], family="lift", goal=(0.1,)), left[1]
    x, y, z = run.initial.entity("block", "position")
    for rise, fine, rough in ((0.125, True, True), (0.06, False, True), (0.04, False, False)):
        found = outcome_of(target, ended(run, position=(x, y, z + rise), finger_force=5.0))
        assert (found.fine, found.rough) == (fine, rough)
    assert not outcome_of(target, ended(run, position=(x, y, z + 0.1))).rough


def test_a_turn_counts_around_the_circle_and_in_place(left: tuple[Target, Trajectory]) -> None:
    target, run = replace(left[0], family="turn", goal=(math.radians(90),)), left[1]
    x, y, z = run.initial.entity("block", "position")
    begun = 2 * math.atan2(*run.initial.entity("block", "quaternion")[2:])

    def turned(degrees: float, aside: float = 0.0) -> Trajectory:
        half = (begun + math.radians(degrees)) / 2
        return ended(run, position=(x + aside, y, z), quaternion=(0.0, 0.0, math.sin(half), math.cos(half)))

    for degrees, fine, rough in ((99.0, True, True), (-268.0, True, True), (72.0, False, True), (-90.0, False, False)):
        found = outcome_of(target, turned(degrees))
        assert (found.fine, found.rough) == (fine, rough), degrees
    assert outcome_of(target, turned(72.0)).miss == pytest.approx(math.radians(18.0))
    assert outcome_of(target, turned(90.0, 0.04)).fine
    assert not outcome_of(target, turned(90.0, 0.06)).rough


def test_a_library_runs_the_code_whose_target_is_nearest() -> None:
    library = asked.library_at("default")
    target = draw_target("place", SEED, 1)
    x, y = np.array(target.goal) - MIDDLE
    placed = [s for s in library.skills if s.effect.name == "placed"]
    nearest = min(placed, key=lambda s: np.linalg.norm(library.embeddings[s.code][:3] - [x, y, 0.0]))
    assert asked.nearest_skill(library, target) == nearest
    policy, horizon = answered(Method("default", "default", codes=True), target)
    assert policy == library.policy(nearest, "block")
    assert horizon == library.length(nearest) == library.horizon
    door = draw_target("joint", SEED, 0, "door")
    skill = asked.nearest_skill(library, door)
    assert skill is not None
    assert (skill.effect.name, skill.kind) == ("joint", "door")
    assert library.embeddings[skill.code][0] < 0.05


def test_a_library_that_takes_targets_is_given_the_target(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[tuple[str, str, tuple[float, ...]]] = []
    library = asked.library_at("default")
    policy = library.policy

    def takes(self: Library, skill: str, entity: str, within: None = None, target: Any = None) -> Policy:
        given.append((skill, entity, target))
        return policy(f"{skill}-00", entity)

    place, lift = draw_target("place", SEED, 1), draw_target("lift", SEED, 1)
    monkeypatch.setattr(Library, "policy", takes)
    assert [answered(Method("default", "default"), target)[1] for target in (place, lift)] == [library.horizon] * 2
    x, y = lift.scene.entity("block").position[:2]
    assert given == [("placed", "block", place.goal), ("held_at", "block", (x, y, lift.goal[0]))]


def test_a_library_without_a_skill_leaves_things_as_they_are(library: Library, tmp_path: Path) -> None:
    save_library(library, tmp_path / "tiny")
    tiny = Method("tiny", str(tmp_path / "tiny"))
    row = targets.run_target(targets.Job(tiny, "place", SEED, 1))
    assert (row["answered"], row["fine"], row["steps"]) == (False, False, 1)
    # What it learned of one joint it is asked for on any, such as a window, which its scenes never have.
    assert "window" not in library.joints
    row = targets.run_target(targets.Job(tiny, "joint", SEED, 0, "window"))
    assert (row["answered"], row["steps"]) == (True, library.horizon)


def test_the_command_writes_every_figure_beside_its_baselines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "found.json"
    words = ["default", "--places", "2", "--families", "place", "--baselines", "oracle,nothing", "--seed", str(SEED)]
    monkeypatch.setattr(sys, "argv", ["targets.py", *words, "--workers", "0", "--out", str(out)])
    targets.main()
    found = json.loads(out.read_text(encoding="utf-8"))["targets"]["place"]
    assert [found[name]["fine"]["share"] for name in ("oracle", "nothing")] == [1.0, 0.0]
    assert found["oracle"]["fine"]["low"] == pytest.approx(0.3424, abs=5e-5)  # Wilson, 2 of 2.
    assert found["nothing"]["how"] == {"not grasped, left": 2}
    assert found["oracle"]["how"] == {"within 3 cm": 2}
    assert found["default"]["n"] == 2
    assert capsys.readouterr().out.count("place") == 3


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["a=default", "a=default"], "name of its own"),
        (["oracle=default"], "name of its own"),
        (["nowhere"], "no library 'nowhere'"),
    ],
)
def test_libraries_that_cannot_be_told_apart_are_refused(given: list[str], message: str) -> None:
    with pytest.raises(TabletopError, match=message):
        targets.methods_of(given)
