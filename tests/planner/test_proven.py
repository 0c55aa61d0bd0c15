from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tabletop.errors import TabletopError
from tabletop.logic import parse
from tabletop.planner import ProvenGoal, load_goals, prove, prove_again, sample_proven, save_goals
from tabletop.rollout import Engine


@pytest.fixture(scope="module")
def proven() -> list[ProvenGoal]:
    with Engine(0) as engine:
        return [d.goal for d in sample_proven(engine, 3, 3, (2, 3, 6))]


def test_goals_have_the_lengths_asked_for_in_turn(proven: list[ProvenGoal]) -> None:
    assert [len(g.goal.leaves) for g in proven] == [2, 3, 6]
    assert all(g.plan and g.steps for g in proven)


def test_a_file_of_goals_gives_them_back_and_their_plans_run_bit_for_bit(
    proven: list[ProvenGoal], tmp_path: Path
) -> None:
    save_goals(tmp_path / "new" / "goals.yaml", proven)
    read = load_goals(tmp_path / "new" / "goals.yaml")
    assert read == proven
    proofs = [prove_again(g) for g in read]
    assert all(p.reached and p.identical for p in proofs)


def test_a_plan_that_is_not_the_proof_is_found_out(proven: list[ProvenGoal]) -> None:
    short = prove_again(replace(proven[0], plan=proven[0].plan[:1]))
    assert not short.reached
    assert not short.identical


def test_a_goal_that_is_not_reached_has_no_proof(proven: list[ProvenGoal]) -> None:
    wish = parse("lifted(red, 90 cm)")
    assert prove(proven[0].card, proven[0].scene_seed, wish) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("goals: [", "cannot read goals"),
        ("format: 0\ngoals: []", "no file of goals of format 1"),
        ("format: 1\ngoals: [{card: workshop}]", r"goals\[0\]: Object missing required field `scene`"),
        (
            "format: 1\ngoals: [{card: workshop, scene: [1], goal: 'up(', plan: [], steps: 1, states: '"
            + "0" * 64
            + "'}]",
            r"goal 0: '\(' is never closed",
        ),
    ],
)
def test_a_damaged_file_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "goals.yaml"
    path.write_text(text)
    with pytest.raises(TabletopError, match=message):
        load_goals(path)
    with pytest.raises(TabletopError, match="cannot read goals"):
        load_goals(tmp_path / "missing.yaml")
