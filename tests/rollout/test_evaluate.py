from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest

from tabletop.errors import TabletopError
from tabletop.logic import Task, load_registry, parse
from tabletop.rollout.engine import Engine
from tabletop.rollout.evaluate import evaluate, nothing, random, run_task, scripted, success_of
from tabletop.rollout.policy import Policy
from tabletop.sim import Scene, State

LIFT = load_registry()["lift"]


@dataclass
class Timed:
    """Goes up for some steps, then down for as many, then ends."""

    steps: int

    def reset(self, state: State, scene: Scene, rng: np.random.Generator) -> None:
        self.t = 0

    def act(self, state: State) -> npt.NDArray[np.float64] | None:
        self.t += 1
        if self.t > 2 * self.steps:
            return None
        return np.array([0.0, 0.0, 1.0 if self.t <= self.steps else -1.0, 0.0, 1.0])


def timed(task: Task, scene: Scene) -> Policy:
    return Timed(6)


AWAY = Task(
    name="away",
    family="test",
    description="Keep the gripper off the block.",
    scene={"entities": {"block": {"kind": "block", "at": {"x": 0.45, "y": 0.0}}}, "gripper": "above"},
    success=parse("not reached(block, 16 cm)", ["block"]),
    attends="block",
    horizon=40,
)


def test_success_counts_in_the_last_state_and_once_at_any() -> None:
    with Engine(workers=0) as engine:
        result = evaluate(engine, timed, AWAY, range(8))
    assert result["success_once"] == 1.0
    assert result["success"] < 1.0
    assert result["n"] == 8
    assert result["median_steps"] is not None
    assert 0 < result["median_steps"] <= 8
    assert result["low"] <= result["success"] <= result["high"]


def test_the_result_does_not_depend_on_the_number_of_workers() -> None:
    results = []
    for workers in (0, 1, 2):
        with Engine(workers=workers) as engine:
            results.append(evaluate(engine, scripted, LIFT, range(6)))
    assert results[0] == results[1] == results[2]
    assert results[0]["success"] >= 5 / 6


def test_standing_still_and_random_actions_do_not_lift() -> None:
    with Engine(workers=0) as engine:
        for make in (nothing, random):
            result = evaluate(engine, make, LIFT, range(3))
            assert (result["success"], result["success_once"], result["median_steps"]) == (0.0, 0.0, None)


def test_the_scene_of_a_seed_is_generated_from_that_seed() -> None:
    assert run_task(LIFT, nothing, 7, horizon=1).scene.seed == 7


def test_success_counts_steps_from_the_first_action() -> None:
    trajectory = run_task(AWAY, timed, 0)
    done = AWAY.success.holds(trajectory.state, trajectory.initial)
    last, first = success_of(AWAY, trajectory)
    assert last == done[-1]
    assert first is not None
    assert done[first]
    assert not done[1:first].any()


def test_no_seeds_are_refused() -> None:
    with Engine(workers=0) as engine, pytest.raises(TabletopError, match="at least one seed"):
        evaluate(engine, nothing, LIFT, [])
