"""Libraries of the format before, and the results beside them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from tabletop.cli import main
from tabletop.errors import TabletopError
from tabletop.learn.tensors import load_tensors, save_tensors
from tabletop.runs.records import Discovery, Measurement, Record
from tabletop.runs.store import as_record, read_record, record_data
from tabletop.skills.library import Library, load_library, save_library
from tabletop.skills.migrate import migrate_library

OLD = {"held_at": "held", "displaced": "settled", "on": "stacked", "inside": "contained", "beside": "adjoined"}


@pytest.fixture
def run(library: Library, tmp_path: Path) -> Path:
    """Return a run's folder as format 2 had it: the same library in the words of then."""
    inside = tmp_path / "library"
    save_library(library, inside)
    card = yaml.safe_load((inside / "library.yaml").read_text(encoding="utf-8"))
    card["format"] = "tabletop-library/2"
    card["codes"] = {OLD.get(name, name): count for name, count in card["codes"].items()}
    assert card.pop("conditioning") == "target"
    card["tells"] = "mean"
    card["info"] = {**card["info"], "sees": "effects", "effects": "held,drawer"}
    (inside / "library.yaml").write_text(yaml.safe_dump(card, sort_keys=False), encoding="utf-8")
    tensors = load_tensors(inside / "weights.safetensors")
    tensors["means"] = tensors.pop("embeddings")
    save_tensors(inside / "weights.safetensors", tensors)
    counts = {"effective_skills_2cm": 1.5, "effective_skills_5cm": 1.0, "bits_2cm": 0.5}
    found = {
        "codes": 5,
        **counts,
        "coverage_bins_5cm": 3,
        "by_kind": {"held": {"codes": 2, "effective_2cm": 1.5, "effective_5cm": 1.0}},
        "floors": {"random": counts},
        "env_steps": 100,
        "minutes": 1.0,
        "seed": 3,
        "objective": "final-state",
        "episodes": 2,
        "skills": [{"id": "held-01", "effect": "held", "code": 1, "finals": [[0.1, 0.2, 0.3, 0.0]]}],
    }
    (tmp_path / "discover.json").write_text(json.dumps(found), encoding="utf-8")
    return tmp_path


def test_what_a_library_does_stays_the_same_bit_for_bit(run: Path, library: Library) -> None:
    migrate_library(run)
    found = load_library(run / "library")
    assert found.codes == library.codes
    assert found.horizon == library.horizon
    assert (found.conditioning, found.acts) == (library.conditioning, library.acts)
    assert np.array_equal(found.embeddings, library.embeddings)
    assert {k: v.tobytes() for k, v in found.weights.items()} == {k: v.tobytes() for k, v in library.weights.items()}
    assert found.info["discriminator_input"] == "effects"
    assert found.info["effects"] == "held_at,drawer"


def test_results_get_the_new_names_and_a_format(run: Path) -> None:
    with pytest.raises(TabletopError, match="has format None, this version reads 2"):
        read_record(run / "discover.json", Discovery)
    migrate_library(run)
    found = read_record(run / "discover.json", Discovery)
    assert list(found.baselines) == ["random"]
    assert list(found.by_effect) == ["held_at"]
    assert [(s.id, s.effect, s.finals) for s in found.skills] == [("held_at-01", "held_at", ((0.1, 0.2, 0.3, 0.0),))]


def test_a_library_of_this_format_is_left_alone(run: Path) -> None:
    assert len(migrate_library(run / "library")) == 3, "the results of its run, too"
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    assert migrate_library(run) == []
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


def as_format_1(path: Path, record: Record) -> None:
    """Write a result as format 1 had it."""
    data = {"by_kind" if k == "by_effect" else k: v for k, v in record_data(record).items()}
    path.write_text(json.dumps({**data, "format": 1}), encoding="utf-8")


def test_results_of_an_older_format_beside_a_library_of_this_one_are_rewritten(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    migrate_library(run)
    found = read_record(run / "discover.json", Discovery)
    bits = dict.fromkeys(("entropy", "noise", "information", "empowerment", "chance"), 0.5)
    channel = {"codes": 2, "bins": 3, "codes_in_use": 1.5, **{f"{name}_bits": value for name, value in bits.items()}}
    figures = {**record_data(found), "by_effect": {"held_at": 1.5}, "siblings": {}, "synergies": {}}
    figures["channel"] = {"held_at": channel}
    measured = as_record(Measurement, {**figures, "library": "mine", "baseline_episodes": 2})
    as_format_1(run / "discover.json", found)
    as_format_1(run / "library" / "measure.json", measured)
    (run / "perturb.json").write_text('{"format": 1}', encoding="utf-8")
    with pytest.raises(TabletopError, match="has format 1, this version reads 2; rewrite it with: tabletop migrate"):
        read_record(run / "discover.json", Discovery)
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    assert main(["migrate", str(run), "--json"]) == 0
    wanted = [run / "discover.json", run / "library" / "measure.json"]
    assert json.loads(capsys.readouterr().out)["files"] == [str(path) for path in wanted]
    assert read_record(run / "discover.json", Discovery) == found
    assert read_record(run / "library" / "measure.json", Measurement) == measured
    assert all(path.read_bytes() == content for path, content in before.items() if path not in wanted)
    assert migrate_library(run) == []


def test_no_result_is_rewritten_where_one_is_damaged(run: Path) -> None:
    migrate_library(run)
    as_format_1(run / "discover.json", read_record(run / "discover.json", Discovery))
    (run / "measure.json").write_text('{"format": 1, "by_kind": 3}', encoding="utf-8")
    before = (run / "discover.json").read_bytes()
    with pytest.raises(TabletopError, match=r"measure\.json"):
        migrate_library(run)
    assert (run / "discover.json").read_bytes() == before


def test_an_old_library_says_what_rewrites_it(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(TabletopError, match="rewrite it with: tabletop migrate"):
        load_library(run / "library")
    assert main(["migrate", str(run), "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["files"]) == 3
    load_library(run / "library")


def test_nothing_is_written_where_a_result_is_damaged(run: Path) -> None:
    (run / "discover.json").write_text("{", encoding="utf-8")
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    with pytest.raises(TabletopError, match=r"cannot read .*discover\.json"):
        migrate_library(run)
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


def test_a_format_that_nobody_knows_is_refused(run: Path) -> None:
    path = run / "library" / "library.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("library/2", "library/1"), encoding="utf-8")
    with pytest.raises(TabletopError, match=r"has format 'tabletop-library/1'; those that can be rewritten: .*2"):
        migrate_library(run)
