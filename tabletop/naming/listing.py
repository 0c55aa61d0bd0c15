"""What skill libraries there are by name, and which project each is of."""

from __future__ import annotations

from typing import Any

from tabletop.naming.named import open_library
from tabletop.projects import find_libraries, origin

__all__ = ["library_rows"]


def library_rows() -> list[dict[str, Any]]:
    """Return a row a library: library, skills (how many), tasks (named; None: not yet), objective, project.

    Raises:
        TabletopError: a library is damaged.
    """
    rows = []
    for name, path in find_libraries().items():
        opened = open_library(str(path))
        rows.append(
            {
                "library": name,
                "skills": len(opened.library.skills),
                "tasks": None if opened.named is None else list(opened.named.named_tasks),
                "objective": opened.library.info.get("objective"),
                "project": origin(path),
            }
        )
    return rows
