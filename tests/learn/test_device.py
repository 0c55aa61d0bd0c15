from __future__ import annotations

import pytest
import torch

from tabletop.errors import TabletopError
from tabletop.learn.device import choose_device, collectors, learner_threads
from tabletop.learn.sac import SAC, SACSettings


@pytest.mark.parametrize("there", [False, True])
def test_a_gpu_is_taken_where_there_is_one(there: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    assert choose_device().type == ("cuda" if there else "cpu")
    assert choose_device("cpu").type == "cpu"


@pytest.mark.parametrize(
    ("cores", "workers", "threads"),
    [(1, 1, 1), (2, 0, 1), (2, 2, 1), (4, 0, 1), (7, 0, 1), (8, 6, 2), (8, 7, 1), (12, 4, 3), (16, 12, 4), (64, 64, 1)],
)
def test_a_learner_has_a_quarter_of_the_cores_as_far_as_workers_leave_them(
    cores: int, workers: int, threads: int
) -> None:
    assert learner_threads(cores, workers) == threads


@pytest.mark.parametrize(("cores", "workers"), [(1, 1), (2, 2), (4, 4), (7, 7), (8, 6), (12, 9), (16, 12), (128, 12)])
def test_collectors_leave_the_learner_its_threads_where_it_has_several(cores: int, workers: int) -> None:
    assert collectors(cores) == workers
    assert learner_threads(cores, workers) == learner_threads(cores, 0)


@pytest.mark.parametrize("name", ["tpu", "cuda:99", ""])
def test_a_device_that_is_not_there_is_refused(name: str) -> None:
    with pytest.raises(TabletopError, match="cpu"):
        choose_device(name)


def test_the_learner_computes_where_it_is_told() -> None:
    sac = SAC(4, 2, SACSettings(hidden=(8,), device="cpu"), seed=0)
    assert sac.device == sac.actor.flat.device == sac.critic.gradient.device == torch.device("cpu")
