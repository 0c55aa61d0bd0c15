"""The report: one self-contained HTML file that shows a run folder to somebody who has never seen one."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import Final

from tabletop.files import check_out, read_text, write_whole
from tabletop.report.closing import how_made, how_to_read
from tabletop.report.counted import count_section, empowerment
from tabletop.report.gallery import chains, named_skills, nameless_skills, plans, tasks
from tabletop.report.headline import headline
from tabletop.report.pictures import Pictures
from tabletop.report.results import curves, ends, matrix, perturbations
from tabletop.runs.read import read_run
from tabletop.runs.run import Run
from tabletop.skills.library import load_library

__all__ = ["page", "run_in", "whole_page", "write_report"]

_HERE = Path(__file__).resolve().parent
_LINKS: Final = {
    "tasks": "Tasks",
    "skills": "Skills",
    "plans": "Plans",
    "chains": "Chains",
    "perturb": "Disturbances",
    "nameless": "Nameless",
    "count": "Count",
    "empowerment": "Empowerment",
    "ends": "Ends",
    "matrix": "Matrix",
    "curves": "Learning",
    "reading": "How to read",
    "made": "How made",
}
"""What the links to the sections say."""


def whole_page(title: str, made_by: str, top: str, sections: Sequence[str], links: Mapping[str, str]) -> str:
    """Return one HTML text without a link to anything outside it.

    Args:
        title: of the window.
        made_by: the command, for the foot.
        top: HTML above the sections.
        sections: HTML of each, "" for one that is not there.
        links: what the link to each section says, by its id.
    """
    shown = [s for s in sections if s]
    found = (re.match(r'<section id="(\w+)"', s) for s in shown)
    parts = {name: read_text(_HERE / f"page.{name}", f"page.{name}") for name in ("html", "css", "js")}
    frame = Template(parts["html"])
    return frame.substitute(
        title=escape(title),
        style=parts["css"],
        script=parts["js"],
        navigation="".join(f'<a href="#{m[1]}">{links[m[1]]}</a>' for m in found if m),
        headline=top,
        sections="\n".join(shown),
        made_by=escape(made_by),
    )


def page(run: Run) -> str:
    """Return the page of a run as one HTML text without a link to anything outside it.

    Raises:
        TabletopError: a clip is no picture.
    """
    pictures = Pictures(run.folder)
    top = headline(run, pictures)
    naming, planning = run.naming, run.planning
    sections = [
        tasks(naming) if naming else "",
        named_skills(naming, pictures) if naming else "",
        plans(planning, naming, pictures) if planning else "",
        chains(run.chains, pictures) if run.chains else "",
        perturbations(run.robustness) if run.robustness else "",
        nameless_skills(naming, pictures) if naming else "",
        count_section(run.counted.joint) if run.counted and run.counted.joint else "",
        empowerment(run.counted.joint) if run.counted and run.counted.joint else "",
        ends(run.discovery) if run.discovery else "",
        matrix(naming) if naming else "",
        curves(run.metrics),
        how_to_read(run),
        how_made(run),
    ]
    title = f"{run.folder.resolve().name} · tabletop"
    return whole_page(title, "tabletop report", top, sections, _LINKS)


def run_in(folder: Path) -> Run:
    """Read what a run's folder holds; where its library is there, the files must be of that one.

    Raises:
        TabletopError: no such folder, nothing in it to show, or a file of a wrong shape or of another library.
    """
    own = folder / "library"
    digest = load_library(own).digest if (own / "library.yaml").is_file() else None
    return read_run(folder, digest)


def write_report(folder: Path) -> Path:
    """Write report.html into a run folder from what its stages left there, and return its path.

    The page holds all its pictures and needs no network; a stage that was not run has no section. The
    file appears whole or not at all, and is the same byte for byte for the same folder.

    Raises:
        TabletopError: no such folder, nothing in it to show, or a file of a wrong shape.
    """
    if Path(folder).is_dir():
        check_out(Path(folder) / "report.html", "the report")
    text = page(run_in(Path(folder)))
    target = Path(folder) / "report.html"
    # A folder's name may be no text.
    write_whole(target, text.encode("utf-8", "replace"))
    return target
