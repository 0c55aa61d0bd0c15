"""One registered function per predicate: typed arguments, a signed margin in a unit, a phrase."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tabletop.errors import TabletopError, unknown
from tabletop.logic.quantity import quantity_text
from tabletop.sim.cards import is_entity_name
from tabletop.sim.state import State

__all__ = [
    "DIRECTIONS",
    "PREDICATES",
    "TYPES",
    "Angle",
    "Argument",
    "Direction",
    "Entity",
    "Force",
    "Fraction",
    "Length",
    "Predicate",
    "Turn",
    "Value",
    "get_predicate",
    "make_predicate",
    "predicate",
]

Array = npt.NDArray[np.float64]
Value = str | float
"""An argument: an entity's name, a direction, or a number in SI."""

# What a predicate's function writes as the type of its arguments.
Entity = str
Direction = str
Length = float
Angle = float
Turn = float
Force = float
Fraction = float

DIRECTIONS: Final[Mapping[str, tuple[float, float, float]]] = MappingProxyType(
    {
        "left": (0.0, 1.0, 0.0),
        "right": (0.0, -1.0, 0.0),
        "away": (1.0, 0.0, 0.0),
        "toward": (-1.0, 0.0, 0.0),
        "up": (0.0, 0.0, 1.0),
        "down": (0.0, 0.0, -1.0),
    }
)
"""Unit vectors in the world frame of the words for directions, as the robot sees them."""

_SIDES = {
    "left": "left of",
    "right": "right of",
    "away": "beyond",
    "toward": "in front of",
    "up": "above",
    "down": "below",
}

TYPES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "entity": "the name of an entity",
        "direction": f"a direction ({', '.join(DIRECTIONS)})",
        "length": "a length such as 5 cm (m, cm or mm; not negative)",
        "angle": "an angle from 0 deg to 180 deg (deg or rad)",
        "turn": "an angle from -180 deg to 180 deg (deg or rad; positive is counter-clockwise)",
        "force": "a force such as 2 N (not negative)",
        "fraction": "a number from 0 to 1, or a percentage",
    }
)
"""What each type of argument accepts, in words."""

_RANGES = {
    "length": ("length", 0.0, math.inf),
    "angle": ("angle", 0.0, math.pi),
    "turn": ("angle", -math.pi, math.pi),
    "force": ("force", 0.0, math.inf),
    "fraction": ("fraction", 0.0, 1.0),
}


class _Side(str):
    """A direction in a phrase: `{direction}` is the word, `{direction:of}` the relation."""

    def __format__(self, spec: str) -> str:
        return _SIDES[str(self)] if spec == "of" else str(self)


@dataclass(frozen=True)
class Argument:
    """One argument that a predicate takes."""

    name: str
    type: str
    """One of TYPES."""
    default: Value | None = None
    """Used where it is left out; None where it is required."""

    @property
    def dimension(self) -> str | None:
        """What a number given for it measures ("length", "angle" ...); None for words."""
        return _RANGES[self.type][0] if self.type in _RANGES else None

    def accepts(self, value: Value) -> bool:
        """Return whether a value is of this type and in its range."""
        if self.type == "entity":
            return isinstance(value, str) and is_entity_name(value)
        if self.type == "direction":
            return value in DIRECTIONS
        if isinstance(value, str):
            return False
        _, low, high = _RANGES[self.type]
        return math.isfinite(value) and low <= value <= high

    def text(self, value: Value) -> str:
        """Write a value as a formula would."""
        return value if isinstance(value, str) else quantity_text(value, self.dimension or "fraction")


@dataclass(frozen=True)
class Predicate:
    """A statement about entities that a state fulfils by some margin."""

    name: str
    function: Callable[..., Array]
    """(state, initial, *arguments) -> margin of the batch shape, in `unit`; positive = true."""
    arguments: tuple[Argument, ...]
    scale: float
    """The margin, in `unit`, that squashes to 1/2."""
    unit: str
    """Unit of the margin."""
    phrase: str
    """Template with the arguments' names in braces: "{a} on {b}"."""
    negated: str
    """Template of the opposite."""

    def bind(self, values: tuple[Value, ...]) -> tuple[Value, ...]:
        """Return the arguments with defaults filled in.

        Raises:
            TabletopError: too many, too few, of the wrong type, or one entity given twice.
        """
        given = values + tuple(a.default for a in self.arguments[len(values) :] if a.default is not None)
        if len(values) > len(self.arguments) or len(given) != len(self.arguments):
            raise TabletopError(f"{self.name} takes {self.signature}, got {len(values)} arguments")
        for argument, value in zip(self.arguments, given, strict=True):
            if not argument.accepts(value):
                raise TabletopError(f"{self.name} takes {TYPES[argument.type]} for {argument.name!r}, got {value!r}")
        names = [v for a, v in zip(self.arguments, given, strict=True) if a.type == "entity"]
        if len(set(names)) < len(names):
            raise TabletopError(f"{self.name} relates different entities, got {names[0]!r} twice")
        return tuple(v if isinstance(v, str) else float(v) for v in given)

    def margin(self, state: State, initial: State, values: tuple[Value, ...]) -> Array:
        """Return the signed margin in `unit`; `values` as `bind` returns them.

        Args:
            state: the state to evaluate, any batch shape.
            initial: the state at reset; its batch shape broadcasts against that of `state`.
            values: the arguments, as `bind` returns them.

        Returns:
            Of the batch shape: 0 or more where the statement holds.
        """
        return np.asarray(self.function(state, initial, *values), dtype=np.float64)

    def describe(self, values: tuple[Value, ...], positive: bool = True) -> str:
        """Return the statement in English."""
        words: dict[str, str] = {}
        for argument, value in zip(self.arguments, values, strict=True):
            text = argument.text(value)
            words[argument.name] = _Side(text) if argument.type == "direction" else text.replace("_", " ")
        return (self.phrase if positive else self.negated).format(**words)

    @property
    def signature(self) -> str:
        """How it is written: "near(a, b, distance=5 cm)"."""
        parts = [a.name if a.default is None else f"{a.name}={a.text(a.default)}" for a in self.arguments]
        return f"{self.name}({', '.join(parts)})"


_registry: dict[str, Predicate] = {}
PREDICATES: Final[Mapping[str, Predicate]] = MappingProxyType(_registry)
"""All predicates by name, read-only; `predicate` adds to it."""


def get_predicate(name: str) -> Predicate:
    """Return the predicate of that name.

    Raises:
        TabletopError: there is none.
    """
    if name not in _registry:
        raise unknown("predicate", name, _registry)
    return _registry[name]


def make_predicate(
    function: Callable[..., Array],
    *,
    phrase: str,
    scale: float,
    unit: str = "m",
    negated: str | None = None,
    name: str | None = None,
) -> Predicate:
    """Build a predicate from a function whose annotations name the types of its arguments.

    Args:
        function: (state, initial, *arguments) -> margin (...,) in `unit`, positive where it is true.
        phrase: English, with the arguments' names in braces; `{direction:of}` reads "left of".
        scale: the margin, in `unit`, that squashes to 1/2.
        unit: unit of the margin.
        negated: phrase of the opposite; "not ..." where left out.
        name: what formulas call it; the function's name where left out.

    Raises:
        TabletopError: an annotation is none of TYPES, or the scale is not positive.
    """
    called = name or function.__name__
    if not (math.isfinite(scale) and scale > 0.0):
        raise TabletopError(f"the scale of predicate {called!r} must be positive, got {scale!r}")
    arguments = []
    for parameter in list(inspect.signature(function).parameters.values())[2:]:
        argument_type = getattr(parameter.annotation, "__name__", str(parameter.annotation)).lower()
        if argument_type not in TYPES:
            raise TabletopError(
                f"argument {parameter.name!r} of predicate {called!r} has type {argument_type!r}; "
                f"there are: {', '.join(t.capitalize() for t in TYPES)}"
            )
        default = None if parameter.default is inspect.Parameter.empty else parameter.default
        arguments.append(Argument(parameter.name, argument_type, default))
    return Predicate(called, function, tuple(arguments), scale, unit, phrase, negated or f"not {phrase}")


def predicate(
    *, phrase: str, scale: float, unit: str = "m", negated: str | None = None, name: str | None = None
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a function (state, initial, *arguments) -> margin as a predicate.

    Args:
        phrase: English, with the arguments' names in braces; `{direction:of}` reads "left of".
        scale: the margin, in `unit`, that squashes to 1/2.
        unit: unit of the margin.
        negated: phrase of the opposite; "not ..." where left out.
        name: what formulas call it; the function's name where left out.

    Raises:
        TabletopError: the name is taken, or see `make_predicate`.
    """

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        made = make_predicate(function, phrase=phrase, scale=scale, unit=unit, negated=negated, name=name)
        if made.name in _registry:
            raise TabletopError(
                f"a predicate's name must be new, got {made.name!r}; taken: {', '.join(sorted(_registry))}"
            )
        _registry[made.name] = made
        return function

    return register
