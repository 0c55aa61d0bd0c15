from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tabletop.discovery.collect import Record
from tabletop.discovery.discriminator import Discriminator
from tabletop.discovery.hindsight_replay import HindsightReplay
from tabletop.skills.codebook import Codebook
from tabletop.skills.effects import EFFECT_WIDTH, FACT

CODES = Codebook({"held_at": 2, "placed": 2, "joint": 2})
HORIZON, WIDTH = 3, 2


def record(code: int, final: float, valid: tuple[bool, bool, bool] = (True, True, False), mark: float = 0.0) -> Record:
    """Return an episode that ends `final` m to the left, in all effects."""
    effects = np.zeros((HORIZON + 1, 3, EFFECT_WIDTH))
    effects[:, :, 1] = np.linspace(0.0, final, HORIZON + 1)[:, None]
    observations = np.full((HORIZON + 1, WIDTH), mark, np.float32)
    observations[:, 1] = np.arange(HORIZON + 1)
    actions = np.full((HORIZON, 5), mark, np.float32)
    return Record(code, "block", observations, actions, effects, np.array(valid), HORIZON)


def trained() -> Discriminator:
    """Return a discriminator whose codes of an effect lie 30 cm to the left and to the right."""
    q = Discriminator(CODES, 0.05)
    q.means[:, 1] = [0.3, -0.3] * 3
    return q


def filled(*records: Record, capacity: int = 30) -> HindsightReplay:
    memory = HindsightReplay(CODES, WIDTH, capacity, HORIZON)
    memory.add(list(records))
    return memory


def test_an_episode_is_labelled_for_each_effect_it_counts_as_and_no_other() -> None:
    memory = filled(record(0, 0.29), record(2, -0.31))
    memory.relabel(trained(), 5.0, 0.25, np.random.default_rng(0))
    effects, labels, weights = memory.labelled()
    assert sorted(labels.tolist()) == [0, 1, 2, 3]
    assert effects[:, 1] == pytest.approx([0.29 if code in (0, 2) else -0.31 for code in labels])
    assert weights == pytest.approx(0.5)


def test_an_effect_has_the_share_of_the_episodes_it_was_sent_out_with() -> None:
    memory = filled(record(0, 0.3), record(0, -0.3), record(0, 0.3), record(2, 0.3))
    memory.relabel(trained(), 5.0, 0.25, np.random.default_rng(0))
    _, labels, weights = memory.labelled()
    effect_indices = CODES.effect_of[labels]
    assert [float(weights[effect_indices == k].sum()) for k in range(3)] == pytest.approx([3.0, 1.0, 0.0])


def test_what_is_reached_seldom_weighs_more() -> None:
    memory = filled(*[record(0, 0.3)] * 9, record(0, -0.3))
    memory.relabel(trained(), 1.0, 0.25, np.random.default_rng(0))
    effects, labels, weights = memory.labelled()
    held = CODES.effect_of[labels] == 0
    rare = effects[:, 1] < 0
    assert float(weights[held & rare].sum() / weights[held & ~rare][0]) == pytest.approx(5.0)


def lying(code: int, fallen: bool) -> Record:
    """Return an episode after which a thing lies on its side, or stands."""
    out = record(code, 0.0, (True, True, True))
    out.effects[-1, :, :2] = (0.15, FACT) if fallen else (0.0, 0.0)
    return out


def test_facts_get_codes_of_their_own_and_an_equal_share_of_the_weight_once_they_are_common() -> None:
    codes = Codebook({"toppled": 2, "held_at": 2, "placed": 2})
    memory = HindsightReplay(codes, WIDTH, 9000, HORIZON)
    memory.add([lying(0, fallen=i < 40) for i in range(2000)])
    memory.relabel(Discriminator(codes, 0.05), 5.0, 0.25, np.random.default_rng(0))
    effects, labels, weights = memory.labelled()
    own = codes.effect_of[labels] == 0
    assert np.array_equal(labels[own], effects[own, 1] > 0)
    share = weights[own & (labels == 1)].sum() / weights[own].sum()
    assert share == pytest.approx(0.4, abs=0.06), "40 episodes of 2000"


def test_a_fact_that_was_hardly_ever_seen_does_not_fill_the_batches() -> None:
    codes = Codebook({"toppled": 2, "held_at": 2, "placed": 2})
    memory = HindsightReplay(codes, WIDTH, 9000, HORIZON)
    memory.add([lying(0, fallen=i == 0) for i in range(500)])
    memory.relabel(Discriminator(codes, 0.05), 5.0, 0.25, np.random.default_rng(0))
    _, labels, weights = memory.labelled()
    own = codes.effect_of[labels] == 0
    assert 0.01 < weights[own & (labels == 1)].sum() / weights[own].sum() < 0.1


def test_drawn_steps_come_with_the_code_they_were_sent_out_with_or_one_that_fits() -> None:
    memory = filled(record(1, 0.3, mark=1.0), record(0, -0.3, mark=2.0))
    memory.relabel(trained(), 5.0, 0.25, np.random.default_rng(0))
    episodes, steps, codes = memory.draw(200, 0.25, np.random.default_rng(1))
    assert set(steps.tolist()) == set(range(HORIZON))
    assert [codes[i] for i in range(150)] == [(1, 0)[e] for e in episodes[:150]]
    fits = {0: {0, 2}, 1: {1, 3}}
    assert all(c in fits[e] for e, c in zip(episodes[150:], codes[150:], strict=True))
    assert set(codes[150:].tolist()) <= {0, 1}, "both episodes were sent out for the first effect"
    rows = episodes * (HORIZON + 1) + steps
    assert memory.steps["observation"][rows, 0] == pytest.approx(episodes + 1.0)
    assert memory.steps["observation"][rows, 1] == pytest.approx(steps)


def test_the_oldest_episodes_are_forgotten_and_the_newest_known() -> None:
    memory = filled(*[record(i % 2, 0.1 * i) for i in range(5)], capacity=3 * HORIZON)
    assert len(memory) == 3
    assert memory.finals()[memory.newest(2), 0, 1] == pytest.approx([0.4, 0.3])
    assert sorted(memory.finals()[:, 0, 1]) == pytest.approx([0.2, 0.3, 0.4])


def test_a_kept_memory_draws_the_same(tmp_path: Path) -> None:
    memory, other = filled(record(0, 0.3), record(2, -0.2)), filled()
    memory.relabel(trained(), 5.0, 0.25, np.random.default_rng(0))
    memory.add([record(3, 0.1)])
    memory.save(tmp_path)
    other.restore(tmp_path)
    one, two = (m.draw(50, 0.5, np.random.default_rng(2)) for m in (memory, other))
    assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))


def test_what_was_to_be_0_and_is_not_makes_an_episode_a_rarer_example() -> None:
    spoilt = record(0, 0.3)
    spoilt.effects[-1, :, 5] = 0.06
    memory = filled(record(0, 0.3), spoilt, record(0, -0.3), record(0, -0.3))
    memory.relabel(trained(), 1.0, 0.25, np.random.default_rng(0))
    weights = memory.episodes["weight"][:4, 0]
    assert weights[1] / weights[0] == pytest.approx(0.5)
    assert weights[2] == weights[0], "both are of one bin"


def test_an_episode_that_did_nothing_is_a_rare_example_of_where_the_thing_stood() -> None:
    idle = record(0, 0.3)
    idle.effects[:, :, 1] = 0.29
    memory = filled(record(0, 0.3), idle)
    memory.relabel(trained(), 1.0, 0.25, np.random.default_rng(0))
    weights = memory.episodes["weight"][:2, 0]
    assert weights[1] / weights[0] == pytest.approx(0.2)
