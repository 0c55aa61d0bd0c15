"""Writing: whole or not at all, and on from where an interrupted call stopped."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tabletop.demos import Demonstration, Recording, write_demos
from tabletop.demos.record import demonstrate
from tabletop.errors import TabletopError
from tabletop.rollout.engine import Engine
from tabletop.rollout.evaluate import nothing, scripted
from tabletop.sim.robot_card import using_robot

MAKERS = {"lift": scripted, "reach": scripted}


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> list[Demonstration]:
    """Make "plain" a format, which needs no package: one empty file a demonstration. Return those it was given."""
    given: list[Demonstration] = []

    def write(root: Path, demos: Any, tasks: Any, policy: str) -> int:
        for demo in demos:
            given.append(demo)
            (root / f"{demo.task}-{demo.number}").touch()
        return sum(len(d) for d in demos)

    module = ModuleType("tabletop.demos.plain_format")
    module.write = write  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    formats = {"plain": (module.__name__, "numpy"), "lacking": (module.__name__, "no_such_package")}
    monkeypatch.setattr(sys.modules["tabletop.demos.write"], "FORMATS", formats)
    return given


def test_all_successes_are_written_and_nothing_else_is_left(
    plain: list[Demonstration], two: Recording, here: Engine, tmp_path: Path
) -> None:
    result = write_demos(tmp_path / "out", "plain", two, MAKERS, here)
    names = [f"{t}-{n}" for t in ("lift", "reach") for n in (40, 41)]
    assert [f"{d.task}-{d.number}" for d in plain] == names
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == names
    assert [p.name for p in tmp_path.iterdir()] == ["out"]
    assert (result["episodes"], result["steps"]) == (4, sum(len(d) for d in plain))
    assert result["tasks"] == {"lift": {"kept": 2, "run": 2}, "reach": {"kept": 2, "run": 2}}


def test_an_interrupted_recording_goes_on_and_runs_nothing_twice(
    plain: list[Demonstration], two: Recording, here: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[tuple[str, int]] = []

    def watched(task: Any, maker: Any, number: int, **_: Any) -> Demonstration:
        if len(ran) == 3:
            raise KeyboardInterrupt
        ran.append((task.name, number))
        return demonstrate(task, maker, number)

    module = sys.modules["tabletop.demos.write"]
    monkeypatch.setattr(module, "demonstrate", watched)
    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        write_demos(out, "plain", two, MAKERS, here)
    assert not out.exists()
    other = Recording("scripted", two.tasks, range(3))
    with pytest.raises(TabletopError, match="is of another recording"):
        write_demos(out, "plain", other, MAKERS, here)
    before = list(ran)
    monkeypatch.setattr(module, "demonstrate", lambda *a, **k: (ran.append((a[0].name, a[2])), demonstrate(*a, **k))[1])
    write_demos(out, "plain", two, MAKERS, here)
    assert len(ran) == len(set(ran)) == 4
    assert ran[:3] == before
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_failures_are_left_out_unless_asked_for(
    plain: list[Demonstration], two: Recording, here: Engine, tmp_path: Path
) -> None:
    still = {"lift": nothing, "reach": nothing}
    with pytest.raises(TabletopError, match="no episode of 'scripted' was a success; keep failures with --all"):
        write_demos(tmp_path / "a", "plain", two, still, here)
    whole = Recording("scripted", two.tasks, two.numbers, keep_failures=True)
    assert write_demos(tmp_path / "b", "plain", whole, still, here)["episodes"] == 4


def test_bad_formats_lacking_packages_and_taken_folders_are_one_line(
    plain: list[Demonstration], two: Recording, here: Engine, tmp_path: Path
) -> None:
    (tmp_path / "taken").mkdir()
    for form, out, message in (
        ("csv", "new", "unknown format of demonstrations 'csv'; there are: lacking, plain"),
        ("lacking", "new", r"format 'lacking' needs packages that are not here .*pip install -e '\.\[demos\]'"),
        ("plain", "taken", "is there already; give another --out"),
    ):
        with pytest.raises(TabletopError, match=message):
            write_demos(tmp_path / out, form, two, MAKERS, here)
    assert [p.name for p in tmp_path.iterdir()] == ["taken"]


def test_a_recording_of_other_skills_of_that_name_or_of_another_robot_does_not_go_on(
    plain: list[Demonstration], two: Recording, here: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object, **__: object) -> Demonstration:
        raise KeyboardInterrupt

    with monkeypatch.context() as interrupted:
        interrupted.setattr(sys.modules["tabletop.demos.write"], "demonstrate", stop)
        with pytest.raises(KeyboardInterrupt):
            write_demos(tmp_path / "out", "plain", replace(two, skills="one"), MAKERS, here)
    with pytest.raises(TabletopError, match="another"):
        write_demos(tmp_path / "out", "plain", replace(two, skills="other"), MAKERS, here)
    with using_robot("cobot6"), pytest.raises(TabletopError, match="another"):
        write_demos(tmp_path / "out", "plain", replace(two, skills="one"), MAKERS, here)
    assert write_demos(tmp_path / "out", "plain", replace(two, skills="one"), MAKERS, here)["episodes"] == 4
