"""Words about counts, for messages and tables."""

from __future__ import annotations

__all__ = ["plural"]


def plural(count: float, noun: str) -> str:
    """Return a count with its noun.

    >>> plural(1, "task"), plural(12, "task"), plural(0.5, "step")
    ('1 task', '12 tasks', '0.5 steps')
    """
    return f"{count:.12g} {noun}{'' if count == 1 else 's'}"
