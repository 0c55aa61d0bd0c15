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
    found = {"floors": {"random": 1.0}, "by_kind": {"held": 2}, "skills": [{"id": "held-01", "effect": "held"}]}
    (tmp_path / "discover.json").write_text(json.dumps(found), encoding="utf-8")
    plan = {"episodes": [{"skills": ["settled-03 red"], "why": ["held by nothing"], "phrase": "held"}]}
    (tmp_path / "plan.json").write_text(json.dumps(plan), encoding="utf-8")
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


def test_results_get_the_new_names_and_text_for_people_stays(run: Path) -> None:
    migrate_library(run)
    assert json.loads((run / "discover.json").read_text(encoding="utf-8")) == {
        "baselines": {"random": 1.0},
        "by_kind": {"held_at": 2},
        "skills": [{"id": "held_at-01", "effect": "held_at"}],
    }
    (episode,) = json.loads((run / "plan.json").read_text(encoding="utf-8"))["episodes"]
    assert episode == {"skills": ["displaced-03 red"], "why": ["held by nothing"], "phrase": "held"}


def test_a_library_of_this_format_is_left_alone(run: Path) -> None:
    assert len(migrate_library(run / "library")) == 4, "the results of its run, too"
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    assert migrate_library(run) == []
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


def test_an_old_library_says_what_rewrites_it(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(TabletopError, match="rewrite it with: tabletop migrate"):
        load_library(run / "library")
    assert main(["migrate", str(run), "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["files"]) == 4
    load_library(run / "library")


def test_nothing_is_written_where_a_result_is_damaged(run: Path) -> None:
    (run / "plan.json").write_text("{", encoding="utf-8")
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    with pytest.raises(TabletopError, match=r"cannot read .*plan\.json"):
        migrate_library(run)
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


def test_a_format_that_nobody_knows_is_refused(run: Path) -> None:
    path = run / "library" / "library.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("library/2", "library/1"), encoding="utf-8")
    with pytest.raises(TabletopError, match=r"has format 'tabletop-library/1'; those that can be rewritten: .*2"):
        migrate_library(run)
