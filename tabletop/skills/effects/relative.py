"""The effect on where a thing is relative to another one: on it, in it, beside it.

The other one is the nearest at the start that could bear it. Its offset from where it would rest there comes first, so
that there is a way to everywhere around, and the fact that it rests there last.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tabletop.logic.containers import floor_of
from tabletop.logic.geometry import Solid
from tabletop.logic.predicate import get_predicate
from tabletop.projects import kept
from tabletop.sim.cards import load_cards
from tabletop.sim.state import Layout, State
from tabletop.skills.effects.registry import ALOFT, FACT, HEIGHT, effect, is_fact

__all__ = ["bears", "partner_of", "related", "standing_height"]

Array = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]

_FAR: Final = 0.3
"""m beyond which distances are not distinguished."""
_MOST: Final = np.array([_FAR, _FAR, ALOFT])
"""m beyond which an offset is not distinguished: x, y, and height."""
_COUNTS: Final = np.array([1.0, 1.0, HEIGHT])
"""What a metre of an offset counts as."""
_OPEN: Final = 0.6
"""Fraction of a joint from which a hollow part that slides out takes something in."""
_LEAST: Final = 0.03
"""m: least side of what bears another thing."""
_HIGH: Final = 0.16
"""m above the table of the highest place that a thing is laid on."""


@kept
def _bears(kind: str) -> bool:
    """Return whether a kind may bear other things: it is loose, or it is hollow and has a floor."""
    card = load_cards().get(kind)
    if card is None or card.body_type == "deformable" or not (card.parts or card.moving or card.mesh):
        return False
    round_top = all(p.shape == "sphere" for p in card.parts) and card.mesh is None
    return (card.body_type == "rigid" and not round_top) or floor_of(kind) > 0.0


def bears(layout: Layout, entity: str, fractions: Mapping[str, float]) -> list[str]:
    """Return the other entities that may bear one: what is loose, and hollow fixtures that are open.

    Args:
        layout: names and kinds of the entities.
        entity: that is borne.
        fractions: of the joints.
    """
    out = []
    for name, kind, body in zip(layout.names, layout.kinds, layout.body_types, strict=True):
        shut = body == "joint" and fractions.get(name, 0.0) <= _OPEN
        if name != entity and not shut and _bears(kind):
            out.append(name)
    return out


def partner_of(state: State, entity: str) -> Index:
    """Return which entity another one is seen relative to, by its index in the layout: (...,), -1 where there is none.

    It is the nearest that may bear it, seen from above.

    Args:
        state: (...,)
        entity: the thing.
    """
    layout = state.layout
    out = np.full(state.values.shape[:-1], -1, dtype=np.intp)
    least = np.full(out.shape, np.inf)
    at = state.entity(entity, "position")[..., :2]
    for other in bears(layout, entity, dict.fromkeys(layout.names, 1.0)):
        far = np.linalg.norm(state.entity(other, "position")[..., :2] - at, axis=-1)
        solid = Solid.of(state, other)
        wide = np.minimum(solid.half[..., 0], solid.half[..., 1]) * 2 > _LEAST
        low = standing_height(solid, layout.kind(other)) - state.robot("table_height") < _HIGH
        shut = (layout.body_type(other) == "joint") & (state.entity(other, "fraction") <= _OPEN)
        far = np.where(wide & low & ~shut, far, np.inf)
        out = np.where(far < least, layout.index(other), out)
        least = np.minimum(far, least)
    return out


def standing_height(solid: Solid, kind: str) -> Array:
    """Return how high, (...,) m, world, things stand in what is hollow, and on what is not."""
    floor = floor_of(kind)
    return solid.bottom + floor if floor > 0.0 else solid.top


def _there(one: Solid, two: Solid, kind: str) -> Array:
    """Return where the centre of one thing is once it rests in the middle of another, (..., 3) m, world."""
    out = np.broadcast_to(two.position, one.position.shape).copy()
    out[..., 2] = standing_height(two, kind) + one.position[..., 2] - one.bottom
    return out


def related(state: State, entity: str, offset: Array) -> Array:
    """Return where an entity's centre is, (..., 3) m, world, if it is this far from resting on its partner.

    Args:
        state: (...,); where there is nothing that could bear it, the entity stays.
        entity: the thing.
        offset: (..., 3) m, as the effect has it.
    """
    out = state.entity(entity, "position").copy()
    which, one = partner_of(state, entity), Solid.of(state, entity)
    for index in np.unique(which[which >= 0]):
        other = state.layout.names[index]
        there = _there(one, Solid.of(state, other), state.layout.kind(other)) + offset / _COUNTS
        out = np.where((which == index)[..., None], there, out)
    return out


def _rests(effects: npt.NDArray[np.floating[Any]]) -> Index:
    """Return 0 for what rests on its partner or in it; all else is a place beside it, -1."""
    return is_fact(effects) - 1


@effect(
    "related",
    columns=("relative",),
    body_type="rigid",
    mirror=(1.0, -1.0, 1.0, 1.0),
    settles=True,
    fact_targets=((0.0, 0.0, 0.0, FACT),),
    classify=_rests,
    said="puts {a} on or into another thing",
    units=(1.0, 1.0, HEIGHT, FACT),
    lengths=(1.0, 1.0, 1.0 / HEIGHT, 1.0),
    measures=("on", "inside", "beside"),
    partners=bears,
)
def _related(initial: State, state: State, entity: str) -> Array:
    """Return (..., 4): offset x, y and height (m) from where it rests on its partner, and the fact that it does.

    Offsets are told apart within 30 cm, and 4 cm up. What was true at the start is nothing that was done.
    """
    out = np.zeros((*state.values.shape[:-1], 4))
    index = int(partner_of(initial, entity))
    if index < 0:
        return out
    other = state.layout.names[index]
    there = _there(Solid.of(state, entity), Solid.of(state, other), state.layout.kind(other))
    out[..., :3] = np.clip(state.entity(entity, "position") - there, -_FAR, _MOST) * _COUNTS
    fact = np.zeros(out.shape[:-1], dtype=bool)
    for name in ("on", "inside"):
        holds = get_predicate(name).function
        now = holds(state, initial, entity, other) > 0
        if now.any():
            fact |= now & ~(holds(initial, initial, entity, other) > 0)
    out[..., 3] = fact * FACT
    return out
