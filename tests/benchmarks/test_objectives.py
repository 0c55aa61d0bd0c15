"""The benchmark of objectives: its cases, and what its table makes of runs."""

from __future__ import annotations

import importlib.util
import json
import sys
from argparse import Namespace
from pathlib import Path
from types import ModuleType

import pytest

from tabletop.errors import TabletopError
from tabletop.skills.objectives import OBJECTIVES

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    spec = importlib.util.spec_from_file_location("benchmark_of_objectives", ROOT / "benchmarks" / "objectives.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def point(share: float, effective: float) -> dict[str, object]:
    floors = {
        n: {"effective_skills_2cm": 2.0, "effective_skills_5cm": 2.0} for n in ("random", "untrained", "shuffled")
    }
    return {
        "share": share,
        "env_steps": 100 * share,
        "updates": 10,
        "effective_skills_2cm": effective,
        "effective_skills_5cm": effective / 2,
        "coverage_bins_5cm": 7,
        "by_kind": {k: {"codes": 5, "effective_2cm": effective / 2} for k in ("held", "drawer")},
        "floors": floors,
    }


def test_cases_are_every_objective_or_those_named_and_others_are_refused(benchmark: ModuleType) -> None:
    assert [c.name for c in benchmark.cases("all")] == list(OBJECTIVES)
    published = [c.name for c in benchmark.cases("published")]
    assert published[:2] == ["every-state/observation/nominal", "every-state"]
    assert len(set(published)) == len(published) == 6
    (csd,) = benchmark.cases("csd/effects/mixed/discrete")
    assert csd.settings(4).learner.latent == "discrete"
    assert csd.settings(4).seed == 4
    for wrong, said in (("dance", "unknown objective"), ("csd/a/b/c/d", "at most"), ("csd/ears", "unknown sight")):
        with pytest.raises(TabletopError, match=said):
            benchmark.cases(wrong)


def test_each_part_that_is_left_out_changes_the_default(benchmark: ModuleType) -> None:
    found = [c.settings(0) for c in benchmark.cases("parts")]
    assert len({repr(s) for s in found}) == len(found) == 9


def test_the_table_has_each_case_and_point_over_its_seeds(
    benchmark: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for case, seed, steps, episodes, points in (
        ("final-state", 0, 100, 4, [point(0.5, 4.0), point(1.0, 6.0)]),
        ("final-state", 1, 100, 4, [point(0.5, 5.0)]),
        ("metra", 0, 100, 4, [point(1.0, 3.0)]),
        ("metra", 1, 999, 4, [point(1.0, 90.0)]),
        ("metra", 2, 100, 9, [point(1.0, 90.0)]),
    ):
        folder = tmp_path / case / str(seed)
        folder.mkdir(parents=True)
        told = {"case": case, "seed": seed, "steps": steps, "episodes": episodes}
        (folder / "result.json").write_text(json.dumps({**told, "points": points}))
    found = benchmark.collected(tmp_path, 100, 4)
    half = found["final-state"]["points"]["0.5"]
    assert half["seeds"] == 2
    assert half["effective_skills_2cm"]["iqm"] == pytest.approx(4.5)
    assert half["effective_skills_2cm"]["interval"] == (4.0, 5.0)
    # (4 / 2 - 1) / (5 - 1) and (5 / 2 - 1) / (5 - 1), of both kinds alike.
    assert half["share_told_apart_2cm"]["iqm"] == pytest.approx((0.25 + 0.375) / 2)
    assert found["metra"]["points"]["1"]["effective_skills_2cm"]["iqm"] == 3.0
    benchmark.show(found)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == ["final-state", "metra", "final-state"]
    assert "2.0 2.0 2.0" in lines[1]


def test_a_kept_run_of_another_budget_is_not_passed_off_as_this_one(benchmark: ModuleType, tmp_path: Path) -> None:
    folder = tmp_path / "metra" / "0"
    folder.mkdir(parents=True)
    kept = {"case": "metra", "seed": 0, "steps": 100, "episodes": 4, "points": [point(1.0, 3.0)]}
    (folder / "result.json").write_text(json.dumps(kept))
    options = Namespace(runs=tmp_path, steps=100, episodes=4, at=[1.0], name=False, workers=0)
    benchmark.run(benchmark.Case("metra"), 0, options)
    options.steps = 200
    with pytest.raises(TabletopError, match="give another --runs"):
        benchmark.run(benchmark.Case("metra"), 0, options)
    options.steps, options.at = 100, [0.5]
    with pytest.raises(TabletopError, match=r"past 0\.5 of its budget"):
        benchmark.run(benchmark.Case("metra"), 0, options)
