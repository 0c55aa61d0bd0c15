"""Where the moving part of a fixture is, by its card and its joint's fraction."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from tabletop.sim.card_parts import Joint, number
from tabletop.sim.sums import added

__all__ = ["corners", "handle_way", "hinge", "moving_point", "travel"]

_STEPS = 8
_ON_AXIS = 1e-3
"""m from a joint's axis within which a handle counts as lying on it."""


def _names(size: Sequence[float]) -> dict[str, float]:
    return dict(zip(("w", "d", "h"), size, strict=True))


def hinge(joint: Joint, size: Sequence[float]) -> tuple[float, ...]:
    """Return the point on the joint's axis (3,), m, in the frame of the moving part."""
    names = _names(size)
    return tuple(h * number(e, names) / 2 for h, e in zip(joint.hinge, joint.extent, strict=True))


def travel(joint: Joint, size: Sequence[float]) -> float:
    """Return how far a joint goes from fraction 0 to 1, m or rad.

    Args:
        joint: of the fixture's card.
        size: w, d, h of the fixture, m.
    """
    return number(joint.travel, _names(size))


def moving_point(
    joint: Joint, size: Sequence[float], fraction: float, point: Sequence[float] = (0.0, 0.0, 0.0)
) -> tuple[float, ...]:
    """Return where a point of the moving part is at a fraction; (3,), m, in the fixture's frame.

    Args:
        joint: of the fixture's card.
        size: w, d, h of the fixture, m.
        fraction: of the joint, 0 to 1.
        point: (3,), m, in the frame of the moving part; its centre without.
    """
    return _motion(joint, size)(fraction, point)


def _motion(joint: Joint, size: Sequence[float]) -> Callable[[float, Sequence[float]], tuple[float, ...]]:
    """Return the function that is `moving_point` for one fixture: its card's expressions are worked out once."""
    names = _names(size)
    origin = [number(o, names) for o in joint.origin]
    whole, axis = travel(joint, size), joint.axis

    def slide(fraction: float, point: Sequence[float]) -> tuple[float, ...]:
        way = whole * fraction
        slid = (o + way * a for o, a in zip(origin, axis, strict=True))
        return tuple(o + v for o, v in zip(slid, point, strict=True))

    if joint.type == "prismatic":
        return slide
    arm = hinge(joint, size)

    def turn(fraction: float, point: Sequence[float]) -> tuple[float, ...]:
        turned = _rotated([v - a for v, a in zip(point, arm, strict=True)], axis, whole * fraction)
        return tuple(o + a + t for o, a, t in zip(origin, arm, turned, strict=True))

    return turn


def handle_way(joint: Joint, size: Sequence[float]) -> float:
    """Return how far the handle goes from fraction 0 to 1, along its path; m.

    The handle is the point where a gripper acts (`grasp`). It slides by the travel of a prismatic joint. About a
    revolute one it goes along an arc: its distance from the axis times the travel in rad. A knob is held around its
    axis: there the handle is the rim, half of the moving part's largest extent across the axis away.

    Args:
        joint: of the fixture's card.
        size: w, d, h of the fixture, m.
    """
    names = _names(size)
    whole = abs(travel(joint, size))
    if joint.type == "prismatic":
        return whole
    grasp = [number(g, names) for g in joint.grasp]
    arm = [g - a for g, a in zip(grasp, hinge(joint, size), strict=True)]
    length = math.sqrt(added(a * a for a in joint.axis))
    along = added(v * a for v, a in zip(arm, joint.axis, strict=True)) / length
    radius = math.sqrt(max(0.0, added(v * v for v in arm) - along * along))
    if radius < _ON_AXIS:
        across = [number(e, names) for e, a in zip(joint.extent, joint.axis, strict=True) if a == 0]
        radius = max(across, default=0.0) / 2
    return whole * radius


def _rotated(vector: Sequence[float], axis: Sequence[float], angle: float) -> tuple[float, float, float]:
    """Return a vector turned about an axis (Rodrigues' formula)."""
    length = math.sqrt(added(a * a for a in axis))
    x, y, z = (a / length for a in axis)
    a, b, c = vector
    cos, sin = math.cos(angle), math.sin(angle)
    along = (x * a + y * b + z * c) * (1.0 - cos)
    return (
        a * cos + (y * c - z * b) * sin + x * along,
        b * cos + (z * a - x * c) * sin + y * along,
        c * cos + (x * b - y * a) * sin + z * along,
    )


def corners(joint: Joint, size: Sequence[float]) -> tuple[float, float, float, float]:
    """Return least x, most x, least y, most y (m, fixture's frame) of all that a fixture ever takes up."""
    names = _names(size)
    half = [number(e, names) / 2 for e in joint.extent]
    xs, ys = [-size[0] / 2, size[0] / 2], [-size[1] / 2, size[1] / 2]
    at = _motion(joint, size)
    for step in range(_STEPS + 1):
        for i in range(8):
            corner = [v if i >> k & 1 else -v for k, v in enumerate(half)]
            x, y, _ = at(step / _STEPS, corner)
            xs.append(x)
            ys.append(y)
    return min(xs), max(xs), min(ys), max(ys)
