"""Pages about things, scenes, tasks, robots and libraries: a picture, what the card says, and whose it is.

A page holds its picture, and needs no network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Final

from tabletop.files import make_folder, read_text, write_whole
from tabletop.logic.task import load_registry
from tabletop.naming.listing import library_rows
from tabletop.progress import track
from tabletop.projects import PACKAGE, active, find, find_libraries, origin
from tabletop.report.clips import encode_still
from tabletop.report.html import section, table
from tabletop.report.page import whole_page
from tabletop.report.pictures import uri
from tabletop.runs.lock import alone_in
from tabletop.sim.camera import Image
from tabletop.sim.cards import load_cards
from tabletop.sim.generate import SceneCard, generate, load_scene_card
from tabletop.sim.listing import robot_rows
from tabletop.sim.viewpoints import framing
from tabletop.sim.world import World

__all__ = ["write_catalogue"]

_WIDTH, _HEIGHT = 480, 360
_SCENE: Final = 0
_FOLDERS: Final = {
    "objects": ("Objects", "Things that lie loose on the table."),
    "fixtures": ("Fixtures", "Things that stand fast, and those with a moving part."),
    "scenes": ("Scenes", "What a scene card puts on the table; its first scene is shown."),
    "tasks": ("Tasks", "What there is to do; a task is done where its formula holds."),
    "robots": ("Robots", "Arms with a gripper."),
    "libraries": ("Libraries", "Skills that were discovered."),
}


@dataclass(frozen=True)
class _Entry:
    """What a page is about."""

    folder: str
    name: str
    path: Path
    """Of its card."""
    says: str
    """One sentence."""
    figures: Sequence[tuple[str, str]]
    """Names and values."""
    draw: Callable[[], Image] | None = None
    texts: Sequence[tuple[str, Path]] = ()
    """Titles and files that the page shows as they are, beside the card."""

    @property
    def place(self) -> str:
        """Path of the page in the folder of all."""
        return f"{self.folder}/{self.name}.html"


def write_catalogue(folder: Path, everything: bool = False) -> tuple[Path, ...]:
    """Write a page for each thing, scene, task, robot and library of the projects in use, and index.html.

    Args:
        folder: where to; pages that are there are replaced.
        everything: of the package, too. Where no project is in use it is the package's anyway.

    Returns:
        The pages, index.html first.

    Raises:
        TabletopError: a card is malformed (nothing is written then), or another process is at work there.
    """
    entries = [e for e in _entries() if everything or not active() or origin(e.path) != PACKAGE]
    pages: dict[str, str] = {}
    shown: list[tuple[_Entry, str]] = []
    for entry in track(entries, "docs", unit="pages"):
        picture = "" if entry.draw is None else uri(encode_still(entry.draw().rgb))
        pages[entry.place] = _page(entry, picture)
        shown.append((entry, picture))
    pages["index.html"] = _index(shown)
    with alone_in(folder):
        for place, text in pages.items():  # The index last: what it leads to is there.
            target = folder / place
            make_folder(target.parent)
            write_whole(target, text.encode("utf-8", "replace"))
    return (folder / "index.html", *(folder / e.place for e in entries))


def _entries() -> Iterator[_Entry]:
    cards = load_cards()
    for folder in ("objects", "fixtures"):
        for name, path in find(f"assets/{folder}").items():
            card, alone = cards[name], {"entities": {name: name}}
            figures = [("body type", card.body_type), ("can be grasped", "yes" if card.graspable else "no")]
            yield _Entry(folder, name, path, card.description, figures, _drawing(alone, near=True))
    for name, path in find("assets/scenes").items():
        scene = load_scene_card(name)
        says = f"With {', '.join(map(str, scene.get('entities', {}))) or 'nothing of its own'}."
        yield _Entry("scenes", name, path, says, (), _drawing(scene))
    scripts = {title: find(f"policies/{title}") for title in ("scripted", "counterexamples")}
    tasks = find("tasks/*")
    for task in load_registry().values():
        figures = [("done where", str(task.success)), ("control steps", str(task.horizon)), ("family", task.family)]
        figures += [("tags", ", ".join(task.tags))] if task.tags else []
        texts = [(title, found[task.name]) for title, found in scripts.items() if task.name in found]
        draw = _drawing(task.scene, near=True)
        yield _Entry("tasks", task.name, tasks[task.name], task.description, figures, draw, texts)
    robots = find("assets/robots")
    for row in robot_rows():
        figures = [("joints", str(row["joints"])), ("fingers open", f"{100 * row['max_width']:.1f} cm")]
        name = row["robot"]
        says = f"An arm of {row['joints']} joints with a gripper."
        yield _Entry("robots", name, robots[name], says, figures, _portrait(name))
    libraries = find_libraries()
    for row in library_rows():
        name, named = row["library"], row["tasks"]
        says = f"{row['skills']} skills, discovered by the objective {row['objective'] or 'that it does not say'}."
        figures = [("tasks named", "not yet" if named is None else ", ".join(named) or "none")]
        yield _Entry("libraries", name, libraries[name] / "library.yaml", says, figures)


def _drawing(card: SceneCard, near: bool = False) -> Callable[[], Image]:
    def draw() -> Image:
        scene = generate(card, _SCENE)
        with World() as world:
            world.load(scene)
            return world.render(_WIDTH, _HEIGHT, framing(scene) if near else None)

    return draw


def _portrait(robot: str) -> Callable[[], Image]:
    def draw() -> Image:
        with World(robot) as world:
            world.load(generate({"entities": {}}, _SCENE))
            return world.render(_WIDTH, _HEIGHT)

    return draw


def _whose(entry: _Entry) -> str:
    """Return whose something is, and where in the project it lies."""
    for project in active():
        if entry.path.is_relative_to(project.root):
            return f"{project.name}: {entry.path.relative_to(project.root).as_posix()}"
    return PACKAGE


def _image(entry: _Entry, picture: str) -> str:
    return f'<img class="clip" alt="{escape(entry.name)}" src="{picture}">' if picture else ""


def _page(entry: _Entry, picture: str) -> str:
    back = f'<a href="../index.html">{escape(_FOLDERS[entry.folder][0])}</a>'
    shown = f'<figure class="hero-clip">{_image(entry, picture)}</figure>' if picture else ""
    top = (
        f'<header class="hero{" with-clip" if picture else ""}"><div><p class="kicker"><span>{back}</span>'
        f"<span>{escape(_whose(entry))}</span></p><h1>{escape(entry.name)}</h1>"
        f'<p class="story">{escape(entry.says)}</p></div>{shown}</header>'
    )
    sections = []
    if entry.figures:
        rows = [[name, value] for name, value in entry.figures]
        sections.append(section("figures", "In short", "What its card comes to.", table(["field", "value"], rows)))
    texts = [("card", entry.path), *entry.texts]
    for title, path in texts:
        text = f'<pre class="scroll">{escape(read_text(path, f"card {path.name!r}"))}</pre>'
        sections.append(section(title, title.capitalize(), "/".join(path.parts[-3:]), text))
    links = {"figures": "In short", **{title: title.capitalize() for title, _ in texts}}
    return whole_page(f"{entry.name} · tabletop", "tabletop docs", top, sections, links)


def _index(shown: Sequence[tuple[_Entry, str]]) -> str:
    names = ", ".join(project.name for project in active()) or PACKAGE
    top = (
        f'<header class="hero"><div><h1>{escape(names)}</h1><p class="story">{len(shown)} pages: what there is to put '
        "on the table and to do there.</p></div></header>"
    )
    sections = []
    for folder, (title, lead) in _FOLDERS.items():
        cards = "".join(_tile(entry, picture) for entry, picture in shown if entry.folder == folder)
        sections.append(section(folder, title, lead, f'<div class="cards small">{cards}</div>') if cards else "")
    links = {folder: title for folder, (title, _) in _FOLDERS.items()}
    return whole_page(f"{names} · tabletop", "tabletop docs", top, sections, links)


def _tile(entry: _Entry, picture: str) -> str:
    return (
        f'<article class="card"><a href="{escape(entry.place)}">{_image(entry, picture)}</a><div class="card-text">'
        f'<div class="card-head"><h3><a href="{escape(entry.place)}">{escape(entry.name)}</a></h3></div>'
        f'<p class="phrase">{escape(entry.says)}</p><p class="tags"><span>{escape(_whose(entry))}</span></p></div>'
        "</article>"
    )
