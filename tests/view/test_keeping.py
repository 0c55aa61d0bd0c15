"""What is kept of a view, read again."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from tabletop.errors import TabletopError
from tabletop.sim.generate import generate
from tabletop.sim.pinhole import extrinsics, intrinsics, project_points
from tabletop.sim.scene_cards import find_scene_card
from tabletop.sim.world import Snapshot, World
from tabletop.view.keeping import Keeping

SCENE = generate(find_scene_card("planning"), 1)
SIZE = 640, 480
STILL = [0.0, 0.0, 0.0, 0.0, 1.0]


def orange(clip: Path) -> list[npt.NDArray[np.bool_]]:
    """Return where each picture of a clip is as orange as nothing in the scene is."""
    _, animation = cv2.imreadanimation(str(clip))
    frames = [f[..., :3].astype(int) for f in animation.frames]  # Blue, green, red.
    return [(f[..., 2] > 220) & (abs(f[..., 1] - 120) < 40) & (f[..., 0] < 60) for f in frames]


@pytest.fixture(scope="module")
def pushed() -> tuple[Snapshot, npt.NDArray[np.float64]]:
    """Return four control steps with a push in the third and fourth, and where the block was in the third."""
    with World() as world:
        world.load(SCENE)
        for _ in range(2):
            world.step(STILL)
        world.push("red", (0.0, 1.0, 0.0), 2 * world.settings.substeps)
        world.step(STILL)
        at = world.state().entity("red", "position")
        world.step(STILL)
        return world.save(), at


def test_a_clip_has_an_arrow_for_a_force_as_long_as_it_acts_and_where_it_acts(
    pushed: tuple[Snapshot, npt.NDArray[np.float64]], tmp_path: Path
) -> None:
    snapshot, at = pushed
    found = orange(Keeping(tmp_path).clip(snapshot, 0, 4))
    assert [bool(f.sum() > 20) for f in found] == [False, False, False, True, True]
    ways = [at, at + np.array([0.0, 0.1, 0.0])]
    (x, y, _), (aside, _, _) = project_points(intrinsics(SCENE.camera, *SIZE), extrinsics(SCENE.camera), ways)
    rows, columns = np.nonzero(found[3])
    tail = columns.min() if aside > x else columns.max()
    assert abs(tail - x) < 12
    assert abs(rows.mean() - y) < 40
    assert np.sign(columns.mean() - x) == np.sign(aside - x)


def test_a_clip_begins_where_it_was_asked_to(pushed: tuple[Snapshot, object], tmp_path: Path) -> None:
    keeping = Keeping(tmp_path)
    assert len(orange(keeping.clip(pushed[0], 3, 4))) == 2
    assert sorted(p.name for p in tmp_path.iterdir()) == ["clip-001.webp"]


def test_a_clip_whose_process_ends_is_told_in_a_line(
    pushed: tuple[Snapshot, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tabletop.view.keeping._film", os_exit)
    with pytest.raises(TabletopError, match="process that films was ended"):
        Keeping(tmp_path).clip(pushed[0], 0, 4)
    assert list(tmp_path.iterdir()) == []


def os_exit(*_: object) -> Path:
    """End the process at once, as a kill does."""
    os._exit(9)
