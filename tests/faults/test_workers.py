"""Workers that end, get stuck or cannot load their work: the cause is said, and nothing waits for ever."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tabletop.errors import TabletopError
from tabletop.rollout import workers
from tabletop.rollout.engine import Engine

JOBS = """
import os, signal, sys

def leaves(code):
    os._exit(code)

def kills(number):
    os.kill(os.getpid(), number)

def exits(code):
    sys.exit(code)

def stops_once(marker):
    if not os.path.exists(marker):
        open(marker, "w").close()
        os.kill(os.getpid(), signal.SIGSTOP)
    return "done"

class Odd(Exception):
    def __init__(self, a, b):
        super().__init__(f"{a} and {b}")

def odd(job):
    raise Odd(1, 2)
"""


@pytest.fixture
def jobs(importable: Callable[[str, str], ModuleType]) -> ModuleType:
    """A module that workers can import as well."""
    return importable("fault_jobs", JOBS)


@pytest.mark.parametrize(
    ("name", "job", "cause"),
    [
        ("leaves", 3, "a worker ended with exit code 3$"),
        ("kills", signal.SIGSEGV, "a worker crashed with SIGSEGV$"),
        ("kills", signal.SIGTERM, "a worker was ended by SIGTERM$"),
    ],
)
def test_the_cause_of_a_death_is_said(jobs: ModuleType, name: str, job: int, cause: str) -> None:
    with Engine(1) as engine, pytest.raises(TabletopError, match=cause):
        list(engine.map(getattr(jobs, name), [int(job)]))


def test_sys_exit_in_a_worker_does_not_end_the_command(jobs: ModuleType) -> None:
    with Engine(1) as engine, pytest.raises(TabletopError, match=r"called sys\.exit\(3\)"):
        list(engine.map(jobs.exits, [3]))


def test_an_error_that_cannot_travel_arrives_in_words(jobs: ModuleType) -> None:
    with Engine(1) as engine, pytest.raises(RuntimeError, match="Odd: 1 and 2"):
        list(engine.map(jobs.odd, [0]))


@pytest.mark.parametrize("what", [lambda job: job, type("Mine", (), {"__module__": "__main__"})])
def test_what_workers_cannot_find_is_refused_before_it_is_sent(what: Callable[[Any], Any]) -> None:
    with Engine(1) as engine, pytest.raises(TabletopError, match="must be importable by name"):
        list(engine.map(what, [0]))


def test_a_stopped_worker_is_replaced(jobs: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "STALLED", 2.0)
    with Engine(1) as engine:
        assert list(engine.map(jobs.stops_once, [str(tmp_path / "marker")])) == ["done"]


def test_a_stopped_worker_does_not_hold_up_the_end(jobs: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "_PATIENCE", 0.2)
    engine = Engine(1)
    engine.submit(abs, -1).result()
    engine.submit(jobs.kills, int(signal.SIGSTOP))
    begun = time.monotonic()
    engine.close()
    assert time.monotonic() - begun < 20
