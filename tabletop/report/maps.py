"""Where skills end, and which skill solves which task: scatter plots, strips and a heat map as inline SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

import numpy as np
import numpy.typing as npt

from tabletop.report.charts import code_color, frame, percent, px, short, ticks, tip, words

__all__ = ["Points", "heat", "scatter", "starts_map", "strips"]

Array = npt.NDArray[np.float64]

_MOST: Final = 60
"""Episodes drawn of a code at most; the rest would only hide each other."""


@dataclass(frozen=True)
class Points:
    """Where one skill's episodes ended."""

    id: str
    code: int
    finals: Array
    """(N, 4): x, y, z in m and turn in rad; or (N, 1): a joint's fraction."""


def _whole(value: float) -> str:
    """Return a whole number with a real minus sign."""
    return f"{value:.0f}".replace("-", "−")


def _dots(points: Array) -> str:
    """Return a path of single points; a round line cap makes each a dot."""
    return "".join(f"M{px(x)} {px(y)}h0" for x, y in points)


def _apart(points: Array, gap: float, low: Array, high: Array) -> Array:
    """Move points away from each other until all are `gap` apart, or nearly."""
    out = points.copy()
    for _ in range(60):
        delta = out[:, None] - out[None]
        distance = np.hypot(delta[..., 0], delta[..., 1])
        np.fill_diagonal(distance, np.inf)
        close = distance < gap
        if not close.any():
            break
        # Points in one place are sent in different directions.
        angle = np.arange(len(out)) * 2.4
        aside = np.stack([np.cos(angle), np.sin(angle)], axis=-1)[:, None]
        way = np.where(distance[..., None] > 1e-6, delta / np.maximum(distance, 1e-6)[..., None], aside)
        push = np.where(close, (gap - np.minimum(distance, gap)) * 0.5, 0.0)
        out = np.clip(out + (way * push[..., None]).sum(axis=1), low, high)
    return out


def scatter(ends: Sequence[Points], axes: tuple[int, int], names: Sequence[str], label: str) -> str:
    """Return the displacements of rigid things, a dot an episode, a colour and a number a code.

    Args:
        ends: skills whose finals are (N, 4); at least one episode in all.
        axes: which column of the finals runs to the right and which runs up. -1 - i is column i turned round,
            as left (+y) has to be drawn to the left.
        names: what lies at the left, the right, the bottom and the top end.
        label: what a screen reader says.
    """
    across, up = (np.concatenate([_axis(e.finals, a) for e in ends]) for a in axes)
    size, margin = 340.0, 34.0
    reach = max(0.05, float(np.quantile(np.abs(np.concatenate([across, up])), 0.995)) * 1.12)
    scale = (size - 2 * margin) / (2 * reach)
    # Height is mostly above the table: the zero line moves down so that nothing is empty.
    floor = min(-0.15 * reach, float(np.quantile(up, 0.005)) - 0.1 * reach) if names[3] == "up" else -reach
    ceiling = max(0.3 * reach, float(np.quantile(up, 0.995)) + 0.15 * reach) if names[3] == "up" else reach
    height = 2 * margin + scale * (ceiling - floor)

    def at(x: Array | float, y: Array | float) -> Array:
        return np.stack(
            [
                margin + (np.clip(x, -reach, reach) + reach) * scale,
                height - margin - (np.clip(y, floor, ceiling) - floor) * scale,
            ],
            axis=-1,
        )

    parts = []
    for value in ticks(-reach, reach, 4):
        x, _ = at(value, 0.0)
        parts.append(f'<line class="grid" x1="{px(x)}" x2="{px(x)}" y1="{margin}" y2="{px(height - margin)}"/>')
        parts.append(words(x, height - margin + 14, _whole(100 * value), anchor="middle"))
    for value in ticks(floor, ceiling, 4):
        _, y = at(0.0, value)
        parts.append(f'<line class="grid" x1="{margin}" x2="{size - margin}" y1="{px(y)}" y2="{px(y)}"/>')
        parts.append(words(margin - 5, y + 4, _whole(100 * value), anchor="end"))
    zero = at(0.0, 0.0)
    parts.append(f'<path class="zero" d="M{px(zero[0] - 7)} {px(zero[1])}h14m-7 -7v14"/>')
    parts.append(words(margin, height - 4, f"← {names[0]}", "axis"))
    parts.append(words(size - margin, height - 4, f"{names[1]} →", "axis", "end"))
    parts.append(words(size / 2, 14, f"{names[3]} ↑", "axis", "middle"))
    parts.append(words(size / 2, height - 4, "cm", "axis", "middle"))
    middles = []
    for i, e in enumerate(ends):
        points = at(_axis(e.finals[:_MOST], axes[0]), _axis(e.finals[:_MOST], axes[1]))
        middles.append(points.mean(axis=0))
        mean = ", ".join(f"{n} {100 * v:+.0f} cm" for n, v in zip(("x", "y", "z"), e.finals.mean(axis=0), strict=False))
        tooltip = tip(e.id, mean, f"{len(e.finals)} episodes")
        parts.append(
            f'<path class="dots" data-code="{escape(e.id)}" {tooltip} d="{_dots(points)}"'
            f' stroke="{code_color(i, len(ends))}"/>'
        )
    edges = np.array([margin, margin]), np.array([size - margin, height - margin])
    for e, (x, y) in zip(ends, _apart(np.array(middles), 15.0, *edges), strict=True):
        parts.append(
            f'<text class="code" data-code="{escape(e.id)}" x="{px(x)}" y="{px(y + 3.5)}"'
            f' text-anchor="middle">{e.code}</text>'
        )
    return frame("chart scatter", size, height, label, parts)


def starts_map(rows: Sequence[tuple[float, float, float]], label: str) -> str:
    """Return the table from above, with how many skills there are from each start.

    Args:
        rows: x and y of a thing at the start (m, world: the robot stands at 0, 0 and looks to x), and bits.
        label: what a screen reader says.
    """
    places = np.array([[x, y] for x, y, _ in rows])
    left, right, far = -0.45, 0.45, max(0.75, float(places[:, 0].max()) + 0.05)
    left, right = min(left, float(places[:, 1].min()) - 0.05), max(right, float(places[:, 1].max()) + 0.05)
    size, margin = 340.0, 26.0
    scale = (size - 2 * margin) / (right - left)
    height = 2 * margin + scale * far

    def at(x: float, y: float) -> tuple[float, float]:
        return margin + (right - y) * scale, height - margin - x * scale

    parts = []
    for value in ticks(left, right, 4):
        x, _ = at(0.0, value)
        parts.append(f'<line class="grid" x1="{px(x)}" x2="{px(x)}" y1="{margin}" y2="{px(height - margin)}"/>')
    for value in ticks(0.0, far, 4):
        _, y = at(value, 0.0)
        parts.append(f'<line class="grid" x1="{margin}" x2="{size - margin}" y1="{px(y)}" y2="{px(y)}"/>')
        parts.append(words(margin - 4, y + 4, _whole(100 * value), anchor="end"))
    x, y = at(0.0, 0.0)
    parts.append(f'<path class="zero" d="M{px(x - 16)} {px(y)}a16 16 0 0 1 32 0Z"/>')
    parts.append(words(x, height - 6, "the robot, from above; cm", "axis", "middle"))
    most = max(1e-9, *(bits for *_, bits in rows))
    apart = _apart(
        np.array([at(x, y) for x, y, _ in rows]), 21.0, np.array([12.0, 12.0]), np.array([size - 12, height - 12])
    )
    for (x, y, bits), (across, up) in zip(rows, apart, strict=True):
        skills, share = 2.0 ** max(0.0, bits), max(0.0, bits) / most
        said = tip(f"{short(round(skills, 1))} skills, {short(round(bits, 2))} bits", _where(x, y))
        shade = f"{0.08 + 0.92 * share:.2f}"
        level = " strong" if share > 0.75 else " middling" if share > 0.58 else ""
        place = f'cx="{px(across)}" cy="{px(up)}"'
        parts.append(f'<circle class="spot" {place} r="10"/>')
        parts.append(f'<circle class="cell" {place} r="10" fill-opacity="{shade}" {said}/>')
        parts.append(words(across, up + 3.5, f"{skills:.0f}", f"cell-number{level}", "middle"))
    return frame("chart starts", size, height, label, parts)


def _where(x: float, y: float) -> str:
    side = "left" if y > 0 else "right"
    return f"{100 * x:.0f} cm away, {abs(100 * y):.0f} cm to the {side}"


def _axis(finals: Array, axis: int) -> Array:
    return finals[:, axis] if axis >= 0 else -finals[:, -1 - axis]


def strips(ends: Sequence[Points], label: str) -> str:
    """Return final joint fractions: a row a code, a dot an episode, 0 (closed) left and 1 (open) right.

    Args:
        ends: skills whose finals are (N, 1).
        label: what a screen reader says.
    """
    width, left, right, row, top = 340.0, 40.0, 16.0, 26.0, 8.0
    height = top + row * len(ends) + 34
    span = width - left - right
    parts = []
    for value in (0.0, 0.25, 0.5, 0.75, 1.0):
        x = left + value * span
        parts.append(f'<line class="grid" x1="{px(x)}" x2="{px(x)}" y1="{top}" y2="{px(height - 30)}"/>')
        parts.append(words(x, height - 17, short(value), anchor="middle"))
    parts.append(words(left, height - 3, "closed / up", "axis"))
    parts.append(words(width - right, height - 3, "open / pressed", "axis", "end"))
    for i, e in enumerate(ends):
        shown = np.clip(e.finals[:_MOST, 0], -0.03, 1.03)
        # A fixed pattern of heights keeps dots of equal fractions apart.
        offset = ((np.arange(len(shown)) * 0.618034) % 1.0 - 0.5) * (row - 12)
        points = np.stack([left + shown * span, top + (i + 0.5) * row + offset], axis=-1)
        mean = float(e.finals[:, 0].mean()) if len(e.finals) else math.nan
        tooltip = tip(e.id, f"mean fraction {short(mean)}", f"{len(e.finals)} episodes")
        parts.append(words(left - 10, top + (i + 0.5) * row + 4, str(e.code), "code", "end"))
        parts.append(
            f'<path class="dots" data-code="{escape(e.id)}" {tooltip} d="{_dots(points)}"'
            f' stroke="{code_color(i, len(ends))}"/>'
        )
    return frame("chart", width, height, label, parts)


def heat(rows: Sequence[str], columns: Sequence[str], rates: Sequence[Sequence[float]], label: str) -> str:
    """Return a table of rates as colours: a row a skill, a column a task. A pair not tried stays blank.

    Args:
        rows: names of the rows.
        columns: names of the columns.
        rates: in [0, 1] or NaN, one list a row.
        label: what a screen reader says.
    """
    cell = 22.0
    left = 12 + 6.3 * max(len(r) for r in rows)
    top = 12 + 4.6 * max(len(c) for c in columns)
    width = left + cell * len(columns) + max(24.0, 4.2 * len(columns[-1]))
    height = top + cell * len(rows) + 4
    box = f'width="{cell - 2}" height="{cell - 2}" rx="4"'
    parts = []
    for j, name in enumerate(columns):
        x = left + (j + 0.5) * cell
        parts.append(
            f'<text class="tick" transform="translate({px(x + 3)} {px(top - 6)}) rotate(-50)">{escape(name)}</text>'
        )
    for i, (name, row) in enumerate(zip(rows, rates, strict=True)):
        y = top + i * cell
        parts.append(words(left - 6, y + cell / 2 + 4, name, anchor="end"))
        for j, rate in enumerate(row):
            if math.isnan(rate):
                continue
            tooltip = tip(name, f"{columns[j]}: {percent(rate)}")
            place = f'x="{px(left + j * cell + 1)}" y="{px(y + 1)}" {box}'
            shade = f"{0.06 + 0.94 * rate:.2f}".lstrip("0")
            parts.append(f'<rect class="cell" {place} fill-opacity="{shade}" {tooltip}/>')
            if rate >= 0.1:
                level = " strong" if rate > 0.75 else " middling" if rate > 0.58 else ""
                parts.append(
                    words(
                        left + (j + 0.5) * cell,
                        y + cell / 2 + 3.5,
                        f"{100 * rate:.0f}",
                        f"cell-number{level}",
                        "middle",
                    )
                )
    view = f'viewBox="0 0 {px(width)} {px(height)}" width="{px(width)}" height="{px(height)}"'
    return f'<svg class="heat" {view} role="img" aria-label="{escape(label)}">{"".join(parts)}</svg>'
