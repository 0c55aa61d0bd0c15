"""Episodes as small animated pictures (.webp, which every browser plays), and as sheets of stills."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from tabletop.errors import TabletopError
from tabletop.files import read_bytes, write_whole

__all__ = ["caption", "contact_sheet", "encode_still", "read_clip", "write_clip"]

Picture = npt.NDArray[np.uint8]

_BAND: Final = 0.13
"""Height of a caption's band as a share of the picture's."""
_SHADE: Final = 0.45
"""Brightness that is left under a caption."""


def _checked(frames: Sequence[Picture]) -> list[Picture]:
    if len(frames) == 0:
        raise TabletopError("a clip needs at least 1 frame, got 0")
    first = np.shape(frames[0])
    for i, frame in enumerate(frames):
        shape, dtype = np.shape(frame), np.asarray(frame).dtype
        if len(shape) != 3 or shape[2] != 3 or dtype != np.uint8 or 0 in shape:
            raise TabletopError(f"a frame is (height, width, 3) uint8, got {shape} {dtype} at frame {i}")
        if shape != first:
            raise TabletopError(f"all frames of a clip have one shape, got {first} and {shape} at frame {i}")
    return [np.asarray(f) for f in frames]


def caption(frame: Picture, text: str) -> Picture:
    """Return a copy of a picture with a line of text on a darkened band at its foot.

    Text that is too wide is set smaller, down to what can still be read, then cut short.

    Args:
        frame: (height, width, 3) uint8, RGB.
        text: what to write; an empty text leaves the picture as it is. Signs beyond ASCII become "?".
    """
    out = np.array(_checked([frame])[0])
    line = text.encode("ascii", "replace").decode("ascii").strip()
    if not line:
        return out
    height, width = out.shape[:2]
    band = max(14, round(height * _BAND))
    margin = max(3, band // 3)
    font, scale = cv2.FONT_HERSHEY_SIMPLEX, band * 0.5 / 22
    smallest = scale * 0.75

    def wide(words: str) -> int:
        return int(cv2.getTextSize(words, font, scale, 1)[0][0])

    while wide(line) > width - 2 * margin and scale > smallest:
        scale *= 0.95
    if wide(line) > width - 2 * margin:
        while len(line) > 1 and wide(line + "...") > width - 2 * margin:
            line = line[:-1]
        line = line.rstrip() + "..."
    foot = out[height - band :]
    foot[:] = (foot * _SHADE).astype(np.uint8)
    drawn = np.ascontiguousarray(out)
    baseline = height - band // 2 + round(scale * 10)
    cv2.putText(drawn, line, (margin, baseline), font, scale, (255, 255, 255), 1, cv2.LINE_AA)
    return drawn


def write_clip(
    frames: Sequence[Picture],
    path: str | os.PathLike[str],
    fps: float = 10,
    *,
    captions: Sequence[str] | str | None = None,
    quality: int = 75,
    rest: float = 1.0,
) -> Path:
    """Write pictures as an endlessly repeating animated .webp. The file appears whole or not at all.

    Fifty frames of 240 x 180 take some 30 to 60 kB.

    Args:
        frames: each (height, width, 3) uint8, RGB, all of one shape.
        path: a name ending in .webp; its folder is made, in one that is there.
        fps: frames a second.
        captions: written at the foot: one for all frames, or one a frame.
        quality: of the compression, 1 to 100.
        rest: s that the last frame stays, so that the eye finds the end.

    Raises:
        TabletopError: no frames, frames or captions of a wrong shape, a number out of range, another suffix.
    """
    target = Path(path)
    if target.suffix != ".webp":
        raise TabletopError(f"a clip's name ends in .webp, got {target.name!r}")
    if not 0 < fps <= 100:
        raise TabletopError(f"fps must be above 0 and at most 100, got {fps}")
    if not 1 <= quality <= 100:
        raise TabletopError(f"quality must be from 1 to 100, got {quality}")
    if not 0 <= rest <= 60:
        raise TabletopError(f"rest must be from 0 to 60 s, got {rest}")
    pictures = _checked(frames)
    if captions is not None:
        lines = [captions] * len(pictures) if isinstance(captions, str) else list(captions)
        if len(lines) != len(pictures):
            raise TabletopError(f"captions must be one a frame: {len(pictures)} frames, got {len(lines)}")
        pictures = [caption(p, line) for p, line in zip(pictures, lines, strict=True)]
    animation = cv2.Animation()
    animation.frames = [np.ascontiguousarray(p[..., ::-1]) for p in pictures]
    step = round(1000 / fps)
    animation.durations = [step] * (len(pictures) - 1) + [step + round(1000 * rest)]
    animation.loop_count = 0
    settings = [cv2.IMWRITE_WEBP_QUALITY, quality]
    target.parent.mkdir(exist_ok=True)
    done, data = cv2.imencodeanimation(".webp", animation, settings)
    if not done:
        raise TabletopError(f"cannot write the clip {str(target)!r}")
    write_whole(target, data.tobytes())
    return target


def read_clip(path: str | os.PathLike[str]) -> tuple[list[Picture], list[int]]:
    """Read an animated .webp: RGB frames (height, width, 3) and how long each stays, in ms.

    The encoder merges frames that are equal, so there may be fewer than were written.

    Raises:
        TabletopError: no such file, or not an animated picture.
    """
    if not Path(path).is_file():
        raise TabletopError(f"no clip {str(path)!r}")
    data = np.frombuffer(read_bytes(Path(path), f"clip {str(path)!r}"), np.uint8)
    done, animation = cv2.imdecodeanimation(data) if len(data) else (False, cv2.Animation())
    if not done or len(animation.frames) == 0:
        raise TabletopError(f"{str(path)!r} is not an animated picture")
    frames = [np.ascontiguousarray(f[..., 2::-1]).astype(np.uint8) for f in animation.frames]
    return frames, [int(d) for d in np.ravel(np.asarray(animation.durations))]


def contact_sheet(
    frames: Sequence[Picture], columns: int = 4, rows: int = 1, *, gap: int = 4, shrink: int = 1
) -> Picture:
    """Return evenly spaced frames, the first and the last among them, side by side on white.

    Args:
        frames: each (height, width, 3) uint8, all of one shape.
        columns: pictures in a row.
        rows: rows, read from the top.
        gap: pixels between pictures.
        shrink: how many times smaller each picture becomes.

    Raises:
        TabletopError: no frames, frames of different shapes, or a number below its least value.
    """
    if columns < 1 or rows < 1 or gap < 0 or shrink < 1:
        raise TabletopError(
            f"columns, rows and shrink must be at least 1 and gap 0, got {columns}, {rows}, {shrink}, {gap}"
        )
    pictures = _checked(frames)
    size = (max(1, pictures[0].shape[1] // shrink), max(1, pictures[0].shape[0] // shrink))
    count = columns * rows
    last = len(pictures) - 1
    chosen = [round(last * i / (count - 1)) for i in range(count)] if count > 1 else [last]
    width, height = size
    sheet = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap, 3), 255, np.uint8)
    for place, index in enumerate(chosen):
        top, left = (place // columns) * (height + gap), (place % columns) * (width + gap)
        picture = pictures[index]
        if shrink > 1:
            picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA).astype(np.uint8)
        sheet[top : top + height, left : left + width] = picture
    return sheet


def encode_still(picture: Picture, quality: int = 70) -> bytes:
    """Return one RGB picture (height, width, 3) as the bytes of a .webp file."""
    flipped = np.ascontiguousarray(_checked([picture])[0][..., ::-1])
    done, data = cv2.imencode(".webp", flipped, [cv2.IMWRITE_WEBP_QUALITY, quality])
    if not done:
        raise TabletopError(f"cannot encode a picture of shape {picture.shape}")
    return bytes(data.tobytes())
