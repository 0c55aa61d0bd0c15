"""Each example runs, with little work, and is short."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[2] / "examples"
NUMBERED = sorted(path.name for path in FOLDER.glob("0*.py"))


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Callable[..., None]]:
    monkeypatch.chdir(tmp_path)

    def load(name: str) -> Callable[..., None]:
        found: dict[str, Any] = runpy.run_path(str(FOLDER / name))
        main: Callable[..., None] = found["main"]
        return main

    return load


@pytest.mark.parametrize("name", NUMBERED)
def test_an_example_is_short_and_says_how_it_is_run(name: str) -> None:
    text = (FOLDER / name).read_text(encoding="utf-8")
    assert len(text.splitlines()) < 60
    assert f"python examples/{name}" in text


def test_there_are_six() -> None:
    assert [name[:2] for name in NUMBERED] == ["01", "02", "03", "04", "05", "06"]


def test_a_discovery_is_measured_named_and_filmed(example: Any, capsys: pytest.CaptureFixture[str]) -> None:
    example("01_discover.py")("run", 600)
    out = capsys.readouterr().out
    assert "of 16 codes" in out
    assert "tasks named, by 0 of 16 skills" in out
    assert Path("run/name.json").is_file()
    assert Path("run/best.webp").is_file()


def test_two_policies_are_perturbed_on_the_same_tasks(example: Any, capsys: pytest.CaptureFixture[str]) -> None:
    example("03_perturb.py")("curves", 1)
    assert sorted(path.name for path in Path("curves").iterdir()) == ["default.json", "scripted.json"]
    assert "scripted  push-arm" in capsys.readouterr().out


def test_a_goal_is_planned_by_both(example: Any, capsys: pytest.CaptureFixture[str]) -> None:
    example("04_plan.py")("lifted(red, 10 cm)")
    out = capsys.readouterr().out
    assert "scripted: reached by" in out
    assert "default: " in out


def test_a_task_of_ones_own_is_done_by_its_steps_and_not_by_chance(
    example: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    example("05_my_task.py")(3)
    own, chance = (line for line in capsys.readouterr().out.splitlines() if line.startswith("lift-12"))
    assert float(own.split()[1]) >= 0.6
    assert float(chance.split()[1]) == 0.0


def test_demonstrations_are_recorded_and_read_back(example: Any, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("pyarrow")
    example("06_lerobot.py")("data", 1)
    assert "observation.state" in capsys.readouterr().out
