"""Episodes as films: .webp, or .mp4 and .webm where this machine's OpenCV can write them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from tabletop.errors import TabletopError
from tabletop.files import LARGE, make_folder, read_bytes, write_whole
from tabletop.report.clips import write_clip

__all__ = ["FORMATS", "check_film", "film_formats", "write_film"]

Picture = npt.NDArray[np.uint8]

_CODECS: Final[Mapping[str, tuple[str, ...]]] = {".mp4": ("avc1", "mp4v"), ".webm": ("VP90", "VP80")}
"""Of each suffix, the best first."""
_TRACK_UID: Final = b"\x73\xc5\x88"
"""The element's name, and a length of 8 bytes (RFC 9559)."""
FORMATS: Final = (".webp", *_CODECS)
"""Suffixes of films; which of the others than .webp work depends on the machine: see `film_formats`."""


@contextmanager
def _hushed() -> Iterator[None]:
    """Keep what OpenCV's C code says of codecs that it lacks off stderr: whether a film was written is seen after."""
    try:
        kept = os.dup(2)
    except OSError:  # This process has no stderr.
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _write_video(frames: Sequence[Picture], path: Path, fps: float) -> bool:
    """Write a video with the first codec that does; return whether one did."""
    height, width = frames[0].shape[:2]
    with _hushed():
        for codec in _CODECS[path.suffix]:
            path.unlink(missing_ok=True)
            fourcc = cv2.VideoWriter.fourcc(codec[0], codec[1], codec[2], codec[3])
            writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, fourcc, fps, (width, height))
            if writer.isOpened():
                for frame in frames:
                    writer.write(np.ascontiguousarray(frame[..., ::-1]))
            writer.release()
            if path.is_file() and _frames_in(path) == len(frames):
                return True
    return False


def _the_same_each_time(film: bytes) -> bytes:
    """Return a WebM with 1 for the number of its track, which libavformat draws at random."""
    _, found, rest = film.partition(_TRACK_UID)
    return film.replace(rest[:8], (1).to_bytes(8, "big")) if found else film


def _frames_in(path: Path) -> int:
    video = cv2.VideoCapture(str(path))
    count = 0
    while video.read()[0]:
        count += 1
    video.release()
    return count


def film_formats() -> tuple[str, ...]:
    """Return the suffixes of the films that can be written here, by writing two frames with each."""
    frames = [np.full((48, 64, 3), 40 + 100 * i, np.uint8) for i in range(2)]
    with tempfile.TemporaryDirectory() as folder:
        works = [s for s in _CODECS if _write_video(frames, Path(folder) / f"film{s}", 10.0)]
    return (".webp", *works)


def check_film(path: str | os.PathLike[str]) -> None:
    """Check that a film can be written under such a name.

    Raises:
        TabletopError: the suffix is none that works here.
    """
    suffix = Path(path).suffix.lower()
    if suffix != ".webp" and suffix not in (known := film_formats()):
        raise TabletopError(
            f"a film's name must end in what can be written here: {', '.join(known)}; got {Path(path).name!r}"
        )


def write_film(frames: Sequence[Picture], path: str | os.PathLike[str], fps: float = 10) -> Path:
    """Write pictures as a film; its suffix says in which format. The file appears whole or not at all.

    Args:
        frames: each (height, width, 3) uint8, RGB, all of one shape with even sides.
        path: a name ending in .webp, .mp4 or .webm; its folder is made.
        fps: frames a second.

    Raises:
        TabletopError: no frames, another suffix, or one that this machine cannot write.
    """
    target = Path(path)
    if target.suffix.lower() == ".webp":
        make_folder(target.parent)
        return write_clip(frames, target, fps)
    if len(frames) == 0:
        raise TabletopError("a film needs at least 1 frame, got 0")
    check_film(target)
    make_folder(target.parent)
    # OpenCV crashes on some names: it writes to one of ours.
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / f"film{target.suffix.lower()}"
        if not _write_video(frames, made, fps):
            raise TabletopError(f"cannot write the film {str(target)!r}; .webp always works")
        film = read_bytes(made, "the film", LARGE)
        write_whole(target, _the_same_each_time(film) if made.suffix == ".webm" else film)
    return target
