"""The best skill of each task: the one place that chooses it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["best_of_tasks"]

Entry = Mapping[str, Any]


def best_of_tasks(entries: Iterable[Entry]) -> dict[str, Entry]:
    """Return the entry of the best skill of each named task, by task in alphabetical order.

    The best has the highest lower bound on split B; of equals, the first by id. The best of several looks better on the
    scenes that it was chosen on than it is. So its figures on split B are not those of the task: see `Naming.best`.

    Args:
        entries: "skills" of `name_skills`.
    """
    best: dict[str, Entry] = {}
    for entry in sorted((e for e in entries if e["task"]), key=lambda e: (-e["low"], e["id"])):
        best.setdefault(entry["task"], entry)
    return dict(sorted(best.items()))
