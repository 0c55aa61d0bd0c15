from __future__ import annotations

import json

import pytest

from tabletop.errors import TabletopError
from tabletop.planner import ChainJob, Fixed, draw_chain, evaluate_chains, scripted_operators
from tabletop.rollout import Engine


def test_a_chain_run_with_the_scripted_policies_is_counted_as_calvin_does() -> None:
    with Engine(0) as engine:
        found = evaluate_chains(engine, [ChainJob(scripted_operators, 100, i) for i in range(2)])
        again = evaluate_chains(engine, [ChainJob(scripted_operators, 100, i) for i in range(2)])
    assert json.dumps(found) == json.dumps(again)
    counts = [e["completed"] for e in found["episodes"]]
    assert found["mean_completed"] == sum(counts) / 2 > 0
    assert [r["count"] for r in found["at_least"]] == [sum(c >= i for c in counts) for i in range(1, 6)]
    assert all(r["low"] <= r["share"] <= r["high"] for r in found["at_least"])
    assert sum(found["literals"].values()) == 2 * 5
    for episode in found["episodes"]:
        assert [g["done"] for g in episode["goals"][: episode["completed"]]] == [True] * episode["completed"]


def test_a_chain_does_not_depend_on_who_runs_it() -> None:
    with Engine(0) as engine:
        idle = evaluate_chains(engine, [ChainJob(Fixed(()), 100, 0)])
    assert idle["mean_completed"] == 0
    assert [r["share"] for r in idle["at_least"]] == [0, 0, 0, 0, 0]
    chain = draw_chain(100, 0)
    assert [g["goal"] for g in idle["episodes"][0]["goals"]] == [t[0].text for t in chain.turns]


def test_scenes_and_cards_are_checked() -> None:
    with pytest.raises(TabletopError, match="unknown scene card 'moon'"):
        draw_chain(0, 0, "moon")
    with Engine(0) as engine, pytest.raises(TabletopError, match="at least 1 chain"):
        evaluate_chains(engine, [])
