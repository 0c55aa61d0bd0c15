"""The sections that are charts: where skills end, what they solve, how they learned, what breaks them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Final

import numpy as np

from tabletop.report.charts import Series, code_color, lines, multiples, percent, short
from tabletop.report.html import details, figure, nice, section, table
from tabletop.report.maps import Points, heat, scatter, strips
from tabletop.report.radar import Ring, radar
from tabletop.runs.records import Curve, Discovery, Naming, Robustness, Row
from tabletop.words import plural

__all__ = ["curves", "ends", "matrix", "perturbations", "thinned"]

_POINTS: Final = 60
"""Points of a learning curve at most: means of neighbouring rows."""
_FLAT: Final = 0.02
"""m: where nothing ends higher or lower than this, a view from the side shows only a line."""
_NAMED: Final = 5
"""Lines of a chart from which each gets a small chart of its own: more names would overlap."""
_CORNERS: Final = 3
"""Disturbances from which they are drawn around a point, too."""
_FIRST: Final = ("accuracy", "loss_q", "effective", "coverage", "return", "reward")
"""How the names of the curves begin that are shown without asking, in this order."""


def _rigid(effect: str, members: Sequence[Points]) -> str:
    ends_ = f"{len(members)} skills, {sum(len(e.finals) for e in members)} episodes"
    above = scatter(members, (-2, 0), ("left", "right", "toward", "away"), f"{nice(effect)} seen from above: {ends_}")
    side = scatter(members, (-2, 2), ("left", "right", "down", "up"), f"{nice(effect)} seen from the robot: {ends_}")
    name = nice(effect).capitalize()
    shown = figure(f"{name}, from above", above)
    flat = all(np.quantile(np.abs(e.finals[:, 2]), 0.9) < _FLAT for e in members)
    return shown if flat else shown + figure(f"{name}, seen from the robot", side)


def _ends_row(e: Points) -> list[str]:
    mean, spread = e.finals.mean(axis=0), e.finals.std(axis=0)
    if e.finals.shape[1] == 1:
        return [e.id, str(e.code), str(len(e.finals)), f"fraction {mean[0]:.2f} ± {spread[0]:.2f}", "–"]
    moved = ", ".join(f"{100 * m:+.1f} ± {100 * s:.1f}" for m, s in zip(mean[:3], spread[:3], strict=True))
    turned = f"{np.degrees(mean[3]):+.0f} ± {np.degrees(spread[3]):.0f}°"
    return [e.id, str(e.code), str(len(e.finals)), f"{moved} cm", turned]


def ends(found: Discovery) -> str:
    """Return where every skill's episodes ended, a chart for each effect."""
    groups: dict[tuple[str, int], list[Points]] = {}
    for e in found.skills:
        if e.finals:
            points = Points(e.id, e.code, np.array(e.finals))
            groups.setdefault((e.effect, points.finals.shape[1]), []).append(points)
    if not groups:
        return ""
    body = ""
    for (effect, width), members in groups.items():
        if width == 4:
            body += _rigid(effect, members)
    for (effect, width), members in groups.items():
        if width == 1:
            label = f"Final fractions of the {nice(effect)}: {len(members)} skills"
            body += figure(f"{nice(effect).capitalize()}, how far it is open or pressed", strips(members, label))
    counts = ""
    if found.by_effect:
        rows = [
            [nice(effect), *(short(v) for v in (count.codes, count.effective_2cm, count.effective_5cm))]
            for effect, count in found.by_effect.items()
        ]
        counts = figure("How many can be distinguished", table(["effect", "codes", "at 2 cm", "at 5 cm"], rows))
    lead = (
        "Every dot is one episode: where the thing was when the skill was over, from the middle of the reach, if the"
        " skill is one of places (held, placed); where the gripper was, from where the thing had stood, if it is one of"
        " reaching (reached); else how far the thing had moved. A colour and a number stand for one skill,"
        " so tight clouds far apart are what discovery is after. Point at a cloud to see it alone."
    )
    rows = [_ends_row(e) for members in groups.values() for e in members]
    head = ["skill", "code", "episodes", "x, y, z (away, left, up), mean ± spread", "turned"]
    folded = details("The same as a table", table(head, rows))
    return section("ends", "Where the skills end", lead, f'<div class="flow">{body}{counts}</div>{folded}')


def matrix(naming: Naming) -> str:
    """Return the heat map of every skill on every task, best rows and columns first."""
    found = naming.matrix
    if not found.rates or not found.tasks:
        return ""
    rates = np.array(found.rates, dtype=np.float64)  # None becomes NaN
    known = np.nan_to_num(rates)
    columns = np.argsort(-known.max(axis=0), kind="stable")
    # Rows follow the task they are best at, so that what belongs together forms blocks.
    best = known[:, columns].argmax(axis=1)
    rows = np.lexsort((-known.max(axis=1), best))
    weak = known.max(axis=1) < 0.1
    rows = np.concatenate([rows[~weak[rows]], rows[weak[rows]]])
    titles = {s.id: f"{s.name} · {s.id}" if s.name else s.id for s in naming.skills}
    row_names = [titles.get(found.skills[i], found.skills[i]) for i in rows]
    column_names = [nice(found.tasks[j]) for j in columns]
    ordered = rates[rows][:, columns]
    label = f"Success of {len(row_names)} skills on {len(column_names)} tasks"
    picture = heat(row_names, column_names, ordered.tolist(), label)
    cells = [[n, *(percent(r) for r in row)] for n, row in zip(row_names, ordered, strict=True)]
    folded = details("The same as a table", table(["skill", *column_names], cells))
    lead = (
        "Success of every skill on every task it could be tried on, in percent."
        " Names are chosen from this, then tested on other scenes."
    )
    return section("matrix", "Every skill on every task", lead, f'<div class="panel scroll">{picture}</div>{folded}')


def thinned(x: Sequence[float], y: Sequence[float]) -> tuple[list[float], list[float]]:
    """Return a learning curve with few enough points to be drawn: means of neighbouring ones."""
    parts = min(len(x), _POINTS)
    across, up = ([float(p.mean()) for p in np.array_split(np.array(v), parts)] for v in (x, y))
    return across, up


def _rank(name: str) -> tuple[int, str]:
    return next((i for i, first in enumerate(_FIRST) if name.startswith(first)), len(_FIRST)), name


def curves(rows: Sequence[Mapping[str, float]]) -> str:
    """Return the learning curves: a chart for each number, one line for each part that it is split into."""
    axis = next((k for k in ("step", "env_steps", "minutes", "updates") if any(k in r for r in rows)), None)
    if axis is None:
        return ""
    groups: dict[str, dict[str, tuple[list[float], list[float]]]] = {}
    for row in rows:
        for key, value in row.items():
            if key not in ("step", "env_steps", "minutes", "updates") and axis in row:
                group, _, part = key.partition("/")
                x, y = groups.setdefault(group, {}).setdefault(part, ([], []))
                x.append(row[axis])
                y.append(value)
    groups = {g: parts for g, parts in groups.items() if any(len(x) > 1 for x, _ in parts.values())}
    if not groups:
        return ""
    x_name = {"step": "steps", "env_steps": "steps"}.get(axis, axis)
    panels: list[tuple[str, str]] = []
    for group in sorted(groups, key=_rank):
        parts = sorted(groups[group].items())
        series = []
        for i, (part, (x, y)) in enumerate(parts):
            color = code_color(i, len(parts)) if part else "var(--ink)"
            color = "var(--accent)" if len(parts) == 1 or len(parts) > _NAMED else color
            series.append(Series(nice(part) or "all", *thinned(x, y), color=color))
        top = max(max(s.y) for s in series)
        share = group.startswith("accuracy") and min(min(s.y) for s in series) >= 0 and top <= 1
        label = f"{nice(group)} over {x_name}: " + ", ".join(f"{s.name} ends at {short(s.y[-1])}" for s in series)
        if len(series) > _NAMED:
            panels.append((group, figure(nice(group), multiples(series, x_name=x_name, rates=share))))
            continue
        picture = lines(series, label, x_name=x_name, y_range=(0.0, 1.0) if share else None, rates=share)
        panels.append((group, figure(nice(group), picture)))
    shown = [p for g, p in panels if _rank(g)[0] < len(_FIRST)] or [p for _, p in panels[:4]]
    more = [p for _, p in panels if p not in shown]
    body = f'<div class="panels">{"".join(shown)}</div>'
    if more:
        body += details(f"{len(more)} more curves", f'<div class="panels">{"".join(more)}</div>')
    last = [
        [group, part or "all", short(x[-1]), short(y[-1])]
        for group, members in groups.items()
        for part, (x, y) in members.items()
    ]
    body += details("Last values as a table", table(["number", "of", x_name, "value"], last))
    lead = "Accuracy is how often the discriminator, seeing only the end, names the skill that was asked for."
    return section("curves", "How they were learned", lead, body)


def _curve(family: str, sweep: Curve) -> str:
    unit = f"{nice(family)} in {sweep.unit}" if sweep.unit else nice(family)
    one = Series("success", sweep.magnitudes, sweep.success, sweep.low, sweep.high)
    label = f"Success under {nice(family)}: " + ", ".join(
        f"{percent(s)} at {short(m)} {sweep.unit}".rstrip()
        for m, s in zip(sweep.magnitudes, sweep.success, strict=True)
    )
    picture = lines([one], label, x_name=unit, y_range=(0.0, 1.0), rates=True, marks=True)
    parts = [] if sweep.area is None else [f"mean over the range {percent(sweep.area)}"]
    parts += [] if sweep.drop is None else [f"{100 * max(0.0, sweep.drop):.0f}% of it lost at the end"]
    parts += [f"{sweep.n} episodes a point", *_left_out(sweep)]
    return figure(nice(family).capitalize(), picture, " · ".join(parts))


def _radar(order: Sequence[tuple[str, Curve]]) -> str:
    """Return what is left of success under each disturbance; "" where there are too few for a picture."""
    axes = [nice(name) for name, _ in order]
    if len(axes) < _CORNERS:
        return ""
    rings = [
        Ring("undisturbed", [c.success[0] for _, c in order], "var(--baseline)"),
        Ring("mean over the range", [c.area for _, c in order], "var(--accent)"),
        Ring("at the strongest", [c.success[-1] for _, c in order], "var(--ink)"),
    ]
    spoken = ", ".join(f"{a} {percent(c.success[-1])}" for a, (_, c) in zip(axes, order, strict=True))
    picture = radar(axes, rings, f"Success at the strongest of each disturbance: {spoken}")
    note = "Outer line: undisturbed. Coloured: the mean over the range. Inner: at the strongest."
    return figure("All of them", picture, note)


def _left_out(sweep: Curve) -> list[str]:
    """Return what a family does nothing to, with why."""
    return [f"not applicable to {plural(count, 'episode')} ({why})" for why, count in sweep.not_applicable.items()]


def _strength(row: Row) -> list[str]:
    """Return the cells of a row of `Robustness.rows`, its task left out."""
    strength = f"{short(row['magnitude'])} {row['unit']}".strip()
    interval = f"{percent(row['low'])} to {percent(row['high'])}"
    return [nice(row["family"]), strength, percent(row["success"]), interval, str(row["n"])]


def perturbations(found: Robustness) -> str:
    """Return success against the strength of each disturbance, the most harmful first."""
    drawn = {name: c for name, c in found.families.items() if c.success}
    whole = {name: c for name, c in found.families.items() if not c.success and c.not_applicable}
    if not drawn and not whole:
        return ""
    order = sorted(drawn.items(), key=lambda pair: pair[1].success[-1] - pair[1].success[0])
    place = {name: i for i, (name, _) in enumerate(order)}
    found_rows = sorted((r for r in found.rows() if r["family"] in place), key=lambda r: place[r["family"]])
    every = [(r["task"], _strength(r)) for r in found_rows]
    lead = (
        "The same skills while the world is pushed, delayed or blurred."
        " Bands are 95% intervals; the most harmful comes first."
    )
    body = f'<div class="panels">{_radar(order)}{"".join(_curve(name, s) for name, s in order)}</div>'
    body += "".join(
        f'<p class="aside">{escape(nice(name).capitalize())}: {escape("; ".join(_left_out(s)))}.</p>'
        for name, s in whole.items()
    )
    head = ["disturbance", "strength", "success", "95% interval", "episodes"]
    body += details("The same as a table", table(head, [cells for task, cells in every if task == "all"]))
    by_task = sorted(([task, *cells] for task, cells in every if task != "all"), key=lambda row: row[0])
    if len({task for task, *_ in by_task}) > 1:
        body += details("By task", table(["task", *head], by_task))
    return section("perturb", "What holds when things go wrong", lead, body)
