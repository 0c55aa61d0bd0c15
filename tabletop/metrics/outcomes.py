"""What became of an entity, whole: the outcome O of the joint count, and from where it can be read.

One physical resolution holds for everything. An outcome is seen through noise of that size, so two skills whose ends
are nearer than that count as one, whatever kind of effect they are after.

| part | of | noise | read from |
| --- | --- | --- | --- |
| position | rigid, deformable | 2 cm along each axis | the world, its start, the nearest thing then, or now |
| yaw | rigid that has one, deformable | 15 deg | the world, its start |
| tilt | rigid | 15 deg | the vertical |
| fraction | joint | 5 % of its travel | shut, its start |
| extent | deformable | 2 cm along each axis | zero, its start |
| state | all | none | resting, held by the gripper, or off the table |

Where only the gripper has moved, nothing happened to the entity.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from tabletop.errors import TabletopError
from tabletop.logic.geometry import tilt
from tabletop.sim.state import Layout, State
from tabletop.skills.effects.registry import symmetric
from tabletop.skills.effects.rotation import yaw

__all__ = [
    "HELD",
    "OFF",
    "PARTS",
    "RESTING",
    "WIDTH",
    "Outcome",
    "Part",
    "Resolution",
    "others_of",
    "outcome_of",
    "parts_of",
]

Array = npt.NDArray[np.float64]

RESTING, HELD, OFF = 0, 1, 2
"""States of an entity: on what it stands on, between the fingers, off the table."""
_FORCE: Final = 0.5
"""N with which each finger presses on what is held, as in the predicate."""
_FALLEN: Final = -0.05
"""m above the table's surface below which a thing is off it."""
_UPRIGHT: Final = 0.7
"""Cosine of the tilt from which on a thing has a yaw."""
_GONE: Final = (0.0, 0.0, -1.0)
"""m: where all that fell off the table is. Where it rolled to on the floor is no outcome."""


@dataclass(frozen=True)
class Resolution:
    """Standard deviations of the noise that outcomes are seen through."""

    length: float = 0.02
    """m, along each axis."""
    angle: float = float(np.radians(15.0))
    """rad"""
    fraction: float = 0.05
    """Of a joint's travel."""

    def __post_init__(self) -> None:
        """Check the numbers."""
        for name, value in vars(self).items():
            if not 0 < value < 10:
                raise TabletopError(f"resolution: {name} must be above 0 and below 10, got {value!r}")

    def coarser(self, factor: float) -> Resolution:
        """Return the same, so many times as coarse.

        >>> Resolution().coarser(2.5).length
        0.05
        """
        return replace(self, length=self.length * factor, angle=self.angle * factor, fraction=self.fraction * factor)


@dataclass(frozen=True)
class Part:
    """One part of an outcome."""

    name: str
    columns: slice
    """Of an outcome's values."""
    unit: str
    """Of the Resolution: "length", "angle" or "fraction"."""
    frames: tuple[str, ...]
    """From where it can be read: "world", "start", "near" (the thing nearest at the start), "there" (the thing nearest
    to where it is)."""
    room: float
    """Volume that it can fill, in its unit to the power of its columns."""
    period: float | None = None


PARTS: Final[dict[str, Part]] = {
    "position": Part("position", slice(0, 3), "length", ("world", "start", "near", "there"), 0.8 * 0.8 * 0.4),
    "yaw": Part("yaw", slice(3, 4), "angle", ("world", "start"), 2 * np.pi, 2 * np.pi),
    "tilt": Part("tilt", slice(4, 5), "angle", ("world",), np.pi / 2),
    "fraction": Part("fraction", slice(5, 6), "fraction", ("world", "start"), 1.0),
    "extent": Part("extent", slice(6, 9), "length", ("world", "start"), 0.3**3),
}
"""Parts of outcomes, by name; together their columns are WIDTH."""
WIDTH: Final = 9


@dataclass(frozen=True)
class Outcome:
    """What an entity is like at one moment."""

    values: tuple[float, ...]
    """(WIDTH,), by PARTS; 0 where it has no such part."""
    state: int
    """RESTING, HELD or OFF."""


def parts_of(kind: str, body_type: str) -> tuple[Part, ...]:
    """Return the parts that outcomes of a kind of entity have.

    Args:
        kind: such as "block".
        body_type: "rigid", "joint" or "deformable".
    """
    if body_type == "joint":
        return (PARTS["fraction"],)
    if body_type == "deformable":
        return (PARTS["position"], PARTS["yaw"], PARTS["extent"])
    own = (PARTS["position"], PARTS["yaw"], PARTS["tilt"])
    return tuple(p for p in own if p.name != "yaw" or not symmetric(kind))


def outcome_of(state: State, entity: str) -> Outcome:
    """Return what an entity is like, (WIDTH,) numbers and its state.

    Args:
        state: no batch shape.
        entity: the thing.
    """
    values = np.zeros(WIDTH)
    body = state.layout.body_type(entity)
    held = bool(np.min(state.entity(entity, "finger_force")) > _FORCE)
    if body == "joint":
        values[5] = np.clip(state.entity(entity, "fraction"), 0.0, 1.0)
        return Outcome(tuple(values.tolist()), RESTING)
    position, quaternion = state.entity(entity, "position"), state.entity(entity, "quaternion")
    if position[2] < state.robot("table_height") + _FALLEN:
        values[:3] = _GONE
        return Outcome(tuple(values.tolist()), OFF)
    lean = float(tilt(quaternion))
    values[:3] = position
    values[3] = float(yaw(quaternion)) if np.cos(lean) > _UPRIGHT else 0.0
    values[4] = lean
    if body == "deformable":
        values[6:9] = state.entity(entity, "size")
    return Outcome(tuple(values.tolist()), HELD if held else RESTING)


def others_of(initial: State, entity: str) -> Array:
    """Return where the other things are at the start, (others, 3) m, world."""
    layout: Layout = initial.layout
    places = [initial.entity(name, "position") for name in layout.names if name != entity]
    return np.array(places, dtype=np.float64).reshape(-1, 3)
