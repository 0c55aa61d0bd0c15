"""Charts as inline SVG: plain functions from numbers to text, coloured by the page's CSS variables.

Every element that carries `data-tip` shows that text while it is pointed at. Each chart is one picture to a
screen reader, described by its label; the page puts a table of the same numbers beside it.
"""

from __future__ import annotations

import colorsys
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import Final

__all__ = [
    "Series",
    "bars",
    "code_color",
    "frame",
    "interval",
    "lines",
    "panels",
    "percent",
    "px",
    "rate_text",
    "rates",
    "rates_beside",
    "short",
    "ticks",
    "tip",
    "words",
]


def short(value: float) -> str:
    """Return a number as people write it: 1.06 M, 120 k, 26.5, −0.031."""
    if not math.isfinite(value):
        return "–"
    size = abs(value)
    if size >= 1e6 * 0.9995:
        text = f"{size / 1e6:.3g}\u00a0M"
    elif size >= 1e4:
        text = f"{size / 1e3:.3g}\u00a0k"
    elif size >= 1000:
        text = f"{size:,.0f}"
    else:
        text = str(round(size)) if size == round(size) else f"{size:.3g}"
    return f"−{text}" if value < 0 else text


def percent(rate: float | None) -> str:
    """Return a rate in [0, 1] as a percentage."""
    return "–" if rate is None or not math.isfinite(rate) else f"{100 * rate:.0f}%"


def rate_text(rate: float, low: float, high: float) -> str:
    """Return a rate with its interval: "50% (40% to 60%)"."""
    return f"{percent(rate)} ({percent(low)} to {percent(high)})"


def ticks(low: float, high: float, count: int = 4) -> list[float]:
    """Return about that many round numbers from low to high, both within the range."""
    if not high > low:
        return [low]
    raw = (high - low) / max(1, count)
    if not 1e-300 < raw < 1e300:  # Powers of ten end there.
        return [low]
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(i * step, 12) for i in range(first, last + 1)]


_LUMINANCES: Final = (0.16, 0.21, 0.27)
"""Of the colours of codes: each has a contrast of 3 or more with a light page as with a dark one (WCAG 2, 1.4.11)."""


def code_color(index: int, count: int) -> str:
    """Return one of `count` colours that are distinguishable, on a light page as on a dark one."""
    # Neighbouring numbers lie far apart on the wheel and alternate in lightness.
    hue = (0.47 + index * 0.618034) % 1.0 if count > 10 else (0.47 + index / max(1, count)) % 1.0
    wanted = _LUMINANCES[index % len(_LUMINANCES)]
    lightness = min((n / 256 for n in range(257)), key=lambda v: abs(_luminance(_rgb(hue, v)) - wanted))
    return "#" + "".join(f"{c:02x}" for c in _rgb(hue, lightness))


def _rgb(hue: float, lightness: float) -> tuple[int, ...]:
    return tuple(round(255 * v) for v in colorsys.hls_to_rgb(hue, lightness, 0.6))


def _luminance(color: Sequence[int]) -> float:
    """Return the relative luminance of a colour in sRGB, as WCAG 2 defines it."""
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in (c / 255 for c in color)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def px(value: float) -> str:
    """Return a length in a picture, short: one decimal."""
    return f"{value:.1f}".rstrip("0").rstrip(".")


def words(x: float, y: float, text: str, css_class: str = "tick", anchor: str = "start", style: str = "") -> str:
    """Return text at a place; `anchor` is start, middle or end."""
    more = f' style="{style}"' if style else ""
    place = f'x="{px(x)}" y="{px(y)}" text-anchor="{anchor}"'
    return f'<text class="{css_class}" {place}{more}>{escape(text)}</text>'


def tip(*lines: str) -> str:
    """Return the attribute that shows these lines while the element is pointed at."""
    return f'data-tip="{"&#10;".join(escape(line) for line in lines)}"'


def frame(css_class: str, width: float, height: float, label: str, parts: Sequence[str]) -> str:
    """Return the parts as one picture that fills the width it gets."""
    view = f'viewBox="0 0 {px(width)} {px(height)}"'
    return f'<svg class="{css_class}" {view} role="img" aria-label="{escape(label)}">{"".join(parts)}</svg>'


def interval(
    value: float | None, low: float | None, high: float | None, baselines: Mapping[str, float], label: str
) -> str:
    """Return a thin bar from 0 to 100%: the rate as a dot, its interval as a band, each baseline as a tick."""
    width, middle = 240.0, 11.0

    def x(rate: float) -> float:
        return 6 + rate * (width - 12)

    rail = f'<line class="rail" x1="6" x2="{px(width - 6)}" y1="{middle}" y2="{middle}"/>'
    return frame("interval", width, 22, label, [rail, *_rate(value, low, high, baselines, x, middle)])


def _rate(
    value: float | None,
    low: float | None,
    high: float | None,
    baselines: Mapping[str, float],
    x: Callable[[float], float],
    y: float,
) -> list[str]:
    """Return the band, the ticks and the dot of a rate at a height; `x` says where a rate is."""
    parts = []
    if low is not None and high is not None:
        span = max(2.0, x(high) - x(low))
        parts.append(f'<rect class="band" x="{px(x(low))}" y="{px(y - 4)}" width="{px(span)}" height="8" rx="4"/>')
    for name, rate in baselines.items():
        place = f'x1="{px(x(rate))}" x2="{px(x(rate))}" y1="{px(y - 8)}" y2="{px(y + 8)}"'
        parts.append(f'<line class="baseline" {tip(f"{name}: {percent(rate)}")} {place}/>')
    if value is not None:
        parts.append(f'<circle class="dot" cx="{px(x(value))}" cy="{px(y)}" r="5"/>')
    return parts


def bars(
    rows: Sequence[tuple[str, float, bool]],
    label: str,
    limit: float | None = None,
    *,
    written: Sequence[str] | None = None,
    colors: Sequence[str] | None = None,
) -> str:
    """Return horizontal bars.

    Args:
        rows: (name, value, whether it is only a baseline).
        label: what a screen reader says.
        limit: of the axis; the greatest value by default.
        written: what stands at the end of each bar; its value by default.
        colors: of the bars.
    """
    top = max([limit or 0.0, *(v for _, v, _ in rows), 1e-9])
    texts = written or [short(v) for _, v, _ in rows]
    width, gap = 290.0, 26.0
    left = max(82.0, min(142.0, 7.0 * max((len(name) for name, *_ in rows), default=0) + 14))
    right = max(42.0, 7.6 * max(map(len, texts), default=0) + 12)
    parts = []
    for i, ((name, value, baseline), text) in enumerate(zip(rows, texts, strict=True)):
        y = i * gap + 4
        span = max(1.5, (width - left - right) * max(0.0, value) / top)
        css_class = "bar bar-baseline" if baseline else "bar"
        place = f'x="{left}" y="{y + 2}"'
        fill = f' style="fill:{colors[i]}"' if colors else ""
        parts.append(
            words(left - 8, y + 13, name if len(name) < 20 else f"…{name[-18:]}", anchor="end")
            + f'<rect class="rail-fill" {place} width="{px(width - left - right)}" height="14" rx="4"/>'
            f'<rect class="{css_class}" {place} width="{px(span)}" height="14" rx="4"{fill}/>'
            + words(left + span + 6, y + 13, text, "number")
            + f'<rect class="hit" x="0" y="{y - 4}" width="{px(width)}" height="{px(gap)}" {tip(f"{name}: {text}")}/>'
        )
    height = len(rows) * gap + 4
    return frame("chart", width, height, label, parts)


def rates(rows: Sequence[tuple[str, float, float, float, Mapping[str, float]]], label: str) -> str:
    """Return one row a rate: its name, a dot from 0 to 100%, its 95% interval as a band, each baseline as a tick.

    Args:
        rows: (name, rate, low, high, baselines).
        label: what a screen reader says.
    """
    width, gap, left, right = 640.0, 24.0, 210.0, 54.0

    def x(rate: float) -> float:
        return left + rate * (width - left - right)

    bottom = len(rows) * gap + 6
    parts = _percents(x, bottom)
    for i, (name, value, low, high, baselines) in enumerate(rows):
        y = i * gap + 17
        lines = [f"{name}: {rate_text(value, low, high)}"]
        lines += [f"{baseline}: {percent(rate)}" for baseline, rate in baselines.items()]
        parts.append(words(left - 12, y + 4, name, anchor="end"))
        parts += _rate(value, low, high, baselines, x, y)
        parts.append(words(width - right + 14, y + 4, percent(value), "number"))
        size = f'x="0" y="{px(y - gap / 2)}" width="{px(width)}" height="{px(gap)}"'
        parts.append(f'<rect class="hit" {size} {tip(*lines)}/>')
    return frame("chart rates", width, bottom + 20, label, parts)


def _percents(x: Callable[[float], float], bottom: float) -> list[str]:
    """Return upright lines from 0 to 100 %, with their numbers at the bottom; `x` says where a rate is."""
    parts = []
    for value in (0.0, 0.25, 0.5, 0.75, 1.0):
        parts.append(f'<line class="grid" x1="{px(x(value))}" x2="{px(x(value))}" y1="4" y2="{px(bottom)}"/>')
        parts.append(words(x(value), bottom + 15, percent(value), anchor="middle"))
    return parts


def rates_beside(
    rows: Sequence[tuple[str, Sequence[tuple[float, float, float] | None]]],
    compared: Sequence[tuple[str, str]],
    label: str,
) -> str:
    """Return a row for each name, with a dot and its interval for each of what is compared.

    Args:
        rows: name, and (rate, low, high) or None of each.
        compared: name and colour of each.
        label: what a screen reader says.
    """
    width, line, left, right = 640.0, 9.0, 210.0, 24.0
    gap = line * len(compared) + 9

    def x(rate: float) -> float:
        return left + rate * (width - left - right)

    bottom = len(rows) * gap + 6
    parts = _percents(x, bottom)
    for i, (name, found) in enumerate(rows):
        top, said = i * gap + 4, [name]
        parts.append(words(left - 12, top + gap / 2 + 4, name, anchor="end"))
        for j, ((whose, color), one) in enumerate(zip(compared, found, strict=True)):
            y = top + line * (j + 1)
            said.append(f"{whose}: {'no name' if one is None else rate_text(*one)}")
            if one is not None:
                across = f'x1="{px(x(one[1]))}" x2="{px(x(one[2]))}" y1="{px(y)}" y2="{px(y)}"'
                parts.append(f'<line class="span" {across} stroke="{color}"/>')
                parts.append(f'<circle cx="{px(x(one[0]))}" cy="{px(y)}" r="4" fill="{color}"/>')
        size = f'x="0" y="{px(top)}" width="{px(width)}" height="{px(gap)}"'
        parts.append(f'<rect class="hit" {size} {tip(*said)}/>')
    return frame("chart rates", width, bottom + 20, label, parts)


@dataclass(frozen=True)
class Series:
    """One line of a chart."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    color: str = "var(--accent)"


def _path(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{px(x)} {px(y)}" for x, y in points)


def _spread(wanted: list[float], gap: float, low: float, high: float) -> list[float]:
    """Move labels' heights apart until none overlap, keeping their order."""
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    placed = [max(low, wanted[i]) for i in order]
    for i in range(1, len(placed)):
        placed[i] = max(placed[i], placed[i - 1] + gap)
    if placed and placed[-1] > high:
        placed[-1] = high
        for i in range(len(placed) - 2, -1, -1):
            placed[i] = min(placed[i], placed[i + 1] - gap)
    return [placed[order.index(i)] for i in range(len(wanted))]


def _columns(
    kept: Sequence[Series],
    place: Callable[[float], float],
    box: tuple[float, float, float, float],
    x_name: str,
    write: Callable[[float], str],
) -> list[str]:
    """Return invisible columns, one a value of x, that show all lines' values there."""
    left, right, top, bottom = box
    xs = sorted({x for s in kept for x in s.x})
    across = [place(x) for x in xs]
    edges = [left, *((a + b) / 2 for a, b in pairwise(across)), right]
    values = [dict(zip(s.x, s.y, strict=True)) for s in kept]
    parts = []
    for i, x in enumerate(xs):
        lines = [f"{x_name} {short(x)}"]
        lines += [f"{s.name}: {write(v[x])}" for s, v in zip(kept, values, strict=True) if x in v]
        start, wide = px(edges[i]), px(edges[i + 1] - edges[i])
        size = f'x="{start}" y="{px(top)}" width="{wide}" height="{px(bottom - top)}"'
        parts.append(f'<rect class="hit" {size} {tip(*lines)}/>')
    return parts


def lines(
    series: Sequence[Series],
    label: str,
    *,
    x_name: str,
    y_range: tuple[float, float] | None = None,
    rates: bool = False,
    marks: bool = False,
) -> str:
    """Return a line chart with each line's name at its end and, where given, a band around it.

    Args:
        series: at least one point in all.
        label: what a screen reader says.
        x_name: under the axis.
        y_range: of the axis; that of the values by default.
        rates: the values are rates, shown in percent.
        marks: draw a dot at each value.
    """
    kept = [s for s in series if len(s.x)]
    xs = [v for s in kept for v in s.x]
    ys = [v for s in kept for part in (s.y, s.low, s.high) for v in part]
    x0, x1 = min(xs), max(xs)
    y0, y1 = y_range or (min(ys), max(ys))
    if y1 - y0 <= max(1e-9 * max(abs(y0), abs(y1)), 1e-12):  # a constant lies in the middle
        around = 0.5 * abs(y0) if abs(y0) > 1e-9 else 0.5
        y0, y1 = y0 - around, y1 + around
    elif y_range is None:
        y0, y1 = y0 - 0.04 * (y1 - y0), y1 + 0.06 * (y1 - y0)
    named = len(kept) > 1
    width, height, left, bottom, top = 330.0, 205.0, 48.0, 40.0, 10.0
    right = 14.0 + (min(105.0, 7.2 * max(len(s.name) for s in kept) + 5) if named else 0.0)

    def at(x: float, y: float) -> tuple[float, float]:
        across = (x - x0) / (x1 - x0) if x1 > x0 else 0.5
        up = min(1.0, max(0.0, (y - y0) / (y1 - y0)))
        return left + across * (width - left - right), height - bottom - up * (height - top - bottom)

    write = percent if rates else short
    parts = []
    for value in ticks(y0, y1):
        _, y = at(x0, value)
        parts.append(f'<line class="grid" x1="{left}" x2="{px(width - right)}" y1="{px(y)}" y2="{px(y)}"/>')
        parts.append(words(left - 6, y + 4, write(value), anchor="end"))
    for value in ticks(x0, x1):
        x, _ = at(value, y0)
        parts.append(words(x, height - bottom + 17, short(value), anchor="middle"))
    parts.append(words((left + width - right) / 2, height - 5, x_name, "axis", "middle"))
    for s in kept:
        if s.low and s.high:
            there = [at(x, y) for x, y in zip(s.x, s.high, strict=True)]
            back = [at(x, y) for x, y in zip(s.x, s.low, strict=True)]
            parts.append(f'<path d="{_path([*there, *reversed(back)])}Z" fill="{s.color}" class="envelope"/>')
        points = [at(x, y) for x, y in zip(s.x, s.y, strict=True)]
        parts.append(f'<path class="line" d="{_path(points)}" stroke="{s.color}"/>')
        if marks or len(points) == 1:
            parts += [f'<circle cx="{px(x)}" cy="{px(y)}" r="3.2" fill="{s.color}"/>' for x, y in points]
    if named:
        wanted = [at(s.x[-1], s.y[-1])[1] for s in kept]
        for s, y in zip(kept, _spread(wanted, 12, top + 4, height - bottom), strict=True):
            x, end = at(s.x[-1], s.y[-1])
            parts.append(f'<path class="leader" d="M{px(x)} {px(end)}L{px(x + 8)} {px(y)}" stroke="{s.color}"/>')
            parts.append(words(x + 11, y + 4, s.name[:14]))
    parts += _columns(kept, lambda x: at(x, y0)[0], (left, width - right, top, height - bottom), x_name, write)
    return frame("chart", width, height, label, parts)


def multiples(series: Sequence[Series], *, x_name: str, rates: bool = False) -> str:
    """Return a small chart for each line, all over the same axes: for more lines than one chart can name.

    Args:
        series: with at least one point each.
        x_name: what they are over.
        rates: the values are rates, shown in percent.
    """
    low, high = (pick(v for s in series for v in s.y) for pick in (min, max))
    if rates:
        low, high = 0.0, 1.0
    first, last = min(s.x[0] for s in series), max(s.x[-1] for s in series)
    width, height, top, bottom = 120.0, 74.0, 16.0, 6.0
    write = percent if rates else short
    scale = f"from {write(low)} to {write(high)}, {x_name} from {short(first)} to {short(last)}"
    charts = []
    for s in series:
        points = [
            (
                4 + (width - 8) * ((x - first) / (last - first) if last > first else 0.5),
                height - bottom - (height - top - bottom) * ((y - low) / (high - low) if high > low else 0.5),
            )
            for x, y in zip(s.x, s.y, strict=True)
        ]
        ends = f"{s.name} ends at {write(s.y[-1])}"
        foot = height - bottom
        parts = [
            f'<line class="grid" x1="4" x2="{px(width - 4)}" y1="{px(foot)}" y2="{px(foot)}"/>',
            f'<line class="grid" x1="4" x2="{px(width - 4)}" y1="{px(top)}" y2="{px(top)}"/>',
            f'<path class="line" d="{_path(points)}" stroke="{s.color}"/>',
            words(4, 11, s.name),
            words(width - 4, 11, write(s.y[-1]), "number", "end"),
            f'<rect class="hit" x="0" y="0" width="{px(width)}" height="{px(height)}" {tip(ends, scale)}/>',
        ]
        charts.append(frame("chart", width, height, f"{ends}; {scale}", parts))
    return f'<div class="multiples">{"".join(charts)}</div><p>Each {escape(scale)}.</p>'


_ALONE: Final = """svg{font:11px system-ui,sans-serif;--ink:#333;--grid:#ddd}
@media (prefers-color-scheme:dark){svg{--ink:#ccc;--grid:#444}}
text{fill:var(--ink)}.title{font-weight:600}.grid{stroke:var(--grid)}.line{fill:none;stroke-width:2}
.leader{fill:none}.envelope{opacity:.2}.hit{fill:none}"""


def panels(charts: Sequence[tuple[str, str]]) -> str:
    """Return line charts, each with its title, beside each other: the text of an SVG file that needs no page."""
    parts = []
    for i, (title, chart) in enumerate(charts):
        place = f'<svg x="{10 + 350 * i}" y="24" width="330" height="205" '
        parts += [words(10 + 350 * i, 16, title, "title"), chart.replace("<svg ", place, 1)]
    width = 350 * len(charts)
    opening = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} 235" width="{width}" height="235">'
    return f"{opening}<style>{_ALONE}</style>{''.join(parts)}</svg>\n"
