"""Faults from outside, injected while a command is at work, and what it then says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pytest

from tabletop.cli import main
from tabletop.rollout.engine import Engine
from tabletop.sim import World
from tabletop.skills.library import Library, save_library


@dataclass(frozen=True)
class Said:
    """What a command left behind."""

    code: int
    err: str

    def refused(self, *parts: str) -> None:
        """Check that it ended with one line that has these parts, and not as if all were well."""
        (line,) = [line for line in self.err.splitlines() if line.startswith("tabletop: ")]
        assert self.code == 2
        assert all(part in line for part in parts), line
        assert "Traceback" not in self.err


Command = Callable[..., Said]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Go to an empty folder."""
    place = tmp_path / "here"
    place.mkdir()
    monkeypatch.chdir(place)
    return place


@pytest.fixture
def command(here: Path, capfd: pytest.CaptureFixture[str]) -> Command:
    """Return the function that runs a command in `here`."""

    def run(*arguments: str) -> Said:
        capfd.readouterr()
        code = main(list(arguments))
        return Said(code, capfd.readouterr().err)

    return run


@pytest.fixture
def run_of(here: Path, library: Library) -> Path:
    """Return a run folder with a library and the names of none of its skills."""
    save_library(library, here / "run" / "library")
    return here / "run"


@pytest.fixture
def no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no episode begin."""

    def begin(*_: object, **__: object) -> NoReturn:
        raise AssertionError("the work began")

    for name in ("map", "submit"):
        monkeypatch.setattr(Engine, name, begin)
    for name in ("__init__", "load"):
        monkeypatch.setattr(World, name, begin)
