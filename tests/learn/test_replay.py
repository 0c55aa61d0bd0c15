from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tabletop.errors import TabletopError
from tabletop.learn.replay import Replay


def rows(start: int, stop: int) -> dict[str, np.ndarray]:
    x = np.arange(start, stop, dtype=np.float32)
    return {"x": np.stack((x, -x), 1), "r": x}


def replay(capacity: int = 10) -> Replay:
    return Replay(capacity, {"x": ((2,), "float32"), "r": ((), "float32")})


def test_rows_come_back_as_added() -> None:
    ring = replay()
    np.testing.assert_array_equal(ring.add(rows(0, 4)), [0, 1, 2, 3])
    assert len(ring) == 4
    got = ring.get(np.array([3, 0, 3]))
    np.testing.assert_array_equal(got["r"], [3, 0, 3])
    np.testing.assert_array_equal(got["x"], [[3, -3], [0, 0], [3, -3]])


def test_the_oldest_rows_are_overwritten_across_the_ends() -> None:
    ring = replay()
    for start in range(0, 28, 4):
        where = ring.add(rows(start, start + 4))
        np.testing.assert_array_equal(ring.get(where)["r"], np.arange(start, start + 4))
    assert len(ring) == 10
    assert sorted(ring["r"]) == list(range(18, 28))
    np.testing.assert_array_equal(ring["x"][:, 0], ring["r"])


def test_sampling_draws_only_rows_held_each_about_as_often() -> None:
    ring = replay(100)
    ring.add(rows(0, 5))
    indices = ring.sample(5000, np.random.default_rng(0))
    counts = np.bincount(indices)
    assert len(counts) == 5
    assert counts.min() > 800
    np.testing.assert_array_equal(indices, ring.sample(5000, np.random.default_rng(0)))


@pytest.mark.parametrize("count", [3, 17])
def test_a_restored_replay_is_the_same(tmp_path: Path, count: int) -> None:
    ring, other = replay(), replay()
    for start in range(count):
        ring.add(rows(start, start + 1))
    ring.save(tmp_path / "replay.safetensors")
    other.restore(tmp_path / "replay.safetensors")
    assert len(other) == len(ring)
    np.testing.assert_array_equal(other.add(rows(50, 53)), ring.add(rows(50, 53)))
    np.testing.assert_array_equal(other["x"], ring["x"])
    assert [p.name for p in tmp_path.iterdir()] == ["replay.safetensors"]


def test_a_replay_of_other_fields_is_refused(tmp_path: Path) -> None:
    ring = replay()
    ring.add(rows(0, 3))
    ring.save(tmp_path / "replay.safetensors")
    with pytest.raises(TabletopError, match=r"row\.y"):
        Replay(10, {"y": ((2,), "float32")}).restore(tmp_path / "replay.safetensors")


def test_wrong_rows_are_refused() -> None:
    ring = replay()
    with pytest.raises(TabletopError, match="fields are"):
        ring.add({"x": np.zeros((1, 2))})
    with pytest.raises(TabletopError, match="one length"):
        ring.add({"x": np.zeros((2, 2)), "r": np.zeros(3)})
    with pytest.raises(TabletopError, match="up to 10"):
        ring.add(rows(0, 11))
    with pytest.raises(TabletopError, match="empty"):
        ring.sample(1, np.random.default_rng(0))
