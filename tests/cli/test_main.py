from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import cv2
import pytest
import yaml

from tabletop.cli import main
from tabletop.errors import TabletopError
from tabletop.logic import Suite, load_registry
from tabletop.perturb import Perturbation
from tabletop.rollout.evaluate import evaluate
from tabletop.sim import load_scene
from tabletop.skills.collect import STARTS
from tabletop.skills.discover_settings import DiscoverSettings
from tabletop.skills.library import Library, save_library
from tabletop.skills.lock import alone_in
from tabletop.skills.objectives import OBJECTIVES
from tabletop.skills.settings import LATENTS, SEES

Command = Callable[..., Any]

COMMANDS = (
    *("scene", "tasks", "evaluate", "demos", "discover", "measure"),
    *("name", "plan", "goals", "perturb", "report", "run"),
)


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def in_a_process(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    root = Path(__file__).parents[2]
    return subprocess.run(
        [sys.executable, "-m", "tabletop", *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        timeout=300,
    )


# --- help -------------------------------------------------------------------------------------


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
    for name in (*OBJECTIVES, *SEES, *LATENTS, *STARTS):
        assert re.search(rf"[ :]{name}\b", text), name


# --- bad input --------------------------------------------------------------------------------

BAD: dict[str, tuple[list[str], str]] = {
    "no command": ([], "COMMAND"),
    "unknown command": (["fly"], "invalid choice: 'fly'"),
    "unknown option": (["tasks", "--fly"], "--fly"),
    "a word for a number": (["scene", "--seed", "two"], "invalid int value: 'two'"),
    "unknown task": (["tasks", "--tasks", "fly"], "unknown task 'fly'; there are: "),
    "unknown task to evaluate": (["evaluate", "nothing", "--tasks", "lift,fly"], "unknown task 'fly'"),
    "unknown family": (["tasks", "--tasks", "family:fly"], "unknown family of tasks 'fly'"),
    "no task": (["tasks", "--tasks", ""], "unknown task ''"),
    "unknown scene card": (
        ["scene", "--card", "moon"],
        "unknown scene card 'moon'; there are: cupboard, discovery, everything, fabrics, planning, workshop",
    ),
    "no episodes": (["evaluate", "nothing", "--episodes", "0"], "--episodes must be at least 1, got 0"),
    "too few workers": (["evaluate", "nothing", "--workers", "-1"], "--workers must be at least 0, got -1"),
    "workers in words": (["evaluate", "nothing", "--workers", "two"], "takes a number, 'ray' or 'ray:N' with N from 1"),
    "a cluster of none": (["discover", "--steps", "9", "--workers", "ray:0"], "with N from 1, got 'ray:0'"),
    "a seed below 0": (["scene", "--seed", "-1"], "--seed must be at least 0, got -1"),
    "a seed too large": (["discover", "--steps", "9", "--seed", str(2**70)], "--seed must be at most"),
    "an unknown suite": (["evaluate", "scripted", "--suite", "MT11"], "unknown suite 'MT11'; there are: "),
    "a suite of which task": (["evaluate", "scripted", "--suite", "MT1"], "say which, as in 'MT1:reach'"),
    "a suite and tasks": (["evaluate", "scripted", "--suite", "MT1:push", "--tasks", "lift"], "not allowed with"),
    "a suite's last scene": (
        ["evaluate", "scripted", "--suite", "ML1-test:push", "--seed", "999999"],
        "has scenes 0 to 999999, got 20 scenes from 999999",
    ),
    "noise below 0": (["evaluate", "scripted", "--noise", "-0.1"], "--noise must be a share from 0 to 1"),
    "noise that is no number": (["evaluate", "scripted", "--noise", "nan"], "--noise must be a share from 0 to 1"),
    "an unknown format": (["demos", "scripted", "--format", "csv"], "invalid choice: 'csv'"),
    "an unknown suite to record": (["demos", "scripted", "--suite", "MT11"], "unknown suite 'MT11'"),
    "an unknown policy": (["evaluate", "ghost"], "no library 'ghost'"),
    "no minutes": (["discover", "--minutes", "0"], "--minutes must be above 0, got 0"),
    "minutes that are no number": (["discover", "--minutes", "nan"], "--minutes must be above 0, got nan"),
    "endless minutes": (["run", "--minutes", "inf"], "--minutes must be above 0, got inf"),
    "no steps": (["run", "--steps", "0"], "--steps must be at least 1, got 0"),
    "two budgets": (["discover", "--minutes", "1", "--steps", "9"], "give --minutes or --steps, not both"),
    "nothing to resume": (["discover", "--steps", "9", "--resume", "--out", "new"], "nothing to resume in 'new'"),
    "an unknown effect": (
        ["discover", "--steps", "9", "--effects", "held,fly"],
        "unknown effect 'fly'; there are: bolt, button, ",
    ),
    "an unknown scene to discover in": (
        ["discover", "--steps", "9", "--scene", "moon"],
        "unknown scene card 'moon'; there are: cupboard, discovery, everything, ",
    ),
    "effects that a scene card has nothing for": (
        ["discover", "--steps", "9", "--scene", "discovery", "--effects", "held,door,dial"],
        "scene card 'discovery' never has what the effects door, dial need; ",
    ),
    "an unknown objective": (
        ["discover", "--steps", "9", "--objective", "fly"],
        "unknown objective 'fly'; there are: csd, every-state, explore-then-discover, final-state, ",
    ),
    "an objective that cannot see that": (
        ["discover", "--steps", "9", "--sees", "observation"],
        "objective 'final-state' sees effects, not 'observation'; those that do: every-state, lsd, csd, metra",
    ),
    "an unknown sight": (["discover", "--steps", "9", "--sees", "all"], "unknown sight 'all'; there are: effects, obs"),
    "unknown starts": (["discover", "--steps", "9", "--starts", "far"], "unknown starts 'far'; there are: mixed, nom"),
    "unknown codes": (["discover", "--steps", "9", "--latent", "far"], "unknown latent 'far'; there are: discrete, "),
    "no run to name": (["name", "ghost"], "no library 'ghost'"),
    "no library to measure": (["measure", "ghost"], "no library 'ghost'"),
    "no run to plan": (["plan", "ghost"], "no library 'ghost'"),
    "no run to perturb": (["perturb", "ghost"], "no library 'ghost'"),
    "no run to report": (["report", "ghost"], "no run folder 'ghost'"),
    "no library to run": (["run", "--library", "ghost"], "no library 'ghost'"),
    "an unknown way to plan": (["plan", "x", "--policy", "magic"], "invalid choice: 'magic'"),
    "no goals": (["plan", "x", "--policy", "scripted", "--goals", "0"], "--goals must be at least 1"),
    "goals of words": (["plan", "x", "--policy", "scripted", "--literals", "a,b"], "--literals takes numbers"),
    "goals of nothing": (["plan", "x", "--policy", "scripted", "--literals", "2,0"], "--literals takes numbers from 1"),
    "no chains": (["plan", "x", "--policy", "scripted", "--chains", "0"], "--chains must be at least 1, got 0"),
    "a goal and chains": (
        ["plan", "x", "--goal", "open(drawer)", "--chains", "2"],
        "give --goal or --chains, not both",
    ),
    "no proven goals": (["goals", "--count", "0"], "--count must be at least 1, got 0"),
    "proven goals of words": (["goals", "--literals", "a"], "--literals takes numbers"),
    "goals on no card": (["goals", "--card", "moon", "--workers", "0"], "unknown scene card 'moon'"),
    "no goals to check": (["goals", "--check", "ghost.yaml"], "cannot read the goals 'ghost.yaml'"),
    "an unknown family of perturbations": (["perturb", "x", "--families", "quake"], "perturbations 'quake'"),
}


def refused(said: Any, message: str) -> list[str]:
    """Check that a command was refused with one line; return the lines after it (a formula with a caret)."""
    assert (said.code, said.out) == (2, "")
    first, *rest = said.err.splitlines()
    assert first.startswith("tabletop: ")
    assert message in first
    assert not any(line.startswith("tabletop:") for line in rest)
    return rest


@pytest.mark.parametrize("what", BAD)
def test_bad_input_is_one_line_and_writes_nothing(command: Command, here: Path, what: str) -> None:
    arguments, message = BAD[what]
    assert refused(command(*arguments), message) == []
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
    rest = refused(command("plan", "run", "--policy", policy, "--goal", goal), message)
    if goal:
        text, caret = rest
        assert text == f"  {goal}"
        assert set(caret.strip()) == {"^"}
        if place:
            assert caret.index("^") == text.index(place)
    assert not list(here.iterdir())


def test_a_scene_card_without_room_is_one_line(
    command: Command, here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "scenes").mkdir()
    things = {f"bin{i}": "bin" for i in range(25)}
    (tmp_path / "scenes" / "full.yaml").write_text(yaml.safe_dump({"entities": things}))
    monkeypatch.setattr(import_module("tabletop.sim.generate"), "ASSETS", tmp_path)
    assert refused(command("scene", "--card", "full"), "impossible scene card: no room for bin0, bin1") == []
    assert not list(here.iterdir())


@pytest.mark.parametrize(
    "arguments",
    [["name", "run"], ["plan", "run"], ["perturb", "run"], ["evaluate", "run"], ["run", "--library", "run"]],
    ids=lambda a: a[0],
)
@pytest.mark.parametrize("out", [[], ["--out", "new"]], ids=["", "elsewhere"])
def test_a_damaged_library_is_one_line_and_nothing_is_written(
    command: Command, here: Path, run_of: Path, arguments: list[str], out: list[str]
) -> None:
    weights = run_of / "library" / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    (run_of / "name.json").write_text('{"skills": [], "named_tasks": []}')
    before = files(here)
    said = command(*arguments, *out)
    if arguments[0] in {"plan", "perturb"} and not out:
        refused(said, "")  # Either that nothing has a name, or that the weights are damaged.
    else:
        assert refused(said, "cannot read library") == []
    assert files(here) == before


@pytest.mark.parametrize("name", ["plan", "perturb", "evaluate"])
@pytest.mark.parametrize("out", [[], ["--out", "new"]], ids=["", "elsewhere"])
def test_a_stage_before_its_turn_says_what_to_run_and_writes_nothing(
    command: Command, here: Path, run_of: Path, name: str, out: list[str]
) -> None:
    before = files(here)
    assert refused(command(name, "run", *out), "tabletop name run") == []
    assert files(here) == before


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"skills": [{}], "named_tasks": []}', '{"skills": []}'])
@pytest.mark.parametrize("name", ["plan", "perturb", "evaluate"])
def test_damaged_names_are_one_line(command: Command, run_of: Path, name: str, text: str) -> None:
    (run_of / "name.json").write_text(text)
    before = files(run_of)
    assert refused(command(name, "run"), "make it anew with: tabletop name run") == []
    assert files(run_of) == before


@pytest.mark.parametrize("name", ["plan", "perturb"])
def test_a_library_without_names_has_nothing_to_work_with(command: Command, run_of: Path, name: str) -> None:
    (run_of / "name.json").write_text('{"skills": [], "named_tasks": []}')
    assert refused(command(name, "run"), "discover longer") == []


@pytest.mark.parametrize("arguments", [["scene"], ["discover", "--steps", "9"], ["run", "--steps", "9"]])
def test_a_file_where_a_folder_should_be_is_one_line(command: Command, here: Path, arguments: list[str]) -> None:
    (here / "taken").write_text("mine")
    assert refused(command(*arguments, "--out", "taken"), "'taken") == []
    assert files(here) == {"taken": b"mine"}


def test_a_library_is_never_discovered_over_another(command: Command, here: Path, run_of: Path) -> None:
    before = files(here)
    assert refused(command("discover", "--steps", "9", "--out", "run"), "'run' already holds a run; give another") == []
    assert files(here) == before


@pytest.mark.parametrize("name", ["checkpoint", "checkpoint.old"])
def test_a_discovery_that_was_interrupted_is_not_begun_anew(command: Command, here: Path, name: str) -> None:
    (here / "run" / name).mkdir(parents=True)
    (here / "run" / name / "state.json").write_text('{"steps": 5000000}')
    before = files(here)
    assert refused(command("discover", "--steps", "9", "--out", "run"), "or go on (--resume)") == []
    assert files(here) == before


@pytest.mark.parametrize("changed", [True, False])
def test_what_was_said_of_the_library_before_a_resumed_run_goes_with_it(
    here: Path, run_of: Path, library: Library, monkeypatch: pytest.MonkeyPatch, changed: bool
) -> None:
    stages = import_module("tabletop.cli.stages")
    (run_of / "clips").mkdir()
    for name in ("name.json", "plan.json", "clips/button-00.webp"):
        (run_of / name).write_text("{}")
    (run_of / "summary.json").write_text('{"discover": {}, "name": {"named": 1}}')

    def discover(folder: Path, *_: object, **__: object) -> Library:
        save_library(replace(library, means=library.means + changed), folder / "library")
        return library

    monkeypatch.setattr(stages, "discover", discover)
    budget = {"minutes": None, "steps": 9}
    stages.discover_stage(run_of, DiscoverSettings(), **budget, workers=0, resume=True, episodes=2)
    left = {"library/library.yaml", "library/weights.safetensors", "discover.json", "summary.json"}
    kept = set() if changed else {"name.json", "plan.json", "clips/button-00.webp"}
    assert files(run_of).keys() == left | kept
    assert ("name" in json.loads((run_of / "summary.json").read_text())) is not changed


def test_a_damaged_library_does_not_keep_a_run_from_going_on(
    here: Path, run_of: Path, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    (run_of / "library" / "weights.safetensors").write_bytes(b"part")
    (run_of / "name.json").write_text("{}")
    stages = import_module("tabletop.cli.stages")

    def discover(folder: Path, *_: object, **__: object) -> Library:
        save_library(library, folder / "library")
        return library

    monkeypatch.setattr(stages, "discover", discover)
    stages.discover_stage(run_of, DiscoverSettings(), minutes=None, steps=9, workers=0, resume=True, episodes=2)
    assert not (run_of / "name.json").exists()


def test_nothing_is_removed_where_another_process_discovers(command: Command, here: Path, run_of: Path) -> None:
    (run_of / "run.yaml").write_text("command: tabletop run --seed 1\n")
    before = files(here)
    with alone_in(run_of):
        for words in (["run"], ["discover", "--resume"]):
            (run_of / "checkpoint").mkdir(exist_ok=True)
            (run_of / "checkpoint" / "state.json").write_text("{}")
            assert refused(command(*words, "--steps", "9", "--out", "run"), "another process discovers in 'run'") == []
    assert files(here) == {**before, "run/checkpoint/state.json": b"{}"}


@pytest.mark.parametrize("made_by", [None, "tabletop discover --seed 1"])
def test_run_replaces_only_what_run_made(command: Command, here: Path, run_of: Path, made_by: str | None) -> None:
    if made_by:
        (run_of / "run.yaml").write_text(yaml.safe_dump({"command": made_by}))
    before = files(here)
    assert refused(command("run", "--steps", "9", "--out", "run"), "not of 'tabletop run'") == []
    assert files(here) == before


@pytest.mark.parametrize("source", ["run", "run/library"])
def test_run_does_not_throw_away_the_library_it_is_to_use(
    command: Command, here: Path, run_of: Path, source: str
) -> None:
    (run_of / "run.yaml").write_text(yaml.safe_dump({"command": "tabletop run --seed 0"}))
    before = files(here)
    assert refused(command("run", "--library", source, "--out", "run"), "give another --out") == []
    assert files(here) == before


# --- what commands print and write ------------------------------------------------------------


def test_tasks_as_json_have_their_fields(command: Command) -> None:
    said = command("tasks", "--json")
    rows = json.loads(said.out)["tasks"]
    assert said.code == 0
    assert [list(r) for r in rows] == [["name", "family", "description", "success", "horizon", "tags"]] * len(rows)
    assert [r["name"] for r in rows] == list(load_registry())
    one = json.loads(command("tasks", "--tasks", "lift", "--json").out)["tasks"]
    assert one == [r for r in rows if r["name"] == "lift"]


def test_tasks_are_one_line_each(command: Command) -> None:
    lines = command("tasks", "--tasks", "family:drawer").out.splitlines()
    tasks = load_registry().select("family:drawer")
    assert [line.split()[:2] for line in lines] == [[t.name, str(t.horizon)] for t in tasks]
    assert all(" ".join(t.tags) in line and t.description in line for t, line in zip(tasks, lines, strict=True))


@pytest.mark.parametrize(("tasks", "code"), [("lift", 0), ("reach,stack-three", 1)])
def test_an_audit_ends_with_1_where_a_rule_is_broken(tasks: str, code: int, command: Command, here: Path) -> None:
    """A tower takes far longer than a reach."""
    audit = ("tasks", "audit", "--tasks", tasks, "--episodes", "1", "--workers", "0")
    said = command(*audit, "--json", "--out", "audit.json")
    found = json.loads(said.out)
    assert (said.code, found["holds"]) == (code, code == 0)
    assert json.loads((here / "audit.json").read_text()) == found
    plain = command(*audit)
    assert plain.code == code
    assert ("breaks: " in plain.out) == (code == 1)


def test_a_scene_is_a_card_and_a_picture_the_same_for_the_same_seed(command: Command, here: Path) -> None:
    for out, seed in (("a", "4"), ("b", "4"), ("c", "5")):
        assert command("scene", "--seed", seed, "--out", out).code == 0
    assert sorted(files(here / "a")) == ["scene.png", "scene.yaml"]
    assert files(here / "a") == files(here / "b")
    for name in ("scene.png", "scene.yaml"):
        assert files(here / "a")[name] != files(here / "c")[name]
    assert cv2.imread(str(here / "a" / "scene.png")).shape == (480, 640, 3)
    assert load_scene(here / "a" / "scene.yaml").entities


def test_a_scene_as_json_says_where_its_files_are(command: Command, here: Path) -> None:
    found = json.loads(command("scene", "--json", "--card", "planning").out)
    assert Path(found["scene"]).is_file()
    assert Path(found["picture"]).is_file()
    assert {"red", "blue"} <= {e["name"] for e in found["entities"]}


def test_success_rates_are_by_task(command: Command, here: Path) -> None:
    said = command(
        "evaluate", "nothing", "--tasks", "lift", "--episodes", "2", "--workers", "0", "--out", "x.json", "--json"
    )
    found = json.loads(said.out)
    assert said.code == 0
    assert list(found["tasks"]) == ["lift"]
    assert {"success", "low", "high", "n", "median_steps"} <= found["tasks"]["lift"].keys()
    assert (found["tasks"]["lift"]["success"], found["tasks"]["lift"]["n"]) == (0.0, 2)
    assert found["tasks"]["lift"]["median_steps"] is None
    assert json.loads((here / "x.json").read_text()) == found
    assert refused(command("evaluate", "nothing", "--tasks", "lift", "--out", "."), "--out takes a file") == []


def test_a_suite_runs_on_its_own_scenes(command: Command) -> None:
    given = ("evaluate", "nothing", "--episodes", "1", "--workers", "0", "--json")
    found = json.loads(command(*given, "--suite", "ML1-test:lift").out)
    assert (found["suite"], found["noise"], list(found["tasks"])) == ("ML1-test:lift", 0.0, ["lift"])
    assert found["mean"] == 0.0
    suite = Suite("Pair", "Pair.", ("reach", "lift"))
    modules = import_module("tabletop.cli.success")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(modules, "find_suite", lambda name: suite)
        assert list(json.loads(command(*given, "--suite", "Pair").out)["tasks"]) == ["reach", "lift"]


def test_noise_is_a_share_of_the_actions_range(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    module, seen = import_module("tabletop.cli.success"), []

    def watch(*arguments: Any, **rest: Any) -> Any:
        seen.append(rest["disturbance"])
        return evaluate(*arguments, **rest)

    monkeypatch.setattr(module, "evaluate", watch)
    given = ("evaluate", "nothing", "--tasks", "lift", "--episodes", "1", "--workers", "0", "--noise")
    assert command(*given, "0").code == command(*given, "0.1").code == 0
    assert seen == [None, Perturbation("action-noise", 0.2)]


def test_success_rates_are_a_table_with_a_mean(command: Command) -> None:
    said = command("evaluate", "scripted", "--tasks", "button-press-topdown", "--episodes", "1", "--workers", "0")
    head, row, mean = said.out.splitlines()
    assert head.split()[:2] == ["task", "success"]
    assert row.split()[:2] == ["button-press-topdown", "1.00"]
    assert mean == "mean 1.000 over 1 tasks"


def test_json_on_stdout_is_nothing_but_json_with_workers_too(here: Path) -> None:
    done = in_a_process(
        *("evaluate", "nothing", "--tasks", "button-press-topdown", "--episodes", "1", "--workers", "1", "--json"),
        cwd=here,
    )
    assert done.returncode == 0
    assert json.loads(done.stdout)["tasks"]["button-press-topdown"]["n"] == 1


def test_the_package_runs_as_a_module_and_refuses_with_exit_code_2(here: Path) -> None:
    done = in_a_process("tasks", "--tasks", "fly", "--json", cwd=here)
    assert (done.returncode, done.stdout) == (2, "")
    assert [x.startswith("tabletop: unknown task 'fly'") for x in done.stderr.splitlines() if "pybullet" not in x] == [
        True
    ]


def test_an_interrupted_command_says_so_and_exits_with_130(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(import_module("tabletop.cli.main"), "load_registry", interrupt)
    said = command("tasks")
    assert (said.code, said.out, said.err) == (130, "", "tabletop: interrupted\n")


@pytest.mark.parametrize(
    ("name", "there", "told"),
    [
        ("discover", [], ""),
        ("discover", ["checkpoint"], "; 'tabletop discover --resume --seed 3 --out a' goes on"),
        ("run", ["checkpoint.old"], "; 'tabletop discover --resume --seed 3 --out a' goes on"),
        ("run", ["checkpoint", "library"], ""),
        ("run", [], ""),
    ],
)
def test_an_interrupted_discovery_says_how_to_go_on_where_it_can(
    command: Command, monkeypatch: pytest.MonkeyPatch, name: str, there: list[str], told: str
) -> None:
    def interrupt(folder: Path, *_: object, **__: object) -> None:
        for part in there:
            (folder / part).mkdir(parents=True)
        raise KeyboardInterrupt

    monkeypatch.setattr(import_module("tabletop.cli.stages"), "discover", interrupt)
    said = command(name, "--steps", "9", "--seed", "3", "--out", "a")
    assert said.code == 130
    assert said.err.splitlines()[-1:] == [f"tabletop: interrupted{told}"]


def test_an_interrupted_recording_says_how_to_go_on(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(import_module("tabletop.cli.demos"), "write_demos", interrupt)
    said = command("demos", "scripted", "--tasks", "lift", "--workers", "0")
    assert (said.code, said.err) == (130, "tabletop: interrupted; the same command goes on\n")


def test_demonstrations_of_a_suites_scenes_are_written_and_counted(command: Command, here: Path) -> None:
    pytest.importorskip("pyarrow")
    given = (
        "demos",
        "scripted",
        "--suite",
        "ML1-train:lift",
        "--episodes",
        "2",
        "--workers",
        "0",
        "--format",
        "lerobot",
    )
    found = json.loads(command(*given, "--json").out)
    assert (found["out"], found["episodes"]) == ("demos/lerobot", found["tasks"]["lift"]["kept"])
    assert found["tasks"]["lift"]["run"] == 2
    assert [p.name for p in (here / "demos").iterdir()] == ["lerobot"]
    assert refused(command(*given), "'demos/lerobot' is there already; give another --out") == []


# --- stages in a row --------------------------------------------------------------------------


def test_naming_writes_the_same_bytes_each_time_and_adds_to_the_summary(command: Command, run_of: Path) -> None:
    (run_of / "summary.json").write_text('{"discover": {"codes": 2}}')
    arguments = ("name", "run", "--episodes", "1", "--workers", "0", "--json")
    first = command(*arguments)
    written = files(run_of)
    assert first.code == 0
    assert {"name.json", "summary.json"} <= written.keys()
    assert list(json.loads(written["summary.json"])) == ["discover", "name"]
    entries = json.loads(written["name.json"])["skills"]
    assert [e["id"] for e in entries] == ["button-00", "button-01"]
    assert json.loads(first.out)["skills"] == entries
    assert not [n for n in written if n.endswith(".tmp")]
    assert command(*arguments).out == first.out
    assert files(run_of) == written


def test_a_stage_written_elsewhere_takes_the_library_and_its_names_along(
    command: Command, here: Path, run_of: Path
) -> None:
    names = '{"skills": [], "named_tasks": []}'
    (run_of / "name.json").write_text(names)
    before = files(run_of)
    refused(command("plan", "run", "--out", "new"), "nothing to plan with")
    assert files(run_of) == before
    copied = files(here / "new")
    assert copied["name.json"] == names.encode()
    assert copied["library/library.yaml"] == before["library/library.yaml"]
    assert copied["library/weights.safetensors"] == before["library/weights.safetensors"]


@pytest.mark.parametrize("name", ["name", "plan", "perturb"])
def test_another_library_is_not_written_over(
    command: Command, here: Path, run_of: Path, library: Any, name: str
) -> None:
    (run_of / "name.json").write_text('{"skills": [], "named_tasks": []}')
    save_library(replace(library, means=library.means + 1), here / "new" / "library")
    (here / "new" / "plan.json").write_text("{}")
    before = files(here)
    assert refused(command(name, "run", "--out", "new"), "'new' already holds another library") == []
    assert files(here) == before


def test_what_is_known_of_the_same_library_stays(command: Command, here: Path, run_of: Path, library: Any) -> None:
    (run_of / "name.json").write_text('{"skills": [], "named_tasks": []}')
    save_library(library, here / "new" / "library")
    (here / "new" / "name.json").write_text('{"skills": [], "named_tasks": ["stack"]}')
    command("plan", "run", "--out", "new")
    assert "stack" in (here / "new" / "name.json").read_text()


def test_run_into_a_link_fills_what_it_leads_to(command: Command, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "real" / "clips").mkdir(parents=True)
    (here / "real" / "run.yaml").write_text("command: tabletop run --seed 1\n")
    (here / "link").symlink_to("real")

    def stop(*_: object, **__: object) -> None:
        raise TabletopError("stopped here")

    monkeypatch.setattr("tabletop.cli.stages.discover_stage", stop)
    assert "stopped here" in command("run", "--steps", "9", "--out", "link").err
    assert (here / "link").is_symlink()
    assert list(files(here / "real")) == ["run.yaml"]


def test_of_a_suite_tasks_without_a_skill_count_as_not_done(
    command: Command, run_of: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite = Suite("Two", "Two.", ("button-press", "push"), (0, 10))
    monkeypatch.setattr("tabletop.cli.success.find_suite", lambda _: suite)
    entry = {"id": "button-00", "name": "x", "task": "button-press", "success": 1.0, "low": 0.9, "n": 9}
    named = {"skills": [{**entry, "offset": None, "angle": None, "outcomes": []}], "named_tasks": ["button-press"]}
    (run_of / "name.json").write_text(json.dumps(named))
    rates = {"success": 1.0, "low": 0.9, "high": 1.0, "n": 2, "median_steps": 4.0}
    monkeypatch.setattr("tabletop.cli.success.evaluate", lambda *_, **__: rates)
    said = command("evaluate", "run", "--suite", "Two", "--episodes", "2", "--workers", "0")
    assert said.out.splitlines()[-2:] == ["no skill is named for: push", "mean 0.500 over 2 tasks"]
    found = json.loads(command("evaluate", "run", "--suite", "Two", "--episodes", "2", "--json").out)
    assert (found["mean"], found["missing"]) == (0.5, ["push"])


def test_a_plan_for_a_given_goal_is_made_with_scripted_skills(command: Command, here: Path) -> None:
    said = command(
        *("plan", "toy", "--policy", "scripted", "--goal", "near(red, blue, 60 cm)", "--workers", "0", "--json")
    )
    assert said.code == 0
    found = json.loads(said.out)
    assert (found["goals"], found["policy"], found["episodes"][0]["goal"]) == (1, "scripted", "near(red, blue, 60 cm)")
    assert {"plan.json", "summary.json"} <= files(here / "toy").keys()
    assert (here / "toy" / found["episodes"][0]["clip"]).is_file()
    assert command("report", "toy").out.startswith("report: toy")
    assert (here / "toy" / "report.html").is_file()


def test_chains_are_run_with_scripted_skills_and_written(command: Command, here: Path) -> None:
    said = command("plan", "toy", "--policy", "scripted", "--chains", "1", "--workers", "0", "--json")
    assert said.code == 0
    found = json.loads(said.out)
    assert (found["chains"], found["policy"], len(found["at_least"])) == (1, "scripted", 5)
    assert json.loads((here / "toy" / "chains.json").read_text()) == found
    assert (here / "toy" / found["episodes"][0]["clip"]).is_file()
    assert json.loads((here / "toy" / "summary.json").read_text())["chains"]["chains"] == 1


def test_proven_goals_are_written_and_run_again(command: Command, here: Path) -> None:
    arguments = ("--count", "2", "--literals", "2,3", "--workers", "0", "--json")
    made = json.loads(command("goals", *arguments, "--out", "sub/goals.yaml").out)
    assert (made["goals"], made["literals"]) == (2, {"2": 1, "3": 1})
    written = files(here)
    checked = json.loads(command("goals", "--check", "sub/goals.yaml", "--workers", "0", "--json").out)
    assert checked == {"goals": 2, "reached": 2, "identical": 2, "differ": []}
    command("goals", *arguments, "--out", "sub/goals.yaml")
    assert files(here) == written
