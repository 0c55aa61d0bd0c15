"""Effects on how a thing is turned: about the vertical, in place, or over onto another side."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from tabletop.logic.geometry import tilt
from tabletop.sim.cards import load_cards
from tabletop.sim.scene import Entity
from tabletop.sim.state import State
from tabletop.skills.effects.registry import FACT, REACH, effect, is_fact, symmetric

__all__ = ["TURN", "corner", "turned", "turned_upright"]

Array = npt.NDArray[np.float64]

TURN: Final = 0.05
"""m a radian of yaw counts as."""
_TILT: Final = 0.3 / np.pi
"""m a radian of tilt counts as."""
_IN_PLACE: Final = 0.02
"""m that a thing may be moved while it is turned."""
_FAR: Final = 0.15
"""m beyond that from which it makes no difference."""
_LYING: Final = np.pi / 3
"""rad of tilt from which a thing lies."""
_BELOW: Final = -0.02
_LOW_HEIGHT: Final = 0.12
"""m above the table between which the middle of what lies on it is."""


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


def turned_upright(initial: State, state: State, entity: str) -> Array:
    """Return a turn within a quarter each way, (...,) rad, and 0 for what lies on its side."""
    turn = np.clip(turned(initial, state, entity), -np.pi / 2, np.pi / 2)
    return np.where(_upright(state, entity), turn, 0.0)


def corner(entity: Entity) -> float:
    """Return how far a thing's corner goes when it turns by 1 rad: half the diagonal of its footprint, m."""
    return float(np.hypot(entity.size[0], entity.size[1])) / 2


def _corner_turned(entity: Entity) -> tuple[float, ...]:
    return corner(entity) * np.pi / REACH, 1.0


def _top(entity: Entity) -> tuple[float, ...]:
    """Return how far a thing's top goes for each metre that its tilt counts as; a fact is as it is."""
    return entity.size[2] / _TILT, 1.0


def _has_yaw(kind: str) -> bool:
    return not symmetric(kind)


def _stands(kind: str) -> bool:
    """Return whether a kind can lie on another side than it stands on: all that is no single ball."""
    return any(part.shape != "sphere" for part in load_cards()[kind].parts) or load_cards()[kind].mesh is not None


@effect(
    "turned",
    columns=("rotation",),
    body_type="rigid",
    mirror=(-1.0, 1.0),
    settles=True,
    kept=1,
    lengths=_corner_turned,
    units=(REACH / np.pi, 1.0),
    measures=("rotated", "turned", "undisturbed"),
    suits=_has_yaw,
)
def _turned(initial: State, state: State, entity: str) -> Array:
    """Turn after the gripper left (half a turn counts as the reach), and how far the thing was moved beyond 2 cm."""
    moved = np.linalg.norm(state.entity(entity, "position") - initial.entity(entity, "position"), axis=-1)
    turn = turned_upright(initial, state, entity) * (REACH / np.pi)
    return np.stack([turn, np.clip(moved - _IN_PLACE, 0.0, _FAR)], axis=-1)


@effect(
    "toppled",
    columns=("tilt",),
    body_type="rigid",
    mirror=(1.0, 1.0),
    settles=True,
    fact_targets=((0.0, 0.0), (0.15, FACT)),
    classify=is_fact,
    said="topples {a}",
    default_fact=0,
    lengths=_top,
    units=(_TILT, FACT),
    measures=("on_table", "toppled"),
    suits=_stands,
)
def _toppled(initial: State, state: State, entity: str) -> Array:
    """Tilt, a right angle counting as 15 cm, and whether it lies on its side on the table."""
    del initial
    angle = tilt(state.entity(entity, "quaternion"))
    height = state.entity(entity, "position")[..., 2] - state.robot("table_height")
    fact = (angle > _LYING) & (height > _BELOW) & (height < _LOW_HEIGHT)
    return np.stack([np.minimum(angle, np.pi - angle) * _TILT, fact * FACT], axis=-1)
