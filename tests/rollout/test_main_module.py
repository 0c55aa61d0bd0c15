"""Scripts as people paste them use worker processes, with and without a guard."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PLAIN = """
import tabletop as tt

print(tt.evaluate("nothing", "push", episodes=2, workers=2).tasks["push"].n)
"""
NAMED = """
import tabletop as tt

print("ran", __name__)
print(tt.evaluate("nothing", "push", episodes=2, workers=2).tasks["push"].n)
"""
GUARDED = """
import tabletop as tt


def still(observation):
    return [0.0, 0.0, 0.0, 0.0, 1.0]


if __name__ == "__main__":
    print(tt.evaluate(tt.ObservationPolicy(still), "push", episodes=2, workers=2).tasks["push"].n)
"""
LOST = """
import tabletop as tt


def still(observation):
    return [0.0, 0.0, 0.0, 0.0, 1.0]


tt.evaluate(tt.ObservationPolicy(still), "push", episodes=2, workers=2)
"""


def run(text: str, folder: Path) -> subprocess.CompletedProcess[str]:
    (folder / "mine.py").write_text(text, encoding="utf-8")
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    env = {**os.environ, "PYTHONPATH": path}
    return subprocess.run(
        [sys.executable, "mine.py"], cwd=folder, env=env, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.parametrize("text", [PLAIN, GUARDED], ids=["without a guard", "with one"])
def test_a_script_runs_with_workers(text: str, tmp_path: Path) -> None:
    done = run(text, tmp_path)
    assert (done.returncode, done.stdout) == (0, "2\n"), done.stderr


def test_a_script_that_only_mentions_its_name_has_no_guard(tmp_path: Path) -> None:
    done = run(NAMED, tmp_path)
    assert (done.returncode, done.stdout) == (0, "ran __main__\n2\n"), done.stderr


def test_a_function_that_workers_cannot_find_is_refused_with_the_way_out(tmp_path: Path) -> None:
    done = run(LOST, tmp_path)
    assert done.returncode == 1
    assert "what goes to worker processes must be importable by name, got function 'still'" in done.stderr
    assert "worker processes died" not in done.stderr
