"""Effects of the gripper itself: where it goes, relative to a thing."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tabletop.sim.state import State
from tabletop.skills.effects.registry import effect

__all__: list[str] = []  # Reached by name, not imported.

Array = npt.NDArray[np.float64]


@effect("reached", body_type="rigid", mirror=(1.0, -1.0, 1.0), settles=False, measures=("reached",))
def _reached(initial: State, state: State, entity: str) -> Array:
    """Where the gripper is at the last step, from where the thing stood at the start: (..., 3) m, within 30 cm."""
    offset = state.robot("gripper_position") - initial.entity(entity, "position")
    return np.clip(offset, -0.3, 0.3)
