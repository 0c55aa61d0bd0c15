from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tabletop.errors import TabletopError
from tabletop.logic import Formula, parse
from tabletop.planner import ChainPolicy, Outcome, PlannerPolicy, SampledOperator, chain_for, scripted_operators
from tabletop.planner.chain import Turn
from tabletop.rollout.policy import Nothing
from tabletop.sim.scene import Scene
from tabletop.sim.state import State

Build = Callable[..., State]


@pytest.fixture(scope="module")
def state(make: Build) -> State:
    return make(
        red={"at": (0.40, -0.15)},
        blue={"at": (0.42, 0.02)},
        drawer={"kind": "drawer", "at": (0.68, -0.1)},
        bin={"kind": "bin", "at": (0.5, 0.22)},
        button={"kind": "button", "at": (0.38, -0.28)},
    )


@pytest.fixture(scope="module")
def chains(state: State) -> list[tuple[Turn, ...]]:
    return [chain_for(state, seed, scripted_operators(state.layout)) for seed in range(3)]


def test_a_chain_is_five_goals_of_one_or_two_literals(chains: list[tuple[Turn, ...]]) -> None:
    assert all(len(chain) == 5 for chain in chains)
    assert {len(goal.leaves) for chain in chains for turn in chain for goal in turn} == {1, 2}


def test_no_literal_is_in_a_chain_twice(chains: list[tuple[Turn, ...]]) -> None:
    for chain in chains:
        literals = [x for turn in chain for goal in turn for x in goal.leaves]
        assert len(literals) == len(set(literals))


def test_the_first_goal_and_its_spares_do_not_hold_yet(state: State, chains: list[tuple[Turn, ...]]) -> None:
    for chain in chains:
        assert not any(x.margin(state, state) >= 0 for goal in chain[0] for x in goal.leaves)


def test_chains_depend_on_the_seed_alone_and_vary(state: State, chains: list[tuple[Turn, ...]]) -> None:
    assert chain_for(state, 2, scripted_operators(state.layout)) == chains[2]
    assert len(set(chains)) == 3
    assert len({x.predicate for chain in chains for turn in chain for g in turn for x in g.leaves}) >= 7


def test_chains_are_drawn_by_exact_forecasts_only(state: State) -> None:
    unsure = SampledOperator("unsure", "rigid", None, (Outcome(), Outcome((0.1, 0, 0))), 5, lambda e: Nothing())
    with pytest.raises(TabletopError, match="those of 'unsure' are samples"):
        chain_for(state, 0, [unsure])
    with pytest.raises(TabletopError, match="at least 1 goal"):
        chain_for(state, 0, scripted_operators(state.layout), length=0)


class _Wish(PlannerPolicy):
    """A policy whose goal comes true by itself after two steps, where it may."""

    def __init__(self, goal: Formula, granted: bool) -> None:
        self.goal, self.granted = goal, granted
        self.log = [{"skill": "wish"}]
        self.why, self.spent = ["wishes fail"], False

    def reset(self, state: State, scene: Scene, rng: np.random.Generator) -> None:
        self.time = 0

    def act(self, state: State) -> np.ndarray | None:
        self.time += 1
        return None if self.time > 2 else np.zeros(5)


def run(make: Build, turns: list[Turn], fails: str = "") -> ChainPolicy:
    """Run a chain in a world in which a step takes red 6 cm to the left and opens the drawer, unless told."""
    policy = ChainPolicy(turns, lambda goal: _Wish(goal, True), goal_steps=50)

    def now(time: int) -> State:
        fraction = 0.0 if fails == "drawer" else min(1.0, 0.5 * time)
        return make(
            red={"at": (0.5, -0.2 + 0.06 * time)}, drawer={"kind": "drawer", "at": (0.7, 0.1), "fraction": fraction}
        )

    policy.reset(now(0), Scene(), np.random.default_rng(0))
    for time in range(20):
        if policy.act(now(time)) is None:
            break
    return policy


def goals(*texts: str) -> list[Turn]:
    return [(parse(t),) for t in texts]


def test_the_next_goal_begins_where_the_one_before_is_reached(make: Build) -> None:
    policy = run(make, goals("open(drawer)", "moved(red, left, 10 cm)"))
    assert [(e["begin"], e["end"], e["done"]) for e in policy.log] == [(0, 2, True), (2, 4, True)]
    assert policy.log[0]["skills"] == [{"skill": "wish"}]


def test_what_moved_before_its_goal_began_does_not_count(make: Build) -> None:
    policy = run(make, goals("open(drawer)", "moved(red, left, 20 cm)"))
    assert [e["done"] for e in policy.log] == [True, False]


def test_a_chain_ends_at_the_first_goal_that_is_not_reached(make: Build) -> None:
    policy = run(make, goals("open(drawer)", "moved(red, left, 10 cm)"), fails="drawer")
    assert [e["done"] for e in policy.log] == [False]


def test_a_goal_that_holds_already_gives_way_to_its_spare(make: Build) -> None:
    turns = [*goals("moved(red, left, 10 cm)"), (parse("open(drawer)"), parse("moved(red, left, 11 cm)"))]
    policy = run(make, turns)
    assert [e["goal"] for e in policy.log] == ["moved(red, left, 10 cm)", "moved(red, left, 11 cm)"]
    assert [e["done"] for e in policy.log] == [True, True]


def test_without_a_spare_it_ends_the_chain_undone(make: Build) -> None:
    policy = run(make, goals("moved(red, left, 10 cm)", "open(drawer)"))
    assert [(e["done"], e["already"]) for e in policy.log] == [(True, False), (False, True)]


def test_a_goal_has_so_many_control_steps(make: Build) -> None:
    policy = ChainPolicy(goals("open(drawer)"), lambda goal: _Wish(goal, True), goal_steps=1)
    state = make(drawer={"kind": "drawer"})
    policy.reset(state, Scene(), np.random.default_rng(0))
    assert policy.horizon == 1
    assert policy.act(state) is not None
    assert policy.act(state) is None
    assert policy.log[-1]["why"] == ["wishes fail", "the 1 control steps for it are used up"]
    with pytest.raises(TabletopError, match="got 0 goals"):
        ChainPolicy([], lambda goal: _Wish(goal, True))
