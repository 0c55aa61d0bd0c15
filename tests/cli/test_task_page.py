"""docs/tasks.md says what the registry says, and has a picture of each task."""

from __future__ import annotations

from pathlib import Path

import cv2

from tabletop.cli.task_page import task_page, write_task_page
from tabletop.logic import load_registry

DOCS = Path(__file__).parents[2] / "docs"
REGISTRY = load_registry()


def test_the_page_is_up_to_date() -> None:
    text = (DOCS / "tasks.md").read_text(encoding="utf-8")
    assert text == task_page(tuple(REGISTRY.values())), "run: tabletop tasks --out docs"


def test_there_is_a_picture_of_each_task_and_of_nothing_else() -> None:
    pictures = {p.stem: cv2.imread(str(p)) for p in (DOCS / "tasks").iterdir()}
    assert set(pictures) == set(REGISTRY)
    assert [n for n, p in pictures.items() if p.shape != (180, 240, 3) or p.std() < 10] == []


def test_the_page_has_all_there_is_to_say_of_a_task() -> None:
    page = task_page([REGISTRY["push"]])
    for part in (
        "## push",
        "**push**",
        REGISTRY["push"].description,
        str(REGISTRY["push"].success),
        "100 steps",
        "mt10",
    ):
        assert part in page


def test_writing_makes_the_page_and_a_picture_a_task(tmp_path: Path) -> None:
    assert write_task_page(tmp_path, [REGISTRY["reach"]]) == tmp_path / "tasks.md"
    assert sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*.*")) == ["tasks.md", "tasks/reach.webp"]
