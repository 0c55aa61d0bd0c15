"""Effects on fixtures: how far a joint is open or pressed at the end.

The final fraction counts, not its change: an open drawer cannot be opened. Shut and open are facts with codes of
their own, so that a door is shut and not almost shut.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tabletop.sim.cards import load_cards
from tabletop.sim.joints import handle_way
from tabletop.sim.roles import PART
from tabletop.sim.scene import Entity
from tabletop.sim.state import State
from tabletop.skills.effects.registry import REACH, effect

__all__: list[str] = []  # Reached by name, not imported.

Array = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]

_END: Final = 0.04
"""Fraction from either end that counts as the end."""
_JOINTS: Final[Mapping[str, bool]] = {
    "drawer": True,
    "door": False,
    "window": False,
    "faucet": False,
    "dial": False,
    "lever": True,
    "handle": True,
    "bolt": False,
    PART: False,
}
"""Fixtures, by their roles, with an effect of their own, and whether they have a mirror image."""
_MEASURES: Final = ("closed", "lifted", "locked", "open", "pressed", "toppled", "turned", "unlocked")
"""Predicates that can be read off a joint's fraction: a handle is lifted, a lever toppled by it."""
_BUTTONS: Final = ("button", "doorbell")
"""Fixtures that stay pressed."""


def _fraction(initial: State, state: State, entity: str) -> Array:
    del initial
    return np.clip(state.entity(entity, "fraction"), 0.0, 1.0)[..., None] * REACH


def _handle(entity: Entity) -> tuple[float, ...]:
    """Return how far the handle really goes for each metre of the reach."""
    joint = load_cards()[entity.kind].joint
    return (handle_way(joint, entity.size) / REACH,) if joint is not None else (1.0,)


def _ends(effects: npt.NDArray[np.floating[Any]]) -> Index:
    """Return 0 for what is shut, 1 for what is open, -1 between."""
    share = effects[:, 0] / REACH
    return np.select([share < _END, share > 1.0 - _END], [0, 1], -1).astype(np.intp)


def _down(effects: npt.NDArray[np.floating[Any]]) -> Index:
    """Return 1 for what is pressed, else 0."""
    return (effects[:, 0] > REACH / 2).astype(np.intp)


for _role, _mirrors in _JOINTS.items():
    effect(
        "part" if _role == PART else _role,
        body_type="joint",
        kinds=(_role,),
        mirror=(1.0,),
        mirrors=_mirrors,
        settles=True,
        places=True,
        fact_targets=((0.0,), (REACH,)),
        classify=_ends,
        lengths=_handle,
        measures=_MEASURES,
    )(_fraction)
for _name in _BUTTONS:
    effect(
        _name,
        body_type="joint",
        kinds=(_name,),
        mirror=(1.0,),
        settles=True,
        places=True,
        fact_targets=((0.0,), (REACH,)),
        classify=_down,
        said="presses {a}",
        default_fact=0,
        lengths=_handle,
        measures=_MEASURES,
    )(_fraction)
