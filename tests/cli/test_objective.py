"""What a command line asks discovery for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tabletop.cli.objective import budget, discovery_settings
from tabletop.cli.parser import build_parser
from tabletop.discovery.checkpoint import Budget, CheckpointState, StartState
from tabletop.discovery.config import EFFECT_CODES, DiscoverSettings
from tabletop.discovery.learner_config import LearnerSettings
from tabletop.errors import TabletopError
from tabletop.runs.store import write_record
from tabletop.skills.effects import get_effect
from tabletop.skills.library import find_library, load_library
from tabletop.skills.scenes import check_card

SOFT = {name for name in EFFECT_CODES if get_effect(name).body_type == "deformable"}


def settings(folder: Path, *words: str) -> DiscoverSettings:
    return discovery_settings(build_parser().parse_args(["discover", *words]), folder)


def test_left_open_it_is_all_that_the_scenes_have_things_for(tmp_path: Path) -> None:
    found = settings(tmp_path, "--seed", "4")
    assert set(found.counts) == set(EFFECT_CODES) - SOFT
    assert (found, found.counts.keys()) == (DiscoverSettings(seed=4), found.effect_weights.keys())
    fabrics = settings(tmp_path, "--scene", "fabrics")
    assert set(fabrics.counts) >= SOFT | {"held_at"}
    assert "joint" not in fabrics.counts


@pytest.mark.parametrize(("drawer", "relates"), [("drawer", False), ("{kind: drawer, fraction: [0, 1]}", True)])
def test_what_is_always_shut_bears_nothing(tmp_path: Path, drawer: str, relates: bool) -> None:
    card = tmp_path / "mine.yaml"
    card.write_text(f"entities:\n  block: block\n  drawer: {drawer}\n", encoding="utf-8")
    found = settings(tmp_path, "--scene", str(card))
    assert set(found.counts) >= {"held_at", "joint"}
    assert ("related" in found.counts) is relates
    if not relates:
        with pytest.raises(TabletopError, match="never has what the effects related need"):
            check_card(str(card), [get_effect("related")])


def test_effects_may_be_chosen_by_name(tmp_path: Path) -> None:
    found = settings(tmp_path, "--effects", "joint,held_at", "--objective", "metra")
    assert list(found.counts) == list(found.effect_weights) == ["joint", "held_at"]
    assert found.learner.objective == "metra"
    assert settings(tmp_path, "--effects", "toppled").counts == {"toppled": 2}
    with pytest.raises(TabletopError, match="unknown effect 'fly'; there are: displaced, dragged, "):
        settings(tmp_path, "--effects", "held_at,fly")


def test_how_skills_let_go_may_be_said(tmp_path: Path) -> None:
    assert settings(tmp_path).release == "learned"
    assert settings(tmp_path, "--release", "scripted").release == "scripted"
    with pytest.raises(TabletopError, match="unknown release 'never'; there are: learned, scripted"):
        settings(tmp_path, "--release", "never")


def test_rounds_under_way_and_threads_may_be_said(tmp_path: Path) -> None:
    found = settings(tmp_path, "--rounds-under-way", "7", "--threads", "3")
    assert (found.rounds_under_way, found.threads) == (7, 3)
    with pytest.raises(TabletopError, match="threads must be 1 to 256, got 0"):
        settings(tmp_path, "--threads", "0")


def checkpoint(
    folder: Path,
    *,
    how: dict[str, str],
    counts: dict[str, int],
    budget: Budget | None = None,
    start: StartState | None = None,
) -> None:
    """Write what a checkpoint says of its run."""
    numbers = {"steps": 0, "rounds": 0, "next_episode": 0, "minutes": 0.0, "pending_updates": 0.0, "seed": 0}
    state = CheckpointState(
        **numbers, jobs=(), counts=counts, how=how, budget=budget or Budget(steps=9), card={}, start=start
    )
    folder.mkdir()
    write_record(folder / "state.json", state)


@pytest.mark.parametrize("name", ["checkpoint", "checkpoint.old"])
def test_a_resumed_run_looks_for_what_it_did(tmp_path: Path, name: str) -> None:
    how = settings(tmp_path, "--effects", "joint,held_at", "--starts", "nominal", "--release", "scripted").how
    counts = {"joint": 7, "held_at": 9}
    checkpoint(tmp_path / name, how=how, counts=counts)
    assert settings(tmp_path, "--resume").how == how
    assert settings(tmp_path, "--resume").counts == counts
    assert settings(tmp_path, "--resume", "--effects", "all").how != how


def test_from_a_library_on_it_looks_for_the_librarys_effects_and_those_that_are_added(tmp_path: Path) -> None:
    library = load_library(find_library("default"))
    found = settings(tmp_path, "--from", "default")
    assert found.counts == library.codes.counts
    assert (found.scene, found.learner, found.release) == ("everything", LearnerSettings(), "learned")
    assert found == settings(tmp_path, "--from", "default", "--resume"), "nothing is there yet"
    more = settings(tmp_path, "--from", "default", "--scene", "fabrics", "--effects", "shaped, dragged,placed")
    assert list(more.counts) == [*library.codes.counts, "shaped", "dragged"]
    assert more.counts["shaped"] == EFFECT_CODES["shaped"][0]
    every = settings(tmp_path, "--from", "default", "--scene", "fabrics", "--effects", "all", "--rehearsal", "0.2")
    assert set(every.counts) == {*library.codes.counts, *SOFT}
    assert every.rehearsal == 0.2
    assert settings(tmp_path, "--from", "default", "--objective", "metra").learner.objective == "metra"
    for wrong in ("nan", "1.5"):
        with pytest.raises(TabletopError, match="rehearsal must be a share from 0 to 1"):
            settings(tmp_path, "--from", "default", "--rehearsal", wrong)


def test_a_resumed_run_that_began_from_a_library_has_its_network_and_horizon(tmp_path: Path) -> None:
    start = StartState(
        digest="0" * 64, cards=(), rehearsal=0.5, codes=9, env_steps=7, hidden=(8, 9), flat=True, horizon=6
    )
    how = {**DiscoverSettings().how, "effects": "held_at,toppled"}
    checkpoint(tmp_path / "checkpoint", how=how, counts={"held_at": 9, "toppled": 2}, start=start)
    found = settings(tmp_path, "--resume")
    assert (found.learner.sac.hidden, found.learner.flat, found.horizon) == ((8, 9), True, 6)
    assert found.how == how == settings(tmp_path, "--resume", "--effects", "toppled").how
    assert found.rehearsal is None


def test_what_a_newer_version_wrote_is_left_to_be_refused_where_it_is_resumed(tmp_path: Path) -> None:
    checkpoint(tmp_path / "checkpoint", how={**DiscoverSettings().how, "new": "x"}, counts={"held_at": 9})
    assert settings(tmp_path, "--resume").how == DiscoverSettings().how


@pytest.mark.parametrize(
    ("spent", "words", "expected"),
    [
        (None, [], (30.0, None)),
        (None, ["--steps", "9"], (None, 9)),
        (None, ["--minutes", "2"], (2.0, None)),
        (Budget(minutes=120.0), ["--resume"], (120.0, None)),
        (Budget(steps=5_000_000), ["--resume"], (None, 5_000_000)),
        (Budget(steps=5_000_000), ["--resume", "--minutes", "2"], (2.0, None)),
        (Budget(minutes=120.0), ["--resume", "--steps", "9"], (None, 9)),
        (Budget(minutes=120.0), [], (30.0, None)),
        ("damaged", ["--resume"], (30.0, None)),
    ],
)
def test_a_resumed_run_has_the_budget_that_it_began_with(
    tmp_path: Path, spent: Budget | str | None, words: list[str], expected: tuple[float | None, int | None]
) -> None:
    if isinstance(spent, Budget):
        checkpoint(tmp_path / "checkpoint", how={}, counts={}, budget=spent)
    elif spent is not None:
        (tmp_path / "checkpoint").mkdir()
        (tmp_path / "checkpoint" / "state.json").write_text("{")
    assert budget(build_parser().parse_args(["discover", *words]), tmp_path, 30.0) == expected
