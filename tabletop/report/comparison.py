"""A page that sets runs side by side: figures, tasks, kinds of thing, disturbances, chains, learning, settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Final

from tabletop.errors import TabletopError
from tabletop.files import check_out, make_folder, write_whole
from tabletop.report.charts import Series, bars, code_color, lines, percent, rate_text, rates_beside, short
from tabletop.report.html import details, figure, nice, section, table
from tabletop.report.page import run_in, whole_page
from tabletop.report.radar import Ring, radar
from tabletop.report.results import thinned
from tabletop.runs.records import Curve, NamedSkill
from tabletop.runs.run import Run
from tabletop.words import plural

__all__ = ["MOST", "comparison_page", "write_comparison"]

MOST: Final = 8
"""Runs on a page: more lines cannot be told apart."""
_LINKS: Final = {
    "figures": "Figures",
    "tasks": "Tasks",
    "kinds": "Kinds",
    "perturb": "Disturbances",
    "chains": "Chains",
    "curves": "Learning",
    "settings": "Settings",
}
_CURVES: Final = ("effective", "coverage", "accuracy", "loss_q")
"""How the names of the curves begin that are set side by side, where they are not split into parts."""
_STEPS: Final = ("step", "env_steps")


@dataclass(frozen=True)
class _Side:
    """One of the runs."""

    name: str
    color: str
    run: Run
    best: Mapping[str, NamedSkill]


def write_comparison(folders: Sequence[Path], target: Path) -> Path:
    """Write a page that sets runs side by side, and return its path.

    The page holds all that it shows and needs no network. The file appears whole or not at all.

    Args:
        folders: of the runs, 2 to 8.
        target: the file.

    Raises:
        TabletopError: too few or too many runs, one twice, one without results, or a file of a wrong shape.
    """
    if not 2 <= len(folders) <= MOST:
        raise TabletopError(f"a comparison takes 2 to {MOST} runs, got {len(folders)}")
    whole = [folder.resolve() for folder in folders]
    twice = next((f for i, f in enumerate(folders) if whole[i] in whole[:i]), None)
    if twice is not None:
        raise TabletopError(f"a comparison takes each run once, got {str(twice)!r} twice")
    check_out(target, "the comparison")
    text = comparison_page([run_in(folder) for folder in folders])
    make_folder(target.parent)
    write_whole(target, text.encode("utf-8", "replace"))
    return target


def comparison_page(runs: Sequence[Run]) -> str:
    """Return the page as one HTML text without a link to anything outside it."""
    names = _names([run.folder.resolve() for run in runs])
    sides = [
        _Side(name, code_color(i, len(runs)), run, run.naming.best() if run.naming else {})
        for i, (name, run) in enumerate(zip(names, runs, strict=True))
    ]
    sections = [_figures(sides), _tasks(sides), _kinds(sides), _perturbations(sides), _chains(sides)]
    sections += [_curves(sides), _settings(sides)]
    return whole_page(f"{', '.join(names)} · tabletop", "tabletop report", _top(sides), sections, _LINKS)


def _names(folders: Sequence[Path]) -> list[str]:
    """Return what each run is called: the end of its path, with so much before it that no two are called alike."""
    for depth in range(1, max(len(f.parts) for f in folders)):
        names = ["/".join(f.parts[-depth:]) for f in folders]
        if len(set(names)) == len(names):
            return names
    return [str(f) for f in folders]


def _legend(sides: Sequence[_Side]) -> str:
    keys = "".join(f'<li><span style="background:{s.color}"></span>{escape(s.name)}</li>' for s in sides)
    return f'<ul class="legend" aria-label="Colours of the runs">{keys}</ul>'


def _top(sides: Sequence[_Side]) -> str:
    made = [s.run.made for s in sides]
    tags = "".join(
        f"<span>{escape(s.name)}{'' if m is None or m.seed is None else escape(f', seed {m.seed}')}</span>"
        for s, m in zip(sides, made, strict=True)
    )
    return (
        f'<header class="hero"><div><p class="kicker">{tags}</p><h1>{plural(len(sides), "run")} side by side</h1>'
        '<p class="story">Each figure is what a run’s own stages measured. Where their scenes, seeds or numbers of '
        "episodes differ, so does what is compared: the table at the end says in what the runs differ.</p>"
        f"{_legend(sides)}</div></header>"
    )


@dataclass(frozen=True)
class _Figure:
    """A number of a run."""

    title: str
    of: Callable[[_Side], float | None]
    write: Callable[[_Side], str]
    """With its interval, or of how many."""


def _steps(side: _Side) -> float | None:
    found = side.run.discovery
    return None if found is None else found.env_steps


def _mean_best(side: _Side) -> float | None:
    found = [s.success for s in side.best.values()]
    return sum(found) / len(found) if found else None


def _withstood(side: _Side) -> float | None:
    areas = [c.area for c in _families(side).values() if c.area is not None]
    return sum(areas) / len(areas) if areas else None


def _skills(side: _Side) -> float | None:
    joint = side.run.counted.joint if side.run.counted else None
    return None if joint is None else joint.skills


def _skills_text(side: _Side) -> str:
    joint = side.run.counted.joint if side.run.counted else None
    return "–" if joint is None else f"{joint.skills:.1f} ({joint.low:.1f} to {joint.high:.1f})"


def _plans_text(side: _Side) -> str:
    plan = side.run.planning
    return "–" if plan is None else f"{plan.solved} of {plan.goals}"


def _chains_text(side: _Side) -> str:
    found = side.run.chains
    return "–" if found is None else f"{found.mean_completed:.2f} ({found.low:.2f} to {found.high:.2f})"


_FIGURES: Final = (
    _Figure("Distinct skills on a thing", _skills, _skills_text),
    _Figure(
        "The same as a sum over effects, at 2 cm",
        lambda s: None if s.run.counted is None else s.run.counted.effective_skills_2cm,
        lambda s: "–" if s.run.counted is None else f"{s.run.counted.effective_skills_2cm:.1f}",
    ),
    _Figure(
        "Tasks named",
        lambda s: None if s.run.naming is None else float(len(s.best)),
        lambda s: "–" if s.run.naming is None else str(len(s.best)),
    ),
    _Figure("Mean success at its named tasks", _mean_best, lambda s: percent(_mean_best(s))),
    _Figure(
        "Goals reached by plans",
        lambda s: (
            None if not s.run.planning or not s.run.planning.goals else s.run.planning.solved / s.run.planning.goals
        ),
        _plans_text,
    ),
    _Figure("Goals in a row", lambda s: None if s.run.chains is None else s.run.chains.mean_completed, _chains_text),
    _Figure("Mean success under disturbances", _withstood, lambda s: percent(_withstood(s))),
    _Figure("Control steps of discovery", _steps, lambda s: "–" if _steps(s) is None else short(_steps(s) or 0.0)),
)


def _figures(sides: Sequence[_Side]) -> str:
    known = [f for f in _FIGURES if any(f.of(s) is not None for s in sides)]
    if not known:
        return ""
    panels = ""
    for one in known:
        rows = [(s.name, value, False) for s in sides if (value := one.of(s)) is not None]
        spoken = f"{one.title}: " + ", ".join(f"{s.name} {one.write(s)}" for s in sides)
        shown = {s.name: one.write(s) for s in sides}
        panels += figure(one.title, _bars(sides, rows, spoken, shown))
    cells = [[one.title, *(one.write(s) for s in sides)] for one in known]
    folded = details("The same as a table", table(["figure", *(s.name for s in sides)], cells))
    lead = "Intervals, in brackets, are of 95%. Where a run lacks a stage, it has no bar."
    return section("figures", "Figures", lead, f'<div class="panels">{panels}</div>{folded}')


def _bars(
    sides: Sequence[_Side], rows: Sequence[tuple[str, float, bool]], label: str, said: Mapping[str, str] | None = None
) -> str:
    colors = {s.name: s.color for s in sides}
    written = [said[name] for name, *_ in rows] if said else None
    return bars(rows, label, written=written, colors=[colors[name] for name, *_ in rows])


def _tasks(sides: Sequence[_Side]) -> str:
    tasks = {task for s in sides for task in s.best}
    if not tasks:
        return ""
    found = {t: [s.best.get(t) for s in sides] for t in tasks}
    order = sorted(tasks, key=lambda t: (-sum(b.success for b in found[t] if b) / len(sides), t))
    rows = [(nice(t), [None if b is None else (b.success, b.low, b.high) for b in found[t]]) for t in order]
    colors = [(s.name, s.color) for s in sides]
    everywhere = sum(all(found[t]) for t in tasks)
    label = f"Success at {plural(len(tasks), 'task')} that any of the runs has a name for, {everywhere} of them all"
    cells = [[t, *("–" if b is None else rate_text(b.success, b.low, b.high) for b in found[t])] for t in order]
    folded = details("The same as a table", table(["task", *(s.name for s in sides)], cells))
    lead = (
        f"The best skill of each task, on scenes that had no part in choosing it. {plural(everywhere, 'task')} of"
        f" {len(tasks)} have a name in all runs. No dot: no skill of that run earned the name."
    )
    body = f'{_legend(sides)}<div class="panel">{rates_beside(rows, colors, label)}</div>{folded}'
    return section("tasks", "Success by task", lead, body)


def _kinds(sides: Sequence[_Side]) -> str:
    joints = [(s, s.run.counted.joint) for s in sides if s.run.counted and s.run.counted.joint]
    kinds = list(dict.fromkeys(kind for _, joint in joints for kind in joint.categories))
    if len(joints) < 2 or not kinds:
        return ""
    panels, cells = "", []
    for kind in kinds:
        counts = [(s, joint.categories[kind]) for s, joint in joints if kind in joint.categories]
        rows = [(s.name, round(c.skills, 1), False) for s, c in counts]
        label = f"Distinct skills on {nice(kind)}: " + ", ".join(f"{name} {short(v)}" for name, v, _ in rows)
        panels += figure(nice(kind).capitalize(), _bars(sides, rows, label))
        said = {s.name: f"{c.skills:.1f} ({c.low:.1f} to {c.high:.1f})" for s, c in counts}
        cells.append([nice(kind), *(said.get(s.name, "–") for s in sides)])
    folded = details("The same as a table", table(["kind", *(s.name for s in sides)], cells))
    lead = "How many skills could be told apart by what became of a thing of that kind. Doing nothing counts as one."
    return section("kinds", "Distinct skills by kind of thing", lead, f'<div class="panels">{panels}</div>{folded}')


def _families(side: _Side) -> Mapping[str, Curve]:
    found = side.run.robustness
    return {name: c for name, c in found.families.items() if c.success} if found else {}


def _perturbations(sides: Sequence[_Side]) -> str:
    families = list(dict.fromkeys(name for s in sides for name in _families(s)))
    there = [s for s in sides if _families(s)]
    if len(there) < 2:
        return ""
    axes = [nice(f) for f in families]
    areas = {s.name: [c.area if (c := _families(s).get(f)) else None for f in families] for s in there}
    panels = ""
    if len(families) > 2:
        spoken = "; ".join(
            f"{name}: {', '.join(f'{a} {percent(v)}' for a, v in zip(axes, values, strict=True))}"
            for name, values in areas.items()
        )
        rings = [Ring(s.name, areas[s.name], s.color) for s in there]
        panels += figure("Mean success over the range", radar(axes, rings, f"Mean success. {spoken}"))
    for family in families:
        curves = [(s, _families(s)[family]) for s in there if family in _families(s)]
        series = [Series(s.name, c.magnitudes, c.success, c.low, c.high, s.color) for s, c in curves]
        label = f"Success under {nice(family)}: " + "; ".join(
            f"{s.name} {', '.join(percent(v) for v in c.success)}" for s, c in curves
        )
        unit = curves[0][1].unit or "strength"
        chart = lines(series, label, x_name=unit, y_range=(0.0, 1.0), rates=True, marks=True)
        panels += figure(nice(family).capitalize(), chart)
    cells = [[axis, *(percent(areas[s.name][i]) for s in there)] for i, axis in enumerate(axes)]
    folded = details("Means over the range as a table", table(["disturbance", *(s.name for s in there)], cells))
    lead = "Success while the world is pushed, delayed or blurred. Bands are 95% intervals."
    body = f'{_legend(there)}<div class="panels">{panels}</div>{folded}'
    return section("perturb", "What holds when things go wrong", lead, body)


def _chains(sides: Sequence[_Side]) -> str:
    there = [(s, s.run.chains) for s in sides if s.run.chains and s.run.chains.at_least]
    if len(there) < 2:
        return ""
    series = []
    for side, found in there:
        rows = found.at_least
        x = [float(r.goals) for r in rows]
        columns = ([r.share for r in rows], [r.low for r in rows], [r.high for r in rows])
        series.append(Series(side.name, x, *columns, side.color))
    spoken = "; ".join(f"{s.name} {', '.join(percent(r.share) for r in c.at_least)}" for s, c in there)
    label = f"Share of chains with at least 1, 2, … goals reached: {spoken}"
    chart = lines(series, label, x_name="goals reached", y_range=(0.0, 1.0), rates=True, marks=True)
    seeds = {(c.seed, c.chains, c.card) for _, c in there}
    same = (
        "The chains are the same." if len(seeds) == 1 else "The chains are not the same: card, seed or number differ."
    )
    lead = f"Goals one after another in one scene, until one is not reached. {same}"
    most = max(len(c.at_least) for _, c in there)
    cells = [
        [plural(i + 1, "goal"), *(percent(c.at_least[i].share) if i < len(c.at_least) else "–" for _, c in there)]
        for i in range(most)
    ]
    folded = details("The same as a table", table(["at least", *(s.name for s, _ in there)], cells))
    body = f'<div class="panels">{figure("Share of chains", chart)}</div>{folded}'
    return section("chains", "Goals in a row", lead, body)


def _curves(sides: Sequence[_Side]) -> str:
    keys = {key for s in sides for row in s.run.metrics for key in row if "/" not in key and key.startswith(_CURVES)}
    panels = ""
    for key in sorted(keys, key=lambda k: next(i for i, first in enumerate(_CURVES) if k.startswith(first))):
        series = []
        for side in sides:
            found = [
                (float(row[axis]), row[key])
                for row in side.run.metrics
                for axis in _STEPS
                if axis in row and key in row
            ]
            if len(found) > 1:
                x, y = thinned([a for a, _ in found], [b for _, b in found])
                series.append(Series(side.name, x, y, color=side.color))
        if len(series) > 1:
            ends = ", ".join(f"{one.name} {short(one.y[-1])}" for one in series)
            panels += figure(nice(key).capitalize(), lines(series, f"{nice(key)} ends at: {ends}", x_name="steps"))
    if not panels:
        return ""
    lead = "What the discoveries noted on the way, by control steps."
    return section("curves", "Learning", lead, f'{_legend(sides)}<div class="panels">{panels}</div>')


def _settings(sides: Sequence[_Side]) -> str:
    made = [dict(s.run.made.settings) | {"version": s.run.made.version or "–"} if s.run.made else {} for s in sides]
    keys = list(dict.fromkeys(key for settings in made for key in settings))
    cells = [[key, *(settings.get(key, "–") for settings in made)] for key in keys]
    differ = [row for row in cells if len(set(row[1:])) > 1]
    if not keys:
        return ""
    alike = len(cells) - len(differ)
    lead = f"{plural(alike, 'setting')} of {len(cells)} are the same in all runs."
    body = table(["setting", *(s.name for s in sides)], differ) if differ else ""
    commands = [[s.name, s.run.made.command or "–"] for s in sides if s.run.made]
    body += details("Commands", table(["run", "command"], commands))
    return section("settings", "In what the runs differ", lead, body)
