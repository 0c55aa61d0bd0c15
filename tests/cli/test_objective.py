"""What a command line asks discovery for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tabletop.cli.objective import budget, discovery_settings
from tabletop.cli.parser import build_parser
from tabletop.discovery.config import KINDS, DiscoverSettings
from tabletop.errors import TabletopError
from tabletop.skills.effects import get_effect

SOFT = {name for name in KINDS if get_effect(name).body_type == "deformable"}


def settings(folder: Path, *words: str) -> DiscoverSettings:
    return discovery_settings(build_parser().parse_args(["discover", *words]), folder)


def test_left_open_it_is_all_that_the_scenes_have_things_for(tmp_path: Path) -> None:
    found = settings(tmp_path, "--seed", "4")
    assert set(found.counts) == set(KINDS) - SOFT
    assert (found, found.counts.keys()) == (DiscoverSettings(seed=4), found.effect_weights.keys())
    fabrics = settings(tmp_path, "--scene", "fabrics")
    assert set(fabrics.counts) >= SOFT | {"held_at"}
    assert "drawer" not in fabrics.counts


def test_effects_may_be_chosen_by_name(tmp_path: Path) -> None:
    found = settings(tmp_path, "--effects", "door,held_at", "--objective", "metra")
    assert list(found.counts) == list(found.effect_weights) == ["door", "held_at"]
    assert found.learner.objective == "metra"
    assert settings(tmp_path, "--effects", "beside").counts == {"beside": 2}
    with pytest.raises(TabletopError, match="unknown effect 'fly'; there are: beside, bolt, "):
        settings(tmp_path, "--effects", "held_at,fly")


@pytest.mark.parametrize("name", ["checkpoint", "checkpoint.old"])
def test_a_resumed_run_looks_for_what_it_did(tmp_path: Path, name: str) -> None:
    how = settings(tmp_path, "--effects", "door,held_at", "--starts", "nominal").how
    (tmp_path / name).mkdir()
    counts = {"door": 7, "held_at": 9}
    (tmp_path / name / "state.json").write_text(json.dumps({"how": how, "counts": counts}), encoding="utf-8")
    assert settings(tmp_path, "--resume").how == how
    assert settings(tmp_path, "--resume").counts == counts
    assert settings(tmp_path, "--resume", "--effects", "all").how != how


def test_what_a_newer_version_wrote_is_left_to_be_refused_where_it_is_resumed(tmp_path: Path) -> None:
    (tmp_path / "checkpoint").mkdir()
    how = {**DiscoverSettings().how, "new": "x"}
    (tmp_path / "checkpoint" / "state.json").write_text(json.dumps({"how": how, "counts": {"held_at": 9}}))
    assert settings(tmp_path, "--resume").how == DiscoverSettings().how


@pytest.mark.parametrize(
    ("state", "words", "expected"),
    [
        (None, [], (30.0, None)),
        (None, ["--steps", "9"], (None, 9)),
        (None, ["--minutes", "2"], (2.0, None)),
        ({"budget": {"minutes": 120.0, "steps": None}}, ["--resume"], (120.0, None)),
        ({"budget": {"minutes": None, "steps": 5_000_000}}, ["--resume"], (None, 5_000_000)),
        ({"budget": {"minutes": None, "steps": 5_000_000}}, ["--resume", "--minutes", "2"], (2.0, None)),
        ({"budget": {"minutes": 120.0, "steps": None}}, ["--resume", "--steps", "9"], (None, 9)),
        ({"budget": {"minutes": 120.0, "steps": None}}, [], (30.0, None)),
        ({"steps": 9}, ["--resume"], (30.0, None)),
        (3, ["--resume"], (30.0, None)),
    ],
)
def test_a_resumed_run_has_the_budget_that_it_began_with(
    tmp_path: Path, state: object, words: list[str], expected: tuple[float | None, int | None]
) -> None:
    if state is not None:
        (tmp_path / "checkpoint").mkdir()
        (tmp_path / "checkpoint" / "state.json").write_text(json.dumps(state))
    assert budget(build_parser().parse_args(["discover", *words]), tmp_path, 30.0) == expected
