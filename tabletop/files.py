"""The one place where files are opened: read within bounds, written whole or not at all.

All that is read becomes plain values (mappings, lists, text, finite numbers, truth values, None), or one line that says
why not. A file never runs code, and cannot take more memory or time than its size allows.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec

from tabletop.errors import TabletopError

__all__ = [
    "DEEPEST",
    "LARGE",
    "TOO_DEEP",
    "Unfit",
    "append_json",
    "check_plain",
    "parse_json",
    "read_bytes",
    "read_json",
    "read_text",
    "write_json",
    "write_whole",
    "writing",
]

MIB: Final = 2**20
LARGE: Final = 2048 * MIB
"""Bytes of a film, a model or an episode's pictures at most."""
_LARGEST: Final = 64 * MIB
"""Bytes of a file of text at most."""
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


def check_plain(found: Any) -> None:
    """Check that numbers are finite and texts are UTF-8, and how deep all is."""
    level, seen = [found], set[int]()
    for _ in range(DEEPEST + 1):
        below: list[Any] = []
        for value in level:
            if isinstance(value, (Mapping, list)):
                if id(value) in seen:
                    continue
                seen.add(id(value))
                below += value if isinstance(value, list) else [*value, *value.values()]
            elif isinstance(value, float):
                if value - value != 0.0:
                    raise Unfit(f"numbers must be finite, got {value}")
            elif isinstance(value, str):
                if not value.isascii() and any("\ud800" <= c <= "\udfff" for c in value):
                    raise Unfit(f"texts must be UTF-8, got {value[:60]!r}")
            elif not (value is None or isinstance(value, (bool, int))):
                raise Unfit(f"values must be text, numbers, lists and mappings, got {type(value).__name__}")
        if not below:
            return
        level = below
    raise Unfit(TOO_DEEP)


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
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


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
    """Write a value as JSON; the folder is made, the file appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, json.dumps(value, indent=1, allow_nan=False) + "\n")


def append_json(path: Path, values: Mapping[str, float]) -> None:
    """Append a line of JSON to a file of lines.

    Args:
        path: of the file; it is made.
        values: numbers by name; null stands for one that is not finite, which JSON cannot say.
    """
    finite = {name: value if value - value == 0.0 else None for name, value in values.items()}
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(finite, allow_nan=False) + "\n")
