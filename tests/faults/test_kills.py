"""Every stage, killed at random moments and run again, leaves the bytes of one that was left alone.

    make test ARGS="tests/faults/test_kills.py --kills 20"

kills each twenty times; `make test` kills each but the longest once.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import numpy as np
import pytest
from filelock import FileLock

ROOT: Final = Path(__file__).parents[2]
STAGES: Final = {
    "discover": "discover --steps 1200 --no-measure --effects toppled --scene discovery --out run",
    "measure": "measure run --episodes 5",
    "name": "name run --episodes 5",
    "plan": "plan run --policy scripted --goals 2 --literals 1 --seconds 100",
    "perturb": "perturb scripted --tasks button-press --families push-arm --scenes 2 --out run/perturb.json",
    "report": "report run",
    "evaluate": "evaluate scripted --tasks button-press,push --episodes 3 --out run/evaluate.json",
    "demos": "demos scripted --tasks button-press --episodes 3 --out run/demos",
    "films": "play scripted --task button-press --out run/film.webm",
    "goals": "goals --count 2 --literals 1 --out run/goals.yaml",
    "scene": "scene --out run/scene",
    "chains": "plan run --policy scripted --chains 1 --seconds 0",
}
"""In this order, in one folder. All are bounded by numbers and none by the clock, as the bytes are to be the same."""


def start(stage: str, folder: Path, again: bool = False) -> subprocess.Popen[bytes]:
    words = STAGES[stage].split()
    if stage == "discover" and again and any(folder.glob("run/checkpoint*/state.json")):
        words += ["--resume"]
    if stage not in {"report", "scene", "films"}:
        words += ["--workers", "1"]
    return subprocess.Popen(
        [sys.executable, "-m", "tabletop", *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def finish(process: subprocess.Popen[bytes]) -> None:
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors.decode()


def kept(folder: Path) -> dict[str, bytes]:
    """Return the bytes of every file but temporary ones, without how long it took and whether it was resumed."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.name.startswith("."):
            text = path.read_bytes()
            if path.name in {"state.json", "metrics.jsonl", "discover.json", "library.yaml"}:
                text = re.sub(rb'minutes"?: [0-9.e-]+', b"", text)
            if path.name == "run.yaml":
                text = text.partition(b"resumed:")[0]
            found[path.relative_to(folder).as_posix()] = text
    return found


def stages(kills: int) -> list[str]:
    """Return the stages that are killed: all, or where they are killed just once those that take seconds."""
    return [stage for stage in STAGES if kills > 1 or stage != "chains"]


@pytest.fixture(scope="session")
def alone(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Path:
    """A folder with the folders before and after each stage, and the seconds that each took. Made once."""
    base = tmp_path_factory.getbasetemp()
    shared = (base.parent if "popen-gw" in base.name else base) / "alone"
    with FileLock(f"{shared}.lock"):
        if not (shared / "seconds.json").exists():
            seconds, before = {}, shared / "start"
            before.mkdir(parents=True)
            (before / "run").mkdir()
            for stage in stages(pytestconfig.getoption("--kills", default=1)):
                folder = shared / stage
                shutil.copytree(before, folder)
                begun = time.monotonic()
                finish(start(stage, folder))
                seconds[stage], before = time.monotonic() - begun, folder
            (shared / "seconds.json").write_text(json.dumps(seconds))
    return shared


@pytest.mark.slow
@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_that_was_killed_ends_as_one_that_was_left_alone(
    stage: str, alone: Path, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    kills = pytestconfig.getoption("--kills", default=1)
    if stage not in stages(kills):
        pytest.skip("takes long: --kills 2, or more")
    names = ["start", *STAGES]
    before, after = (alone / names[names.index(stage) + i] for i in (-1, 0))
    seconds = json.loads((alone / "seconds.json").read_text())[stage]
    rng = np.random.default_rng()
    for kill in range(kills):
        folder, moment = tmp_path / str(kill), float(rng.uniform(0, seconds))
        shutil.copytree(before, folder)
        process = start(stage, folder)
        try:
            process.wait(moment)
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        if stage != "demos" or not (folder / "run/demos").exists():  # A dataset that is whole is never replaced.
            finish(start(stage, folder, again=True))
        found, wanted = kept(folder), kept(after)
        differ = [name for name in {*found, *wanted} if found.get(name) != wanted.get(name)]
        assert not differ, f"killed after {moment:.3f} s"
        shutil.rmtree(folder)
