"""What a policy watches between skills: whether the gripper is clear of a thing, and whether anything has moved."""

from __future__ import annotations

from typing import Final

import numpy as np

from tabletop.logic.geometry import Solid
from tabletop.sim.state import State

__all__ = ["clear", "unchanged"]

_TOUCH: Final = 0.1
"""N on a finger that count as touching."""
_UNCHANGED: Final = 0.01
"""m, or fraction, by which nothing may have moved for a state to be the same as another."""
_UNTURNED: Final = 0.1
"""rad, the same for how things are turned."""
_CLEAR: Final = 0.03
"""m from the gripper's centre within which a thing, or a handle, is between the fingers."""


def clear(state: State, entity: str) -> bool:
    """Return whether the gripper neither touches an entity nor is around it: it would take it along."""
    if float(state.entity(entity, "finger_force").max()) >= _TOUCH:
        return False
    gripper, solid = state.robot("gripper_position"), Solid.of(state, entity)
    if state.layout.body_type(entity) == "joint":
        return float(np.linalg.norm(gripper - solid.world(state.entity(entity, "grasp")))) > _CLEAR
    return state.layout.body_type(entity) != "rigid" or float(solid.distance(gripper)) > _CLEAR


def unchanged(before: State, now: State) -> bool:
    """Return whether all things are where they were, and turned as they were; the gripper may be elsewhere."""
    for field in ("position", "fraction"):
        if float(np.abs(now.field(field) - before.field(field)).max(initial=0.0)) > _UNCHANGED:
            return False
    turned = np.abs((now.field("quaternion") * before.field("quaternion")).sum(axis=-1))
    if float(2 * np.arccos(np.minimum(turned, 1.0)).max(initial=0.0)) > _UNTURNED:
        return False
    soft = [n for n, m in zip(now.layout.names, now.layout.body_types, strict=True) if m == "deformable"]
    return all(float(np.abs(now.nodes(n) - before.nodes(n)).max()) <= _UNCHANGED for n in soft)
