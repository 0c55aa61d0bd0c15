"""Inverse kinematics of any arm of turning joints: damped least squares within the joints' limits.

Where a posture near by is given the search goes on from it, so that a small step of the gripper is a small step of the
joints. Without one it begins at the card's posture of rest, turned towards the place, and then at a fixed list of
others: the same pose gives the same posture. Of more than six joints those that help least at rest are held still.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from tabletop.errors import TabletopError
from tabletop.sim.robot_card import RobotCard
from tabletop.sim.robot_model import Chain

__all__ = ["ChainKinematics", "Solved", "Wrist", "down", "posture_for", "turn_between"]

Array = npt.NDArray[np.float64]
Point = tuple[float, float, float]

_ARM: Final = 0.25
"""m that a rad counts for: errors of place and of turn are weighed against each other."""
_EXACT: Final = 1e-7
"""m, or rad, that a solution may be off."""
_NEAR_STEPS: Final = 12
_FAR_STEPS: Final = 60
"""Iterations at most from a posture near by, and from elsewhere."""
_LONGEST: Final = 0.4
"""rad that a joint turns in an iteration at most."""
_STARTS: Final = 16
"""Postures from which the search begins, beside those of rest."""
_HALVINGS: Final = 5


class Solved(NamedTuple):
    """The pose that is reached, and the posture of the arm there."""

    position: Point
    """m, world."""
    yaw: float
    """rad about world z."""
    q: list[float]


class Wrist(NamedTuple):
    """How an arm's last joint turns the gripper, pointing down."""

    middle: float
    """rad of the gripper's yaw less the bearing of its place from `root`, where the joint is in its middle."""
    turns: float
    """rad to either side."""
    root: tuple[float, float]
    """m, world: where the arm's first joint stands."""


def down(yaw: float) -> Array:
    """Return the rotation (3, 3) of a tool that points straight down, its x axis turned by yaw (rad) from world x."""
    c, s = math.cos(yaw), math.sin(yaw)
    return np.array([[c, s, 0.0], [s, -c, 0.0], [0.0, 0.0, -1.0]])


def turn_between(one: Array, two: Array) -> Array:
    """Return the rotation vector (3,), rad, world, that turns one rotation (3, 3) into another."""
    r = two @ one.T
    v = np.array([r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1]])
    sine, cosine = math.sqrt(float(v @ v)) / 2, (r[0, 0] + r[1, 1] + r[2, 2] - 1) / 2
    if sine > 1e-6:
        return np.asarray(v * (math.atan2(sine, cosine) / (2 * sine)))
    if cosine > 0:
        return np.asarray(v / 2)
    axis = np.sqrt(np.maximum((np.diag(r) + 1) / 2, 0.0))
    i = int(np.argmax(axis))
    axis = np.where(np.arange(3) == i, axis, r[i] / (2 * axis[i]))
    return np.asarray(math.pi * axis / np.linalg.norm(axis))


class ChainKinematics:
    """Forward and inverse kinematics of one robot card by its chain of joints, in the world's frame."""

    def __init__(self, card: RobotCard, chain: Chain) -> None:
        """Prepare.

        Args:
            card: limits, and the posture of rest.
            chain: of the card's joints.

        Raises:
            TabletopError: at rest the gripper does not point down.
        """
        self._prepare(chain, np.array(card.lower), np.array(card.upper))
        self._home = np.array(card.home)
        position, rotation = self.forward(card.home)
        if rotation[2, 2] > -0.98:
            tilt = math.degrees(math.acos(-float(rotation[2, 2])))
            raise TabletopError(
                f"robot card {card.name!r}: at home the gripper must point down, it is {tilt:.0f} deg off"
            )
        self._free = self._useful()
        self._home_pose = (_point(position), math.atan2(rotation[1, 0], rotation[0, 0]))
        self._starts = np.random.default_rng(0).uniform(self._lower, self._upper, (_STARTS, self._count))
        solved = self._search(position, down(self._home_pose[1]), self._home, _FAR_STEPS, yaw=True)
        if solved is None:
            raise TabletopError(f"robot card {card.name!r}: the gripper cannot point straight down near home")
        self._home = solved

    def _prepare(self, chain: Chain, lower: Array, upper: Array) -> None:
        self._before, self._tool = chain.before, chain.tool
        self._lower, self._upper, self._count = lower, upper, len(lower)
        self._free = np.ones(self._count, dtype=bool)
        self._eye = np.eye(min(self._count, 6))

    def _useful(self) -> npt.NDArray[np.bool_]:
        """Return which joints move: six of them, those that reach every way best at rest."""
        if self._count <= 6:
            return np.ones(self._count, dtype=bool)
        _, _, jacobian = self._look(self._home)
        best: tuple[int, ...] = ()
        most = -1.0
        for six in combinations(range(self._count), 6):
            least = float(np.linalg.svd(jacobian[:, six], compute_uv=False)[-1])
            # Joints whose rest is the middle of their range are as good to hold; the first found stays.
            if least > most + 1e-9:
                best, most = six, least
        out = np.zeros(self._count, dtype=bool)
        out[list(best)] = True
        return out

    @property
    def wrist(self) -> Wrist:
        """Where the wrist is in its middle, and how far it turns from there."""
        (x, y, _), yaw = self._home_pose
        root_x, root_y, _ = self._before[0][:3, 3].tolist()
        middle = float(self._lower[-1] + self._upper[-1]) / 2
        # The last joint turns about the tool's z, or against it; the tool points down.
        axis = self._look(self._home)[2][5, -1] / _ARM
        offset = yaw - math.atan2(y - root_y, x - root_x) + math.copysign(1.0, axis) * (middle - float(self._home[-1]))
        turns = float(self._upper[-1] - self._lower[-1]) / 2
        return Wrist(math.remainder(offset, 2 * math.pi), turns, (root_x, root_y))

    def forward(self, q: Sequence[float] | Array) -> tuple[Array, Array]:
        """Return position (3,), m, and rotation (3, 3) of the tool, world, for any joint angles (rad)."""
        frames = self._frames(np.asarray(q, dtype=np.float64))
        out = frames[-1]
        for frame in frames[-2::-1]:
            out = frame @ out
        out = out @ self._tool
        return out[:3, 3], out[:3, :3]

    def _frames(self, q: Array) -> Array:
        c, s = np.cos(q), np.sin(q)
        out = self._before.copy()
        x, y = self._before[:, :, 0], self._before[:, :, 1]
        out[:, :, 0] = c[:, None] * x + s[:, None] * y
        out[:, :, 1] = c[:, None] * y - s[:, None] * x
        return out

    def _look(self, q: Array) -> tuple[Array, Array, Array]:
        """Return position, rotation and weighted Jacobian (6, n) of the tool."""
        frames = self._frames(q)
        for i in range(1, self._count):
            frames[i] = frames[i - 1] @ frames[i]
        tool = frames[-1] @ self._tool
        axes, arms = frames[:, :3, 2], tool[:3, 3] - frames[:, :3, 3]
        jacobian = np.empty((6, self._count))
        ax, ay, az = axes[:, 0], axes[:, 1], axes[:, 2]
        rx, ry, rz = arms[:, 0], arms[:, 1], arms[:, 2]
        jacobian[0], jacobian[1], jacobian[2] = ay * rz - az * ry, az * rx - ax * rz, ax * ry - ay * rx
        jacobian[3:] = _ARM * axes.T
        return tool[:3, 3], tool[:3, :3], jacobian

    def _search(self, position: Array, rotation: Array, start: Array, most: int, *, yaw: bool) -> Array | None:
        """Return a posture that brings the tool to a pose, from one that is given; None where none is found.

        Args:
            position: (3,), m, world.
            rotation: (3, 3), world.
            start: (n,), rad.
            most: iterations.
            yaw: False: the tool may turn about its own axis.
        """
        q, best, waited = start.copy(), math.inf, 0
        patience = min(6, most // 4)
        for _ in range(most):
            at, turn, jacobian = self._look(q)
            error = np.empty(6)
            error[:3], error[3:] = position - at, _ARM * turn_between(turn, rotation)
            if not yaw:
                axis = rotation[:, 2]
                error[3:] -= axis * float(axis @ error[3:])
                jacobian[3:] -= np.outer(axis, axis @ jacobian[3:])
            size = math.sqrt(float(error @ error))
            if size < _EXACT:
                return q
            if size < 0.8 * best:
                best, waited = size, 0
            else:
                waited += 1
                if waited > patience:
                    return None
            step = self._step(q, jacobian, error, size)
            longest = float(np.abs(step).max())
            if longest > _LONGEST:
                step *= _LONGEST / longest
            q = np.minimum(np.maximum(q + step, self._lower), self._upper)
        return None

    def _step(self, q: Array, jacobian: Array, error: Array, size: float) -> Array:
        """Return how far each joint turns next, (n,), rad; what is at its limit does not turn beyond."""
        free = self._free.copy()
        damping = 1e-10 + 0.01 * min(size, 0.5) ** 2
        for _ in range(3):
            used = jacobian * free
            if self._count < 6:
                # Not every error can be made good: those that can.
                step = np.linalg.solve(used.T @ used + damping * self._eye, used.T @ error)
            else:
                step = used.T @ np.linalg.solve(used @ used.T + damping * self._eye, error)
            beyond = ((q <= self._lower) & (step < 0)) | ((q >= self._upper) & (step > 0))
            if not (beyond & free).any():
                break
            free &= ~beyond
        return np.asarray(step)

    def _begins(self, position: Array, yaw: float) -> Iterator[Array]:
        """Yield postures to begin a search at: that of rest turned towards the place, that of rest, then others."""
        (x, y, _), home_yaw = self._home_pose
        root = self._before[0][:3, 3]
        toward = math.atan2(position[1] - root[1], position[0] - root[0]) - math.atan2(y - root[1], x - root[0])
        turned = self._home.copy()
        upright = float(self._before[0][2, 2])
        if abs(upright) > 0.9:
            turned[0] += math.copysign(1.0, upright) * math.remainder(toward, 2 * math.pi)
            sign = math.copysign(1.0, self._look(self._home)[2][5, -1])
            turned[-1] += sign * (yaw - home_yaw - math.remainder(toward, 2 * math.pi))
            yield np.minimum(np.maximum(turned, self._lower), self._upper)
        yield self._home
        yield from self._starts

    def solve_pose(
        self,
        position: Array,
        rotation: Array,
        near: Sequence[float] | Array | None = None,
        *,
        leaning: bool = False,
    ) -> Array | None:
        """Return a posture (n,), rad, for a whole pose; None where none is found.

        Args:
            position: (3,), m, world.
            rotation: (3, 3) of the tool, world.
            near: a posture that the new one is to be near to; without one the search begins at rest.
            leaning: joints that are held still may move where the others do not get there.
        """
        if near is not None:
            found = self._search(position, rotation, np.asarray(near), _NEAR_STEPS, yaw=True)
            if found is None and leaning and not self._free.all():
                free, self._free = self._free, np.ones(self._count, dtype=bool)
                found = self._search(position, rotation, np.asarray(near), _NEAR_STEPS, yaw=True)
                self._free = free
            return found
        yaw = math.atan2(rotation[1, 0], rotation[0, 0])
        for start in self._begins(position, yaw):
            found = self._search(position, rotation, start, _FAR_STEPS, yaw=True)
            if found is not None:
                return found
        if leaning and not self._free.all():
            free, self._free = self._free, np.ones(self._count, dtype=bool)
            found = self.solve_pose(position, rotation)
            self._free = free
            return found
        return None

    def _down(self, position: Array, yaw: float, near: Array | None) -> Array | None:
        found = self.solve_pose(position, down(yaw), near)
        if found is None and self._count == 5:
            for start in self._begins(position, yaw) if near is None else (near,):
                found = self._search(position, down(yaw), start, _FAR_STEPS, yaw=False)
                if found is not None:
                    break
        return found

    def reach(self, position: Sequence[float], yaw: float, near: Sequence[float] | None = None) -> Solved:
        """Return the pose nearest to a wanted one that the arm reaches with the gripper straight down, and its posture.

        Args:
            position: of the point between the fingertips, m, world.
            yaw: rad about +z; at 0 the fingers open along y.
            near: a posture, rad, that the new one is to be near to.
        """
        wanted = np.array(position, dtype=np.float64)
        start = None if near is None else np.asarray(near)
        found = self._down(wanted, yaw, start)
        if found is not None:
            return self._solved(wanted, yaw, found)
        return self._nearest(wanted, yaw, start)

    def _nearest(self, wanted: Array, yaw: float, near: Array | None) -> Solved:
        """Return what is reached on the way from a pose that is known towards one that is not."""
        q = self._home if near is None else near
        at, rotation = self.forward(q)
        own = math.atan2(rotation[1, 0], rotation[0, 0])
        own = yaw + math.remainder(own - yaw, 2 * math.pi)
        if near is not None and rotation[2, 2] > -0.999:
            own = yaw
        # As far out or in as it gets at the same height and bearing, as it would slide along what bounds it.
        root = self._before[0][:3, 3]
        way = wanted[:2] - root[:2]
        radius, known = float(np.linalg.norm(way)), float(np.linalg.norm(at[:2] - root[:2]))
        around = np.array([*(root[:2] + way * (known / max(radius, 1e-9))), wanted[2]])
        for anchor, turn in ((wanted, own), (around, yaw), (around, own), (at, own)):
            found = self._down(anchor, turn, near)
            if found is not None:
                break
        else:
            return self._solved(at, own, q)
        low, high, start = anchor, wanted, turn
        if anchor is wanted:
            low = high = wanted
        for _ in range(_HALVINGS):
            middle, between = (low + high) / 2, (start + yaw) / 2
            better = self._down(middle, between, found)
            if better is None:
                high, yaw = middle, between
            else:
                low, start, found = middle, between, better
        return self._solved(low, start, found)

    def _solved(self, position: Array, yaw: float, q: Array) -> Solved:
        if self._count == 5:
            rotation = self.forward(q)[1]
            yaw += math.remainder(math.atan2(rotation[1, 0], rotation[0, 0]) - yaw, 2 * math.pi)
        return Solved(_point(position), yaw, q.tolist())

    def reachable(self, position: Sequence[float], yaw: float) -> tuple[Point, float]:
        """Return the pose nearest to a wanted one that `solve` reaches; arguments as in `reach`."""
        return self.reach(position, yaw)[:2]

    def solve(self, position: Sequence[float], yaw: float, near: Sequence[float] | None = None) -> list[float]:
        """Return the joint angles (rad, within the limits) that bring the gripper to a pose, or as near as it gets."""
        return self.reach(position, yaw, near).q


def posture_for(
    chain: Chain, lower: Array, upper: Array, pose: tuple[Array, Array], start: Array, held: Sequence[int] = ()
) -> tuple[Array, float, float] | None:
    """Return a posture for a pose, of an arm of which nothing else is known; None where none is found.

    Args:
        chain: of the joints.
        lower: (n,), rad.
        upper: (n,), rad.
        pose: position (3,), m, world, and rotation (3, 3) of the tool.
        start: (n,), rad, to begin at.
        held: joints that stay there.

    Returns:
        (n,), rad; how far it is from a singular posture (the least singular value of the Jacobian, a rad counted as
        25 cm); and the mean height, m, of all joints but the first.
    """
    arm = ChainKinematics.__new__(ChainKinematics)
    arm._prepare(chain, lower, upper)
    arm._free[list(held)] = False
    q = arm._search(*pose, start, _FAR_STEPS, yaw=True)
    if q is None:
        return None
    jacobian = arm._look(q)[2][:, arm._free]
    frames = arm._frames(q)
    for i in range(1, arm._count):
        frames[i] = frames[i - 1] @ frames[i]
    least = float(np.linalg.svd(jacobian, compute_uv=False)[-1])
    return q, least, float(frames[1:, 2, 3].mean())


def _point(position: Array) -> Point:
    x, y, z = position.tolist()
    return x, y, z
