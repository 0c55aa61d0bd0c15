"""Values taken out of a stage's JSON with their shape checked, each error naming its place in the file."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tabletop.errors import TabletopError

__all__ = ["Fields", "finite", "read_json"]


def _shown(value: object) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else text[:57] + "..."


def finite(value: object) -> float | None:
    """Return a finite number as a float, and None for anything else (a truth value is no number)."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:  # a whole number beyond any float
        return None


@dataclass(frozen=True)
class Fields:
    """A mapping read from a file. What is absent gives None or nothing; what has a wrong shape raises."""

    data: Mapping[str, Any]
    where: str
    """Its place, for messages: "name.json skills[3]"."""

    @classmethod
    def of(cls, data: object, where: str) -> Fields:
        """Return the fields of a value that must be a mapping with names as keys."""
        if not isinstance(data, Mapping) or any(not isinstance(k, str) for k in data):
            raise TabletopError(f"{where} must be a mapping, got {_shown(data)}")
        return cls(data, where)

    def place(self, key: str) -> str:
        """Return where a field lies, for messages."""
        return f"{self.where} {key}" if "[" not in self.where else f"{self.where}.{key}"

    def wrong(self, key: str, rule: str) -> TabletopError:
        """Return the error for a field that breaks a rule."""
        return TabletopError(f"{self.place(key)} must be {rule}, got {_shown(self.data.get(key))}")

    def number(self, key: str) -> float | None:
        """Return a finite number, or None where there is none (absent, null, not finite)."""
        value = self.data.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.wrong(key, "a number")
        return finite(value)

    def rate(self, key: str) -> float | None:
        """Return a number in [0, 1], or None."""
        value = self.number(key)
        if value is not None and not 0 <= value <= 1:
            raise self.wrong(key, "a rate from 0 to 1")
        return value

    def count(self, key: str) -> float | None:
        """Return a number of things: a number, or the length of a list of them."""
        value = self.data.get(key)
        if isinstance(value, list):
            return float(len(value))
        found = self.number(key)
        if found is not None and found < 0:
            raise self.wrong(key, "0 or more")
        return found

    def text(self, key: str) -> str | None:
        """Return a text, or None where there is none or it is empty."""
        value = self.data.get(key)
        if value is not None and not isinstance(value, str):
            raise self.wrong(key, "a text")
        return value or None

    def flag(self, key: str) -> bool:
        """Return a truth value; absent is False."""
        value = self.data.get(key)
        if value is not None and not isinstance(value, bool):
            raise self.wrong(key, "true or false")
        return bool(value)

    def values(self, key: str) -> Sequence[Any]:
        """Return a list; absent is empty."""
        value = self.data.get(key)
        if value is not None and not isinstance(value, list):
            raise self.wrong(key, "a list")
        return value or []

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of texts."""
        found = self.values(key)
        if any(not isinstance(v, str) for v in found):
            raise self.wrong(key, "a list of texts")
        return tuple(found)

    def numbers(self, key: str, *, rates: bool = False) -> tuple[float, ...]:
        """Return a list of finite numbers, in [0, 1] where they are rates."""
        found = self.values(key)
        read = [finite(v) for v in found]
        good = [v for v in read if v is not None and (not rates or 0 <= v <= 1)]
        if len(good) < len(read):
            raise self.wrong(key, "a list of rates from 0 to 1" if rates else "a list of numbers")
        return tuple(good)

    def each(self, key: str) -> list[Fields]:
        """Return a list of mappings."""
        return [Fields.of(v, f"{self.place(key)}[{i}]") for i, v in enumerate(self.values(key))]

    def named(self, key: str) -> dict[str, Fields]:
        """Return a mapping of mappings."""
        value = self.data.get(key)
        if value is None:
            return {}
        inside = Fields.of(value, self.place(key))
        return {k: Fields.of(v, inside.place(k)) for k, v in inside.data.items()}


def read_json(path: Path) -> Any:
    """Read one JSON file.

    Raises:
        TabletopError: it cannot be read or is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise TabletopError(f"cannot read {path.name}: it must be JSON; {reason}") from None
