"""Suites: Meta-World's splits by their names, what may be in two of them, and tasks that are not there yet."""

from __future__ import annotations

from pathlib import Path

import pytest

from tabletop.errors import TabletopError
from tabletop.logic import Registry, Suite, Task, find_suite, load_registry, load_suites, parse
from tabletop.logic.suite import ALL_SCENES
from tabletop.sim import generate

SUITES = load_suites()
SIZES = {
    "MT10": 10,
    "MT25": 25,
    "MT50": 50,
    "ML10-train": 10,
    "ML10-test": 5,
    "ML25-train": 25,
    "ML25-test": 5,
    "ML45-train": 45,
    "ML45-test": 5,
}
ONE = ("MT1", "ML1-train", "ML1-test")


def a_registry(*names: str) -> Registry:
    """Return tasks of these names, all of the same kind."""
    scene = {"entities": {"block": "block"}}
    success = parse("lifted(block)", ["block"])
    return Registry(Task(n, "lift", f"Lift {n}.", scene, success, "block") for n in names)


def write(folder: Path, text: str) -> Path:
    path = folder / "suites.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_meta_worlds_suites_have_its_names_and_sizes() -> None:
    assert set(SUITES) == {*SIZES, *ONE, "lecture", "deformable", "long-horizon"}
    assert {n: len(SUITES[n].tasks) for n in SIZES} == SIZES
    assert all(SUITES[n].is_open for n in ONE)
    assert all(s.tasks for n, s in SUITES.items() if n not in ONE)


def test_suites_lie_within_each_other_as_meta_worlds_do() -> None:
    fifty = set(SUITES["MT50"].tasks)
    assert set(SUITES["MT10"].tasks) < set(SUITES["MT25"].tasks) < fifty
    assert all(set(SUITES[n].tasks) <= fifty for n in SIZES)
    assert {*SUITES["ML45-train"].tasks, *SUITES["ML45-test"].tasks} == fifty
    assert set(SUITES["deformable"].tasks) <= set(SUITES["lecture"].tasks)


@pytest.mark.parametrize("name", ["ML10", "ML25", "ML45"])
def test_no_task_is_both_learned_and_tested(name: str) -> None:
    assert not {*SUITES[f"{name}-train"].tasks} & {*SUITES[f"{name}-test"].tasks}


def test_one_task_is_learned_and_tested_on_different_scenes() -> None:
    train, test = (find_suite(f"ML1-{part}:push") for part in ("train", "test"))
    assert train.tasks == test.tasks == ("push",)
    assert not set(range(*train.scenes)) & set(range(*test.scenes))
    assert not set(train.scene_numbers(0, 1000)) & set(test.scene_numbers(0, 1000))
    card = load_registry()["push"].scene
    starts = [
        tuple(e.position for e in generate(card, number).entities)
        for suite in (train, test)
        for number in suite.scene_numbers(0, 20)
    ]
    assert len(set(starts)) == 40


def test_tasks_are_selected_in_the_suites_order_and_what_lacks_is_named_in_one_line() -> None:
    suite = Suite("three", "Three.", ("b", "a", "c"))
    assert suite.missing(a_registry("a")) == ("b", "c")
    assert suite.missing(a_registry("a", "b", "c", "d")) == ()
    assert [t.name for t in suite.select(a_registry("a", "b", "c", "d"))] == ["b", "a", "c"]
    with pytest.raises(TabletopError) as error:
        suite.select(a_registry("a"))
    assert str(error.value) == "suite 'three' needs all its 3 tasks, and the registry lacks 2: b, c"


def test_a_suite_of_one_is_of_any_task() -> None:
    registry = a_registry("a", "b")
    assert [t.name for t in find_suite("MT1:b").select(registry)] == ["b"]
    with pytest.raises(TabletopError, match="suite 'MT1' is of one task: say which, as in 'MT1:reach'"):
        find_suite("MT1").select(registry)
    with pytest.raises(TabletopError, match="unknown task 'fly'; there are: a, b"):
        find_suite("MT1:fly").select(registry)
    with pytest.raises(TabletopError, match="'MT10' has 10 tasks and takes no other, got 'a'"):
        find_suite("MT10:a")


def test_an_unknown_suite_lists_all() -> None:
    with pytest.raises(
        TabletopError, match=r"unknown suite 'MT11'; did you mean 'MT10'\? there are: .*ML10-test.*MT10, MT1:TASK"
    ):
        find_suite("MT11")


def test_scenes_are_counted_within_the_suite() -> None:
    suite = Suite("few", "Few.", ("a",), (100, 110))
    assert suite.scene_numbers(0, 10) == range(100, 110)
    assert suite.scene_numbers(7, 3) == range(107, 110)
    for first, count in ((8, 3), (-1, 2), (0, 11)):
        with pytest.raises(TabletopError, match="scenes 0 to 9, got"):
            suite.scene_numbers(first, count)
    assert Suite("all", "All.", ("a",)).scenes == ALL_SCENES


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "it must be YAML"),
        ("- a", "must be a mapping of suites by name"),
        ("a: {description: A., tasks: [x], seeds: 3}", "unknown field of suite 'a' 'seeds'"),
        ("a: {tasks: [x]}", "missing required field `description`"),
        ("a: {description: A.}", "either tasks or one: true"),
        ("a: {description: A., tasks: [x], one: true}", "either tasks or one: true"),
        ("a: {description: A., tasks: [x, x]}", "names, each once"),
        ("a: {description: A., tasks: [x], scenes: [5, 5]}", "with from < to"),
        ("'a:b': {description: A., tasks: [x]}", "a name has no colon"),
        (
            "a-train: {description: A., tasks: [x, y]}\na-test: {description: A., tasks: [y]}",
            "'a-train' and 'a-test' must share no scene of a task, got .* of y",
        ),
        (
            "a-train: {description: A., one: true, scenes: [0, 10]}\n"
            "a-test: {description: A., one: true, scenes: [9, 20]}",
            "got scenes 9 to 9 of any task",
        ),
    ],
)
def test_malformed_suites_are_refused_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(TabletopError, match=message) as error:
        load_suites(write(tmp_path, text))
    assert "\n" not in str(error.value)


def test_a_missing_file_of_suites_is_said(tmp_path: Path) -> None:
    with pytest.raises(TabletopError, match=r"cannot read suites suites\.yaml: No such file"):
        load_suites(tmp_path / "suites.yaml")
