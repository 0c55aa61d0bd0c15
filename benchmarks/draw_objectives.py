"""Draw what benchmarks/objectives.py measured, and print it as a table in Markdown.

    python benchmarks/draw_objectives.py

Curves are interquartile means over the seeds of effective skills at 2 cm, with their 95 % intervals; they begin with
the untrained network's, which is a floor.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tabletop.paths import write_whole
from tabletop.report.charts import Series, lines, panels

METRIC: Final = "effective_skills_2cm"
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
}
"""The same of the second: what the default is without."""


def curve(name: str, case: Mapping[str, Any], steps: int, color: str) -> Series:
    """Return a case's curve over control steps."""
    points = sorted(((float(share), p) for share, p in case["points"].items()), key=lambda p: p[0])
    least = next(p["floors"]["untrained"][METRIC] for _, p in points if "floors" in p)
    found = [p[METRIC] for _, p in points]
    return Series(
        name,
        [0, *(share * steps for share, _ in points)],
        [least, *(f["iqm"] for f in found)],
        [least, *(f["interval"][0] for f in found)],
        [least, *(f["interval"][1] for f in found)],
        color,
    )


def picture(result: Mapping[str, Any]) -> str:
    """Return the objectives' curves, and the default's without one of its parts, beside each other."""
    cases, steps = result["cases"], result["steps"]
    charts = []
    for title, names in (("objectives", OBJECTIVES), ("the default without", PARTS)):
        drawn = zip(names.items(), COLORS, strict=False)
        series = [curve(label, cases[name], steps, color) for (name, label), color in drawn if name in cases]
        charts.append((f"{title}: effective skills at 2 cm", lines(series, title, x_name="control steps")))
    return panels(charts)


def table(cases: Mapping[str, Any]) -> Sequence[str]:
    """Return rows in Markdown of what is at the end of its budget, the best first."""

    def cell(point: Mapping[str, Any] | None, metric: str = METRIC) -> str:
        if point is None:
            return ""
        form = "{iqm:.1f} [{interval[0]:.1f}, {interval[1]:.1f}]" if point["seeds"] > 1 else "{iqm:.1f}"
        return form.format(**point[metric])

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
    parser.add_argument("--picture", type=Path, default=Path("docs/objectives.svg"))
    options = parser.parse_args()
    if not options.results.is_file():
        parser.error(f"no file {str(options.results)!r}: benchmarks/objectives.py writes it")
    result = json.loads(options.results.read_text(encoding="utf-8"))
    print("\n".join(table(result["cases"])))
    write_whole(options.picture, picture(result))


if __name__ == "__main__":
    main()
