"""The benchmark of hindsight: its file, its picture, and that complete runs are not repeated."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_a_short_run_leaves_a_curve_and_is_not_repeated(tmp_path: Path) -> None:
    pytest.importorskip("stable_baselines3")
    out, picture = tmp_path / "her.json", tmp_path / "her.svg"
    command = [sys.executable, str(ROOT / "benchmarks" / "her.py"), "--tasks", "reach", "--seeds", "0"]
    command += ["--steps", "80", "--episodes", "1", "--out", str(out), "--picture", str(picture)]

    def run() -> dict[str, object]:
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
        assert done.returncode == 0, done.stderr
        return json.loads(out.read_text())

    first = run()
    (made,) = first["runs"]
    assert [p["steps"] for p in made["curve"]] == list(range(0, 81, 8))
    assert [p["steps"] for p in first["curves"]["reach"]] == list(range(0, 81, 8))
    assert {"success", "low", "high", "n"} == set(first["baselines"]["reach"])
    text = picture.read_text()
    assert text.startswith('<svg xmlns="http://www.w3.org/2000/svg"')
    assert "SAC + HER" in text
    picture.unlink()
    assert run() == first
    assert picture.read_text() == text
