"""Work on a real Ray cluster of two workers on this machine. Left out where Ray is not installed."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tabletop.errors import TabletopError
from tabletop.logic import load_registry
from tabletop.rollout.engine import Engine
from tabletop.rollout.evaluate import BUILTIN_POLICIES, evaluate
from tabletop.signals import STOPS

pytest.importorskip("ray")
pytestmark = pytest.mark.slow

JOBS = """
import os, signal
from tabletop.errors import TabletopError
from tabletop.rollout.evaluate import BUILTIN_POLICIES

def square(job):
    return job * job, os.getpid()

def refuses(job):
    if job == 2:
        raise TabletopError(f"no {job}")
    return job

def dies(job):
    os.kill(os.getpid(), signal.SIGKILL)

class DiesOnce:
    def __init__(self, marker):
        self.marker, self.episodes = marker, 0

    def __call__(self, task, scene):
        self.episodes += 1
        if self.episodes == 2 and not os.path.exists(self.marker):
            open(self.marker, "w").close()
            os.kill(os.getpid(), signal.SIGKILL)
        return BUILTIN_POLICIES["scripted"](task, scene)
"""


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    """A module that Ray's workers can import as well: they get this process's path."""
    folder = tmp_path_factory.mktemp("jobs")
    (folder / "ray_jobs.py").write_text(JOBS)
    sys.path.insert(0, str(folder))
    import ray_jobs  # type: ignore[import-not-found]

    yield ray_jobs
    sys.path.remove(str(folder))
    sys.modules.pop("ray_jobs")


@pytest.fixture(scope="module")
def handlers() -> dict[int, object]:
    """Return what answers the signals before there is a cluster."""
    return {number: signal.getsignal(number) for number in STOPS}


@pytest.fixture(scope="module")
def engine(jobs: ModuleType, handlers: dict[int, object]) -> Iterator[Engine]:
    """An engine on a cluster of two workers."""
    before = os.environ.pop("RAY_ADDRESS", None)
    with Engine("ray:2") as made:
        yield made
    if before is not None:
        os.environ["RAY_ADDRESS"] = before


def test_results_come_in_the_order_of_the_jobs_from_other_processes(engine: Engine, jobs: ModuleType) -> None:
    found = list(engine.map(jobs.square, range(11), chunk=3))
    assert [square for square, _ in found] == [i * i for i in range(11)]
    assert os.getpid() not in {pid for _, pid in found}
    assert engine.submit(jobs.square, 7).result()[0] == 49


def test_a_cluster_that_is_there_says_how_many_jobs_it_runs_at_once(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (engine.capacity(), engine.local_workers()) == (2, 2)
    monkeypatch.setattr("tabletop.rollout.engine.default_workers", lambda: 7)
    unsaid, said = Engine("ray"), Engine("ray:5")
    assert (unsaid.workers, unsaid.capacity(), unsaid.local_workers()) == (7, 2, 2)
    assert (said.capacity(), said.local_workers()) == (5, 2)


def test_signals_act_as_before(engine: Engine, jobs: ModuleType, handlers: dict[int, object]) -> None:
    assert list(engine.map(jobs.square, range(2)))
    assert {number: signal.getsignal(number) for number in STOPS} == handlers


def test_what_a_job_raises_arrives_as_it_was(engine: Engine, jobs: ModuleType) -> None:
    results = engine.map(jobs.refuses, range(4), chunk=1)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(TabletopError, match=r"^no 2$"):
        next(results)


def test_a_job_that_always_kills_its_worker_ends_in_one_line(engine: Engine, jobs: ModuleType) -> None:
    with pytest.raises(TabletopError, match="Ray workers died 3 times on the same job"):
        list(engine.map(jobs.dies, [1]))


def test_an_evaluation_of_which_a_worker_is_killed_has_the_same_figures(
    engine: Engine, jobs: ModuleType, tmp_path: Path
) -> None:
    task, marker = load_registry().select("push")[0], tmp_path / "killed"
    with Engine(0) as here:
        alone = evaluate(here, BUILTIN_POLICIES["scripted"], task, range(12))
    found = evaluate(engine, jobs.DiesOnce(str(marker)), task, range(12))
    assert marker.exists()
    assert found == alone
