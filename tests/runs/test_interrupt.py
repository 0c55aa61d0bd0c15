"""A discovery that is killed or interrupted, at whatever moment, and goes on, ends as one that was left alone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
STEPS = 480

DISCOVERY = f"""
import os, signal, sys
from pathlib import Path

import torch

from tabletop.learn.sac import SACSettings
from tabletop.discovery.train import discover
from tabletop.discovery.config import DiscoverSettings
from tabletop.discovery.learner import LearnerSettings

torch.set_num_threads(1)
SETTINGS = DiscoverSettings(
    counts={{"held_at": 2, "joint": 2}}, effect_weights={{"held_at": 0.7, "joint": 0.3}}, horizon=6, episodes=2,
    learner=LearnerSettings(sac=SACSettings(hidden=(8, 8), batch_size=16), capacity=600), warmup=4, updates=0.2, seed=1,
    save_every=0.02, rounds_under_way=3,
)

def run(folder, workers):
    folder = Path(folder)
    resume = any((folder / name / "state.json").is_file() for name in ("checkpoint", "checkpoint.old"))
    print("on" if resume else "anew", flush=True)
    discover(folder, SETTINGS, steps={STEPS}, workers=workers, resume=resume, quiet=True)

def die_at(number):
    seen = 0
    def watch(event, arguments):
        nonlocal seen
        if event in ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "shutil.rmtree"):
            if any("checkpoint" in str(a) for a in arguments):
                seen += 1
                if seen == number:
                    os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(watch)

def in_a_fork(folder, number):
    child = os.fork()
    if not child:
        if number:
            die_at(number)
        run(folder, 0)
        os._exit(0)
    return os.waitpid(child, 0)[1]

if __name__ == "__main__":
    folder, *numbers = sys.argv[1:]
    if not numbers:
        run(folder, 1)
    for number in numbers:
        place = os.path.join(folder, number)
        assert in_a_fork(place, int(number)) == signal.SIGKILL
        assert in_a_fork(place, 0) == 0
"""


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of the discovery that is to be interrupted."""
    path = tmp_path_factory.mktemp("script") / "discovery_to_kill.py"
    path.write_text(DISCOVERY, encoding="utf-8")
    return path


def start(script: Path, folder: Path, *numbers: int) -> subprocess.Popen[str]:
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.Popen(
        [sys.executable, str(script), str(folder), *map(str, numbers)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": path},
    )


def finish(process: subprocess.Popen[str]) -> None:
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors


def result(folder: Path) -> tuple[bytes, list[dict[str, float]]]:
    """Return the weights' bytes and the lines of metrics, without the time they took."""
    lines = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [{k: v for k, v in json.loads(line).items() if k != "minutes"} for line in lines]
    return (folder / "library" / "weights.safetensors").read_bytes(), rows


@pytest.fixture(scope="module")
def alone(script: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, list[dict[str, float]]]:
    """What comes of a run that is left alone."""
    folder = tmp_path_factory.mktemp("alone") / "run"
    finish(start(script, folder))
    found = result(folder)
    assert len(found[1]) >= 2
    assert found[1][-1]["updates"] > 20
    return found


def wait_for(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline, f"waited too long for {what}"
        time.sleep(0.005)


def steps_in(folder: Path) -> int:
    """Return the control steps in the last checkpoint, 0 where there is none just now."""
    try:
        return int(json.loads((folder / "checkpoint" / "state.json").read_text(encoding="utf-8"))["steps"])
    except FileNotFoundError:
        return 0


@pytest.mark.slow
def test_a_run_killed_at_random_moments_and_resumed_ends_bit_for_bit_like_one_left_alone(
    script: Path, tmp_path: Path, alone: tuple[bytes, list[dict[str, float]]]
) -> None:
    rng, folder, reached = np.random.default_rng(), tmp_path / "run", 0
    for kill in range(3):
        process = start(script, folder)
        assert process.stdout is not None
        assert process.stdout.readline() == ("on\n" if kill else "anew\n")
        wanted = int(reached + rng.integers(10, 120))
        wait_for(lambda w=wanted: steps_in(folder) >= w, f"{wanted} steps")
        time.sleep(float(rng.uniform(0.0, 0.1)))
        assert process.poll() is None
        process.kill()
        process.communicate()
        reached = steps_in(folder)
    finish(start(script, folder))
    assert result(folder) == alone


@pytest.mark.slow
def test_a_run_killed_at_any_step_of_writing_a_checkpoint_ends_bit_for_bit_like_one_left_alone(
    script: Path, tmp_path: Path, alone: tuple[bytes, list[dict[str, float]]]
) -> None:
    numbers = range(4, 120, 14)
    finish(start(script, tmp_path, *numbers))
    for number in numbers:
        assert result(tmp_path / str(number)) == alone, f"killed at file operation {number}"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "to_all", "said", "code"),
    [
        (signal.SIGINT, True, "KeyboardInterrupt", -signal.SIGINT),  # as a terminal does: the collector gets it, too
        (signal.SIGHUP, True, "", 128 + signal.SIGHUP),
        (signal.SIGTERM, False, "", 128 + signal.SIGTERM),
    ],
    ids=["SIGINT", "SIGHUP", "SIGTERM"],
)
def test_a_run_that_was_told_to_stop_and_resumed_ends_bit_for_bit_like_one_left_alone(
    script: Path,
    tmp_path: Path,
    alone: tuple[bytes, list[dict[str, float]]],
    number: signal.Signals,
    to_all: bool,
    said: str,
    code: int,
) -> None:
    folder = tmp_path / "run"
    process = start(script, folder)
    wait_for(lambda: steps_in(folder) >= 24, "a checkpoint")
    reached = steps_in(folder)
    (os.killpg if to_all else os.kill)(process.pid, number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == code
    assert errors.splitlines()[-1:] == ([said] if said else [])
    assert "leaked" not in errors
    wait_for(lambda: not children(process.pid), "all its processes to end")
    assert steps_in(folder) >= reached
    assert not (folder / "library").exists()
    finish(start(script, folder))
    assert result(folder) == alone


def children(process: int) -> list[int]:
    """Return the processes of a session that are still there."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(words[3]) == process and words[0] != "Z":
            found.append(int(path.parent.name))
    return found


@pytest.mark.slow
def test_a_worker_that_stands_still_is_replaced_and_changes_nothing(
    script: Path, tmp_path: Path, alone: tuple[bytes, list[dict[str, float]]]
) -> None:
    text = script.read_text(encoding="utf-8")
    impatient = tmp_path / script.name
    impatient.write_text(f"from tabletop.rollout import workers\nworkers.STALLED = 3.0\n{text}", encoding="utf-8")
    folder = tmp_path / "run"
    process = start(impatient, folder)
    wait_for(lambda: steps_in(folder) >= 24, "a checkpoint")
    (worker,) = [c for c in children(process.pid) if b"spawn_main" in Path(f"/proc/{c}/cmdline").read_bytes()]
    os.kill(worker, signal.SIGSTOP)
    finish(process)
    assert result(folder) == alone
    wait_for(lambda: not children(process.pid), "all its processes to end")
