from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

from tabletop.discovery.config import DiscoverSettings
from tabletop.errors import TabletopError
from tabletop.skills.library import Library, save_library

Command = Callable[..., Any]
Names = Callable[..., None]
Files = Callable[[Path], dict[str, bytes]]


def test_a_library_is_never_discovered_over_another(command: Command, files: Files, here: Path, run_of: Path) -> None:
    before = files(here)
    assert command("discover", "--steps", "9", "--out", "run").refused("'run' already holds a run; give another") == []
    assert files(here) == before


@pytest.mark.parametrize("name", ["checkpoint", "checkpoint.old"])
def test_a_discovery_that_was_interrupted_is_not_begun_anew(
    command: Command, files: Files, here: Path, name: str
) -> None:
    (here / "run" / name).mkdir(parents=True)
    (here / "run" / name / "state.json").write_text('{"steps": 5000000}')
    before = files(here)
    assert command("discover", "--steps", "9", "--out", "run").refused("or go on (--resume)") == []
    assert files(here) == before


@pytest.mark.parametrize("changed", [True, False])
def test_what_was_said_of_the_library_before_a_resumed_run_goes_with_it(
    here: Path, files: Files, run_of: Path, library: Library, monkeypatch: pytest.MonkeyPatch, changed: bool
) -> None:
    stages = import_module("tabletop.api.stages")
    (run_of / "clips").mkdir()
    for name in ("name.json", "plan.json", "clips/button-00.webp"):
        (run_of / name).write_text("{}")
    (run_of / "summary.json").write_text('{"discover": {}, "name": {"named": 1}}')

    def discover(folder: Path, *_: object, **__: object) -> Library:
        save_library(replace(library, embeddings=library.embeddings + changed), folder / "library")
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
    stages = import_module("tabletop.api.stages")

    def discover(folder: Path, *_: object, **__: object) -> Library:
        save_library(library, folder / "library")
        return library

    monkeypatch.setattr(stages, "discover", discover)
    stages.discover_stage(run_of, DiscoverSettings(), minutes=None, steps=9, workers=0, resume=True, episodes=2)
    assert not (run_of / "name.json").exists()


def test_nothing_is_removed_where_another_process_is_at_work(
    command: Command,
    files: Files,
    here: Path,
    run_of: Path,
    held_elsewhere: Callable[[Path], AbstractContextManager[None]],
) -> None:
    (run_of / "run.yaml").write_text("command: tabletop run --seed 1\n")
    before = files(here)
    with held_elsewhere(run_of):
        for words in (["run"], ["discover", "--resume"]):
            (run_of / "checkpoint").mkdir(exist_ok=True)
            (run_of / "checkpoint" / "state.json").write_text("{}")
            assert command(*words, "--steps", "9", "--out", "run").refused("is at work in 'run'; wait for it") == []
    assert files(here) == {**before, "run/checkpoint/state.json": b"{}"}


@pytest.mark.parametrize("made_by", [None, "tabletop discover --seed 1"])
def test_run_replaces_only_what_run_made(
    command: Command, files: Files, here: Path, run_of: Path, made_by: str | None
) -> None:
    if made_by:
        (run_of / "run.yaml").write_text(yaml.safe_dump({"command": made_by}))
    before = files(here)
    assert command("run", "--steps", "9", "--out", "run").refused("not of 'tabletop run'") == []
    assert files(here) == before


@pytest.mark.parametrize("source", ["run", "run/library"])
def test_run_does_not_throw_away_the_library_it_is_to_use(
    command: Command, files: Files, here: Path, run_of: Path, source: str
) -> None:
    (run_of / "run.yaml").write_text(yaml.safe_dump({"command": "tabletop run --seed 0"}))
    before = files(here)
    assert command("run", "--library", source, "--out", "run").refused("give another --out") == []
    assert files(here) == before


def test_a_stage_written_elsewhere_takes_the_library_and_its_names_along(
    command: Command, files: Files, here: Path, write_names: Names, run_of: Path
) -> None:
    write_names(run_of)
    before = files(run_of)
    command("plan", "run", "--out", "new").refused("nothing to plan with")
    assert files(run_of) == before
    copied = files(here / "new")
    assert copied["name.json"] == before["name.json"]
    assert copied["library/library.yaml"] == before["library/library.yaml"]
    assert copied["library/weights.safetensors"] == before["library/weights.safetensors"]


@pytest.mark.parametrize("name", ["name", "plan", "perturb"])
def test_another_library_is_not_written_over(
    command: Command, files: Files, here: Path, write_names: Names, run_of: Path, library: Any, name: str
) -> None:
    write_names(run_of)
    save_library(replace(library, embeddings=library.embeddings + 1), here / "new" / "library")
    (here / "new" / "plan.json").write_text("{}")
    before = files(here)
    assert command(name, "run", "--out", "new").refused("'new' already holds another library") == []
    assert files(here) == before


def test_what_is_known_of_the_same_library_stays(
    command: Command, here: Path, write_names: Names, run_of: Path, library: Any
) -> None:
    write_names(run_of)
    save_library(library, here / "new" / "library")
    write_names(here / "new", **{"drawer-open": "drawer-00"})
    before = (here / "new" / "name.json").read_bytes()
    command("plan", "run", "--out", "new", "--goals", "1", "--seconds", "0.1", "--workers", "0")
    assert (here / "new" / "name.json").read_bytes() == before


def test_run_into_a_link_fills_what_it_leads_to(
    command: Command, files: Files, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "real" / "clips").mkdir(parents=True)
    (here / "real" / "run.yaml").write_text("command: tabletop run --seed 1\n")
    (here / "link").symlink_to("real")

    def stop(*_: object, **__: object) -> None:
        raise TabletopError("stopped here")

    monkeypatch.setattr("tabletop.cli.everything.discover", stop)
    assert "stopped here" in command("run", "--steps", "9", "--out", "link").err
    assert (here / "link").is_symlink()
    assert list(files(here / "real")) == ["run.yaml"]
