from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest

from tabletop.errors import TabletopError
from tabletop.naming import NamedLibrary, open_library
from tabletop.paths import POLICIES
from tabletop.skills.library import save_library

NAMES = json.loads((POLICIES / "discovered" / "default" / "name.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def shipped() -> NamedLibrary:
    return open_library("default")


def test_a_skill_goes_by_its_id_its_task_and_its_phrase(shipped: NamedLibrary) -> None:
    for task, best in NAMES["tasks"].items():
        found = shipped.called(task)
        assert (found.skill.id, found.by_name) == (best["skill"], True)
        assert found.others == best["skills"] - 1
    for entry in NAMES["skills"]:
        found = shipped.called(entry["id"])
        assert found.entry is not None
        assert (found.skill.id, found.by_name, found.entry.name) == (entry["id"], False, entry["name"])
        if entry["name"] and not entry["task"]:
            phrased = shipped.called(entry["name"]).entry
            assert phrased is not None
            assert phrased.name == entry["name"]


def test_a_name_gives_the_policy_that_the_id_gives(shipped: NamedLibrary) -> None:
    id = NAMES["tasks"]["drawer-open"]["skill"]
    one, two = (shipped.policy(word, "drawer", 40) for word in ("drawer-open", id))
    assert (one.effect, one.embedding, one.length) == (two.effect, two.embedding, two.length)


def test_a_name_that_no_skill_has_is_refused_with_those_there_are(shipped: NamedLibrary) -> None:
    with pytest.raises(TabletopError, match=r"unknown skill 'drawer-opne'; there are names: .*button-press, .*ids: h"):
        shipped.called("drawer-opne")


def test_rows_are_sorted_and_have_the_rates_of_the_tasks(shipped: NamedLibrary) -> None:
    rows = shipped.rows()
    assert len(rows) == len(NAMES["skills"])
    assert {r["id"] for r in rows} == {e["id"] for e in NAMES["skills"]}
    tasks = [r["task"] for r in rows if r["task"]]
    assert tasks == sorted(tasks)
    assert [r["task"] for r in rows if r["best"]] == sorted(NAMES["tasks"])
    for row in rows:
        if row["best"]:
            wanted = NAMES["tasks"][row["task"]]
            assert (row["id"], row["success"], row["n"]) == (wanted["skill"], wanted["success"], wanted["n"])
        if not row["task"]:
            assert row["success"] is row["low"] is row["n"] is None
    order = [0 if r["task"] else 1 if r["name"] else 2 for r in rows]
    assert order == sorted(order)
    for one, other in itertools.pairwise(rows):
        assert not other["best"] or one["task"] != other["task"], "the best of a task comes first"


def test_a_library_without_names_has_ids_only(shipped: NamedLibrary, tmp_path: Path) -> None:
    save_library(shipped.library, tmp_path / "run" / "library")
    for name in ("run", "run/library"):
        opened = open_library(str(tmp_path / name))
        assert opened.named is None
        assert {(r["name"], r["phrase"], r["success"]) for r in opened.rows()} == {(None, None, None)}
        assert opened.called("drawer-03").entry is None
        with pytest.raises(TabletopError, match="names: none yet"):
            opened.called("drawer-open")
