"""Sums of floats that are the same bits on every CPython."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["added"]


def added(values: Iterable[float]) -> float:
    """Return the sum of values, added from left to right.

    The built-in `sum` makes up for rounding from CPython 3.12 on, and so gives other bits than before.

    >>> added([1e16, 1.0, 1.0]) == 1e16  # sum() gives 1e16 + 2 from CPython 3.12 on
    True
    """
    total = 0.0
    for value in values:
        total += value
    return total
