"""What a caller has set stays as it was."""

from __future__ import annotations

import os
import random
import signal
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2  # noqa: F401  (these set variables of the environment and filters of warnings when they are imported)
import gymnasium  # noqa: F401
import numpy as np
import pytest
import torch

import tabletop as tt
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


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    """Let torch have another number of threads than the package takes."""
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(threads)


def test_a_discovery_leaves_the_callers_settings_alone(tmp_path: Path) -> None:
    counts = {"held_at": 2}
    learner = LearnerSettings(sac=SACSettings(hidden=(8, 8), batch_size=16), capacity=600)
    tiny = DiscoverSettings(
        counts=counts, effect_weights={"held_at": 1.0}, horizon=6, episodes=2, learner=learner, warmup=4, updates=0.2
    )
    before = settings()
    discover(tmp_path, tiny, steps=60, workers=0, quiet=True)
    assert settings() == before


USES: dict[str, Callable[[Path, int], object]] = {
    "measure": lambda run, workers: tt.measure(run, episodes=5, workers=workers),
    "name_skills": lambda run, workers: tt.name_skills(run, episodes=5, workers=workers),
    "evaluate": lambda run, workers: tt.evaluate("scripted", "button-press", episodes=1, workers=workers),
    "evaluate a file": lambda run, workers: tt.evaluate(f"{run}.py:still", "push", episodes=1, workers=workers),
    "perturb": lambda run, workers: tt.perturb("nothing", "push", "mass", scenes=1, workers=workers),
    "plan": lambda run, workers: tt.plan("scripted", "lifted(red, 10 cm)", workers=workers),
    "record": lambda run, workers: tt.record("scripted", run / "film.webm", task="button-press"),
}


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("workers", [0, 1])
def test_the_other_uses_leave_the_callers_settings_alone(use: str, workers: int, run_of: Path) -> None:
    run_of.with_suffix(".py").write_text("import tabletop as tt\nstill = tt.ObservationPolicy(lambda o: [0.0] * 5)\n")
    before = settings()
    USES[use](run_of, workers)
    assert settings() == before
