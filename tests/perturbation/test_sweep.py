"""Curves over magnitudes: their numbers in closed form, and that they fall for policies that can fail."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest

from tabletop.cli.show import perturb_lines
from tabletop.errors import TabletopError
from tabletop.logic import parse
from tabletop.perturbation import FAMILIES, Run, sweep
from tabletop.perturbation.sweep import _curve, _Outcome
from tabletop.rollout.engine import Engine
from tabletop.rollout.statistics import wilson
from tabletop.runs.records import Robustness
from tabletop.runs.store import as_record
from tabletop.sim.scene import Entity, Robot, Scene
from tabletop.sim.state import State

BLOCK = Entity("block", "block", (0.52, 0.0, 0.025), mass=0.1)


@pytest.fixture(scope="module")
def here() -> Iterator[Engine]:
    with Engine(0) as engine:
        yield engine


@dataclass
class WeighsBlock:
    """Opens the fingers where the block is not heavier than `limit`, closes them otherwise."""

    limit: float

    def reset(self, state: State, scene: Scene, rng: np.random.Generator) -> None:
        self._grip = 1.0 if scene.entity("block").mass <= self.limit else -1.0

    def act(self, state: State) -> np.ndarray:
        return np.array([0.0, 0.0, 0.0, 0.0, self._grip])


@dataclass
class Blank:
    """Stands still."""

    def reset(self, state: State, scene: Scene, rng: np.random.Generator) -> None:
        pass

    def act(self, state: State) -> np.ndarray:
        return np.zeros(5)


@dataclass
class Blind:
    """Pushes away along a line that it plans once, at reset, from where it sees the block."""

    def reset(self, state: State, scene: Scene, rng: np.random.Generator) -> None:
        self._y = float(state.entity("block", "position")[1])

    def act(self, state: State) -> np.ndarray:
        error = self._y - float(state.robot("gripper_position")[1])
        return np.array([0.5, np.clip(error / 0.04, -1, 1), 0.0, 0.0, -1.0])


def weighing(limit: float, group: str = "") -> Run:
    return Run(WeighsBlock(limit), Scene((BLOCK,)), 0, 6, parse("gripper_open()"), group=group)


def pushes(n: int) -> list[Run]:
    scene = Scene((BLOCK,), robot=Robot(position=(0.42, 0.0, 0.03), width=0.0))
    return [Run(Blind(), scene, seed, 14, parse("moved(block, away, 5 cm) and on_table(block)")) for seed in range(n)]


def test_a_curve_has_the_numbers_of_its_outcomes(here: Engine) -> None:
    # Factors of the mass of 0.1 kg: 1, 2, 3, 5. One policy gives up above 2.5, one above 4, one never.
    runs = [weighing(0.25, "a"), weighing(0.4, "a"), weighing(9.0, "b"), weighing(0.01, "b")]
    curve = sweep(here, runs, ["mass"], magnitudes={"mass": (0, 1, 2, 4)})["mass"]
    assert curve["unit"] == FAMILIES["mass"].unit
    assert curve["magnitudes"] == [0.0, 1.0, 2.0, 4.0]
    assert curve["success"] == [0.75, 0.75, 0.5, 0.25]
    assert curve["n"] == 4
    for success, low, high in zip(curve["success"], curve["low"], curve["high"], strict=True):
        assert (low, high) == wilson(round(4 * success), 4)
    assert curve["area"] == pytest.approx((0.75 + (0.75 + 0.5) / 2 + (0.5 + 0.25)) / 4)
    assert curve["area_low"] <= curve["area"] <= curve["area_high"]
    assert curve["worst"] == 0.25
    assert curve["drop"] == pytest.approx(2 / 3)
    assert curve["recovery"] is None
    assert json.loads(json.dumps(curve)) == curve


def test_recovery_counts_only_what_succeeds_undisturbed_and_times_the_rest() -> None:
    good, late, bad = _Outcome(True, 9, 4), _Outcome(True, 9, 9), _Outcome(False, 9, None)
    rows = [[good, good, bad], [good, late, good], [late, bad, bad]]
    curve = _curve(FAMILIES["push-arm"], (0.0, 1.0, 2.0), rows, ["", "", ""])
    assert curve["recovery"] == pytest.approx(3 / 4)
    assert curve["recovery_time"] == pytest.approx((0 + 5 + 5) / 3 * 0.1)
    hopeless = _curve(FAMILIES["push-arm"], (0.0, 1.0), [[bad], [bad]], [""])
    assert hopeless["recovery"] is None
    assert hopeless["drop"] == 0.0


def test_success_counts_at_the_end_and_done_is_when_it_holds_for_good(here: Engine) -> None:
    # The fingers pass 6 cm on their way, and stay open: done after the first steps, not before.
    run = Run(WeighsBlock(9.0), Scene((BLOCK,), robot=Robot(width=0.0)), 0, 10, parse("gripper_open()"))
    from tabletop.perturbation.sweep import _measure

    outcome = _measure((run, None))
    assert outcome.success
    assert outcome.done is not None
    assert 1 <= outcome.done <= 6
    assert outcome.steps == 10


def test_curves_of_a_blind_push_fall_where_they_should(here: Engine) -> None:
    curves = sweep(
        here,
        pushes(8),
        ["observation-noise", "action-loss", "push-arm"],
        magnitudes={
            "observation-noise": (0, 0.02, 0.1),
            "action-loss": (0, 0.3, 0.9),
            "push-arm": (0, 100, 200),
        },
    )
    for curve in curves.values():
        assert curve["success"][0] == 1.0
    assert curves["observation-noise"]["success"][-1] <= 0.6
    assert curves["action-loss"]["success"] == [1.0, 1.0, 0.0]
    assert curves["action-loss"]["area"] == pytest.approx((0.3 + 0.3) / 0.9)
    assert curves["push-arm"]["success"][-1] <= 0.6
    assert curves["push-arm"]["recovery"] == pytest.approx(np.mean(curves["push-arm"]["success"][1:]))


def test_a_sweep_does_not_depend_on_the_number_of_workers(here: Engine) -> None:
    families = ["push-arm", "observation-noise", "mass", "tilt"]
    magnitudes = {f: FAMILIES[f].magnitudes[::4] for f in families}
    with Engine(2) as there:
        assert sweep(there, pushes(3), families, magnitudes=magnitudes) == sweep(
            here, pushes(3), families, magnitudes=magnitudes
        )


def test_all_families_are_swept_by_default(here: Engine) -> None:
    curves = sweep(here, [weighing(9.0)])
    assert list(curves) == list(FAMILIES)
    assert all(len(c["success"]) == 5 for c in curves.values())


def test_bad_sweeps_are_refused_before_anything_runs(here: Engine) -> None:
    with pytest.raises(TabletopError, match="at least one run"):
        sweep(here, [])
    with pytest.raises(TabletopError, match=r"unknown family of perturbations 'wind'; there are: .*tilt"):
        sweep(here, [weighing(1.0)], ["wind"])
    with pytest.raises(TabletopError, match=r"mass must be two or more that rise from 0, got \[1, 2\]"):
        sweep(here, [weighing(1.0)], ["mass"], magnitudes={"mass": [1, 2]})
    with pytest.raises(TabletopError, match="magnitude of friction must be a number from 0 to 1"):
        sweep(here, [weighing(1.0)], ["friction"], magnitudes={"friction": [0, 7]})
    with pytest.raises(TabletopError, match="for families of the sweep, got 'tilt'; there are: mass"):
        sweep(here, [weighing(1.0)], ["mass"], magnitudes={"tilt": [0, 7]})


def test_runs_that_a_family_does_nothing_to_are_counted_and_not_taken_for_robust(here: Engine) -> None:
    dial = Scene((Entity("dial", "dial", (0.5, 0.0, 0.0), size=(0.1, 0.1, 0.04), fraction=0.0),))
    still = Run(WeighsBlock(9.0), Scene((BLOCK,)), 0, 3, parse("gripper_open()"), "block", "push")
    turn = Run(Blank(), dial, 0, 3, parse("closed(dial)", ["dial"]), "dial", "dial-turn")
    curves = sweep(here, [still, turn, turn], ["tilt", "mass"], magnitudes={"tilt": (0, 5), "mass": (0, 1)})
    why = "dial: its moving part goes up and down or turns on the spot"
    assert (curves["tilt"]["n"], curves["tilt"]["not_applicable"]) == (1, {why: 2})
    assert len(curves["tilt"]["success"]) == 2
    assert (curves["mass"]["n"], curves["mass"]["not_applicable"]) == (3, {})
    empty = sweep(here, [turn], ["tilt"])["tilt"]
    assert (empty["n"], empty["success"], empty["area"], empty["not_applicable"]) == (0, [], None, {why: 1})
    assert json.loads(json.dumps(empty)) == empty
    data = {"policy": "blank", "seed": 0, "scenes": 1, "tasks": ["dial-turn"], "families": {"tilt": empty}}
    lines = perturb_lines(as_record(Robustness, data))
    assert lines == [f"tilt               not applicable to 1 of 1 episode: {why}"]
