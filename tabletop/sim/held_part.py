"""The part by which a thing is held, from its card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tabletop.sim.card_parts import Part, number
from tabletop.sim.cards import Card
from tabletop.sim.meshes import Mesh

__all__ = ["GraspedPart", "grasped_part"]


@dataclass(frozen=True)
class GraspedPart:
    """The part by which a kind is held: the first one of its card. In the entity's own frame."""

    centre: tuple[float, ...]
    """(3,), m."""
    extents: tuple[float, ...]
    """(3,), full, m."""
    shape: str
    """ "box", "cylinder" or "sphere"."""
    axes: tuple[int, ...]
    """Own axes (0 x, 1 y, 2 z) along which two fingers can close: no other part is where they would be."""
    alone: bool
    """Whether it is the only part."""

    @property
    def closing(self) -> int:
        """The own horizontal axis (0 x, 1 y) along which it is narrowest, of those that are free."""
        return min((i for i in (0, 1) if i in self.axes), key=lambda i: self.extents[i], default=0)


_FINGERS: Final = 0.010
"""m, how thick a finger is."""
_SUNK: Final = 0.004
"""m by which parts may overlap, or a finger another part, and not be in each other's way."""


def _extents(part: Part, names: Mapping[str, float]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return centre and full extents (m) of a part, its own turn left out."""
    centre = tuple(number(a, names) for a in part.at)
    given = tuple(number(s, names) for s in part.size)
    if part.shape == "box":
        return centre, given
    wide = 2 * given[0]
    return centre, (wide, wide, given[1] if part.shape == "cylinder" else wide)


def grasped_part(card: Card, size: Sequence[float]) -> GraspedPart:
    """Return the part by which an entity of a kind is held.

    Args:
        card: of the kind.
        size: full extents of the entity, m.

    Raises:
        TabletopError: the card's numbers are malformed.
    """
    if card.mesh is not None:
        return _held_mesh(card.mesh, size)
    names = dict(zip("wdh", map(float, size), strict=True))
    centre, extents = _extents(card.parts[0], names)

    def blocked(axis: int) -> bool:
        """Whether another part lies against one of the faces that two fingers would close on."""
        for part in card.parts[1:]:
            at, full = _extents(part, names)
            gaps = [abs(a - c) - (f + e) / 2 for a, c, f, e in zip(at, centre, full, extents, strict=True)]
            beside = [gap < -_SUNK for i, gap in enumerate(gaps) if i != axis]
            if all(beside) and gaps[axis] < _FINGERS:
                return True
        return False

    axes = tuple(i for i in range(3) if not blocked(i))
    return GraspedPart(centre, extents, card.parts[0].shape, axes, len(card.parts) == 1)


def _held_mesh(mesh: Mesh, size: Sequence[float]) -> GraspedPart:
    """Return where a mesh is held, as if that were a box."""
    scales = mesh.scales(size)
    if mesh.grasp is None:
        return GraspedPart((0.0, 0.0, 0.0), tuple(size), "box", (), False)
    closing = "xy".index(mesh.grasp.closing)
    extents = [float(s) for s in size]
    extents[closing] = mesh.grasp.width * scales[closing]
    centre = tuple(a * s for a, s in zip(mesh.grasp.at, scales, strict=True))
    return GraspedPart(centre, tuple(extents), "box", (closing,), False)
