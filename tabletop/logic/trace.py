"""Forecasting the columns that add up: how a thing came to be where it is (sim/way.py).

Every function returns a new state. Predicates of manner (logic/manner.py) read nothing else.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from tabletop.logic.geometry import tilt
from tabletop.sim.state import State

__all__ = ["GRIP_FORCE", "carried", "glided", "leaned", "risen", "touched"]

Array = npt.NDArray[np.float64]

GRIP_FORCE: Final = 5.0
"""N on each finger where something is held."""


def touched(state: State, entity: str) -> State:
    """Return states in which the robot has pressed on an entity: what glides begins anew."""
    values, layout = state.values.copy(), state.layout
    columns = layout.entity_slice(entity, "touch")
    values[..., columns] = np.maximum(values[..., columns], GRIP_FORCE)
    values[..., layout.entity_slice(entity, "free_distance")] = 0.0
    return State(layout, values)


def risen(state: State, entity: str, height: Array) -> State:
    """Return states in which an entity's centre has been at heights (...,), m, world, or higher.

    Args:
        state: before, batch shape (...,).
        entity: what it is about.
        height: (...,), m, world.
    """
    values = state.values.copy()
    columns = state.layout.entity_slice(entity, "highest")
    values[..., columns] = np.maximum(values[..., columns], height[..., None])
    return State(state.layout, values)


def leaned(state: State, entity: str) -> State:
    """Return states in which an entity's steepest tilt so far is the one that it has now, or more."""
    values = state.values.copy()
    columns = state.layout.entity_slice(entity, "steepest")
    now = tilt(state.entity(entity, "quaternion"))
    values[..., columns] = np.maximum(values[..., columns], now[..., None])
    return State(state.layout, values)


def carried(state: State, entity: str, distance: Array) -> State:
    """Return states in which an entity was carried on by distances (...,), m, in the air.

    Args:
        state: before, batch shape (...,).
        entity: what it is about.
        distance: (...,), m, seen from above.
    """
    values = state.values.copy()
    values[..., state.layout.entity_slice(entity, "carried_distance")] += distance[..., None]
    return State(state.layout, values)


def glided(state: State, entity: str, distance: Array) -> State:
    """Return states in which an entity went on by distances (...,), m, without the robot.

    Args:
        state: before, batch shape (...,).
        entity: what it is about.
        distance: (...,), m, seen from above.
    """
    values = state.values.copy()
    values[..., state.layout.entity_slice(entity, "free_distance")] += distance[..., None]
    return State(state.layout, values)
