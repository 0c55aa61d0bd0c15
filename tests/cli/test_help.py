from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tabletop.api import choices
from tabletop.cli import main
from tabletop.discovery.config import EFFECT_CODES
from tabletop.discovery.learner_config import DISCRIMINATOR_INPUTS, LATENTS
from tabletop.discovery.objectives import OBJECTIVES
from tabletop.logic import load_suites
from tabletop.perturbation import FAMILIES, select_families
from tabletop.sim.scene_cards import find_scene_card
from tabletop.skills.scenes import STARTS

Command = Callable[..., Any]

COMMANDS = (
    *("scene", "tasks", "evaluate", "demos", "discover", "measure"),
    *("name", "plan", "goals", "perturb", "report", "run", "skills", "predicates", "play", "view"),
    *("new", "objects", "robots"),
)


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_help_with_its_defaults(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main([name, "--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    assert f"tabletop {name}" in text
    if name not in {"tasks", "report", "skills", "predicates", "new", "objects", "robots", "libraries", "docs"}:
        assert "--seed" in text
        assert "default" in text
    assert "--json" in text


def test_the_help_lists_all_commands(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    text = capsys.readouterr().out
    assert all(re.search(rf"^    {name}\s", text, re.MULTILINE) for name in COMMANDS)


def test_the_help_of_discover_lists_all_objectives_and_what_they_may_be_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        main(["discover", "--help"])
    text = re.sub(r"\s+", " ", capsys.readouterr().out).replace("- ", "-")
    for name in (*OBJECTIVES, *DISCRIMINATOR_INPUTS, *LATENTS, *STARTS):
        assert re.search(rf"[ :]{name}\b", text), name


def help_of(name: str, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit):
        main([name, "--help"])
    return re.sub(r"\s+", " ", capsys.readouterr().out)


def test_what_help_lists_is_what_the_registries_have() -> None:
    assert (*choices.OBJECTIVES, *choices.BASELINE_OBJECTIVES) == tuple(OBJECTIVES)
    assert tuple(EFFECT_CODES) == choices.EFFECTS
    assert tuple(FAMILIES) == choices.FAMILIES
    assert {*select_families(",".join(choices.DEFAULT_FAMILIES))} == {*choices.DEFAULT_FAMILIES}
    assert tuple(f"{n}:TASK" if s.is_open else n for n, s in load_suites().items()) == choices.SUITES
    assert all(find_scene_card(name) for name in choices.cards())


@pytest.mark.parametrize(
    ("command", "names"),
    [
        ("scene", choices.cards()),
        ("goals", choices.cards()),
        ("plan", choices.cards()),
        ("discover", (*choices.cards(), *choices.EFFECTS)),
        ("evaluate", choices.SUITES),
        ("demos", choices.SUITES),
        ("perturb", choices.FAMILIES),
    ],
)
def test_help_lists_what_may_be_chosen(
    command: str, names: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    text = help_of(command, capsys)
    for name in names:
        assert re.search(rf"[ :,(]{name}\b", text), name


def test_help_imports_nothing_that_takes_long() -> None:
    code = (
        "import sys, contextlib\n"
        "from tabletop.cli import main\n"
        "with contextlib.suppress(SystemExit): main(['discover', '--help'])\n"
        "print(sorted({'torch', 'pybullet', 'numpy', 'cv2', 'yaml'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("arguments", [("--help",), ("tasks", "list")])
def test_a_command_says_nothing_but_what_it_is_asked(arguments: tuple[str, ...], tmp_path: Path) -> None:
    """PyBullet's C code writes when it was built, past sys.stderr: only a process of its own shows it."""
    root = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-m", "tabletop", *arguments],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": root},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    assert len(done.stdout.splitlines()) > 20
    assert "build time" not in done.stdout


def test_the_help_loads_neither_the_simulator_nor_numpy() -> None:
    code = "import sys; from tabletop.cli.parser import build_parser; import tabletop.cli.main; print(*sys.modules)"
    root = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": root},
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(done.stdout.split())
    assert "tabletop.cli.main" in loaded
    assert not loaded & {"pybullet", "numpy", "torch", "cv2", "gymnasium", "yaml", "tabletop.sim", "tabletop.logic"}
