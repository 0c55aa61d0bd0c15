"""What a library can do, what a goal may say, and films of single episodes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tabletop.api.play import _in_scene, play
from tabletop.cli.show import skill_lines
from tabletop.logic import load_registry
from tabletop.naming import open_library
from tabletop.paths import POLICIES
from tabletop.report.clips import read_clip
from tabletop.rollout.evaluate import run_task, scripted, success_of
from tabletop.sim import generate, save_scene

Command = Callable[..., Any]

NAMES = json.loads((POLICIES / "discovered" / "default" / "name.json").read_text(encoding="utf-8"))
BEST = {task: row["skill"] for task, row in NAMES["tasks"].items()}
THINGS = {e["id"] for e in NAMES["skills"] if e["entity_kind"] == "rigid"}
ON_THING = next(task for task, skill in BEST.items() if skill in THINGS)
"""A task that is named, and about a rigid thing."""


def test_skills_are_rows_with_name_rate_entity_id_and_phrase(command: Command) -> None:
    said = command("skills", "default")
    line = next(x for x in said.out.splitlines() if x.startswith("drawer-open"))
    best = NAMES["tasks"]["drawer-open"]
    rate = f"{best['success']:.2f} ({best['low']:.2f} .. {best['high']:.2f}, n {best['n']})"
    phrase = next(e["phrase"] for e in NAMES["skills"] if e["id"] == best["skill"])
    assert rate in line
    assert line.split()[-len(phrase.split()) - 2 :] == ["drawer", best["skill"], *phrase.split()]
    named = sum(e["name"] is not None for e in NAMES["skills"])
    by = sum(e["task"] is not None for e in NAMES["skills"])
    count = f"{len(BEST)} tasks named, by {by} of {len(NAMES['skills'])} skills"
    last = f"{count}; of {named - by} others is said what they do"
    assert said.out.splitlines()[-1] == last
    assert len(said.out.splitlines()) == named + 3
    rows = json.loads(command("skills", "default", "--json").out)["skills"]
    assert rows == open_library("default").rows()


def test_skills_without_names_are_listed_by_id(command: Command, run_of: Path) -> None:
    lines = command("skills", "run").out.splitlines()
    assert [line.split() for line in lines[:-1]] == [["button-00", "joint"], ["button-01", "joint"]]
    assert lines[-1] == "2 skills, not named yet; name them with: tabletop name run"
    assert skill_lines(open_library("run/library").rows(), "run/library")[:-1] == lines[:-1]
    command("skills", "nowhere").refused("no library 'nowhere'")


def test_predicates_are_lines_with_an_example(command: Command) -> None:
    lines = command("predicates").out.splitlines()
    (near,) = (line for line in lines if line.startswith("near("))
    assert "near(a, b, distance=5 cm)  near(red, blue, distance=5 cm)" in " ".join(near.split()).replace(") n", ")  n")
    rows = {r["name"]: r for r in json.loads(command("predicates", "--json").out)["predicates"]}
    assert rows["near"]["arguments"][2] == {
        "name": "distance",
        "type": "length",
        "takes": "a length such as 5 cm (m, cm or mm; not negative)",
        "units": ["cm", "mm", "m"],
        "default": "5 cm",
    }


def test_a_policy_on_a_task_is_filmed_as_it_is_evaluated(command: Command, here: Path) -> None:
    task = load_registry()["lift"]
    run = run_task(task, scripted, 4)
    found = json.loads(command("play", "scripted", "--task", "lift", "--seed", "4", "--json").out)
    assert found == {
        "policy": "scripted",
        "entity": task.attends,
        "task": "lift",
        "asked": task.success.text,
        "seed": 4,
        "steps": len(run),
        "success": success_of(task, run)[0],
        "film": "clip.webp",
    }
    assert len(read_clip(here / "clip.webp")[0]) == len(run) + 1
    said = command("play", "nothing", "--task", "lift", "--seed", "4")
    assert said.out.splitlines()[0].endswith(
        "; lift: not done at the end, which asks for lifted(block, 10 cm) and held(block)"
    )


def test_a_skill_is_played_by_its_name_on_the_task_it_is_named_for(command: Command, here: Path) -> None:
    said = command("play", "button-press-topdown", "--seed", "1", "--out", "a.webp")
    id = BEST["button-press-topdown"]
    assert f"'button-press-topdown' is skill {id}" in said.err
    assert said.out.splitlines()[0].startswith(f"skill {id} on button, ")
    assert said.out.splitlines()[0].endswith("; button-press-topdown: done")
    assert (here / "a.webp").is_file()
    by_id = command("play", id, "--library", "default", "--seed", "1", "--out", "b.webp")
    assert by_id.err == ""
    assert (here / "a.webp").read_bytes() == (here / "b.webp").read_bytes()


def test_a_skill_is_played_in_a_saved_scene_on_an_entity_of_it(here: Path) -> None:
    scene = generate({"entities": {"one": "button", "two": "button", "cube": "block"}}, 3)
    save_scene(scene, "scene.yaml")
    id = BEST["button-press-topdown"]
    found = play(id, "a.webp", library="default", scene="scene.yaml", entity="two")
    assert (found["entity"], found["task"], found["success"]) == ("two", None, None)
    opened = open_library("default")
    assert _in_scene(opened, opened.called(id), scene, None) == (scene, "one"), "the first that it can"


def test_a_skill_without_names_is_played_in_a_scene_of_its_library(command: Command, run_of: Path) -> None:
    found = json.loads(command("play", "button-01", "--library", "run", "--json").out)
    # Pictures that are alike are one in the file; the last one stays a second longer.
    assert (found["skill"], found["library"], found["task"], found["success"]) == ("button-01", "run", None, None)
    assert sum(read_clip(found["film"])[1]) == 100 * (found["steps"] + 1) + 1000


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("scripted",), "policy 'scripted' needs a task: give --task"),
        (("scripted", "--scene", "scene.yaml"), "--scene is for skills"),
        (("scripted", "--task", "fly"), "unknown task 'fly'"),
        (("drawer-opne",), "unknown skill 'drawer-opne'"),
        (("drawer-open", "--entity", "drawer"), "--entity is of a scene: give --scene, too"),
        (("drawer-open", "--scene", "scene.yaml"), "has nothing to work on in that scene, which has: cube"),
        ((ON_THING, "--scene", "scene.yaml", "--entity", "ball"), f"skill {BEST[ON_THING]!r} 'ball'; there are: cube"),
        ((ON_THING, "--out", "clip.gif"), "must end in what can be written here: .webp"),
        ((ON_THING, "--library", "nowhere"), "no library 'nowhere'"),
    ],
)
def test_what_cannot_be_played_is_refused_in_a_line(
    command: Command, here: Path, words: tuple[str, ...], message: str
) -> None:
    save_scene(generate({"entities": {"cube": "block"}}, 3), "scene.yaml")
    said = command("play", *words)
    assert said.code == 2
    assert message in said.err.splitlines()[-1]
    assert not list(here.glob("clip*"))
