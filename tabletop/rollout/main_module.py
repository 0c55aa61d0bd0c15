"""The script that a user runs, and worker processes.

A process that is spawned runs the main script again, to find what jobs are made of. A script of ten lines without
`if __name__ == "__main__":` would start its own workers there, and so on: they die. Such a script is not run again.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from types import ModuleType

from tabletop.errors import TabletopError
from tabletop.files import read_bytes

__all__ = ["main_is_importable", "plain_main"]


@lru_cache
def _guarded(path: str) -> bool:
    try:
        tree = ast.parse(read_bytes(Path(path), path))
    except (TabletopError, SyntaxError, ValueError, RecursionError):
        return False
    tests = (node.test for node in tree.body if isinstance(node, ast.If))
    return any(isinstance(part, ast.Name) and part.id == "__name__" for test in tests for part in ast.walk(test))


def main_is_importable() -> bool:
    """Return whether worker processes find what the main script defines: it is a file with a guard, or a module."""
    main = sys.modules["__main__"]
    if getattr(main, "__spec__", None) is not None:
        return True
    path = getattr(main, "__file__", None)
    return path is not None and _guarded(path)


@contextmanager
def plain_main() -> Iterator[None]:
    """Start processes that do not run the main script again, where it could not bear it."""
    if main_is_importable():
        yield
        return
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
