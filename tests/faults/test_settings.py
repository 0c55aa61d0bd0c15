"""What a caller has set stays as it was."""

from __future__ import annotations

import os
import random
import signal
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tabletop.discovery.config import DiscoverSettings
from tabletop.discovery.learner_config import LearnerSettings
from tabletop.discovery.train import discover
from tabletop.learn.settings import SACSettings
from tabletop.signals import STOPS


def settings() -> list[Any]:
    return [
        torch.get_num_threads(),
        [signal.getsignal(number) for number in STOPS],
        signal.pthread_sigmask(signal.SIG_BLOCK, []),
        random.getstate(),
        repr(np.random.get_state()),  # noqa: NPY002
        torch.get_rng_state().tolist(),
        list(warnings.filters),
        dict(os.environ),
    ]


def test_a_discovery_leaves_the_callers_settings_alone(tmp_path: Path) -> None:
    counts = {"held_at": 2}
    learner = LearnerSettings(sac=SACSettings(hidden=(8, 8), batch_size=16), capacity=600)
    tiny = DiscoverSettings(
        counts=counts, effect_weights={"held_at": 1.0}, horizon=6, episodes=2, learner=learner, warmup=4, updates=0.2
    )
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        before = settings()
        discover(tmp_path, tiny, steps=60, workers=0, quiet=True)
        assert settings() == before
    finally:
        torch.set_num_threads(threads)
