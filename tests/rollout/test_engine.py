from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from types import ModuleType

import pytest

from tabletop.errors import TabletopError
from tabletop.rollout.engine import Engine

JOBS = """
import os, signal, time

def pid(_):
    return os.getpid()

def naps(job):
    time.sleep(job)

def square(job):
    return job * job

def dies_once(job):
    number, marker = job
    if number == 3 and not os.path.exists(marker):
        open(marker, "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
    return number * number

def dies(job):
    os.kill(os.getpid(), signal.SIGKILL)

def refuses(job):
    if job == 2:
        raise ValueError(f"no {job}")
    return job
"""


@pytest.fixture
def jobs(importable: Callable[[str, str], ModuleType]) -> ModuleType:
    """A module that workers can import as well."""
    return importable("engine_jobs", JOBS)


@pytest.mark.parametrize("workers", [0, 2])
def test_results_come_in_the_order_of_the_jobs(jobs: ModuleType, workers: int) -> None:
    with Engine(workers) as engine:
        assert list(engine.map(jobs.square, range(11), chunk=3)) == [i * i for i in range(11)]


def test_jobs_of_a_worker_that_is_killed_are_run_again(jobs: ModuleType, tmp_path: Path) -> None:
    marker = tmp_path / "killed"
    with Engine(1) as engine:
        found = list(engine.map(jobs.dies_once, [(i, str(marker)) for i in range(8)], chunk=2))
    assert marker.exists()
    assert found == [i * i for i in range(8)]


def test_a_job_that_always_kills_its_worker_ends_in_one_line(jobs: ModuleType) -> None:
    with (
        Engine(1) as engine,
        pytest.raises(TabletopError, match=r"lost 3 times on the same jobs: a worker was killed by SIGKILL"),
    ):
        list(engine.map(jobs.dies, [1]))


def test_a_worker_that_died_is_told_by_the_future_of_a_job_started_later_too(jobs: ModuleType) -> None:
    with Engine(1) as engine:
        assert isinstance(engine.submit(jobs.dies, 1).exception(), BrokenProcessPool)
        assert isinstance(engine.submit(jobs.square, 7).exception(), BrokenProcessPool)
        engine.restart()
        assert engine.submit(jobs.square, 7).result() == 49


@pytest.mark.parametrize("workers", [0, 1])
def test_what_a_job_raises_arrives_after_the_results_before_it(jobs: ModuleType, workers: int) -> None:
    with Engine(workers) as engine:
        results = engine.map(jobs.refuses, range(4), chunk=1)
        assert [next(results), next(results)] == [0, 1]
        with pytest.raises(ValueError, match="no 2"):
            next(results)


def test_workers_do_not_hear_ctrl_c(jobs: ModuleType) -> None:
    with Engine(1) as engine:
        worker = engine.submit(jobs.pid, 0).result()
        os.kill(worker, signal.SIGINT)
        assert engine.submit(jobs.pid, 0).result() == worker


def test_ctrl_c_does_not_wait_for_what_is_under_way(jobs: ModuleType) -> None:
    engine = Engine(1)
    engine.submit(jobs.square, 1).result()
    engine.submit(jobs.naps, 300)
    begun = time.monotonic()
    engine.__exit__(KeyboardInterrupt)
    assert time.monotonic() - begun < 100


def test_an_engine_can_be_used_again_after_it_was_closed(jobs: ModuleType) -> None:
    engine = Engine(0)
    engine.close()
    assert engine.submit(jobs.square, 7).result() == 49


def test_fewer_than_no_workers_are_refused() -> None:
    with pytest.raises(TabletopError, match=r"workers must be 0 \(this process\) to 1024, got -1"):
        Engine(-1)


@pytest.mark.parametrize("workers", ["two", "ray:", "ray:0", "ray:-1", "rays", ""])
def test_workers_in_words_are_ray_or_refused(workers: str) -> None:
    with pytest.raises(TabletopError, match=r"must be a number, 'ray' or 'ray:N' with N from 1, got "):
        Engine(workers)


def test_ray_is_refused_in_one_line_where_it_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(TabletopError, match=r"pip install -e '\.\[ray\]'"):
        Engine("ray:2")


OWNER = """
import os, time
from tabletop.rollout.engine import Engine

def pid(_):
    return os.getpid()

if __name__ == "__main__":
    print(Engine(1).submit(pid, 0).result(), flush=True)
    time.sleep(60)
"""


def test_workers_end_with_a_parent_that_is_killed_outright(tmp_path: Path) -> None:
    script = tmp_path / "owner.py"
    script.write_text(OWNER)
    path = os.pathsep.join([str(Path(__file__).parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])])
    with subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": path}
    ) as owner:
        assert owner.stdout is not None
        worker = int(owner.stdout.readline())
        owner.kill()
    deadline = time.monotonic() + 30
    while Path(f"/proc/{worker}").exists() and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not Path(f"/proc/{worker}").exists()
