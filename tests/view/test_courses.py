from __future__ import annotations

import pytest

from tabletop.errors import TabletopError
from tabletop.naming import open_library
from tabletop.sim.generate import generate
from tabletop.sim.scene_cards import find_scene_card
from tabletop.view.courses import Courses

SCENE = generate(find_scene_card("planning"), 1)


@pytest.fixture(scope="module")
def courses() -> Courses:
    return Courses(open_library("default"))


def test_what_is_offered_for_a_thing_works_on_it(courses: Courses) -> None:
    for thing in ("drawer", "red"):
        able = courses.able(thing, SCENE)
        assert able
        for skill in able:
            assert courses.skill(skill, thing, SCENE).entity == thing
    assert courses.able("drawer", SCENE).isdisjoint(courses.able("red", SCENE))
    assert courses.able("mark", SCENE) == set()
    assert courses.able(None, SCENE) >= courses.able("drawer", SCENE) | courses.able("red", SCENE)


def test_for_a_drawer_no_skill_is_offered_that_was_named_on_another_fixture(courses: Courses) -> None:
    entries = courses.skills.entries
    kinds = {entries[id].entity_kind for id in courses.able("drawer", SCENE) if id in entries and entries[id].task}
    assert kinds == {"drawer"}


def test_those_with_a_rate_come_first(courses: Courses) -> None:
    rated = [offered.rate is not None for offered in courses.offered()]
    assert rated == sorted(rated, reverse=True)
    assert any(rated)


def test_a_skill_that_works_on_something_else_is_told_in_plain_words(courses: Courses) -> None:
    with pytest.raises(TabletopError, match=r"^drawer-open works on drawer here, not on red$"):
        courses.skill("drawer-open", "red", SCENE)
