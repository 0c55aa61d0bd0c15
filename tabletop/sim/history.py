"""What was done to a world since its scene was loaded, kept so that it can be done again."""

from __future__ import annotations

from array import array
from typing import Any, Final

from tabletop.errors import TabletopError
from tabletop.sim.action import ACTION_SIZE

__all__ = ["Done", "History"]

Done = tuple[str, tuple[Any, ...]]
"""A method of World and its arguments."""
_MOST: Final = 1_000_000
"""Steps, and other things done, that are kept at most: 40 MB of actions."""


class History:
    """Steps as rows of numbers, everything else by name: an episode of a million steps takes 40 MB."""

    def __init__(self, size: int = ACTION_SIZE) -> None:
        """Begin with nothing done.

        Args:
            size: numbers of an action.
        """
        self._size = size
        self._actions = array("d")
        self._others: list[tuple[int, Done]] = []
        self._full = False

    def step(self, action: tuple[float, ...]) -> None:
        """Keep a step with an action."""
        if len(self._actions) < _MOST * self._size and not self._full:
            self._actions.extend(action)
        else:
            self._forget()

    def add(self, name: str, *arguments: Any) -> None:
        """Keep a call of another method."""
        if len(self._others) < _MOST and not self._full:
            self._others.append((len(self._actions), (name, arguments)))
        else:
            self._forget()

    def _forget(self) -> None:
        self._full = True
        self._actions, self._others = array("d"), []

    def __len__(self) -> int:
        """Return how many things were done, as far as they are kept."""
        return len(self._actions) // self._size + len(self._others)

    def all(self) -> tuple[Done, ...]:
        """Return all that was done, in order.

        Raises:
            TabletopError: it was more than is kept.
        """
        if self._full:
            raise TabletopError(f"an episode can be kept for {_MOST} control steps at most, and this one is longer")
        done: list[Done] = []
        others = iter([*self._others, (len(self._actions) + 1, ("", ()))])
        at, other = next(others)
        for i in range(0, len(self._actions), self._size):
            while at <= i:
                done.append(other)
                at, other = next(others)
            done.append(("step", (tuple(self._actions[i : i + self._size]),)))
        done += [what for where, what in self._others if where == len(self._actions)]
        return tuple(done)
