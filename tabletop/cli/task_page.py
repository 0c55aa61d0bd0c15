"""The page about all tasks: a picture of each one's scene, what is to be done, its formula, horizon and tags."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Final

import cv2

from tabletop.files import write_whole
from tabletop.logic import Task
from tabletop.runs.lock import alone_in
from tabletop.sim import World, framing, generate

__all__ = ["task_page", "write_task_page"]

_WIDTH: Final = 240
_HEIGHT: Final = 180
_QUALITY: Final = 70
_SCENE: Final = 0


def task_page(tasks: Sequence[Task]) -> str:
    """Return the page as Markdown; it refers to pictures tasks/NAME.webp beside it."""
    lines = [
        "# Tasks",
        "",
        "Generated: `tabletop tasks --out docs` writes this page and its pictures, each of the task's first scene.",
        "A task is done where its formula holds; the horizon is in control steps of 0.1 s.",
    ]
    for family, members in groupby(tasks, key=lambda t: t.family):
        lines += ["", f"## {family}", "", "| scene | task |", "| --- | --- |"]
        for task in members:
            tags = f" · {', '.join(task.tags)}" if task.tags else ""
            text = f"**{task.name}**: {task.description}<br>`{task.success}`<br>{task.horizon} steps{tags}"
            lines.append(f"| ![{task.name}](tasks/{task.name}.webp) | {text} |")
    return "\n".join(lines) + "\n"


def write_task_page(folder: Path, tasks: Sequence[Task]) -> Path:
    """Write tasks.md and the pictures into a folder; return the page's path."""
    pictures = folder / "tasks"
    with alone_in(folder), World() as world:
        pictures.mkdir(exist_ok=True)
        for task in tasks:
            scene = generate(task.scene, _SCENE)
            world.load(scene)
            picture = world.render(_WIDTH, _HEIGHT, framing(scene)).rgb[..., ::-1]
            _, data = cv2.imencode(".webp", picture, [cv2.IMWRITE_WEBP_QUALITY, _QUALITY])
            write_whole(pictures / f"{task.name}.webp", data.tobytes())
        page = folder / "tasks.md"
        write_whole(page, task_page(tasks))
    return page
