"""The benchmark of objectives: its cases, and what its table makes of runs."""

from __future__ import annotations

import importlib.util
import sys
import xml.etree.ElementTree as ET
from argparse import Namespace
from pathlib import Path
from types import ModuleType

import pytest

from tabletop.discovery.config import FEW
from tabletop.discovery.objectives import OBJECTIVES
from tabletop.errors import TabletopError

ROOT = Path(__file__).resolve().parents[2]


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"benchmark_{name}", ROOT / "benchmarks" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    return script("objectives")


def point(share: float, effective: float, *, baselines: bool = True) -> dict[str, object]:
    none = {"effective_skills_2cm": 2.0, "effective_skills_5cm": 2.0}
    return {
        "share": share,
        "env_steps": 100 * share,
        "updates": 10,
        "effective_skills_2cm": effective,
        "effective_skills_5cm": effective / 2,
        "coverage_bins_5cm": 7,
        "by_effect": {k: {"codes": 5, "effective_2cm": effective / 2} for k in ("held_at", "joint")},
        **({"baselines": dict.fromkeys(("exploration", "untrained", "shuffled"), none)} if baselines else {}),
    }


def test_cases_are_every_objective_or_those_named_and_others_are_refused(benchmark: ModuleType) -> None:
    assert [c.name for c in benchmark.cases("all")] == list(OBJECTIVES)
    published = [c.name for c in benchmark.cases("published")]
    assert published[:2] == ["every-state/observation/nominal", "every-state"]
    assert len(set(published)) == len(published) == 6
    both = benchmark.cases("all, parts")
    assert set(both) == {*benchmark.cases("all"), *benchmark.cases("parts")}
    assert len(set(both)) == len(both)
    (csd,) = benchmark.cases("csd/effects/mixed/discrete")
    assert csd.settings(4, "few").learner.latent == "discrete"
    assert csd.settings(4, "few").seed == 4
    for wrong, said in (
        ("dance", "unknown objective"),
        ("csd/a/b/c/d", "at most"),
        ("csd/ears", "unknown discriminator input"),
    ):
        with pytest.raises(TabletopError, match=said):
            benchmark.cases(wrong)


def test_each_part_that_is_left_out_changes_the_default(benchmark: ModuleType) -> None:
    found = [c.settings(0, "usual") for c in benchmark.cases("parts")]
    assert len({repr(s) for s in found}) == len(found) == 20


def test_few_effects_are_those_of_the_first_run(benchmark: ModuleType) -> None:
    few, usual = (benchmark.Case("metra").settings(0, effects) for effects in ("few", "usual"))
    assert (dict(few.counts), few.scene) == (dict(FEW), "discovery")
    assert set(FEW) < set(usual.counts)
    assert few.learner.objective == usual.learner.objective == "metra"


def test_the_table_has_each_case_and_point_over_its_seeds(
    benchmark: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = [
        {"case": "final-state", "seed": 0, "points": [point(0.5, 4.0), point(1.0, 6.0)]},
        {"case": "final-state", "seed": 1, "points": [point(0.5, 5.0, baselines=False)]},
        {"case": "metra", "seed": 0, "points": [point(1.0, 3.0)]},
    ]
    found = benchmark.collected(runs)
    half = found["final-state"]["points"]["0.5"]
    assert half["seeds"] == 2
    assert half["effective_skills_2cm"]["iqm"] == pytest.approx(4.5)
    assert half["effective_skills_2cm"]["interval"] == (4.0, 5.0)
    # (4 / 2 - 1) / (5 - 1) and (5 / 2 - 1) / (5 - 1), of both effects alike.
    assert half["share_told_apart_2cm"]["iqm"] == pytest.approx((0.25 + 0.375) / 2)
    assert half["baselines"]["exploration"]["effective_skills_2cm"] == 2.0
    assert found["metra"]["points"]["1"]["effective_skills_2cm"]["iqm"] == 3.0
    benchmark.show(found)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == ["final-state", "metra", "final-state"]
    assert "2.0 2.0 2.0" in lines[1]


def test_a_file_gives_its_runs_back_and_takes_none_of_another_budget(
    benchmark: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new" / "objectives.json"
    options = Namespace(out=out, runs=tmp_path, effects="few", steps=100, episodes=4, at=[1.0], name=False, workers=0)
    assert benchmark.read(options) == []
    runs = [{"case": "metra", "seed": 0, "points": [point(1.0, 3.0)]}]
    benchmark.write(options, runs)
    assert benchmark.read(options) == runs
    # What is there is not made again: discovering would need more than these options.
    before = out.read_bytes()
    benchmark.run(benchmark.Case("metra"), 0, options, runs)
    assert out.read_bytes() == before
    options.at = [0.5]
    benchmark.run(benchmark.Case("metra"), 0, options, runs)
    assert "past 0.5 of its budget" in capsys.readouterr().err
    assert out.read_bytes() == before
    options.steps = 200
    with pytest.raises(TabletopError, match="steps 100, not 200; give another --out"):
        benchmark.read(options)


def test_curves_and_rows_are_drawn_from_what_was_measured(benchmark: ModuleType) -> None:
    drawn = script("draw_objectives")
    runs = [
        {"case": "final-state", "seed": 0, "points": [point(0.5, 4.0), point(1.0, 6.0)]},
        {
            "case": "final-state",
            "seed": 1,
            "points": [point(0.5, 5.0, baselines=False), point(1.0, 7.0, baselines=False)],
        },
        {"case": "without-noise", "seed": 0, "points": [point(1.0, 8.0)]},
        {"case": "random", "seed": 0, "points": [point(1.0, 2.0)]},
        {"case": "metra", "seed": 0, "points": [point(0.5, 2.0)]},  # Under way: on the picture only.
    ]
    cases = benchmark.collected(runs)
    curve = drawn.curve("default", cases["final-state"], 100, "red")
    assert (list(curve.x), list(curve.y)) == ([0, 50, 100], [2.0, 4.5, 6.5])
    assert (list(curve.low), list(curve.high)) == ([2.0, 4.0, 6.0], [2.0, 5.0, 7.0])
    assert drawn.table(cases) == [
        "| `without-noise` | 1 | 8.0 | 4.0 | 7 |  |",
        "| `final-state` | 2 | 6.5 [6.0, 7.0] | 3.2 [3.0, 3.5] | 7 | 4.5 [4.0, 5.0] |",
        "| `random` | 1 | 2.0 | 1.0 | 7 |  |",
    ]
    words = "".join(ET.fromstring(drawn.picture({"cases": cases, "steps": 100})).itertext())
    assert "final-state" in words  # Among the objectives,
    assert "all of them" in words  # and among what has all parts.
    assert "noise" in words
    assert "metra" in words


def test_where_tasks_were_named_every_point_has_a_row_and_names_are_drawn(benchmark: ModuleType) -> None:
    drawn = script("draw_objectives")
    runs = [
        {"case": "metra/observation/nominal", "seed": 0, "points": [{**point(1.0, 9.0), "named_tasks": 0}]},
        {
            "case": "final-state",
            "seed": 0,
            "points": [
                {**point(0.1, 3.0), "env_steps": 3000, "named_tasks": 1},
                {**point(1.0, 8.0, baselines=False), "env_steps": 30_000, "named_tasks": 12},
            ],
        },
    ]
    cases = benchmark.collected(runs)
    assert drawn.table_of_names(cases) == [
        "| `final-state` | 30 k | 8.0 | 4.0 | 7 | 12 |",
        "|  | 3 k | 3.0 | 1.5 | 7 | 1 |",
        "| `metra/observation/nominal` | 0 k | 9.0 | 4.5 | 7 | 0 |",
    ]
    curve = drawn.curve("default", cases["final-state"], 30_000, "red", drawn.NAMED)
    assert (list(curve.x), list(curve.y)) == ([0, 3000, 30_000], [0, 1, 12])
    words = "".join(ET.fromstring(drawn.picture({"cases": cases, "steps": 30_000})).itertext())
    assert "named tasks" in words
    assert "METRA, publ." in words
    assert "the default without" not in words
