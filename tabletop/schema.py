"""Dataclasses as schemas: what a file says is checked field by field for its type, its range and for being finite."""

from __future__ import annotations

import dataclasses
import re
import reprlib
import types
import typing
from collections.abc import Mapping
from functools import lru_cache
from numbers import Integral, Real
from typing import Any, TypeVar

import msgspec

from tabletop.errors import TabletopError, unknown

__all__ = ["check_values", "fill", "is_number", "is_whole", "place_of"]

T = TypeVar("T")


def fill(cls: type[T], data: object, what: str) -> T:
    """Return a dataclass filled with plain values.

    Types and `msgspec.Meta` of the fields say what each may be; lists become tuples.

    Args:
        cls: the dataclass; fields may be dataclasses, or tuples of them.
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
    found: T = _converted(data, cls, what)
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
        _converted(given.item() if hasattr(given, "item") else given, hint, f"{what}: {name}")


@lru_cache(maxsize=64)
def _hints(cls: type) -> dict[str, Any]:
    """Return the types of a dataclass's fields, with what `msgspec.Meta` says of them."""
    return typing.get_type_hints(cls, include_extras=True)


def _converted(data: object, cls: Any, what: str) -> Any:
    try:
        return msgspec.convert(data, cls, strict=True)
    except msgspec.ValidationError as error:
        place, rule = _place_and_rule(error)
        where = f"{what}: {place}" if place else what
        raise TabletopError(f"{where}: {rule.partition(', got')[0]}, got {_shown(data, place)}") from None
    except OverflowError:
        raise TabletopError(f"{what}: a whole number is beyond any float") from None


def is_whole(value: object, low: int, high: int) -> bool:
    """Return whether a value is a whole number, Python's or numpy's, in a range (its ends included); True is none."""
    return not isinstance(value, bool) and isinstance(value, Integral) and low <= int(value) <= high


def is_number(value: object, low: float, high: float) -> bool:
    """Return whether a value is a number, Python's or numpy's, in a range (its ends included); NaN is in none."""
    return not isinstance(value, bool) and isinstance(value, Real) and low <= float(value) <= high


def place_of(error: msgspec.ValidationError) -> str:
    """Return a message of msgspec's with the place in the words of the file: "skills[3].low: Expected ..."."""
    place, rule = _place_and_rule(error)
    return f"{place}: {rule}" if place else rule


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


def _check_names(cls: type, data: Mapping[Any, Any], what: str) -> None:
    """Check that a mapping, and those in it, have no field that the dataclass lacks."""
    fields = _fields(cls)
    for key, value in data.items():
        if key not in fields:
            raise unknown(f"field of {what}", key, fields)
        inner, many = fields[key]
        if inner is None:
            continue
        if many and isinstance(value, (list, tuple)):
            for i, item in enumerate(value):
                if isinstance(item, Mapping):
                    _check_names(inner, item, f"{what}: {key}[{i}]")
        elif isinstance(value, Mapping):
            _check_names(inner, value, f"{what}: {key}")


@lru_cache(maxsize=64)
def _fields(cls: type) -> dict[str, tuple[type | None, bool]]:
    """Return of each field the dataclass in it, if any, and whether it is a tuple of these."""
    found: dict[str, tuple[type | None, bool]] = {}
    for name, hint in typing.get_type_hints(cls).items():
        if typing.get_origin(hint) is typing.ClassVar:
            continue
        if typing.get_origin(hint) in {typing.Union, types.UnionType}:
            hint = next(a for a in typing.get_args(hint) if a is not type(None))
        many = typing.get_origin(hint) is tuple
        inner = typing.get_args(hint)[0] if many else hint
        found[name] = (inner if dataclasses.is_dataclass(inner) and isinstance(inner, type) else None, many)
    return found
