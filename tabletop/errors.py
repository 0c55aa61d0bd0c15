"""The one exception family that a user's mistake raises."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = ["TabletopError", "unknown"]


class TabletopError(ValueError):
    """Bad input. The message is one line: the rule, the value that broke it, the alternatives."""


def unknown(what: str, value: object, known: Iterable[object]) -> TabletopError:
    """Return the error for a name that does not exist, with the one that is nearest to it and all that do.

    Args:
        what: the kind of thing looked up, as a noun ("task").
        value: the name that was asked for.
        known: the names that exist.
    """
    names = sorted(str(k) for k in known)
    near = get_close_matches(str(value), names, n=1, cutoff=0.8)
    meant = f"did you mean {near[0]!r}? " if near else ""
    return TabletopError(f"unknown {what} {str(value)!r}; {meant}there are: {', '.join(names) or 'none'}")
