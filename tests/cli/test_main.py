from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import cv2
import pytest

from tabletop.api.clips import to_film
from tabletop.logic import Suite, load_registry
from tabletop.perturbation import Perturbation
from tabletop.rollout.evaluate import evaluate
from tabletop.sim import load_scene

Command = Callable[..., Any]
Names = Callable[..., None]
Files = Callable[[Path], dict[str, bytes]]


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


def test_tasks_as_json_have_their_fields(command: Command) -> None:
    said = command("tasks", "--json")
    rows = json.loads(said.out)["tasks"]
    assert said.code == 0
    assert [list(r) for r in rows] == [["name", "family", "description", "success", "horizon", "tags"]] * len(rows)
    assert [r["name"] for r in rows] == list(load_registry())
    one = json.loads(command("tasks", "--tasks", "lift", "--json").out)["tasks"]
    assert one == [r for r in rows if r["name"] == "lift"]


def test_tasks_are_one_line_each(command: Command) -> None:
    head, *lines = command("tasks", "--tasks", "family:drawer").out.splitlines()
    assert head.split()[:3] == ["task", "horizon", "tags"]
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


def test_a_scene_is_a_card_and_a_picture_the_same_for_the_same_seed(command: Command, files: Files, here: Path) -> None:
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
    assert command("evaluate", "nothing", "--tasks", "lift", "--out", ".").refused("--out takes a file") == []


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
    module, seen = import_module("tabletop.api.success"), []

    def watch(*arguments: Any, **rest: Any) -> Any:
        seen.append(rest["disturbance"])
        return evaluate(*arguments, **rest)

    monkeypatch.setattr(module, "evaluate", watch)
    given = ("evaluate", "nothing", "--tasks", "lift", "--episodes", "1", "--workers", "0", "--noise")
    assert command(*given, "0").code == command(*given, "0.1").code == 0
    assert seen == [None, Perturbation("action-noise", 0.2)]


def test_success_rates_are_a_table_with_a_mean(command: Command) -> None:
    said = command("evaluate", "scripted", "--tasks", "button-press-topdown", "--episodes", "1", "--workers", "0")
    head, row, legend, mean = said.out.splitlines()
    assert head.split()[:2] == ["task", "success"]
    assert row.split()[:2] == ["button-press-topdown", "1.00"]
    assert legend.startswith("success: share of n episodes")
    assert mean == "mean 1.000 over 1 task"


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
    assert [x.startswith("tabletop: unknown task 'fly'") for x in done.stderr.splitlines()] == [True]


def test_an_interrupted_command_says_so_and_exits_with_130(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(import_module("tabletop.logic"), "load_registry", interrupt)
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

    for module in ("api.stages", "cli.everything"):
        monkeypatch.setattr(import_module(f"tabletop.{module}"), "discover", interrupt)
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
    assert command(*given).refused("'demos/lerobot' is there already; give another --out") == []


def test_naming_writes_the_same_bytes_each_time_and_adds_to_the_summary(
    command: Command, files: Files, run_of: Path
) -> None:
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


@pytest.mark.parametrize("asked", [("--suite", "Two"), ("--tasks", "button-press,push")])
def test_tasks_without_a_skill_have_rows_and_count_as_not_done(
    command: Command,
    write_names: Names,
    run_of: Path,
    monkeypatch: pytest.MonkeyPatch,
    asked: tuple[str, str],
) -> None:
    suite = Suite("Two", "Two.", ("button-press", "push"), (0, 10))
    monkeypatch.setattr("tabletop.cli.success.find_suite", lambda _: suite)
    write_names(run_of, **{"button-press": "button-00"})
    rates = {"success": 1.0, "low": 0.9, "high": 1.0, "n": 2, "median_steps": 4.0, "success_once": 1.0}
    monkeypatch.setattr("tabletop.api.success.evaluate", lambda *_, **__: rates)
    said = command("evaluate", "run", *asked, "--episodes", "2", "--workers", "0")
    # By --tasks they come in the registry's order.
    rows = {line.split()[0]: line.split()[1:] for line in said.out.splitlines()[1:3]}
    assert rows == {
        "button-press": ["1.00", "0.90", "..", "1.00", "2", "4"],
        "push": ["0.00", "no", "skill", "0", "-"],
    }
    last = "mean 0.500 over 2 tasks, 1 of them without a skill (counted as not done)"
    assert said.out.splitlines()[-1] == last
    found = json.loads(command("evaluate", "run", *asked, "--episodes", "2", "--json").out)
    assert (found["mean"], found["counted"], found["missing"]) == (0.5, 2, ["push"])
    assert {name: row["n"] for name, row in found["tasks"].items()} == {"button-press": 2, "push": 0}
    assert (found["tasks"]["push"]["success"], found["tasks"]["push"]["low"]) == (0.0, None)


def test_a_plan_for_a_given_goal_is_made_with_scripted_skills(command: Command, files: Files, here: Path) -> None:
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


def test_proven_goals_are_written_and_run_again(command: Command, files: Files, here: Path) -> None:
    arguments = ("--count", "2", "--literals", "2,3", "--workers", "0", "--json")
    made = json.loads(command("goals", *arguments, "--out", "sub/goals.yaml").out)
    assert (made["goals"], made["literals"]) == (2, {"2": 1, "3": 1})
    written = files(here)
    checked = json.loads(command("goals", "--check", "sub/goals.yaml", "--workers", "0", "--json").out)
    assert checked == {"goals": 2, "reached": 2, "identical": 2, "differ": []}
    command("goals", *arguments, "--out", "sub/goals.yaml")
    assert files(here) == written


@pytest.mark.parametrize(("goal", "solved"), [("lifted(red, 40 cm)", 0), ("off_table(red)", 1)])
def test_a_goal_is_filmed_whether_it_is_reached_or_not_and_says_why_not(
    command: Command, here: Path, goal: str, solved: int
) -> None:
    said = command(
        *("plan", "toy", "--policy", "scripted", "--goal", goal, "--seed", "1", "--workers", "0", "--seconds", "2")
    )
    assert f"{solved} of 1 goal;" in said.out
    (episode,) = json.loads((here / "toy" / "plan.json").read_text())["episodes"]
    assert (here / "toy" / episode["clip"]).is_file()
    assert bool(episode["why"]) != bool(solved)
    assert all(line in said.out for line in episode["why"])
    if solved:
        assert not episode["log"][-1]["failed"]
    else:
        assert episode["why"][0].startswith("no skill makes lifted(red, 40 cm) true (")


def test_half_of_the_films_are_of_goals_that_were_reached() -> None:
    reached = [True, False, True, True, False, True]
    assert to_film([5, 4, 3, 2, 1, 0], reached, 4) == [5, 3, 4, 1]
    assert to_film([0, 1, 2, 3], [True] * 4, 3) == [0, 1, 2]
    assert to_film([0, 1, 2, 3], [False, False, False, True], 3) == [3, 0, 1]
    assert to_film([0, 1], [False] * 2, 4) == [0, 1]
