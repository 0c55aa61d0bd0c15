"""Effects on a rigid thing and another entity: on it, in it, beside it.

The other entity is the nearest at the start that the relation can be with. How far the thing is from where it would
be true comes first, so that there is a way there, and the fact itself last.
"""

from __future__ import annotations

from functools import partial
from typing import Final

import numpy as np
import numpy.typing as npt

from tabletop.logic.geometry import Solid, footprint_gap
from tabletop.logic.predicate import get_predicate
from tabletop.sim.state import State
from tabletop.skills.effects.registry import FACT, effect, get_effect, partners, takes_in
from tabletop.skills.effects.rigid import is_fact

__all__ = ["partner_of", "related"]

Array = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]

_FAR: Final = 0.3
"""m beyond which distances are not distinguished."""
_TINY: Final = 1e-9
_STAYING: Final = ("block", "brick", "can", "puck")
"""What stays where it is put: a ball rolls off, a mug has its handle in the way."""
_SUPPORTS: Final = ("block", "brick", "can", "plate", "puck")
_CONTAINERS: Final = ("bin", "bowl", "drawer")
_NEIGHBOURS: Final = ("bin", "bowl", *_STAYING, "mug", "plate")


def partner_of(name: str, state: State, entity: str) -> Index:
    """Return which entity a relation is with, by its index in the layout: (...,), -1 where there is none.

    It is the nearest that the relation can be with; a drawer that is shut takes nothing in.

    Args:
        name: of the effect, such as "on".
        state: (...,)
        entity: the thing.
    """
    layout = state.layout
    out = np.full(state.values.shape[:-1], -1, dtype=np.intp)
    least = np.full(out.shape, np.inf)
    at = state.entity(entity, "position")[..., :2]
    for other in partners(get_effect(name), layout, entity):
        far = np.linalg.norm(state.entity(other, "position")[..., :2] - at, axis=-1)
        far = np.where(takes_in(layout.role(other), state.entity(other, "fraction")), far, np.inf)
        out = np.where(far < least, layout.index(other), out)
        least = np.minimum(far, least)
    return out


def _there(name: str, one: Solid, two: Solid) -> Array:
    """Return where the centre of one thing is once it is related to another, (..., 3) m, world.

    Beside it there are many such places: this is the one where it touches on the side that it is on.
    """
    out = np.broadcast_to(two.position, one.position.shape).copy()
    bottom = two.top if name == "on" else two.bottom
    out[..., 2] = bottom + one.position[..., 2] - one.bottom
    if name == "beside":
        way = (one.position - two.position)[..., :2]
        far = np.linalg.norm(way, axis=-1)
        out[..., :2] += way * ((far - footprint_gap(one, two)) / np.maximum(far, _TINY))[..., None]
    return out


def _relation(name: str, initial: State, state: State, entity: str) -> Array:
    """Return (..., 4): offset x, y and height (m, within 30 cm) from where the relation holds, and the fact.

    What was true at the start is nothing that was done.
    """
    out = np.zeros((*state.values.shape[:-1], 4))
    index = int(partner_of(name, initial, entity))
    if index < 0:
        return out
    other = state.layout.names[index]
    one, two, holds = Solid.of(state, entity), Solid.of(state, other), get_predicate(name).function
    out[..., :3] = np.clip(one.position - _there(name, one, two), -_FAR, _FAR)
    fact = (holds(state, initial, entity, other) > 0) & ~(holds(initial, initial, entity, other) > 0)
    out[..., 3] = fact * FACT
    return out


def related(name: str, state: State, entity: str, offset: Array) -> Array:
    """Return where an entity's centre is, (..., 3) m, world, if it is this far from where a relation holds.

    Args:
        name: of the effect.
        state: (...,); where there is nothing that the relation can be with, the entity stays.
        entity: the thing.
        offset: (..., 3) m, as the effect has it.
    """
    out = state.entity(entity, "position").copy()
    which, one = partner_of(name, state, entity), Solid.of(state, entity)
    for index in np.unique(which[which >= 0]):
        there = _there(name, one, Solid.of(state, state.layout.names[index])) + offset
        out = np.where((which == index)[..., None], there, out)
    return out


for _name, _kinds, _partners, _said in (
    ("on", _STAYING, _SUPPORTS, "puts {a} on another thing"),
    ("inside", None, _CONTAINERS, "puts {a} into a container"),
    ("beside", _STAYING, _NEIGHBOURS, "puts {a} beside another thing"),
):
    effect(
        _name,
        body_type="rigid",
        kinds=_kinds,
        partners=_partners,
        mirror=(1.0, -1.0, 1.0, 1.0),
        settles=True,
        fact_targets=((0.0, 0.0, -0.1, 0.0), (0.0, 0.0, 0.0, FACT)),
        classify=is_fact,
        said=_said,
        default_fact=0,
        measures=(_name,),
    )(partial(_relation, _name))
