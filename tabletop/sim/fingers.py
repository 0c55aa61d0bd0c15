"""The two fingers of a robot: how far apart they are for each position of the joints that drive them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np

from tabletop.errors import TabletopError
from tabletop.projects import kept
from tabletop.sim.bullet import connect, p
from tabletop.sim.robot_card import RobotCard, load_robot_card
from tabletop.sim.robot_model import load_body, model_of

__all__ = ["Fingers", "Linkage", "fingers_of"]

_STIFF: Final = 0.7
"""Share of its distance that a joint of a linkage makes good in a physics step: more makes it shake."""
_SAMPLES: Final = 33
_SLACK: Final = 2e-3
"""m by which the width of sliding fingers may be more than their joints', as drafts measure it between shapes."""
_FAR: Final = 1.0
"""m between the fingers that are looked for at most."""


class Fingers:
    """What the driven joints of a gripper do to the width between its fingers; of all grippers of one card."""

    def __init__(self, card: RobotCard, widths: Sequence[float] = ()) -> None:
        """Prepare.

        Args:
            card: of the robot.
            widths: m between the fingers from closed to open, at equal steps of the driven joints; () where the
                joints slide, and their positions add up to the width.
        """
        self._closed = card.finger_closed
        half = card.max_width / 2
        self._way = tuple(b - a for a, b in zip(self._closed, card.finger_open or (half, half), strict=True))
        self._widths = [float(w) for w in widths]
        self._shares = [float(s) for s in np.linspace(0.0, 1.0, len(widths))]
        self.followers = tuple((card.finger_joints.index(f.joint), f.ratio, f.offset) for f in card.followers.values())
        """Of each of the other joints: which driven joint it goes with, at which ratio, and its offset."""

    def drivers(self, width: float) -> tuple[float, float]:
        """Return the positions of the driven joints at a width, m."""
        if not self._widths:
            return width / 2, width / 2
        share = float(np.interp(width, self._widths, self._shares))
        one, two = (a + share * way for a, way in zip(self._closed, self._way, strict=True))
        return one, two

    def width(self, left: float, right: float) -> float:
        """Return the width, m, at positions of the driven joints."""
        if not self._widths:
            return left + right
        (a, b), (one, two) = self._closed, self._way
        share = ((left - a) / one + (right - b) / two) / 2
        return float(np.interp(share, self._shares, self._widths))

    def follow(self, left: float, right: float) -> list[float]:
        """Return the positions of the other joints, in the card's order."""
        return [ratio * (left, right)[i] + offset for i, ratio, offset in self.followers]

    @property
    def is_linked(self) -> bool:
        """Whether the joints turn, or others go with them: then `Linkage` keeps them together, and no gear."""
        return bool(self._widths)

    def mirrored(self, left: float) -> float:
        """Return where the right driven joint belongs, for a position of the left one."""
        (a, b), (one, two) = self._closed, self._way
        return b + (left - a) * (two / one)


class Linkage:
    """Keeps the joints of a gripper together, physics step by physics step.

    The left driven joint has its motor. The right one mirrors it, and the others go with theirs: by motors that are
    told anew where they belong. PyBullet's gears give way where what is held is light.
    """

    def __init__(self, fingers: Fingers, body: int, joints: Sequence[int], force: float, client: int) -> None:
        """Prepare.

        Args:
            fingers: of the robot.
            body: PyBullet's number of the robot.
            joints: numbers of the left driven joint, the right one, and the others in the card's order.
            force: N (Nm) that each motor but the left driven joint's has.
            client: PyBullet's client.
        """
        self._fingers, self._body, self._client = fingers, body, client
        self._drivers, self._slaves = list(joints[:2]), list(joints[1:])
        count = len(self._slaves)
        self._forces, self._gains = [force] * count, [_STIFF] * count

    def step(self) -> None:
        """Send the joints where they belong; to be called before each physics step."""
        (left, *_), (right, *_) = p.getJointStates(self._body, self._drivers, self._client)
        p.setJointMotorControlArray(
            self._body,
            self._slaves,
            p.POSITION_CONTROL,
            targetPositions=[self._fingers.mirrored(left), *self._fingers.follow(left, right)],
            forces=self._forces,
            positionGains=self._gains,
            physicsClientId=self._client,
        )


@kept
def fingers_of(name: str) -> Fingers:
    """Return the fingers of a robot; where their joints turn, the width is measured between the links' shapes.

    Raises:
        TabletopError: they do not open, or less than the card's max_width; or they turn, and it has no finger_open.
    """
    card = load_robot_card(name)
    if card.finger_open is None and not card.followers and card.finger_closed == (0.0, 0.0):
        _check_sliding(name, card)
        return Fingers(card)
    made = Fingers(card, [0.0, 1.0])
    if any(abs(way) < 1e-6 for way in made._way):
        raise TabletopError(f"robot card {name!r}: finger_open must differ from finger_closed")
    widths = _measured(name, card, made)
    if widths[-1] - widths[0] <= 0 or any(b < a for a, b in pairwise(widths)):
        raise TabletopError(f"robot card {name!r}: the fingers must come apart from finger_closed to finger_open")
    if widths[-1] < card.max_width - 1e-3:
        raise TabletopError(
            f"robot card {name!r}: max_width is {card.max_width:g} m, but at finger_open the fingers are "
            f"{widths[-1]:.4f} m apart"
        )
    return Fingers(card, widths)


def _check_sliding(name: str, card: RobotCard) -> None:
    """Check that joints whose positions add up to the width can do so."""
    model, half = model_of(name), card.max_width / 2
    for joint in card.finger_joints:
        number = model.joints[joint]
        if number not in model.sliding:
            raise TabletopError(f"robot card {name!r}: finger_open is missing, and {joint!r} does not slide")
        low, high = model.ranges[number]
        if low <= high and not (low <= _SLACK and half <= high + _SLACK):
            raise TabletopError(
                f"robot card {name!r}: max_width is {card.max_width:g} m, half of it each, but {joint!r} slides from "
                f"{low:g} to {high:g} m; lower max_width, or say finger_open"
            )


def _measured(name: str, card: RobotCard, made: Fingers) -> list[float]:
    """Return the widths, m, from closed to open, between the shapes of finger_links."""
    model, client = model_of(name), connect()
    try:
        body = load_body(name, client)
        drivers = [model.joints[j] for j in card.finger_joints]
        others = [model.joints[j] for j in card.followers]
        one, two = (model.links[link] for link in card.finger_links)
        widths = []
        for share in np.linspace(0.0, 1.0, _SAMPLES):
            values = list(made.drivers(float(share)))
            values += made.follow(*values)
            for joint, value in zip([*drivers, *others], values, strict=True):
                p.resetJointState(body, joint, value, 0.0, physicsClientId=client)
            p.performCollisionDetection(client)
            points = p.getClosestPoints(body, body, _FAR, one, two, physicsClientId=client)
            if not points:
                raise TabletopError(f"robot card {name!r}: finger_links must have collision shapes")
            widths.append(max(0.0, min(point[8] for point in points)))
    finally:
        p.disconnect(client)
    # Where the fingers touch, further closing changes nothing; the table must rise to be read both ways.
    return [max(w, 1e-9 * i) for i, w in enumerate(widths)]
