"""What a kind is taken for where some kinds are treated alike: a tray of one's own as the package's bin is."""

from __future__ import annotations

from tabletop.projects import kept
from tabletop.sim.cards import load_cards

__all__ = ["role_of"]


@kept
def role_of(kind: str) -> str:
    """Return the kind whose part a kind plays: what its card is `like`, or itself.

    Scripted operators, effects and goals are about kinds, such as what is put into bins, bowls and drawers.

    >>> role_of("bin")
    'bin'
    """
    card = load_cards().get(kind)
    return kind if card is None or card.like is None else card.like
