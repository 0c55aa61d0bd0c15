"""Task cards and their registry."""

from __future__ import annotations

import math
import pickle
from pathlib import Path

import pytest

from tabletop.errors import TabletopError
from tabletop.logic import Parameter, Registry, Task, load_registry, parse

PUSH = """
name: push-to
description: Push the block
  to the target.
scene:
  entities:
    block: block
    target: {kind: target, offset: {from: block, x: [-0.1, 0.1], y: [0.1, 0.2]}}
    clutter: {kind: can, optional: 0.5}
success: at(block, target) and
  on_table(block)
horizon: 80
tags: [push, first]
parameter: {entity: target, from: block}
"""
TURN = """
description: Turn the brick.
scene: {entities: {other: block, brick: {kind: brick}}}
success: turned(brick, 45 deg) and near(brick, other, 30 cm)
attends: brick
parameter: {angle: 45 deg}
"""


def write(folder: Path, family: str, name: str, text: str) -> Path:
    """Write a card and return the folder of all cards."""
    path = folder / family / f"{name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    write(tmp_path, "push", "push-to", PUSH)
    return load_registry(write(tmp_path, "turn", "turn-brick", TURN))


def test_a_card_gives_its_task(registry: Registry) -> None:
    task = registry["push-to"]
    assert task.family == "push"
    assert task.description == "Push the block to the target."
    assert task.success == parse("at(block, target) and on_table(block)")
    assert task.entities == ("block", "target", "clutter")
    assert task.attends == "block"
    assert (task.horizon, task.tags, task.version) == (80, ("push", "first"), 1)
    assert task.parameter == Parameter("offset", "target", "block")
    assert task.scene["entities"]["clutter"] == {"kind": "can", "optional": 0.5}


def test_tasks_are_values_that_hash_and_travel(registry: Registry) -> None:
    task = registry["push-to"]
    again = pickle.loads(pickle.dumps(task))
    assert again == task
    assert hash(again) == hash(task)
    assert task != registry["turn-brick"]


def test_an_open_angle_takes_another_value(registry: Registry) -> None:
    task = registry["turn-brick"]
    assert task.parameter == Parameter("angle", value=math.radians(45))
    other = task.with_value(math.radians(-90))
    assert other.success == parse("turned(brick, -90 deg) and near(brick, other, 30 cm)")
    assert other.with_value(math.radians(45)) == task
    with pytest.raises(TabletopError, match="from -180 deg to 180 deg"):
        task.with_value(4.0)
    with pytest.raises(TabletopError, match="'push-to' leaves no number open"):
        registry["push-to"].with_value(1.0)


def test_selection_by_name_family_tag_and_all(registry: Registry) -> None:
    def names(what: str) -> list[str]:
        return [t.name for t in registry.select(what)]

    assert names("all") == ["push-to", "turn-brick"]
    assert names("turn-brick, push-to") == ["turn-brick", "push-to"]
    assert names("family:push") == ["push-to"]
    assert names("tag:first,push-to,all") == ["push-to", "turn-brick"]


@pytest.mark.parametrize(
    ("what", "message"),
    [
        (
            "push-too",
            "unknown task 'push-too'; did you mean 'push-to'? "
            "there are: all, family:push, family:turn, push-to, turn-brick",
        ),
        ("", "unknown task ''"),
        ("push-to,", "unknown task ''"),
        ("family:stack", "unknown family of tasks 'stack'; there are: push, turn"),
        ("tag:hard", "unknown tag of tasks 'hard'; there are: first, push"),
    ],
)
def test_selecting_what_does_not_exist_lists_what_does(registry: Registry, what: str, message: str) -> None:
    with pytest.raises(TabletopError) as caught:
        registry.select(what)
    assert str(caught.value).startswith(message)


def test_a_registry_is_a_mapping_in_order_that_cannot_be_changed(registry: Registry) -> None:
    assert list(registry) == ["push-to", "turn-brick"]
    assert len(registry) == 2
    assert "push-to" in registry
    assert "nothing" not in registry
    assert registry.families == ("push", "turn")
    with pytest.raises(TabletopError, match="unknown task 'nothing'; there are: push-to, turn-brick"):
        registry["nothing"]
    with pytest.raises(TypeError):
        registry["new"] = registry["push-to"]  # type: ignore[index]


def test_one_name_in_two_families_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "push", "push-to", PUSH)
    write(tmp_path, "slide", "push-to", PUSH)
    with pytest.raises(TabletopError, match="must be unique, got 'push-to' in push and slide"):
        load_registry(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("horizon:", "horizn:", "'horizn'; did you mean 'horizon'"),
        ("name: push-to", "name: push", "name must be as in the path, 'push-to', got 'push'"),
        ("name: push-to", "family: turn", "family must be as in the path, 'push', got 'turn'"),
        ("at(block,", "at(blok,", "success: unknown entity 'blok'; did you mean 'block'?"),
        ("on_table(block)", "on_table(clutter)", "success: unknown entity 'clutter'"),
        ("  on_table(block)", "", "success: the formula ends too early"),
        ("horizon: 80", "counterexample: moved(blok, left)", "counterexample: unknown entity 'blok'"),
        ("horizon: 80", "counterexample: 3", "counterexample: Expected `str`, got 3"),
        ("horizon: 80", "counter: moved(block, left)", "the field counter is now counterexample$"),
        ("horizon: 80", "horizon: 0", "horizon: Expected `int` >= 1, got 0"),
        ("horizon: 80", "horizon: true", "horizon: Expected `int`, got True"),
        ("horizon: 80", "attends: cup", "attends must be one of block, target, got 'cup'"),
        ("[push, first]", "push", "tags: Expected `array`, got 'push'"),
        ("from: block}\n", "from: clutter}\n", "must place 'target' at an offset from 'clutter'"),
        ("{entity: target, from: block}", "{angle: 30 deg}", "no angle in .* is 30 deg"),
        ("{entity: target, from: block}", "{angle: 5 cm}", "angle must be of dimension angle"),
        ("{entity: target, from: block}", "{speed: 5}", "parameter must be {entity: NAME"),
        ("  entities:", "  things:", "scene must be a mapping with entities by name"),
        (
            "description: Push the block\n  to the target.",
            "description: 5",
            "description: Expected `str`, got 5",
        ),
        ("tags: [", "tags: {", "it must be YAML"),
        (PUSH, "- a\n", "must be a mapping, got list"),
    ],
)
def test_a_malformed_card_is_refused_with_its_file_and_the_rule(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    assert old in PUSH
    write(tmp_path, "push", "push-to", PUSH.replace(old, new))
    with pytest.raises(
        TabletopError, match=rf"(?s)^(cannot read |unknown field of )?task card push/push-to\.yaml:? .*{message}"
    ) as caught:
        load_registry(tmp_path)
    assert len(str(caught.value).splitlines()) in {1, 3}


def test_bad_folders_and_names_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TabletopError, match="no folder of task cards"):
        load_registry(tmp_path / "none")
    with pytest.raises(TabletopError, match="must be lower-case words with dashes, got 'Push_To'"):
        load_registry(write(tmp_path / "a", "push", "Push_To", TURN))
    (tmp_path / "lost.yaml").write_text(TURN, encoding="utf-8")
    with pytest.raises(TabletopError, match=r"lies in its family's folder, got 'lost\.yaml'"):
        load_registry(tmp_path)


def test_an_empty_folder_is_an_empty_registry(tmp_path: Path) -> None:
    empty = load_registry(tmp_path)
    assert len(empty) == 0
    assert empty.select("all") == ()


def test_the_fields_left_out_have_defaults(registry: Registry) -> None:
    task: Task = registry["turn-brick"]
    assert (task.horizon, task.tags, task.version, task.counterexample) == (60, (), 1, None)


def test_a_counterexample_is_a_formula_about_the_same_scene(tmp_path: Path) -> None:
    write(tmp_path, "push", "push-to", PUSH + "counterexample: moved(block, left, 3 cm)\n")
    assert load_registry(tmp_path)["push-to"].counterexample == parse("moved(block, left, 3 cm)", ["block", "target"])
