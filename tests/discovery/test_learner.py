from __future__ import annotations

import pytest
import torch

from tabletop.discovery.learner import Learner, LearnerSettings
from tabletop.learn.sac import SACSettings
from tabletop.skills.codebook import Codebook

torch.set_num_threads(1)


@pytest.fixture
def learner() -> Learner:
    settings = LearnerSettings(sac=SACSettings(hidden=(8,), batch_size=8), capacity=60)
    return Learner(Codebook({"held_at": 2, "drawer": 2}), settings, 0, 6)


def test_the_worst_known_kind_of_entity_is_needed_most_and_none_is_left_out(learner: Learner) -> None:
    learner.recent = [(0, i % 5 == 0, 0.0, "puck") for i in range(50)]
    learner.recent += [(0, i % 2 == 0, 0.0, "can") for i in range(50)]
    learner.recent += [(0, True, 0.0, "block") for _ in range(50)]
    needs = learner.acceptance_probability()
    assert needs["puck"] == 1.0
    assert needs["block"] < needs["can"] < 1.0
    assert needs["block"] > 0.1


def test_a_kind_seen_once_does_not_crowd_out_what_is_known_to_be_hard(learner: Learner) -> None:
    learner.recent = [(0, False, 0.0, "puck")] * 40 + [(0, False, 0.0, "ball")]
    assert learner.acceptance_probability()["puck"] == 1.0


def test_nothing_known_means_nothing_is_held_back(learner: Learner) -> None:
    assert learner.acceptance_probability() == {}
