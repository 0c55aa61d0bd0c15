"""How much is missing until a thing rests and the gripper has left it: a number of what stays done.

That the thing rests counts all the way: what flies through its place is not there. So nothing is won by throwing it.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from tabletop.logic.geometry import Solid
from tabletop.sim.state import State

__all__ = ["LEAVING", "pace", "unfinished"]

Array = npt.NDArray[np.float64]

LEAVING: Final = 12
"""Control steps before the end from which on it counts whether the gripper has left: reaching costs nothing."""
_AWAY: Final = 0.05
"""m between the gripper's centre and the thing's surface from which it has left."""
_SHARE: Final = 1.0
"""m that a metre missing of that counts as."""
_TOUCH: Final = 0.1
"""N: less is not felt."""
_TOUCHED: Final = 0.02
"""m that being touched counts as."""
_PACE: Final = 0.1
"""s: a thing that moves counts as this much of its way per second."""
_MOST: Final = 0.05
"""m that moving counts as at most."""


def unfinished(state: State, entity: str, remaining: npt.NDArray[np.intp] | int) -> Array:
    """Return how much is missing, (...,) m of the reach: 0 where the entity rests and the gripper has left it.

    Args:
        state: (...,)
        entity: the attended one.
        remaining: (...,) control steps to the end; that the gripper has left counts from LEAVING on.
    """
    moving = pace(state, entity, _MOST)
    late = np.asarray(remaining) <= LEAVING
    if not late.any():
        return moving
    gap = Solid.of(state, entity).distance(state.robot("gripper_position"))
    near = _SHARE * np.clip(_AWAY - gap, 0.0, _AWAY)
    touched = _TOUCHED * (state.entity(entity, "finger_force").max(-1) > _TOUCH)
    return np.where(late, near + touched, 0.0) + moving


def pace(state: State, entity: str, most: float) -> Array:
    """Return what the motion of an entity counts as, (...,) m of the reach: 0 where it rests.

    Args:
        state: (...,)
        entity: the attended one.
        most: m that it counts as at most.
    """
    return np.asarray(np.minimum(_PACE * np.linalg.norm(state.entity(entity, "velocity"), axis=-1), most))
