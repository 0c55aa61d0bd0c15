"""Numbers with units, to SI and back."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabletop.errors import TabletopError
from tabletop.logic.quantity import DIMENSIONS, quantity_text, read_quantity, to_si


@given(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from(sorted(DIMENSIONS)))
def test_written_quantities_read_back_bit_for_bit(value: float, dimension: str) -> None:
    assert read_quantity(quantity_text(value, dimension), "value") == (value, dimension)


@pytest.mark.parametrize(
    ("value", "dimension", "text"),
    [
        (0.05, "length", "5 cm"),
        (0.07, "length", "7 cm"),
        (0.005, "length", "5 mm"),
        (1.5, "length", "1.5 m"),
        (0.0, "length", "0 cm"),
        (1 / 3, "length", "0.3333333333333333 m"),
        (math.radians(-30), "angle", "-30 deg"),
        (2.0, "force", "2 N"),
        (0.8, "fraction", "0.8"),
    ],
)
def test_quantities_are_written_in_units_people_use(value: float, dimension: str, text: str) -> None:
    assert quantity_text(value, dimension) == text


@pytest.mark.parametrize("text", ["", "cm", "5 5", "5 cm cm", "five", None, "1e999"])
def test_what_is_no_quantity_is_refused(text: object) -> None:
    with pytest.raises(TabletopError, match="angle must be a number with a unit"):
        read_quantity(text, "angle")


def test_an_unknown_unit_lists_those_that_exist() -> None:
    with pytest.raises(TabletopError, match="unknown unit 'inch'; there are: %, N, cm"):
        to_si(3, "inch")
