"""The one exception family that a user's mistake raises."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["TabletopError", "unknown"]


class TabletopError(ValueError):
    """Bad input. The message is one line: the rule, the value that broke it, the alternatives."""


def unknown(what: str, value: object, known: Iterable[object]) -> TabletopError:
    """Return the error for a name that does not exist, listing those that do.

    Args:
        what: the kind of thing looked up, as a noun ("task").
        value: the name that was asked for.
        known: the names that exist.
    """
    names = ", ".join(sorted(str(k) for k in known)) or "none"
    return TabletopError(f"unknown {what} {str(value)!r}; there are: {names}")
