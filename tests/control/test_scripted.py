from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from tabletop.control import ScriptedPolicy, load_scripted_policy, read_steps, scripted
from tabletop.errors import TabletopError
from tabletop.logic.task import load_registry
from tabletop.rollout.episode import episode
from tabletop.sim import generate

SCENE = {"entities": {"block": {"kind": "block"}, "red": {"kind": "block"}, "target": {"kind": "target"}}}


def card(folder: Path, text: str) -> Path:
    path = folder / "card.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_card_is_read_with_units_and_lines(tmp_path: Path) -> None:
    steps = read_steps(card(tmp_path, "# a comment\n- grasp: block\n- lift: {height: 12 cm}\n- release\n"))
    assert [(s.primitive, dict(s.arguments)) for s in steps] == [
        ("grasp", {"entity": "block"}),
        ("lift", {"height": 0.12}),
        ("release", {}),
    ]
    assert steps[1].where == "policy card card.yaml, line 3"


def test_the_bare_word_on_is_an_argument(tmp_path: Path) -> None:
    steps = read_steps(card(tmp_path, "- place: {entity: block, on: target}\n"))
    assert dict(steps[0].arguments) == {"entity": "block", "on": "target"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- grab: block\n", r"unknown primitive \(policy card card.yaml, line 1\) 'grab'"),
        ("- grasp: block\n- lift: {hight: 5 cm}\n", r"line 2\) 'hight'; did you mean 'height'\? there are: height"),
        ("- grasp: block\n- lift: 5 deg\n", r"line 2: height must be a length .* got '5 deg'"),
        ("- push: {entity: block, direction: north}\n", r"line 1: direction\) 'north'; there are: away"),
        ("- grasp\n", r"line 1: grasp needs entity"),
        ("- release: block\n", r"line 1: release takes no arguments, got 'block'"),
        ("- lift: {}\n", r"line 1: lift needs height"),
        ("- {grasp: block, lift: 5 cm}\n", r"line 1: a step is one primitive"),
        ("grasp: block\n", r"card.yaml: must be a list of steps"),
        ("- grasp: [\n", r"card.yaml: it must be YAML"),
        ("- wait: 0\n", r"line 1: steps must be a whole number"),
    ],
)
def test_a_wrong_card_is_refused_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(TabletopError, match=message):
        read_steps(card(tmp_path, text))


def test_a_missing_card_lists_those_that_exist(tmp_path: Path) -> None:
    card(tmp_path, "- release\n")
    with pytest.raises(TabletopError, match="unknown scripted policy 'other'; there are: card"):
        read_steps(tmp_path / "other.yaml")


def test_a_word_for_a_number_needs_a_value(tmp_path: Path) -> None:
    steps = read_steps(card(tmp_path, "- grasp: block\n- turn: {entity: block, by: angle}\n"))
    assert ScriptedPolicy(steps, values={"angle": 0.5}).values == {"angle": 0.5}
    with pytest.raises(TabletopError, match=r"unknown value .* 'angle'; there are: none"):
        ScriptedPolicy(steps)


def test_a_card_may_not_speak_of_entities_that_the_task_lacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scripted, "find", lambda folder: {"lift": card(tmp_path, "- grasp: mug\n")})
    with pytest.raises(TabletopError, match=r"line 1\) 'mug'; there are: block"):
        load_scripted_policy("lift")


def test_a_scene_without_the_entity_is_refused(tmp_path: Path) -> None:
    policy = ScriptedPolicy(read_steps(card(tmp_path, "- grasp: mug\n")))
    scene = generate(SCENE, 0)
    with pytest.raises(TabletopError, match=r"unknown entity .* 'mug'; there are: block, red, target"):
        episode(policy, scene, 0, 5)


def test_acting_before_reset_is_refused(tmp_path: Path) -> None:
    policy = ScriptedPolicy(read_steps(card(tmp_path, "- release\n")))
    with pytest.raises(TabletopError, match="must be reset"):
        policy.act(None)  # type: ignore[arg-type]


def test_roles_are_bound_to_entities(tmp_path: Path) -> None:
    policy = ScriptedPolicy(read_steps(card(tmp_path, "- grasp: block\n- lift: 10 cm\n")), {"block": "red"})
    assert policy.names == ("red",)
    trajectory = episode(policy, generate(SCENE, 3), 3, 60)
    rise = trajectory.final.entity("red", "position")[2] - trajectory.initial.entity("red", "position")[2]
    assert trajectory.finished
    assert rise > 0.08
    assert [entry["step"] for entry in trajectory.log] == ["grasp", "lift"]


def test_a_scripted_policy_pickles_even_after_an_episode() -> None:
    policy = load_scripted_policy("lift")
    scene = generate(load_registry()["lift"].scene, 1)
    first = episode(policy, scene, 1, 60)
    again = episode(pickle.loads(pickle.dumps(policy)), scene, 1, 60)
    assert np.array_equal(first.states, again.states)


def test_a_lost_hold_sends_it_back_to_the_grasp(tmp_path: Path) -> None:
    # Opening the fingers before the place makes the place fail, whatever the scene.
    text = "- grasp: block\n- lift: 6 cm\n- release\n- place: {entity: block, on: target}\n"
    trajectory = episode(ScriptedPolicy(read_steps(card(tmp_path, text))), generate(SCENE, 5), 5, 300)
    steps = [entry["step"] for entry in trajectory.log]
    assert steps.count("grasp") == 3
    assert not trajectory.log[-1]["ok"]


def test_the_tasks_open_number_reaches_the_policy() -> None:
    task = load_registry()["rotate"].with_value(np.radians(30.0))
    scene = generate(task.scene, 2)
    turned = episode(load_scripted_policy(task), scene, 2, 100)
    margin = task.success.leaves[0].raw_margin(turned.final, turned.initial)
    assert 0.0 <= margin < np.radians(12.0)
