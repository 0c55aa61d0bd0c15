from __future__ import annotations

import time
from collections.abc import Callable

from tabletop.naming import open_library
from tabletop.sim.generate import generate
from tabletop.sim.scene_cards import find_scene_card
from tabletop.view.courses import Courses
from tabletop.view.session import Session
from tabletop.view.telling import status_text, story_text

SCENE = generate(find_scene_card("planning"), 1)


def test_the_tree_of_a_planner_is_seen_while_it_grows(until: Callable[..., None]) -> None:
    course = Courses(open_library("default")).goal("open(drawer) and on(red, blue) and near(mark, blue, 1 cm)", SCENE)
    seen: list[list[str]] = []
    with Session(SCENE) as session:
        session.begin(course)

        def grown() -> bool:
            shown = session.shown
            if shown.thinking and shown.thought is not None and (lines := list(shown.thought())):
                seen.append(lines)
                assert "states looked at" in story_text(shown)
                assert len(status_text(shown).split("\n\n")) == 3
            return bool(seen) and int(seen[-1][0].rpartition(" ")[2]) > 15

        until(grown)
        begun = time.monotonic()
        session.end()
        until(lambda: not session.shown.title)
        assert time.monotonic() - begun < 3
        assert "stopped while it was thinking" in session.shown.said[-1]
    counts = [int(lines[0].rpartition(" ")[2]) for lines in seen]
    assert counts[-1] > counts[0] >= 1
    branches = [int(line.rpartition(" ")[2]) for line in seen[-1][1:] if not line.startswith(" ")]
    assert branches == sorted(branches, reverse=True)
    assert sum(branches) <= counts[-1]
    assert len(branches) > 1
