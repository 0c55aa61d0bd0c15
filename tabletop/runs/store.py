"""Records to files and back: whole or not at all, and refused in one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from tabletop.errors import TabletopError
from tabletop.files import LARGEST, Unfit, as_utf8, check_plain, parse_json, read_json, write_json
from tabletop.runs.records import (
    Chains,
    Discovery,
    Evaluation,
    Measurement,
    Naming,
    Planning,
    Record,
    Robustness,
    RunFile,
)
from tabletop.schema import convert

__all__ = ["as_record", "read_record", "read_result", "record_data", "write_record"]

R = TypeVar("R", bound=RunFile)
_RESULTS: Final[tuple[type[Record], ...]] = (
    *(Discovery, Measurement, Naming, Planning, Chains, Evaluation, Robustness),
)


def as_record(record_type: type[R], data: Any) -> R:
    """Return the record of what a stage found, its shape checked.

    Args:
        record_type: which.
        data: a mapping; what the record has no field for is left out.

    Raises:
        TabletopError: a field is missing or of a wrong shape.
    """
    found: R = convert(as_utf8(data), record_type, record_type.FILE)
    return found


def record_data(record: RunFile) -> dict[str, Any]:
    """Return a record as JSON's values, its format first."""
    return {"format": record.FORMAT, **parse_json(msgspec.json.encode(record), record.FILE)}


def write_record(path: Path, record: RunFile) -> None:
    """Write a record as JSON; the file appears whole or not at all."""
    write_json(path, record_data(record))


def read_record(path: Path, record_type: type[R], digest: str | None = None) -> R:
    """Read a record.

    Args:
        path: the file.
        record_type: which.
        digest: of the library that it must be of; None: of any.

    Raises:
        TabletopError: it is missing, damaged, of another format, of a wrong shape, or of another library.
    """
    if not path.exists():
        raise TabletopError(f"{str(path)!r} is missing; make it with: {record_type.MADE_BY.format(folder=path.parent)}")
    try:
        data = read_json(path, repr(str(path)))
    except TabletopError as error:
        raise TabletopError(f"{error}; {_again(path, record_type)}") from None
    return _as_read(data, path, record_type, digest)


def read_result(path: Path) -> Record:
    """Read a result, whatever the file is called: its fields say which it is.

    Raises:
        TabletopError: it is missing, damaged or of another format, or no result at all.
    """
    data = read_json(path, f"result {str(path)!r}")
    for record_type in _RESULTS:
        try:
            as_record(record_type, data)
        except TabletopError:
            if path.name != record_type.FILE:
                continue
        return _as_read(data, path, record_type)
    names = ", ".join(record_type.FILE for record_type in _RESULTS)
    raise TabletopError(f"{str(path)!r} is no result; results have the fields of one of: {names}")


def _again(path: Path, record_type: type[RunFile]) -> str:
    """Return what to do about a file that cannot be taken."""
    return f"make it anew with: {record_type.MADE_BY.format(folder=path.parent)}"


def _as_read(data: Any, path: Path, record_type: type[R], digest: str | None = None) -> R:
    """Return the record that a file's JSON is; arguments and errors as of `read_record`."""
    again = _again(path, record_type)
    if not isinstance(data, dict):
        raise TabletopError(f"{str(path)!r} must be a mapping, got {type(data).__name__}; {again}")
    if data.get("format") != record_type.FORMAT:
        raise TabletopError(
            f"{str(path)!r} has format {data.get('format')!r}, this version reads {record_type.FORMAT}; {again}"
        )
    try:
        check_plain(data, LARGEST)
        found: R = convert(data, record_type, f"{str(path)!r} is damaged")
    except Unfit as error:
        raise TabletopError(f"{str(path)!r} is damaged: {error}; {again}") from None
    except TabletopError as error:
        raise TabletopError(f"{error}; {again}") from None
    made_with = getattr(found, "library_digest", None)
    if digest is not None and made_with not in {None, digest}:
        raise TabletopError(f"{str(path)!r} is of another library than the one in {str(path.parent)!r}; {again}")
    return found
