"""Libraries that go on with what is dropped in, and what becomes of their old skills."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import further
import pytest
import unseen
from asked import Method, library_at

from tabletop.errors import TabletopError
from tabletop.rollout.engine import Engine
from tabletop.sim.scene_cards import find_scene_card
from tabletop.skills.library import Library, load_library, save_library


@pytest.fixture
def tiny(library: Library, tmp_path: Path) -> str:
    save_library(library, tmp_path / "tiny")
    return str(tmp_path / "tiny")


def test_what_is_dropped_in_is_what_the_library_has_not_seen() -> None:
    seen, whole = (find_scene_card(c) for c in (Path(further.__file__).parent / "scenes" / "seen.yaml", "everything"))
    dropped_in = unseen.kinds_of(find_scene_card(unseen.DROPPED_IN))
    left_out = {kind for group in unseen.UNSEEN.values() for kind in group}
    assert dropped_in - unseen.kinds_of(seen) == left_out
    assert dropped_in <= unseen.kinds_of(whole)


def old(**episodes: list[int]) -> dict[str, dict[str, dict[str, list[int]]]]:
    """Return what `old_skills` gives, of families whose targets were reached or not."""
    return {family: {"episodes": {"fine": found, "rough": [1] * len(found)}} for family, found in episodes.items()}


def test_what_was_forgotten_is_counted_in_points_pair_by_pair_and_each_family_weighs_the_same() -> None:
    before, after = old(place=[1, 1, 0, 1], joint=[1] * 10), old(place=[1, 0, 0, 0], joint=[1] * 9 + [0])
    found = further.forgetting(before, after)
    assert found["fine"]["families"]["place"]["difference"] == pytest.approx(50.0)
    assert found["fine"]["families"]["joint"]["difference"] == pytest.approx(10.0)
    assert found["fine"]["difference"] == pytest.approx(30.0)
    assert found["fine"]["low"] < 30.0 < found["fine"]["high"]
    assert (found["rough"]["difference"], found["rough"]["low"], found["rough"]["high"]) == (0.0, 0.0, 0.0)
    assert further.forgetting(after, before)["fine"]["difference"] == pytest.approx(-30.0)


def test_old_skills_are_asked_for_fixtures_of_the_old_card_only() -> None:
    with Engine(0) as engine:
        found = further.old_skills(engine, Method("oracle"), ["block", "door", "bin"], 1, 3)
    assert set(found) == set(further.OLD)
    assert all(len(f["episodes"]["fine"]) == 1 for f in found.values())
    assert found["joint"]["summary"]["groups"].keys() >= {"door"}
    assert found["place"]["episodes"]["fine"] == [1]


def test_the_command_asks_at_once_and_after_going_on(
    tiny: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out, runs = tmp_path / "further.json", tmp_path / "runs"
    words = [f"tiny={tiny}", "--further-steps", "60", "--runs", str(runs), "--scenes", "1", "--old", "1"]
    monkeypatch.setattr(sys, "argv", ["unseen.py", *words, "--baselines", "", "--workers", "0", "--out", str(out)])
    monkeypatch.setattr(unseen, "UNSEEN", {"fixtures": ("lever",), "objects": ("puck",)})
    unseen.main()
    result = json.loads(out.read_text(encoding="utf-8"))
    assert set(result["fixtures"]) == set(result["objects"]) == {"tiny", "tiny+60 steps"}
    assert result["old"]["tiny+60 steps"]["forgetting"]["fine"]["difference"] == 0.0
    went = load_library(runs / "tiny-dropped_in" / "library")
    assert went.info["from"] == library_at(tiny).digest
    assert {"window", "lever"} < set(went.joints)
    assert "forgot, fine" in capsys.readouterr().out


def test_a_run_of_another_library_is_not_taken_for_this_ones(tiny: str, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    save_library(load_library(tiny), runs / "tiny-dropped_in" / "library")
    with pytest.raises(TabletopError, match="went on from another library"):
        further.gone_on(Method("tiny", tiny), unseen.DROPPED_IN, further.Further(runs, steps=10))
