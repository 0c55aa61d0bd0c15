"""Rounds under way: how many, shared out how, how old their weights are, and that the number alone decides."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from tabletop.discovery import train as module
from tabletop.discovery.collect import CollectJob
from tabletop.discovery.config import DiscoverSettings
from tabletop.discovery.learner import Learner, LearnerSettings
from tabletop.discovery.rounds import Rounds, rounds_for, shared_out
from tabletop.discovery.train import discover
from tabletop.errors import TabletopError
from tabletop.learn.sac import SACSettings
from tabletop.rollout.engine import Engine
from tabletop.skills.codebook import Codebook

ROUNDS = 5
SETTINGS = DiscoverSettings(
    counts={"held_at": 2, "joint": 2},
    effect_weights={"held_at": 0.7, "joint": 0.3},
    horizon=6,
    episodes=3,
    warmup=6,
    updates=0.2,
    learner=LearnerSettings(sac=SACSettings(hidden=(8, 8), batch_size=16), capacity=600),
    rounds_under_way=ROUNDS,
    seed=1,
)
SHORT, LONG = 200, 350

KILLER = """
import os, signal
from tabletop.discovery.collect import collect

def collect_or_die(job):
    marker = {marker!r}
    if job.first == 19 and not os.path.exists(marker):
        open(marker, "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
    return collect(job)

def numbers(job):
    return list(range(job.first, job.first + job.count))

def numbers_or_die(job):
    marker = {marker!r}
    with open(marker + str(job.first), "a") as file:
        file.write(".")
    if job.first == 3 and not os.path.exists(marker):
        open(marker, "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
    return numbers(job)
"""


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    """Where a worker that kills itself notes it."""
    return tmp_path / "killed"


@pytest.fixture
def killers(importable: Callable[[str, str], ModuleType], marker: Path) -> ModuleType:
    """Collectors that workers can import as well."""
    return importable("killers_of_parts", KILLER.format(marker=str(marker)))


def job(first: int, count: int) -> CollectJob:
    return CollectJob({}, np.zeros((2, 3)), Codebook({"held_at": 2}), {}, 0, first, count, 6, (1.0,), {}, True)


@pytest.mark.parametrize(
    ("workers", "episodes", "most", "rounds"),
    [
        *[(workers, 12, 16, 2) for workers in (0, 1, 2, 12)],
        *[(13, 12, 16, 3), (18, 12, 16, 3), (19, 12, 16, 4), (64, 12, 16, 11), (96, 12, 16, 16), (97, 12, 16, 16)],
        *[(64, 12, 5, 5), (64, 64, 16, 2), (1, 12, 1, 1)],
    ],
)
def test_there_are_twice_as_many_episodes_under_way_as_workers(
    workers: int, episodes: int, most: int, rounds: int
) -> None:
    assert rounds_for(workers, episodes, most) == rounds
    assert rounds * episodes >= 2 * workers or rounds == most


@pytest.mark.parametrize(
    ("workers", "sizes"), [(0, [12]), (1, [12]), (2, [3] * 4), (5, [1, 1, 1, 1, 2] * 2), (6, [1] * 12), (64, [1] * 12)]
)
def test_workers_share_a_round(workers: int, sizes: list[int]) -> None:
    parts = shared_out(job(24, 12), workers)
    assert [part.count for part in parts] == sizes
    assert [n for part in parts for n in range(part.first, part.first + part.count)] == list(range(24, 36))
    assert {(part.seed, part.effect_weights) for part in parts} == {(0, (1.0,))}


def test_what_lost_workers_had_finished_is_not_run_again(killers: ModuleType, marker: Path) -> None:
    with Engine(2) as engine:
        rounds = Rounds(engine, killers.numbers_or_die)
        for first in (0, 4):
            rounds.start(job(first, 4))
        for first in (0, 4):
            found = rounds.wait(lambda: False)
            assert found is not None
            assert (found[0], found[1].first) == (list(range(first, first + 4)), first)
    assert (marker.exists(), len(rounds)) == (True, 0)
    assert Path(f"{marker}3").read_text() == ".."
    assert len(Path(f"{marker}0").read_text()) == 1


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run without workers that nothing interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    discover(folder, SETTINGS, steps=LONG, workers=0, quiet=True)
    return folder


def weights(folder: Path) -> bytes:
    return (folder / "library" / "weights.safetensors").read_bytes()


def test_weights_are_as_many_rounds_of_learning_old_as_rounds_are_under_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learned, started, ages = 0, dict[int, int](), list[int]()
    learn, start, wait = Learner.learn, Rounds.start, Rounds.wait

    def counted(learner: Learner, updates: int) -> None:
        nonlocal learned
        learn(learner, updates)
        learned += 1

    def noted(rounds: Rounds, begun: CollectJob) -> None:
        started[begun.first] = learned
        start(rounds, begun)

    def aged(rounds: Rounds, interrupted: Callable[[], bool]) -> Any:
        found = wait(rounds, interrupted)
        if found is not None and not found[1].random:
            ages.append(learned - started[found[1].first])
        return found

    for owner, name, function in ((Learner, "learn", counted), (Rounds, "start", noted), (Rounds, "wait", aged)):
        monkeypatch.setattr(owner, name, function)
    discover(tmp_path, SETTINGS, steps=LONG, workers=0, quiet=True)
    assert len(ages) > 3
    assert set(ages) == {ROUNDS}


def test_any_workers_one_of_them_killed_and_a_resumed_run_give_the_same_for_a_number_of_rounds(
    whole: Path, tmp_path: Path, killers: ModuleType, marker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, unsaid = tmp_path / "run", replace(SETTINGS, rounds_under_way=None)
    monkeypatch.setattr(module, "collect", killers.collect_or_die)
    discover(folder, SETTINGS, steps=SHORT, workers=2, quiet=True)
    state = json.loads((folder / "checkpoint" / "state.json").read_text(encoding="utf-8"))
    assert (marker.exists(), len(state["jobs"])) == (True, ROUNDS)
    assert state["pace"] == {"rounds_under_way": ROUNDS, "threads": 1}
    library = discover(folder, unsaid, steps=LONG, workers=0, resume=True, quiet=True)
    assert (library.info["rounds_under_way"], library.info["threads"]) == (ROUNDS, 1)
    assert weights(folder) == weights(whole)
    discover(tmp_path / "other", unsaid, steps=LONG, workers=0, quiet=True)
    assert weights(tmp_path / "other") != weights(whole)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rounds_under_way": 2}, "was made with rounds_under_way 5; resume with the same, or leave it out, got 2"),
        ({"threads": 2}, "was made with threads 1; resume with the same, or leave it out, got 2"),
    ],
)
def test_a_run_does_not_go_on_with_another_number(whole: Path, change: dict[str, int], message: str) -> None:
    with pytest.raises(TabletopError, match=message):
        discover(whole, replace(SETTINGS, **change), steps=2 * LONG, workers=0, resume=True, quiet=True)


def test_a_run_from_before_the_numbers_were_noted_had_two_rounds_and_one_thread(tmp_path: Path) -> None:
    for name, steps in (("whole", SHORT), ("old", 60)):
        discover(tmp_path / name, replace(SETTINGS, rounds_under_way=2), steps=steps, workers=0, quiet=True)
    path = tmp_path / "old" / "checkpoint" / "state.json"
    state = json.loads(path.read_text(encoding="utf-8"))
    del state["pace"]
    path.write_text(json.dumps(state), encoding="utf-8")
    unsaid = replace(SETTINGS, rounds_under_way=None)
    discover(tmp_path / "old", unsaid, steps=SHORT, workers=0, resume=True, quiet=True)
    assert weights(tmp_path / "old") == weights(tmp_path / "whole")


def test_the_learner_gets_the_threads_that_are_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    seen = set()
    learn = Learner.learn

    def noted(learner: Learner, updates: int) -> None:
        seen.add(torch.get_num_threads())
        learn(learner, updates)

    monkeypatch.setattr(Learner, "learn", noted)
    before = torch.get_num_threads()
    library = discover(tmp_path, replace(SETTINGS, threads=2), steps=60, workers=0, quiet=True)
    assert (seen, library.info["threads"], torch.get_num_threads()) == ({2}, 2, before)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rounds_under_way": 0}, r"rounds_under_way must be 1 to max_staleness \(16\), got 0"),
        ({"rounds_under_way": 17}, r"rounds_under_way must be 1 to max_staleness \(16\), got 17"),
        ({"rounds_under_way": 3, "max_staleness": 2}, r"must be 1 to max_staleness \(2\), got 3"),
        ({"max_staleness": 0}, "max_staleness must be 1 to 1000 rounds, got 0"),
        ({"threads": 0}, "threads must be 1 to 256, got 0"),
        ({"threads": True}, "threads must be 1 to 256, got True"),
    ],
)
def test_a_number_out_of_its_range_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(TabletopError, match=message):
        DiscoverSettings(**change)
