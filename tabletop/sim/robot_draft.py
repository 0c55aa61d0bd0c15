"""Finding out what a robot's card has to say, by trying its file out: which way its fingers open, where its tool is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from tabletop.errors import TabletopError
from tabletop.sim.bullet import connect, hushed, p

__all__ = ["Draft", "Gripper", "Tried"]

Array = npt.NDArray[np.float64]

_SAMPLES: Final = 81
_WIDEST: Final = 0.1
"""m that fingers open at most: farther they would hit what stands around."""
_SEEN: Final = 1.0
"""m between fingers that are looked for at most."""
_SWING: Final = 1.0
"""rad either way that a finger's joint without sensible limits is tried."""
_DEPTH: Final = 0.012
"""m from the fingertips up to the point that counts as the tool's."""
_SQUARE: Final = 0.97
"""Cosine from which a direction is taken for one of the hand's own axes."""
_FAR: Final = 2.0
_THIN: Final = 0.001
"""m from the hand to the wall that shapes are measured from, and half of how thick it is."""
_PRESS: Final = 15.0
"""N with which a finger presses."""


@dataclass(frozen=True)
class Gripper:
    """What is known of a gripper from how its links hang together."""

    hand: str
    """Link."""
    drivers: tuple[str, str]
    """Joints, one for each finger."""
    fingers: tuple[str, str]
    """Links that touch."""
    links: tuple[str, ...]
    """All that move."""
    followers: Mapping[str, tuple[str, float, float]] = field(default_factory=dict)
    """Other joints: the driven one they go with, ratio, offset."""

    def swapped(self) -> Gripper:
        """Return it with the other finger as the left one."""
        (a, b), (c, d) = self.drivers, self.fingers
        return replace(self, drivers=(b, a), fingers=(d, c))


@dataclass(frozen=True)
class Draft:
    """What was found by trying; lengths in m, angles in rad, in the frame of the hand's link."""

    closed: tuple[float, float]
    opened: tuple[float, float]
    width: float
    tcp: tuple[float, float, float]
    tool_rotation: tuple[float, float, float]
    tip: float
    palm: float
    breadth: float
    thickness: float
    half: tuple[float, float]
    force: float
    """N, or Nm where the fingers' joints turn."""
    turns: bool


class Tried:
    """A robot's file, loaded in a client of its own."""

    def __init__(self, path: Path, what: str) -> None:
        """Load it. Close it after use.

        Args:
            path: of a URDF or an SDF.
            what: it is, for messages.

        Raises:
            TabletopError: PyBullet cannot load it.
        """
        self._client, self._what = connect(), what
        c = self._client
        try:
            with hushed():
                if path.suffix.lower() == ".sdf":
                    (self._body,) = p.loadSDF(str(path), physicsClientId=c)
                else:
                    flags = p.URDF_USE_INERTIA_FROM_FILE
                    self._body = p.loadURDF(str(path), useFixedBase=True, flags=flags, physicsClientId=c)
        except (p.error, ValueError) as error:
            self.close()
            raise TabletopError(f"{what}: PyBullet cannot load it: {error}") from None
        shape = p.createCollisionShape(p.GEOM_BOX, halfExtents=[2.0, 2.0, _THIN], physicsClientId=c)
        self._wall = p.createMultiBody(0, shape, physicsClientId=c)
        infos = [p.getJointInfo(self._body, i, c) for i in range(p.getNumJoints(self._body, c))]
        self.infos = {info[1].decode(): info for info in infos}
        self._links = {info[12].decode(): info[0] for info in infos}

    def close(self) -> None:
        """Disconnect."""
        p.disconnect(self._client)

    @property
    def has_inertia(self) -> bool:
        """Whether the inertias in the file can be."""
        for i in self._links.values():
            mass, _, inertia, *_ = p.getDynamicsInfo(self._body, i, self._client)
            if mass > 0 and min(inertia) <= 0:
                return False
        return True

    def sorted(self, found: Gripper) -> Gripper:
        """Return the gripper with its fingers in the order in which the tool's frame is nearest to the hand's."""
        self._lay_down(found.hand)
        one, two = (self._middle(link) for link in found.fingers)
        apart = two - one
        if apart[int(np.argmax(np.abs(apart)))] >= 0:
            return found
        return found.swapped()

    def gripper(self, found: Gripper) -> Draft:
        """Return what trying tells of a gripper.

        Raises:
            TabletopError: its fingers have no shapes to touch with, or do not come apart.
        """
        self._lay_down(found.hand)
        closed, opened, width = self._range(found)
        at = {}
        for when, drivers in (("shut", closed), ("wide", opened)):
            self._set(found, drivers)
            at[when] = [self._middle(link) for link in found.fingers]
        # The tool points from the hand to the fingers; the left finger is on the side of -y.
        along = _squared(np.mean([*at["shut"], *at["wide"]], axis=0))
        apart = at["wide"][1] - at["wide"][0]
        across = _squared(apart - along * (along @ apart))
        aside = np.cross(across, along)
        ends = [self._span(link, along)[1] for link in found.fingers]
        self._set(found, closed)
        low = max(*ends, *(self._span(link, along)[1] for link in found.fingers))
        middle = np.mean(at["shut"], axis=0)
        point = middle + along * (low - _DEPTH - float(along @ middle))
        others = [link for link in (found.hand, *found.links) if link not in found.fingers and self._has_shape(link)]
        halves = [max((self._half(link, axis, point) for link in others), default=0.05) for axis in (across, aside)]
        palm = (low - _DEPTH) - self._span(found.hand, along)[1] if self._has_shape(found.hand) else 0.04
        spans = [self._span(found.fingers[0], axis) for axis in (aside, across)]
        turns = self.infos[found.drivers[0]][2] == p.JOINT_REVOLUTE
        lever = float(along @ (point - self._at(found.drivers[0]))) if turns else 1.0
        return Draft(
            closed,
            opened,
            width,
            _triple(point),
            _rpy(np.stack([aside, across, along], axis=1)),
            _DEPTH,
            min(max(palm, 0.02), 0.2),
            spans[0][1] - spans[0][0],
            min(spans[1][1] - spans[1][0], 0.04),
            (min(halves[0], 0.3), min(halves[1], 0.3)),
            _PRESS * max(lever, 0.02) if turns else _PRESS,
            turns,
        )

    def _lay_down(self, hand: str) -> None:
        """Put the robot so that the hand's frame is the world's: boxes are then in it."""
        c = self._client
        state = p.getLinkState(self._body, self._links[hand], 1, 1, c)
        base = p.getBasePositionAndOrientation(self._body, c)
        back = p.invertTransform(state[4], state[5])
        at, turn = p.multiplyTransforms(*back, *base)
        p.resetBasePositionAndOrientation(self._body, at, turn, physicsClientId=c)

    def _at(self, joint: str) -> Array:
        return np.array(p.getLinkState(self._body, self.infos[joint][0], 1, 1, self._client)[4])

    def _set(self, found: Gripper, drivers: Sequence[float]) -> None:
        values = dict(zip(found.drivers, drivers, strict=True))
        for name, (driver, ratio, offset) in found.followers.items():
            values[name] = ratio * values[driver] + offset
        for name, value in values.items():
            p.resetJointState(self._body, self.infos[name][0], value, 0.0, physicsClientId=self._client)
        p.performCollisionDetection(self._client)

    def _gap(self, found: Gripper, drivers: Sequence[float]) -> float:
        self._set(found, drivers)
        one, two = (self._links[link] for link in found.fingers)
        points = p.getClosestPoints(self._body, self._body, _SEEN, one, two, physicsClientId=self._client)
        if not points:
            raise TabletopError(f"{self._what}: its fingers {found.fingers} must have collision shapes")
        return min(float(point[8]) for point in points)

    def _range(self, found: Gripper) -> tuple[tuple[float, float], tuple[float, float], float]:
        """Return the driven joints' positions closed and open, and the width, m, between the fingers when open."""
        limits = [self._limits(joint) for joint in found.drivers]
        start = [min(max(0.0, low), high) for low, high in limits]
        signs = []
        for i, (low, high) in enumerate(limits):
            step = 0.05 * (high - low)
            moved = list(start)
            moved[i] += step if start[i] + step <= high else -step
            more = self._gap(found, moved) > self._gap(found, start)
            signs.append(1.0 if more == (moved[i] > start[i]) else -1.0)
        # Both go the same way from where each is most closed.
        shut = [low if sign > 0 else high for sign, (low, high) in zip(signs, limits, strict=True)]
        most = min(high - low for low, high in limits)
        ways = np.linspace(0.0, most, _SAMPLES)

        def at(way: float) -> tuple[float, float]:
            return shut[0] + signs[0] * way, shut[1] + signs[1] * way

        gaps = np.array([self._gap(found, at(float(way))) for way in ways])
        first = int(np.flatnonzero(gaps <= max(1e-3, float(gaps.min()) + 1e-4))[-1])
        if self.infos[found.drivers[0]][2] == p.JOINT_PRISMATIC:
            first = 0
        last = first + int(np.argmax(np.minimum(gaps[first:], _WIDEST)))
        rising = np.diff(gaps[first : last + 1]) > -1e-5
        if not rising.all():
            last = first + int(np.argmin(rising))
        width = math.floor(1000 * min(float(gaps[last]), _WIDEST)) / 1000
        if width < 0.005:
            raise TabletopError(f"{self._what}: its fingers {found.fingers} do not come apart")
        return _pair(at(float(ways[first]))), _pair(at(float(ways[last]))), width

    def _limits(self, joint: str) -> tuple[float, float]:
        low, high = self.infos[joint][8:10]
        if not low < high or high - low > 2 * math.pi:
            return -_SWING, _SWING
        return low, high

    def _has_shape(self, link: str) -> bool:
        return bool(p.getCollisionShapeData(self._body, self._links[link], self._client))

    def _span(self, link: str, axis: Array) -> tuple[float, float]:
        """Return how far a link's shape reaches along an axis (3,), unit, from the hand's origin, both ways; m."""
        # PyBullet's boxes around shapes are too large where a link is turned: distances to a wall are exact.
        return -self._reach(link, -axis), self._reach(link, axis)

    def _reach(self, link: str, axis: Array) -> float:
        c = self._client
        p.resetBasePositionAndOrientation(self._wall, (axis * _FAR).tolist(), _turn_to(axis), physicsClientId=c)
        points = p.getClosestPoints(self._body, self._wall, 2 * _FAR, self._links[link], -1, physicsClientId=c)
        if not points:
            raise TabletopError(f"{self._what}: link {link!r} must have a collision shape")
        return _FAR - _THIN - min(float(point[8]) for point in points)

    def _middle(self, link: str) -> Array:
        return np.array([sum(self._span(link, axis)) / 2 for axis in np.eye(3)])

    def _half(self, link: str, axis: Array, point: Array) -> float:
        low, high = self._span(link, axis)
        here = float(axis @ point)
        return max(abs(low - here), abs(high - here))


def _turn_to(axis: Array) -> tuple[float, ...]:
    """Return a quaternion that turns z to an axis."""
    x, y, z = axis.tolist()
    if z < -0.999999:
        return 1.0, 0.0, 0.0, 0.0
    w = 1.0 + z
    n = math.sqrt(x * x + y * y + w * w)
    return -y / n, x / n, 0.0, w / n


def _squared(vector: Array) -> Array:
    """Return a unit vector; near to one of the axes it becomes that."""
    unit = vector / max(float(np.linalg.norm(vector)), 1e-9)
    i = int(np.argmax(np.abs(unit)))
    return np.asarray(np.eye(3)[i] * np.sign(unit[i]) if abs(unit[i]) > _SQUARE else unit)


def _triple(vector: Array) -> tuple[float, float, float]:
    x, y, z = (round(float(v), 4) + 0.0 for v in vector)
    return x, y, z


def _pair(values: Sequence[float]) -> tuple[float, float]:
    one, two = (round(float(v), 4) + 0.0 for v in values)
    return one, two


def _rpy(rotation: Array) -> tuple[float, float, float]:
    """Return roll, pitch and yaw of a rotation (3, 3), as PyBullet and URDF mean them."""
    pitch = math.asin(min(1.0, max(-1.0, -float(rotation[2, 0]))))
    if abs(rotation[2, 0]) > 0.9999:
        roll, yaw = 0.0, math.atan2(-rotation[0, 1], rotation[1, 1])
    else:
        roll, yaw = math.atan2(rotation[2, 1], rotation[2, 2]), math.atan2(rotation[1, 0], rotation[0, 0])
    out = (roll + 0.0, pitch + 0.0, yaw + 0.0)
    return out
