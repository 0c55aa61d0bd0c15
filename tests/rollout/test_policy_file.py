"""Policies from a user's file: each form that it may give, in other processes too, and one line for each mistake."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tabletop.errors import TabletopError
from tabletop.logic import load_registry
from tabletop.rollout import Engine, episode
from tabletop.rollout.evaluate import evaluate, run_task
from tabletop.rollout.policy_file import PolicyFile, is_policy_file, load_policy_file
from tabletop.sim import generate

TASKS = load_registry()
LIFT = TASKS["lift"]

OWN = '''\
"""A policy in each of its forms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from helper import SPEED
from tabletop.rollout.evaluate import scripted
from tabletop.rollout.observation_policy import ObservationPolicy


def act(observation):
    return np.array([0.0, 0.0, SPEED, 0.0, 1.0])


def from_goal(observation):
    return [*(observation["desired_goal"][:3] - observation["achieved_goal"][:3]), 0.0, 1.0]


@dataclass
class Rising:
    speed: float = SPEED

    def reset(self, state, scene, rng):
        self.log = [scene.seed]

    def act(self, state):
        return np.array([0.0, 0.0, self.speed, 0.0, 1.0]) if len(self.log) < 3 and not self.log.append(0) else None


class Counts(Rising):
    """Remembers, as no policy should, how often it was reset."""

    resets = 0

    def reset(self, state, scene, rng):
        super().reset(state, scene, rng)
        self.resets += 1
        self.speed = 1.0 / self.resets


def make():
    return act


def policy():
    return Rising()


def counts():
    return Counts()


def factory():
    return of_scene


def of_scene(task, scene):
    return Rising() if task.name == "lift" else act


def goal():
    return ObservationPolicy(from_goal, "goal")


def theirs():
    return scripted


class Model:
    """What has Stable-Baselines3's three attributes."""

    def __init__(self):
        from tabletop.envs import TabletopEnv

        env = TabletopEnv("lift")
        self.observation_space, self.action_space = env.observation_space, env.action_space

    def predict(self, observation, state=None, episode_start=None, deterministic=False):
        return act(observation), state


a_policy = Rising()
a_number = 7


def number():
    return a_number


def too_many(one, two, three):
    return None


def fails():
    return 1 / 0


def leaves():
    raise SystemExit(3)


def fails_later():
    return lambda observation: observation @ np.zeros(3)


def no_action():
    return lambda observation: observation


def refused():
    return ObservationPolicy(act, "pixels")
'''


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the current folder, with own.py and what it imports."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    for name in ("helper", "broken"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    (tmp_path / "own.py").write_text(OWN)
    (tmp_path / "helper.py").write_text("SPEED = 0.5\n")
    return tmp_path


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("policy.py", True),
        ("a/b/policy.py:make", True),
        ("model.zip", True),
        ("scripted", False),
        ("runs/a", False),
        ("policy.py/make", False),
        ("model.zip:make", False),
        (".py", False),
        ("policy.py:", False),
    ],
)
def test_the_form_of_a_name_tells_a_policy_file(text: str, is_one: bool) -> None:
    assert is_policy_file(text) is is_one
    if not is_one:
        with pytest.raises(TabletopError, match=r"a policy file is FILE.py, FILE.py:NAME or MODEL.zip, got"):
            load_policy_file(text)


@pytest.mark.parametrize(
    ("name", "rise"),
    [
        ("own.py", 5),
        ("own.py:make", 5),
        ("own.py:act", 5),
        ("own.py:policy", 2),
        ("own.py:Rising", 2),
        ("own.py:a_policy", 2),
        ("own.py:factory", 2),
        ("own.py:of_scene", 2),
        ("own.py:Model", 5),
    ],
)
def test_each_form_of_a_policy_acts(folder: Path, name: str, rise: int) -> None:
    trajectory = run_task(LIFT, load_policy_file(name), 4, horizon=5)
    assert trajectory.actions[:, 2].tolist() == [0.5] * rise
    assert trajectory.finished is (rise == 2)
    assert list(trajectory.log) == ([4, 0, 0] if rise == 2 else [])


def test_a_factory_is_told_the_task_and_may_give_a_function(folder: Path) -> None:
    assert len(run_task(TASKS["push"], load_policy_file("own.py:factory"), 4, horizon=5)) == 5
    run = run_task(LIFT, load_policy_file("own.py:theirs"), 4)
    assert LIFT.success.holds(run.final, run.initial)


def test_a_policy_for_goals_is_of_the_task_it_is_asked_for(folder: Path) -> None:
    make = load_policy_file("own.py:goal")
    run = run_task(TASKS["reach"], make, 4, horizon=3)
    gap = run.initial.entity("target", "position") - run.initial.robot("gripper_position")
    np.testing.assert_allclose(run.actions[0][:3], gap, atol=1e-6)
    make.check([TASKS["reach"], TASKS["push"]])
    with pytest.raises(TabletopError, match=r"^own.py: observation .* got task 'stack'"):
        make.check([TASKS["reach"], TASKS["stack"]])


def test_a_function_that_returns_policies_is_called_for_each_episode(folder: Path) -> None:
    make = load_policy_file("own.py:counts")
    speeds = [run_task(LIFT, make, seed, horizon=1).actions[0, 2] for seed in range(3)]
    assert speeds == [1.0, 1.0, 1.0]


@pytest.mark.parametrize("name", ["own.py", "own.py:policy", "own.py:goal"])
def test_workers_load_the_file_themselves(folder: Path, name: str) -> None:
    task = TASKS["reach"]
    results = []
    for workers in (0, 2):
        with Engine(workers) as engine:
            results.append(evaluate(engine, load_policy_file(name), task, range(4), horizon=6))
    assert results[0] == results[1]


def _states(policy: Any) -> np.ndarray:
    return episode(policy, generate(LIFT.scene, 1), 1, 4).states


def test_the_policy_of_one_episode_goes_to_workers_too(folder: Path) -> None:
    policy = load_policy_file("own.py:policy")(LIFT, generate(LIFT.scene, 1))
    with Engine(1) as engine:
        (there,) = engine.map(_states, [policy])
    assert np.array_equal(there, _states(policy))


def line_of(text: str) -> int:
    return 1 + next(i for i, line in enumerate(OWN.splitlines()) if text in line)


MISTAKES: dict[str, tuple[str, str]] = {
    "own.py:number": ("", "number() must be a Policy, a function of an observation, a model with predict, or a"),
    "own.py:a_number": ("", "a_number must be a Policy, "),
    "own.py:too_many": ("", "too_many must be a Policy, "),
    "own.py:fails": ("return 1 / 0", "ZeroDivisionError: division by zero"),
    "own.py:leaves": ("raise SystemExit(3)", "SystemExit: 3"),
    "own.py:refused": ('ObservationPolicy(act, "pixels")', "a policy sees states and no pictures"),
    "own.py:fails_later": ("@ np.zeros(3)", "ValueError: matmul: Input operand 1 has a mismatch"),
    "own.py:no_action": ("", "an action is 5 finite numbers in [-1, 1], got "),
    "own.py:nothing": ("", "unknown policy 'nothing'; there are: Counts, Model, Rising, "),
    "own.py:np": ("", "np must be a Policy, "),
}


@pytest.mark.parametrize(
    ("name", "workers"), [*((name, 0) for name in MISTAKES), ("own.py:fails_later", 1), ("own.py:no_action", 1)]
)
def test_a_mistake_is_one_line_with_file_and_line(folder: Path, name: str, workers: int) -> None:
    where, message = MISTAKES[name]
    with pytest.raises(TabletopError) as error, Engine(workers) as engine:
        evaluate(engine, load_policy_file(name), LIFT, [0], horizon=2)
    place = f"own.py:{line_of(where)}" if where else "own.py"
    assert re.match(rf"{place}(:| \(in .*\.py:\d+\):) {re.escape(message)}", str(error.value)), error.value
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1\ndef make(:\n", r"^bad.py:2: SyntaxError: invalid syntax$"),
        ("\nimport no_such_package\n", r"^bad.py:2: ModuleNotFoundError: No module named 'no_such_package'$"),
        ("\n\nfrom broken import x\n", r"^bad.py:3 \(in broken.py:2\): RuntimeError: a message of two lines$"),
        ("import sys\nsys.exit()\n", r"^bad.py:2: SystemExit$"),
        ("x = 1\n", r"^bad.py: unknown policy 'make'; there are: none$"),
        (b"\xff\xfe", r"^bad.py: SyntaxError: invalid or missing encoding declaration$"),
        ("def make():\n\tx = 1\n        return x\n", r"^bad.py:3: TabError: inconsistent use of tabs"),
    ],
)
def test_a_file_that_fails_to_load_is_one_line(folder: Path, text: str | bytes, message: str) -> None:
    (folder / "broken.py").write_text("\nraise RuntimeError('''a message\n  of two lines''')\n")
    (folder / "bad.py").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(TabletopError, match=message) as error:
        load_policy_file("bad.py")
    assert "\n" not in str(error.value)


def test_a_missing_file_says_which_there_are(folder: Path) -> None:
    there = "No such file or directory; beside it there are: helper.py, own.py"
    with pytest.raises(TabletopError, match=f"^cannot read policy file 'mine.py': {there}$"):
        load_policy_file("mine.py:make")
    with pytest.raises(TabletopError, match=r"beside it there are: none$"):
        load_policy_file("nowhere/model.zip")


def test_a_file_that_has_changed_since_is_refused_and_loaded_anew_where_asked(folder: Path) -> None:
    before = load_policy_file("own.py")
    (folder / "own.py").write_text(OWN.replace("SPEED, 0.0", "-SPEED, 0.0"))
    after = load_policy_file("own.py")
    assert (before.path, before.name) == (after.path, after.name)
    assert before.digest != after.digest
    assert run_task(LIFT, after, 0, horizon=1).actions[0, 2] == -0.5
    stale = PolicyFile(before.path, "policy", before.digest)
    with pytest.raises(TabletopError, match=r"^own.py: the file has changed since it was loaded; load it again$"):
        run_task(LIFT, stale, 0, horizon=1)


def test_two_files_of_one_name_do_not_meet_and_nothing_is_written_beside_them(folder: Path) -> None:
    makes: list[Callable[..., Any]] = []
    for name, speed in (("a", 0.25), ("b", -0.25)):
        (folder / name).mkdir()
        (folder / name / "policy.py").write_text(f"def make():\n    return lambda o: [0, 0, {speed}, 0, 0]\n")
        makes.append(load_policy_file(f"{name}/policy.py"))
    assert [run_task(LIFT, make, 0, horizon=1).actions[0, 2] for make in makes] == [0.25, -0.25]
    assert [p.name for p in (folder / "a").iterdir()] == ["policy.py"]
