"""Which tasks count as the same."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tabletop.logic import Task, load_registry, parse
from tabletop.logic.distinct import same_tasks


def task(name: str, success: str, **entities: Any) -> Task:
    return Task(
        name, "family", f"{name}.", {"entities": entities}, parse(success, list(entities)), next(iter(entities))
    )


SWEEP = task("sweep", "off_table(block)", block={"kind": ["block", "can"], "at": {"y": [-0.2, 0.2]}})


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (task("drop", "off_table(block)", block={"kind": ["can", "ball"]}), True),
        (task("drop", "off_table(thing)", thing={"kind": ["can", "ball"], "color": [1, 0, 0]}), True),
        (task("drop", "off_table(block)", block={"kind": ["mug", "ball"]}), False),
        (task("drop", "off_table(block) and carried(block)", block={"kind": ["can", "ball"]}), False),
        (task("drop", "off_table(block)", block={"kind": "can", "at": {"y": [0.21, 0.3]}}), False),
        (task("drop", "off_table(block)", block={"kind": "can", "fraction": 1}), False),
        (task("drop", "off_table(block)", block="can", other="can"), False),
    ],
)
def test_tasks_are_the_same_where_a_scene_can_come_from_both_and_one_formula_is_asked(other: Task, same: bool) -> None:
    assert same_tasks([SWEEP, other]) == ([("sweep", "drop")] if same else [])
    assert bool(same_tasks([other, SWEEP])) is same


def test_marks_to_different_sides_are_different_scenes_around_the_full_turn() -> None:
    def push(low: float, high: float) -> Task:
        mark = {"kind": "target", "offset": {"from": "block", "distance": [0.1, 0.2], "direction": [low, high]}}
        return task(f"from{low:g}", "at(block, mark)", block="block", mark=mark)

    assert same_tasks([push(150, 210), push(-170, -160)]) == [("from150", "from-170")]
    assert same_tasks([push(150, 210), push(-140, 140)]) == []


def test_formulas_are_compared_up_to_order_and_names() -> None:
    one = task("one", "on(a, b) and released(a)", a="block", b="block")
    two = task("two", "released(y) and on(y, x)", x="block", y="block")
    assert same_tasks([one, two]) == [("one", "two")]
    three = replace(two, name="three", success=parse("released(x) and on(y, x)", ["x", "y"]))
    assert same_tasks([one, three]) == []


def test_no_two_tasks_of_the_registry_ask_for_the_same() -> None:
    assert same_tasks(load_registry().values()) == []
