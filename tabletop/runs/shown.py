"""What every result can do: show itself as text, in a notebook, as a table and as a plot."""

from __future__ import annotations

import os
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tabletop.errors import TabletopError
from tabletop.files import make_folder, writing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Shown"]

_LONGEST: Final = 60
"""Rows of a text; the table has all of them."""
_IN_LEGEND: Final = 14
"""Names of a legend at most; more would hide the curves."""
_PER_ROW: Final = 3
"""Panels of a figure beside each other."""


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


class Shown:
    """A result with rows. `repr` and notebooks show them; `to_frame` and `plot` need pandas and matplotlib."""

    def rows(self) -> list[dict[str, Any]]:
        """Return the result as rows of one table, in long format."""
        raise NotImplementedError

    def title(self) -> str:
        """Return the result in one line."""
        raise NotImplementedError

    def __repr__(self) -> str:
        """Return the title and a table of text."""
        rows = self.rows()
        if not rows:
            return self.title()
        names = list(dict.fromkeys(name for row in rows for name in row))
        table = [names, *([_cell(row.get(name)) for name in names] for row in rows[:_LONGEST])]
        widths = [max(len(line[i]) for line in table) for i in range(len(names))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in table]
        more = [f"... {len(rows) - _LONGEST} more rows"] if len(rows) > _LONGEST else []
        return "\n".join([self.title(), *(line.rstrip() for line in lines), *more])

    def _repr_html_(self) -> str:
        rows = self.rows()
        names = list(dict.fromkeys(name for row in rows for name in row))
        head = "".join(f"<th>{escape(name)}</th>" for name in names)
        body = "".join(
            "<tr>" + "".join(f"<td>{escape(_cell(row.get(name)))}</td>" for name in names) + "</tr>" for row in rows
        )
        return f"<p>{escape(self.title())}</p><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"

    def to_frame(self) -> Any:
        """Return the rows as a pandas DataFrame.

        Raises:
            TabletopError: pandas is not installed.
        """
        try:
            import pandas
        except ImportError:
            raise TabletopError("to_frame needs pandas: pip install 'tabletop[plot]'") from None
        return pandas.DataFrame(self.rows())

    def plot(self, path: str | os.PathLike[str] | None = None) -> Figure:
        """Return the result as a figure: rates with their intervals, or curves over magnitudes.

        Args:
            path: where to write it, too: a file that ends with .svg, .png or .pdf.

        Raises:
            TabletopError: matplotlib is not installed (the extra `plot`), there is nothing to draw, or the file's
                ending is another.
        """
        if path is not None and os.path.splitext(path)[1] not in {".svg", ".png", ".pdf"}:
            raise TabletopError(f"a plot is written to a .svg, .png or .pdf file, got {os.fspath(path)!r}")
        try:
            from matplotlib.figure import Figure
        except ImportError:
            raise TabletopError("plot needs matplotlib: pip install 'tabletop[plot]'") from None
        rows = self.rows()
        if not rows:
            raise TabletopError(f"there is nothing to draw: {self.title()}")
        figure = Figure(layout="constrained")
        if "magnitude" in rows[0]:
            _curves(figure, rows)
        else:
            figure.set_size_inches(7.0, 1.2 + 0.28 * len(rows))
            _bars(figure.add_subplot(), rows)
        figure.suptitle(self.title(), fontsize=10)
        if path is not None:
            make_folder(Path(path).parent)
            with writing(Path(path)) as temporary:
                figure.savefig(temporary)
        return figure


def _bars(axes: Axes, rows: Sequence[dict[str, Any]]) -> None:
    """Draw one value a row, the first on top, with its interval where there is one."""
    label = next(iter(rows[0]))
    value = next(name for name in ("success", "at_2cm", "completed") if name in rows[0])
    values = [float(row[value]) for row in rows]
    error = None
    if "low" in rows[0]:
        # A task without a skill has no interval.
        pairs = list(zip(values, rows, strict=True))
        error = [
            [0.0 if row["low"] is None else max(0.0, v - row["low"]) for v, row in pairs],
            [0.0 if row["high"] is None else max(0.0, row["high"] - v) for v, row in pairs],
        ]
    places = range(len(rows))
    axes.barh(places, values, xerr=error, color="#0e7568", ecolor="#20262b", height=0.7)
    axes.set_yticks(places, [str(row[label]) for row in rows], fontsize=8)
    axes.invert_yaxis()
    axes.margins(y=0.01)
    axes.set_xlabel({"at_2cm": "effective skills at 2 cm"}.get(value, value))
    if error is not None:
        axes.set_xlim(0.0, 1.0)


def _curves(figure: Figure, rows: Sequence[dict[str, Any]]) -> None:
    """Draw success over magnitude, a panel a family: all tasks together with the interval, each task as a thin line."""
    families = list(dict.fromkeys(row["family"] for row in rows))
    across = min(_PER_ROW, len(families))
    down = -(-len(families) // across)
    figure.set_size_inches(3.4 * across, 2.6 * down + 0.4)
    for i, family in enumerate(families):
        axes = figure.add_subplot(down, across, i + 1)
        own = [row for row in rows if row["family"] == family]
        for task in dict.fromkeys(row["task"] for row in own):
            line = [row for row in own if row["task"] == task]
            x, y = [row["magnitude"] for row in line], [row["success"] for row in line]
            if task == "all":
                low, high = [r["low"] for r in line], [r["high"] for r in line]
                axes.fill_between(x, low, high, color="#bfe0d9", label="95 % interval")
                axes.plot(x, y, color="#0e7568", marker="o", markersize=3, label="all tasks")
            else:
                axes.plot(x, y, linewidth=0.7, alpha=0.6, label=task)
        axes.set_title(family, fontsize=9)
        axes.set_xlabel(str(own[0]["unit"]), fontsize=8)
        axes.set_ylabel("success", fontsize=8)
        axes.set_ylim(0.0, 1.02)
        axes.locator_params(axis="x", nbins=5)
    lines, names = figure.axes[0].get_legend_handles_labels()
    if len(names) <= _IN_LEGEND:
        figure.legend(lines, names, loc="outside lower center", ncols=4, fontsize=7, frameon=False)
