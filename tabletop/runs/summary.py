"""summary.json of a run's folder: each stage's figures in short."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tabletop.errors import TabletopError
from tabletop.files import read_json, write_json
from tabletop.runs.lock import alone_in

__all__ = ["merge_summary"]

_ORDER: Final = ("discover", "name", "plan", "chains", "perturb")
_WAIT: Final = 60.0
"""s that an update waits for others' at most."""


def merge_summary(folder: Path, part: str, value: object) -> None:
    """Put one stage's part into the folder's summary.json. Of several at once none is lost.

    Args:
        folder: the run's.
        part: "discover", "name", "plan", "chains" or "perturb"; any other comes after these, and stays.
        value: what JSON can hold.

    Raises:
        TabletopError: summary.json is damaged, or something else; or another process keeps the folder to itself.
    """
    path = folder / "summary.json"
    with alone_in(folder, _WAIT):
        summary = read_json(path, repr(str(path))) if path.is_file() else {}
        if not isinstance(summary, dict):
            raise TabletopError(f"{str(path)!r} is not a summary of a run; remove it")
        summary[part] = value
        order = [*(k for k in _ORDER if k in summary), *(k for k in summary if k not in _ORDER)]
        write_json(path, {k: summary[k] for k in order})
