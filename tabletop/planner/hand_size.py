"""How much room the coarse rules of the planner give a robot's hand."""

from __future__ import annotations

from dataclasses import dataclass

from tabletop.projects import kept
from tabletop.sim.robot_card import load_robot_card

__all__ = ["HandSize", "hand_size"]


@dataclass(frozen=True)
class HandSize:
    """Lengths, m, that are about those of the robot's card."""

    above: float
    """What is that much higher than what is taken meets the hand."""
    gap: float
    """Between what is taken and its neighbour: a finger comes down there."""
    half: float
    """From the hand's middle to its ends, along the way in which the fingers open."""
    breadth: float
    """From that line to what stands beside the hand."""
    height: float
    """What is that high above the table meets the hand over what lies on the table."""
    finger: float
    """From the fingers' line to what stands beside a finger."""
    fingers: float
    """From the middle to the outer sides of the open fingers."""


@kept
def hand_size(robot: str) -> HandSize:
    """Return the room for a robot's hand.

    Args:
        robot: name of its card.

    Raises:
        TabletopError: there is none of that name.

    >>> hand_size("panda").fingers
    0.06
    """
    card = load_robot_card(robot)
    hand, (along, across) = card.hand, card.hand.half
    fingers = card.max_width / 2 + hand.thickness + 0.010
    # What is added or left out suits the Panda; rounded, so that sums of decimals are what they say.
    return HandSize(
        above=round(max(hand.palm - 0.021, 0.0), 6),
        gap=round(hand.thickness + 0.008, 6),
        half=round(max(along - 0.006, fingers), 6),
        breadth=round(across + 0.006, 6),
        height=round(hand.palm + 0.019, 6),
        finger=round(hand.breadth / 2 + 0.005, 6),
        fingers=round(fingers, 6),
    )
