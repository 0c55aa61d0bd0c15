"""A robot's URDF or SDF in PyBullet: loading it, and how its links hang together."""

from __future__ import annotations

import math
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tabletop.errors import TabletopError, unknown
from tabletop.paths import ASSETS
from tabletop.projects import kept
from tabletop.sim.bullet import connect, hushed, p
from tabletop.sim.robot_card import RobotCard, load_robot_card, robot_file

__all__ = ["Chain", "RobotModel", "chain_of", "load_body", "look_at", "matrix", "model_of"]

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class RobotModel:
    """Which joint and which link has which number. A joint has the number of the link that it moves."""

    joints: dict[str, int]
    links: dict[str, int]
    parents: tuple[int, ...]
    """Number of the link that each joint hangs on; -1 is the base."""
    ranges: tuple[tuple[float, float], ...]
    """m or rad, where each joint may be; the first above the second: anywhere."""
    sliding: frozenset[int]
    """Numbers of the joints that slide."""

    def below(self, link: int) -> tuple[int, ...]:
        """Return a link and all that hang on it, in order."""
        found = [link]
        for i, parent in enumerate(self.parents):
            if i > link and parent in found:
                found.append(i)
        return tuple(found)

    def fingers_of(self, card: RobotCard) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return the links of the left finger and of the right one: what hangs on the driven joint or the card's link.

        Raises:
            TabletopError: a link of the card moves neither with the driven joint nor with its followers.
        """
        one, two = (self._finger(card, *ends) for ends in zip(card.finger_joints, card.finger_links, strict=True))
        return one, two

    def _finger(self, card: RobotCard, driver: str, link: str) -> tuple[int, ...]:
        moved = [driver, *(name for name, follower in card.followers.items() if follower.joint == driver)]
        if not any(self.links[link] in self.below(self.joints[joint]) for joint in moved):
            raise TabletopError(
                f"robot card {card.name!r}: finger_links: {link!r} must move with {driver!r} or a follower of it"
            )
        return tuple(sorted({*self.below(self.joints[driver]), *self.below(self.links[link])}))


@dataclass(frozen=True)
class Chain:
    """The way from the world to the tool: a fixed turn and shift before each joint, which turns about its own z."""

    before: Array
    """(n, 4, 4), the first from the world's frame."""
    tool: Array
    """(4, 4), from the last joint's frame to the tool's."""


def load_body(name: str, client: int) -> int:
    """Load a robot with its base where its card says; return PyBullet's number.

    Raises:
        TabletopError: PyBullet cannot load it, or it is not one model with a fixed base.
    """
    card = load_robot_card(name)
    return _load(card, robot_file(name).parent / card.urdf, client)


def _load(card: RobotCard, path: Path, client: int) -> int:
    name = card.name
    turn = [0.0, 0.0, math.sin(card.base_yaw / 2), math.cos(card.base_yaw / 2)]
    # The package's own files give no warnings.
    quiet = nullcontext() if path.is_relative_to(ASSETS) else hushed()
    try:
        with quiet:
            if path.suffix.lower() != ".sdf":
                body: int = p.loadURDF(
                    str(path),
                    basePosition=list(card.base),
                    baseOrientation=turn,
                    useFixedBase=True,
                    flags=p.URDF_USE_INERTIA_FROM_FILE if card.inertia_from_file else 0,
                    physicsClientId=client,
                )
                return body
            bodies = p.loadSDF(str(path), physicsClientId=client)
    except p.error as error:
        raise TabletopError(f"robot card {name!r}: PyBullet cannot load {card.urdf!r}: {error}") from None
    if len(bodies) != 1:
        raise TabletopError(f"robot card {name!r}: {card.urdf!r} must hold one model, got {len(bodies)}")
    (body,) = bodies
    at, own = p.getBasePositionAndOrientation(body, client)
    at, own = p.multiplyTransforms(list(card.base), turn, at, own)
    p.resetBasePositionAndOrientation(body, at, own, physicsClientId=client)
    if p.getDynamicsInfo(body, -1, client)[0] > 0:
        # A base of no mass stands fast.
        p.changeDynamics(body, -1, mass=0.0, physicsClientId=client)
    return body


@kept
def model_of(name: str) -> RobotModel:
    """Return how the links of a robot hang together.

    Raises:
        TabletopError: it cannot be loaded, or lacks a joint or link that its card speaks of.
    """
    return _looked_at(name)[0]


@kept
def chain_of(name: str) -> Chain:
    """Return the way from the world to a robot's tool."""
    return _looked_at(name)[1]


@kept
def _looked_at(name: str) -> tuple[RobotModel, Chain]:
    card = load_robot_card(name)
    return look_at(card, robot_file(name).parent / card.urdf)


def look_at(card: RobotCard, path: Path) -> tuple[RobotModel, Chain]:
    """Return what of a robot never changes, from a client of its own.

    Args:
        card: of the robot.
        path: of its URDF or SDF.

    Raises:
        TabletopError: it cannot be loaded, or is not what the card says.
    """
    name, client = card.name, connect()
    try:
        body = _load(card, path, client)
        infos = [p.getJointInfo(body, i, client) for i in range(p.getNumJoints(body, client))]
        model = RobotModel(
            {info[1].decode(): i for i, info in enumerate(infos)},
            {info[12].decode(): i for i, info in enumerate(infos)},
            tuple(info[16] for info in infos),
            tuple((info[8], info[9]) for info in infos),
            frozenset(i for i, info in enumerate(infos) if info[2] == p.JOINT_PRISMATIC),
        )
        _check(name, card, model)
        for i in range(len(infos)):
            p.resetJointState(body, i, 0.0, 0.0, physicsClientId=client)
        states = [p.getLinkState(body, i, 1, 1, client) for i in range(len(infos))]
    finally:
        p.disconnect(client)
    at = [_frame(state[4], state[5]) for state in states]
    numbers = [model.joints[joint] for joint in card.arm_joints]
    for joint, i in zip(card.arm_joints, numbers, strict=True):
        if infos[i][2] != p.JOINT_REVOLUTE:
            raise TabletopError(f"robot card {name!r}: arm_joints must turn, {joint!r} does not")
    hand = model.links[card.hand_link]
    for one, two in zip(numbers, [*numbers[1:], hand], strict=True):
        if two not in model.below(one):
            raise TabletopError(
                f"robot card {name!r}: arm_joints must be in order from the base to hand_link; "
                f"{card.arm_joints[numbers.index(one)]!r} is followed by what does not hang on it"
            )
    # Frames of the joints, turned so that each turns about z.
    # PyBullet says axes in the frames of the links' inertias.
    axles = [_axle(at[i], matrix(states[i][1]) @ infos[i][13]) for i in numbers]
    tool = at[hand] @ _frame(card.tcp, p.getQuaternionFromEuler(card.tool_rotation))
    before = [axles[0], *(np.linalg.inv(one) @ two for one, two in pairwise(axles))]
    return model, Chain(np.array(before), np.linalg.inv(axles[-1]) @ tool)


def _check(name: str, card: RobotCard, model: RobotModel) -> None:
    for kind, known, asked in (
        ("joint", model.joints, (*card.arm_joints, *card.finger_joints, *card.followers)),
        ("link", model.links, (*card.finger_links, card.hand_link)),
    ):
        for missing in (word for word in asked if word not in known):
            raise unknown(f"{kind} (robot card {name!r})", missing, known)
    model.fingers_of(card)


def _frame(position: tuple[float, ...], quaternion: tuple[float, ...]) -> Array:
    out = np.eye(4)
    out[:3, :3], out[:3, 3] = matrix(quaternion), position
    return out


def matrix(quaternion: tuple[float, ...] | Array) -> Array:
    """Return the rotation (3, 3) of a quaternion, xyzw."""
    return np.array(p.getMatrixFromQuaternion(quaternion)).reshape(3, 3)


def _axle(link: Array, axis: Array) -> Array:
    """Return a frame (4, 4) at the origin of a link's, whose z is an axis (3,)."""
    z = axis / np.linalg.norm(axis)
    x = np.cross([0.0, 1.0, 0.0] if abs(z[1]) < 0.9 else [0.0, 0.0, 1.0], z)
    x /= np.linalg.norm(x)
    out = link.copy()
    out[:3, 0], out[:3, 1], out[:3, 2] = x, np.cross(z, x), z
    return out
