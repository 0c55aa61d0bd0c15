"""Clips as part of the page: data URIs within a budget, each with a still for whoever wants no motion."""

from __future__ import annotations

import base64
import json
from html import escape
from pathlib import Path
from typing import Final

from tabletop.errors import TabletopError
from tabletop.files import read_bytes, read_json
from tabletop.report.clips import contact_sheet, encode_still, read_clip
from tabletop.report.replay import SUFFIX

__all__ = ["BUDGET", "Pictures", "uri"]

BUDGET: Final = 9_000_000
"""Characters of all pictures together; the rest of a page takes well under a million."""


def uri(data: bytes) -> str:
    """Return a .webp picture as text that stands in a page."""
    return "data:image/webp;base64," + base64.b64encode(data).decode("ascii")


class Pictures:
    """Embeds clips in the order they are asked for; what no longer fits moves no more, then is left out."""

    def __init__(self, folder: Path, budget: int = BUDGET) -> None:
        """Embed clips of a run's folder, up to so many characters."""
        self.folder, self._left = folder, budget

    def has(self, clip: str | None) -> bool:
        """Return whether a clip is there."""
        return clip is not None and (self.folder / clip).is_file()

    def _still(self, path: Path, animation: bytes) -> str:
        try:
            frames, _ = read_clip(path)
            return uri(encode_still(contact_sheet(frames, 2, 2, gap=2, shrink=2)))
        except TabletopError:
            # One frame alone is a plain picture: it is its own still.
            return uri(animation)

    def show(self, clip: str | None, alt: str) -> str:
        """Return the HTML of a clip, "" where there is none or nothing of it fits any more.

        Args:
            clip: an animated .webp, by its place in the folder.
            alt: what is seen, for who cannot see it.
        """
        path = self.folder / (clip or "")
        if not self.has(clip):
            return ""
        data = read_bytes(path, f"clip {path.name!r}")
        if data[:4] != b"RIFF" or data[8:12] != b"WEBP":
            raise TabletopError(f"the clip {path.name!r} must be a .webp picture, got {data[:12]!r}")
        still, moving = self._still(path, data), uri(data)
        if len(still) > self._left:
            return ""
        if len(still) + len(moving) > self._left:
            self._left -= len(still)
            return f'<div class="film"><img class="clip" alt="{escape(alt)}" src="{still}"></div>'
        self._left -= len(still) + len(moving)
        return (
            '<div class="film"><picture class="moving"><source media="(prefers-reduced-motion: reduce), print" '
            f'srcset="{still}"><img class="clip" alt="{escape(alt)}" src="{moving}"></picture>'
            f"{self._replay(path, alt)}</div>"
        )

    def _replay(self, clip: Path, alt: str) -> str:
        """Return the HTML of what page.js plays in three dimensions; "" where there is none, or it does not fit."""
        path = clip.with_suffix(SUFFIX)
        if not path.is_file():
            return ""
        text = json.dumps(read_json(path, f"replay {path.name!r}"), separators=(",", ":")).replace("<", "\\u003c")
        if len(text) > self._left:
            return ""
        self._left -= len(text)
        data = f'<script type="application/json">{text}</script>'
        return f'<div class="replay" data-alt="{escape(alt)}"><button type="button" hidden>3-D</button>{data}</div>'
