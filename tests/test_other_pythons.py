"""The package on other CPythons than this one: in the environments that `make test-python PYTHON=...` sets up."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
OWN = f".venv-{sys.version_info[0]}.{sys.version_info[1]}"
FOUND = [path for path in ROOT.glob(".venv-3.*/bin/python") if path.parts[-3] != OWN]
OTHERS = sorted(FOUND, key=lambda path: int(path.parts[-3].rpartition(".")[2]))
needs_another = pytest.mark.skipif(
    not OTHERS, reason="no other CPython: `make test-python PYTHON=python3.12` sets one up"
)

PARTS = (
    *("sim/test_camera.py", "sim/test_world.py", "sim/test_deformable.py", "sim/test_robot_urdf.py"),
    *("logic/test_formula.py", "logic/test_parse.py", "logic/test_task.py", "logic/test_manner.py"),
    *("control/test_primitives.py", "control/test_scripted.py", "rollout/test_engine.py"),
    *("envs/test_env.py", "envs/test_goals.py", "envs/test_reward.py"),
    *("planner/test_operator.py", "planner/test_search.py", "planner/test_goals.py", "planner/test_policy.py"),
)
"""A telling part of what needs no torch."""

EPISODES = """
import hashlib, sys
from tabletop.logic import load_registry
from tabletop.rollout.episode import process_world
from tabletop.rollout.evaluate import run_task, scripted

for name in sys.argv[1:]:
    run = run_task(load_registry()[name], scripted, 7)
    seen = process_world().render(96, 72)
    values = (run.states, run.actions, seen.rgb, seen.depth, seen.segmentation)
    print(name, *(hashlib.sha256(v.tobytes()).hexdigest() for v in values))
"""


def run(python: Path | str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a CPython on this checkout, without what pytest and its plugins tell their own processes."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return subprocess.run(
        [str(python), *arguments],
        cwd=ROOT,
        env={**env, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=1800,
        check=False,
    )


@needs_another
@pytest.mark.slow
def test_a_telling_part_of_the_tests_passes_on_the_newest() -> None:
    done = run(OTHERS[-1], "-m", "pytest", "-q", "-p", "no:cacheprovider", *(f"tests/{part}" for part in PARTS))
    assert done.returncode == 0, done.stdout + done.stderr
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed is not None
    assert int(passed[1]) > 300, done.stdout


@needs_another
@pytest.mark.slow
def test_episodes_and_pictures_are_the_same_bytes_on_all() -> None:
    # Coffee-button and window-close once differed: the built-in sum of floats is another one from 3.12 on.
    names = ("push", "stack", "coffee-button", "window-close", "rope-pull")
    here = run(sys.executable, "-c", EPISODES, *names)
    assert len(here.stdout.splitlines()) == len(names), here.stderr
    for python in OTHERS:
        there = run(python, "-c", EPISODES, *names)
        assert there.stdout == here.stdout, f"{python}\n{there.stderr}"
