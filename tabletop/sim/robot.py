"""The arm: its card, teleporting it, and turning actions into motor targets."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tabletop.config import SimSettings
from tabletop.errors import TabletopError, unknown
from tabletop.sim.bodies import set_dynamics
from tabletop.sim.bullet import p
from tabletop.sim.kinematics import Kinematics
from tabletop.sim.robot_card import load_robot_card, robot_file
from tabletop.sim.sums import added

__all__ = ["LINK_FRICTION", "RobotArm", "within_reach"]

LINK_FRICTION: Final = 0.5
"""Friction coefficient of all links but the fingers, whose is on the card."""
_GEAR_ERP: Final = 0.1
"""Share of the fingers' difference that the gear makes good in a physics step."""


def within_reach(name: str, position: Sequence[float], table: float) -> bool:
    """Return whether a robot's gripper can be brought to a place.

    Args:
        name: of the robot's card.
        position: of the point midway between the fingertips, m, in the base's frame.
        table: m, z of the table's surface there.

    Raises:
        TabletopError: there is no such card.
    """
    card = load_robot_card(name)
    x, y, z = position
    low, high = card.workspace.lower, card.workspace.upper
    inside = all(a <= v <= b for a, v, b in zip(low, (x, y, z - table), high, strict=True))
    nearest, _ = Kinematics(card).reachable((x, y, z), 0.0)
    return inside and math.dist(nearest, (x, y, z)) < 1e-6


class RobotArm:
    """An arm with a parallel-jaw gripper that points straight down, in one PyBullet client."""

    def __init__(self, name: str, settings: SimSettings, client: int) -> None:
        """Load the robot of that name.

        Args:
            name: of a card in assets/robots.
            settings: time and control.
            client: PyBullet's client.

        Raises:
            TabletopError: there is no such card, or its URDF lacks what it speaks of.
        """
        card = load_robot_card(name)
        self.settings = settings
        self.client = client
        self.kinematics = Kinematics(card)
        try:
            self.body: int = p.loadURDF(
                str(robot_file(name).parent / card.urdf),
                useFixedBase=True,
                flags=p.URDF_USE_INERTIA_FROM_FILE,
                physicsClientId=client,
            )
        except p.error as error:
            raise TabletopError(f"robot card {name!r}: PyBullet cannot load {card.urdf!r}: {error}") from None
        joints: dict[str, int] = {}
        links: dict[str, int] = {}
        for i in range(p.getNumJoints(self.body, client)):
            info = p.getJointInfo(self.body, i, client)
            joints[info[1].decode()] = i
            links[info[12].decode()] = i
        for kind, known, asked in (
            ("joint", joints, (*card.arm_joints, *card.finger_joints)),
            ("link", links, (*card.finger_links, card.hand_link)),
        ):
            for missing in (word for word in asked if word not in known):
                raise unknown(f"{kind} (robot card {name!r})", missing, known)
        self.arm_joints = [joints[j] for j in card.arm_joints]
        self.fingers = (joints[card.finger_joints[0]], joints[card.finger_joints[1]])
        self.all_joints = [*self.arm_joints, *self.fingers]
        self.hand = links[card.hand_link]
        self.max_width = card.max_width
        self._tcp = card.tcp[2]
        self._low = list(card.workspace.lower)
        self._high = list(card.workspace.upper)
        self._forces = [*card.force, card.finger_force, card.finger_force]
        self._speeds = [*card.velocity, card.finger_velocity, card.finger_velocity]
        rest = [i for i in range(-1, p.getNumJoints(self.body, client)) if i not in self.fingers]
        set_dynamics(self.body, rest, LINK_FRICTION, client)
        set_dynamics(self.body, self.fingers, card.finger_friction, client)
        self._enable_friction_anchors()
        self._gear(card.gear_force)
        self.target = [0.0, 0.0, 0.0, 0.0]
        """x, y, z (m) and yaw (rad) the gripper is sent to."""
        self.motors: list[float] = [0.0] * 9
        self._q: tuple[float, ...] = ()

    def _enable_friction_anchors(self) -> None:
        """Let the fingers' friction correct positions too: without it what they hold creeps, as a bead does."""
        for finger in self.fingers:
            p.changeDynamics(self.body, finger, frictionAnchor=1, physicsClientId=self.client)

    def _gear(self, force: float) -> None:
        """Gear the fingers together, so that what they hold stays midway between them.

        Two motors at their full force have no stiffness together: without a gear what is held floats.

        Args:
            force: N that the gear bears at most.
        """
        one, two = self.fingers
        gear = p.createConstraint(
            self.body,
            one,
            self.body,
            two,
            jointType=p.JOINT_GEAR,
            jointAxis=[0, 1, 0],
            parentFramePosition=[0, 0, 0],
            childFramePosition=[0, 0, 0],
            physicsClientId=self.client,
        )
        # Both joints open for positive values; PyBullet's gear of ratio -1 keeps them equal.
        p.changeConstraint(gear, gearRatio=-1, erp=_GEAR_ERP, maxForce=force, physicsClientId=self.client)

    def teleport(self, position: Sequence[float], yaw: float, width: float) -> None:
        """Put the gripper at a pose with the fingers at a width, at rest, with motors holding it.

        A pose out of reach becomes the nearest one within reach.

        Args:
            position: (3,), m, world, of the point midway between the fingertips.
            yaw: rad.
            width: m between the fingers; clipped to what they can.
        """
        (x, y, z), yaw = self.kinematics.reachable(position, yaw)
        q = self.kinematics.solve((x, y, z), yaw)
        half = min(max(width, 0.0), self.max_width) / 2
        self.target = [x, y, z, yaw]
        values = [*q, half, half]
        for joint, value in zip(self.all_joints, values, strict=True):
            p.resetJointState(self.body, joint, value, 0.0, physicsClientId=self.client)
        self._drive(values)
        self.refresh()

    def close_on(self, width: float) -> None:
        """Put the fingers around something of that width (m) and close them on it."""
        for joint in self.fingers:
            p.resetJointState(self.body, joint, width / 2, 0.0, physicsClientId=self.client)
        self._drive([*self.motors[:7], 0.0, 0.0])
        self.refresh()

    def command(self, action: Sequence[float] | npt.NDArray[np.floating[Any]], table: float) -> None:
        """Move the target by an action and drive the motors there.

        Args:
            action: dx, dy, dz, dyaw, grip in [-1, 1]; what lies outside is clipped.
            table: m, z of the table's surface, the lower bound of the workspace.
        """
        settings = self.settings
        dx, dy, dz, turn, grip = (-1.0 if a < -1.0 else (1.0 if a > 1.0 else float(a)) for a in action)
        here = self._position
        low, high, leash, step = self._low, self._high, settings.leash, settings.max_step
        target = self.target
        floors = (low[0], low[1], table + low[2])
        tops = (high[0], high[1], table + high[2])
        for i, d in enumerate((dx, dy, dz)):
            value = min(max(target[i], here[i] - leash), here[i] + leash) + d * step
            target[i] = min(max(value, floors[i]), tops[i])
        lead = (target[3] - self._yaw() + math.pi) % (2 * math.pi) - math.pi
        lead -= min(max(lead, -settings.leash_turn), settings.leash_turn)
        (target[0], target[1], target[2]), target[3] = self.kinematics.reachable(
            target[:3], target[3] - lead + turn * settings.max_turn
        )
        q = self.kinematics.solve(target[:3], target[3])
        half = (grip + 1.0) * 0.25 * self.max_width
        self._drive([*q, half, half])

    def contact_force(self) -> tuple[tuple[float, float, float], float]:
        """Return the sum of the contact forces on the robot in the last physics step (N, world), and the hardest touch.

        What the fingers squeeze presses back on both alike, so a grip adds nothing to the sum. The second number is the
        greatest normal force of a single contact, N.
        """
        x = y = z = most = 0.0
        for contact in p.getContactPoints(bodyA=self.body, physicsClientId=self.client):
            (nx, ny, nz), normal = contact[7], contact[9]
            (ux, uy, uz), along = contact[11], contact[10]
            (vx, vy, vz), across = contact[13], contact[12]
            x += normal * nx + along * ux + across * vx
            y += normal * ny + along * uy + across * vy
            z += normal * nz + along * uz + across * vz
            if normal > most:
                most = normal
        return (x, y, z), most

    def give_way(self, force: Sequence[float]) -> None:
        """Take back what the target is ahead of the gripper against a force (3 numbers, world, not all 0)."""
        self.refresh()
        size = math.sqrt(added(f * f for f in force))
        push = [f / size for f in force]
        ahead = added((t - h) * d for t, h, d in zip(self.target, self._position, push, strict=False))
        if ahead < 0.0:
            for i, d in enumerate(push):
                self.target[i] -= ahead * d
            self._drive([*self.kinematics.solve(self.target[:3], self.target[3]), *self.motors[7:]])

    def _drive(self, values: list[float]) -> None:
        self.motors = values
        for joint, value, force, speed in zip(self.all_joints, values, self._forces, self._speeds, strict=True):
            p.setJointMotorControl2(
                self.body,
                joint,
                p.POSITION_CONTROL,
                targetPosition=value,
                force=force,
                maxVelocity=speed,
                physicsClientId=self.client,
            )

    def refresh(self) -> None:
        """Read the joints and the hand; to be called after every change, by physics or by hand."""
        states = p.getJointStates(self.body, self.all_joints, self.client)
        self._q = tuple(s[0] for s in states[:7])
        self._width = states[7][0] + states[8][0]
        hand = p.getLinkState(self.body, self.hand, 1, 1, self.client)
        (x, y, z), (qx, qy, qz, qw) = hand[4], hand[5]
        d = self._tcp
        # The hand's z axis in the world; the gripper's centre lies `tcp` along it.
        ax = 2 * (qx * qz + qw * qy)
        ay = 2 * (qy * qz - qw * qx)
        az = 1 - 2 * (qx * qx + qy * qy)
        self._position: tuple[float, ...] = (x + d * ax, y + d * ay, z + d * az)
        self._quaternion: tuple[float, ...] = hand[5]
        vx, vy, vz = hand[6]
        wx, wy, wz = hand[7]
        # hand[6] is the velocity of the centre of mass; the arm to the gripper's centre goes from there.
        cx, cy, cz = (a - b for a, b in zip(self._position, hand[0], strict=True))
        self._velocity = (
            vx + wy * cz - wz * cy,
            vy + wz * cx - wx * cz,
            vz + wx * cy - wy * cx,
        )

    def _yaw(self) -> float:
        """Return the hand's yaw (rad, world) as of the last refresh."""
        x, y, z, w = self._quaternion
        # The hand points down: its x axis is that of the gripper turned about the vertical.
        return math.atan2(2 * (x * y + z * w), 1 - 2 * (y * y + z * z))

    def pose(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Return position (m, world) and quaternion (xyzw) of the point midway between the fingertips."""
        self.refresh()
        return self._position, self._quaternion

    def columns(self) -> list[float]:
        """Return the columns of ROBOT_FIELDS from gripper_position to joints, as of the last refresh."""
        return [*self._position, *self._quaternion, self._width, *self._velocity, *self._q]
