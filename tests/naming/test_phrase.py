from __future__ import annotations

import numpy as np
import pytest

from tabletop.naming.phrase import consistency, offset_words, phrase
from tabletop.skills.effects import EFFECT_WIDTH, FACT, get_effect


def outcomes(*row: float) -> np.ndarray:
    """Five episodes about an outcome, and two far off that a median does not mind."""
    rows = np.array(row) + np.array([-0.004, -0.002, 0, 0.002, 0.004])[:, None] * (np.arange(len(row)) == 0)
    return np.concatenate([rows, [np.full(len(row), -5.0)], [np.full(len(row), 5.0)]])


QUARTER = np.pi / 2


@pytest.mark.parametrize(
    ("name", "outcome", "words"),
    [
        ("held_at", (0.2, 0.1, 0.12, 0, 0, 0), "holds the object 12 cm up, at the middle"),
        ("held_at", (0, 0, 0.2, 0, 0.1, -0.05), "holds the object 20 cm up, 10 cm away and 5 cm right from the middle"),
        ("held_at", (-0.1, 0.05, 0.0, 0, 0, 0.08), "takes the object 8 cm left from the middle"),
        ("held_at", (0.01, 0.01, 0.01, QUARTER, 0.1, 0.1), "leaves the object about where it is"),
        ("placed", (0.1, 0, 0, 0, -0.12, 0.01), "puts the object 12 cm toward from the middle"),
        ("placed", (0, 0, -0.2, 0, 0, 0), "knocks the object off the table"),
        ("displaced", (0.14, 0, 0, 0, 0.1, 0.1), "moves the object 14 cm away"),
        (
            "displaced",
            (0, -0.2, 0, QUARTER, 0, 0),
            "moves the object 20 cm right and turns the object 90 deg counter-clockwise",
        ),
        ("displaced", (0, 0, 0, -QUARTER / 2, 0.1, 0.1), "turns the object 45 deg clockwise"),
        ("displaced", (0, 0, 0, QUARTER / 9, 0.1, 0.1), "leaves the object about where it is"),
        ("turned", (0.01, 0, 0, QUARTER, 0.1, 0.1), "turns the object 90 deg counter-clockwise"),
        ("displaced", (0, 0, -0.2, 0, 0.1, 0.1), "knocks the object off the table"),
        ("joint", (0.5,), "brings the object to 50% open"),
        ("joint", (-0.001,), "brings the object to 0% open"),
        ("joint", (1.19,), "brings the object to 100% open"),
    ],
)
def test_a_phrase_says_what_mostly_happens(name: str, outcome: tuple[float, ...], words: str) -> None:
    assert phrase(get_effect(name), np.zeros((7, EFFECT_WIDTH)), outcomes(*outcome)) == words


@pytest.mark.parametrize(
    ("name", "effect", "words"),
    [
        ("related", (0.0, 0.01, 0.0, FACT), "puts the bell on or into another thing"),
        ("related", (0.0, 0.01, -0.05, 0.0), "leaves the bell about where it is"),
        ("toppled", (0.14, FACT), "topples the bell"),
        ("toppled", (0.02, 0.0), "leaves the bell alone"),
        ("dropped", (0.05, FACT), "drops the bell off the table"),
        ("reached", (0.1, 0.0, 0.08), "takes the gripper 10 cm away and 8 cm up from the bell"),
        ("reached", (0.01, 0.0, 0.01), "takes the gripper to the bell"),
    ],
)
def test_a_fact_has_words_of_its_own(name: str, effect: tuple[float, ...], words: str) -> None:
    nothing = outcomes(0, 0, 0, 0, 0, 0)
    assert phrase(get_effect(name), np.tile(effect, (7, 1)), nothing, "the bell") == words


def test_a_phrase_calls_the_entity_what_it_is_told() -> None:
    assert (
        phrase(get_effect("joint"), np.ones((7, EFFECT_WIDTH)), outcomes(1.0), "the drawer")
        == "brings the drawer to 100% open"
    )


@pytest.mark.parametrize(
    ("offset", "words"),
    [
        ((0.14, 0.0), "14 cm away"),
        ((-0.14, 0.02), "14 cm toward"),
        ((0.0, 0.1), "10 cm left"),
        ((0.03, -0.1), "10 cm right"),
        ((0.1, 0.1), "14 cm away-left"),
        ((-0.06, -0.08), "10 cm right-toward"),
    ],
)
def test_an_offset_is_a_distance_and_its_main_direction_first(offset: tuple[float, float], words: str) -> None:
    assert offset_words(*offset) == words


def test_consistency_is_the_median_distance_from_the_median() -> None:
    rows = np.array([[0.1, 0, 0, 0], [0.1, 0.02, 0, 0], [0.1, -0.04, 0, 0]])
    assert consistency(get_effect("displaced"), rows) == pytest.approx(0.02)


def test_columns_that_an_effect_does_not_have_do_not_make_it_inconsistent() -> None:
    rows = np.array([[0.1, 0, 0, 0.3], [0.1, 0, 0, -0.3]])
    assert consistency(get_effect("placed"), rows) == 0.0
