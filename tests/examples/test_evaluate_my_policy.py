"""The example that trains and measures a policy of one's own runs, and so do the commands that it names."""

from __future__ import annotations

import json
import runpy
from functools import partial
from pathlib import Path

import pytest

from tabletop.cli import main
from tabletop.rollout import Engine

EXAMPLE = Path(__file__).parents[2] / "examples" / "02_evaluate_my_policy.py"


def test_it_trains_saves_and_measures_and_its_commands_measure_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("stable_baselines3")
    monkeypatch.chdir(tmp_path)
    example = runpy.run_path(str(EXAMPLE))
    run = example["main"]
    monkeypatch.setitem(run.__globals__, "Engine", partial(Engine, 0))
    monkeypatch.setitem(run.__globals__, "FAMILIES", example["FAMILIES"][:2])
    run(105, 2, 1)
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [row[0] for row in rows] == ["model.zip", "random", "push-arm", "observation-noise"]
    assert [row[-3:] for row in rows[:2]] == [["of", "2", "episodes"]] * 2
    assert (tmp_path / "model.zip").is_file()
    commands = [line.split() for line in example["__doc__"].splitlines() if line.strip().startswith("tabletop ")]
    assert [words[1] for words in commands] == ["evaluate", "perturb"]
    assert set(commands[1][commands[1].index("--families") + 1].split(",")) == set(example["FAMILIES"])
    few = ["--workers", "0", "--json"]
    assert main([*commands[0][1:], *few, "--episodes", "2"]) == 0
    found = json.loads(capsys.readouterr().out)["tasks"]["reach"]
    assert rows[0][1:4] == [f"{found['success']:.2f}", f"[{found['low']:.2f},", f"{found['high']:.2f}]"]
    assert main([*commands[1][1:], *few, "--scenes", "1", "--families", "push-arm"]) == 0
    curve = json.loads(capsys.readouterr().out)["families"]["push-arm"]
    assert [word for word in rows[2] if word.endswith(":")] == [f"{m:g}:" for m in curve["magnitudes"]]
    assert rows[2][2::4][:5] == [f"{s:.2f}" for s in curve["success"]]


def test_it_is_short() -> None:
    assert len(EXAMPLE.read_text(encoding="utf-8").splitlines()) < 60
