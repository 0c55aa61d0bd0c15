"""The minutes of `tabletop run`: all stages together keep to them, whatever the machine does."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from tabletop.api import clock as module
from tabletop.api.clock import FULL, SHARES, Clock, pace_of, probes
from tabletop.api.planning import run_goals
from tabletop.cli.parser import RUN_MINUTES
from tabletop.metrics.effective_skills import SkillRun
from tabletop.rollout.engine import Engine
from tabletop.skills.library import Library

CODES = 116
ASKED = 115
"""Exact effects on tasks that are tried."""


class Hands:
    """A clock's hands, moved by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr("tabletop.api.clock.time.monotonic", lambda: self.now)


@pytest.fixture
def hands(monkeypatch: pytest.MonkeyPatch) -> Hands:
    return Hands(monkeypatch)


def whole_run(hands: Hands, first: float, then: float, minutes: float = RUN_MINUTES) -> tuple[float, float]:
    """Return the minutes of a run and of its discovery; an episode takes `first` s at first and `then` s later."""
    began = hands.now
    clock = Clock(60 * minutes, CODES)
    hands.now += 8.0
    clock.pace = first
    discovery = clock.discovery()
    hands.now += 60 * discovery + 10.0
    clock.pace = then
    effort = clock.measuring()
    spent = CODES * effort.held_out * then + 4.0
    hands.now += spent
    clock.measured(effort, spent)
    effort = clock.naming()
    naming = effort.naming
    assert naming.limit is not None
    assert effort.films is not None
    a = CODES * (naming.effects + naming.contenders * naming.trials) + (naming.asked or ASKED) * naming.trials + ASKED
    b = min(CODES * 1.5 * naming.episodes, naming.limit)
    films = min(effort.films, 80)
    hands.now += (a + b + 10 * naming.fresh + films * 8) * then + 4.0
    planning = clock.planning().planning
    assert planning is not None
    hands.now += 1.1 * planning
    effort = clock.perturbing()
    hands.now += effort.scenes * effort.most * 25 * then + 8.0
    return (hands.now - began) / 60, discovery


@pytest.mark.parametrize(("first", "then"), list(itertools.product([0.015, 0.03, 0.06, 0.09], repeat=2)))
def test_a_run_keeps_to_its_minutes_on_machines_of_all_speeds_and_under_load(
    hands: Hands, first: float, then: float
) -> None:
    whole, discovery = whole_run(hands, first, then)
    assert whole < RUN_MINUTES + (0.4 if then <= 4 * first else 0.8)
    assert 0.25 * RUN_MINUTES <= discovery <= 0.58 * RUN_MINUTES
    if first < 0.06:
        assert discovery > 0.44 * RUN_MINUTES


def test_a_quick_machine_discovers_for_longer(hands: Hands) -> None:
    _, quick = whole_run(hands, 0.01, 0.01)
    _, slow = whole_run(hands, 0.05, 0.05)
    assert quick > 1.15 * slow


def test_with_time_to_spare_every_stage_does_all_that_it_can(hands: Hands) -> None:
    clock = Clock(60 * 600, CODES, pace=0.03)
    assert clock.measuring() == FULL
    found = clock.naming().naming
    assert (found.effects, found.trials, found.fresh) == (FULL.naming.effects, FULL.naming.trials, FULL.naming.fresh)
    assert found.limit is not None
    assert found.limit > CODES * 1.5 * found.episodes
    assert (clock.perturbing().scenes, clock.perturbing().most) == (FULL.scenes, FULL.most)


def test_with_no_time_left_every_stage_does_the_least(hands: Hands) -> None:
    clock = Clock(60.0, CODES, pace=0.05)
    hands.now += 100.0
    assert clock.left == 0.0
    assert (clock.measuring().measured, clock.measuring().baselines) == (4, 2)
    naming = clock.naming()
    assert (naming.naming.effects, naming.naming.trials, naming.naming.limit, naming.films) == (4, 2, 4 * CODES, 6)
    assert clock.planning().planning == 0.0
    assert (clock.perturbing().scenes, clock.perturbing().most) == (2, 2)


def test_what_one_stage_saves_goes_to_the_next(hands: Hands) -> None:
    clock = Clock(600.0, CODES)
    planned = SHARES["plan"] * 600.0
    hands.now += 600.0 * (1 - SHARES["plan"] - SHARES["perturb"] - SHARES["report"])
    assert clock.share("plan") == pytest.approx(planned)
    hands.now -= 60.0
    assert clock.share("plan") == pytest.approx(planned + 30.0)


def test_shares_are_all_of_the_time() -> None:
    assert sum(SHARES.values()) == pytest.approx(1.0)


def test_goals_are_begun_until_the_time_is_over_and_counted_together(
    hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    def two(engine: object, operators: object, scenes: list[int], *_: object, **__: object) -> dict[str, object]:
        hands.now += 10.0
        episodes = [{"completed": s % 2, "literals": 2, "solved": s == 1, "skills": []} for s in scenes]
        solved = sum(s == 1 for s in scenes)
        return {"goals": len(scenes), "solved": solved, "mean_completed": 9.0, "episodes": episodes}

    monkeypatch.setattr("tabletop.api.planning.evaluate_plans", two)
    monkeypatch.setattr("tabletop.api.planning.time.monotonic", lambda: hands.now)
    rows: list[Any] = list(range(7))
    with Engine(2) as engine:
        for until, goals in ((hands.now - 1.0, 2), (hands.now + 15.0, 4), (None, 7)):
            began = hands.now
            found = run_goals(engine, list, rows, rows, rows, until)
            assert (found["goals"], len(found["episodes"]), found["solved"]) == (goals, goals, 1)
            assert found["mean_completed"] == pytest.approx((goals // 2) / 2 / goals, abs=1e-6)
            hands.now = began


def test_the_pace_is_taken_from_episodes_spread_over_all_codes(
    hands: Hands, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[str] = []

    def probe(run: SkillRun) -> int:
        ran.append(run.skill.id)
        # The first half also waits for processes to start, which does not count.
        hands.now += 9.0 if len(ran) <= 8 else 0.25
        return 1

    monkeypatch.setattr(module, "_probe", probe)
    with Engine(0) as engine:
        assert pace_of(library, engine, 0) == 0.25
    assert len(ran) == probes(0) == 16
    assert ran[8:] == ["button-00"] * 4 + ["button-01"] * 4
