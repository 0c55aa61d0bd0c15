"""What a command line asks discovery for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tabletop.cli.objective import discovery_settings
from tabletop.cli.parser import build_parser
from tabletop.errors import TabletopError
from tabletop.skills.discover_settings import KINDS, DiscoverSettings
from tabletop.skills.effects import get_effect

SOFT = {name for name in KINDS if get_effect(name).moves == "deformable"}


def settings(folder: Path, *words: str) -> DiscoverSettings:
    return discovery_settings(build_parser().parse_args(["discover", *words]), folder)


def test_left_open_it_is_all_that_the_scenes_have_things_for(tmp_path: Path) -> None:
    found = settings(tmp_path, "--seed", "4")
    assert set(found.counts) == set(KINDS) - SOFT
    assert (found, found.counts.keys()) == (DiscoverSettings(seed=4), found.shares.keys())
    fabrics = settings(tmp_path, "--scene", "fabrics")
    assert set(fabrics.counts) >= SOFT | {"held"}
    assert "drawer" not in fabrics.counts


def test_effects_may_be_chosen_by_name(tmp_path: Path) -> None:
    found = settings(tmp_path, "--effects", "door,held", "--objective", "metra")
    assert list(found.counts) == list(found.shares) == ["door", "held"]
    assert found.learner.objective == "metra"
    with pytest.raises(TabletopError, match="unknown effect 'fly'; there are: bolt, "):
        settings(tmp_path, "--effects", "held,fly")


@pytest.mark.parametrize("name", ["checkpoint", "checkpoint.old"])
def test_a_resumed_run_looks_for_what_it_did(tmp_path: Path, name: str) -> None:
    how = settings(tmp_path, "--effects", "door,held", "--starts", "nominal").how
    (tmp_path / name).mkdir()
    counts = {"door": 7, "held": 9}
    (tmp_path / name / "state.json").write_text(json.dumps({"how": how, "counts": counts}), encoding="utf-8")
    assert settings(tmp_path, "--resume").how == how
    assert settings(tmp_path, "--resume").counts == counts
    assert settings(tmp_path, "--resume", "--effects", "all").how != how
