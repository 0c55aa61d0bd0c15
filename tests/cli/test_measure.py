from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tabletop.api.stages import measure_stage
from tabletop.metrics.baselines import Measured
from tabletop.metrics.effective_skills import Samples
from tabletop.runs.store import record_data
from tabletop.skills.codebook import Codebook
from tabletop.skills.library import Library, load_library, save_library

Command = Callable[..., Any]

FEW = ("--episodes", "4", "--workers", "0", "--seed", "1")


def test_figures_are_those_of_discovery_with_a_number_by_effect(
    command: Command, here: Path, run_of: Path, library: Library
) -> None:
    said = command("measure", "run", *FEW, "--json")
    assert said.code == 0
    found = json.loads(said.out)
    keys = ["joint", "effective_skills_2cm", "effective_skills_5cm", "bits_2cm", "coverage_bins_5cm", "baselines"]
    assert found.keys() >= {*keys, "by_effect", "channel", "siblings", "synergies"}
    assert list(found["baselines"]) == ["exploration", "untrained", "shuffled"]
    discovered = record_data(measure_stage(here / "stage", library, 1, 0, 4))
    assert [found[k] for k in keys] == [discovered[k] for k in keys]
    assert found["by_effect"] == {"joint": discovered["by_effect"]["joint"]["effective_2cm"]}
    assert list(found["siblings"]) == ["joint-00", "joint-01"]
    written = json.loads((run_of / "measure.json").read_text(encoding="utf-8"))
    assert found == {**written, "page": found["page"]}
    assert Path(found["page"]) == Path("run/measure.html")
    assert Path(found["page"]).is_file()


def test_what_was_discovered_without_measuring_is_measured_later(command: Command, run_of: Path, here: Path) -> None:
    command("measure", "run", *FEW)
    later = json.loads((run_of / "discover.json").read_text(encoding="utf-8"))
    assert later == record_data(measure_stage(here / "stage", load_library(run_of / "library"), 1, 0, 4))
    assert (later["episodes"], later["baseline_episodes"]) == (4, 2)
    assert json.loads((run_of / "summary.json").read_text(encoding="utf-8"))["discover"]["baseline_episodes"] == 2
    (run_of / "discover.json").write_text("{}")
    command("measure", "run", *FEW)
    assert (run_of / "discover.json").read_text() == "{}"


def test_what_was_only_measured_is_in_the_report(command: Command, run_of: Path, here: Path) -> None:
    command("measure", "run/library", *FEW, "--out", "c")
    count = json.loads((here / "c" / "measure.json").read_text(encoding="utf-8"))["effective_skills_2cm"]
    command("report", "c")
    page = (here / "c" / "report.html").read_text(encoding="utf-8")
    assert "<h1>What the robot found out</h1>" in page
    assert f"{count:.1f}<small> of 2</small>" in page


def test_ends_of_reaching_are_where_the_gripper_is(
    here: Path, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = replace(library, codes=Codebook({"reached": 2}))
    figures = dict.fromkeys(("effective_skills_2cm", "effective_skills_5cm", "bits_2cm"), 1.0)
    figures |= {"coverage_bins_5cm": 1, "baselines": {}, "by_effect": {}, "episodes": 1, "baseline_episodes": 2}
    still = np.array([0.0, 0.0, 0.0, 0.5, 0.2, -0.1])
    effects = np.array([[0.1, 0.0, 0.2, 0.0, 0.0], [-0.1, 0.0, 0.3, 0.0, 0.0]])
    order = np.array([1, 0])
    samples = Samples(library.codes, order, effects, effects, [still, still], owners=order)
    monkeypatch.setattr("tabletop.api.stages.measure_library", lambda *_: Measured(samples, figures))
    found = measure_stage(here, library, 1, 0, 1)
    assert [s.finals for s in found.skills] == [((-0.1, 0.0, 0.3, 0.5),), ((0.1, 0.0, 0.2, 0.5),)]


def test_it_is_a_table_the_same_each_time_and_goes_where_out_says(command: Command, here: Path, run_of: Path) -> None:
    said = command("measure", "run/library", *FEW, "--out", "a/b")
    count, kinds, button, head, names, row, postures, plots = said.out.splitlines()
    assert count.startswith("2 codes, ")
    assert "distinct skills" in count
    assert "mean over 1 kind of thing" in count
    assert kinds.split()[:3] == ["kind", "codes", "scenes"]
    assert button.split()[:2] == ["button", "2"]
    assert head.startswith("as a sum over effects ")
    assert "baselines: exploration 1.0" in head
    assert names.split()[:3] == ["effect", "codes", "effective"]
    assert row.split()[:2] == ["joint", "2"]
    assert "of 7 components explain 95 %" in postures
    assert plots == "plots: a/b/measure.html"
    command("measure", "run/library", *FEW, "--out", "c")
    for name in ("measure.json", "measure.html"):
        assert (here / "a" / "b" / name).read_bytes() == (here / "c" / name).read_bytes()
    assert sorted(p.name for p in run_of.iterdir()) == ["library"]


def test_a_folder_that_cannot_be_is_refused_before_the_work(
    command: Command, here: Path, run_of: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def work(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr("tabletop.cli.measure.measure_library", work)
    (here / "taken").write_text("mine")
    said = command("measure", "run", *FEW, "--out", "taken")
    assert (said.code, said.err) == (2, "tabletop: 'taken' must be a folder, got a file\n")


@pytest.mark.parametrize(("place", "page"), [("run/library", "run/measure.html"), ("mine", "runs/mine/measure.html")])
def test_what_is_written_lies_beside_the_library_or_in_runs(
    command: Command, run_of: Path, library: Library, place: str, page: str
) -> None:
    save_library(library, Path(place))
    assert json.loads(command("measure", place, *FEW, "--json").out)["page"] == page
