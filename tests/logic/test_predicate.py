"""The registry of predicates, and how they are declared."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tabletop.errors import TabletopError
from tabletop.logic import PREDICATES, get_predicate, predicate
from tabletop.logic.predicate import Entity, Length, make_predicate
from tabletop.sim.state import State


def function(state: State, initial: State, a: Entity, distance: Length = 0.1) -> Any:
    """Return nothing of interest."""
    return np.zeros(())


def test_signature_comes_from_the_annotations() -> None:
    made = make_predicate(function, phrase="{a} far", scale=0.1)
    assert made.signature == "function(a, distance=10 cm)"
    assert [a.type for a in made.arguments] == ["entity", "length"]
    assert made.negated == "not {a} far"


def test_a_taken_name_is_refused_and_leaves_the_registry_alone() -> None:
    before = dict(PREDICATES)
    with pytest.raises(TabletopError, match="name must be new, got 'on'; taken: aligned"):
        predicate(phrase="{a} far", scale=0.1, name="on")(function)
    assert dict(PREDICATES) == before


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf")])
def test_a_scale_must_be_positive(scale: float) -> None:
    with pytest.raises(TabletopError, match="scale of predicate 'function' must be positive"):
        make_predicate(function, phrase="", scale=scale)


def test_an_argument_of_another_type_is_refused() -> None:
    def bad(state: State, initial: State, a: int) -> Any:
        return a

    with pytest.raises(TabletopError, match=r"argument 'a' of predicate 'bad' has type 'int'; there are: Entity"):
        make_predicate(bad, phrase="", scale=1.0)


def test_binding_fills_defaults_and_checks_arguments() -> None:
    made = make_predicate(function, phrase="{a} far", scale=0.1)
    assert made.bind(("red",)) == ("red", 0.1)
    for wrong in ((), ("red", 0.1, 2), (1.0,), ("red", "left"), ("red", float("nan")), ("not a name",)):
        with pytest.raises(TabletopError, match="function takes"):
            made.bind(wrong)


def test_the_registry_is_read_only_and_an_unknown_name_lists_those_that_exist() -> None:
    with pytest.raises(TypeError):
        PREDICATES["x"] = PREDICATES["on"]  # type: ignore[index]
    with pytest.raises(TabletopError, match="unknown predicate 'x'; there are: aligned, apart"):
        get_predicate("x")


@pytest.mark.parametrize("name", sorted(PREDICATES))
def test_every_predicate_documents_itself(name: str) -> None:
    known = PREDICATES[name]
    assert known.function.__doc__
    assert known.unit in {"m", "rad", "N", "m/s", ""}
    assert all(argument.default is None or argument.accepts(argument.default) for argument in known.arguments)
