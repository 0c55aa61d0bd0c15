"""The room that the coarse rules give a hand: the Panda's as it always was, others' by their cards."""

from __future__ import annotations

from dataclasses import astuple

from tabletop.planner.hand_size import hand_size
from tabletop.sim.robot_card import load_robot_card


def test_the_pandas_room_is_exact_and_that_of_others_is_about_their_own_size() -> None:
    assert astuple(hand_size("panda")) == (0.015, 0.018, 0.10, 0.035, 0.055, 0.014, 0.06)
    size, card = hand_size("cobot6"), load_robot_card("cobot6")
    assert size.half == 0.069
    assert size.half < card.hand.half[0]
    assert size.fingers == 0.0625
    assert size.fingers > card.max_width / 2 + card.hand.thickness
