"""The snippets of docs/policies.md run as they stand there, in order, in one folder."""

from __future__ import annotations

import json
import re
import runpy
import shlex
from pathlib import Path

import pytest

from tabletop.cli import main

TEXT = (Path(__file__).parents[1] / "docs" / "policies.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"```(python|sh)\n(.*?)```", TEXT, re.DOTALL)
FEW: dict[str, list[str]] = {
    "plan": [],
    "evaluate": ["--episodes", "1"],
    "demos": ["--episodes", "1"],
    "perturb": ["--scenes", "1"],
}


def test_the_page_has_three_ways_in_python_and_the_commands_of_two() -> None:
    assert [language for language, _ in SNIPPETS] == ["python", "python", "sh", "sh", "python", "sh"]


def test_its_snippets_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for package in ("stable_baselines3", "minari"):
        pytest.importorskip(package)
    monkeypatch.chdir(tmp_path)
    said = []
    for language, text in SNIPPETS:
        if language == "python":
            path = tmp_path / (text.splitlines()[0].removeprefix("# ") if text.startswith("# ") else "snippet.py")
            path.write_text(text.replace("learn(20_000)", "learn(4)"))
            runpy.run_path(str(path))
        else:
            for line in text.splitlines():
                _, command, *rest = shlex.split(line)
                assert main([command, *rest, *FEW[command], "--workers", "0", "--json"]) == 0, line
        said.append(capsys.readouterr().out)
    rates, delayed = said[0].splitlines()
    assert float(rates.split()[0]) == 1.0
    curve = json.loads(delayed)
    assert (len(curve), curve[0]) == (5, 1.0)
    assert '"lift"' in said[2]
    assert json.loads((tmp_path / "curves.json").read_text())["policy"] == "policy.py:make"
    assert '"reach"' in said[5]
