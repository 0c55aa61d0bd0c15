from __future__ import annotations

from dataclasses import replace

import pytest

from tabletop.errors import TabletopError
from tabletop.logic import load_registry, parse
from tabletop.rollout.audit import RULES, audit
from tabletop.rollout.engine import Engine

LIFT = load_registry()["lift"]


def audited(task: object = LIFT, **change: object) -> dict[str, object]:
    with Engine(workers=0) as engine:
        found = audit(engine, [replace(task, **change)], 2, 7000)  # type: ignore[type-var]
    row = found["tasks"]["lift"]
    assert found["holds"] == (not row["broken"])
    return row


def test_a_task_in_order_breaks_no_rule() -> None:
    row = audited()
    assert row["broken"] == []
    assert row["scripted"]["success"] == row["ranked"] == 1.0
    assert row["nothing"]["success"] == row["random"]["success"] == 0.0
    assert 5 < row["median_steps"] < LIFT.horizon


def test_what_is_done_by_standing_still_is_told() -> None:
    broken = audited(success=parse("not held(block)", ["block"]))["broken"]
    assert any("nothing success at most 0.01, got 1" in rule for rule in broken)


def test_what_the_script_does_not_do_is_told() -> None:
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


@pytest.mark.parametrize(("tasks", "episodes"), [([], 3), ([LIFT], 0)])
def test_nothing_to_measure_is_an_error(tasks: list[object], episodes: int) -> None:
    with Engine(workers=0) as engine, pytest.raises(TabletopError, match="an audit needs a task and an episode"):
        audit(engine, tasks, episodes, 0)  # type: ignore[arg-type]
