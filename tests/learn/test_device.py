from __future__ import annotations

import pytest
import torch

from tabletop.errors import TabletopError
from tabletop.learn.device import choose_device
from tabletop.learn.sac import SAC, SACSettings


@pytest.mark.parametrize("there", [False, True])
def test_a_gpu_is_taken_where_there_is_one(there: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    assert choose_device().type == ("cuda" if there else "cpu")
    assert choose_device("cpu").type == "cpu"


@pytest.mark.parametrize("name", ["tpu", "cuda:99", ""])
def test_a_device_that_is_not_there_is_refused(name: str) -> None:
    with pytest.raises(TabletopError, match="cpu"):
        choose_device(name)


def test_the_learner_computes_where_it_is_told() -> None:
    sac = SAC(4, 2, SACSettings(hidden=(8,), device="cpu"), seed=0)
    assert sac.device == sac.actor.flat.device == sac.critic.gradient.device == torch.device("cpu")
