"""summary.json of a run's folder: each stage's figures in short."""

from __future__ import annotations

from pathlib import Path

from tabletop.errors import TabletopError
from tabletop.files import read_json, write_json

__all__ = ["merge_summary"]


def merge_summary(folder: Path, part: str, value: object) -> None:
    """Put one stage's part into the folder's summary.json.

    Args:
        folder: the run's.
        part: "discover", "name", "plan", "chains" or "perturb"; others are left out.
        value: what JSON can hold.

    Raises:
        TabletopError: summary.json is damaged, or something else.
    """
    path = folder / "summary.json"
    summary = read_json(path, repr(str(path))) if path.is_file() else {}
    if not isinstance(summary, dict):
        raise TabletopError(f"{str(path)!r} is not a summary of a run; remove it")
    summary[part] = value
    order = [k for k in ("discover", "name", "plan", "chains", "perturb") if k in summary]
    write_json(path, {k: summary[k] for k in order})
