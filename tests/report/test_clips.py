from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tabletop.errors import TabletopError
from tabletop.report.clips import caption, contact_sheet, encode_still, read_clip, write_clip


def pictures(count: int, height: int = 90, width: int = 120) -> list[np.ndarray]:
    """Return pictures of a red square that moves right over grey."""
    frames = []
    for t in range(count):
        picture = np.full((height, width, 3), 200, np.uint8)
        picture[30:60, 4 * t : 4 * t + 30] = (220, 30, 30)
        frames.append(picture)
    return frames


def test_a_clip_reads_back_with_its_colours_and_times(tmp_path: Path) -> None:
    frames = pictures(20)
    path = write_clip(frames, tmp_path / "new" / "clip.webp", fps=20, rest=0.5)
    read, durations = read_clip(path)
    assert len(read) == 20
    assert durations == [50] * 19 + [550]
    for written, got in zip(frames, read, strict=True):
        assert got.shape == written.shape
        assert np.abs(got.astype(int) - written).mean() < 4  # red stays red: a swap of channels gives 16


def test_a_clip_leaves_no_temporary_file(tmp_path: Path) -> None:
    write_clip(pictures(3), tmp_path / "clip.webp")
    assert [p.name for p in tmp_path.iterdir()] == ["clip.webp"]


def test_a_failed_clip_keeps_the_old_one(tmp_path: Path) -> None:
    path = write_clip(pictures(3), tmp_path / "clip.webp")
    before = path.read_bytes()
    with pytest.raises(TabletopError, match="one shape"):
        write_clip([*pictures(1), *pictures(1, height=80)], path)
    assert path.read_bytes() == before


def test_the_same_frames_give_the_same_bytes(tmp_path: Path) -> None:
    one, two = (write_clip(pictures(6), tmp_path / f"{i}.webp", captions="lift") for i in range(2))
    assert one.read_bytes() == two.read_bytes()


def test_fifty_noisy_frames_stay_small(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    base = np.kron(rng.integers(0, 255, (9, 12, 3)), np.ones((20, 20, 1))).astype(np.uint8)
    frames = [np.roll(base, 3 * t, axis=1) for t in range(50)]
    assert write_clip(frames, tmp_path / "clip.webp").stat().st_size < 200_000


def test_a_lower_quality_takes_less_room(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    frames = [rng.integers(0, 255, (60, 80, 3)).astype(np.uint8) for _ in range(5)]
    sizes = [write_clip(frames, tmp_path / "c.webp", quality=q).stat().st_size for q in (20, 90)]
    assert sizes[0] < 0.7 * sizes[1]


def test_captions_change_with_the_frames(tmp_path: Path) -> None:
    frames = pictures(4)
    read, _ = read_clip(write_clip(frames, tmp_path / "c.webp", captions=["lift"] * 2 + ["place"] * 2))
    feet = [f[-12:].astype(int) for f in read]
    assert np.abs(feet[0] - feet[1]).mean() < 3
    assert np.abs(feet[1] - feet[2]).mean() > 3
    assert np.abs(feet[0] - frames[0][-12:]).mean() > 50


def test_a_caption_darkens_the_foot_only_and_leaves_its_input_alone() -> None:
    frame = pictures(1)[0]
    before = frame.copy()
    out = caption(frame, "lift block")
    assert (frame == before).all()
    assert (out[:-14] == frame[:-14]).all()
    assert out[-14:].max() > 230
    assert np.median(out[-14:]) < 110
    assert (caption(frame, "  ") == frame).all()


def test_a_long_caption_stays_inside_the_picture() -> None:
    frame = np.full((90, 120, 3), 255, np.uint8)
    out = caption(frame, "put the red block into the open drawer and then close it gently")
    assert out[-14:, -2:].max() < 140


def test_a_contact_sheet_has_the_first_frame_and_the_last() -> None:
    frames = pictures(11)
    sheet = contact_sheet(frames, 3, 2, gap=2)
    assert sheet.shape == (2 * 90 + 2, 3 * 120 + 4, 3)
    assert (sheet[:90, :120] == frames[0]).all()
    assert (sheet[-90:, -120:] == frames[-1]).all()
    assert (sheet[:90, 122:242] == frames[2]).all()
    assert contact_sheet(frames, 2, 2, gap=0, shrink=2).shape == (90, 120, 3)
    assert (contact_sheet(frames, 1) == frames[-1]).all()


def test_a_still_is_a_webp() -> None:
    assert encode_still(pictures(1)[0])[8:12] == b"WEBP"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"frames": []}, "at least 1 frame"),
        ({"frames": [np.zeros((4, 4), np.uint8)]}, r"\(height, width, 3\)"),
        ({"frames": [np.zeros((4, 4, 3), np.float64)]}, "uint8"),
        ({"path": "clip.gif"}, r"\.webp"),
        ({"fps": 0}, "fps"),
        ({"quality": 101}, "quality"),
        ({"rest": -1}, "rest"),
        ({"captions": ["one"]}, "one a frame"),
    ],
)
def test_a_clip_that_cannot_be_written_says_why(tmp_path: Path, change: dict, message: str) -> None:
    given = {"frames": pictures(3), "path": "clip.webp"} | change
    path = tmp_path / given.pop("path")
    with pytest.raises(TabletopError, match=message) as caught:
        write_clip(given.pop("frames"), path, **given)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_what_is_no_clip_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(TabletopError, match="no clip"):
        read_clip(tmp_path / "none.webp")
    (tmp_path / "text.webp").write_text("no picture")
    with pytest.raises(TabletopError, match="not an animated picture"):
        read_clip(tmp_path / "text.webp")
