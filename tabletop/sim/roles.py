"""What a kind is taken for where some kinds are treated alike: a tray of one's own as the package's bin is."""

from __future__ import annotations

from typing import Final

from tabletop.projects import kept
from tabletop.sim.cards import base_of, load_cards

__all__ = ["PART", "role_of"]

PART: Final = "moving part"
"""The role of all that moves on fixtures with several such parts; no kind can be called so."""


@kept
def role_of(kind: str) -> str:
    """Return the kind whose role a kind plays: what its card is `like`, or itself; PART of what moves on a fixture.

    Scripted operators, effects and goals are about kinds, such as what is put into bins, bowls and drawers.

    >>> role_of("bin")
    'bin'
    """
    card = load_cards().get(kind)
    if card is not None and card.like is not None:
        return card.like
    return kind if base_of(kind) is None else PART
