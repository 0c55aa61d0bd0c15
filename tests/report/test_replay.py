from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tabletop.logic import load_registry
from tabletop.perturbation import Perturbation
from tabletop.report import write_replay
from tabletop.report.replay import replay_of
from tabletop.rollout.episode import episode
from tabletop.rollout.evaluate import run_task, scripted
from tabletop.rollout.policy import Nothing
from tabletop.sim.generate import generate
from tabletop.sim.scene_cards import find_scene_card
from tabletop.sim.world import World

TASKS = load_registry()


def numbers(text: str, kind: str) -> npt.NDArray[np.float64]:
    return np.frombuffer(base64.b64decode(text), dtype=kind).astype(float)


def test_it_has_all_things_where_the_world_has_them() -> None:
    run = run_task(TASKS["lift"], scripted, 7)
    found = replay_of(run)
    assert found is not None
    poses = numbers(found["poses"], "<i2").reshape(len(run) + 1, found["frames"], 7)
    with World() as world:
        world.load(run.scene)
        for action in run.actions:
            world.step(action.tolist())
        looks, last = world.looks(), world.poses()
    assert len(found["pieces"]) == len(looks)
    for piece, own in zip(found["pieces"], looks, strict=True):
        assert numbers(piece["v"], "<i2") * 1e-4 == pytest.approx(own.vertices.ravel(), abs=1e-4)
        assert numbers(piece["f"], "<u2") == pytest.approx(own.faces.ravel())
        assert (piece["m"] < 0) == (own.frame < 0)
        if own.frame >= 0:
            pose = poses[-1, piece["m"]]
            assert pose[:3] * 1e-4 == pytest.approx(last[own.frame, :3], abs=1e-4)
            assert pose[3:] / 32767 == pytest.approx(last[own.frame, 3:], abs=1e-4)
    every_third = replay_of(run, 3)
    assert every_third is not None
    assert numbers(every_third["poses"], "<i2").size == poses[::3].size


def test_a_disturbed_episode_and_a_scene_with_a_cloth_have_none(tmp_path: Path) -> None:
    pushed = run_task(TASKS["lift"], scripted, 7, disturbance=Perturbation("push-arm", 400.0, steps=12))
    assert write_replay(pushed, tmp_path / "pushed.webp") is None
    soft = episode(Nothing(), generate(find_scene_card("fabrics"), 1), 0, 3)
    assert write_replay(soft, tmp_path / "soft.webp") is None
    assert list(tmp_path.iterdir()) == []


def test_it_lies_beside_the_film_and_is_the_same_each_time(tmp_path: Path) -> None:
    run = run_task(TASKS["push"], scripted, 3)
    path = write_replay(run, tmp_path / "one.webp", 2)
    assert path == tmp_path / "one.replay.json"
    again: Any = json.loads(path.read_text())
    assert again == replay_of(run, 2)
    assert path.stat().st_size < 100_000
