"""Predicates of manner: how a thing came to be where it is, from the columns that add up since World.load.

What happened before `initial` counts too, except for the distance carried, which counts from `initial` on.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from tabletop.logic.geometry import shape_of
from tabletop.logic.predicate import Angle, Entity, Length, predicate
from tabletop.sim.contacts import FELT
from tabletop.sim.state import State

__all__ = ["MANNER"]

Array = npt.NDArray[np.float64]

MANNER: Final = frozenset({"slid", "carried", "glided", "never_touched", "upright_throughout"})
"""The predicates here, by name. All others are reached through the registry."""
TUMBLED: Final = math.radians(30.0)
STEEP: Final = math.radians(15.0)
PER_ANGLE: Final = 0.02  # m/rad: counts an angle as a height, so that 30 deg weigh about as much as 1 cm


@predicate(phrase="{a} slid all the way", negated="{a} lifted or tumbled on the way", scale=0.01)
def slid(state: State, initial: State, a: Entity, height: Length = 0.01) -> Array:
    """The centre of a never rose by more than `height`, and a never leaned by more than 30 deg.

    What leans on its way over the table's edge has not tumbled. A ball may roll.
    """
    rise = state.entity(a, "highest") - initial.entity(a, "position")[..., 2]
    margin = np.asarray(height - rise)
    if shape_of(state.layout.kind(a)) == "sphere":
        return margin
    return np.minimum(margin, PER_ANGLE * (TUMBLED - state.entity(a, "steepest")))


@predicate(phrase="{a} carried by {distance}", negated="{a} not carried by {distance}", scale=0.05)
def carried(state: State, initial: State, a: Entity, distance: Length = 0.05) -> Array:
    """While both fingers held a, 5 mm or more off all else, it went `distance` or more, seen from above."""
    return np.asarray(state.entity(a, "carried_distance") - initial.entity(a, "carried_distance") - distance)


@predicate(phrase="{a} glided by {distance}", negated="{a} did not glide by {distance}", scale=0.05)
def glided(state: State, initial: State, a: Entity, distance: Length = 0.05) -> Array:
    """Since the robot last touched a, it went `distance` or more over the table by itself, seen from above."""
    return np.asarray(state.entity(a, "free_distance") - distance)


@predicate(phrase="{a} never touched by the robot", negated="{a} touched by the robot", scale=0.1, unit="N")
def never_touched(state: State, initial: State, a: Entity) -> Array:
    """No link of the robot ever pressed on a by 0.1 N or more; a tool in its fingers may."""
    return np.asarray(FELT - state.entity(a, "touch"))


@predicate(
    phrase="{a} upright all the way", negated="{a} more than {angle} off the vertical on the way", scale=0.3, unit="rad"
)
def upright_throughout(state: State, initial: State, a: Entity, angle: Angle = STEEP) -> Array:
    """The own z axis of a was never more than `angle` off the vertical while a was over the table."""
    return np.asarray(angle - state.entity(a, "steepest"))
