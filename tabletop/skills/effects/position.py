"""Effects on where something is: a thing that is taken, put or pushed, a fabric that is dragged, the gripper itself."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from tabletop.logic.geometry import shape_of
from tabletop.sim.scene import TABLE_NEAR_EDGE, Entity
from tabletop.sim.state import State
from tabletop.skills.effects.left import pace
from tabletop.skills.effects.registry import ALOFT, FACT, HEIGHT, effect, is_fact
from tabletop.skills.effects.rotation import TURN, corner, turned_upright

__all__ = ["MIDDLE", "displacement", "outcome", "place"]

Array = npt.NDArray[np.float64]

_FALLEN: Final = -0.1
"""m of displacement down from which a thing counts as off the table."""
_OFF: Final = np.array([0.0, 0.0, -0.2])
"""m of displacement that all that fell off the table counts as: where it rolled to on the floor is no skill."""
MIDDLE: Final = np.array([0.5, 0.0])
"""m, world: the middle of the reach."""
_LOW: Final = np.array([-0.4, -0.4, -0.1])
_HIGH: Final = np.array([0.4, 0.4, 0.3])
"""m beyond which a displacement is not distinguished."""
_SHIFT: Final = 0.18
"""m of displacement to one side beyond which `displaced` does not distinguish: most places have no more room."""
_RISEN: Final = 0.05
"""m of rise on the way beyond which it makes no difference to `slid`."""
_LEAN: Final = 0.1
"""m that a radian counts as by which something leaned on the way."""
_LEANT: Final = 0.5
"""rad beyond which it makes no difference to `slid`."""
_FLYING: Final = 0.05
"""m that the pace of what is held counts as at most."""
_IN_AIR: Final = 0.5
"""Share of its way that what is placed is to be carried in the air."""
_DRAGGED: Final = 0.05
"""m missing of that beyond which it makes no difference."""
_AROUND: Final = 0.3
"""m from a thing beyond which places of the gripper are not distinguished."""
_BEYOND: Final = (-0.3, 0.1)
"""m from the table's edge between which `dropped` distinguishes."""


def displacement(initial: State, state: State, entity: str) -> Array:
    """Return how far an entity is from where it began: (..., 3) m, clipped.

    Args:
        initial: the state that effects are counted from.
        state: (...,)
        entity: the thing.

    Returns:
        World axes, within 0.4 m to each side, 0.1 m down and 0.3 m up. What fell off the table counts as (0, 0, -0.2).
    """
    moved = state.entity(entity, "position") - initial.entity(entity, "position")
    out: Array = np.clip(moved, _LOW, _HIGH)
    return np.where(moved[..., 2:] < _FALLEN, _OFF, out)


def outcome(initial: State, state: State, entity: str) -> Array:
    """Return what became of an entity, in plain units, whatever effect a skill was after.

    Args:
        initial: the state that effects are counted from.
        state: (...,)
        entity: something rigid, or with a joint.

    Returns:
        (..., 6) of a rigid thing: displacement dx, dy, dz (m; what fell off the table is (0, 0, -0.2)), turn dyaw
        (rad, within a quarter each way, 0 for what lies on its side), and where it is, x and y (m from the middle of
        the reach, MIDDLE). (..., 1) of a joint: its fraction.
    """
    if state.layout.body_type(entity) == "joint":
        return state.entity(entity, "fraction")[..., None]
    turn = turned_upright(initial, state, entity)
    there = state.entity(entity, "position")[..., :2] - MIDDLE
    return np.concatenate([displacement(initial, state, entity), turn[..., None], there], axis=-1)


def place(initial: State, state: State, entity: str) -> Array:
    """Return where an entity is: (..., 3) m, x and y from the middle of the reach, z from where it began.

    Places can be had from anywhere, whereas how far a thing can be moved to one side depends on where it stands.

    Args:
        initial: the state that effects are counted from.
        state: (...,)
        entity: the thing.

    Returns:
        x and y within 0.4 m to each side; z, and what fell off the table, as in `displacement`.
    """
    out = displacement(initial, state, entity)
    there = np.clip(state.entity(entity, "position")[..., :2] - MIDDLE, _LOW[:2], _HIGH[:2])
    out[..., :2] = np.where(out[..., 2:] < _FALLEN, out[..., :2], there)
    return out


def _corner_shifted(entity: Entity) -> tuple[float, ...]:
    return 1.0, 1.0, 1.0, corner(entity) / TURN


def _low(there: Array) -> Array:
    """Return displacements or places (..., 3) of what is to stay: any height above ALOFT counts as ALOFT."""
    out = there.copy()
    out[..., 2] = np.minimum(out[..., 2], ALOFT)
    return out


def _higher(there: Array) -> Array:
    """Return displacements or places (..., 3) as they count: a metre of height is HEIGHT."""
    return np.asarray(there * np.array([1.0, 1.0, HEIGHT]))


_MIRROR: Final = (1.0, -1.0, 1.0)
_PLACE: Final = ("lifted", "moved", "on_table", "raised", "undisturbed")
"""Predicates that can be read off where a thing is, and was."""


@effect(
    "held_at",
    columns=("position",),
    body_type="rigid",
    mirror=(*_MIRROR, 1.0),
    settles=False,
    places=True,
    kept=1,
    origin=(*MIDDLE, 0.0, 0.0),
    units=(1.0, 1.0, HEIGHT, 1.0),
    lengths=(1.0, 1.0, 1.0 / HEIGHT, 1.0),
    measures=_PLACE,
)
def _held(initial: State, state: State, entity: str) -> Array:
    """Place at the last step, where the object is taken, and its pace there: what flies through a place is not held."""
    moving = pace(state, entity, _FLYING)
    return np.concatenate([_higher(place(initial, state, entity)), moving[..., None]], axis=-1)


@effect(
    "placed",
    columns=("position",),
    body_type="rigid",
    mirror=(*_MIRROR, 1.0),
    settles=True,
    places=True,
    kept=1,
    origin=(*MIDDLE, 0.0, 0.0),
    measures=_PLACE,
)
def _placed(initial: State, state: State, entity: str) -> Array:
    """Place after the gripper let go and left: where the object stays; and what of its way was not in the air."""
    way = np.linalg.norm((state.entity(entity, "position") - initial.entity(entity, "position"))[..., :2], axis=-1)
    carried = state.entity(entity, "carried_distance") - initial.entity(entity, "carried_distance")
    missing = np.clip(_IN_AIR * way - carried, 0.0, _DRAGGED)
    return np.concatenate([_low(place(initial, state, entity)), missing[..., None]], axis=-1)


@effect(
    "displaced",
    columns=("position", "rotation"),
    body_type="rigid",
    mirror=(*_MIRROR, -1.0),
    settles=True,
    lengths=_corner_shifted,
    units=(1.0, 1.0, 1.0, TURN),
    measures=(*_PLACE, "rotated", "turned"),
)
def _displaced(initial: State, state: State, entity: str) -> Array:
    """Displacement (within 18 cm to each side) and turn after the gripper let go and left: what stays done."""
    turn = turned_upright(initial, state, entity) * TURN
    out = np.concatenate([_low(displacement(initial, state, entity)), turn[..., None]], axis=-1)
    out[..., :2] = np.clip(out[..., :2], -_SHIFT, _SHIFT)
    return out


@effect(
    "slid",
    columns=("position", "manner"),
    body_type="rigid",
    mirror=(*_MIRROR, 1.0),
    settles=True,
    kept=2,
    measures=("moved", "on_table", "slid", "undisturbed"),
)
def _slid(initial: State, state: State, entity: str) -> Array:
    """Displacement along the table (within 18 cm to each side) after the gripper left; and its greatest rise and lean.

    A ball may roll.
    """
    way = np.clip(displacement(initial, state, entity)[..., :2], -_SHIFT, _SHIFT)
    rise = state.entity(entity, "highest") - initial.entity(entity, "position")[..., 2]
    lean = _LEAN * np.clip(state.entity(entity, "steepest") - initial.entity(entity, "steepest"), 0.0, _LEANT)
    if shape_of(state.layout.kind(entity)) == "sphere":
        lean = np.zeros_like(lean)
    return np.concatenate([way, np.clip(rise, 0.0, _RISEN)[..., None], lean[..., None]], axis=-1)


@effect(
    "dragged",
    columns=("position",),
    body_type="deformable",
    mirror=_MIRROR,
    settles=True,
    units=(1.0, 1.0, HEIGHT),
    lengths=(1.0, 1.0, 1.0 / HEIGHT),
    measures=("moved",),
)
def _dragged(initial: State, state: State, entity: str) -> Array:
    """Displacement of the middle (m) after the gripper let go and left."""
    return _higher(displacement(initial, state, entity))


@effect(
    "reached",
    columns=("gripper",),
    body_type="rigid",
    mirror=_MIRROR,
    settles=False,
    measures=("reached",),
)
def _reached(initial: State, state: State, entity: str) -> Array:
    """Where the gripper is at the last step, from where the thing stood at the start: (..., 3) m, within 30 cm."""
    offset = state.robot("gripper_position") - initial.entity(entity, "position")
    return np.clip(offset, -_AROUND, _AROUND)


@effect(
    "dropped",
    columns=("edge",),
    body_type="rigid",
    mirror=(1.0, 1.0),
    settles=True,
    fact_targets=((-0.2, 0.0), (0.1, FACT)),
    classify=is_fact,
    said="drops {a} off the table",
    default_fact=0,
    units=(1.0, FACT),
    measures=("off_table",),
)
def _dropped(initial: State, state: State, entity: str) -> Array:
    """How far it is beyond the table's nearest edge (m, within 30 cm), and whether it fell off."""
    del initial
    position, size = state.entity(entity, "position"), state.robot("table_size")
    x, y = position[..., 0], position[..., 1]
    beyond = np.maximum(
        np.abs(y) - size[..., 1] / 2, np.maximum(x - TABLE_NEAR_EDGE - size[..., 0], TABLE_NEAR_EDGE - x)
    )
    fact = position[..., 2] < state.robot("table_height") + _FALLEN / 2
    return np.stack([np.clip(beyond, *_BEYOND), fact * FACT], axis=-1)
