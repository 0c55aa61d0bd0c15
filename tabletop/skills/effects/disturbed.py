"""How far other things were moved by what was done to one: the last number of any effect on a thing."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from tabletop.sim.state import State

__all__ = ["disturbed"]

_SLACK: Final = 0.01
"""m that any other thing may move."""
_MOST: Final = 0.05
"""m beyond that from which it makes no difference."""


def disturbed(initial: State, state: State, entity: str) -> npt.NDArray[np.float64]:
    """Return how far the other thing that moved most was moved beyond 1 cm: (...,) m, at most 0.05.

    Args:
        initial: the state that effects are counted from.
        state: (...,)
        entity: the attended one, which does not count.
    """
    others = np.arange(len(state.layout.names)) != state.layout.index(entity)
    way = np.linalg.norm(state.field("position") - initial.field("position"), axis=-1)
    most = way[..., others].max(-1, initial=0.0)
    return np.asarray(np.clip(most - _SLACK, 0.0, _MOST))
