"""What a family of perturbations cannot act on, and why, in a few words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from tabletop.sim.cards import load_cards
from tabletop.sim.joints import moving_point
from tabletop.sim.scene import Entity

__all__ = ["falling", "steady", "still"]

_NOTHING: Final = "nothing in the scene can move"
_LEAST: Final = 0.001
"""m that a moving part's middle must go for a force on it to do anything."""


def _way(entity: Entity) -> Sequence[float] | None:
    """Return how far the middle of a moving part goes along x, y and z (3,), m, at most; None of what has no joint."""
    joint = load_cards()[entity.kind].joint
    if joint is None:
        return None
    path = np.array([moving_point(joint, entity.size, fraction) for fraction in np.linspace(0.0, 1.0, 5)])
    found: Sequence[float] = np.ptp(path, axis=0).tolist()
    return found


def still(entity: Entity | None) -> str | None:
    """Return why nothing can be done to an entity: it is None where nothing in the scene can move."""
    return _NOTHING if entity is None else None


def steady(entity: Entity | None) -> str | None:
    """Return why an entity cannot be drawn sideways; None where it can."""
    if entity is None:
        return _NOTHING
    way = _way(entity)
    sideways = way is None or max(way[:2]) > _LEAST
    return None if sideways else "its moving part goes up and down or turns on the spot"


def falling(entity: Entity | None) -> str | None:
    """Return why an entity cannot be made heavier; None where it can."""
    if entity is None:
        return _NOTHING
    way = _way(entity)
    return None if way is None or way[2] < _LEAST else "its own weight would move it"
