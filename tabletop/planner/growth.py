"""The tree of a search for a plan: kept by the thread that searches, read by any other while it grows."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from typing import Final

from tabletop.errors import TabletopError
from tabletop.planner.frontier import Node
from tabletop.runs.records import Branch

__all__ = ["Growth"]

_BRANCHES: Final = 6
"""First steps that are shown, those with the most states below them; and of each as many second ones as _TWIGS."""
_TWIGS: Final = 2


class Growth:
    """How many states a search has looked at below each sequence of steps."""

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
            self._below.update(steps[:depth] for depth in range(len(steps) + 1))

    def branches(self, plan: Sequence[str] = ()) -> list[Branch]:
        """Return the largest branches, each before those that go on from it, the larger of two first.

        Args:
            plan: the steps that were chosen, each "SKILL ENTITY": all of them are among the branches.
        """
        with self._lock:
            below = Counter(self._below)
        if not below:
            return []
        kept = {(), *(tuple(plan[: n + 1]) for n in range(len(plan)))}
        for branch in _largest(below, (), _BRANCHES):
            kept |= {branch, *_largest(below, branch, _TWIGS)}
        # By the size of all that it goes on from, then its own.
        order = sorted(kept, key=lambda s: [(-below[s[: n + 1]], s[n]) for n in range(len(s))])
        return [Branch(steps=steps, states=below[steps]) for steps in order]

    def lines(self) -> list[str]:
        """Return the tree, a branch a line, those with the most states below first; twigs are set in by two blanks."""
        marks = {0: "states looked at", 1: "{}", 2: "  then {}"}
        return [f"{marks[len(b.steps)].format(*b.steps[-1:])}: {b.states}" for b in self.branches()]


def _largest(below: Counter[tuple[str, ...]], above: tuple[str, ...], most: int) -> list[tuple[str, ...]]:
    found = [k for k in below if len(k) == len(above) + 1 and k[: len(above)] == above]
    return sorted(found, key=lambda k: (-below[k], k))[:most]
