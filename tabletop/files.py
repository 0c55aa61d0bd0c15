"""The one place where files are opened: read within bounds, written whole or not at all.

All that is read becomes plain values (mappings, lists, text, finite numbers, truth values, None), or one line that says
why not. A file never runs code, and cannot take more memory or time than its size allows.
"""

from __future__ import annotations

import errno
import json
import math
import os
import secrets
import shutil
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import msgspec

from tabletop.errors import TabletopError

__all__ = [
    "DEEPEST",
    "LARGE",
    "LARGEST",
    "TOO_DEEP",
    "Unfit",
    "append_json",
    "as_utf8",
    "check_out",
    "check_plain",
    "make_folder",
    "parse_json",
    "read_bytes",
    "read_json",
    "read_text",
    "write_json",
    "write_whole",
    "writing",
    "writing_folder",
]

MIB: Final = 2**20
LARGE: Final = 2048 * MIB
"""Bytes of a film, a model or an episode's pictures at most."""
_LARGEST: Final = 64 * MIB
"""Bytes of a file of text at most."""
LARGEST: Final = 1e100
"""Size of a result's numbers at most: their squares and sums are finite, too."""
_FOLDERS: Final = 500
"""Folders that one lies in at most."""
DEEPEST: Final = 40
"""Levels of lists and mappings in each other at most: none of our files has more than ten."""


def read_bytes(path: Path, what: str, most: int = _LARGEST) -> bytes:
    """Return a file's bytes.

    Args:
        path: the file.
        what: it is, for the message: "scene card 'mine.yaml'".
        most: bytes that it may have.

    Raises:
        TabletopError: it is missing, no file, cannot be read, or is larger.
    """
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)
    except OSError as error:
        raise TabletopError(f"cannot read {what}: {error.strerror or error}") from None
    except ValueError as error:  # A zero byte in the path.
        raise TabletopError(f"cannot read {what}: {error}") from None
    if len(data) > most:
        raise TabletopError(f"cannot read {what}: it may have at most {most / MIB:g} MiB, got more")
    return data


def read_text(path: Path, what: str, most: int = _LARGEST) -> str:
    """Return a file's text.

    Args:
        path: the file.
        what: it is, for the message.
        most: bytes that it may have.

    Raises:
        TabletopError: as `read_bytes`, or it is not UTF-8.
    """
    data = read_bytes(path, what, most)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise TabletopError(f"cannot read {what}: it must be UTF-8; byte {error.start} is none of it") from None


class Unfit(Exception):
    """What is YAML or JSON, but beyond the bounds."""


TOO_DEEP: Final = f"lists and mappings may be {DEEPEST} deep in each other, got more"


def check_plain(found: Any, most: float = math.inf) -> None:
    """Check that numbers are finite, of at most that size, and texts are UTF-8, and how deep all is."""
    level, seen = [found], set[int]()
    for _ in range(DEEPEST + 1):
        below: list[Any] = []
        for value in level:
            if isinstance(value, (Mapping, list)):
                if id(value) in seen:
                    continue
                seen.add(id(value))
                below += value if isinstance(value, list) else [*value, *value.values()]
            elif isinstance(value, (float, int)):
                if isinstance(value, float) and value - value != 0.0:
                    raise Unfit(f"numbers must be finite, got {value}")
                if abs(value) > most:
                    raise Unfit(f"numbers must be from {-most:g} to {most:g}, got {str(value)[:60]}")
            elif isinstance(value, str):
                if not value.isascii() and any("\ud800" <= c <= "\udfff" for c in value):
                    raise Unfit(f"texts must be UTF-8, got {value[:60]!r}")
            elif value is not None:
                raise Unfit(f"values must be text, numbers, lists and mappings, got {type(value).__name__}")
        if not below:
            return
        level = below
    raise Unfit(TOO_DEEP)


def as_utf8(value: Any) -> Any:
    """Return a value with all texts in it as UTF-8: a path may have bytes that are none.

    >>> as_utf8({"out": "bad\\udcff"})
    {'out': 'bad\\\\udcff'}
    """
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, Mapping):
        return {as_utf8(k): as_utf8(v) for k, v in value.items()}
    return [as_utf8(v) for v in value] if isinstance(value, (list, tuple)) else value


def read_json(path: Path, what: str) -> Any:
    """Return what a JSON file holds.

    Args:
        path: the file.
        what: it is, for the message.

    Raises:
        TabletopError: as `read_bytes` and `parse_json`.
    """
    return parse_json(read_bytes(path, what), what)


def parse_json(data: bytes | str, what: str) -> Any:
    """Return what JSON says, as plain values.

    Args:
        data: one document.
        what: it is, for the message.

    Raises:
        TabletopError: it is no JSON (NaN and infinity are none), or lists and mappings are too deep in each other.

    >>> parse_json('{"seed": 3}', "record")
    {'seed': 3}
    """
    try:
        found = msgspec.json.decode(data)
        check_plain(found)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise TabletopError(f"cannot read {what}: it must be JSON; {error}") from None
    except Unfit as error:
        raise TabletopError(f"cannot read {what}: {error}") from None
    return found


def check_out(path: Path, what: str) -> None:
    """Check that a file can be written, before the work that it is the result of. Nothing stays of the check.

    Args:
        path: of the file; folders that it would lie in need not be there.
        what: it is for, for the message.

    Raises:
        TabletopError: a folder or a device is there, a file is where a folder would be, or it cannot be written there.
    """
    if path.is_dir():
        raise TabletopError(f"--out takes a file for {what}, got the folder {str(path)!r}")
    try:
        _check_file(path)
        folder = path.parent
        while not _is_there(folder):
            folder = folder.parent
        probe = folder / f".{secrets.token_hex(6)}.tmp"
        try:
            probe.write_bytes(b"x")
        finally:
            probe.unlink(missing_ok=True)
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the path.
        why = error.strerror if isinstance(error, OSError) else error
        raise TabletopError(f"cannot write {str(path)!r}: {why}") from None


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, where they are not there.

    Raises:
        TabletopError: it lies in more than 500 others; pathlib would recurse as often, and nothing could delete it.
        OSError: it cannot be made.
    """
    if len(folder.parts) > _FOLDERS:
        raise TabletopError(f"a path has {_FOLDERS} parts at most, got one of {len(folder.parts)}")
    folder.mkdir(parents=True, exist_ok=True)


def _is_there(path: Path) -> bool:
    try:
        os.lstat(path)
    except FileNotFoundError:
        return False
    return True


def _check_file(path: Path) -> None:
    """Check that no device and no folder would be replaced by a file: the rights of some users allow it."""
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not (stat.S_ISREG(mode) or stat.S_ISLNK(mode)):
        raise OSError(errno.EINVAL, "it is no file but a device, a socket or a pipe", str(path))


@contextmanager
def writing(path: Path) -> Iterator[Path]:
    """Give a file of the same ending to write; it takes the place of `path` at the end, or goes without a trace.

    Two processes that write the same file do not meet: the last one's stays.

    Args:
        path: of the file; its folder must be there.

    Raises:
        OSError: it cannot be written there.

    >>> with writing(Path("a.txt")) as temporary:
    ...     _ = temporary.write_text("whole")
    """
    temporary = path.with_name(f".{secrets.token_hex(6)}.tmp{path.suffix}")
    try:
        _check_file(path)
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(path)
    except OSError as error:
        # A full disk's error names no file, others the temporary one, of which nobody knows.
        if error.filename is None or os.fspath(error.filename) == str(temporary):
            error.filename = str(path)
        raise
    finally:
        with suppress(OSError):
            temporary.unlink()


@contextmanager
def writing_folder(path: Path) -> Iterator[Path]:
    """Give a folder to fill; it becomes `path` at the end, or goes without a trace.

    Its name is fixed, so that what a kill left is replaced: whoever calls this holds the place (runs/lock.py).

    Args:
        path: of the folder, which must not be there at the end; the one around it must.

    Raises:
        OSError: it cannot be written there.
    """
    temporary = path.with_name(path.name + ".tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        temporary.mkdir()
        yield temporary
        temporary.rename(path)
    except OSError as error:
        error.filename = error.filename or str(path)
        raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file that appears whole or not at all.

    Args:
        path: of the file; its folder must be there.
        content: its text or its bytes.

    Raises:
        OSError: it cannot be written there.
    """
    with writing(path) as temporary:
        temporary.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))


def write_json(path: Path, value: object) -> None:
    """Write a value as JSON; its folder must be there, the file appears whole or not at all."""
    write_whole(path, json.dumps(as_utf8(value), indent=1, allow_nan=False) + "\n")


def append_json(path: Path, values: Mapping[str, float]) -> None:
    """Append a line of JSON to a file of lines.

    Args:
        path: of the file; it is made.
        values: numbers by name; null stands for one that is not finite, which JSON cannot say.
    """
    finite = {name: value if value - value == 0.0 else None for name, value in values.items()}
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(finite, allow_nan=False) + "\n")
