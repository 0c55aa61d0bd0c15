"""Our discovery beside its relatives: libraries are made once, measured alike, and compared."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import relatives

from tabletop.errors import TabletopError
from tabletop.skills.library import find_library, load_library


def test_methods_differ_in_their_objective_only() -> None:
    found = [
        relatives.EFFECTS["usual"](learner=relatives.LearnerSettings(objective=name), seed=3)
        for name in relatives.METHODS
    ]
    assert [s.learner.objective for s in found] == list(relatives.METHODS)
    alike = [relatives.replace(s, learner=relatives.LearnerSettings()) for s in found]
    assert alike[0] == alike[1] == alike[2]


def test_the_tuning_of_each_method_is_said_or_not() -> None:
    assert relatives.tuning_of("curious=4", relatives.METHODS) == {
        "final-state": None,
        "goal-conditioned": None,
        "curious": 4,
    }
    for wrong in ("dance=1", "curious", "curious=many"):
        with pytest.raises(TabletopError, match="NAME=RUNS"):
            relatives.tuning_of(wrong, relatives.METHODS)


def test_settings_of_the_learner_have_the_kind_of_their_defaults() -> None:
    assert relatives.learner_of("") == {}
    found = relatives.learner_of("goal_tolerance=0.05,n_steps=2,mirror=false,reward_scale=10")
    assert found == {"goal_tolerance": 0.05, "n_steps": 2, "mirror": False, "reward_scale": 10}
    for wrong in (
        "dance=1",
        "mirror=1",
        "n_steps=2.5",
        "goal_tolerance",
        "goal_tolerance=true",
        "sac=1",
        "objective=lsd",
    ):
        with pytest.raises(TabletopError, match="SETTING=VALUE"):
            relatives.learner_of(wrong)


@pytest.mark.slow
def test_the_command_makes_measures_compares_and_makes_nothing_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "results" / "relatives.json"
    words = ["--steps", "1", "--effects", "few", "--measures", "coverage", "--outcomes", "4", "--workers", "0"]
    words += [
        "--tuning",
        "curious=2",
        "--learner",
        "goal_tolerance=0.05",
        "--runs",
        str(tmp_path / "runs"),
        "--out",
        str(out),
    ]
    monkeypatch.setattr(sys, "argv", ["relatives.py", *words, "--seeds", "1"])
    relatives.main()
    first = json.loads(out.read_text(encoding="utf-8"))
    assert first["tuning_runs"] == {"final-state": None, "goal-conditioned": None, "curious": 2}
    assert first["learner"] == {"goal_tolerance": 0.05}
    assert list(first["groups"]) == list(relatives.METHODS)
    assert first["table"]["coverage"]["minus"].keys() == {"goal-conditioned", "curious"}
    for name, (folder,) in first["groups"].items():
        assert load_library(find_library(folder)).info["objective"] == name
    assert "curious: settings chosen by 2 runs" in capsys.readouterr().out
    monkeypatch.setattr(relatives, "discover", lambda *_, **__: pytest.fail("it is there"))
    relatives.main()
    assert json.loads(out.read_text(encoding="utf-8"))["libraries"] == first["libraries"]
