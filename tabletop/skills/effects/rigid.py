"""Effects on rigid things: where they are taken, put, pushed and turned, toppled or dropped."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tabletop.logic.geometry import tilt
from tabletop.sim.scene import TABLE_NEAR_EDGE, Entity
from tabletop.sim.state import State
from tabletop.skills.effects.registry import FACT, REACH, effect, symmetric

__all__ = ["MIDDLE", "TURN", "displacement", "is_fact", "outcome", "place"]

Array = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]

TURN: Final = 0.05
"""m a radian of yaw counts as."""
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
_TILT: Final = 0.3 / np.pi
"""m a radian of tilt counts as."""
_IN_PLACE: Final = (0.04, 0.20)
"""m of displacement up to which a turn counts in full, and from which on not at all."""


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


def yaw(quaternion: Array) -> Array:
    """Return the yaw (rad) of quaternions xyzw, (..., 4) -> (...,)."""
    x, y, z, w = np.moveaxis(quaternion, -1, 0)
    out: Array = np.arctan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z))
    return out


def turned(initial: State, state: State, entity: str) -> Array:
    """Return the change of an entity's yaw: (...,) rad in [-pi, pi).

    Args:
        initial: the state that effects are counted from.
        state: (...,)
        entity: the thing.

    Returns:
        About world z, counter-clockwise; 0 for what looks the same from all sides.
    """
    if symmetric(state.layout.kind(entity)):
        return np.zeros(state.values.shape[:-1])
    change = yaw(state.entity(entity, "quaternion")) - yaw(initial.entity(entity, "quaternion"))
    out: Array = (change + np.pi) % (2 * np.pi) - np.pi
    return out


def _upright(state: State, entity: str) -> npt.NDArray[np.bool_]:
    x, y, _, _ = np.moveaxis(state.entity(entity, "quaternion"), -1, 0)
    out: npt.NDArray[np.bool_] = 1 - 2 * (x * x + y * y) > 0.7
    return out


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
    turn = np.where(_upright(state, entity), np.clip(turned(initial, state, entity), -np.pi / 2, np.pi / 2), 0.0)
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


def _corner(entity: Entity) -> float:
    """Return how far a thing's corner goes when it turns by 1 rad: half the diagonal of its footprint, m."""
    return float(np.hypot(entity.size[0], entity.size[1])) / 2


def _corner_shifted(entity: Entity) -> tuple[float, ...]:
    return 1.0, 1.0, 1.0, _corner(entity) / TURN


def _corner_turned(entity: Entity) -> tuple[float, ...]:
    return (_corner(entity) * np.pi / REACH,)


def _top(entity: Entity) -> tuple[float, ...]:
    """Return how far a thing's top goes for each metre that its tilt counts as; a fact is as it is."""
    return entity.size[2] / _TILT, 1.0


_PLACE: Final = ("lifted", "moved", "on_table", "raised", "undisturbed")
"""Predicates that can be read off where a thing is, and was."""


@effect("held_at", body_type="rigid", mirror=(1.0, -1.0, 1.0), settles=False, places=True, measures=_PLACE)
def _held(initial: State, state: State, entity: str) -> Array:
    """Place at the last step, with no settling: where the object is taken."""
    return place(initial, state, entity)


@effect("placed", body_type="rigid", mirror=(1.0, -1.0, 1.0), settles=True, places=True, measures=_PLACE)
def _placed(initial: State, state: State, entity: str) -> Array:
    """Place after the gripper let go and left: where the object stays."""
    return place(initial, state, entity)


@effect(
    "displaced",
    body_type="rigid",
    mirror=(1.0, -1.0, 1.0, -1.0),
    settles=True,
    lengths=_corner_shifted,
    measures=(*_PLACE, "rotated", "turned"),
)
def _settled(initial: State, state: State, entity: str) -> Array:
    """Displacement (within 18 cm to each side) and turn after the gripper let go and left: what stays done."""
    out = outcome(initial, state, entity)[..., :4] * [1.0, 1.0, 1.0, TURN]
    out[..., :2] = np.clip(out[..., :2], -_SHIFT, _SHIFT)
    return out


@effect(
    "turned",
    body_type="rigid",
    mirror=(-1.0,),
    settles=True,
    lengths=_corner_turned,
    measures=("rotated", "turned", "undisturbed"),
)
def _turned(initial: State, state: State, entity: str) -> Array:
    """Turn in place after the gripper let go and left, half a turn counting as the reach.

    A turn counts less the farther the thing was moved, and not at all from 20 cm on.
    """
    found = outcome(initial, state, entity)
    near, far = _IN_PLACE
    there = np.clip((far - np.linalg.norm(found[..., :3], axis=-1)) / (far - near), 0.0, 1.0)
    out: Array = found[..., 3:4] * there[..., None] * (REACH / np.pi)
    return out


def is_fact(effects: npt.NDArray[np.floating[Any]]) -> Index:
    """Return 1 where the last number says that the fact is true, else 0."""
    return (effects[:, -1] > FACT / 2).astype(np.intp)


@effect(
    "toppled",
    body_type="rigid",
    kinds=("can", "mug"),
    mirror=(1.0, 1.0),
    settles=True,
    fact_targets=((0.0, 0.0), (0.15, FACT)),
    classify=is_fact,
    said="topples {a}",
    default_fact=0,
    lengths=_top,
    measures=("on_table", "toppled"),
)
def _toppled(initial: State, state: State, entity: str) -> Array:
    """Tilt, a right angle counting as 15 cm, and whether it lies on its side on the table."""
    del initial
    angle = tilt(state.entity(entity, "quaternion"))
    height = state.entity(entity, "position")[..., 2] - state.robot("table_height")
    fact = (angle > _LYING) & (height > _BELOW) & (height < _LOW_HEIGHT)
    return np.stack([np.minimum(angle, np.pi - angle) * _TILT, fact * FACT], axis=-1)


@effect(
    "dropped",
    body_type="rigid",
    mirror=(1.0, 1.0),
    settles=True,
    fact_targets=((-0.2, 0.0), (0.1, FACT)),
    classify=is_fact,
    said="drops {a} off the table",
    default_fact=0,
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
    return np.stack([np.clip(beyond, -0.3, 0.1), fact * FACT], axis=-1)


_LYING: Final = np.pi / 3
"""rad of tilt from which a thing lies."""
_BELOW: Final = -0.02
_LOW_HEIGHT: Final = 0.12
"""m above the table between which the middle of what lies on it is."""
