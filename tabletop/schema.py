"""Dataclasses as schemas: what a file says is checked field by field for its type, its range and for being finite.

msgspec 0.22 mixes up what it keeps of some unions, and crashes. Never write `tuple[X, X]` beside a number or a text
with a `Meta`, nor any list beside a text with a pattern. Beside a number, this is fine:
`Annotated[tuple[X, ...], Meta(min_length=2, max_length=2)]`.
"""

from __future__ import annotations

import dataclasses
import re
import reprlib
import types
import typing
from collections.abc import Mapping
from functools import lru_cache
from numbers import Integral, Real
from typing import Annotated, Any, Final, TypeVar

import msgspec
from msgspec import Meta

from tabletop.errors import TabletopError, unknown

__all__ = [
    "InFolder",
    "Name",
    "PartName",
    "check_rising",
    "check_values",
    "convert",
    "fill",
    "is_name",
    "is_number",
    "is_whole",
    "plain",
]

T = TypeVar("T")

_NAME: Final = r"^[A-Za-z_][A-Za-z0-9_-]{0,99}$"
Name = Annotated[str, Meta(pattern=_NAME)]
"""A name, never a path: a letter or _, then letters, digits, _ and -, as formulas and files can have it."""
PartName = Annotated[str, Meta(pattern=_NAME[:-1] + "(/" + _NAME[1:-1] + ")?$")]
"""A name, or two with a slash between: of something that moves on a fixture. No file is called so."""
InFolder = Annotated[str, Meta(pattern=r"^(?!/)(?!(.*/)?\.\.(/|$))[^\x00\\:]+$", max_length=300)]
"""The path of a file in the folder of the card that says it, or below: no "..", and not absolute."""


def is_name(value: object) -> bool:
    """Return whether a value is a `Name`: text that is no path."""
    return isinstance(value, str) and re.fullmatch(_NAME, value) is not None


def fill(cls: type[T], data: object, what: str) -> T:
    """Return a dataclass filled with plain values.

    Types and `msgspec.Meta` of the fields say what each may be; lists become tuples.

    Args:
        cls: the dataclass, or a TypedDict; its fields may be such, or tuples of such.
        data: a mapping from a file or from a caller.
        what: it is, for the message: "scene 'a.yaml'".

    Raises:
        TabletopError: it is no mapping, a field is missing, unknown, of another type or out of its range.

    >>> from tabletop.sim.scene import Light
    >>> fill(Light, {"ambient": 0.5}, "light").ambient
    0.5
    """
    if not isinstance(data, Mapping):
        raise TabletopError(f"{what} must be a mapping, got {type(data).__name__}")
    _check_names(cls, data, what)
    found: T = convert(data, cls, what)
    return found


def check_values(value: Any, what: str) -> None:
    """Check the fields of a dataclass whose fields are numbers and text, as `fill` does.

    Args:
        value: of the dataclass; numbers may be numpy's.
        what: it is, for the message.

    Raises:
        TabletopError: a field is of another type or out of its range.
    """
    cls: type = type(value)
    for name, hint in _hints(cls).items():
        given = getattr(value, name)
        convert(given.item() if hasattr(given, "item") else given, hint, f"{what}: {name}")


def plain(value: Any) -> Any:
    """Return a dataclass as mappings, lists, text and numbers of Python's own; numpy's become these."""
    if dataclasses.is_dataclass(value):
        value = vars(value)
    if isinstance(value, Mapping):
        return {name: plain(v) for name, v in value.items()}
    if hasattr(value, "tolist"):
        return value.tolist()  # numpy's, which takes long to import.
    return [plain(v) for v in value] if isinstance(value, (tuple, list)) else value


def check_rising(fields: Mapping[str, Any], what: str) -> None:
    """Check ranges.

    Args:
        fields: values by name, as `fill` returns them; those of two numbers are ranges [low, high].
        what: they are of, for the message.

    Raises:
        TabletopError: a range has low > high.
    """
    for name, value in fields.items():
        if isinstance(value, Mapping):
            check_rising(value, f"{what}: {name}")
        elif isinstance(value, tuple) and list(map(type, value)) in ([float] * 2, [int] * 2) and value[0] > value[1]:
            raise TabletopError(f"{what}: {name} must be [low, high] with low <= high, got {list(value)}")


@lru_cache(maxsize=64)
def _hints(cls: type) -> dict[str, Any]:
    """Return the types of a dataclass's fields, with what `msgspec.Meta` says of them, by their names in a file."""
    return typing.get_type_hints(cls, include_extras=True)


def convert(data: object, cls: Any, what: str) -> Any:
    """Return plain values as what a type says, as `fill` does; fields that a dataclass lacks are left out.

    Args:
        data: plain values.
        cls: any type that msgspec knows.
        what: it is, for the message.

    Raises:
        TabletopError: it is of another type, or out of its range.
    """
    try:
        return msgspec.convert(data, cls, strict=True)
    except msgspec.ValidationError as error:
        place, rule = _place_and_rule(error)
        where = f"{what}: {place}" if place else what
        if error.__cause__ is not None:  # What a dataclass says of itself as a whole.
            raise TabletopError(f"{where}: {rule}") from None
        if rule.startswith("Invalid enum value"):
            rule = f"Expected one of {', '.join(map(repr, _choices(cls, place)))}"
        if "[...]" in place:  # Below some key of a mapping: msgspec does not say which.
            raise TabletopError(f"{where}: {rule}") from None
        raise TabletopError(f"{where}: {rule.partition(', got')[0]}, got {_shown(data, place)}") from None
    except OverflowError:
        raise TabletopError(f"{what}: a whole number is beyond any float") from None


def is_whole(value: object, low: int, high: int) -> bool:
    """Return whether a value is a whole number, Python's or numpy's, in a range (its ends included); True is none."""
    return not isinstance(value, bool) and isinstance(value, Integral) and low <= int(value) <= high


def is_number(value: object, low: float, high: float) -> bool:
    """Return whether a value is a number, Python's or numpy's, in a range (its ends included); NaN is in none."""
    return not isinstance(value, bool) and isinstance(value, Real) and low <= float(value) <= high


def _place_and_rule(error: msgspec.ValidationError) -> tuple[str, str]:
    """Return where a value stands, as "skills[3].low", and what it must be."""
    rule, _, place = " ".join(str(error).split()).partition(" - at `")
    return place.removesuffix("`").removeprefix("$").removeprefix("."), rule


def _shown(data: Any, place: str) -> str:
    """Return the value at a place, shortened; msgspec's message leaves it out."""
    for key, index in re.findall(r"([^.\[\]]+)|\[(\d+)\]", place):
        try:
            data = data[int(index)] if index else data[key]
        except (KeyError, IndexError, TypeError):
            break
    return reprlib.repr(data)


def _choices(hint: Any, place: str) -> list[str]:
    """Return the words that the type at a place, as of `_place_and_rule`, allows."""
    for key in re.findall(r"[^.\[\]]+|\[\.\.\.\]", place):
        if key == "[...]":
            hint = next(typing.get_args(h)[1] for h in _parts(hint) if typing.get_origin(h) is Mapping)
            continue
        hint = next((h for h in _parts(hint) if isinstance(h, type)), hint)
        hint = hint if key.isdigit() else _hints(hint)[key]
    return [word for h in _parts(hint) if typing.get_origin(h) is typing.Literal for word in typing.get_args(h)]


def _parts(hint: Any) -> list[Any]:
    """Return the types that a union, an annotated type or a tuple is made of; a plain type alone."""
    if typing.get_origin(hint) in {typing.Union, types.UnionType, typing.Annotated, tuple}:
        return [part for h in typing.get_args(hint) for part in _parts(h)]
    return [hint]


def _check_names(cls: type, data: Mapping[Any, Any], what: str) -> None:
    """Check that a mapping, and those in it, have no field that the dataclass lacks."""
    fields = _fields(cls)
    for key, value in data.items():
        if key not in fields:
            raise unknown(f"field of {what}", key, fields)
        inner, many = fields[key]
        if inner is None:
            continue
        if many is tuple and isinstance(value, (list, tuple)):
            for i, item in enumerate(value):
                if isinstance(item, Mapping):
                    _check_names(inner, item, f"{what}: {key}[{i}]")
        elif many is Mapping and isinstance(value, Mapping):
            for name, item in value.items():
                if isinstance(item, Mapping):
                    _check_names(inner, item, f"{what}: {key}: {name}")
        elif isinstance(value, Mapping):
            _check_names(inner, value, f"{what}: {key}")


@lru_cache(maxsize=64)
def _fields(cls: type) -> dict[str, tuple[type | None, type | None]]:
    """Return of each field the dataclass in it, if any, and whether it is a tuple or a mapping of these."""
    found: dict[str, tuple[type | None, type | None]] = {}
    for name, hint in typing.get_type_hints(cls).items():
        if typing.get_origin(hint) is typing.ClassVar:
            continue
        if typing.get_origin(hint) in {typing.Union, types.UnionType}:
            hint = next(a for a in typing.get_args(hint) if a is not type(None))
        origin = typing.get_origin(hint)
        many = origin if origin in {tuple, Mapping} else None
        inner = typing.get_args(hint)[0 if many is tuple else 1] if many else hint
        schema = isinstance(inner, type) and (dataclasses.is_dataclass(inner) or typing.is_typeddict(inner))
        found[name] = (inner if schema else None, many)
    return found
