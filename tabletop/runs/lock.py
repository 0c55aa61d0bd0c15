"""One process at a time at work in a folder: who holds it, and whether it is still there at the end."""

from __future__ import annotations

import fcntl
import os
import shlex
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from pathlib import Path
from typing import Concatenate, Final, ParamSpec, TypeVar

from tabletop.errors import TabletopError
from tabletop.files import make_folder

__all__ = ["NOTE", "alone_in", "holding"]

P = ParamSpec("P")
R = TypeVar("R")
NOTE: Final = ".at-work"
"""File in a folder that is held: it says who holds it. A kill leaves it behind, without a meaning."""
_POLL: Final = 0.002
"""s between two tries to take a folder."""
_LONGEST: Final = 200
"""Characters of a command in a note at most."""
_BYTES: Final = 2000
"""Of a note at most."""


class _Mine(threading.local):
    """What this thread holds: for each folder what checks that it is there."""

    def __init__(self) -> None:
        self.held: dict[str, Callable[[], None]] = {}


_MINE: Final = _Mine()


@contextmanager
def alone_in(folder: Path, wait: float = 0.0) -> Iterator[Callable[[], None]]:
    """Hold a folder for this thread, and give a function that checks that the folder is still the same.

    The folder is made if need be, and goes again if nothing comes of it. The lock goes with the process, however that
    ends. A thread may take again what it holds already. The folder is checked at the end, after an error as well:
    where it is gone, that is the error's cause.

    Args:
        folder: a run's folder, or another that files are written into.
        wait: s to wait for it.

    Raises:
        TabletopError: another process or thread holds it, it is a file, or it was removed or replaced meanwhile.
        OSError: it cannot be made, or nothing can be written in it.
    """
    place = os.path.realpath(folder)
    if place in _MINE.held:
        with _checked(_MINE.held[place]) as check:
            yield check
        return
    made = [path for path in (folder, *folder.parents) if not os.path.lexists(path)]
    if not made and not os.path.isdir(place):
        raise TabletopError(f"{str(folder)!r} must be a folder, got a file")
    make_folder(folder)
    opened = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
    try:
        _take(opened, folder, wait)
        check = _check_of(opened, place, folder)
        _MINE.held[place] = check
        try:
            _note(opened, folder)
            with _checked(check):
                yield check
        finally:
            del _MINE.held[place]
            with suppress(OSError):
                os.unlink(NOTE, dir_fd=opened)
    except BaseException:
        with suppress(OSError):  # Something came of it.
            for path in made:
                path.rmdir()
        raise
    finally:
        os.close(opened)


def holding(stage: Callable[Concatenate[Path, P], R]) -> Callable[Concatenate[Path, P], R]:
    """Let a function hold the folder that is its first argument; errors as of `alone_in`."""

    @wraps(stage)
    def alone(folder: Path, /, *arguments: P.args, **named: P.kwargs) -> R:
        with alone_in(folder):
            return stage(folder, *arguments, **named)

    return alone


@contextmanager
def _checked(check: Callable[[], None]) -> Iterator[Callable[[], None]]:
    """Check before and after what is done within, also where that fails."""
    check()
    try:
        yield check
    except Exception:
        check()
        raise
    check()


def _check_of(opened: int, place: str, folder: Path) -> Callable[[], None]:
    """Return what checks that a path still leads to the folder that is open."""

    def check() -> None:
        try:
            same = os.path.samestat(os.stat(place), os.fstat(opened))
        except OSError:
            same = False
        if not same:
            raise TabletopError(
                f"{str(folder)!r} was removed or replaced while this process was at work in it; begin again"
            ) from None

    return check


def _take(opened: int, folder: Path, wait: float) -> None:
    """Lock a folder that is open."""
    until = time.monotonic() + wait
    while True:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= until:
                raise TabletopError(
                    f"{_holder(opened)} is at work in {str(folder)!r}; wait for it, or give another folder"
                ) from None
        time.sleep(_POLL)


def _note(opened: int, folder: Path) -> None:
    """Note who holds a folder; where that cannot be written, results could not be either."""
    first, *rest = sys.argv or [""]
    name = Path(first).parent.name if Path(first).name == "__main__.py" else Path(first).name
    line = " ".join(shlex.join([name or "python", *rest]).split())
    line = line if len(line) <= _LONGEST else f"{line[:_LONGEST]} ..."
    try:
        note = os.open(NOTE, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o666, dir_fd=opened)
        try:
            os.write(note, f"process {os.getpid()} ({line})".encode("utf-8", "backslashreplace"))
        finally:
            os.close(note)
    except OSError as error:
        error.filename = str(folder)
        raise


def _holder(opened: int) -> str:
    """Return who holds a folder that is open."""
    try:
        note = os.open(NOTE, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=opened)
    except OSError:
        return "another process"
    try:
        return os.read(note, _BYTES).decode("utf-8", "replace") or "another process"
    finally:
        os.close(note)
