"""Closed-form kinematics of an arm of the Panda's build, gripper straight down.

Seven turning joints whose axes alternate between along and across the arm leave a redundancy when the gripper
points down; holding joints 3 and 5 at zero spends it. The arm then stays in the vertical plane through its
base axis, where joints 2, 4 and 6 are a planar triangle. So a pose has one posture, whatever came before: no
iterations, no drift, and joint limits that can be stated as limits of the pose (`reachable`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from tabletop.errors import TabletopError
from tabletop.sim.inverse_kinematics import Solved, Wrist
from tabletop.sim.robot_card import RobotCard

__all__ = ["Kinematics"]

Array = npt.NDArray[np.float64]

_STRAIGHTEST: Final = 0.1
"""rad by which the elbow stays bent: at 0 the arm is singular and a small move needs infinite joint speed."""


class Kinematics:
    """Forward and inverse kinematics of one robot card (assets/robots), in the base's frame."""

    def __init__(self, card: RobotCard) -> None:
        """Read the geometry of a card.

        Args:
            card: of the robot.

        Raises:
            TabletopError: the arm is not of this build.
        """
        rows, tcp = card.dh, card.tcp
        self._tool = card.flange + tcp[2]
        self._hand_yaw = card.hand_yaw
        self._lower, self._upper = card.lower, card.upper
        turns = [round(row[1] / (math.pi / 2), 6) for row in rows]
        offsets = [row[0] for row in rows]
        planar = offsets[:3] == [0, 0, 0] and offsets[5] == 0 and offsets[4] == -offsets[3]
        if turns != [0, -1, 1, 1, -1, 1, 1] or not planar or tcp[:2] != (0, 0):
            raise TabletopError(
                "robot card: dh must be of the Panda's build (alpha 0, -90, 90, 90, -90, 90, 90 deg;"
                f" a 0, 0, 0, e, -e, 0, f; tcp on the hand's z axis),"
                f" got a {offsets}, alpha / 90 deg {turns}, tcp {list(tcp)}"
            )
        self._rows = [(a, math.cos(alpha), math.sin(alpha), d) for a, alpha, d in rows]
        self._shoulder = rows[0][2]
        self._wrist = rows[6][0]
        elbow = rows[3][0]
        # Two sides of the triangle shoulder - elbow joint - wrist, and how far the elbow's offset turns each.
        self._upper_arm, self._forearm = math.hypot(rows[2][2], elbow), math.hypot(rows[4][2], elbow)
        self._upper_turn, self._forearm_turn = math.atan2(elbow, rows[2][2]), math.atan2(elbow, rows[4][2])
        turn = self._upper_turn + self._forearm_turn
        self._far = self._side(max(_STRAIGHTEST, -self._upper[3] - turn))
        self._near = self._side(min(math.pi, -self._lower[3] - turn))

    def _side(self, bend: float) -> float:
        """Return the distance between shoulder and wrist where the two sides meet at pi - bend."""
        u, f = self._upper_arm, self._forearm
        return math.sqrt(u * u + f * f + 2 * u * f * math.cos(bend))

    def forward(self, q: Sequence[float]) -> tuple[Array, Array]:
        """Return the pose of the point between the fingertips for any 7 joint angles (rad).

        Returns:
            position (3,) in m and rotation (3, 3), the hand's axes as columns, in the base's frame.
        """
        px = py = pz = 0.0
        xx, xy, xz, yx, yy, yz, zx, zy, zz = 1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0
        last = len(self._rows) - 1
        for i, (a, ca, sa, d) in enumerate(self._rows):
            px, py, pz = px + a * xx, py + a * xy, pz + a * xz
            yx, yy, yz, zx, zy, zz = (
                ca * yx + sa * zx, ca * yy + sa * zy, ca * yz + sa * zz,
                ca * zx - sa * yx, ca * zy - sa * yy, ca * zz - sa * yz,
            )  # fmt: skip
            angle = q[i] + self._hand_yaw if i == last else q[i]
            c, s = math.cos(angle), math.sin(angle)
            xx, xy, xz, yx, yy, yz = (
                c * xx + s * yx, c * xy + s * yy, c * xz + s * yz,
                c * yx - s * xx, c * yy - s * xy, c * yz - s * xz,
            )  # fmt: skip
            d = d + self._tool if i == last else d
            px, py, pz = px + d * zx, py + d * zy, pz + d * zz
        return np.array([px, py, pz]), np.array([[xx, yx, zx], [xy, yy, zy], [xz, yz, zz]])

    def reachable(self, position: Sequence[float], yaw: float) -> tuple[tuple[float, float, float], float]:
        """Return the pose nearest to a wanted one that `solve` reaches: same height and bearing.

        Args:
            position: of the point between the fingertips, m, in the base's frame.
            yaw: rad about +z; at 0 the fingers open along y.
        """
        x, y, z = position
        radius, bearing = math.hypot(x, y), math.atan2(y, x)
        rise = z + self._tool - self._shoulder
        lean = radius - self._wrist
        square = lean * lean + rise * rise
        if square > self._far * self._far:
            if abs(rise) > self._far:
                rise = math.copysign(self._far, rise)
                z = rise - self._tool + self._shoulder
            lean = math.sqrt(self._far * self._far - rise * rise)
        elif square < self._near * self._near:
            lean = math.sqrt(self._near * self._near - rise * rise)
        if lean + self._wrist != radius:
            radius = lean + self._wrist
            x, y = radius * math.cos(bearing), radius * math.sin(bearing)
        most, least = bearing - self._hand_yaw - self._lower[6], bearing - self._hand_yaw - self._upper[6]
        return (x, y, z), min(max(yaw, least), most)

    @property
    def wrist(self) -> Wrist:
        """Where the wrist is in its middle, and how far it turns from there."""
        return Wrist(-self._hand_yaw, (self._upper[6] - self._lower[6]) / 2, (0.0, 0.0))

    def reach(self, position: Sequence[float], yaw: float, near: Sequence[float] | None = None) -> Solved:
        """Return the nearest pose that is reached, and its posture. A pose has one: `near` is not asked.

        Other arguments as in `reachable`.
        """
        (x, y, z), yaw = self.reachable(position, yaw)
        return Solved((x, y, z), yaw, self.solve((x, y, z), yaw))

    def solve(self, position: Sequence[float], yaw: float, near: Sequence[float] | None = None) -> list[float]:
        """Return the 7 joint angles (rad, within the limits) that bring the gripper to a pose.

        Where the arm cannot reach, they bring it to what `reachable` returns. Arguments as in `reach`.
        """
        (x, y, z), yaw = self.reachable(position, yaw)
        bearing = math.atan2(y, x)
        lean, rise = math.hypot(x, y) - self._wrist, z + self._tool - self._shoulder
        u, f = self._upper_arm, self._forearm
        cosine = (lean * lean + rise * rise - u * u - f * f) / (2 * u * f)
        bend = math.acos(min(max(cosine, -1.0), 1.0))
        lift = math.atan2(f * math.sin(bend), u + f * math.cos(bend))
        q2 = math.atan2(lean, rise) - lift - self._upper_turn
        q4 = -bend - self._upper_turn - self._forearm_turn
        q = (bearing, q2, 0.0, q4, 0.0, q2 - q4, bearing - yaw - self._hand_yaw)
        return [min(max(v, low), high) for v, low, high in zip(q, self._lower, self._upper, strict=True)]
