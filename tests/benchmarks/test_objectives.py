"""The benchmark of objectives: its cases, and what its table makes of runs."""

from __future__ import annotations

import importlib.util
import sys
from argparse import Namespace
from pathlib import Path
from types import ModuleType

import pytest

from tabletop.errors import TabletopError
from tabletop.skills.discover_settings import FEW
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


def point(share: float, effective: float, *, floors: bool = True) -> dict[str, object]:
    none = {"effective_skills_2cm": 2.0, "effective_skills_5cm": 2.0}
    return {
        "share": share,
        "env_steps": 100 * share,
        "updates": 10,
        "effective_skills_2cm": effective,
        "effective_skills_5cm": effective / 2,
        "coverage_bins_5cm": 7,
        "by_kind": {k: {"codes": 5, "effective_2cm": effective / 2} for k in ("held", "drawer")},
        **({"floors": dict.fromkeys(("random", "untrained", "shuffled"), none)} if floors else {}),
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
    for wrong, said in (("dance", "unknown objective"), ("csd/a/b/c/d", "at most"), ("csd/ears", "unknown sight")):
        with pytest.raises(TabletopError, match=said):
            benchmark.cases(wrong)


def test_each_part_that_is_left_out_changes_the_default(benchmark: ModuleType) -> None:
    found = [c.settings(0, "usual") for c in benchmark.cases("parts")]
    assert len({repr(s) for s in found}) == len(found) == 9


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
        {"case": "final-state", "seed": 1, "points": [point(0.5, 5.0, floors=False)]},
        {"case": "metra", "seed": 0, "points": [point(1.0, 3.0)]},
    ]
    found = benchmark.collected(runs)
    half = found["final-state"]["points"]["0.5"]
    assert half["seeds"] == 2
    assert half["effective_skills_2cm"]["iqm"] == pytest.approx(4.5)
    assert half["effective_skills_2cm"]["interval"] == (4.0, 5.0)
    # (4 / 2 - 1) / (5 - 1) and (5 / 2 - 1) / (5 - 1), of both kinds alike.
    assert half["share_told_apart_2cm"]["iqm"] == pytest.approx((0.25 + 0.375) / 2)
    assert half["floors"]["random"]["effective_skills_2cm"] == 2.0
    assert found["metra"]["points"]["1"]["effective_skills_2cm"]["iqm"] == 3.0
    benchmark.show(found)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == ["final-state", "metra", "final-state"]
    assert "2.0 2.0 2.0" in lines[1]


def test_a_file_gives_its_runs_back_and_takes_none_of_another_budget(benchmark: ModuleType, tmp_path: Path) -> None:
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
    with pytest.raises(TabletopError, match=r"past 0\.5 of its budget"):
        benchmark.run(benchmark.Case("metra"), 0, options, runs)
    options.steps = 200
    with pytest.raises(TabletopError, match="steps 100, not 200; give another --out"):
        benchmark.read(options)
