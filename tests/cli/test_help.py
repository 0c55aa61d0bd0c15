from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from tabletop.cli import main
from tabletop.discovery.learner_config import DISCRIMINATOR_INPUTS, LATENTS
from tabletop.discovery.objectives import OBJECTIVES
from tabletop.skills.scenes import STARTS

Command = Callable[..., Any]

COMMANDS = (
    *("scene", "tasks", "evaluate", "demos", "discover", "measure"),
    *("name", "plan", "goals", "perturb", "report", "run"),
)


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_help_with_its_defaults(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main([name, "--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    assert f"tabletop {name}" in text
    if name not in {"tasks", "report"}:
        assert "--seed" in text
        assert "default" in text
    assert "--json" in text


def test_the_help_lists_all_commands(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    text = capsys.readouterr().out
    assert all(f"    {name} " in text for name in COMMANDS)


def test_the_help_of_discover_lists_all_objectives_and_what_they_may_be_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        main(["discover", "--help"])
    text = re.sub(r"\s+", " ", capsys.readouterr().out).replace("- ", "-")
    for name in (*OBJECTIVES, *DISCRIMINATOR_INPUTS, *LATENTS, *STARTS):
        assert re.search(rf"[ :]{name}\b", text), name
