"""The one exception family that a user's mistake raises."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

__all__ = ["TabletopError", "unknown"]

_LONGEST: Final = 3000
"""Characters of a message at most: all tasks' names are 1,200."""


class TabletopError(ValueError):
    """Bad input. The message is one line: the rule, the value that broke it, the alternatives."""

    def __init__(self, message: str = "", *more: object) -> None:
        """Keep a message.

        Args:
            message: its line breaks become spaces; of a very long one, such as one with all of a file in it, the
                middle is left out.
            more: what a subclass is made of, for copies.
        """
        line = " ".join(str(message).splitlines())
        if len(line) > _LONGEST:
            half = _LONGEST // 2
            line = f"{line[:half]} ... {line[-half:]}"
        super().__init__(line, *more)

    def __str__(self) -> str:
        return str(self.args[0])


def unknown(what: str, value: object, known: Iterable[object]) -> TabletopError:
    """Return the error for a name that does not exist, with the one that is nearest to it and all that do.

    Args:
        what: the kind of thing looked up, as a noun ("task").
        value: the name that was asked for.
        known: the names that exist.
    """
    names = sorted(str(k) for k in known)
    near = get_close_matches(str(value), names, n=1, cutoff=0.75)
    meant = f"did you mean {near[0]!r}? " if near else ""
    return TabletopError(f"unknown {what} {str(value)!r}; {meant}there are: {', '.join(names) or 'none'}")
