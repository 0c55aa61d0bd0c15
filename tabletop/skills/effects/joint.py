"""The effect on a joint: how far it is open, turned or pressed at the end, whatever it is a joint of.

The final fraction counts, not its change: an open drawer cannot be opened. A joint has two limits, so these are facts
with codes of their own: a door is shut and not almost shut.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tabletop.sim.cards import load_cards
from tabletop.sim.joints import handle_way
from tabletop.sim.scene import Entity
from tabletop.sim.state import State
from tabletop.skills.effects.registry import REACH, effect

__all__: list[str] = []  # Reached by name, not imported.

Array = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]

_END: Final = 0.04
"""Fraction from either limit that counts as being at it."""


def _handle(entity: Entity) -> tuple[float, ...]:
    """Return how far the handle really goes for each metre of the reach."""
    joint = load_cards()[entity.kind].joint
    return (handle_way(joint, entity.size) / REACH,) if joint is not None else (1.0,)


def _limits(effects: npt.NDArray[np.floating[Any]]) -> Index:
    """Return 0 for what is at its lower limit, 1 at its upper one, -1 between."""
    share = effects[:, 0] / REACH
    return np.select([share < _END, share > 1.0 - _END], [0, 1], -1).astype(np.intp)


@effect(
    "joint",
    columns=("joint",),
    body_type="joint",
    mirror=(1.0,),
    settles=True,
    places=True,
    fact_targets=((0.0,), (REACH,)),
    classify=_limits,
    lengths=_handle,
    units=(REACH,),
    measures=("closed", "lifted", "locked", "open", "pressed", "toppled", "turned", "unlocked"),
)
def _joint(initial: State, state: State, entity: str) -> Array:
    """Fraction of the joint's range, the whole of it counting as the reach."""
    del initial
    return np.clip(state.entity(entity, "fraction"), 0.0, 1.0)[..., None] * REACH
