"""Statistics of successes."""

from __future__ import annotations

import math
from typing import Final

from tabletop.errors import TabletopError

__all__ = ["wilson"]

_Z: Final = 1.959963984540054


def wilson(successes: int, n: int, z: float = _Z) -> tuple[float, float]:
    """Return Wilson's score interval of a proportion (Wilson 1927), 95 % by default.

    Args:
        successes: out of n.
        n: trials; without any the interval is (0, 1).
        z: quantile of the normal distribution.

    Raises:
        TabletopError: not 0 <= successes <= n.
    """
    if not 0 <= successes <= n:
        raise TabletopError(f"successes must be from 0 to n, got {successes} of {n}")
    if n == 0:
        return 0.0, 1.0
    share, square = successes / n, z * z / n
    centre = (share + square / 2) / (1 + square)
    half = z * math.sqrt(share * (1 - share) / n + square / (4 * n)) / (1 + square)
    # Exact at the ends, where rounding would leave 1e-17.
    low = 0.0 if successes == 0 else centre - half
    return low, 1.0 if successes == n else centre + half
