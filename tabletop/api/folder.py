"""The run folder that a stage writes to: which it is, and the library it needs in it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import numpy as np

from tabletop import __version__
from tabletop.errors import TabletopError
from tabletop.files import LARGE, as_utf8, read_bytes, read_json, write_whole, writing_folder
from tabletop.runs.lock import NOTE, alone_in
from tabletop.skills.library import LEARNER, Library, find_library, load_library, save_library
from tabletop.yaml_files import read_yaml, yaml_text

__all__ = [
    "folder_for",
    "forget_stages",
    "library_of",
    "made_with_another",
    "make_way",
    "note_made",
    "run_folder",
]

_BESIDE: Final = ("discover.json", "name.json", "metrics.jsonl", "summary.json")
"""Files of a run that say something of its library."""
_STAGES: Final = (
    *("discover.json", "measure.json", "measure.html", "name.json", "plan.json", "chains.json", "perturb.json"),
    *("summary.json", "report.html"),
)
"""Files of the stages after discovery."""


def library_of(folder: Path) -> Library:
    """Return the library of a run folder, or the one that ships under that name."""
    return load_library(find_library(str(folder)))


def run_folder(run: str, out: str | None, needs: Sequence[str] = ()) -> Path:
    """Return the folder a stage writes to; a library from elsewhere is copied into it, with what is known of it.

    Args:
        run: a run folder, a library's folder, or the name of a library that ships.
        out: where to write instead.
        needs: files of earlier stages; nothing is copied where one is missing.

    Raises:
        TabletopError: no such library, it is damaged, a file is missing, another library is where to write, or another
            process is at work there.
        OSError: it cannot be copied (a full disk).
    """
    source = Path(run)
    if out is None and source.is_dir() and ((source / "library").is_dir() or not (source / "library.yaml").is_file()):
        return source
    path = find_library(run)
    library = load_library(path)
    target = Path(out) if out is not None else folder_for(path)
    places = [source, path, *([path.parent] if path.name == "library" else [])]
    beside = {n: p / n for p in reversed(places) for n in _BESIDE if (p / n).is_file()}
    there = _holds(target, library)
    for name in needs:
        if name not in beside and not (there and (target / name).is_file()):
            stage = name.partition(".")[0]
            raise TabletopError(f"{str(source / name)!r} is missing; make it with: tabletop {stage} {run}")
    if not there and (target / "library").exists():
        raise TabletopError(f"{str(target)!r} already holds another library; give another --out")
    with alone_in(target):
        for name, file in beside.items():
            if not (there and (target / name).exists()):
                write_whole(target / name, read_bytes(file, repr(str(file)), LARGE))
        # Last: where it is, all that is known of it is there, too.
        if not there:
            with writing_folder(target / "library") as temporary:
                save_library(library, temporary)
                if (path / LEARNER).is_file():
                    write_whole(temporary / LEARNER, read_bytes(path / LEARNER, LEARNER, LARGE))
    return target


def folder_for(library: Path) -> Path:
    """Return runs/NAME, where the results of a library from elsewhere go.

    Args:
        library: its folder, or its name; of a path such as ".." the name is that of the folder which it leads to.
            One that lies in a run's folder has that folder's name.

    Raises:
        TabletopError: the folder has no name: it is the root of all.
    """
    place = library.resolve()
    name = place.parent.name if place.name == "library" and (place / "library.yaml").is_file() else place.name
    if not name:
        raise TabletopError(f"{str(library)!r} has no name for a folder in runs/; give --out")
    return Path("runs") / name


def _holds(folder: Path, library: Library) -> bool:
    """Return whether a run folder already has that library: then what it says of it is true, too."""
    try:
        other = load_library(folder / "library")
    except TabletopError:
        return False
    return (
        list(other.codes.counts.items()) == list(library.codes.counts.items())
        and other.horizon == library.horizon
        and other.weights.keys() == library.weights.keys()
        and np.array_equal(other.embeddings, library.embeddings)
        and all(np.array_equal(v, library.weights[k]) for k, v in other.weights.items())
    )


def make_way(folder: Path, library: Path | None) -> None:
    """Remove what an earlier `tabletop run` left in a folder.

    Args:
        folder: the folder, there or not.
        library: of the run that is to begin; it must not go with the folder.

    Raises:
        TabletopError: the folder is something else, or holds the library.
    """
    if library is not None and library.resolve().is_relative_to(folder.resolve()):
        raise TabletopError(f"the library lies in {str(folder)!r}, which this run would replace; give another --out")
    if not folder.exists():
        return
    found = [path for path in folder.iterdir() if path.name != NOTE] if folder.is_dir() else None
    if found is None or (found and _maker(folder) != "run"):
        raise TabletopError(f"{str(folder)!r} is there and not of 'tabletop run'; give another --out")
    with alone_in(folder):
        for path in found:  # The folder itself may be a link.
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()


def forget_stages(folder: Path) -> None:
    """Remove what the stages after discovery said of a run folder's library: another's skills go by the same ids."""
    for name in _STAGES:
        (folder / name).unlink(missing_ok=True)
    shutil.rmtree(folder / "clips", ignore_errors=True)


def made_with_another(folder: Path, library: Library) -> bool:
    """Return whether a stage's file in a run's folder says that it was made with another library than this one."""
    files = (folder / name for name in _STAGES if name.endswith(".json"))
    return any(_digest_in(path) not in {None, library.digest} for path in files)


def _digest_in(path: Path) -> str | None:
    """Return the digest that a stage's file holds; None where it holds none, or cannot be read."""
    try:
        found = read_json(path, path.name)
    except TabletopError:
        return None
    return found.get("library_digest") if isinstance(found, dict) else None


def note_made(
    folder: Path, command: str, seed: int, settings: Mapping[str, Any], resumed: bool = False, start: str | None = None
) -> None:
    """Write run.yaml: what made a folder. What goes on with a run is noted below what began it.

    Args:
        folder: the run's.
        command: as it is typed, or called.
        seed: of it.
        settings: by name.
        resumed: whether it goes on with what is there.
        start: digest of the library that it began from.

    Raises:
        TabletopError: it cannot be written.
    """
    path = folder / "run.yaml"
    card: dict[str, Any] = {"command": command, "version": __version__, "seed": seed, "settings": dict(settings)}
    if start is not None:
        card["from"] = start
    if resumed and path.is_file():
        with suppress(TabletopError):
            before = read_yaml(path, "run.yaml")
            if isinstance(before, dict) and "command" in before:
                given = before.get("resumed")
                card = {**before, "resumed": [*(given if isinstance(given, list) else ()), command]}
    write_whole(path, yaml_text(as_utf8(card)))


def _maker(folder: Path) -> str | None:
    """Return the command that a folder's run.yaml says it was made by."""
    try:
        card = read_yaml(folder / "run.yaml", "run.yaml")
        return str(card["command"]).split()[1]
    except (TabletopError, KeyError, TypeError, IndexError):
        return None
