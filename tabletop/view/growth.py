"""The tree of a search for a plan while it grows: kept by the thread that searches, read by the one that draws."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Final

from tabletop.errors import TabletopError
from tabletop.planner.frontier import Node

__all__ = ["Growth"]

_BRANCHES: Final = 6
"""First steps that are shown, those with the most states below them; and of each as many second ones as _TWIGS."""
_TWIGS: Final = 2


class Growth:
    """How many states a search has looked at below each first step, and each second one."""

    def __init__(self) -> None:
        """Begin with an empty tree."""
        self._lock = threading.Lock()
        self._below: Counter[tuple[str, ...]] = Counter()
        self._halted = False

    def halt(self) -> None:
        """Have the search end with its next node."""
        self._halted = True

    def note(self, node: Node) -> None:
        """Add a node that was expanded; one without steps begins another search.

        Raises:
            TabletopError: it was halted.
        """
        if self._halted:
            raise TabletopError("stopped while it was thinking")
        steps = tuple(" ".join(step.key) for step in node.steps)
        with self._lock:
            if not steps:
                self._below.clear()
            for depth in range(min(len(steps), 2) + 1):
                self._below[steps[:depth]] += 1

    def lines(self) -> list[str]:
        """Return the tree, a branch a line, those with the most states below first; twigs are set in by two blanks."""
        with self._lock:
            below = dict(self._below)
        if not below:
            return []
        out = [f"states looked at: {below.get((), 0)}"]
        for branch, count in _largest(below, (), _BRANCHES):
            out.append(f"{branch[-1]}: {count}")
            out += [f"  then {twig[-1]}: {n}" for twig, n in _largest(below, branch, _TWIGS)]
        return out


def _largest(below: dict[tuple[str, ...], int], above: tuple[str, ...], most: int) -> list[tuple[tuple[str, ...], int]]:
    found = [(k, n) for k, n in below.items() if len(k) == len(above) + 1 and k[: len(above)] == above]
    return sorted(found, key=lambda pair: (-pair[1], pair[0]))[:most]
