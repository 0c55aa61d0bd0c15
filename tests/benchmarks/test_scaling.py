"""The stand-in of a collector: real episodes, after the time that they take."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import stand_in

from tabletop.discovery.collect import CollectJob, collect
from tabletop.sim.generate import load_scene_card
from tabletop.skills.codebook import Codebook


def test_a_stand_in_hands_over_real_episodes_after_the_time_that_they_take(tmp_path: Path) -> None:
    codes = Codebook({"held_at": 2, "joint": 2})
    card = load_scene_card("discovery")
    job = CollectJob({}, np.zeros((4, 6)), codes, card, 0, 0, 2, 6, (0.5, 0.5), {}, True)
    real = collect(job)
    stand_in.keep(tmp_path, real)
    began = time.monotonic()
    replayed = stand_in.replay(replace(job, first=4, count=4), str(tmp_path), 0.005, begin=6)
    took = time.monotonic() - began
    for one, other in zip([*real, *real], replayed, strict=True):
        for name, value in asdict(one).items():
            assert type(getattr(other, name)) is type(value), name
            assert np.array_equal(getattr(other, name), value), name
    (notes,) = tmp_path.glob("*.jsonl")
    seconds = [json.loads(line)["seconds"] for line in notes.read_text().splitlines()]
    assert seconds == [record.steps * 0.005 for record in real], "the first two took no time"
    assert took >= sum(seconds)
