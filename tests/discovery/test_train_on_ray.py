"""Discovery with its collectors on a real Ray cluster. Left out where Ray is not installed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tabletop.discovery import train as module
from tabletop.discovery.config import DiscoverSettings
from tabletop.discovery.learner import LearnerSettings
from tabletop.discovery.train import discover
from tabletop.learn.sac import SACSettings

pytest.importorskip("ray")

SETTINGS = DiscoverSettings(
    counts={"held_at": 2, "joint": 2},
    effect_weights={"held_at": 0.7, "joint": 0.3},
    horizon=6,
    episodes=2,
    warmup=4,
    updates=0.2,
    learner=LearnerSettings(sac=SACSettings(hidden=(8, 8), batch_size=16), capacity=600),
    seed=1,
)

KILLER = """
import os, signal
from tabletop.discovery.collect import collect

def collect_or_die(job):
    marker = {marker!r}
    if job.first == 6 and not os.path.exists(marker):
        open(marker, "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
    return collect(job)
"""


@pytest.mark.slow
def test_a_run_on_ray_of_which_a_worker_is_killed_ends_bit_for_bit_like_one_without_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = discover(tmp_path / "alone", SETTINGS, steps=150, workers=0, quiet=True)
    marker = tmp_path / "killed"
    (tmp_path / "killer_on_ray.py").write_text(KILLER.format(marker=str(marker)))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    import killer_on_ray  # type: ignore[import-not-found]

    monkeypatch.setattr(module, "collect", killer_on_ray.collect_or_die)
    try:
        library = discover(tmp_path / "ray", SETTINGS, steps=150, workers="ray:2", quiet=True)
    finally:
        sys.modules.pop("killer_on_ray")
    assert marker.exists()
    assert library.info["updates"] == alone.info["updates"] > 5
    weights = Path("library") / "weights.safetensors"
    assert (tmp_path / "ray" / weights).read_bytes() == (tmp_path / "alone" / weights).read_bytes()
