"""What a goal may say: every predicate with its arguments, units, defaults and an example."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, Final

from tabletop.logic.predicate import PREDICATES, TYPES, Argument, Predicate
from tabletop.logic.quantity import DIMENSIONS

__all__ = ["example_of", "predicate_rows"]

_THINGS: Final = ("red", "blue")
_SUITED: Final[Mapping[str, tuple[str, ...]]] = {
    "open": ("drawer",),
    "closed": ("drawer",),
    "pressed": ("button",),
    "locked": ("bolt",),
    "unlocked": ("bolt",),
    "inside": ("red", "bin"),
    "at": ("red", "target"),
    "around": ("nut", "post"),
    "inserted": ("peg", "hole"),
    "straight": ("rope",),
    "l_shaped": ("rope",),
    "folded": ("cloth",),
    "folded_in_half": ("cloth",),
    "covers": ("cloth", "red"),
}
"""What an example is about where two blocks would make no sense."""
_WORDS: Final[Mapping[str, str]] = {
    "direction": "left",
    "length": "5 cm",
    "angle": "30 deg",
    "turn": "30 deg",
    "force": "1 N",
    "fraction": "0.8",
}


def example_of(predicate: Predicate) -> str:
    """Return a formula of one predicate, with all its arguments.

    >>> example_of(PREDICATES["near"])
    'near(red, blue, distance=5 cm)'
    """
    things = iter(_SUITED.get(predicate.name, _THINGS))
    words = []
    for argument in predicate.arguments:
        if argument.type == "entity":
            words.append(next(things))
        elif argument.default is None:
            words.append(_WORDS[argument.type])
        else:
            words.append(f"{argument.name}={argument.text(argument.default)}")
    return f"{predicate.name}({', '.join(words)})"


def _argument(argument: Argument) -> dict[str, Any]:
    units = [u for u in DIMENSIONS[argument.dimension] if u] if argument.dimension else []
    default = None if argument.default is None else argument.text(argument.default)
    return {
        "name": argument.name,
        "type": argument.type,
        "takes": TYPES[argument.type],
        "units": units,
        "default": default,
    }


def predicate_rows() -> list[dict[str, Any]]:
    """Return a row for each predicate, by name.

    A row has name, signature (how it is written, with defaults), arguments (name, type, what it takes, units and the
    default as text, None where it must be given), example (a formula) and means (when it holds).
    """
    return [
        {
            "name": known.name,
            "signature": known.signature,
            "arguments": [_argument(a) for a in known.arguments],
            "example": example_of(known),
            "means": " ".join((inspect.getdoc(known.function) or known.phrase).split()),
        }
        for _, known in sorted(PREDICATES.items())
    ]
