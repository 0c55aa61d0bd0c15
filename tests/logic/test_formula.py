"""Formulas as values: equality, text, phrases, and their three ways to be evaluated."""

from __future__ import annotations

import pickle
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabletop.errors import TabletopError
from tabletop.logic import DIRECTIONS, PREDICATES, Formula, Literal, conjunction, parse, relations
from tabletop.logic.formula import group
from tabletop.sim.state import State

Build = Callable[..., State]

NAMES = ("red", "blue", "bin")
RANGES = {
    "length": st.floats(0, 2),
    "angle": st.floats(0, 3.1415),
    "turn": st.floats(-3.1415, 3.1415),
    "force": st.floats(0, 50),
    "fraction": st.floats(0, 1),
}


@st.composite
def literals(draw: st.DrawFn) -> Literal:
    """Draw any predicate with any arguments."""
    # The states that formulas are asked of here hold solid things only.
    solid = sorted(n for n, p in PREDICATES.items() if p.function.__module__ == relations.__name__)
    known = PREDICATES[draw(st.sampled_from(solid))]
    names = iter(draw(st.permutations(NAMES)))
    args: list[str | float] = []
    for argument in known.arguments:
        if argument.type == "entity":
            args.append(next(names))
        elif argument.type == "direction":
            args.append(draw(st.sampled_from(sorted(DIRECTIONS))))
        else:
            default = st.just(argument.default) if argument.default is not None else st.nothing()
            args.append(draw(RANGES[argument.type] | default))
    return Literal(known.name, tuple(args), draw(st.booleans()))


def _joined(inner: st.SearchStrategy[Formula]) -> st.SearchStrategy[Formula]:
    parts = st.lists(inner, min_size=1, max_size=3)
    return st.builds(lambda op, fs: Formula(group(op, [f.tree for f in fs])), st.sampled_from(["and", "or"]), parts)


formulas = st.recursive(literals().map(Formula), _joined, max_leaves=6)


@given(formulas)
def test_text_reads_back_to_an_equal_formula(formula: Formula) -> None:
    again = parse(str(formula), NAMES)
    assert again == formula
    assert hash(again) == hash(formula)
    assert again.text == formula.text


@given(formulas)
def test_negating_twice_changes_nothing(formula: Formula) -> None:
    assert ~~formula == formula
    assert ~formula != formula


@given(formulas)
def test_a_formula_survives_the_way_to_another_process(formula: Formula) -> None:
    assert formula.normal == pickle.loads(pickle.dumps(formula)).normal


def batch(make: Build, seed: int, size: int = 64) -> tuple[State, State]:
    """Return random states of the entities of NAMES, and the state at reset."""
    rng = np.random.default_rng(seed)
    fields = {
        n: {
            "position": rng.normal((0.5, 0, 0.05), 0.08, (size, 3)),
            "quaternion": rng.normal(size=(size, 4)),
            "fraction": rng.uniform(size=size),
        }
        for n in NAMES
    }
    return make({}, **fields), make({}, **{n: {} for n in NAMES})


@given(formula=formulas, seed=st.integers(0, 9))
def test_margin_lies_within_one_and_its_sign_is_the_truth(make: Build, formula: Formula, seed: int) -> None:
    state, initial = batch(make, seed, 8)
    margin, truth = formula.margin(state, initial), formula.holds(state, initial)
    assert margin.shape == truth.shape == (8,)
    assert (np.abs(margin) < 1).all()
    np.testing.assert_array_equal(truth, margin >= 0)
    np.testing.assert_array_equal((~formula).holds(state, initial), ~truth)


@given(formula=formulas, seed=st.integers(0, 9), temperature=st.floats(1e-4, 1.0))
def test_smooth_margin_stays_within_the_leaves_and_tends_to_the_exact_one(
    make: Build, formula: Formula, seed: int, temperature: float
) -> None:
    state, initial = batch(make, seed, 8)
    leaves = np.stack([leaf.margin(state, initial) for leaf in formula.leaves])
    smooth = formula.smooth(state, initial, temperature)
    assert (smooth <= leaves.max(axis=0) + 1e-9).all()
    assert (smooth >= leaves.min(axis=0) - 1e-9).all()
    np.testing.assert_allclose(formula.smooth(state, initial, 1e-6), formula.margin(state, initial), atol=1e-4)


def test_squashing_is_monotone_and_keeps_zero(make: Build) -> None:
    x = np.linspace(0.5, 0.8, 50)
    path = make({}, a={"position": np.stack([x, 0 * x, 0 * x + 0.025], -1)})
    margins = parse("moved(a, away, 10 cm)").margin(path, path[0])
    assert (np.diff(margins) > 0).all()
    reached = make({}, a={"fraction": 0.8})
    assert float(parse("open(a, 0.8)").margin(reached, reached)) == 0.0


def test_exactly_at_the_threshold_a_statement_holds_and_its_negation_does_not(make: Build) -> None:
    state = make({}, a={"fraction": 0.8})
    assert parse("open(a, 0.8)").holds(state, state)
    assert not parse("not open(a, 0.8)").holds(state, state)


def test_and_is_the_least_margin_and_or_the_greatest(make: Build) -> None:
    state, initial = batch(make, 0)
    one, two = parse("near(red, blue)"), parse("open(bin)")
    a, b = one.margin(state, initial), two.margin(state, initial)
    np.testing.assert_array_equal((one & two).margin(state, initial), np.minimum(a, b))
    np.testing.assert_array_equal((one | two).margin(state, initial), np.maximum(a, b))


def test_result_takes_the_shape_of_both_states_even_if_the_formula_reads_one(make: Build) -> None:
    state, initial = batch(make, 0, 6)
    assert parse("on(red, blue)").margin(state[0], initial[None][[0, 0, 0]]).shape == (3,)
    assert parse("on(red, blue)").holds(state[0], initial).shape == ()


def test_order_repetition_nesting_and_default_arguments_do_not_matter_for_equality() -> None:
    one = parse("near(red, blue) and (held(red) and near(red, blue, 50 mm))")
    assert one == parse("held(red) and near(red, blue, distance=0.05 m)")
    assert len({one, parse("held(red) and near(red, blue)")}) == 1
    assert one != parse("held(red) or near(red, blue)")
    assert one != parse("held(red) and near(blue, red)")
    assert str(one) == "near(red, blue) and held(red)"


def test_negation_moves_down_to_the_predicates() -> None:
    formula = parse("not (on(red, blue) and not (held(red) or open(bin)))")
    assert str(formula) == "not on(red, blue) or held(red) or open(bin)"
    assert str(parse("not (a_b(red))".replace("a_b", "held"))) == "not held(red)"


def test_phrases_read_as_english() -> None:
    assert parse("on(red, blue) and not held(red)").phrase() == "red on blue and red not held"
    assert parse("moved(red_block, left, 10 cm)").phrase() == "red block moved left by 10 cm"
    assert parse("side(red, blue, away) or near(red, bin)").phrase() == "red beyond blue or red within 5 cm of bin"
    assert parse("held(red) and (open(bin) or closed(bin))").phrase() == "red held and (bin open or bin closed)"


@pytest.mark.parametrize("name", sorted(PREDICATES))
def test_every_phrase_names_its_entities_and_differs_from_its_negation(name: str) -> None:
    known = PREDICATES[name]
    words = {"entity": iter(NAMES), "direction": iter(["left"]), "turn": iter([0.5])}
    args = known.bind(tuple(next(words[a.type]) for a in known.arguments if a.default is None))
    positive, negative = known.describe(args), known.describe(args, False)
    assert positive != negative
    for argument, value in zip(known.arguments, args, strict=True):
        if argument.type == "entity":
            assert str(value) in positive
            assert str(value) in negative


def test_names_are_in_order_of_mention_and_follow_a_renaming() -> None:
    formula = parse("on(red, bin) and not held(red) and near(blue, red)")
    assert formula.names == ("red", "bin", "blue")
    renamed = formula.rename({"red": "x", "bin": "y"})
    assert renamed == parse("on(x, y) and not held(x) and near(blue, x)")
    assert formula.rename({"red": "blue", "blue": "red"}).rename({"red": "blue", "blue": "red"}) == formula


def test_renaming_two_arguments_to_one_entity_is_refused() -> None:
    with pytest.raises(TabletopError, match="relates different entities, got 'blue' twice"):
        parse("on(red, blue)").rename({"red": "blue"})


def test_only_conjunctions_have_literals() -> None:
    formula = parse("on(red, blue) and not held(red)")
    assert formula.literals == (Literal("on", ("red", "blue")), Literal("held", ("red",), positive=False))
    assert parse("held(red)").is_conjunction
    with pytest.raises(TabletopError, match="joined by 'and'"):
        _ = parse("on(red, blue) or held(red)").literals


def test_conjunction_joins_formulas_and_literals_and_refuses_none() -> None:
    joined = conjunction([parse("on(red, blue) and held(blue)"), Literal("open", ("bin",))])
    assert joined == parse("on(red, blue) and held(blue) and open(bin)")
    with pytest.raises(TabletopError, match="at least one"):
        conjunction([])


def test_replacing_a_number_leaves_others_alone() -> None:
    formula = parse("turned(red, 45 deg) and moved(red, left, 10 cm)")
    value = float(np.radians(45))
    assert formula.replace_number("angle", value, -value) == parse("turned(red, -45 deg) and moved(red, left, 10 cm)")
    with pytest.raises(TabletopError, match=r"no length in .* is 20 cm"):
        formula.replace_number("length", 0.2, 0.3)


def test_errors_of_literals_and_temperatures_name_the_rule(make: Build) -> None:
    state = make({}, a={})
    with pytest.raises(TabletopError, match="unknown predicate 'under'"):
        Literal("under", ("a", "b"))
    with pytest.raises(TabletopError, match="takes a length"):
        Literal("near", ("a", "b", -0.1))
    with pytest.raises(TabletopError, match="temperature must be positive, got 0"):
        parse("held(a)").smooth(state, state, 0.0)
    with pytest.raises(TabletopError, match="unknown entity 'b'; there are: a"):
        parse("held(b)").margin(state, state)
