"""A policy of the user's own goes where a policy goes: evaluate, demos, perturb and plan take its file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tabletop.api.policies import fingerprint, policies_of
from tabletop.api.task_operators import bound, plannable
from tabletop.demos.lerobot_read import read_lerobot
from tabletop.envs import TabletopEnv
from tabletop.logic import load_registry
from tabletop.rollout.evaluate import BUILTIN_POLICIES, run_task

Command = Callable[..., Any]
Names = Callable[..., None]
TASKS = load_registry()
OWN = """\
def make():
    return act


def act(observation):
    return [0.0, 0.0, -0.5, 0.0, 1.0]


def scripted():
    from tabletop.rollout.evaluate import scripted
    return scripted


def broken():
    return lambda observation: observation.nothing
"""


@pytest.fixture
def own(here: Path) -> Path:
    (here / "own.py").write_text(OWN)
    return here / "own.py"


def test_success_rates_of_a_file_are_those_of_what_it_gives(command: Command, own: Path) -> None:
    given = ("--tasks", "button-press-topdown,lift", "--episodes", "2", "--workers", "0", "--json")
    mine, theirs = (json.loads(command("evaluate", p, *given).out) for p in ("own.py:scripted", "scripted"))
    assert mine["policy"] == "own.py:scripted"
    assert mine["tasks"] == theirs["tasks"]
    assert mine["mean"] == 1.0


def test_a_saved_model_is_evaluated_by_its_path(command: Command, here: Path) -> None:
    sb3 = pytest.importorskip("stable_baselines3")
    env = TabletopEnv("reach")
    sb3.PPO("MlpPolicy", env, n_steps=8, batch_size=8, device="cpu", seed=0).save("model")
    env.close()
    said = command("evaluate", "model.zip", "--tasks", "reach", "--episodes", "1", "--workers", "0", "--json")
    assert json.loads(said.out)["tasks"]["reach"]["n"] == 1


@pytest.mark.parametrize("workers", ["0", "1"])
def test_a_mistake_in_the_users_code_is_one_line(command: Command, own: Path, workers: str) -> None:
    said = command("evaluate", "own.py:broken", "--tasks", "lift", "--episodes", "1", "--workers", workers)
    line = 1 + OWN.splitlines().index("    return lambda observation: observation.nothing")
    told = f"tabletop: own.py:{line}: AttributeError: 'numpy.ndarray' object has no attribute 'nothing'"
    assert (said.code, said.out) == (2, "")
    assert [text for text in said.err.splitlines() if "pybullet" not in text] == [told]


def test_demonstrations_of_a_file_go_on_only_with_the_same_file(
    command: Command, own: Path, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pyarrow")
    given = ("demos", "own.py", "--tasks", "lift", "--episodes", "2", "--workers", "0", "--all", "--format", "lerobot")

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("tabletop.demos.lerobot_format.write", interrupt)
        assert command(*given).code == 130
    own.write_text(OWN.replace("-0.5", "-0.6"))
    assert command(*given).refused("is of another recording; remove it") == []
    own.write_text(OWN)
    assert command(*given).code == 0
    kept = read_lerobot(here / "demos" / "lerobot").frames["action"]
    make = policies_of("own.py", [TASKS["lift"]])["lift"]
    assert np.array_equal(kept, np.concatenate([run_task(TASKS["lift"], make, seed).actions for seed in range(2)]))


def test_a_fingerprint_tells_files_and_names_apart(own: Path) -> None:
    tasks = [TASKS["lift"]]
    found = [fingerprint(policies_of(name, tasks)) for name in ("own.py", "own.py:make", "own.py:act")]
    assert found[0] == found[1] != found[2]
    own.write_text(OWN + "\n")
    assert fingerprint(policies_of("own.py", tasks)) not in {*found, ""}
    assert [fingerprint(policies_of(name, tasks)) for name in BUILTIN_POLICIES] == [""] * len(BUILTIN_POLICIES)


def test_any_policy_is_perturbed_on_tasks(command: Command, own: Path, here: Path) -> None:
    given = ("--tasks", "push-left,lift", "--families", "mass", "--scenes", "1", "--workers", "0", "--json")
    mine, theirs = (
        json.loads(command("perturb", policy, *given, "--out", "sub/found.json").out)
        for policy in ("own.py:scripted", "scripted")
    )
    assert mine["families"] == theirs["families"]
    assert (mine["policy"], mine["seed"], mine["scenes"]) == ("own.py:scripted", 0, 1)
    assert (mine["tasks"], mine["missing"]) == (["push-left", "lift"], [])
    assert mine["families"]["mass"]["by_task"]["lift"]["success"][0] == 1.0
    assert json.loads((here / "sub" / "found.json").read_text()) == theirs
    lines = command("perturb", "scripted", *given[:-1]).out.splitlines()
    assert [line.split()[0] for line in lines] == ["mass", "push-left", "lift", "magnitude:", "2"]


def test_a_librarys_skills_are_perturbed_on_the_tasks_that_they_are_named_for(
    command: Command, write_names: Names, run_of: Path
) -> None:
    write_names(run_of, **{"button-press": "button-00"})
    given = ("perturb", "run", "--tasks", "button-press,push", "--families", "friction", "--scenes", "1")
    found = json.loads(command(*given, "--workers", "0", "--json").out)
    assert (found["tasks"], found["missing"]) == (["button-press"], ["push"])
    assert found["families"]["friction"]["by_task"]["button-press"]["n"] == 1
    assert sorted(p.name for p in run_of.iterdir()) == ["library", "name.json"]


def test_a_plan_is_made_of_what_a_policy_was_seen_to_do(command: Command, own: Path, here: Path) -> None:
    given = ("--goal", "open(drawer)", "--seed", "1", "--workers", "0", "--json")
    found = json.loads(command("plan", "own.py:scripted", "--tasks", "drawer-open,stack", *given).out)
    assert (found["policy"], found["solved"]) == ("own.py:scripted", 1)
    assert found["episodes"][0]["skills"] == ["drawer-open drawer"]
    assert json.loads((here / "plan" / "plan.json").read_text())["episodes"] == found["episodes"]
    # One that does nothing of it is planned with no more than a skill that does nothing.
    found = json.loads(command("plan", "own.py:act", "--tasks", "drawer-open", *given).out)
    assert found["solved"] == 0
    assert found["episodes"][0]["why"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("own.py:make",), "give --tasks that it can do, such as --tasks lift,drawer-open"),
        (("own.py:make", "--tasks", "stack,reach"), "a plan needs a task about one thing, such as lift or drawer-open"),
        (("run", "--tasks", "lift"), "--tasks is for a policy of your own, such as policy.py:make; 'run' is none"),
    ],
)
def test_what_cannot_be_planned_with_is_refused(
    command: Command, own: Path, run_of: Path, arguments: tuple[str, ...], message: str
) -> None:
    command("plan", *arguments, "--goal", "open(drawer)", "--workers", "0").refused(message)


def test_a_bound_task_is_about_another_entity(here: Path) -> None:
    lift = bound(TASKS["lift"], "red")
    assert (lift.attends, lift.success.names, lift.entities) == ("red", ("red",), ("red",))
    assert [plannable(TASKS[name]) for name in ("lift", "drawer-open", "stack", "reach", "rope-pull")] == [
        *(True, True, False, False, False)
    ]


def test_the_scripted_policies_are_planned_with_by_their_name(command: Command, here: Path) -> None:
    said = command("plan", "scripted", "--goal", "lifted(red)", "--seed", "1", "--workers", "0", "--json")
    found = json.loads(said.out)
    assert (found["policy"], found["solved"]) == ("scripted", 1)
    assert (here / "plan" / "plan.json").is_file()
    command("plan", "scripted", "--tasks", "lift").refused("--tasks is for a policy of your own")


def test_a_misspelt_name_is_answered_by_the_nearest(command: Command) -> None:
    command("evaluate", "scripted", "--tasks", "pusch").refused(
        "unknown task 'pusch'; did you mean 'push'? there are: "
    )
    command("evaluate", "scriped", "--tasks", "push").refused(
        "policies: scripted, random, exploration, nothing, FILE.py"
    )
