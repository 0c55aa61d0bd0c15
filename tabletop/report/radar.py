"""Rates on axes around a point: one closed line for each of what is compared."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tabletop.report.charts import frame, percent, px, tip, words

__all__ = ["Ring", "radar"]

_RADIUS: Final = 104.0
_WIDTH, _HEIGHT = 480.0, 290.0
_RATES: Final = (0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class Ring:
    """One closed line."""

    name: str
    rates: Sequence[float | None]
    """One an axis, in [0, 1]; None where it was not measured, which opens the line there."""
    color: str = "var(--accent)"


def radar(axes: Sequence[str], rings: Sequence[Ring], label: str) -> str:
    """Return rates on axes that run outward from a point, the first upward, the others clockwise.

    Args:
        axes: names, 3 or more.
        rings: with a rate an axis.
        label: what a screen reader says.
    """

    def at(axis: int, rate: float) -> tuple[float, float]:
        angle = 2 * math.pi * axis / len(axes)
        return _WIDTH / 2 + math.sin(angle) * _RADIUS * rate, _HEIGHT / 2 - math.cos(angle) * _RADIUS * rate

    parts = []
    for share in _RATES:
        around = "L".join(f"{px(x)} {px(y)}" for x, y in (at(i, share) for i in range(len(axes))))
        parts.append(f'<path class="grid" fill="none" d="M{around}Z"/>')
    for i, name in enumerate(axes):
        x, y = at(i, 1.0)
        parts.append(f'<path class="grid" d="M{px(_WIDTH / 2)} {px(_HEIGHT / 2)}L{px(x)} {px(y)}"/>')
        x, y = at(i, 1.1)
        anchor = "middle" if abs(x - _WIDTH / 2) < 8 else "start" if x > _WIDTH / 2 else "end"
        parts.append(words(x, y + 4 + 5 * (y - _HEIGHT / 2) / _RADIUS, name, anchor=anchor))
    for ring in rings:
        points = [None if rate is None else at(i, rate) for i, rate in enumerate(ring.rates)]
        parts += [
            f'<path class="line" d="M{px(a[0])} {px(a[1])}L{px(b[0])} {px(b[1])}" stroke="{ring.color}"/>'
            for a, b in zip(points, [*points[1:], points[0]], strict=True)
            if a is not None and b is not None
        ]
        for name, rate, point in zip(axes, ring.rates, points, strict=True):
            if point is not None:
                said = tip(f"{ring.name}, {name}: {percent(rate)}")
                place = f'cx="{px(point[0])}" cy="{px(point[1])}"'
                parts.append(f'<circle {place} r="4" fill="{ring.color}" {said}/>')
    parts.append(words(_WIDTH / 2 + 4, _HEIGHT / 2 - _RADIUS * 0.5 + 4, percent(0.5), "axis"))
    return frame("chart radar", _WIDTH, _HEIGHT, label, parts)
