"""Reading and writing a run folder's files, whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tabletop.errors import TabletopError
from tabletop.paths import write_whole

__all__ = ["merge_summary", "read_json", "write_json"]


def write_json(path: Path, value: object) -> None:
    """Write a value as JSON; the file appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, json.dumps(value, indent=1) + "\n")


def read_json(path: Path, made_by: str) -> Any:
    """Return what a JSON file of an earlier stage holds.

    Args:
        path: the file.
        made_by: the command that writes it, for the error.

    Raises:
        TabletopError: it is missing or damaged.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise TabletopError(f"{str(path)!r} is missing; make it with: {made_by}") from None
    except (OSError, ValueError) as error:
        raise TabletopError(f"cannot read {str(path)!r}: {error}; make it anew with: {made_by}") from None


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
    summary = read_json(path, "tabletop run") if path.is_file() else {}
    if not isinstance(summary, dict):
        raise TabletopError(f"{str(path)!r} is not a summary of a run; remove it")
    summary[part] = value
    order = [k for k in ("discover", "name", "plan", "chains", "perturb") if k in summary]
    write_json(path, {k: summary[k] for k in order})
