from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

import tabletop as tt
from tabletop.api.clock import naming_within
from tabletop.api.measuring import HeldOut, fitting, measuring_within, name_settings, plan_measuring
from tabletop.naming import NameSettings
from tabletop.rollout.engine import Engine
from tabletop.runs.records import Discovery
from tabletop.skills.library import Library, save_library

Command = Callable[..., Any]
measuring = import_module("tabletop.api.measuring")
stages = import_module("tabletop.api.stages")


@pytest.fixture
def pace(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return a list of the one pace that is measured."""
    found = [0.05]
    monkeypatch.setattr(measuring, "pace_of", lambda *_: found[0])
    return found


@pytest.fixture
def discovered(monkeypatch: pytest.MonkeyPatch, library: Library) -> None:
    def discover(folder: Path, *_: object, begun: Callable[[], None], **__: object) -> Library:
        begun()
        save_library(library, folder / "library")
        return library

    monkeypatch.setattr(stages, "discover", discover)


def test_as_many_episodes_as_fit_and_a_tenth_for_each_baseline() -> None:
    # 206 codes of 0.05 s: 30 episodes, 3 x 3 and 15 are 556.2 s of running, which is 85 % of 654.4 s.
    assert fitting(206, 0.05, 655.0).episodes == 30
    assert fitting(206, 0.05, 654.0).episodes == 29
    assert fitting(206, 0.05, 1e6) == HeldOut(206, 50, 0.05)
    assert fitting(206, 0.05, 1.0) == HeldOut(206, 5, 0.05)
    assert (fitting(206, 0.05, 1.0).baselines, HeldOut(206, 50).baselines) == (2, 5)


@pytest.mark.parametrize("minutes", [6.0, 12.0, 30.0, 60.0])
@pytest.mark.parametrize("pace", [0.01, 0.03])
def test_measuring_takes_a_third_of_the_minutes_at_most(minutes: float, pace: float) -> None:
    plan = fitting(206, pace, 60 * minutes / 3)
    assert plan.seconds is not None
    assert plan.seconds <= 60 * minutes / 3
    assert plan.episodes == 50 or fitting(206, pace, 60 * minutes).episodes > plan.episodes


def test_the_clock_has_a_say_only_where_the_budget_is_in_minutes(pace: list[float], library: Library) -> None:
    # 2 codes: 7 episodes, 3 x 2 and 4 are 34 episodes, 10 s each are 400 s of the 410 that there are.
    pace[0] = 10.0
    with Engine(0) as engine:
        assert plan_measuring(library, engine, 0, minutes=20.5).episodes == 7
        assert plan_measuring(library, engine, 0, minutes=20.5, episodes=9).episodes == 9
        assert plan_measuring(library, engine, 0).episodes == 50
        assert plan_measuring(library, engine, 0, episodes=9).pace is None
    assert HeldOut(206, 50, 0.05).announcement() == (
        "measuring: 206 codes x 50 episodes, 3 baselines x 5 and a joint count x 25, about 18 min"
    )
    assert HeldOut(2, 9).announcement() == "measuring: 2 codes x 9 episodes, 3 baselines x 2 and a joint count x 4"


@pytest.mark.usefixtures("discovered")
def test_measuring_is_announced_before_it_begins_and_bounded(
    command: Command, here: Path, pace: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    pace[0] = 10.0
    figures: dict[str, Any] = {"effective_skills_2cm": 1.0, "effective_skills_5cm": 1.0, "bits_2cm": 0.0, "codes": 2}
    figures |= {"coverage_bins_5cm": 1, "by_effect": {}, "baselines": {}, "env_steps": 9, "minutes": 1.0, "seed": 0}
    figures |= {"objective": "final-state", "skills": ()}

    def stage(*given: Any) -> Discovery:
        return Discovery(**figures, episodes=given[-2], baseline_episodes=given[-1])

    monkeypatch.setattr(stages, "measure_stage", stage)
    said = command("discover", "--minutes", "20.5", "--out", "run", "--workers", "0", "--json")
    assert said.err == "measuring: 2 codes x 7 episodes, 3 baselines x 2 and a joint count x 4, about 7 min\n"
    found = json.loads(said.out)
    assert (found["episodes"], found["baseline_episodes"]) == (7, 2)
    said = command("discover", "--steps", "10", "--out", "run", "--workers", "0", "--json")
    found = json.loads(said.out)
    assert (found["episodes"], found["baseline_episodes"]) == (50, 5)


@pytest.mark.usefixtures("discovered")
def test_what_was_used_is_in_the_result_and_in_discover_json(command: Command, here: Path) -> None:
    said = command("discover", "--steps", "10", "--episodes", "3", "--out", "run", "--workers", "0", "--json")
    assert said.err.splitlines()[0] == "measuring: 2 codes x 3 episodes, 3 baselines x 2 and a joint count x 4"
    found, kept = json.loads(said.out), json.loads((here / "run" / "discover.json").read_text())
    assert (found["episodes"], found["baseline_episodes"]) == (kept["episodes"], kept["baseline_episodes"]) == (3, 2)


@pytest.mark.usefixtures("discovered")
def test_measuring_can_be_left_out(command: Command, here: Path) -> None:
    said = command("discover", "--steps", "10", "--out", "run", "--no-measure", "--workers", "0")
    assert said.err == ""
    assert said.out.splitlines() == ["library in run/library", "not measured; measure it with: tabletop measure run"]
    assert sorted(p.name for p in (here / "run").iterdir()) == ["library", "run.yaml"]
    assert (here / "run" / "run.yaml").read_text().splitlines()[0].endswith(" --no-measure")
    said = command("discover", "--steps", "10", "--out", "run", "--no-measure", "--workers", "0", "--json")
    assert json.loads(said.out) == {"library": "run/library", "measured": False}


def test_a_library_is_measured_within_minutes_of_its_own(pace: list[float], library: Library) -> None:
    pace[0] = 10.0
    with Engine(0) as engine:
        # The whole of them, where a discovery gives a third: 7 episodes, 3 x 2 and 4 of 2 codes are 400 s.
        assert measuring_within(library, engine, 0, None, 6.8).episodes == 7
        assert measuring_within(library, engine, 0, 9, None).episodes == 9
        assert measuring_within(library, engine, 0, None, None).episodes == 50


@pytest.mark.parametrize("minutes", [3.0, 4.0, 8.0, 60.0])
@pytest.mark.parametrize("codes", [112, 206])
def test_naming_takes_the_minutes_that_it_is_given_at_most(codes: int, minutes: float) -> None:
    settings = naming_within(60 * minutes, 0.04, codes, NameSettings())
    assert settings.limit is not None
    # Split A and its trials, split B with its baselines, split C of some eight tasks.
    a, b = codes * (settings.effects + settings.contenders * settings.trials), min(settings.limit, 60 * codes)
    assert (a + b + 8 * settings.fresh) * 0.04 <= 60 * minutes
    assert settings.effects >= 4
    more = naming_within(120 * minutes, 0.04, codes, NameSettings())
    assert (more.effects, more.trials) > (settings.effects, settings.trials) or settings.effects == 16


def test_a_library_is_named_within_minutes(pace: list[float], library: Library) -> None:
    pace[0] = 4.0
    with Engine(0) as engine:
        found = name_settings(library, engine, 3, None, 2.0)
    assert found == replace(naming_within(120.0, 4.0, library.codes.total, NameSettings()), seed=3)


def test_naming_without_a_budget_is_as_thorough_as_it_was(
    pace: list[float], library: Library, capsys: pytest.CaptureFixture[str]
) -> None:
    with Engine(0) as engine:
        assert name_settings(library, engine, 3) == NameSettings(seed=3)
        assert name_settings(library, engine, 3, 10) == NameSettings(seed=3, episodes=10, fresh=20)
    assert "naming: 2 skills, about " in capsys.readouterr().err


@pytest.mark.parametrize("stage", ["measure", "name"])
@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--minutes", "0"), "--minutes must be above 0 to 100000, got 0"),
        (("--minutes", "1", "--episodes", "3"), "give episodes or minutes, not both"),
    ],
)
def test_a_bad_budget_is_refused(command: Command, stage: str, more: tuple[str, ...], message: str) -> None:
    command(stage, "default", *more, "--workers", "0").refused(message)


def test_a_resumed_run_says_what_began_it_and_what_went_on(command: Command, here: Path) -> None:
    alike = ("--no-measure", "--workers", "0", "--out", "run")
    command("discover", "--effects", "joint", "--scene", "discovery", "--steps", "200", *alike)
    first = yaml.safe_load((here / "run/run.yaml").read_text())
    assert "--effects joint" in first["command"]
    command("discover", "--resume", "--steps", "400", *alike)
    then = yaml.safe_load((here / "run/run.yaml").read_text())
    assert {k: v for k, v in then.items() if k != "resumed"} == first
    assert then["resumed"][0].startswith("tabletop discover --resume --steps 400")
    tt.discover("run", steps=500, effects=["joint"], scene="discovery", workers=0, resume=True)
    call = "'run', steps=500, seed=0, effects=['joint'], scene='discovery', objective='final-state', resume=True"
    last = yaml.safe_load((here / "run/run.yaml").read_text())["resumed"]
    assert last == [*then["resumed"], f"tt.discover({call})"]
    tt.measure("run", episodes=5, workers=0).save("run")
    command("report", "run")
    page = (here / "run/report.html").read_text()
    assert "--effects joint" in page
    assert "--resume --steps 400" in page
