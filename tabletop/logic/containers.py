"""What containers are like inside, from their cards."""

from __future__ import annotations

from typing import Final

from tabletop.projects import kept
from tabletop.sim.card_parts import Part, number
from tabletop.sim.cards import load_cards

__all__ = ["floor_of"]

_NAMES: Final = {"w": 0.2, "d": 0.2, "h": 0.1}
"""m: a size to read cards at; a floor is as thick in all sizes of its kind."""


def _top(part: Part) -> float | None:
    """Return how high (m, own frame) the top of a part is that lies across the kind's middle; None for others."""
    x, y, z = (number(v, _NAMES) for v in part.at)
    size = [number(v, _NAMES) for v in part.size]
    half = (size[0] / 2, size[1] / 2) if part.shape == "box" else (size[0], size[0])
    over = abs(x) < half[0] and abs(y) < half[1]
    tall = {"box": 2, "cylinder": 1}.get(part.shape)
    return z + size[tall] / 2 if over and tall is not None else None


@kept
def floor_of(kind: str) -> float:
    """Return how thick the floor of a container is (m): 0 where things in it stand on what it stands on.

    A floor lies across the middle of the kind (of its moving part, if it has one), and below half of its height.
    """
    card = load_cards().get(kind)
    if card is None:
        return 0.0
    if card.mesh is not None:
        return card.mesh.floor or 0.0
    parts = card.moving or card.parts
    # Parts of what is static count from its underside, those of a joint and of what is loose from the middle.
    height = number(card.joint.extent[2], _NAMES) if card.joint else _NAMES["h"]
    low, middle = (0.0, height / 2) if card.body_type == "static" else (-height / 2, 0.0)
    tops = [top for part in parts if (top := _top(part)) is not None and top < middle]
    return max(0.0, max(tops) - low) if tops else 0.0
