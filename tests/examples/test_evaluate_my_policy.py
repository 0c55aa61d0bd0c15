"""The example that trains and measures a policy of one's own runs, and so do the commands that it names."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest

from tabletop.cli import main
from tabletop.runs.records import Evaluation, Robustness
from tabletop.runs.store import as_record

EXAMPLE = Path(__file__).parents[2] / "examples" / "02_evaluate_my_policy.py"


def test_it_trains_saves_and_measures_and_its_commands_measure_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("stable_baselines3")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "examples").symlink_to(EXAMPLE.parent)
    example = runpy.run_path("examples/02_evaluate_my_policy.py")
    run = example["main"]
    run(210, 2, 1)
    out = capsys.readouterr().out
    own = "examples/02_evaluate_my_policy.py:make"
    assert [line.split(": ")[0] for line in out.splitlines() if ": mean success" in line] == [own, "exploration"]
    assert (tmp_path / "model.zip").is_file()
    commands = [line.split() for line in example["__doc__"].splitlines() if line.strip().startswith("tabletop ")]
    assert [words[1:3] for words in commands] == [["evaluate", own], ["perturb", own]]
    few = ["--workers", "0", "--json"]
    assert main([*commands[0][1:], *few, "--episodes", "2"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert repr(as_record(Evaluation, found)) in out
    assert main([*commands[1][1:], *few, "--scenes", "1"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert repr(as_record(Robustness, found)) in out
