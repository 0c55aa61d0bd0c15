"""Small pieces of HTML that several sections share."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from tabletop.report.charts import percent

__all__ = ["baselines_text", "called", "command", "details", "figure", "nice", "section", "table"]


def nice(name: str) -> str:
    """Return a name from a file as people write it: "friction_low" becomes "friction low"."""
    return name.replace("_", " ").strip()


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table of texts; the first column names the row."""
    top = "".join(f'<th scope="col">{escape(h)}</th>' for h in head)
    body = "".join(
        f'<tr><th scope="row">{escape(row[0])}</th>' + "".join(f"<td>{escape(v)}</td>" for v in row[1:]) + "</tr>"
        for row in rows
    )
    return f'<div class="scroll"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'


def called(folder: Path) -> str:
    """Return what a command line calls a run's folder: its path as it was given, without the way to it if absolute."""
    return shlex.quote(folder.name if folder.is_absolute() else str(folder))


def command(line: str) -> str:
    """Return a command line to copy: one click selects all of it."""
    return f'<p class="copy"><code>{escape(line)}</code></p>'


def details(summary: str, content: str) -> str:
    """Return content that is folded away until it is asked for."""
    return f"<details><summary>{escape(summary)}</summary>{content}</details>"


def figure(title: str, picture: str, note: str = "") -> str:
    """Return a picture with its title above and a note below; title and note are texts."""
    foot = f"<p>{escape(note)}</p>" if note else ""
    return f'<figure class="panel"><figcaption>{escape(title)}</figcaption>{picture}{foot}</figure>'


def section(key: str, title: str, lead: str, content: str) -> str:
    """Return a section with its heading; `lead` is a text, `content` HTML."""
    return (
        f'<section id="{key}" aria-labelledby="{key}-title"><h2 id="{key}-title">{escape(title)}</h2>'
        f'<p class="lead">{escape(lead)}</p>{content}</section>'
    )


def baselines_text(baselines: Mapping[str, float]) -> str:
    """Return the baselines of a rate in words: "random 2% · nothing 0%"."""
    return " · ".join(f"{nice(name)}\u00a0{percent(rate)}" for name, rate in baselines.items())
