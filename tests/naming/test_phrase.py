from __future__ import annotations

import numpy as np
import pytest

from tabletop.naming.phrase import consistency, offset_words, phrase
from tabletop.skills.effects import REACH, TURN, get_effect


def effects(*row: float) -> np.ndarray:
    """Five episodes about an effect, and one far off that a median does not mind."""
    rows = np.array(row) + np.array([-0.004, -0.002, 0, 0.002, 0.004])[:, None] * (np.arange(len(row)) == 0)
    return np.concatenate([rows, [np.full(len(row), -5.0)], [np.full(len(row), 5.0)]])


QUARTER = np.pi / 2 * TURN


@pytest.mark.parametrize(
    ("kind", "effect", "words"),
    [
        ("held", (0, 0, 0.12), "holds the object 12 cm up"),
        ("held", (0.1, -0.05, 0.2), "holds the object 20 cm up, 10 cm away and 5 cm right"),
        ("held", (-0.1, 0.05, 0.0), "takes the object 10 cm toward and 5 cm left"),
        ("held", (0.01, 0.01, 0.01), "leaves the object about where it is"),
        ("settled", (0.14, 0, 0, 0), "moves the object 14 cm away"),
        (
            "settled",
            (0, -0.2, 0, QUARTER),
            "moves the object 20 cm right and turns the object 90 deg counter-clockwise",
        ),
        ("settled", (0, 0, 0, -QUARTER / 2), "turns the object 45 deg clockwise"),
        ("settled", (0, 0, 0, QUARTER / 9), "leaves the object about where it is"),
        ("settled", (0.15, 0, -0.12, 0), "knocks the object off the table"),
        ("drawer", (0.5 * REACH,), "brings the object to 50% open"),
        ("drawer", (-0.001,), "brings the object to 0% open"),
        ("button", (REACH,), "presses the object"),
        ("button", (0.1 * REACH,), "leaves the object alone"),
    ],
)
def test_a_phrase_says_what_mostly_happens(kind: str, effect: tuple[float, ...], words: str) -> None:
    assert phrase(get_effect(kind), effects(*effect)) == words


def test_a_phrase_calls_the_entity_what_it_is_told() -> None:
    assert phrase(get_effect("drawer"), effects(REACH), "the drawer") == "brings the drawer to 100% open"


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


def test_consistency_is_the_size_of_the_median_and_the_median_distance_from_it() -> None:
    rows = np.array([[0.1, 0, 0, 0], [0.1, 0.02, 0, 0], [0.1, -0.04, 0, 0]])
    assert consistency(get_effect("settled"), rows) == pytest.approx((0.1, 0.02))


def test_a_turn_on_the_spot_is_something_too() -> None:
    size, spread = consistency(get_effect("settled"), np.tile([0, 0, 0, QUARTER], (4, 1)))
    assert (size, spread) == (pytest.approx(QUARTER), 0.0)
