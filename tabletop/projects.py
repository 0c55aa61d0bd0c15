"""Projects: folders of one's own with things, scenes, robots, tasks and policies, beside those of the package.

A project has the package's own subfolders, as far as it needs them, and a `tabletop.toml`:

    name = "my_lab"
    plugins = ["my_lab_parts"]   # Python modules in the project's folder to import, if any
    installed = ["gears"]        # what installed distributions offer, if any: see plugins.py

What is in it is used as what comes with the package is, by its name. A name that exists twice is an error.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Final, TypedDict, TypeVar

from msgspec import Meta

from tabletop.errors import TabletopError
from tabletop.files import make_folder, read_bytes, read_text, write_whole
from tabletop.paths import DATA
from tabletop.plugins import import_installed, import_modules
from tabletop.schema import Name, fill, is_name

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
    "find_libraries",
    "has_changed",
    "kept",
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
_Offered = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$", max_length=100)]
_Module = Annotated[str, Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$", max_length=200)]


class _Needs(TypedDict):
    name: Name


class _Settings(_Needs, total=False):
    """What a tabletop.toml may say."""

    plugins: Annotated[tuple[_Module, ...], Meta(max_length=100)]
    installed: Annotated[tuple[_Offered, ...], Meta(max_length=100)]


@dataclass(frozen=True)
class Project:
    """A folder of one's own."""

    name: str
    root: Path
    """Absolute."""
    plugins: tuple[str, ...] = ()
    """Python modules in it that are imported when it is used."""
    installed: tuple[str, ...] = ()
    """Entry points of the group `tabletop.plugins` that are imported then, too."""


Packed = tuple[str, Mapping[str, bytes]]
"""A project's name, and its files by their paths in it."""

_used: tuple[Project, ...] = ()
_version = 0
_unpacked: list[tempfile.TemporaryDirectory[str]] = []
"""They go when this process ends."""
_forget: list[Callable[[], None]] = []
"""What empties the caches of `kept`."""

_Function = TypeVar("_Function", bound=Callable[..., Any])


def kept(function: _Function) -> _Function:
    """Keep what a function returns, as functools.cache does, until other projects or cards are there.

    >>> from tabletop.projects import find, kept
    >>> @kept
    ... def count(folder: str) -> int:
    ...     return len(find(folder))
    """
    found: Any = cache(function)
    _forget.append(found.cache_clear)
    kept_function: _Function = found
    return kept_function


def _take(used: tuple[Project, ...]) -> None:
    """Use these projects, and no others."""
    global _used, _version
    _used, _version = used, _version + 1
    for forget in _forget:
        forget()


def active() -> tuple[Project, ...]:
    """Return the projects in use, in the order in which they were taken."""
    return _used


def version() -> int:
    """Return a number that is another one once a project was taken: what is kept of cards holds for one of them."""
    return _version


def has_changed() -> None:
    """Note that a project in use has other cards than before, so that they are read again."""
    _take(_used)


def use_project(path: str | os.PathLike[str]) -> Project:
    """Use a project's things, scenes, robots, tasks and policies from now on, beside what is there.

    Its plugins are imported: their code runs. Nothing else of a project does. Twice is once.
    An installed plugin whose package has a tabletop.toml is a project itself, and is used after this one.

    Args:
        path: its folder, or its tabletop.toml.

    Raises:
        TabletopError: there is no tabletop.toml, it is malformed, a name is there already, or a plugin is not there or
            has an error.
    """
    project = _read(Path(path))
    for other in _used:
        if other.root == project.root:
            return other
        if other.name == project.name:
            raise TabletopError(
                f"two projects may not have one name, {project.name!r}: {str(other.root)!r} and {str(project.root)!r}"
            )
    before = _used
    _take((*before, project))
    try:
        for folder in _NAMED:
            find(folder)
        find_libraries()
        import_modules(project.plugins, project.root, f"project {project.name!r}")
        for name in project.installed:
            place = import_installed(name, f"project {project.name!r}")
            if (place / FILE).is_file():
                use_project(place)
    except BaseException:
        _take(before)
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
    return Project(found["name"], file.resolve().parent, found.get("plugins", ()), found.get("installed", ()))


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
    for name, files in packs:
        if name not in {project.name for project in _used}:  # One may have brought the next.
            folder = tempfile.TemporaryDirectory(prefix="tabletop-")
            _unpacked.append(folder)
            for path, data in files.items():
                target = Path(folder.name) / path
                make_folder(target.parent)
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

    Hidden files are passed over: editors leave such beside the file that they have open.

    Args:
        folder: below a project, such as "assets/objects"; "tasks/*" for the folders of all families.

    Raises:
        TabletopError: a name is there twice (the message has both files), or a file has none that a card may have.
    """
    paths = [path for path in _matching(f"{folder}/*.yaml") if not path.name.startswith(".")]
    for path in paths:
        if not is_name(path.stem):
            raise TabletopError(f"a card's name must be letters, digits, _ and -, got {str(path)!r}")
    return _named(folder.partition("/")[2] or folder, ((path.stem, path) for path in paths))


def find_libraries() -> dict[str, Path]:
    """Return the skill libraries in policies/discovered of the package and of the projects in use, by name, sorted.

    A library lies there by itself, or in the run's folder that it was discovered in.

    Raises:
        TabletopError: a name is there twice; the message has both folders.
    """
    runs = [(path.parent.parent, path.parent) for path in _matching("policies/discovered/*/library/library.yaml")]
    alone = [(path.parent, path.parent) for path in _matching("policies/discovered/*/library.yaml")]
    named = ((folder.name, library) for folder, library in (*alone, *runs))
    return _named("libraries", (pair for pair in named if is_name(pair[0])))  # Others are what a kill left.


def _matching(pattern: str) -> Iterator[Path]:
    for root in _roots():
        yield from sorted(root.glob(pattern))


def _named(what: str, paths: Iterable[tuple[str, Path]]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for name, path in paths:
        other = found.setdefault(name, path)
        if other != path:
            raise TabletopError(
                f"{what}: the name {name!r} is there twice: {str(other)!r} and {str(path)!r}; give one of them another"
            )
    return dict(sorted(found.items()))


def origin(path: Path) -> str:
    """Return the name of the project that a file is of, or PACKAGE for the package's own."""
    for project in _used:
        if path.is_relative_to(project.root):
            return project.name
    return PACKAGE
