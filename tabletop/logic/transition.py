"""Forecasting: how one thing's move changes a batch of states. Every function returns a new state.

What is moved is touched, what is lifted has risen, and what is carried was lifted on the way: the columns that add up
follow (logic/trace.py).
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from tabletop.errors import TabletopError
from tabletop.logic.geometry import Solid, rotation
from tabletop.logic.trace import GRIP_FORCE, carried, glided, leaned, risen, touched
from tabletop.projects import kept
from tabletop.sim.card_parts import Joint, number
from tabletop.sim.cards import load_cards
from tabletop.sim.robot_card import load_robot_card
from tabletop.sim.state import State

__all__ = [
    "carry",
    "drop_off",
    "follow_joint",
    "hold",
    "park",
    "put",
    "swung",
    "tilted",
    "travel",
    "turn",
]

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

_ALOFT: Final = 0.08
"""m above where it was that what is carried passes, at least."""
_PARKED: Final = 0.24
"""m above the table where the gripper waits after a skill."""
_NEAR_EDGE: Final = 0.2
"""m, world x of the table's near edge (sim.scene.Table)."""
_FALL: Final = 0.3
"""m below the table where what fell off it is put."""


def park(state: State, entity: str) -> State:
    """Return states at rest with the open gripper high above an entity, touching nothing."""
    values, layout = state.values.copy(), state.layout
    above = values[..., layout.entity_slice(entity, "position")].copy()
    above[..., 2] = state.robot("table_height") + _PARKED
    values[..., layout.robot_slice("gripper_position")] = above
    values[..., layout.robot_slice("gripper_width")] = load_robot_card(layout.robot).max_width
    values[..., layout.robot_slice("gripper_velocity")] = 0.0
    out = State(layout, values)
    for field in ("finger_force", "velocity", "spin"):
        # A view, so that this writes to the new state.
        out.field(field)[...] = 0.0
    return out


def put(state: State, entity: str, position: Array) -> State:
    """Return states with an entity moved by the robot until its centre is at positions (..., 3), m, world.

    Args:
        state: before, batch shape (...,).
        entity: what is moved.
        position: (..., 3), m, world.
    """
    return risen(touched(_at(state, entity, position), entity), entity, position[..., 2])


def _at(state: State, entity: str, position: Array) -> State:
    values = state.values.copy()
    values[..., state.layout.entity_slice(entity, "position")] = position
    return State(state.layout, values)


def carry(state: State, entity: str, position: Array) -> State:
    """Return states with an entity carried until its centre is at positions (..., 3), m, world.

    On the way it rises by 8 cm at least.

    Args:
        state: before, batch shape (...,).
        entity: what is carried.
        position: (..., 3), m, world.
    """
    before = state.entity(entity, "position")
    way = np.linalg.norm((position - before)[..., :2], axis=-1)
    out = risen(put(state, entity, position), entity, before[..., 2] + _ALOFT)
    return carried(out, entity, way)


def turn(state: State, entity: str, angle: Array) -> State:
    """Return states with an entity turned about +z by angles (...,), rad.

    Args:
        state: before, batch shape (...,).
        entity: what is turned, about its centre.
        angle: (...,), rad, counter-clockwise.
    """
    return tilted(state, entity, np.array([0.0, 0.0, 1.0]), angle)


def tilted(state: State, entity: str, axis: Array, angle: Array) -> State:
    """Return states with an entity turned in place about unit vectors (..., 3), world, by angles (...,), rad.

    Args:
        state: before, batch shape (...,).
        entity: what is turned, about its centre.
        axis: (..., 3), world, unit vectors.
        angle: (...,), rad.
    """
    values = state.values.copy()
    columns = state.layout.entity_slice(entity, "quaternion")
    x, y, z, w = np.moveaxis(values[..., columns], -1, 0)
    s, c = np.sin(angle / 2), np.cos(angle / 2)
    a, b, d = (s * v for v in np.moveaxis(np.asarray(axis), -1, 0))
    turned = (
        c * x + a * w + b * z - d * y,
        c * y + b * w + d * x - a * z,
        c * z + d * w + a * y - b * x,
        c * w - a * x - b * y - d * z,
    )
    values[..., columns] = np.stack(turned, axis=-1)
    return leaned(State(state.layout, values), entity)


def hold(state: State, entity: str, held: Mask) -> State:
    """Return states with the gripper closed on an entity where `held`, (...,).

    Args:
        state: before, batch shape (...,).
        entity: what is held.
        held: (...,); elsewhere states stay as they are.
    """
    values, layout = state.values.copy(), state.layout
    place, width = layout.robot_slice("gripper_position"), layout.robot_slice("gripper_width")
    force = layout.entity_slice(entity, "finger_force")
    thickness = np.minimum(
        values[..., layout.entity_slice(entity, "size")][..., :1], load_robot_card(layout.robot).max_width
    )
    centre = values[..., layout.entity_slice(entity, "position")]
    where = held[..., None]
    values[..., place] = np.where(where, centre, values[..., place])
    values[..., width] = np.where(where, thickness, values[..., width])
    values[..., force] = np.where(where, GRIP_FORCE, values[..., force])
    return State(layout, values)


def drop_off(state: State, entity: str) -> State:
    """Return states in which an entity whose centre is beyond the table's edge lies below the table."""
    values = state.values.copy()
    columns = state.layout.entity_slice(entity, "position")
    x, y, z = np.moveaxis(values[..., columns], -1, 0)
    depth, width = np.moveaxis(state.robot("table_size"), -1, 0)
    off = (x < _NEAR_EDGE) | (x > _NEAR_EDGE + depth) | (np.abs(y) > width / 2)
    below = np.minimum(z, state.robot("table_height") - _FALL)
    values[..., columns] = np.stack([x, y, np.where(off, below, z)], axis=-1)
    return State(state.layout, values)


@kept
def _spans(kind: str) -> tuple[Array, Array, Array, float]:
    """Return what a kind's joint says of its sizes, in which all expressions of cards are linear.

    Returns:
        base: (3,), m, extents of the moving part where w, d and h are 0.
        slopes: (3, 3), what each extent gains by w, d and h.
        way: (3,), what the travel gains by them.
        least: m or rad, the travel where they are 0.
    """
    joint = _joint(kind)
    zero = dict.fromkeys("wdh", 0.0)
    ones = [{**zero, axis: 1.0} for axis in "wdh"]
    base = np.array([number(e, zero) for e in joint.extent])
    slopes = np.array([[number(e, one) for one in ones] for e in joint.extent]) - base[:, None]
    least = number(joint.travel, zero)
    return base, slopes, np.array([number(joint.travel, one) for one in ones]) - least, least


def _joint(kind: str) -> Joint:
    joint = load_cards()[kind].joint
    if joint is None:
        raise TabletopError(f"only a fixture with a joint can be opened or pressed, got a {kind}")
    return joint


def _length(state: State, entity: str) -> Array:
    """Return the travel (...,), m or rad, between fraction 0 and 1: cards may give it by the fixture's size."""
    base, slopes, way, least = _spans(state.layout.kind(entity))
    # The state has the moving part's extents; as far as these depend on w, d and h they show them.
    size = (state.entity(entity, "size") - base) @ np.linalg.pinv(slopes).T
    return np.asarray(size @ way + least)


def travel(state: State, entity: str) -> Array:
    """Return the way (..., 3), m, world, of a fixture's moving part from fraction 0 to 1; 0 where it turns.

    Raises:
        TabletopError: the entity has no joint.
    """
    joint = _joint(state.layout.kind(entity))
    if joint.type != "prismatic":
        return np.zeros((*state.values.shape[:-1], 3))
    way = np.array(joint.axis) * _length(state, entity)[..., None]
    return np.asarray((rotation(state.entity(entity, "quaternion")) @ way[..., None])[..., 0])


def swung(state: State, entity: str, fraction: Array) -> State:
    """Return states with a fixture's joint at fractions (...,), and its moving part where that takes it.

    Args:
        state: before, batch shape (...,).
        entity: the fixture.
        fraction: (...,), 0 closed to 1 open.

    Raises:
        TabletopError: the entity has no joint.
    """
    layout, joint = state.layout, _joint(state.layout.kind(entity))
    way = travel(state, entity)
    change = fraction - state.entity(entity, "fraction")
    if joint.type == "revolute":
        solid = Solid.of(state, entity)
        hinge = np.array(joint.hinge) * solid.half
        pivot = solid.world(hinge)
        axis = solid.axes @ np.array(joint.axis, dtype=float)
        state = tilted(state, entity, axis, _length(state, entity) * change)
        state = _at(state, entity, state.entity(entity, "position") + pivot - Solid.of(state, entity).world(hinge))
    values = state.values.copy()
    values[..., layout.entity_slice(entity, "fraction")] = fraction[..., None]
    values[..., layout.entity_slice(entity, "position")] += way * change[..., None]
    out = State(layout, values)
    return risen(out, entity, out.entity(entity, "position")[..., 2])


def follow_joint(state: State, entity: str, fraction: Array) -> State:
    """Return states with a fixture's joint at fractions (...,); what lies in the moving part goes with it.

    That part counts as not touched: a tool may have moved it.

    Args:
        state: before, batch shape (...,).
        entity: the fixture.
        fraction: (...,), 0 closed to 1 open.

    Raises:
        TabletopError: the entity has no joint.
    """
    layout = state.layout
    shift = travel(state, entity) * (fraction - state.entity(entity, "fraction"))[..., None]
    inside = [(name, _lies_in(state, entity, name)) for name in layout.names if layout.body_type(name) == "rigid"]
    out = swung(state, entity, fraction)
    for name, within in inside:
        if not within.any():
            continue
        way = np.where(within[..., None], shift, 0.0)
        there = out.entity(name, "position") + way
        # Nothing but the part has touched it.
        out = glided(_at(out, name, there), name, np.linalg.norm(way[..., :2], axis=-1))
        out = risen(out, name, there[..., 2])
    return out


def _lies_in(state: State, container: str, entity: str) -> Mask:
    one, two = Solid.of(state, entity), Solid.of(state, container)
    level = (one.bottom > two.bottom - 0.01) & (one.bottom < two.top)
    return np.asarray(level & (two.footprint_margin(one.position) > 0))
