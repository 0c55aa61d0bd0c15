"""Reading formulas: what is accepted, and errors that point at the place."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tabletop.errors import TabletopError
from tabletop.logic import PREDICATES, FormulaError, parse

NAMES = ("red", "blue", "bin")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("near(red, blue, 10 cm)", 0.1),
        ("near(red, blue, 10cm)", 0.1),
        ("near(red, blue, 0.1 m)", 0.1),
        ("near(red, blue, .1 m)", 0.1),
        ("near(red, blue, 1e2 mm)", 0.1),
        ("near(red, blue, distance=7 cm)", 0.07),
        ("near(distance=7 cm, b=blue, a=red)", 0.07),
        ("turned(red, -30 deg)", -np.radians(30)),
        ("turned(red, 30°)", np.radians(30)),
        ("turned(red, +0.5 rad)", 0.5),
        ("held(red, 2 N)", 2.0),
        ("open(bin, 80%)", 0.8),
        ("open(bin, 80 %)", 0.8),
        ("open(bin, 0.8)", 0.8),
    ],
)
def test_quantities_are_read_in_si(text: str, value: float) -> None:
    assert parse(text, NAMES).leaves[0].args[-1] == value


def test_operators_bind_as_in_python_and_lines_may_break_anywhere() -> None:
    text = "\n  on(red, blue)\n\tand held(red)\n  or not open(bin)\n"
    assert parse(text, NAMES) == parse("(on(red,blue) and held(red)) or (not open(bin))", NAMES)


def test_without_names_any_entity_is_accepted() -> None:
    assert parse("on(überblock, _x)").names == ("überblock", "_x")


# Each text has its caret's place marked by the line below it.
ERRORS = [
    ("on(red, blu", "  ^", "'(' is never closed; add ')'"),
    ("on(red, blue))", "             ^", "unmatched ')'"),
    ("onn(red, blue)", "^^^", "unknown predicate 'onn'; did you mean 'on'?"),
    ("on(red, blu)", "        ^^^", "unknown entity 'blu'; did you mean 'blue'? there are: bin, blue, red"),
    ("on(red)", "^^^^^^^", "on lacks 'b'; it is written on(a, b)"),
    ("on(red, blue, bin)", "              ^^^", "on is written on(a, b), got 3 arguments"),
    ("on(red, red)", "^^^^^^^^^^^^", "relates different entities"),
    ("near(red, blue, dist=5 cm)", "                ^^^^^^^^^", "near(a, b, distance=5 cm)"),
    ("near(red, blue, a=red)", "                ^^^^^", "near has 'a' twice"),
    ("near(red, blue, left)", "                ^^^^", "takes a length such as 5 cm"),
    ("near(red, blue, 30 deg)", "                ^^^^^^", "takes a length such as 5 cm"),
    ("near(red, blue, 5)", "                ^", "takes a length such as 5 cm"),
    ("near(red, blue, -5 cm)", "                ^^^^^", "not negative"),
    ("near(red, blue, 5 km)", "                  ^^", "unknown unit 'km'"),
    ("near(red, blue, 5cms)", "                 ^^^", "unknown unit 'cms'; did you mean 'cm'?"),
    ("near(red, blue, 1e999 m)", "                ^^^^^^^", "a number must be finite"),
    ("near(red, blue, 5 cm) and on(red, x)", "                                  ^", "unknown entity 'x'"),
    ("near(red, blue, 5 cm + 3 cm)", "                ^^^^^^^^^^^", "takes a length"),
    ("turned(red, 200 deg)", "            ^^^^^^^", "from -180 deg to 180 deg"),
    ("open(bin, 120%)", "          ^^^^", "a number from 0 to 1"),
    ("moved(red, lft)", "           ^^^", "unknown direction 'lft'; did you mean 'left'?"),
    ("moved(red, 5 cm)", "           ^^^^", "takes a direction (left, right, away, toward, up, down)"),
    ("on(red, 5 cm)", "        ^^^^", "takes the name of an entity for 'b', got '5 cm'"),
    ("on(red, held(blue))", "        ^^^^^^^^^^", "takes the name of an entity"),
    ("on(red blue)", "   ^^^^^^^^", "a comma, 'and' or 'or' is missing"),
    ("on(red, blue) held(red)", "              ^", "joined by 'and', 'or', 'not'"),
    ("on(red, blue) and", "                 ^", "ends too early"),
    ("red.on(blue)", "^^^^^^", "a predicate's name must stand before '('"),
    ("red.held", "^^^^^^^^", "names have no dots"),
    ("held(red) & held(blue)", "^^^^^^^^^^^^^^^^^^^^^^", "write 'and', 'or'"),
    ("held(red) + 1", "^^^^^^^^^^^^^", "arithmetic has no meaning"),
    ("held(red) > 0.5", "^^^^^^^^^^^^^^^", "comparisons have no meaning"),
    ("lambda: held(red)", "^^^^^^^^^^^^^^^^^", "has no meaning here"),
    ("held(red) if open(bin) else held(blue)", "^" * 38, "has no meaning here"),
    ("[held(red)]", "^^^^^^^^^^^", "has no meaning here"),
    ("held(x := red)", "     ^^^^^^^^", "takes the name of an entity"),
    ("held(*red)", "     ^^^^", "one by one"),
    ("held(**red)", "     ^^^^^", "one by one"),
    ("held(True)", "     ^^^^", "takes the name of an entity"),
    ("on('red', blue)", "   ^", "names stand without quotes"),
    ("held(red) # done", "          ^", "a formula has no '#'"),
    ("held", "^^^^", "'held' needs its arguments: held(a, force=0.5 N)"),
    ("red", "^^^", "'red' alone states nothing"),
    ("held(red) and 5 cm", "              ^^^^", "alone states nothing"),
    ("5 cm(red)", "^^^^", "a predicate's name must stand before '('"),
    ("held(red)\n  and held(blu)", "                     ^^^", "unknown entity 'blu'"),
    ("  held(blu)", "       ^^^", "unknown entity 'blu'"),
    ("held(é) and held(red)", "     ^", "unknown entity 'é'"),
    ("turned(red, 5°) and held(é)", "                         ^", "unknown entity 'é'"),
]


@pytest.mark.parametrize(("text", "caret", "message"), ERRORS, ids=[e[0] for e in ERRORS])
def test_an_error_names_the_rule_and_puts_its_caret_under_the_place(text: str, caret: str, message: str) -> None:
    with pytest.raises(FormulaError) as caught:
        parse(text, NAMES, "success")
    first, shown, marks = str(caught.value).split("\n")
    assert first.startswith("success: ")
    assert message in first
    assert shown == "  " + text.replace("\n", " ")
    assert marks == "  " + caret


def test_an_unknown_predicate_lists_those_that_exist() -> None:
    with pytest.raises(FormulaError, match=", ".join(sorted(PREDICATES))):
        parse("resting(red)")


@pytest.mark.parametrize("text", ["", "  \n ", "held(red) and " * 300 + "held(red)"])
def test_empty_and_endless_texts_are_refused_in_one_line(text: str) -> None:
    with pytest.raises(FormulaError) as caught:
        parse(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["not " * 200 + "held(red)", "(" * 500, "(" * 150 + "held(red)" + ")" * 150 + "x"])
def test_deep_nesting_is_an_error_and_no_crash(text: str) -> None:
    with pytest.raises(FormulaError):
        parse(text)


def test_what_is_not_text_is_refused() -> None:
    with pytest.raises(FormulaError, match="a formula is text, got True"):
        parse(True)  # type: ignore[arg-type]


def test_an_error_survives_the_way_from_another_process() -> None:
    with pytest.raises(TabletopError) as caught:
        parse("on(red, blu)", NAMES)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


SIGNS = "left and or not if lambda in is await é _ 𝒂 ² ٣ 2 1e 0x1 % ° ( ) , = - . : * [ ]"
pieces = [*PREDICATES, *NAMES, "5 cm", "30 deg", "\n", *SIGNS.split()]
words = st.sampled_from(pieces)


@given(st.text(max_size=60) | st.lists(words, max_size=20).map(" ".join) | st.lists(words, max_size=20).map("".join))
@example("\x00")
@example("\ud800")
@example("1_0")
@example("1if 2else 3")
@example("held(\u2028red)")
def test_any_text_is_a_formula_or_a_formula_error_that_can_be_printed(text: str) -> None:
    try:
        parse(text, NAMES)
    except FormulaError as error:
        lines = str(error).encode("utf-8").decode("utf-8").split("\n")
        assert len(lines) in {1, 3}
        if len(lines) == 3:
            assert len(lines[2].rstrip("^")) <= len(lines[1]) + 1
            assert lines[2].strip(" ") == "^" * len(lines[2].strip(" "))
