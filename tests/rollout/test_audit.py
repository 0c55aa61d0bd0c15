from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tabletop.errors import TabletopError
from tabletop.logic import Task, load_registry, parse
from tabletop.rollout.audit import audit
from tabletop.rollout.engine import Engine
from tabletop.rollout.rules import RULES, broken_rules

REGISTRY = load_registry()
LIFT = REGISTRY["lift"]


def audited(task: Task = LIFT, **change: Any) -> dict[str, Any]:
    with Engine(workers=0) as engine:
        found = audit(engine, [replace(task, **change)], 2, 7000)
    row = found["tasks"][task.name]
    assert found["holds"] == (not (row["broken"] or found["registry"]["broken"]))
    return row


def test_a_task_in_order_breaks_no_rule() -> None:
    row = audited()
    assert row["broken"] == []
    assert row["scripted"]["success"] == row["ranked"] == 1.0
    assert row["nothing"]["success"] == row["random"]["success"] == row["counterexample"]["success"] == 0.0
    assert row["counterexample"]["does"] == "lifted(block, 3 cm) and held(block)"
    assert row["counterexample"]["shown"] == 1.0
    assert 5 < row["median_steps"] < LIFT.horizon


def test_what_is_done_by_standing_still_is_told() -> None:
    broken = audited(success=parse("not held(block)", ["block"]))["broken"]
    assert any("nothing success at most 0.01, got 1" in rule for rule in broken)


def test_what_random_actions_do_is_told() -> None:
    broken = audited(success=parse("not gripper_open(7 cm)", ["block"]))["broken"]
    assert any(rule.startswith("random success at most 0.05") for rule in broken)
    assert not any(rule.startswith("nothing") for rule in broken)


def test_what_the_scripted_policy_does_not_do_is_told() -> None:
    broken = audited(success=parse("lifted(block, 80 cm)", ["block"]))["broken"]
    assert broken == ["scripted success at least 0.95, got 0", "no scripted success to time"]


def test_a_horizon_that_is_far_from_what_the_task_takes_is_told() -> None:
    assert any(rule.startswith("horizon from") for rule in audited(horizon=900)["broken"])


def test_the_band_is_about_the_registry_s_median() -> None:
    tasks = load_registry().select("lift,reach,push-left")
    with Engine(workers=0) as engine:
        found = audit(engine, tasks, 2, 7000, replace(RULES, band=1.0))
    middle = found["registry"]["median_steps"]
    for row in found["tasks"].values():
        told = any(rule.startswith("median steps within") for rule in row["broken"])
        assert told == (row["median_steps"] != middle)
    assert not found["holds"]


def test_a_reward_that_ranks_a_failure_above_a_success_is_told() -> None:
    """The way there leads through what the formula likes less than standing still, and it ends with the success."""
    success = parse("not undisturbed(block, 2 cm) and on_table(block) and released(block)", ["block", "target"])
    row = audited(REGISTRY["pick-place"], success=success, horizon=30)
    assert row["scripted"]["success"] == 1.0
    assert any(rule.startswith("share of ranked pairs at least 0.99, got 0") for rule in row["broken"])


def test_a_counterexample_that_does_the_task_is_told() -> None:
    """As where a formula asks for less than the description."""
    broken = audited(success=parse("lifted(block, 2 cm) and held(block)", ["block"]))["broken"]
    assert broken == ["counterexample's success at most 0.01, got 1"]


def test_a_counterexample_that_does_not_do_what_it_should_is_told() -> None:
    broken = audited(counterexample=parse("lifted(block, 30 cm)", ["block"]))["broken"]
    assert broken == ["counterexample brings about: lifted(block, 30 cm) in at least 0.7 of scenes, got 0"]


def test_what_is_so_from_the_start_is_not_brought_about_by_the_counterexample() -> None:
    row = audited(counterexample=parse("not lifted(block, 30 cm)", ["block"]))
    assert row["counterexample"]["shown"] == 0.0
    assert len(row["broken"]) == 1


def test_a_task_without_a_counterexample_is_told() -> None:
    row = audited(counterexample=None)
    assert row["counterexample"] is None
    assert row["broken"] == [
        "a counterexample: the card's field counterexample and a card in policies/counterexamples, got none"
    ]


def test_a_description_that_two_tasks_share_is_told_of_both() -> None:
    tasks = [LIFT, replace(REGISTRY["reach"], description=LIFT.description)]
    with Engine(workers=0) as engine:
        found = audit(engine, tasks, 1, 7000)
    for row in found["tasks"].values():
        assert f"a description of its own, got {LIFT.description!r} for 2 tasks" in row["broken"]


def test_the_mean_and_the_number_of_tasks_are_rules_of_the_whole_registry() -> None:
    tasks = [replace(LIFT, success=parse("lifted(block, 80 cm)", ["block"]))]
    with Engine(workers=0) as engine:
        whole = audit(engine, tasks, 1, 7000, whole=True)
        part = audit(engine, tasks, 1, 7000)
        few = audit(engine, [LIFT], 1, 7000, whole=True)
    assert whole["registry"]["broken"] == [
        "mean scripted success at least 0.985, got 0.0000",
        "at least 74 tasks, got 1",
    ]
    assert part["registry"]["broken"] == whole["registry"]["broken"][:1]
    assert few["tasks"]["lift"]["broken"] == []
    assert not few["holds"]


@pytest.mark.parametrize(("tasks", "episodes"), [([], 3), ([LIFT], 0)])
def test_nothing_to_measure_is_an_error(tasks: list[object], episodes: int) -> None:
    with Engine(workers=0) as engine, pytest.raises(TabletopError, match="an audit needs a task and an episode"):
        audit(engine, tasks, episodes, 0)  # type: ignore[arg-type]


def test_a_second_seed_is_for_the_scripted_policy_and_kept_in_the_result() -> None:
    with Engine(workers=0) as engine:
        found = audit(engine, [LIFT], 2, 7000, fresh=20261128)
        alone = audit(engine, [LIFT], 2, 7000)
        others = audit(engine, [LIFT], 2, 20261128)
    assert found["scenes"] == {"episodes": 2, "seed": 7000, "fresh_seed": 20261128}
    row = found["tasks"]["lift"]
    assert row["fresh"] == others["tasks"]["lift"]["scripted"]
    assert row["lasting"]["n"] == 4
    assert "fresh" not in alone["tasks"]["lift"]
    assert "mean_fresh" not in alone["registry"]


def test_a_scripted_policy_that_fails_on_the_second_seed_alone_is_told() -> None:
    row = {**audited(), "fresh": {"success": 0.9}}
    assert broken_rules(LIFT, row, row["median_steps"], RULES) == ["fresh success at least 0.95, got 0.9"]


def test_a_success_that_does_not_last_is_told() -> None:
    """The block is let fall: it is high at the end of the episode, and lies on the table 3 s later."""
    broken = audited(REGISTRY["lift"], success=parse("raised(block, 3 cm) and not still(block)", ["block"]))["broken"]
    told = [rule for rule in broken if rule.startswith("share of lasting successes at least 0.995, got 0")]
    assert ["(not on scenes 7000, 7001)" in rule for rule in told] == [True]


def test_what_touches_what_is_counted_in_control_steps() -> None:
    lift, stick = audited()["touches"], audited(REGISTRY["stick-push"])["touches"]
    assert lift["fingers"]["block"] > 4
    assert set(stick["fingers"]) == {"stick"}
    assert stick["stick"]["puck"] >= RULES.tool
    assert "puck" not in {two for one in ("fingers", "hand", "arm") for two in stick.get(one, {})}


def test_a_task_of_tools_must_say_what_only_the_tool_touches() -> None:
    task = REGISTRY["stick-push"]
    broken = audited(task, success=parse("at(puck, target) and held(stick)", task.entities))["broken"]
    assert any("a formula that says what only the tool touches" in rule for rule in broken)
    idle = parse("lifted(block, 10 cm) and never_touched(other)", ["block", "other"])
    row = {**audited(), "touches": {"fingers": {"block": 9.0}}}
    assert broken_rules(replace(LIFT, success=idle), row, row["median_steps"], RULES) == [
        "a tool touches other in at least 0.5 control steps on average, got 0"
    ]


def test_two_tasks_that_ask_for_the_same_are_told() -> None:
    with Engine(workers=0) as engine:
        found = audit(engine, [LIFT, replace(REGISTRY["lift-high"], success=LIFT.success)], 1, 7000)
    assert "a formula and scenes of their own, got one for lift and lift-high" in found["registry"]["broken"]
