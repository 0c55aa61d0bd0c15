"""The register of motion primitives: a typed function each, by the name that cards use."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from tabletop.control.motion import Motion
from tabletop.errors import TabletopError, unknown
from tabletop.logic.predicate import DIRECTIONS
from tabletop.logic.quantity import read_quantity
from tabletop.sim.cards import is_entity_name
from tabletop.sim.state import State

__all__ = [
    "PRIMITIVES",
    "Count",
    "Direction",
    "Length",
    "Name",
    "Primitive",
    "Turn",
    "get_primitive",
    "primitive",
]

# What a primitive's function writes as the type of its arguments.
Name = str
Direction = str
Length = float
Turn = float
Count = int

_DIMENSIONS: Final = {"Length": "length", "Turn": "angle"}


@dataclass(frozen=True)
class Argument:
    """One argument of a primitive."""

    name: str
    type: str
    """ "Name" of an entity, "Direction", "Length" (m), "Turn" (rad) or "Count"."""
    required: bool

    def read(self, value: object, where: str) -> str | float:
        """Return what a card says for it, in SI; names stay as they are.

        Raises:
            TabletopError: it is not of this type.
        """
        what = f"{where}: {self.name}"
        if self.type == "Name":
            if not isinstance(value, str) or not is_entity_name(value):
                raise TabletopError(f"{what} must be the name of an entity, got {value!r}")
            return value
        if self.type == "Direction":
            if value not in DIRECTIONS:
                raise unknown(f"direction (for {what})", value, DIRECTIONS)
            return str(value)
        if self.type == "Count":
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise TabletopError(f"{what} must be a whole number of steps, got {value!r}")
            return value
        if isinstance(value, str) and value.isidentifier():
            return value
        number, dimension = read_quantity(value, what)
        if dimension != _DIMENSIONS[self.type]:
            wanted = {"Length": "a length such as 5 cm", "Turn": "an angle such as 30 deg"}[self.type]
            raise TabletopError(f"{what} must be {wanted}, got {value!r}")
        return number


@dataclass(frozen=True)
class Primitive:
    """A motion with a name and typed arguments."""

    name: str
    function: Callable[..., Motion]
    """(state, **arguments) -> motion."""
    arguments: tuple[Argument, ...]

    def read(self, given: object, where: str) -> Mapping[str, str | float]:
        """Return the arguments that a card gives: one value for the first, or a mapping.

        A word for a number stands for a value that the task sets (its parameter's type).

        Raises:
            TabletopError: unknown, missing or ill-typed arguments; the message begins with `where`.
        """
        if given is None:
            given = {}
        if not isinstance(given, Mapping):
            if not self.arguments:
                raise TabletopError(f"{where}: {self.name} takes no arguments, got {given!r}")
            given = {self.arguments[0].name: given}
        # YAML 1.1 reads the bare word `on` as true.
        given = {"on" if key is True else key: value for key, value in given.items()}
        known = {a.name: a for a in self.arguments}
        for key in given:
            if key not in known:
                raise unknown(f"argument of {self.name} ({where})", key, known)
        for argument in self.arguments:
            if argument.required and argument.name not in given:
                raise TabletopError(f"{where}: {self.name} needs {argument.name}, got {dict(given)!r}")
        return {str(k): known[k].read(v, where) for k, v in given.items()}

    def names(self, arguments: Mapping[str, str | float]) -> tuple[str, ...]:
        """Return the entities that arguments speak of."""
        return tuple(str(arguments[a.name]) for a in self.arguments if a.type == "Name" and a.name in arguments)

    def bind(self, arguments: Mapping[str, str | float], names: Mapping[str, str]) -> dict[str, Any]:
        """Return the arguments with entities replaced; those that `names` leaves out stay."""
        types = {a.name: a.type for a in self.arguments}
        return {k: names.get(str(v), v) if types[k] == "Name" else v for k, v in arguments.items()}

    def start(self, state: State, arguments: Mapping[str, Any]) -> Motion:
        """Begin the motion."""
        return self.function(state, **arguments)


_registry: dict[str, Primitive] = {}
PRIMITIVES: Final[Mapping[str, Primitive]] = MappingProxyType(_registry)
"""All primitives by name, read-only; `primitive` adds to it."""


def get_primitive(name: str, where: str) -> Primitive:
    """Return the primitive of that name.

    Raises:
        TabletopError: there is none; `where` says in which card.
    """
    if name not in _registry:
        raise unknown(f"primitive ({where})", name, _registry)
    return _registry[name]


def primitive(function: Callable[..., Motion]) -> Callable[..., Motion]:
    """Register a function (state, arguments ...) -> Motion under its own name.

    Raises:
        TabletopError: the name is taken, or an argument's type is not one of this module's.
    """
    arguments = []
    for parameter in list(inspect.signature(function).parameters.values())[1:]:
        argument_type = str(parameter.annotation).removesuffix(" | None")
        if argument_type not in {"Name", "Direction", "Length", "Turn", "Count"}:
            raise TabletopError(
                f"argument {parameter.name!r} of primitive {function.__name__!r} has type {argument_type!r}"
            )
        arguments.append(Argument(parameter.name, argument_type, parameter.default is inspect.Parameter.empty))
    name = function.__name__.rstrip("_")
    if name in _registry:
        raise TabletopError(f"a primitive's name must be new, got {name!r}")
    _registry[name] = Primitive(name, function, tuple(arguments))
    return function
