"""Projects: folders of one's own with things, scenes, robots, tasks and policies, beside those of the package.

A project has the package's own subfolders, as far as it needs them, and a `tabletop.toml`:

    name = "my_lab"
    plugins = ["my_lab_parts"]   # Python modules in the project's folder to import, if any

What is in it is used as what comes with the package is, by its name. A name that exists twice is an error.
"""

from __future__ import annotations

import importlib
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, TypedDict

from msgspec import Meta

from tabletop.errors import TabletopError
from tabletop.files import read_bytes, read_text, write_whole
from tabletop.paths import DATA
from tabletop.schema import Name, fill

if sys.version_info >= (3, 11):
    import tomllib
else:  # pragma: no cover
    import tomli as tomllib

__all__ = [
    "FILE",
    "PACKAGE",
    "Packed",
    "Project",
    "active",
    "find",
    "has_changed",
    "nearest_project",
    "origin",
    "packed",
    "use_packed",
    "use_project",
    "version",
]

FILE: Final = "tabletop.toml"
PACKAGE: Final = "tabletop"
_NAMED: Final = (
    *("assets/objects", "assets/fixtures", "assets/robots", "assets/scenes"),
    *("tasks/*", "policies/scripted", "policies/counterexamples"),
)
"""Folders whose cards are known by their names."""
_SENT: Final = ("assets", "tasks", "policies/scripted", "policies/counterexamples")
_LARGEST: Final = 256 * 2**20
"""Bytes of a project's cards, meshes and plugins at most, where they are sent to another machine."""
_TOML: Final = 65_536
"""Bytes of a tabletop.toml at most."""
_Module = Annotated[str, Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$", max_length=200)]


class _Needs(TypedDict):
    name: Name


class _Settings(_Needs, total=False):
    """What a tabletop.toml may say."""

    plugins: Annotated[tuple[_Module, ...], Meta(max_length=100)]


@dataclass(frozen=True)
class Project:
    """A folder of one's own."""

    name: str
    root: Path
    """Absolute."""
    plugins: tuple[str, ...] = ()
    """Python modules in it that are imported when it is used."""


Packed = tuple[str, Mapping[str, bytes]]
"""A project's name, and its files by their paths in it."""

_used: tuple[Project, ...] = ()
_version = 0
_unpacked: list[tempfile.TemporaryDirectory[str]] = []
"""They go when this process ends."""


def active() -> tuple[Project, ...]:
    """Return the projects in use, in the order in which they were taken."""
    return _used


def version() -> int:
    """Return a number that is another one once a project was taken: what is kept of cards holds for one of them."""
    return _version


def has_changed() -> None:
    """Note that a project in use has other cards than before, so that they are read again."""
    global _version
    _version += 1


def use_project(path: str | os.PathLike[str]) -> Project:
    """Use a project's things, scenes, robots, tasks and policies from now on, beside what is there.

    Its plugins are imported: their code runs. Nothing else of a project does. Twice is once.

    Args:
        path: its folder, or its tabletop.toml.

    Raises:
        TabletopError: there is no tabletop.toml, it is malformed, a name is there already, or a plugin has an error.
    """
    global _used, _version
    project = _read(Path(path))
    for other in _used:
        if other.root == project.root:
            return other
        if other.name == project.name:
            raise TabletopError(
                f"two projects may not have one name, {project.name!r}: {str(other.root)!r} and {str(project.root)!r}"
            )
    before = _used
    _used, _version = (*_used, project), _version + 1
    try:
        for folder in _NAMED:
            find(folder)
        _import(project)
    except BaseException:
        _used, _version = before, _version + 1
        raise
    return project


def _read(path: Path) -> Project:
    file = path if path.name == FILE else path / FILE
    what = f"project {str(file)!r}"
    try:
        settings = tomllib.loads(read_text(file, what, _TOML))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise TabletopError(f"{what}: it must be TOML: {' '.join(str(error).split())[:200]}") from None
    found = fill(_Settings, settings, what)
    return Project(found["name"], file.resolve().parent, found.get("plugins", ()))


def _import(project: Project) -> None:
    if not project.plugins:
        return
    place = str(project.root)
    if place not in sys.path:
        sys.path.append(place)
    for name in project.plugins:
        try:
            importlib.import_module(name)
        except Exception as error:
            line = " ".join(f"{type(error).__name__}: {error}".split())
            raise TabletopError(f"project {project.name!r}: plugin {name!r} has an error: {line[:500]}") from None


def packed() -> tuple[Packed, ...]:
    """Return the projects in use with all that their cards and plugins are, to send them to another machine.

    Raises:
        TabletopError: they are too large.
    """
    return tuple((project.name, _files(project)) for project in _used)


def _files(project: Project) -> dict[str, bytes]:
    modules = {name.partition(".")[0] for name in project.plugins}
    patterns = [FILE, *(f"{folder}/**/*" for folder in _SENT)]
    patterns += [pattern for m in modules for pattern in (f"{m}.py", f"{m}/**/*.py")]
    found: dict[str, bytes] = {}
    left = _LARGEST
    for path in sorted({path for pattern in patterns for path in project.root.glob(pattern) if path.is_file()}):
        data = read_bytes(path, f"{str(path)!r}, to send it", left)
        found[path.relative_to(project.root).as_posix()] = data
        left -= len(data)
    return found


def use_packed(packs: Sequence[Packed]) -> None:
    """Use projects that another process has packed; their files lie in the system's temporary folder meanwhile.

    Raises:
        TabletopError: as `use_project`.
    """
    names = {project.name for project in _used}
    for name, files in packs:
        if name not in names:
            folder = tempfile.TemporaryDirectory(prefix="tabletop-")
            _unpacked.append(folder)
            for path, data in files.items():
                target = Path(folder.name) / path
                target.parent.mkdir(parents=True, exist_ok=True)
                write_whole(target, data)
            use_project(folder.name)


def nearest_project(start: Path) -> Path | None:
    """Return the folder with a tabletop.toml that is nearest: `start`, or one above; None where there is none."""
    for folder in (start, *start.parents):
        if (folder / FILE).is_file():
            return folder
    return None


def _roots() -> Iterator[Path]:
    yield DATA
    for project in _used:
        yield project.root


def find(folder: str) -> dict[str, Path]:
    """Return the cards in a folder of the package and of the projects in use, by name, sorted.

    Args:
        folder: below a project, such as "assets/objects"; "tasks/*" for the folders of all families.

    Raises:
        TabletopError: a name is there twice; the message has both files.
    """
    found: dict[str, Path] = {}
    for root in _roots():
        for path in sorted(root.glob(f"{folder}/*.yaml")):
            other = found.setdefault(path.stem, path)
            if other != path:
                raise TabletopError(
                    f"{folder.partition('/')[2] or folder}: the name {path.stem!r} is there twice: {str(other)!r} and "
                    f"{str(path)!r}; give one of them another"
                )
    return dict(sorted(found.items()))


def origin(path: Path) -> str:
    """Return the name of the project that a file is of, or PACKAGE for the package's own."""
    for project in _used:
        if path.is_relative_to(project.root):
            return project.name
    return PACKAGE
