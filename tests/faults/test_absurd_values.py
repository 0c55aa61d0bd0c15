"""Numbers that are finite and absurd, and names that are no text."""

from __future__ import annotations

import io
import itertools
import json
import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from tabletop.cli import main
from tabletop.cli.folder import note
from tabletop.cli.parser import build_parser
from tabletop.errors import TabletopError
from tabletop.files import as_utf8, write_json
from tabletop.runs.read import read_metrics
from tabletop.runs.records import Evaluation, Robustness
from tabletop.runs.store import as_record, read_record, read_result, write_record

Command = Callable[..., Any]

ABSURD: Final = (1e308, -1e308, 1e100, -1e100, 9.9e99, 10**30, 10**300, 5e-324, 1e-310, 0.0, 1.0)
"""Pairs of these overflowed, or had a range of 0, in charts' axes and means."""
BAD: Final = os.fsdecode(b"bad\xff")


def test_learning_curves_of_absurd_numbers_are_drawn(command: Command, here: Path) -> None:
    (here / "run").mkdir()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for a, b in itertools.combinations(ABSURD, 2):
            rows = [{"step": x, "loss": y, **{f"accuracy/{i}": y for i in range(6)}} for x, y in ((a, b), (b, a))]
            (here / "run" / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
            assert command("report", "run").code == 0


def test_a_metric_that_no_chart_has_room_for_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text(f'{{"step": 1, "loss": 1e308, "x": 1{"0" * 400}, "y": -1e100}}\n')
    assert read_metrics(tmp_path / "metrics.jsonl") == ({"step": 1.0, "y": -1e100},)


def curve(magnitude: float) -> Any:
    rates = {"success": [1.0, 0.5], "low": [0.5, 0.2], "high": [1.0, 0.8], "n": 4}
    shares = dict.fromkeys(["area", "area_low", "area_high", "worst", "drop", "recovery", "recovery_time"], 0.5)
    mass = {"unit": "kg", "magnitudes": [0.0, magnitude], **rates, **shares, "not_applicable": {}, "by_task": {}}
    return {"policy": "library", "seed": 0, "scenes": 2, "tasks": ["push"], "families": {"mass": mass}}


@pytest.mark.parametrize("magnitude", [1e308, -1e101, 10**101])
def test_a_result_with_absurd_numbers_is_damaged(command: Command, here: Path, magnitude: float) -> None:
    write_json(here / "run.json", {"format": 1, **curve(magnitude)})
    for read in (read_result, lambda path: read_record(path, Robustness)):
        with pytest.raises(TabletopError, match=r"is damaged: numbers must be from -1e\+100 to 1e\+100, got -?1"):
            read(here / "run.json")
    command("plot", "run.json").failed("numbers must be from")


@pytest.mark.parametrize("magnitude", [1e100, -1e100, 5e-324])
def test_the_largest_numbers_of_a_result_are_drawn(command: Command, here: Path, magnitude: float) -> None:
    (here / "run").mkdir()
    write_record(here / "run" / "perturb.json", as_record(Robustness, curve(magnitude)))
    assert command("report", "run").code == 0
    assert command("plot", "run/perturb.json").code == 0


@pytest.mark.parametrize("name", [BAD, "half \ud800", "caf\u00e9"])
def test_a_result_of_what_is_no_text_can_be_written_and_read(tmp_path: Path, name: str) -> None:
    counts = {"counted": 1, "mean": 0.5, "missing": [name], "tasks": {}}
    record = as_record(Evaluation, {"policy": name, "seed": 0, "suite": None, "noise": 0.0, **counts})
    record.save(tmp_path / "evaluate.json")
    assert read_result(tmp_path / "evaluate.json") == record
    assert record.policy == as_utf8(name)
    assert (record.policy == name) is (name == "caf\u00e9")


@pytest.mark.skipif(sys.platform == "darwin", reason="there all names of files are text")
def test_a_folder_whose_name_is_no_text_is_worked_in(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # As on a terminal: what is no text cannot be printed.
    out = io.TextIOWrapper(io.BytesIO(), "utf-8", "strict")
    monkeypatch.setattr(sys, "stdout", out)
    assert main(["scene", "--out", BAD]) == 0
    (here / BAD / "metrics.jsonl").write_text('{"step": 1, "loss": 1}\n{"step": 2, "loss": 1}\n')
    assert main(["report", BAD]) == 0
    note(Path(BAD), build_parser().parse_args(["discover", "--steps", "1", "--out", BAD]))
    assert main(["report", BAD]) == 0
    assert "bad?" in (here / BAD / "report.html").read_text("utf-8")
    out.flush()
    assert b"bad\\udcff" in out.buffer.getvalue()
