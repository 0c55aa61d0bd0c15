from __future__ import annotations

import numpy as np
import pytest
import torch

from tabletop.discovery.collect import Record
from tabletop.discovery.learner import OBSERVATION, Learner, LearnerSettings
from tabletop.discovery.objectives import Window
from tabletop.learn.sac import SACSettings
from tabletop.skills.codebook import Codebook
from tabletop.skills.effects import EFFECT_WIDTH, LEFT

torch.set_num_threads(1)

HORIZON = 6


def made(counts: dict[str, int], **change: object) -> Learner:
    given = {"sac": SACSettings(hidden=(8,), batch_size=40), "capacity": 600, **change}
    return Learner(Codebook(counts), LearnerSettings(**given), 0, HORIZON)  # type: ignore[arg-type]


@pytest.fixture
def learner() -> Learner:
    return made({"held_at": 2, "joint": 2})


def test_the_worst_known_kind_of_entity_is_needed_most_and_none_is_left_out(learner: Learner) -> None:
    learner.recent = [(0, i % 5 == 0, 0.0, "puck", True) for i in range(50)]
    learner.recent += [(0, i % 2 == 0, 0.0, "can", True) for i in range(50)]
    learner.recent += [(0, True, 0.0, "block", True) for _ in range(50)]
    needs = learner.acceptance_probability()
    assert needs["puck"] == 1.0
    assert needs["block"] < needs["can"] < 1.0
    assert needs["block"] > 0.1


def test_a_kind_seen_once_does_not_crowd_out_what_is_known_to_be_hard(learner: Learner) -> None:
    learner.recent = [(0, False, 0.0, "puck", False)] * 40 + [(0, False, 0.0, "ball", False)]
    assert learner.acceptance_probability()["puck"] == 1.0


def test_nothing_known_means_nothing_is_held_back(learner: Learner) -> None:
    assert learner.acceptance_probability() == {}


def ended(code: int, counts: int, rng: np.random.Generator) -> Record:
    """Return an episode that ends anywhere, with the gripper not quite away."""
    effects = rng.normal(0.0, 0.1, (HORIZON + 1, counts, EFFECT_WIDTH))
    effects[:, :, LEFT] = 0.03
    observations = rng.normal(size=(HORIZON + 1, OBSERVATION)).astype(np.float32)
    return Record(
        code, "block", observations, np.zeros((HORIZON, 5), np.float32), effects, np.ones(counts, bool), HORIZON
    )


def test_precision_is_the_share_of_ends_within_3_cm_of_what_they_were_asked_for_by_effect(learner: Learner) -> None:
    targets = np.zeros((4, EFFECT_WIDTH))
    targets[1, 0] = 0.2
    rng = np.random.default_rng(0)
    records = [ended(code, 2, rng) for code in (0, 0, 0, 0, 1, 2)]
    for record, way in zip(records, (0.0, 0.02, 0.04, 0.0, 0.19, 0.3), strict=True):
        record.effects[-1] = 0.0
        record.effects[-1, :, 0] = way
    records[3].effects[-1, 0, LEFT] = 0.05
    learner.add(records, targets)
    assert learner.precision() == {"held_at": 3 / 5, "joint": 0.0}
    assert learner.progress()["near/held_at"] == 0.6


@pytest.mark.parametrize("exact", [True, False])
def test_in_hindsight_an_episode_was_to_reach_its_own_end_with_the_gripper_away(
    asked: list[Window], exact: bool
) -> None:
    plain = {"mirror": False, "turn": 0.0, "shift": 0.0, "half_turns": False}
    learner = made({"held_at": 3, "toppled": 2}, hindsight=0.75, exact_goals=exact, **plain)
    rng = np.random.default_rng(0)
    learner.add([ended(i % 5, 2, rng) for i in range(30)], learner.sample_codes())
    learner.begin()
    learner.learn(1)
    (window,) = asked
    means = learner.objective.skill_embeddings[window.codes]
    ends = learner.memory.finals()[window.episodes, window.effect_indices].copy()
    ends *= learner.codes.asks[window.effect_indices]
    found = np.arange(40) >= 10
    free = found & (window.effect_indices == 0)
    assert free.sum() > 5
    assert (found & ~free).sum() > 2, "facts as well"
    if exact:
        means[~found] = learner.memory.episodes["embedding"][window.episodes[~found]]
    expected = np.where((free & exact)[:, None], ends, means)
    assert window.embeddings == pytest.approx(expected)
    assert not window.embeddings[:, LEFT].any()
    assert (np.linalg.norm(ends - means, axis=-1)[free] > 1e-3).any()
