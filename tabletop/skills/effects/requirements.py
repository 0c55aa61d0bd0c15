"""What an effect is to fulfil beside its target: its last two numbers, which are to be 0 whatever is asked for."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tabletop.sim.state import State
from tabletop.skills.effects.disturbed import disturbed
from tabletop.skills.effects.left import unfinished
from tabletop.skills.effects.registry import DISTURBED, EFFECT_WIDTH, LEFT, Effect

__all__ = ["requirements"]


def requirements(
    effect: Effect,
    initial: State,
    state: State,
    entity: str,
    remaining: npt.NDArray[np.intp] | int,
    *,
    leaves: bool,
) -> npt.NDArray[np.float64]:
    """Return how far an effect's requirements are from being fulfilled: (..., EFFECT_WIDTH - LEFT), m of the reach.

    The first one, of what is to stay done, is `unfinished`; the second, of what is done to a thing, is `disturbed`.

    Args:
        effect: that is asked for.
        initial: the state that effects are counted from.
        state: (...,)
        entity: the attended one.
        remaining: (...,) control steps to the end.
        leaves: whether the policy itself lets go and leaves, and no script does.
    """
    out = np.zeros((*state.values.shape[:-1], EFFECT_WIDTH - LEFT))
    if effect.settles and leaves:
        out[..., 0] = unfinished(state, entity, remaining)
    if effect.body_type == "rigid":
        out[..., DISTURBED - LEFT] = disturbed(initial, state, entity)
    return out
