"""Worlds, scenes and pictures give their memory back."""

from __future__ import annotations

import gc
import resource
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Final

import gymnasium
import pytest

import tabletop.envs  # noqa: F401  (registers the environments)
from tabletop.paths import ASSETS
from tabletop.sim import World, bodies, generate, load_scene_card

PAGE: Final = resource.getpagesize()
CARDS: Final = sorted(path.stem for path in (ASSETS / "scenes").glob("*.yaml"))


def grown(again: Callable[[], object], before: int = 12, times: int = 60) -> float:
    """Return by how many KiB the process grows each time, once it has done something a few times."""

    def resident() -> int:
        gc.collect()
        return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE

    for _ in range(before):
        again()
    start = resident()
    for _ in range(times):
        again()
    return (resident() - start) / 1024 / times


@pytest.mark.parametrize("card", CARDS)
def test_pictures_steps_and_scenes_of_every_card_give_their_memory_back(card: str) -> None:
    scene = generate(load_scene_card(card), 3)
    with World() as world:
        world.load(scene)

        def look() -> None:
            world.step([0.2, 0.1, 0.0, 0.0, 1.0])
            world.render(48, 48)

        assert grown(look) < 12
        assert grown(lambda: world.load(scene), 6, 30) < 12


def test_worlds_and_environments_that_are_dropped_give_their_memory_back() -> None:
    def drop() -> None:
        env = gymnasium.make("Tabletop/Discovery-v0", disable_env_checker=True)
        env.reset(seed=0)
        del env

    # One that stays takes some 27 MiB.
    assert grown(drop, 8, 20) < 100


@pytest.mark.parametrize("kinds", [("ball", "target"), ("can", "puck"), ("button", "post")])
def test_names_of_the_files_of_round_things_are_let_go(kinds: tuple[str, ...]) -> None:
    """PyBullet would keep some 45 bytes of each name for ever, of every scene that is loaded."""
    scene = generate({"entities": {kind: kind for kind in kinds}}, 3)
    own = [tracemalloc.Filter(True, str(Path(bodies.__file__)))]

    def held() -> int:
        gc.collect()
        return sum(row.size for row in tracemalloc.take_snapshot().filter_traces(own).statistics("filename"))

    with World() as world:
        world.load(scene)
        tracemalloc.start()
        try:
            world.load(scene)
            before = held()
            for _ in range(40):
                world.load(scene)
            assert held() - before < 1000
        finally:
            tracemalloc.stop()
