"""Places where nothing can be written are refused before the work."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from tabletop.errors import TabletopError
from tabletop.files import check_out, write_whole

Command = Callable[..., Any]

FILES: Final[dict[str, list[str]]] = {
    "tasks audit": ["tasks", "audit", "--tasks", "lift"],
    "tasks audit --physics": ["tasks", "audit", "--physics", "--tasks", "lift"],
    "evaluate": ["evaluate", "nothing", "--tasks", "lift"],
    "play": ["play", "nothing", "--task", "lift"],
    "goals": ["goals", "--count", "1"],
    "perturb --tasks": ["perturb", "nothing", "--tasks", "lift"],
}
FOLDERS: Final[dict[str, list[str]]] = {
    "scene": ["scene"],
    "tasks": ["tasks", "--tasks", "lift"],
    "demos": ["demos", "nothing", "--tasks", "lift"],
    "discover": ["discover", "--steps", "9", "--effects", "joint", "--scene", "discovery"],
    "measure": ["measure", "default"],
    "name": ["name", "default"],
    "plan": ["plan", "scripted"],
    "plan --tasks": ["plan", "own.py:make", "--tasks", "lift"],
    "plan --chains": ["plan", "scripted", "--chains", "1"],
    "perturb": ["perturb", "default"],
    "run": ["run", "--library", "default"],
}
ENDING: Final = {"play": ".webp"}

pytestmark = pytest.mark.usefixtures("no_work")


def listing(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*"))


@pytest.fixture
def taken(here: Path) -> list[str]:
    """Put a file, a folder and a closed folder there; return what is there."""
    (here / "file").write_text("mine")
    (here / "folder").mkdir()
    (here / "folder.webp").mkdir()
    (here / "closed").mkdir(mode=0o555)
    (here / "own.py").write_text("def make(task, scene):\n    return None\n")
    return listing(here)


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_cannot_be_is_refused_before_the_work(
    command: Command, here: Path, taken: list[str], name: str
) -> None:
    end = ENDING.get(name, "")
    places = [f"folder{end}", f"file/x{end}", f"file/deeper/x{end}", "n" * 300 + end]
    places += [f"/proc/x/y{end}"] if sys.platform == "linux" else []
    places += [f"closed/x{end}"] if os.geteuid() else []
    for place in places:
        command(*FILES[name], "--out", place).failed(place)
    assert listing(here) == taken


@pytest.mark.parametrize("name", FOLDERS)
def test_a_folder_that_cannot_be_is_refused_before_the_work(
    command: Command, here: Path, taken: list[str], name: str
) -> None:
    places = ["file", "file/x", "n" * 300]
    places += ["/proc/x"] if sys.platform == "linux" else []
    places += ["closed/x"] if os.geteuid() else []
    for place in places:
        command(*FOLDERS[name], "--out", place).failed(place)
    assert listing(here) == taken


def test_no_device_and_no_pipe_is_replaced_by_a_file(here: Path) -> None:
    os.mkfifo(here / "pipe")
    for path in (Path("/dev/null"), here / "pipe"):
        with pytest.raises(TabletopError, match="no file but a device, a socket or a pipe"):
            check_out(path, "x")
    with pytest.raises(OSError, match="no file but a device, a socket or a pipe"):
        write_whole(here / "pipe", "x")
    assert listing(here) == ["pipe"]
    assert (here / "pipe").is_fifo()


def test_folders_that_are_to_be_made_and_files_to_be_replaced_are_no_hindrance(here: Path) -> None:
    (here / "old").write_text("x")
    (here / "old").chmod(0o444)
    for path in ("new", "a/b/c", "old"):
        check_out(Path(path), "x")
    assert listing(here) == ["old"]


@pytest.mark.parametrize("path", ["a\0b", "file/x", "/proc/x/y"])
def test_what_a_path_cannot_be_is_one_line(here: Path, taken: list[str], path: str) -> None:
    with pytest.raises(TabletopError, match=r"^cannot write "):
        check_out(Path(path), "x")
