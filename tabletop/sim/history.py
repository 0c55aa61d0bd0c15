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
_CHUNK: Final = 1024
"""Steps whose actions lie in one piece of memory: one that grew would leave holes behind."""


class History:
    """Steps as rows of numbers, everything else by name: an episode of a million steps takes 40 MB.

    The same thing done again and again without arguments, such as an idle step, is counted.
    """

    def __init__(self, size: int = ACTION_SIZE) -> None:
        """Begin with nothing done.

        Args:
            size: numbers of an action.
        """
        self._size = size
        self._steps = 0
        self._actions: list[array[float]] = []
        self._others: list[tuple[int, Done, int]] = []
        """How many steps were done before, what was done, and how often."""
        self._length = 0
        self._full = False

    def step(self, action: tuple[float, ...]) -> None:
        """Keep a step with an action."""
        if self._full or self._steps >= _MOST:
            self._forget()
            return
        if self._steps % _CHUNK == 0:
            self._actions.append(array("d", bytes(8 * self._size * _CHUNK)))
        at = self._steps % _CHUNK * self._size
        self._actions[-1][at : at + self._size] = array("d", action)
        self._steps += 1
        self._length += 1

    def add(self, name: str, *arguments: Any) -> None:
        """Keep a call of another method."""
        if self._full or len(self._others) >= _MOST:
            self._forget()
            return
        done: Done = (name, arguments)
        if self._others and not arguments and self._others[-1][:2] == (self._steps, done):
            self._others[-1] = (*self._others[-1][:2], self._others[-1][2] + 1)
        else:
            self._others.append((self._steps, done, 1))
        self._length += 1

    def _forget(self) -> None:
        self._full = True
        self._actions, self._others = [], []
        self._steps = self._length = 0

    def __len__(self) -> int:
        """Return how many things were done, as far as they are kept."""
        return self._length

    def all(self) -> tuple[Done, ...]:
        """Return all that was done, in order.

        Raises:
            TabletopError: it was more than is kept.
        """
        if self._full:
            raise TabletopError(f"an episode can be kept for {_MOST} control steps at most, and this one is longer")
        done: list[Done] = []
        steps = 0
        for before, what, times in (*self._others, (self._steps, ("", ()), 0)):
            done += [("step", (self._action(i),)) for i in range(steps, before)]
            done += [what] * times
            steps = before
        return tuple(done)

    def _action(self, step: int) -> tuple[float, ...]:
        at = step % _CHUNK * self._size
        return tuple(self._actions[step // _CHUNK][at : at + self._size])
