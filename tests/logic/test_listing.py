from __future__ import annotations

import pytest

from tabletop.logic import PREDICATES, parse
from tabletop.logic.listing import _SUITED, predicate_rows
from tabletop.logic.quantity import read_quantity
from tabletop.sim.cards import load_cards

ROWS = {row["name"]: row for row in predicate_rows()}


def names_in(example: str) -> set[str]:
    (literal,) = parse(example).leaves
    arguments = PREDICATES[literal.predicate].arguments
    return {str(v) for v, a in zip(literal.args, arguments, strict=True) if a.type == "entity"}


def test_every_predicate_is_listed_once_by_name() -> None:
    assert [row["name"] for row in predicate_rows()] == sorted(PREDICATES)
    assert set(_SUITED) <= set(PREDICATES)


@pytest.mark.parametrize("name", PREDICATES)
def test_each_example_parses_to_its_predicate_with_its_defaults(name: str) -> None:
    (literal,) = parse(ROWS[name]["example"]).leaves
    assert literal.predicate == name
    for value, argument in zip(literal.args, PREDICATES[name].arguments, strict=True):
        if argument.default is not None:
            assert value == argument.default


@pytest.mark.parametrize("name", PREDICATES)
def test_defaults_can_be_read_and_have_one_of_the_units(name: str) -> None:
    for row, argument in zip(ROWS[name]["arguments"], PREDICATES[name].arguments, strict=True):
        if row["default"] is None:
            assert argument.default is None
            continue
        value, dimension = read_quantity(row["default"], name)
        assert (value, dimension) == (argument.default, argument.dimension)
        assert not row["units"] or row["default"].split()[-1] in [*row["units"]] or dimension == "fraction"


def test_examples_are_about_kinds_of_things_there_are_or_blocks_by_colour() -> None:
    kinds = {*load_cards(), "red", "blue"}
    named = {name for row in ROWS.values() for name in names_in(row["example"])}
    assert named <= kinds
