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
    example = runpy.run_path(str(EXAMPLE))
    run = example["main"]
    monkeypatch.setitem(run.__globals__, "FAMILIES", example["FAMILIES"][:2])
    run(105, 2, 1)
    out = capsys.readouterr().out
    assert [line.split(":")[0] for line in out.splitlines() if ": mean success" in line] == ["model.zip", "random"]
    assert (tmp_path / "model.zip").is_file()
    commands = [line.split() for line in example["__doc__"].splitlines() if line.strip().startswith("tabletop ")]
    assert [words[1] for words in commands] == ["evaluate", "perturb"]
    assert set(commands[1][commands[1].index("--families") + 1].split(",")) == set(example["FAMILIES"])
    few = ["--workers", "0", "--json"]
    assert main([*commands[0][1:], *few, "--episodes", "2"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert repr(as_record(Evaluation, found)) in out
    assert main([*commands[1][1:], *few, "--scenes", "1", "--families", "push-arm,observation-noise"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert repr(as_record(Robustness, found)) in out
