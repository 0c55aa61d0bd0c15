"""Two processes in one folder."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import pytest

from tabletop.discovery.config import DiscoverSettings
from tabletop.errors import TabletopError
from tabletop.runs.lock import NOTE, alone_in
from tabletop.runs.summary import merge_summary
from tabletop.skills.library import Library, save_library

Command = Callable[..., Any]
Held = Callable[[Path], AbstractContextManager[None]]

HOLD: Final = """
import sys, time
from pathlib import Path
from tabletop.runs.lock import alone_in
with alone_in(Path("run")):
    print("held", flush=True)
    time.sleep(60)
"""
UPDATE: Final = """
import sys
from pathlib import Path
from tabletop.runs.summary import merge_summary
for i in range({count}):
    merge_summary(Path("run"), f"{{sys.argv[1]}}{{i % 10}}", i)
"""


@contextmanager
def holder(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Run a process that holds the folder `run`."""
    words = [sys.executable, "-c", HOLD, "name", "run"]
    with subprocess.Popen(words, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def test_every_stage_is_refused_with_who_is_at_work_and_after_a_kill_nothing_is_held(
    command: Command, here: Path, run_of: Path
) -> None:
    (run_of / "checkpoint").mkdir()
    (run_of / "checkpoint" / "state.json").write_text("{}")
    (run_of / "run.yaml").write_text("command: tabletop run\n")
    (run_of / "name.json").write_text("{}")
    stages: list[tuple[str, ...]] = [
        ("discover", "--resume", "--steps", "9", "--out", "run"),
        ("measure", "run"),
        ("name", "run"),
        ("plan", "run"),
        ("plan", "scripted", "--chains", "1", "--out", "run"),
        ("perturb", "run"),
        ("tasks", "--out", "run"),
        ("run", "--steps", "9", "--out", "run"),
    ]
    before = sorted(p.name for p in run_of.iterdir())
    with holder(here) as process:
        for words in stages:
            if words[:2] != ("perturb", "default"):
                command(*words).failed(f"process {process.pid} (-c name run) is at work in 'run'; wait for it")
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert (run_of / NOTE).exists()
        with alone_in(run_of):
            pass
    assert sorted(p.name for p in run_of.iterdir()) == before


def test_updates_of_a_summary_by_two_processes_are_all_kept(here: Path) -> None:
    words = [sys.executable, "-c", UPDATE.format(count=150)]
    both = [subprocess.Popen([*words, name], cwd=here) for name in ("a", "b")]
    assert [process.wait(60) for process in both] == [0, 0]
    found = json.loads((here / "run" / "summary.json").read_text())
    assert found == {f"{name}{i}": 140 + i for name in ("a", "b") for i in range(10)}


def test_updates_of_a_summary_by_threads_are_all_kept_and_so_are_parts_of_other_versions(tmp_path: Path) -> None:
    (tmp_path / "summary.json").write_text('{"later": 3, "plan": 1}')
    threads = [threading.Thread(target=merge_summary, args=(tmp_path, f"part{i}", i)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    merge_summary(tmp_path, "discover", 2)
    found = json.loads((tmp_path / "summary.json").read_text())
    assert list(found)[:3] == ["discover", "plan", "later"]
    assert found == {"discover": 2, "plan": 1, "later": 3, **{f"part{i}": i for i in range(8)}}


def test_a_discovery_holds_its_folder_while_it_measures(
    run_of: Path, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    stages = import_module("tabletop.api.stages")
    said: list[str] = []

    def discover(folder: Path, *_: object, **__: object) -> Library:
        save_library(library, folder / "library")
        return library

    def second() -> None:
        try:
            with alone_in(run_of):
                said.append("taken")
        except TabletopError as error:
            said.append(str(error))

    def measure(*_: object) -> None:
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
        raise TabletopError("enough")

    monkeypatch.setattr(stages, "discover", discover)
    monkeypatch.setattr(stages, "measure_library", measure)
    with pytest.raises(TabletopError, match="enough"):
        stages.discover_stage(run_of, DiscoverSettings(), minutes=None, steps=9, workers=0, resume=False, episodes=2)
    assert len(said) == 1
    assert "is at work in" in said[0]


def test_a_thread_may_take_what_it_holds_and_no_other_may(tmp_path: Path, held_elsewhere: Held) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    with alone_in(tmp_path), alone_in(tmp_path / "link"):
        pass
    with held_elsewhere(tmp_path), pytest.raises(TabletopError, match="is at work in"), alone_in(tmp_path):
        pass
    with held_elsewhere(tmp_path), pytest.raises(TabletopError, match="is at work in"), alone_in(tmp_path, wait=0.05):
        pass
    with alone_in(tmp_path):
        pass
    assert [p.name for p in tmp_path.iterdir()] == ["link"]


def test_a_long_command_is_shortened_in_the_line_that_names_it(
    tmp_path: Path, held_elsewhere: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["/a/tabletop/__main__.py", "plan", "a b\n\udcff", "x" * 5_000])
    with held_elsewhere(tmp_path), pytest.raises(TabletopError) as caught, alone_in(tmp_path):
        pass
    line = r"process \d+ \(tabletop plan 'a b \\udcff' x{150,200} \.\.\.\) is at work in .*"
    assert re.fullmatch(line, str(caught.value))


def test_one_process_records_demonstrations_of_a_name(command: Command, here: Path, held_elsewhere: Held) -> None:
    words = ("demos", "nothing", "--tasks", "lift", "--episodes", "1", "--workers", "0", "--out", "out")
    with held_elsewhere(here / "out.parts"):
        command(*words).failed("is at work in 'out.parts'")
    assert not (here / "out").exists()
