"""Libraries side by side, on kinds never seen, and over chains."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import library_chains
import neutral
import pytest
import unseen
from asked import Method

from tabletop.errors import TabletopError
from tabletop.metrics.baselines import joint_count
from tabletop.rollout.engine import Engine
from tabletop.sim.scene_cards import find_scene_card
from tabletop.skills.library import Library, save_library


@pytest.fixture
def tiny(library: Library, tmp_path: Path) -> str:
    save_library(library, tmp_path / "tiny")
    return str(tmp_path / "tiny")


# --- side by side --------------------------------------------------------------------------------
def test_groups_are_compared_by_interquartile_means_and_pairs() -> None:
    one = [{"joint": v, "places": [1, 1, 0]} for v in (10.0, 12.0, 14.0, 16.0, 40.0)]
    two = [{"joint": v, "places": [1, 0, 0]} for v in (9.0, 10.0, 11.0, 12.0, 13.0)]
    found = neutral.compared({"one": one, "two": two})
    assert found["joint"]["groups"]["one"]["iqm"] == pytest.approx(14.0)
    minus = found["joint"]["minus"]["two"]
    assert minus["difference"] == pytest.approx((1 + 2 + 3 + 4 + 27) / 5)
    assert minus["low"] > 0
    assert minus["p"] == pytest.approx(2 / 32)
    scenes = found["place finely, scene by scene"]["minus"]["two"]
    assert (scenes["n"], scenes["difference"]) == (15, pytest.approx(1 / 3))
    assert scenes["p"] == pytest.approx(2 / 32)  # Of the five that differ.


def test_the_command_keeps_what_it_measured(tiny: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out, counts = tmp_path / "neutral.json", tmp_path / "counts.json"
    digests = [neutral.library_at(folder).digest for folder in (tiny, "default")]
    counts.write_text(json.dumps(dict(zip(digests, (2.5, 40.0), strict=True))), encoding="utf-8")
    words = [f"tiny={tiny}", "ours=default", "--joint", str(counts), "--workers", "0", "--outcomes", "7"]
    monkeypatch.setattr(sys, "argv", ["neutral.py", *words, "--measures", "joint", "--out", str(out)])
    neutral.main()
    table = json.loads(out.read_text(encoding="utf-8"))["table"]
    assert [table["joint"]["groups"][g]["iqm"] for g in ("tiny", "ours")] == [2.5, 40.0]
    assert table["joint"]["minus"]["ours"]["difference"] == -37.5
    monkeypatch.setattr(sys, "argv", ["neutral.py", f"tiny={tiny}", "--outcomes", "8", "--out", str(out)])
    with pytest.raises(TabletopError, match="other settings"):
        neutral.main()


def test_coverage_counts_equally_many_episodes_whatever_the_codes(tiny: str) -> None:
    with Engine(0) as engine:
        few, more = (
            neutral.covered(Method("tiny", tiny), engine, neutral.Settings(outcomes=n))["coverage"] for n in (5, 10)
        )
    # Two of its five codes are about rigid things.
    assert 1 <= few <= 2
    assert few <= more <= 4


@pytest.mark.parametrize(
    ("given", "message"), [(["a"], "NAME=DIR"), (["a=x,,y"], "NAME=DIR"), (["a=x", "a=y"], "twice")]
)
def test_groups_that_cannot_be_read_are_refused(given: list[str], message: str) -> None:
    with pytest.raises(TabletopError, match=message):
        neutral.groups_of(given)


def test_the_joint_count_is_that_of_the_metrics_with_a_row_for_each_category(tiny: str) -> None:
    with Engine(0) as engine:
        settings = neutral.Settings(counting=4, seed=3)
        found = neutral.joint(Method("tiny", tiny), engine, settings)
        library = neutral.library_at(tiny)
        counted = joint_count(library, engine, 4 * len(library.skills), 3)
    assert found.pop("joint") == counted["skills"] >= 1.0
    assert found == {f"{name} jointly": row["skills"] for name, row in counted["categories"].items()}
    assert found


def test_parts_are_strata_and_their_chance_is_that_of_libraries() -> None:
    one = [{"precision": 0.4, "place finely": 0.3 + i / 10, "joint finely": 0.5} for i in range(4)]
    two = [{"precision": 0.2, "place finely": 0.2 + i / 10, "joint finely": 0.2} for i in range(4)]
    table = neutral.compared({"one": one, "two": two})
    found = table["precision, by part"]
    assert found["groups"]["one"]["n"] == 8
    # Of 0.3, 0.4, 0.5 five times and 0.6 the middle half is four times 0.5.
    assert found["groups"]["one"]["iqm"] == pytest.approx(0.5)
    minus = found["minus"]["two"]
    assert (minus["n"], minus["difference"]) == (8, pytest.approx(0.2))
    # Each stratum differs by one number only, whatever is drawn.
    assert (minus["low"], minus["high"]) == (pytest.approx(0.2), pytest.approx(0.2))
    assert minus["p"] == pytest.approx(2 / 16), "four pairs, not eight"
    assert "joint, by part" not in table


# --- kinds never seen ----------------------------------------------------------------------------
def test_the_card_of_what_is_seen_is_everything_without_the_unseen() -> None:
    seen = find_scene_card(Path(unseen.__file__).parent / "scenes" / "seen.yaml")
    whole = find_scene_card("everything")
    left_out = {kind for group in unseen.UNSEEN.values() for kind in group}
    assert unseen.kinds_of(whole) - unseen.kinds_of(seen) == left_out
    for name, entity in whole["entities"].items():
        kept = [k for k in entity["kind"] if k not in left_out]
        assert seen["entities"][name] == {**entity, "kind": kept}
    kept = [k for k in whole["extras"]["kinds"] if k not in left_out]
    assert seen["extras"] == {**whole["extras"], "kinds": kept}


def test_scripts_move_what_was_never_seen_and_a_library_without_skills_for_it_does_not(tiny: str) -> None:
    with Engine(0) as engine:
        found = [
            unseen.fixtures(engine, method, [("window", None)], 1, 3)["window"]
            for method in (Method("oracle"), Method("tiny", tiny))
        ]
        objects = unseen.objects(engine, Method("oracle"), ["puck"], 1, 3)
    assert [[f[way]["share"] for way in unseen.WAYS] for f in found] == [[1.0] * 4, [0.0] * 4]
    assert {name: objects["puck"][name]["share"] for name in ("held", "placed", "pushed")} == {
        "held": 1.0,
        "placed": 1.0,
        "pushed": 1.0,
    }
    assert objects["all"] == objects["puck"]


def test_one_way_and_both_ways_are_counted_scene_by_scene() -> None:
    rows = [(True, False, True, False), (True, True, True, True), (False, False, False, False)]
    found = unseen.shares(rows, unseen.WAYS)
    assert [found[way]["share"] for way in unseen.WAYS] == pytest.approx([2 / 3, 1 / 3, 2 / 3, 1 / 3])


# --- chains --------------------------------------------------------------------------------------
def test_goals_are_counted_by_what_they_speak_of_once_they_are_begun() -> None:
    goals = [
        {"goal": "on(red, blue) and pressed(button)", "done": True},
        {"goal": "on(blue, red)", "done": False},
        {"goal": "pressed(button)"},
    ]
    assert library_chains.by_predicate({"episodes": [{"goals": goals}]}) == {
        "on": {"begun": 2, "done": 1},
        "pressed": {"begun": 1, "done": 1},
    }


def test_a_library_without_names_has_no_chains(tiny: str) -> None:
    with pytest.raises(TabletopError, match="name them with: tabletop name"):
        library_chains.operators_at(tiny)
    assert library_chains.operators_at("default") is not None
