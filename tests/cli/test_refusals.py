from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

Command = Callable[..., Any]
Names = Callable[..., None]
Files = Callable[[Path], dict[str, bytes]]


BAD: dict[str, tuple[list[str], str]] = {
    "no command": ([], "COMMAND"),
    "unknown command": (["fly"], "unknown command 'fly'; there are: "),
    "unknown option": (["tasks", "--fly"], "--fly"),
    "a word for a number": (["scene", "--seed", "two"], "invalid int value: 'two'"),
    "unknown task": (["tasks", "--tasks", "fly"], "unknown task 'fly'; there are: "),
    "two letters exchanged": (["tasks", "--tasks", "puhs"], "unknown task 'puhs'; did you mean 'push'? there are: "),
    "unknown task to evaluate": (["evaluate", "nothing", "--tasks", "lift,fly"], "unknown task 'fly'"),
    "unknown family": (["tasks", "--tasks", "family:fly"], "unknown family of tasks 'fly'"),
    "no task": (["tasks", "--tasks", ","], "unknown task ''"),
    "an empty word": (["run", "--library", ""], "--library: takes a word, got an empty one"),
    "an empty name": (["measure", ""], "library: takes a word, got an empty one"),
    "an empty path": (["evaluate", "nothing", "--out", ""], "--out: takes a word, got an empty one"),
    "unknown scene card": (
        ["scene", "--card", "moon"],
        "unknown scene card 'moon'; there are: cupboard, discovery, everything, fabrics, planning, workshop",
    ),
    "no episodes": (
        ["evaluate", "nothing", "--episodes", "0"],
        "--episodes must be a whole number from 1 to",
    ),
    "too few workers": (
        ["evaluate", "nothing", "--workers", "-1"],
        "--workers must be a whole number from 0 to",
    ),
    "workers in words": (["evaluate", "nothing", "--workers", "two"], "takes a number, 'ray' or 'ray:N' with N from 1"),
    "a cluster of none": (["discover", "--steps", "9", "--workers", "ray:0"], "with N from 1, got 'ray:0'"),
    "too many workers": (["evaluate", "nothing", "--workers", "2147483647"], "from 0 to 1024, got 2147483647"),
    "too many episodes": (["evaluate", "nothing", "--episodes", "2147483647"], "from 1 to 1000000, got 2147483647"),
    "too many scenes": (["perturb", "nothing", "--tasks", "lift", "--scenes", "9999999"], "from 1 to 1000000, got"),
    "a seed below 0": (["scene", "--seed", "-1"], "--seed must be a whole number from 0 to 2147483647, got -1"),
    "a seed too large": (
        ["discover", "--steps", "9", "--seed", str(2**70)],
        "--seed must be a whole number",
    ),
    "an unknown suite": (
        ["evaluate", "scripted", "--suite", "MT11"],
        "unknown suite 'MT11'; did you mean 'MT10'? there are: ",
    ),
    "a suite of which task": (["evaluate", "scripted", "--suite", "MT1"], "say which, as in 'MT1:reach'"),
    "a suite and tasks": (["evaluate", "scripted", "--suite", "MT1:push", "--tasks", "lift"], "not allowed with"),
    "a suite's last scene": (
        ["evaluate", "scripted", "--suite", "ML1-test:push", "--seed", "999999"],
        "has scenes 0 to 999999, got 20 scenes from 999999",
    ),
    "noise below 0": (["evaluate", "scripted", "--noise", "-0.1"], "--noise must be from 0 to 1, got"),
    "noise that is no number": (["evaluate", "scripted", "--noise", "nan"], "--noise must be from 0 to 1, got"),
    "an unknown format": (
        ["demos", "scripted", "--format", "csv"],
        "unknown --format 'csv'; there are: lerobot, minari",
    ),
    "an unknown suite to record": (["demos", "scripted", "--suite", "MT11"], "unknown suite 'MT11'"),
    "an unknown policy": (["evaluate", "ghost"], "no library 'ghost'"),
    "a policy file that is not there": (
        ["evaluate", "ghost.py:make"],
        "cannot read policy file 'ghost.py': No such file or directory; beside it there are: none",
    ),
    "a model that is not there": (["demos", "ghost.zip"], "cannot read policy file 'ghost.zip': No such file"),
    "no minutes": (["discover", "--minutes", "0"], "--minutes must be above 0 to 100000, got 0"),
    "minutes that are no number": (["discover", "--minutes", "nan"], "--minutes must be above 0 to 100000, got nan"),
    "endless minutes": (["run", "--minutes", "inf"], "--minutes must be above 0 to 100000, got inf"),
    "no steps": (["run", "--steps", "0"], "--steps must be a whole number from 1 to 1000000000000, got 0"),
    "two budgets": (["discover", "--minutes", "1", "--steps", "9"], "give --minutes or --steps, not both"),
    "nothing to resume": (["discover", "--steps", "9", "--resume", "--out", "new"], "nothing to resume in 'new'"),
    "an unknown effect": (
        ["discover", "--steps", "9", "--effects", "held_at,fly"],
        "unknown effect 'fly'; there are: displaced, dragged, dropped, ",
    ),
    "an unknown scene to discover in": (
        ["discover", "--steps", "9", "--scene", "moon"],
        "unknown scene card 'moon'; there are: cupboard, discovery, everything, ",
    ),
    "effects that a scene card has nothing for": (
        ["discover", "--steps", "9", "--scene", "discovery", "--effects", "held_at,dragged,shaped"],
        "scene card 'discovery' never has what the effects dragged, shaped need; ",
    ),
    "an unknown objective": (
        ["discover", "--steps", "9", "--objective", "fly"],
        "unknown objective 'fly'; there are: csd, curious, curious-dense, every-state, explore-then-discover, final-st",
    ),
    "an objective that cannot see that": (
        ["discover", "--steps", "9", "--discriminator-input", "observation"],
        "objective 'final-state' sees effects, not 'observation'; those that do: every-state, lsd, csd, metra",
    ),
    "an unknown discriminator input": (
        ["discover", "--steps", "9", "--discriminator-input", "all"],
        "unknown discriminator input 'all'; there are: effects, obs",
    ),
    "unknown starts": (["discover", "--steps", "9", "--starts", "far"], "unknown starts 'far'; there are: mixed, nom"),
    "unknown codes": (["discover", "--steps", "9", "--latent", "far"], "unknown latent 'far'; there are: discrete, "),
    "no run to name": (["name", "ghost"], "no library 'ghost'"),
    "no library to measure": (["measure", "ghost"], "no library 'ghost'"),
    "no run to plan": (["plan", "ghost"], "no library 'ghost'"),
    "no run to perturb": (["perturb", "ghost"], "no library 'ghost'"),
    "no run to report": (["report", "ghost"], "no run folder 'ghost'"),
    "no library to run": (["run", "--library", "ghost"], "no library 'ghost'"),
    "an unknown way to plan": (
        ["plan", "x", "--policy", "magic"],
        "unknown --policy 'magic'; there are: library, scripted",
    ),
    "no goals": (
        ["plan", "x", "--policy", "scripted", "--goals", "0"],
        "--goals must be a whole number from 1",
    ),
    "goals of words": (["plan", "x", "--policy", "scripted", "--literals", "a,b"], "--literals takes numbers"),
    "goals of nothing": (["plan", "x", "--policy", "scripted", "--literals", "2,0"], "--literals takes numbers from 1"),
    "no chains": (
        ["plan", "x", "--policy", "scripted", "--chains", "0"],
        "--chains must be a whole number from 1",
    ),
    "less than no time": (
        ["plan", "x", "--policy", "scripted", "--seconds", "-1"],
        "--seconds must be from 0 to 1e+07, got -1.0",
    ),
    "a goal and chains": (
        ["plan", "x", "--goal", "open(drawer)", "--chains", "2"],
        "give --goal or --chains, not both",
    ),
    "no proven goals": (["goals", "--count", "0"], "--count must be a whole number from 1 to 1000000, got 0"),
    "proven goals of words": (["goals", "--literals", "a"], "--literals takes numbers"),
    "goals on no card": (["goals", "--card", "moon", "--workers", "0"], "unknown scene card 'moon'"),
    "no goals to check": (["goals", "--check", "ghost.yaml"], "cannot read goals 'ghost.yaml'"),
    "no tasks to perturb on": (["perturb", "scripted"], "perturb 'scripted' on which tasks? Say so with --tasks, "),
    "no tasks to perturb one's own policy on": (["perturb", "ghost.py"], "perturb 'ghost.py' on which tasks? "),
    "unknown tasks to perturb on": (["perturb", "scripted", "--tasks", "fly"], "unknown task 'fly'"),
    "a policy to perturb that is not there": (["perturb", "ghost.py", "--tasks", "lift"], "policy file 'ghost.py'"),
    "a folder for a file": (["perturb", "scripted", "--tasks", "lift", "--out", "."], "--out takes a file for perturb"),
    "an unknown family of perturbations": (["perturb", "x", "--families", "quake"], "perturbations 'quake'"),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_input_is_one_line_and_writes_nothing(command: Command, here: Path, what: str) -> None:
    arguments, message = BAD[what]
    assert command(*arguments).refused(message) == []
    assert not list(here.iterdir())


@pytest.mark.parametrize(
    ("goal", "message", "place"),
    [
        ("on(red, blu", "never closed", "("),
        ("on(red, elephant)", "elephant", "elephant"),
        ("levitates(red)", "levitates", "levitates"),
        ("red + blue", "", None),
        ("", "", None),
        ("on(red)", "on", None),
        ("__import__('os')", "", None),
    ],
)
@pytest.mark.parametrize("policy", ["scripted", "library"])
def test_a_goal_that_makes_no_sense_is_shown_with_a_caret(
    command: Command, here: Path, goal: str, message: str, place: str | None, policy: str
) -> None:
    rest = command("plan", "run", "--policy", policy, "--goal", goal).refused(message)
    if goal:
        text, caret = rest
        assert text == f"  {goal}"
        assert set(caret.strip()) == {"^"}
        if place:
            assert caret.index("^") == text.index(place)
    assert not list(here.iterdir())


def test_a_scene_card_without_room_is_one_line(command: Command, here: Path, tmp_path: Path) -> None:
    card = tmp_path / "full.yaml"
    card.write_text(yaml.safe_dump({"entities": {f"bin{i}": "bin" for i in range(25)}}))
    assert command("scene", "--card", str(card)).refused("impossible scene card: no room for bin0, bin1") == []
    assert not list(here.iterdir())


@pytest.mark.parametrize(
    "arguments",
    [["name", "run"], ["plan", "run"], ["perturb", "run"], ["evaluate", "run"], ["run", "--library", "run"]],
    ids=lambda a: a[0],
)
@pytest.mark.parametrize("out", [[], ["--out", "new"]], ids=["", "elsewhere"])
def test_a_damaged_library_is_one_line_and_nothing_is_written(
    command: Command, files: Files, here: Path, write_names: Names, run_of: Path, arguments: list[str], out: list[str]
) -> None:
    weights = run_of / "library" / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    write_names(run_of)
    before = files(here)
    said = command(*arguments, *out)
    if arguments[0] in {"plan", "perturb"} and not out:
        said.refused("")  # Either that nothing has a name, or that the weights are damaged.
    else:
        assert said.refused("cannot read library") == []
    assert files(here) == before


@pytest.mark.parametrize("name", ["plan", "perturb", "evaluate"])
@pytest.mark.parametrize("out", [[], ["--out", "new"]], ids=["", "elsewhere"])
def test_a_stage_before_its_turn_says_what_to_run_and_writes_nothing(
    command: Command, files: Files, here: Path, run_of: Path, name: str, out: list[str]
) -> None:
    before = files(here)
    assert command(name, "run", *out).refused("tabletop name run") == []
    assert files(here) == before


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "{}",
        '{"skills": [], "named_tasks": [], "tasks": {"push": {"skill": "x"}}}',
        '{"skills": [], "named_tasks": []}',
        '{"skills": [{}], "named_tasks": []}',
        '{"skills": []}',
    ],
)
@pytest.mark.parametrize("name", ["plan", "perturb", "evaluate"])
def test_damaged_names_are_one_line(command: Command, files: Files, run_of: Path, name: str, text: str) -> None:
    (run_of / "name.json").write_text(text)
    before = files(run_of)
    assert command(name, "run").refused("make it anew with: tabletop name run") == []
    assert files(run_of) == before


@pytest.mark.parametrize("name", ["plan", "perturb"])
def test_a_library_without_names_has_nothing_to_work_with(
    command: Command, write_names: Names, run_of: Path, name: str
) -> None:
    write_names(run_of)
    assert command(name, "run").refused("discover longer") == []


@pytest.mark.parametrize("arguments", [["scene"], ["discover", "--steps", "9"], ["run", "--steps", "9"]])
def test_a_file_where_a_folder_should_be_is_one_line(
    command: Command, files: Files, here: Path, arguments: list[str]
) -> None:
    (here / "taken").write_text("mine")
    assert command(*arguments, "--out", "taken").refused("'taken") == []
    assert files(here) == {"taken": b"mine"}
