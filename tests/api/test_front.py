"""The front door: `import tabletop as tt`."""

from __future__ import annotations

import doctest
import json
import re
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

import tabletop as tt
from tabletop.api import front
from tabletop.cli import main
from tabletop.runs.records import Evaluation, Robustness
from tabletop.runs.store import read_record


def fresh(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_costs_next_to_nothing_and_loads_no_torch() -> None:
    said = fresh(
        "import sys, time; began = time.perf_counter(); import tabletop; took = time.perf_counter() - began\n"
        "print(took < 0.3, sorted({'torch', 'numpy', 'pybullet', 'gymnasium'} & {*sys.modules}))"
    )
    assert said == "True []\n"


def test_all_names_are_there_whatever_was_imported_before() -> None:
    said = fresh(
        "import tabletop as tt; tt.evaluate; import tabletop.perturbation, tabletop.discovery\n"
        "print(all(callable(getattr(tt, name)) for name in tt.__all__ if name != '__version__'))\n"
        "print(set(tt.__all__) <= set(dir(tt)))"
    )
    assert said == "True\nTrue\n"
    with pytest.raises(AttributeError, match="has no attribute 'fly'"):
        tt.fly  # noqa: B018


@pytest.mark.parametrize("name", front.__all__)
def test_the_example_of_a_docstring_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = doctest.DocTestFinder(recurse=False).find(getattr(front, name), name, globs=vars(front).copy())
    runner = doctest.DocTestRunner()
    for test in found:
        runner.run(test)
    assert runner.failures == 0


def test_a_function_that_makes_policies_is_evaluated_and_perturbed_as_a_name_is(tmp_path: Path) -> None:
    def predict(observation: np.ndarray) -> np.ndarray:
        return np.zeros(5)

    mine = tt.evaluate(tt.ObservationPolicy(predict), "push", episodes=2, workers=0)
    theirs = tt.evaluate("nothing", "push", episodes=2, workers=0)
    assert (mine.policy, theirs.policy) == ("predict", "nothing")
    assert mine.tasks == theirs.tasks
    mine.save(tmp_path)
    assert read_record(tmp_path / "evaluate.json", Evaluation) == mine
    curves = tt.perturb(tt.ObservationPolicy(predict), "push", ["mass"], scenes=1, workers=0)
    curves.save(tmp_path / "curves.json")
    assert read_record(tmp_path / "curves.json", Robustness) == curves
    assert {row["task"] for row in curves.rows()} == {"all", "push"}


class Model:
    def predict(self, observation: np.ndarray) -> list[float]:
        return [0.0] * 5


def test_policies_of_ones_own_are_called_what_they_are() -> None:
    model = Model()
    assert tt.evaluate(tt.ObservationPolicy(model.predict), "push", episodes=1, workers=0).policy == "Model.predict"


@pytest.mark.parametrize(
    ("policy", "why"),
    [
        (Model(), r"wrap one of an observation, such as model\.predict, in tt\.ObservationPolicy; got Model"),
        (
            Model().predict,
            r"Model\.predict takes \(observation.*wrap a function of an observation",
        ),
        (lambda observation: [0.0] * 5, r"<lambda> takes \(observation\); wrap a function of an observation"),
    ],
)
def test_what_makes_no_policies_is_refused_with_the_way(policy: Any, why: str) -> None:
    with pytest.raises(tt.TabletopError, match=why):
        tt.evaluate(policy, "push", episodes=1, workers=0)


def test_what_is_no_policy_is_refused() -> None:
    with pytest.raises(tt.TabletopError, match="a policy is a name, a path, a library or a function"):
        tt.evaluate(3, "push", episodes=1, workers=0)  # type: ignore[arg-type]


def test_the_command_line_gives_the_same_numbers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from tabletop.cli import main

    assert main(["evaluate", "scripted", "--tasks", "lift", "--episodes", "2", "--workers", "0", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    mine = tt.evaluate("scripted", "lift", episodes=2, workers=0)
    mine.save(tmp_path)
    assert json.loads((tmp_path / "evaluate.json").read_text(encoding="utf-8")) == said


def test_a_goal_is_planned_in_the_scene_that_is_given(tmp_path: Path) -> None:
    scene = tt.make_scene("planning", 4)
    given = tt.plan("scripted", "lifted(red, 10 cm)", scene=scene, seed=1, workers=0)
    drawn = tt.plan("scripted", "lifted(red, 10 cm)", seed=4, workers=0)
    assert given.goals == drawn.goals == 1
    assert "1 goal reached by scripted skills" in repr(given)
    with pytest.raises(tt.TabletopError, match="a scene goes with a goal"):
        tt.plan("scripted", scene=scene)


def test_results_are_drawn_and_tabled(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    pytest.importorskip("pandas")
    skills = tt.load_library("default")
    assert skills.named is not None
    for result in (skills.named, tt.evaluate("scripted", "lift", episodes=1, workers=0)):
        result.plot(tmp_path / "a.svg")
        assert (tmp_path / "a.svg").read_text(encoding="utf-8").startswith("<?xml")
        assert "<table>" in result._repr_html_()
        frame = result.to_frame()
        assert frame.to_dict("records") == result.rows()
    with pytest.raises(tt.TabletopError, match=r"a plot is written to a \.svg, \.png or \.pdf file"):
        skills.named.plot(tmp_path / "a.gif")
    library, tasks = skills.library, len(skills.named.named_tasks)
    assert f"{len(library.skills)} skills of {len(library.codes.counts)} effects, {tasks} tasks named" in repr(skills)


def test_a_saved_result_is_known_by_what_it_holds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = (
        tt.evaluate("scripted", "lift", episodes=1, workers=0),
        tt.perturb("nothing", "push", "mass", scenes=1, workers=0),
        tt.plan("scripted", "near(red, blue, 60 cm)", workers=0),
        tt.load_library("default").named,
    )
    for result in found:
        assert result is not None
        result.save(tmp_path / "mine.json")
        assert tt.load_result(tmp_path / "mine.json") == result
        if find_spec("matplotlib"):
            assert main(["plot", str(tmp_path / "mine.json"), "--out", str(tmp_path / "a.svg")]) == 0
            assert result.title() in capsys.readouterr().out
            assert (tmp_path / "a.svg").is_file()


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("mine.json", "{}", "is no result; results have the fields of one of: discover.json, measure.json"),
        ("mine.json", "[1]", "is no result"),
        ("mine.json", "{", "cannot read"),
        ("evaluate.json", '{"format": 1}', "is damaged: Object missing required field `policy`"),
        ("evaluate.json", '{"format": 99}', "has format 99, this version reads 1"),
    ],
)
def test_what_is_no_result_is_refused_in_one_line(tmp_path: Path, name: str, text: str, why: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(tt.TabletopError, match=re.escape(why)) as caught:
        tt.load_result(tmp_path / name)
    assert "\n" not in str(caught.value)
    with pytest.raises(tt.TabletopError, match="No such file"):
        tt.load_result(tmp_path / "other.json")


WRONG: Final[dict[str, tuple[Callable[[], Any], str]]] = {
    "episodes in words": (lambda: tt.evaluate("scripted", "lift", episodes="a"), "episodes must be a whole number"),
    "half an episode": (lambda: tt.evaluate("scripted", "lift", episodes=2.5), "episodes must be .*, got 2.5"),
    "too many episodes": (lambda: tt.evaluate("scripted", "lift", episodes=2**31), "from 1 to 1000000, got 2147483648"),
    "a seed in words": (lambda: tt.evaluate("scripted", "lift", seed="x"), "seed must be a whole number"),
    "too many workers": (lambda: tt.evaluate("scripted", "lift", workers=2**31), "workers must be .* 0 to 1024"),
    "noise that is no number": (lambda: tt.evaluate("scripted", "lift", noise=float("nan")), "noise must be from 0"),
    "a policy that is a number": (lambda: tt.evaluate(3, "lift"), "a policy is a name, a path"),
    "tasks that are a number": (lambda: tt.evaluate("scripted", 3), "tasks must be names, such as .*, got 3"),
    "a suite that is a number": (lambda: tt.evaluate("scripted", suite=3), "unknown suite '3'"),
    "families that are a number": (lambda: tt.perturb("scripted", "lift", 3), "families must be names"),
    "no scenes": (lambda: tt.perturb("scripted", "lift", scenes=0), "scenes must be a whole number from 1"),
    "a goal that is a number": (lambda: tt.plan("scripted", 3), "goal: a formula is text, got 3"),
    "a goal in no scene": (lambda: tt.plan("scripted", "lifted(red)", scene=3), "a scene must be a Scene"),
    "goals of nothing": (lambda: tt.plan("scripted", literals=()), "literals must be whole numbers from 1 to 100"),
    "goals of no literal": (lambda: tt.plan("scripted", literals=(0,)), "literals must be whole numbers from 1"),
    "endless seconds": (lambda: tt.plan("scripted", seconds=float("inf")), "seconds must be from 0"),
    "a card that is a number": (lambda: tt.make_scene(3), "a scene card is a mapping, a name or the path"),
    "a scene in words": (lambda: tt.make_scene("discovery", "x"), "a seed must be a whole number"),
    "a library that is a number": (lambda: tt.load_library(3), "a library must be a path, got 3"),
    "a result that is a number": (lambda: tt.load_result(3), "a result must be a path, got 3"),
    "no time to measure": (lambda: tt.measure("default", minutes=0), "minutes must be above 0"),
    "no time to name": (lambda: tt.name_skills("default", minutes=-1), "minutes must be above 0"),
    "steps and minutes": (lambda: tt.discover("x", steps=10, minutes=1), "give minutes or steps, not both"),
    "effects that are a number": (lambda: tt.discover("x", steps=10, effects=3), "effects must be names"),
    "a folder that is a number": (lambda: tt.discover(3, steps=10), "out must be a path, got 3"),
    "a film of a number": (lambda: tt.record(3, "a.webp", task="lift"), "a skill or a policy by name, got 3"),
    "a film into a number": (lambda: tt.record("scripted", 3, task="lift"), "the film must be a path, got 3"),
    "tasks by number": (lambda: tt.tasks(3), "tasks must be names"),
}


@pytest.mark.parametrize(("call", "why"), WRONG.values(), ids=WRONG)
def test_what_a_function_cannot_take_is_one_line_and_leaves_nothing(
    call: Callable[[], Any], why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(tt.TabletopError, match=why) as caught:
        call()
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []
