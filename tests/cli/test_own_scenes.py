"""Scene cards and scenes of one's own, by their paths."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml

from tabletop.cli.objective import discovery_settings
from tabletop.cli.parser import build_parser
from tabletop.paths import ASSETS
from tabletop.sim import World, load_scene

Command = Callable[..., Any]

MINE = {"entities": {"mine": "block", "yours": "bin"}}


@pytest.fixture
def mine(here: Path) -> str:
    (here / "mine.yaml").write_text(yaml.safe_dump(MINE))
    return "mine.yaml"


def test_a_card_is_named_or_given_by_its_path(command: Command, here: Path) -> None:
    shutil.copyfile(ASSETS / "scenes" / "workshop.yaml", here / "copy.yaml")
    for card, out in (("workshop", "a"), ("copy.yaml", "b")):
        assert command("scene", "--card", card, "--seed", "3", "--out", out).code == 0
    assert (here / "a" / "scene.yaml").read_bytes() == (here / "b" / "scene.yaml").read_bytes()
    command("scene", "--card", "none.yaml").refused("cannot read scene card 'none.yaml'")
    command("scene", "--card", "nothing").refused("unknown scene card 'nothing'; there are: cupboard, ")


def test_a_picture_is_taken_by_a_camera_of_ones_own_card(command: Command, here: Path) -> None:
    (here / "mine.yaml").write_text(
        "entities: {mine: block}\ncameras: {front: {position: [1.3, [-0.1, 0.1], 0.5], target: [0.45, 0, 0]}}\n"
    )
    for camera in ("scene", "front"):
        assert command("scene", "--card", "mine.yaml", "--camera", camera, "--out", camera).code == 0
    scene = load_scene("front/scene.yaml")
    assert (scene, scene.cameras[0].name) == (load_scene("scene/scene.yaml"), "front")
    with World() as world:
        world.load(scene)
        pictures = {name: world.render(640, 480, name).rgb for name in ("scene", "front")}
    for name, picture in pictures.items():
        assert np.array_equal(cv2.imread(f"{name}/scene.png")[..., ::-1], picture)
    assert not np.array_equal(pictures["scene"], pictures["front"])
    command("scene", "--card", "mine.yaml", "--camera", "side", "--out", "none").refused(
        "unknown camera 'side'; there are: front, scene, top, wrist"
    )
    assert not (here / "none").exists()


def test_a_plan_is_made_in_a_scene_of_ones_own_card(command: Command, mine: str, here: Path) -> None:
    plan = ("plan", "toy", "--policy", "scripted", "--goal", "near(mine, yours, 90 cm)", "--workers", "0", "--json")
    command(*plan).refused("unknown entity 'mine'")
    assert json.loads(command(*plan, "--card", mine).out)["solved"] == 1


def test_a_plan_is_made_in_a_saved_scene(command: Command, mine: str, here: Path) -> None:
    command("scene", "--card", mine, "--seed", "5")
    scene = load_scene("scene/scene.yaml")
    assert set(scene.names) == {"mine", "yours"}
    plan = ("plan", "toy", "--policy", "scripted", "--workers", "0")
    goal = ("--goal", "moved(mine, left, 1 mm) or not moved(mine, left, 1 mm)")
    said = command(*plan, *goal, "--scene", "scene/scene.yaml")
    assert said.out.splitlines()[-1].startswith("1 of 1 goal;")
    command(*plan, *goal, "--scene", "none.yaml").refused("none.yaml")
    command(*plan, "--scene", "scene/scene.yaml").refused("--scene needs --goal")
    command(*plan, "--chains", "1", "--card", mine).refused("--chains have a scene card of their own")
    command(*plan, *goal, "--card", mine, "--scene", "scene/scene.yaml").refused("not allowed with")


def test_goals_are_sampled_on_a_card_of_ones_own(command: Command, mine: str, here: Path) -> None:
    given = ("plan", "toy", "--policy", "scripted", "--goals", "1", "--literals", "1", "--workers", "0", "--json")
    (episode,) = json.loads(command(*given, "--card", mine).out)["episodes"]
    assert "mine" in episode["goal"]


def test_proven_goals_are_drawn_on_a_card_of_ones_own(command: Command, mine: str, here: Path) -> None:
    few = ("--count", "1", "--literals", "1", "--workers", "0", "--json")
    assert json.loads(command("goals", "--card", mine, *few).out)["goals"] == 1
    written = (here / "goals.yaml").read_text()
    assert "mine.yaml" not in written
    (here / mine).unlink()  # The file has the card itself.
    checked = json.loads(command("goals", "--check", "goals.yaml", "--workers", "0", "--json").out)
    assert (checked["reached"], checked["identical"]) == (1, 1)
    for bad in ("../mine.yaml", "/etc/passwd.yaml", "own-1", "..", ""):
        (here / "bad.yaml").write_text(written.replace("card: own-0", f"card: '{bad}'"))
        command("goals", "--check", "bad.yaml", "--workers", "0").refused("card")


def test_a_discovery_looks_for_what_a_card_of_ones_own_has(mine: str, here: Path) -> None:
    options = build_parser().parse_args(["discover", "--scene", mine])
    found = discovery_settings(options, here)
    assert found.scene == mine
    assert {"held_at", "displaced", "related"} <= found.counts.keys()
    assert "joint" not in found.counts
