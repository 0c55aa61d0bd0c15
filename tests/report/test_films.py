from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from tabletop.errors import TabletopError
from tabletop.report import films
from tabletop.report.clips import read_clip
from tabletop.report.films import check_film, film_formats, write_film

FRAMES = [np.full((48, 64, 3), (20 * i, 200, 40), np.uint8) for i in range(10)]


def pictures(path: Path) -> list[np.ndarray]:
    video, found = cv2.VideoCapture(str(path)), []
    while True:
        good, frame = video.read()
        if not good:
            return found
        found.append(frame[..., ::-1])


@pytest.mark.parametrize("suffix", [s for s in film_formats() if s != ".webp"])
def test_a_video_has_the_frames_it_was_given(suffix: str, tmp_path: Path) -> None:
    path = write_film(FRAMES, tmp_path / "sub" / f"a{suffix}", fps=10)
    found = pictures(path)
    assert len(found) == len(FRAMES)
    for one, other in zip(found, FRAMES, strict=True):
        assert one.shape == other.shape
        assert np.abs(one.mean((0, 1)) - other.mean((0, 1))).max() < 12
    assert [p.name for p in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", film_formats())
def test_the_same_frames_are_the_same_bytes(suffix: str, tmp_path: Path) -> None:
    one, other = (write_film(FRAMES, tmp_path / f"{i}{suffix}", fps=10).read_bytes() for i in range(2))
    assert one == other


def test_webp_is_always_among_the_formats_and_is_a_clip(tmp_path: Path) -> None:
    assert film_formats()[0] == ".webp"
    assert len(read_clip(write_film(FRAMES, tmp_path / "a.webp"))[0]) == len(FRAMES)


def test_a_format_that_does_not_work_here_is_one_line_with_those_that_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(films, "_CODECS", {".mp4": ("none",), ".webm": ("xxxx",)})
    capfd.readouterr()
    for name in ("a.mp4", "a.gif", "a"):
        with pytest.raises(TabletopError, match=rf"must end in what can be written here: \.webp; got '{name}'"):
            write_film(FRAMES, tmp_path / name)
    assert capfd.readouterr().err == "", "what the codecs say is kept off stderr"
    check_film(tmp_path / "a.webp")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(TabletopError, match="at least 1 frame"):
        write_film([], tmp_path / "a.mp4")
