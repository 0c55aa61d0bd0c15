"""Runs side by side: two that the stages left, the second changed so that figures differ."""

from __future__ import annotations

import json
import re
import shutil
from html import unescape
from pathlib import Path

import pytest

from tabletop.cli import main
from tabletop.errors import TabletopError
from tabletop.report import write_comparison
from tabletop.report.charts import percent
from tabletop.runs.read import read_run


@pytest.fixture
def other(run_folder: Path, tmp_path: Path) -> Path:
    """Return a copy of the run that has no name for the best task and that is hurt more by a push."""
    folder = Path(shutil.copytree(run_folder, tmp_path / "other"))
    naming = json.loads((folder / "name.json").read_text())
    gone = max(naming["tasks"], key=lambda t: (naming["tasks"][t]["success"], t))
    del naming["tasks"][gone]
    naming["named_tasks"].remove(gone)
    (folder / "name.json").write_text(json.dumps(naming))
    return folder


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def table_row(text: str, name: str) -> list[str]:
    """Return the cells of the row of that name, without tags."""
    row = re.search(rf'<tr><th scope="row">{re.escape(name)}</th>(.*?)</tr>', text)
    assert row is not None, name
    return [unescape(re.sub("<[^>]+>", "", cell)) for cell in re.findall("<td>(.*?)</td>", row[1])]


def test_figures_of_each_run_stand_side_by_side(run_folder: Path, other: Path, tmp_path: Path) -> None:
    text = text_of(write_comparison([run_folder, other], tmp_path / "page.html"))
    first, second = read_run(run_folder), read_run(other)
    assert first.naming is not None
    assert second.naming is not None
    assert first.planning is not None
    assert table_row(text, "Tasks named") == [str(len(first.naming.tasks)), str(len(second.naming.tasks))]
    assert table_row(text, "Goals reached by plans") == [f"{first.planning.solved} of {first.planning.goals}"] * 2
    gone = next(t for t in first.naming.tasks if t not in second.naming.tasks)
    best = first.naming.best()[gone]
    cells = table_row(text, gone)
    assert cells[0].startswith(f"{percent(best.success)} (")
    assert cells[1] == "–"
    sections = re.findall(r'<section id="(\w+)"', text)
    assert sections == ["figures", "tasks", "kinds", "perturb", "chains", "curves", "settings"]
    assert "The chains are the same." in text


def test_families_of_both_runs_are_drawn_around_a_point(run_folder: Path, other: Path, tmp_path: Path) -> None:
    perturb = json.loads((other / "perturb.json").read_text())
    perturb["families"]["friction"]["area"] = 0.125
    (other / "perturb.json").write_text(json.dumps(perturb))
    text = text_of(write_comparison([run_folder, other], tmp_path / "page.html"))
    assert 'class="chart radar"' in text
    assert table_row(text, "friction")[1] == percent(0.125)
    assert f'data-tip="other, friction: {percent(0.125)}"' in text


def test_runs_that_share_a_name_are_called_by_more_of_their_path(run_folder: Path, tmp_path: Path) -> None:
    there = Path(shutil.copytree(run_folder, tmp_path / "elsewhere" / run_folder.name))
    text = text_of(write_comparison([run_folder, there], tmp_path / "page.html"))
    assert f">elsewhere/{there.name}<" in text
    assert f">{run_folder.parent.name}/{run_folder.name}<" in text


def test_stages_that_only_one_run_has_make_no_comparison(run_folder: Path, other: Path, tmp_path: Path) -> None:
    for name in ("perturb.json", "chains.json", "metrics.jsonl"):
        (other / name).unlink()
    text = text_of(write_comparison([run_folder, other], tmp_path / "page.html"))
    assert not re.search(r'<section id="(perturb|chains|curves)"', text)
    assert table_row(text, "Goals in a row")[1] == "–"


def test_the_command_writes_the_page_and_leaves_the_runs_alone(
    run_folder: Path, other: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    before = {f: f.stat().st_mtime_ns for folder in (run_folder, other) for f in folder.rglob("*")}
    assert main(["report", str(run_folder), str(other), "default"]) == 0
    assert "comparison: comparison.html" in capsys.readouterr().out
    assert {f: f.stat().st_mtime_ns for folder in (run_folder, other) for f in folder.rglob("*")} == before
    text = text_of(tmp_path / "comparison.html")
    assert len(table_row(text, "Tasks named")) == 3
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("runs", "message"),
    [
        (["first", "first"], "each run once"),
        (["first", "nowhere"], "no run folder"),
        (["first"], "2 to 8 runs, got 1"),
        (["first", *map(str, range(8))], "2 to 8 runs, got 9"),
    ],
)
def test_what_cannot_be_compared_is_told_in_a_line_and_nothing_is_written(
    run_folder: Path, tmp_path: Path, runs: list[str], message: str
) -> None:
    folders = [run_folder if name == "first" else tmp_path / name for name in runs]
    with pytest.raises(TabletopError, match=message):
        write_comparison(folders, tmp_path / "comparison.html")
    assert not (tmp_path / "comparison.html").exists()


def test_folders_that_are_missing_on_the_way_to_the_page_are_made(
    run_folder: Path, other: Path, tmp_path: Path
) -> None:
    target = tmp_path / "not" / "yet" / "page.html"
    assert main(["report", str(run_folder), str(other), "--out", str(target)]) == 0
    assert target.is_file()


def test_out_is_for_several_runs(run_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(run_folder), "--out", "x.html"]) != 0
    assert "several runs" in capsys.readouterr().err
