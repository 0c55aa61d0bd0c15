"""What an action means other than today's five numbers: a whole pose of the gripper, or the joints themselves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from tabletop.config import SimSettings
from tabletop.sim.inverse_kinematics import ChainKinematics, down, turn_between
from tabletop.sim.robot_card import Workspace
from tabletop.sim.robot_model import matrix
from tabletop.sim.rotations import turn_of

__all__ = ["Command", "JointCommand", "Moment", "PoseCommand", "rotated"]

Array = npt.NDArray[np.float64]

_MOST_TILT: Final = math.radians(60.0)
"""rad that the gripper may lean from straight down."""
_HALVINGS: Final = 4


class Moment(Protocol):
    """The arm as it is now."""

    @property
    def position(self) -> Sequence[float]:
        """The point between the fingertips, m, world."""

    @property
    def quaternion(self) -> tuple[float, ...]:
        """Of the tool, xyzw, world."""

    @property
    def joints(self) -> Sequence[float]:
        """Of the arm, rad."""


class Command(Protocol):
    """Turns actions into joint angles for the motors, and keeps what the arm is sent to."""

    def begin(self, position: Sequence[float], yaw: float, q: Sequence[float]) -> None:
        """Begin at a pose with the gripper down, m and rad, and the posture there."""

    def follow(self, action: Sequence[float], table: float, now: Moment) -> list[float]:
        """Return joint angles, rad, for an action without its grip, in [-1, 1], and the height of the table, m."""

    def give_way(self, push: Sequence[float], now: Moment) -> list[float] | None:
        """Return joint angles that lead less against a push (unit vector, world); None: it leads nowhere."""


def rotated(rotation: Array, vector: Array) -> Array:
    """Return a rotation (3, 3) turned further by a rotation vector (3,), rad, world."""
    return np.asarray(turn_of(vector) @ rotation)


class PoseCommand:
    """Six numbers: dx, dy, dz of the gripper, and a rotation vector about the world's axes."""

    def __init__(self, settings: SimSettings, kinematics: ChainKinematics, workspace: Workspace) -> None:
        """Prepare.

        Args:
            settings: how far an action of 1 goes, and how far the target leads.
            kinematics: of the arm.
            workspace: that the gripper is kept in.
        """
        self._settings, self._kinematics, self._workspace = settings, kinematics, workspace

    def begin(self, position: Sequence[float], yaw: float, q: Sequence[float]) -> None:
        """Begin at a pose with the gripper down; see `Command`."""
        self._position, self._rotation = np.array(position, dtype=np.float64), down(yaw)
        self._q = list(q)

    def follow(self, action: Sequence[float], table: float, now: Moment) -> list[float]:
        """Return joint angles for an action; see `Command`."""
        settings = self._settings
        given, here, turn = np.array(action), np.array(now.position), matrix(now.quaternion)
        floor = np.array([0.0, 0.0, table])
        lead = np.clip(self._position, here - settings.leash, here + settings.leash)
        position = lead + given[:3] * settings.max_step
        position = np.clip(position, floor + self._workspace.lower, floor + self._workspace.upper)
        ahead = turn_between(turn, self._rotation)
        size = math.sqrt(float(ahead @ ahead))
        if size > settings.leash_turn:
            ahead *= settings.leash_turn / size
        rotation = _upright(rotated(rotated(turn, ahead), given[3:6] * settings.max_turn))
        self._go(position, rotation)
        return self._q

    def _go(self, position: Array, rotation: Array) -> None:
        """Send the arm to a pose; where it is out of reach, as far on the way there as it gets."""
        for goal, turn in ((position, rotation), (position, self._rotation), (self._position, rotation)):
            if self._reach(goal, turn):
                return
        share = 0.5
        start, turn = self._position, self._rotation
        way, way_turn = position - start, turn_between(turn, rotation)
        for _ in range(_HALVINGS):
            if self._reach(start + share * way, rotated(turn, share * way_turn)):
                return
            share /= 2

    def _reach(self, position: Array, rotation: Array) -> bool:
        found = self._kinematics.solve_pose(position, rotation, self._q, leaning=True)
        if found is None:
            return False
        self._position, self._rotation, self._q = position, rotation, found.tolist()
        return True

    def give_way(self, push: Sequence[float], now: Moment) -> list[float] | None:
        """Return joint angles that lead less against a push; see `Command`."""
        way = np.array(push)
        ahead = float((self._position - now.position) @ way)
        if ahead >= 0.0:
            return None
        self._go(self._position - ahead * way, self._rotation)
        return self._q


def _upright(rotation: Array) -> Array:
    """Return the rotation nearest to one whose tool leans no further from straight down than it may."""
    x, y, z = rotation[:, 2].tolist()
    tilt = math.acos(min(1.0, max(-1.0, -z)))
    if tilt <= _MOST_TILT:
        return rotation
    # About the horizontal axis that brings the tool down again.
    axis = np.array([-y, x, 0.0])
    axis /= max(float(np.linalg.norm(axis)), 1e-9)
    return rotated(rotation, axis * (tilt - _MOST_TILT))


class JointCommand:
    """A number for each joint of the arm: how far it goes on."""

    def __init__(self, settings: SimSettings, lower: Sequence[float], upper: Sequence[float]) -> None:
        """Prepare.

        Args:
            settings: how far an action of 1 goes (max_turn, rad), and how far the target leads (leash_turn, rad).
            lower: rad, of each joint.
            upper: rad, of each joint.
        """
        self._settings, self._limits = settings, list(zip(lower, upper, strict=True))
        self._q: list[float] = []

    def begin(self, position: Sequence[float], yaw: float, q: Sequence[float]) -> None:
        """Begin at a posture; see `Command`."""
        self._q = list(q)

    def follow(self, action: Sequence[float], table: float, now: Moment) -> list[float]:
        """Return joint angles for an action; see `Command`."""
        leash, step = self._settings.leash_turn, self._settings.max_turn
        ahead = (min(max(q, j - leash), j + leash) for q, j in zip(self._q, now.joints, strict=True))
        new = (q + a * step for q, a in zip(ahead, action, strict=True))
        self._q = [min(max(q, low), high) for q, (low, high) in zip(new, self._limits, strict=True)]
        return self._q

    def give_way(self, push: Sequence[float], now: Moment) -> list[float] | None:
        """Return the joint angles that there are: the arm leads nowhere; see `Command`."""
        self._q = list(now.joints)
        return self._q
