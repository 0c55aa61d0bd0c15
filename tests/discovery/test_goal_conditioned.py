"""Objectives that have goals: their reward, where goals come from, and which effects CURIOUS chooses."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tabletop.discovery.collect import Record
from tabletop.discovery.hindsight_replay import HindsightReplay
from tabletop.discovery.learner import OBSERVATION, Learner
from tabletop.discovery.learner_config import LearnerSettings
from tabletop.discovery.objectives import Window, make_objective
from tabletop.discovery.objectives.curious import Curious, learning_progress, shares
from tabletop.discovery.objectives.goal_conditioned import GoalConditioned
from tabletop.errors import TabletopError
from tabletop.learn.sac import SACSettings
from tabletop.skills.codebook import Codebook
from tabletop.skills.effects import EFFECT_WIDTH, LEFT

torch.set_num_threads(1)

HORIZON, GAMMA, STEPS = 6, 0.9, 4
CODES = Codebook({"held_at": 5, "joint": 3})


def settings(name: str, **change: object) -> LearnerSettings:
    sac = SACSettings(hidden=(8,), batch_size=16, gamma=GAMMA)
    return LearnerSettings(**{"sac": sac, "objective": name, "capacity": 600, **change})  # type: ignore[arg-type]


def made(name: str, **change: object) -> GoalConditioned:
    objective = make_objective(CODES, settings(name, **change), 0, HORIZON)
    assert isinstance(objective, GoalConditioned)
    return objective


def ended(code: int, ends: np.ndarray) -> Record:
    """Return an episode whose effect is `ends` from the first step on, or step by step."""
    effects = np.zeros((HORIZON + 1, len(CODES.effects), EFFECT_WIDTH))
    effect_index = int(CODES.effect_of[code])
    effects[:, effect_index, : ends.shape[-1]] = ends
    blank = np.zeros((HORIZON + 1, OBSERVATION), np.float32)
    valid = np.arange(len(CODES.effects)) == effect_index
    return Record(code, "block", blank, np.zeros((HORIZON, 5), np.float32), effects, valid, HORIZON)


def scattered(n: int, seed: int) -> list[Record]:
    """Return episodes that end anywhere within some 20 cm, held things and joints in turn."""
    rng = np.random.default_rng(seed)
    return [ended(i % CODES.total, rng.normal(0.0, 0.1, 3 if i % CODES.total < 5 else 1)) for i in range(n)]


def filled(objective: GoalConditioned, records: list[Record], rng: np.random.Generator) -> HindsightReplay:
    memory = HindsightReplay(CODES, OBSERVATION, 6000, HORIZON, EFFECT_WIDTH)
    memory.add(records, objective.sample_codes(rng))
    return memory


def window(memory: HindsightReplay, begins: np.ndarray) -> Window:
    """Return the steps after `begins`, one of each of the first episodes, with the goals that they had."""
    episodes = np.arange(len(begins))
    times = np.minimum(begins + np.arange(STEPS + 1)[:, None], HORIZON)
    return Window(memory, episodes, times, memory.commanded_codes()[episodes], memory.episodes["embedding"][episodes])


def go(learner: Learner) -> None:
    for i in range(2):
        learner.add(scattered(20, i), learner.sample_codes())
        if not learner.ready:
            learner.begin()
        learner.learn(3)


def one_way(goal: float) -> Window:
    """Return an episode that goes 10 cm a step along x for three steps, then stays, with its goal on the way."""
    embeddings = np.zeros((CODES.total, EFFECT_WIDTH))
    embeddings[:, 0] = goal
    way = np.minimum(np.arange(HORIZON + 1), 3)[:, None] * np.array([0.1, 0.0, 0.0])
    memory = HindsightReplay(CODES, OBSERVATION, 600, HORIZON, EFFECT_WIDTH)
    memory.add([ended(0, way)], embeddings)
    return window(memory, np.zeros(1, int))


# --- rewards ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["goal-conditioned", "curious"])
def test_each_step_costs_one_until_the_goal_is_within_the_tolerance(name: str) -> None:
    # At 10, 20, 30 and 30 cm after the steps; GAMMA is 0.9.
    assert made(name).rewards(one_way(0.285))[0] == pytest.approx(-1 - 0.9)
    assert made(name).rewards(one_way(0.275))[0] == pytest.approx(-1 - 0.9 - 0.81 - 0.729)
    assert made(name).rewards(one_way(0.1))[0] == pytest.approx(0 - 0.9 - 0.81 - 0.729)
    wide = made(name, goal_tolerance=0.03)
    assert wide.rewards(one_way(0.275))[0] == pytest.approx(-1 - 0.9)


@pytest.mark.parametrize("name", ["goal-conditioned-dense", "curious-dense"])
def test_the_dense_reward_is_the_distance_from_the_goal_after_each_step(name: str) -> None:
    found = made(name).rewards(one_way(0.25))[0]
    assert found == pytest.approx(-(0.15 + GAMMA * 0.05 + GAMMA**2 * 0.05 + GAMMA**3 * 0.05), abs=1e-6)


@pytest.mark.parametrize(("asked", "missed"), [(False, True), (True, False)])
def test_a_goal_is_missed_while_the_gripper_has_not_left_where_all_numbers_count(asked: bool, missed: bool) -> None:
    objective = made("goal-conditioned", goal_asked=asked)
    memory = HindsightReplay(CODES, OBSERVATION, 600, HORIZON, EFFECT_WIDTH)
    near, held = np.zeros((2, EFFECT_WIDTH))
    near[0] = held[0] = 0.1
    held[LEFT] = 0.05
    embeddings = np.tile(near, (CODES.total, 1))
    records = [ended(0, near), ended(0, held)]
    memory.add(records, embeddings)
    assert objective.rewards(window(memory, np.full(2, HORIZON - 1))).tolist() == [0.0, -float(missed)]
    rng = np.random.default_rng(0)
    assert [objective.classify(r, embeddings, rng) for r in records] == [(True, 0.0), (not missed, 0.0)]
    assert objective.misses(memory) == pytest.approx([0.0, 0.05 * missed])


# --- goals -----------------------------------------------------------------------------------


def skewed(objective: GoalConditioned) -> HindsightReplay:
    """Return a memory of 400 ends in one bin of `held_at`, 20 in another, and 1 in a third; joints never move."""
    rng = np.random.default_rng(0)
    places = [0.0] * 400 + [0.2] * 20 + [0.4]
    ends = [np.array([x, 0.0, 0.0]) + rng.uniform(-0.02, 0.02, 3) for x in places]
    records = [ended(0, end) for end in ends] + [ended(5, np.array([0.0]))] * 30
    return filled(objective, records, rng)


def test_goals_are_drawn_evenly_over_what_was_reached_however_seldom_it_was() -> None:
    objective, rng = made("goal-conditioned"), np.random.default_rng(1)
    memory = skewed(objective)
    objective.begin(memory, rng)
    ends = memory.finals()[memory.of_effect(0), 0]
    drawn = []
    for i in range(300):
        drawn.append(objective.sample_codes(rng)[:5])
        objective.learn(memory, 4 * i, 0, np.zeros(len(objective.codes.effects)), rng)
    goals = np.concatenate(drawn)
    share = np.bincount(np.round(goals[:, 0] / 0.2).astype(int), minlength=3) / len(goals)
    assert share == pytest.approx([1 / 3] * 3, abs=0.05)
    gaps = np.linalg.norm(goals[:, None] - ends[None], axis=-1).min(1)
    assert gaps.max() < 1e-6, "each is an end that was reached"
    assert len(np.unique(goals[:, 0])) > 100, "and any end of its bin"


def test_facts_are_goals_of_their_own_and_what_reached_nothing_else_keeps_its_codes() -> None:
    objective, rng = made("goal-conditioned"), np.random.default_rng(1)
    memory = skewed(objective)
    assert np.array_equal(objective.sample_codes(rng), objective.skill_embeddings), "nothing was reached yet"
    objective.begin(memory, rng)
    goals = objective.sample_codes(rng)
    assert np.array_equal(goals[5:], objective.skill_embeddings[5:]), "all joints were shut: that is a fact"
    assert objective.skill_embeddings[5:7, 0] == pytest.approx([0.0, 0.6])
    more = [ended(5, np.array([0.3]))]
    memory.add(more, goals)
    objective.learn(memory, 0, 0, np.zeros(len(objective.codes.effects)), rng)
    goals = objective.sample_codes(rng)
    assert goals[7, 0] == pytest.approx(0.3)
    assert goals[5:7] == pytest.approx(objective.skill_embeddings[5:7])


def test_a_goal_never_asks_the_gripper_to_stay() -> None:
    objective, rng = made("goal-conditioned"), np.random.default_rng(1)
    end = np.full(EFFECT_WIDTH, 0.1)
    memory = filled(objective, [ended(0, end)], rng)
    objective.begin(memory, rng)
    goal = objective.sample_codes(rng)[0]
    assert goal[:3] == pytest.approx(end[:3])
    assert not goal[LEFT:].any()


def test_the_librarys_codes_lie_over_what_was_reached() -> None:
    objective, rng = made("goal-conditioned"), np.random.default_rng(1)
    memory = filled(objective, scattered(200, 0), rng)
    objective.begin(memory, rng)
    for i in range(40):
        objective.learn(memory, i, 0, np.zeros(len(objective.codes.effects)), rng)
    ends, own = memory.finals()[memory.of_effect(0), 0, :3], objective.skill_embeddings[:5, :3]
    nearest = np.linalg.norm(ends[:, None] - own[None], axis=-1)
    assert len(np.unique(nearest.argmin(1))) == 5, "each code has ends"
    alone = np.linalg.norm(ends - ends.mean(0), axis=-1)
    assert np.mean(nearest.min(1) ** 2) < 0.7 * np.mean(alone**2)


@pytest.mark.parametrize("exact", [True, False])
def test_in_hindsight_a_goal_is_the_episodes_end_and_else_the_one_that_it_had(asked: list[Window], exact: bool) -> None:
    plain = {"mirror": False, "turn": 0.0, "shift": 0.0, "half_turns": False, "exact_goals": exact}
    one = Learner(CODES, settings("goal-conditioned", hindsight=0.75, **plain), 3, HORIZON)
    go(one)
    window = asked[-1]
    commanded, again = slice(0, 4), slice(4, 16)
    memory = one.memory
    assert window.embeddings[commanded] == pytest.approx(memory.episodes["embedding"][window.episodes[commanded]])
    codes = window.codes[again]
    free = np.isin(codes, [0, 1, 2, 3, 4, 7]) & exact
    ends = memory.finals()[window.episodes[again], window.effect_indices[again]].copy()
    ends[:, LEFT:] = 0.0
    expected = np.where(free[:, None], ends, one.objective.skill_embeddings[codes])
    assert window.embeddings[again] == pytest.approx(expected)
    assert free.any() == exact


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("goal-conditioned", "ends", np.zeros((3, EFFECT_WIDTH + 1))),
        ("goal-conditioned", "end_effects", np.zeros(1, int)),
        ("curious", "progress", np.zeros(5)),
        ("curious", "begun", np.zeros((1, 1))),
    ],
)
def test_a_state_that_does_not_fit_is_refused(name: str, key: str, value: np.ndarray) -> None:
    one = Learner(CODES, settings(name), 3, HORIZON)
    go(one)
    with pytest.raises(TabletopError, match=rf"needs {key} of shape .*; got \({value.shape[0]},"):
        made(name).load_state_dict({**one.objective.state_dict(), key: value})


# --- which effects ---------------------------------------------------------------------------


def test_learning_progress_is_how_far_success_changed_between_two_windows() -> None:
    # 1 of 4, then 3 of 4.
    results = [False, False, True, False, True, True, False, True]
    assert learning_progress(results, window=4) == pytest.approx(0.5)
    assert learning_progress(results[::-1], window=4) == pytest.approx(0.5), "what is forgotten counts, too"
    # The last two of each: 0.5 (True, True before False, True).
    assert learning_progress(results, window=2) == pytest.approx(0.5)
    # While there are fewer, halves of what there is; the first of an odd number is left out.
    assert learning_progress([True, False, True], window=100) == pytest.approx(1.0)
    assert learning_progress([True, False, False], window=100) == 0.0
    assert learning_progress([True]) == learning_progress([]) == 0.0


def test_effects_are_chosen_by_progress_four_times_in_ten_any() -> None:
    # 0.4 / 4 + 0.6 * LP / 0.6
    assert shares([0.3, 0.1, 0.2, 0.0]) == pytest.approx([0.4, 0.2, 0.3, 0.1])
    assert shares([0.0, 0.0]) == [0.5, 0.5]
    assert sum(shares(np.random.default_rng(0).random(11))) == pytest.approx(1.0)


def test_curious_looks_at_the_episodes_since_goals_began_in_their_order() -> None:
    objective, rng = made("curious"), np.random.default_rng(0)
    assert isinstance(objective, Curious)
    goals = np.zeros((CODES.total, EFFECT_WIDTH))
    memory = HindsightReplay(CODES, OBSERVATION, 60 * HORIZON, HORIZON, EFFECT_WIDTH)
    there, away, joint = np.zeros(3), np.array([0.1, 0.0, 0.0]), np.array([0.0])
    memory.add([ended(0, there)] * 30, goals)
    objective.begin(memory, rng)
    # Held things come to their goals in 1 of 10, then in 7 of 10; joints always; the memory holds 60 and begins anew.
    for reached in (1, 7):
        memory.add([ended(0, there)] * reached + [ended(0, away)] * (10 - reached), goals)
        memory.add([ended(5, joint)] * 10, goals)
    assert memory.episodes.added > len(memory)
    objective.learn(memory, 1, 0, np.zeros(len(objective.codes.effects)), rng)
    assert objective.progress()["progress/held_at"] == pytest.approx(0.6)
    assert objective.progress()["progress/joint"] == 0.0
    assert objective.effect_weights([1.0, 9.0], [0.0, 1.0]) == pytest.approx([0.8, 0.2])


def test_the_others_choose_effects_by_weight_and_by_what_is_not_known_yet() -> None:
    for name in ("final-state", "goal-conditioned"):
        objective = make_objective(CODES, settings(name), 0, HORIZON)
        assert objective.effect_weights([0.7, 0.3], [0.15, 1.0]) == pytest.approx([0.7, 0.3 * 0.15])
