"""Folders of projects in which something is odd: one line, or taken and harmless; nothing is written."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

import tabletop as tt
from tabletop import projects
from tabletop.api.project import new_project
from tabletop.logic import load_registry
from tabletop.projects import use_project

Command = Callable[..., Any]
Spoil = Callable[[Path], object]


@pytest.fixture
def lab(here: Path) -> Iterator[Path]:
    new_project("my_lab")
    yield here / "my_lab"
    projects._take(())


def linked(place: str, to: str) -> Spoil:
    return lambda lab: (lab / place).symlink_to(to)


def written(place: str, data: bytes) -> Spoil:
    def write(lab: Path) -> None:
        (lab / place).parent.mkdir(parents=True, exist_ok=True)
        (lab / os.fsdecode(os.fsencode(place))).write_bytes(data)

    return write


def replaced(place: str, to: Spoil) -> Spoil:
    def replace(lab: Path) -> None:
        (lab / place).unlink()
        to(lab)

    return replace


def copies(count: int) -> Spoil:
    def copy(lab: Path) -> None:
        card = (lab / "assets/objects/jar.yaml").read_bytes()
        for i in range(count):
            (lab / f"assets/objects/jar{i}.yaml").write_bytes(card)

    return copy


BAD_NAME: Final = "b\udcffd"  # A byte that is no UTF-8.
REFUSED: Final[dict[str, tuple[Spoil, str]]] = {
    "card is a folder": (lambda lab: (lab / "assets/objects/x.yaml").mkdir(), "objects/x.yaml: Is a directory"),
    "link to nothing": (linked("assets/objects/x.yaml", "nowhere"), "objects/x.yaml: No such file or directory"),
    "link to itself": (linked("assets/objects/x.yaml", "x.yaml"), "x.yaml: Too many levels of symbolic links"),
    "link out of the folder": (linked("assets/objects/x.yaml", "/etc/passwd"), "card objects/x.yaml"),
    "endless file": (linked("assets/objects/x.yaml", "/dev/zero"), "it may have at most 64 MiB"),
    "no UTF-8": (written("assets/objects/x.yaml", b"description: \xff"), "it must be UTF-8"),
    "name is no UTF-8": (written(f"assets/objects/{BAD_NAME}.yaml", b""), "a card's name must be"),
    "name has spaces": (written("assets/objects/my jar.yaml", b""), "a card's name must be"),
    "family is no UTF-8": (written(f"tasks/{BAD_NAME}/x.yaml", b"a: 1"), "task card"),
    "toml is a folder": (replaced("tabletop.toml", lambda lab: (lab / "tabletop.toml").mkdir()), "Is a directory"),
    "toml links to itself": (replaced("tabletop.toml", linked("tabletop.toml", "tabletop.toml")), "symbolic links"),
    "toml is endless": (
        replaced("tabletop.toml", linked("tabletop.toml", "/dev/zero")),
        "at most 0.0625 MiB",
    ),
    "gone": (lambda lab: shutil.rmtree(lab), "cannot read project"),
}
HARMLESS: Final[dict[str, Spoil]] = {
    "folders in a circle": lambda lab: [linked("tasks/loop", "..")(lab), linked("assets/objects/up", "../..")(lab)],
    "lock of an editor": linked("assets/objects/.#jar.yaml", "somebody@somewhere"),
    "a project in it": lambda lab: shutil.copytree(lab, lab.with_name("x")).rename(lab / "assets/objects/inner"),
    "a broken library": written("policies/discovered/x/library.yaml", b"\xff"),
    "a library that was left": written("policies/discovered/x.tmp/library.yaml", b""),
    "hundreds of cards": copies(300),
}


def tree(folder: Path) -> list[str]:
    return sorted(os.fspath(path) for path in folder.rglob("*"))


@pytest.mark.parametrize("way", REFUSED)
def test_what_cannot_be_used_is_one_line(way: str, lab: Path, here: Path, command: Command) -> None:
    spoil, message = REFUSED[way]
    spoil(lab)
    before = tree(here)
    command("docs", "--project", "my_lab").refused(message)
    assert tree(here) == before


@pytest.mark.parametrize("way", HARMLESS)
def test_what_is_odd_does_no_harm(way: str, lab: Path, command: Command) -> None:
    HARMLESS[way](lab)
    said = command("tasks", "--tasks", "jar-on-tray", "--project", "my_lab")
    assert (said.code, said.err) == (0, "")
    assert command("scene", "--card", "desk").code == 0


def test_one_folder_by_several_ways_is_one_project(lab: Path, here: Path, command: Command) -> None:
    (here / "link").symlink_to("my_lab")
    ways = os.pathsep.join(["my_lab", "link", "./my_lab/../my_lab", str(lab), "my_lab/tabletop.toml"])
    assert command("tasks", "--tasks", "jar-on-tray", "--project", ways).code == 0
    assert [project.root for project in projects.active()] == [lab]


@pytest.mark.parametrize("workers", [0, 1])
def test_a_project_that_goes_while_it_is_used_is_one_line(workers: int, lab: Path) -> None:
    use_project(lab)
    task = load_registry()["jar-on-tray"]
    shutil.rmtree(lab)
    with pytest.raises(tt.TabletopError, match=r"cannot read project|unknown kind of entity 'jar'") as caught:
        tt.evaluate("nothing", task, episodes=2, workers=workers)
    assert "\n" not in str(caught.value)
