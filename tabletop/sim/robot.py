"""The arm: its card, teleporting it, and turning actions into motor targets."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tabletop.config import SimSettings
from tabletop.projects import kept
from tabletop.sim.bodies import gear, set_dynamics
from tabletop.sim.bullet import p
from tabletop.sim.commands import Command, JointCommand, PoseCommand
from tabletop.sim.fingers import Linkage, fingers_of
from tabletop.sim.inverse_kinematics import ChainKinematics, Wrist
from tabletop.sim.kinematics import Kinematics
from tabletop.sim.robot_card import load_robot_card
from tabletop.sim.robot_model import chain_of, load_body, matrix, model_of
from tabletop.sim.rotations import quaternion_of
from tabletop.sim.sums import added

__all__ = ["LINK_FRICTION", "RobotArm", "chain_kinematics_of", "kinematics_of", "within_reach", "wrist_of"]

LINK_FRICTION: Final = 0.5
"""Friction coefficient of all links but the fingers, whose is on the card."""


@kept
def kinematics_of(name: str) -> Kinematics | ChainKinematics:
    """Return the kinematics of a robot: in closed form where its card has dh rows, else by its chain of joints.

    Raises:
        TabletopError: there is no such card, or its URDF is another arm's.
    """
    card = load_robot_card(name)
    return Kinematics(card) if card.dh else ChainKinematics(card, chain_of(name))


@kept
def chain_kinematics_of(name: str) -> ChainKinematics:
    """Return the kinematics of a robot by its chain of joints: for poses in which the gripper leans."""
    found = kinematics_of(name)
    return found if isinstance(found, ChainKinematics) else ChainKinematics(load_robot_card(name), chain_of(name))


@kept
def wrist_of(name: str) -> Wrist:
    """Return where a robot's wrist is in its middle, and how far it turns either way from there."""
    return kinematics_of(name).wrist


def within_reach(name: str, position: Sequence[float], table: float) -> bool:
    """Return whether a robot's gripper can be brought to a place.

    Args:
        name: of the robot's card.
        position: of the point midway between the fingertips, m, world.
        table: m, z of the table's surface.

    Raises:
        TabletopError: there is no such card.
    """
    card = load_robot_card(name)
    x, y, z = position
    low, high = card.workspace.lower, card.workspace.upper
    inside = all(a <= v <= b for a, v, b in zip(low, (x, y, z - table), high, strict=True))
    nearest, _ = kinematics_of(name).reachable((x, y, z), 0.0)
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
        self.kinematics = kinematics_of(name)
        model = model_of(name)
        self.body: int = load_body(name, client)
        joints = model.joints
        self.arm_joints = [joints[j] for j in card.arm_joints]
        self._count = len(self.arm_joints)
        self._gripper = fingers_of(name)
        self.fingers = (joints[card.finger_joints[0]], joints[card.finger_joints[1]])
        followers = [joints[j] for j in card.followers]
        self.all_joints = [*self.arm_joints, *self.fingers, *followers]
        self._driven = [*self.arm_joints, *self.fingers]
        self._motors = self._driven[: -1 if self._gripper.is_linked else None]
        self.finger_links = model.fingers_of(card)
        """Numbers of the links that are the left finger, and the right one."""
        self.hand = model.links[card.hand_link]
        self.max_width = card.max_width
        self._tcp = card.tcp[2]
        self._tool = None
        if card.tcp[:2] != (0.0, 0.0) or any(card.tool_rotation):
            self._tool = np.array(card.tcp), matrix(p.getQuaternionFromEuler(card.tool_rotation))
        self._low = list(card.workspace.lower)
        self._high = list(card.workspace.upper)
        self._forces = [*card.force, card.finger_force, card.finger_force]
        self._speeds = [*card.velocity, card.finger_velocity, card.finger_velocity]
        parts = {*self.finger_links[0], *self.finger_links[1], *followers}
        rest = [i for i in range(-1, p.getNumJoints(self.body, client)) if i not in parts]
        set_dynamics(self.body, rest, LINK_FRICTION, client)
        self._pads = tuple(sorted(parts)) if len(parts) > 2 else self.fingers
        set_dynamics(self.body, self._pads, card.finger_friction, client)
        self._enable_friction_anchors()
        self.linkage: Linkage | None = None
        """What keeps the fingers' joints together, physics step by physics step; None where a gear does."""
        if self._gripper.is_linked:
            joints_of = [*self.fingers, *followers]
            self.linkage = Linkage(self._gripper, self.body, joints_of, card.gear_force, client)
        else:
            # Two motors at their full force have no stiffness together: without a gear what is held floats.
            gear(self.body, *self.fingers, 1.0, card.gear_force, client)
        self.target = [0.0, 0.0, 0.0, 0.0]
        """x, y, z (m) and yaw (rad) the gripper is sent to."""
        self.motors: list[float] = [0.0] * len(self._driven)
        self._q: tuple[float, ...] = ()
        self._command: Command | None = None
        if settings.control == "pose":
            self._command = PoseCommand(settings, chain_kinematics_of(name), card.workspace)
        elif settings.control == "joint":
            self._command = JointCommand(settings, card.lower, card.upper)

    def _enable_friction_anchors(self) -> None:
        """Let the fingers' friction correct positions too: without it what they hold creeps, as a bead does."""
        for finger in self._pads:
            p.changeDynamics(self.body, finger, frictionAnchor=1, physicsClientId=self.client)

    def teleport(self, position: Sequence[float], yaw: float, width: float) -> None:
        """Put the gripper at a pose with the fingers at a width, at rest, with motors holding it.

        A pose out of reach becomes the nearest one within reach.

        Args:
            position: (3,), m, world, of the point midway between the fingertips.
            yaw: rad.
            width: m between the fingers; clipped to what they can.
        """
        (x, y, z), yaw, q = self.kinematics.reach(position, yaw)
        self.target = [x, y, z, yaw]
        if self._command is not None:
            self._command.begin((x, y, z), yaw, q)
        values = [*q, *self._opened(min(max(width, 0.0), self.max_width))]
        for joint, value in zip(self.all_joints, values, strict=True):
            p.resetJointState(self.body, joint, value, 0.0, physicsClientId=self.client)
        self._drive(values[: len(self._driven)])
        self.refresh()

    def close_on(self, width: float) -> None:
        """Put the fingers around something of that width (m) and close them on it."""
        for joint, value in zip(self.all_joints[self._count :], self._opened(width), strict=True):
            p.resetJointState(self.body, joint, value, 0.0, physicsClientId=self.client)
        self._drive([*self.motors[: self._count], *self._gripper.drivers(0.0)])
        self.refresh()

    def _opened(self, width: float) -> list[float]:
        """Return the positions of the fingers' joints, driven ones first, at a width, m."""
        left, right = self._gripper.drivers(width)
        return [left, right, *self._gripper.follow(left, right)]

    def command(self, action: Sequence[float] | npt.NDArray[np.floating[Any]], table: float) -> None:
        """Move the target by an action and drive the motors there.

        Args:
            action: dx, dy, dz, dyaw, grip in [-1, 1], or as settings.control says; what lies outside is clipped.
            table: m, z of the table's surface, the lower bound of the workspace.
        """
        settings = self.settings
        if self._command is not None:
            *moves, grip = (min(1.0, max(-1.0, float(a))) for a in action)
            q = self._command.follow(moves, table, self)
            self._drive([*q, *self._gripper.drivers((grip + 1.0) * 0.5 * self.max_width)])
            return
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
        near = self.motors[: self._count]
        (target[0], target[1], target[2]), target[3], q = self.kinematics.reach(
            target[:3], target[3] - lead + turn * settings.max_turn, near
        )
        self._drive([*q, *self._gripper.drivers((grip + 1.0) * 0.5 * self.max_width)])

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
        if self._command is not None:
            q = self._command.give_way(push, self)
            if q is not None:
                self._drive([*q, *self.motors[self._count :]])
            return
        ahead = added((t - h) * d for t, h, d in zip(self.target, self._position, push, strict=False))
        if ahead < 0.0:
            for i, d in enumerate(push):
                self.target[i] -= ahead * d
            near = self.motors[: self._count]
            self._drive([*self.kinematics.solve(self.target[:3], self.target[3], near), *self.motors[self._count :]])

    def _drive(self, values: list[float]) -> None:
        self.motors = values
        for joint, value, force, speed in zip(self._motors, values, self._forces, self._speeds, strict=False):
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
        states = p.getJointStates(self.body, self._driven, self.client)
        n = self._count
        self._q = tuple(s[0] for s in states[:n])
        self._width = self._gripper.width(states[n][0], states[n + 1][0])
        hand = p.getLinkState(self.body, self.hand, 1, 1, self.client)
        (x, y, z), (qx, qy, qz, qw) = hand[4], hand[5]
        self._position: tuple[float, ...]
        self._quaternion: tuple[float, ...]
        if self._tool is None:
            d = self._tcp
            # The hand's z axis in the world; the gripper's centre lies `tcp` along it.
            ax = 2 * (qx * qz + qw * qy)
            ay = 2 * (qy * qz - qw * qx)
            az = 1 - 2 * (qx * qx + qy * qy)
            self._position = (x + d * ax, y + d * ay, z + d * az)
            self._quaternion = hand[5]
        else:
            turn, (tcp, own) = matrix(hand[5]), self._tool
            self._position = tuple((turn @ tcp + (x, y, z)).tolist())
            self._quaternion = quaternion_of(turn @ own)
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

    @property
    def position(self) -> tuple[float, ...]:
        """The point midway between the fingertips, m, world, as of the last refresh."""
        return self._position

    @property
    def quaternion(self) -> tuple[float, ...]:
        """Of the gripper, xyzw, world, as of the last refresh."""
        return self._quaternion

    @property
    def joints(self) -> tuple[float, ...]:
        """Of the arm, rad, as of the last refresh."""
        return self._q

    def columns(self) -> list[float]:
        """Return the columns of ROBOT_FIELDS from gripper_position to joints, as of the last refresh."""
        return [*self._position, *self._quaternion, self._width, *self._velocity, *self._q]
