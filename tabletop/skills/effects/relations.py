"""Effects on a rigid thing and another entity: on it, in it.

The other entity is the nearest at the start that the relation can be with. How far the thing is from where it would
be true comes first, so that there is a way there, and the fact itself last.
"""

from __future__ import annotations

from functools import partial
from typing import Final

import numpy as np
import numpy.typing as npt

from tabletop.logic.geometry import Solid
from tabletop.logic.predicate import get_predicate
from tabletop.sim.state import State
from tabletop.skills.effects.kind import FACT, effect, get_effect, partners
from tabletop.skills.effects.rigid import is_fact

__all__: list[str] = []  # Reached by name, not imported.

Array = npt.NDArray[np.float64]

_FAR: Final = 0.3
"""m beyond which distances are not told apart."""
_SUPPORTS: Final = ("block", "brick", "can", "plate", "puck")
_CONTAINERS: Final = ("bin", "bowl", "drawer")


def _partner(name: str, initial: State, entity: str) -> str | None:
    """Return the nearest entity at the start that a relation can be with."""
    layout = initial.layout
    fractions = dict(zip(layout.names, initial.field("fraction"), strict=True))
    there = partners(get_effect(name), layout, entity, fractions)
    at = initial.entity(entity, "position")[:2]
    return min(there, key=lambda n: float(np.linalg.norm(initial.entity(n, "position")[:2] - at)), default=None)


def _relation(name: str, predicate: str, initial: State, state: State, entity: str) -> Array:
    """Return (..., 4): offset x, y and height (m, within 30 cm) from where the relation holds, and the fact."""
    out = np.zeros((*state.values.shape[:-1], 4))
    other = _partner(name, initial, entity)
    if other is None:
        return out
    one, two = Solid.of(state, entity), Solid.of(state, other)
    out[..., :2] = (one.position - two.position)[..., :2]
    out[..., 2] = one.bottom - (two.top if predicate == "on" else two.bottom)
    out[..., :3] = np.clip(out[..., :3], -_FAR, _FAR)
    out[..., 3] = (get_predicate(predicate).function(state, initial, entity, other) > 0) * FACT
    return out


for _name, _predicate, _partners, _said in (
    ("stacked", "on", _SUPPORTS, "puts {a} on another thing"),
    ("contained", "inside", _CONTAINERS, "puts {a} into a container"),
):
    effect(
        _name,
        moves="rigid",
        partners=_partners,
        mirror=(1.0, -1.0, 1.0, 1.0),
        settles=True,
        anchors=((0.0, 0.0, -0.1, 0.0), (0.0, 0.0, 0.0, FACT)),
        claims=is_fact,
        said=_said,
        idle=0,
    )(partial(_relation, _name, _predicate))
