"""Draw what benchmarks/objectives.py measured, and print it as a table in Markdown.

    python benchmarks/draw_objectives.py
    python benchmarks/draw_objectives.py --results benchmarks/results/objectives_half_hour.json

Curves are interquartile means over the seeds of effective skills at 2 cm, with their 95 % intervals; they begin with
the untrained network's, which is a baseline. Where tasks were named (`--name`), their number is drawn beside it.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tabletop.files import write_whole
from tabletop.report.charts import Series, lines, panels

METRIC: Final = "effective_skills_2cm"
NAMED: Final = "named_tasks"
COLORS: Final = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#8a6d00", "#56b4e9", "#7b4fb5", "#a23b3b", "#777", "#333")
OBJECTIVES: Final = {
    "final-state": "final-state",
    "final-state-at-end": "at the end",
    "trajectory": "trajectory",
    "every-state": "every-state",
    "first-and-last": "first-and-last",
    "lsd": "lsd",
    "csd": "csd",
    "metra": "metra",
    "explore-then-discover": "EDL",
    "random": "random",
}
"""Cases of the first panel, and what stands at the end of their lines: 14 characters at most."""
PARTS: Final = {
    "final-state": "all of them",
    "without-precision": "precision",
    "without-noise": "noise",
    "without-mirror": "mirror",
    "final-state/effects/nominal": "starts near",
    "without-hindsight": "hindsight",
    "adapted-temperature": "fixed α",
    "float32": "bfloat16",
}
"""The same of the second: what the default is without."""
PUBLISHED: Final = {
    "final-state": "final-state",
    "every-state": "DIAYN",
    "metra": "METRA",
    "csd": "CSD",
    "every-state/observation/nominal": "DIAYN, publ.",
    "metra/observation/nominal": "METRA, publ.",
    "csd/observation/nominal": "CSD, publ.",
}
"""The same of both panels where tasks were named: with our effects and starts, and as published."""


def names(cases: Mapping[str, Any]) -> bool:
    """Return whether tasks were named, at each point."""
    return all(NAMED in p for case in cases.values() for p in case["points"].values())


def curve(name: str, case: Mapping[str, Any], steps: int, color: str, metric: str = METRIC) -> Series:
    """Return a case's curve over control steps."""
    points = case["points"]
    least = (
        0.0
        if metric == NAMED
        else next(p["baselines"]["untrained"][metric] for p in points.values() if "baselines" in p)
    )
    found = [p[metric] for p in points.values()]
    return Series(
        name,
        [0, *(float(share) * steps for share in points)],
        [least, *(f["iqm"] for f in found)],
        [least, *(f["interval"][0] for f in found)],
        [least, *(f["interval"][1] for f in found)],
        color,
    )


def picture(result: Mapping[str, Any]) -> str:
    """Return two charts beside each other.

    The objectives' curves and the default's without one of its parts; or, where tasks were named, effective skills and
    names.
    """
    cases, steps = result["cases"], result["steps"]
    two: tuple[tuple[str, Mapping[str, str], str], ...] = (
        ("objectives: effective skills at 2 cm", OBJECTIVES, METRIC),
        ("the default without: effective skills at 2 cm", PARTS, METRIC),
    )
    if names(cases):
        two = ("effective skills at 2 cm", PUBLISHED, METRIC), ("named tasks", PUBLISHED, NAMED)
    charts = []
    for title, labels, metric in two:
        drawn = zip(labels.items(), COLORS, strict=False)
        series = [curve(label, cases[name], steps, color, metric) for (name, label), color in drawn if name in cases]
        charts.append((title, lines(series, title, x_name="control steps")))
    return panels(charts)


def cell(point: Mapping[str, Any] | None, metric: str = METRIC) -> str:
    """Return a mean in words, with its interval where there is one."""
    if point is None:
        return ""
    form = "{iqm:.1f} [{interval[0]:.1f}, {interval[1]:.1f}]" if point["seeds"] > 1 else "{iqm:.1f}"
    return form.format(**point[metric])


def table_of_names(cases: Mapping[str, Any]) -> Sequence[str]:
    """Return rows in Markdown of every point, the case with the most names at its end first."""
    # benchmarks/objectives.py keeps points by the share of the budget; here the last is first.
    last_first = [(name, list(case["points"].values())[::-1]) for name, case in cases.items()]
    rows = []
    for name, points in sorted(last_first, key=lambda c: [-c[1][0][m]["iqm"] for m in (NAMED, METRIC)]):
        for i, point in enumerate(points):
            cells = ["" if i else f"`{name}`", f"{point['env_steps'] / 1000:.0f} k", cell(point)]
            cells += [cell(point, "effective_skills_5cm"), f"{point['coverage_bins_5cm']['iqm']:.0f}"]
            rows.append(f"| {' | '.join(cells)} | {point[NAMED]['iqm']:g} |")
    return rows


def table(cases: Mapping[str, Any]) -> Sequence[str]:
    """Return rows in Markdown of what is at the end of its budget, the best first."""
    done = [(name, case) for name, case in cases.items() if "1" in case["points"]]
    best = sorted(done, key=lambda c: -c[1]["points"]["1"][METRIC]["iqm"])
    rows = []
    for name, case in best:
        end, half = case["points"]["1"], case["points"].get("0.5")
        bins = f"{end['coverage_bins_5cm']['iqm']:.0f}"
        cells = [f"`{name}`", str(end["seeds"]), cell(end), cell(end, "effective_skills_5cm"), bins, cell(half)]
        rows.append(f"| {' | '.join(cells)} |")
    return rows


def main() -> None:
    """Print the table and write the picture."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--results", type=Path, default=Path("benchmarks/results/objectives.json"))
    parser.add_argument("--picture", type=Path, help="default docs/, with the results' name")
    options = parser.parse_args()
    if not options.results.is_file():
        parser.error(f"no file {str(options.results)!r}: benchmarks/objectives.py writes it")
    result = json.loads(options.results.read_text(encoding="utf-8"))
    cases = result["cases"]
    print("\n".join(table_of_names(cases) if names(cases) else table(cases)))
    write_whole(options.picture or Path("docs", options.results.stem + ".svg"), picture(result))


if __name__ == "__main__":
    main()
