"""How things came to be where they are: columns that add up from the reset on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from tabletop.sim.scene import TABLE_NEAR_EDGE, Table

__all__ = ["FORCE_EVERY", "Way"]

FORCE_EVERY: Final = 3
"""Physics steps (of 1/120 s) from one look at what the robot touches to the next."""


class Way:
    """What adds up of each entity, in the scene's order: the last five columns of ENTITY_FIELDS."""

    def __init__(self, table: Table, poses: Sequence[tuple[Sequence[float], Sequence[float]]]) -> None:
        """Begin at a reset.

        Args:
            table: of the scene.
            poses: position (m, world) and quaternion (xyzw) of each entity, as in ENTITY_FIELDS.
        """
        self._table = table
        self._highest = [float(position[2]) for position, _ in poses]
        self._steepest = [_tilt(turn) for _, turn in poses]
        self._touch = [0.0] * len(poses)
        self._carried = [0.0] * len(poses)
        self._free = [0.0] * len(poses)
        self._last = [(float(position[0]), float(position[1])) for position, _ in poses]
        self._felt = [False] * len(poses)
        self._aloft = [False] * len(poses)

    def touch(self, index: int, force: float) -> None:
        """Note that the robot presses on an entity with a force, N, all links together."""
        self._felt[index] |= force > 0.0
        if force > self._touch[index]:
            self._touch[index] = force

    def follow(self, index: int, position: Sequence[float], turn: Sequence[float], aloft: bool) -> None:
        """Note where an entity is at the end of a control step.

        Args:
            index: of the entity.
            position: m, world.
            turn: quaternion, xyzw.
            aloft: whether both fingers press on it and nothing but the robot is near it.
        """
        x, y, z = position
        step = math.hypot(x - self._last[index][0], y - self._last[index][1])
        if z > self._highest[index]:
            self._highest[index] = z
        if self._over_table(x, y, z):
            self._steepest[index] = max(self._steepest[index], _tilt(turn))
            self._free[index] = 0.0 if self._felt[index] else self._free[index] + step
        if aloft and self._aloft[index]:
            self._carried[index] += step
        self._last[index], self._aloft[index], self._felt[index] = (x, y), aloft, False

    def _over_table(self, x: float, y: float, z: float) -> bool:
        """Return whether a place is over the table: what tips over its edge, or fell off, counts no more."""
        depth, width = self._table.size
        inside = TABLE_NEAR_EDGE < x < TABLE_NEAR_EDGE + depth and abs(y) < width / 2
        return inside and z > self._table.height

    def columns(self, index: int) -> tuple[float, float, float, float, float]:
        """Return highest, steepest, touch, carried_distance and free_distance of an entity."""
        height, tilt, force = self._highest[index], self._steepest[index], self._touch[index]
        return height, tilt, force, self._carried[index], self._free[index]


def _tilt(turn: Sequence[float]) -> float:
    x, y, z, w = turn
    return 2 * math.atan2(math.hypot(x, y), math.hypot(z, w))
