"""Sweeps of any policy factory over tasks: on an evaluation's scenes, all together and by task."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import pytest

from tabletop.cli.show import perturb_task_lines
from tabletop.errors import TabletopError
from tabletop.logic import Task, load_registry
from tabletop.perturbation import FAMILIES, Curve, Perturbation, perturb_tasks
from tabletop.rollout.engine import Engine
from tabletop.rollout.evaluate import evaluate, nothing, scripted
from tabletop.rollout.policy import Policy
from tabletop.rollout.statistics import wilson
from tabletop.runs.records import Robustness
from tabletop.runs.store import as_record
from tabletop.sim.scene import Scene
from tabletop.sim.state import State

TASKS = load_registry()
TWO = (TASKS["push-left"], TASKS["drawer-close"])
SCENES = 4
LEVELS = {"push-arm": (0, 300, 600), "mass": (0, 40)}


@dataclass
class Once:
    """Does what a scripted policy does, in the one episode that it is good for."""

    own: Policy

    def reset(self, state: State, scene: Scene, rng: np.random.Generator) -> None:
        if hasattr(self, "_used"):
            raise RuntimeError("used twice")
        self._used = True
        self.own.reset(state, scene, rng)

    def act(self, state: State) -> np.ndarray | None:
        return self.own.act(state)


def once(task: Task, scene: Scene) -> Policy:
    assert scene.seed is not None
    return Once(scripted(task, scene))


@pytest.fixture(scope="module")
def curves() -> dict[str, Curve]:
    with Engine(0) as engine:
        return perturb_tasks(engine, once, TWO, list(LEVELS), SCENES, 7, magnitudes=LEVELS)


def test_each_task_has_the_rates_that_its_evaluation_gives(curves: dict[str, Curve]) -> None:
    with Engine(0) as engine:
        for family, levels in LEVELS.items():
            for task in TWO:
                found = curves[family]["by_task"][task.name]
                plain = evaluate(engine, scripted, task, range(7, 7 + SCENES))
                assert (found["success"][0], found["low"][0], found["high"][0]) == tuple(
                    plain[k] for k in ("success", "low", "high")
                )
                assert (found["n"], len(found["success"])) == (SCENES, len(levels))
                if family == "mass":
                    heavy = evaluate(
                        engine, scripted, task, range(7, 7 + SCENES), disturbance=Perturbation("mass", 40, task.attends)
                    )
                    assert found["success"][1] == heavy["success"]


def test_all_tasks_together_are_the_sum_of_each(curves: dict[str, Curve]) -> None:
    seen = set()
    for curve in curves.values():
        parts = [curve["by_task"][t.name]["success"] for t in TWO]
        assert curve["success"] == np.mean(parts, axis=0).tolist()
        assert curve["n"] == 2 * SCENES
        for rates in curve["by_task"].values():
            for success, low, high in zip(rates["success"], rates["low"], rates["high"], strict=True):
                assert (low, high) == wilson(round(SCENES * success), SCENES)
                seen.add(success)
    assert len(seen) > 1
    assert json.loads(json.dumps(curves)) == curves


def test_it_does_not_depend_on_the_number_of_workers_or_on_how_the_factory_is_given(curves: dict[str, Curve]) -> None:
    with Engine(2) as engine:
        makers = {task.name: scripted for task in TWO}
        assert perturb_tasks(engine, makers, TWO, list(LEVELS), SCENES, 7, magnitudes=LEVELS) == curves


def test_a_task_that_a_family_does_nothing_to_has_no_rates_and_says_so() -> None:
    tasks = (TASKS["button-press-topdown"], TASKS["lift"])
    with Engine(0) as engine:
        found = perturb_tasks(engine, nothing, tasks, ["tilt"], 1, magnitudes={"tilt": (0, 5)})
    assert found["tilt"]["by_task"]["button-press-topdown"] == {"success": [], "low": [], "high": [], "n": 0}
    assert found["tilt"]["by_task"]["lift"]["success"] == [0.0, 0.0]
    names = [t.name for t in tasks]
    data = {"policy": "nothing", "families": found, "tasks": names, "missing": ["x"], "scenes": 1, "seed": 0}
    lines = perturb_task_lines(as_record(Robustness, data))
    assert lines[-2].startswith("magnitude: success, 0 undisturbed; area: mean success over the magnitudes")
    assert lines[0].split()[:5] == ["tilt", "0:", "0.00", "5:", "0.00"]
    assert lines[1].startswith("tilt               not applicable to 1 of 2 episodes: button: ")
    assert [line.split() for line in lines[2:]] == [
        ["button-press-topdown", "not", "applicable"],
        ["lift", "0:", "0.00", "[0.00,", "0.79]", "5:", "0.00", "[0.00,", "0.79]"],
        ["no", "skill", "is", "named", "for:", "x"],
        [*lines[-2].split()],
        ["2", "tasks,", "1", "scene", "each", "from", "seed", "0"],
    ]


def test_bad_sweeps_of_tasks_are_refused() -> None:
    with Engine(0) as engine:
        with pytest.raises(TabletopError, match="at least one scene of each task, got 0"):
            perturb_tasks(engine, nothing, TWO, scenes=0)
        with pytest.raises(TabletopError, match="at least one run"):
            perturb_tasks(engine, nothing, [])
        with pytest.raises(TabletopError, match="unknown task of these policies 'drawer-close'; there are: push-left"):
            perturb_tasks(engine, {"push-left": nothing}, TWO)
        with pytest.raises(TabletopError, match="unknown family of perturbations 'wind'"):
            perturb_tasks(engine, nothing, TWO, ["wind"], 1)
    assert set(LEVELS) <= set(FAMILIES)
