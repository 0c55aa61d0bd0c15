"""Between which ends the numbers of a command or a function may lie."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from tabletop.errors import TabletopError
from tabletop.schema import is_number, is_whole

__all__ = ["as_path", "check_numbers", "names_in"]

_WHOLE: Final[Mapping[str, tuple[int, int]]] = {
    "seed": (0, 2**31 - 1),
    "fresh_seed": (0, 2**31 - 1),
    "workers": (0, 1024),
    "episodes": (1, 10**6),
    "scenes": (1, 10**6),
    "skills": (1, 10**6),
    "goals": (1, 10**6),
    "chains": (1, 10**6),
    "count": (1, 10**6),
    "steps": (1, 10**12),
    "port": (0, 65535),
}
_REAL: Final[Mapping[str, tuple[float, float]]] = {"minutes": (1e-6, 1e5), "seconds": (0.0, 1e7), "noise": (0.0, 1.0)}
"""minutes are above 0: a millionth is the least that is."""


def check_numbers(given: Mapping[str, Any], prefix: str = "") -> None:
    """Check numbers by their names; None, and names that have no bounds, are left out.

    Args:
        given: numbers by name; "ray:4" may stand for workers.
        prefix: of the names in messages: "--" for a command's.

    Raises:
        TabletopError: one is no such number, or out of its range; or both minutes and steps are given.

    >>> check_numbers({"episodes": 20, "seed": 0, "minutes": None})
    """
    for name, value in given.items():
        if value is None or (name == "workers" and isinstance(value, str)):
            continue
        shown = f"{prefix}{name.replace('_', '-') if prefix else name}"
        if name in _WHOLE:
            low, high = _WHOLE[name]
            if not is_whole(value, low, high):
                raise TabletopError(f"{shown} must be a whole number from {low} to {high}, got {value!r}")
        elif name in _REAL:
            least, most = _REAL[name]
            if not is_number(value, least, most):
                lower = "above 0" if name == "minutes" else f"from {least:g}"
                raise TabletopError(f"{shown} must be {lower} to {most:g}, got {value!r}")
    if given.get("minutes") is not None and given.get("steps") is not None:
        raise TabletopError(f"give {prefix}minutes or {prefix}steps, not both")


def as_path(given: object, what: str) -> Path:
    """Return a path.

    Args:
        given: text, or something with a path.
        what: it is, for the message.

    Raises:
        TabletopError: it is neither, or empty.
    """
    if not isinstance(given, (str, os.PathLike)) or given == "":
        raise TabletopError(f"{what} must be a path, got {given!r}")
    return Path(given)


def names_in(given: object, what: str) -> list[str]:
    """Return names.

    Args:
        given: "mass,push-arm", or several names.
        what: they are, for the message.

    Raises:
        TabletopError: it is neither.
    """
    if isinstance(given, str):
        return [name.strip() for name in given.split(",") if name.strip()]
    names = list(given) if isinstance(given, Iterable) else [given]
    if not all(isinstance(name, str) for name in names):
        raise TabletopError(f"{what} must be names, such as 'a,b' or ['a', 'b'], got {given!r}")
    return [str(name) for name in names]
