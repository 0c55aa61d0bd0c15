"""Every task of the registry: its cards load, its scripted policy does it, and standing still does not."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from tabletop.control.scripted import load_scripted_policy
from tabletop.logic.task import load_registry
from tabletop.paths import POLICIES
from tabletop.projects import find
from tabletop.rollout.audit import COUNTEREXAMPLES, counterexample
from tabletop.rollout.engine import Engine
from tabletop.rollout.evaluate import evaluate, nothing, run_task, scripted

REGISTRY = load_registry()
SEEDS = range(2000, 2005)
COUNTEREXAMPLE_SEEDS = range(2000, 2002)
META_WORLD = {
    *("reach", "push", "pick-place", "door-open", "drawer-open", "drawer-close", "button-press-topdown"),
    *("peg-insert-side", "window-open", "window-close", "assembly", "basketball", "bin-picking", "box-close"),
    *("button-press-topdown-wall", "button-press", "button-press-wall", "coffee-button", "coffee-pull"),
    *("coffee-push", "dial-turn", "disassemble", "door-close", "door-lock", "door-unlock", "hand-insert"),
    *("faucet-open", "faucet-close", "hammer", "handle-press-side", "handle-press", "handle-pull-side"),
    *("handle-pull", "lever-pull", "pick-place-wall", "pick-out-of-hole", "plate-slide", "plate-slide-side"),
    *("plate-slide-back", "plate-slide-back-side", "peg-unplug-side", "soccer", "stick-push", "stick-pull"),
    *("push-wall", "push-back", "reach-wall", "shelf-place", "sweep-into", "sweep"),
}


@pytest.fixture(scope="module")
def here() -> Engine:
    return Engine(workers=0)


@pytest.mark.parametrize("name", REGISTRY)
def test_the_scripted_policy_does_the_task_and_standing_still_does_not(name: str, here: Engine) -> None:
    task = REGISTRY[name]
    done = evaluate(here, scripted, task, SEEDS)
    assert done["success"] >= 0.8, f"{name}: {done}"
    still = evaluate(here, nothing, task, SEEDS)
    assert still["success"] == 0.0, f"{name}: {still}"


@pytest.mark.parametrize("name", REGISTRY)
def test_the_scripted_policy_speaks_of_the_tasks_entities_only(name: str) -> None:
    assert set(load_scripted_policy(name).names) <= set(REGISTRY[name].entities)


def test_descriptions_are_unique_sentences() -> None:
    counts = Counter(t.description for t in REGISTRY.values())
    assert [d for d, n in counts.items() if n > 1] == []
    assert [d for d in counts if not (d[0].isupper() and d.endswith("."))] == []


def test_a_task_attends_to_what_its_formula_speaks_of() -> None:
    assert [t.name for t in REGISTRY.values() if t.attends not in t.success.names] == []


def test_policies_and_tasks_come_in_pairs() -> None:
    assert {p.stem for p in (POLICIES / "scripted").glob("*.yaml")} == set(REGISTRY)


@pytest.mark.parametrize("name", REGISTRY)
def test_a_counterexample_does_what_it_says_and_not_the_task(name: str) -> None:
    """Its card says in a sentence what it does instead, the task's card in a formula. `tasks audit` sees more."""
    task = REGISTRY[name]
    assert task.counterexample is not None
    card = find(COUNTEREXAMPLES)[name].read_text(encoding="utf-8")
    assert re.match(r"# [A-Z].*\.\n", card)
    did = 0
    for seed in COUNTEREXAMPLE_SEEDS:
        run = run_task(task, counterexample, seed)
        assert not task.success.holds(run.final, run.initial)
        did += bool(task.counterexample.holds(run.final, run.initial)) and not task.counterexample.holds(
            run.initial, run.initial
        )
    assert did > 0


def test_counterexamples_are_of_tasks_only() -> None:
    assert set(find(COUNTEREXAMPLES)) <= set(REGISTRY)


def test_horizons_are_tens_within_bounds() -> None:
    assert [t.name for t in REGISTRY.values() if t.horizon % 10 or not 40 <= t.horizon <= 200] == []


def test_names_that_meta_world_has_too_are_there() -> None:
    assert len(META_WORLD) == 50
    assert set(REGISTRY) >= META_WORLD
    assert {t.name for t in REGISTRY.select("tag:metaworld")} == META_WORLD
