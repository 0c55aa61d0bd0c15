"""A folder that is removed, or another in its place, while a stage is at work in it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from tabletop.discovery import train
from tabletop.discovery.config import DiscoverSettings
from tabletop.discovery.learner import LearnerSettings
from tabletop.errors import TabletopError
from tabletop.learn.sac import SACSettings
from tabletop.runs.lock import alone_in
from tabletop.runs.summary import merge_summary

Command = Callable[..., Any]
Lose = Callable[[Path], None]


def remove(folder: Path) -> None:
    shutil.rmtree(folder)


def replace(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()


def move(folder: Path) -> None:
    folder.rename(folder.with_name("moved"))


def put_a_file(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.write_text("x")


lost = pytest.mark.parametrize("lose", [remove, replace, move, put_a_file])


def work(folder: Path, lose: Lose, then: Callable[[], None]) -> None:
    with alone_in(folder):
        lose(folder)
        then()


def fail() -> None:
    raise FileNotFoundError("of the folder that is gone")


@lost
def test_work_in_a_folder_that_is_lost_never_ends_well(tmp_path: Path, lose: Lose) -> None:
    folder = tmp_path / "run"
    for then in (lambda: None, fail, lambda: merge_summary(folder, "plan", 1)):
        with pytest.raises(TabletopError, match=r"'.*run' was removed or replaced while this process"):
            work(folder, lose, then)
        assert not (folder / "summary.json").exists()
        for left in (folder, tmp_path / "moved"):
            shutil.rmtree(left, ignore_errors=True)
            left.unlink(missing_ok=True)


@lost
@pytest.mark.parametrize("name", ["measure", "name", "plan"])
def test_a_stage_whose_folder_is_lost_is_one_line_and_comes_back_in_no_part(
    command: Command, run_of: Path, monkeypatch: pytest.MonkeyPatch, name: str, lose: Lose
) -> None:
    def done(*_: object, **__: object) -> Any:
        lose(run_of)
        return {"skills": [], "named_tasks": [], "tasks": {}, "matrix": {"tasks": [], "skills": [], "rates": []}} | {
            "settings": {}
        }

    stages = import_module("tabletop.api.stages")
    monkeypatch.setattr("tabletop.cli.measure.measure_library", done)
    monkeypatch.setattr("tabletop.cli.measure.measurement", lambda *_: None)
    monkeypatch.setattr("tabletop.api.measuring.pace_of", lambda *_: 0.1)
    monkeypatch.setattr(stages, "name_skills", done)
    monkeypatch.setattr(stages, "run_goals", done)
    words = ["scripted", "--goals", "1", "--literals", "1", "--out", "run"] if name == "plan" else ["run"]
    command(name, *words, "--workers", "0").failed("'run' was removed or replaced while this process")
    # What somebody made in its place may get one file before that is seen.
    assert not run_of.is_dir() or len(list(run_of.iterdir())) <= 1


@lost
def test_a_discovery_ends_with_the_round_in_which_its_folder_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lose: Lose
) -> None:
    folder, rounds, whole = tmp_path / "run", [0], train._Run.round

    def one(run: Any, interrupted: Any) -> bool:
        rounds[0] += 1
        if rounds[0] == 2:
            lose(folder)
        return whole(run, interrupted)

    monkeypatch.setattr(train._Run, "round", one)
    settings = DiscoverSettings(
        counts={"joint": 2},
        effect_weights={"joint": 1.0},
        horizon=3,
        episodes=2,
        warmup=1000,
        scene="discovery",
        learner=LearnerSettings(sac=SACSettings(hidden=(8, 8))),
    )
    with pytest.raises(TabletopError, match=r"'.*run' was removed or replaced while this process"):
        train.discover(folder, settings, steps=10**6, workers=0, quiet=True)
    assert rounds == [2]
    assert not folder.is_dir() or list(folder.iterdir()) == []


@lost
def test_a_recording_whose_parts_are_lost_is_one_line(
    command: Command, here: Path, monkeypatch: pytest.MonkeyPatch, lose: Lose
) -> None:
    module = import_module("tabletop.demos.write")
    whole = module.save_demonstration

    def save(demo: Any, path: Path) -> None:
        if demo.number == 1:
            lose(path.parent)
        whole(demo, path)

    monkeypatch.setattr(module, "save_demonstration", save)
    words = ("--all", "--tasks", "lift", "--episodes", "2", "--workers", "0", "--out", "out")
    command("demos", "nothing", *words).failed("'out.parts' was removed or replaced while this process")
    assert not (here / "out").exists()
