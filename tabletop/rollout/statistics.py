"""Statistics of successes and scores."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tabletop.errors import TabletopError

__all__ = ["Statistic", "iqm", "mean", "sign_flips", "stratified_interval", "wilson"]

Array = npt.NDArray[np.float64]
Statistic = Callable[[Array], Array]
"""From scores (..., n) to one number each (...)."""

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


def mean(scores: npt.ArrayLike) -> Array:
    """Return the mean over the last axis."""
    return np.asarray(np.mean(np.asarray(scores, dtype=np.float64), axis=-1))


def iqm(scores: npt.ArrayLike) -> Array:
    """Return the interquartile mean over the last axis: the mean of the middle 50 % (Agarwal et al. 2021).

    floor(n / 4) scores are left out at either end.

    Raises:
        TabletopError: no scores.
    """
    values = np.asarray(scores, dtype=np.float64)
    if values.ndim == 0 or values.shape[-1] == 0:
        raise TabletopError(f"an interquartile mean needs a list of scores, got {scores!r}")
    ordered, n = np.sort(values, axis=-1), values.shape[-1]
    cut = n // 4
    return np.asarray(ordered[..., cut : n - cut].mean(axis=-1))


def stratified_interval(
    strata: Sequence[npt.ArrayLike],
    statistic: Statistic = mean,
    *,
    resamples: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
) -> tuple[float, float]:
    """Return the percentile interval of a statistic by the stratified bootstrap (Agarwal et al. 2021).

    Each stratum (the scores of one task, say) is resampled with replacement by itself; the statistic is of
    all of them together.

    Args:
        strata: scores of each, any number.
        statistic: from scores (..., n) to (...); `mean` or `iqm`, say.
        resamples: draws of the bootstrap.
        confidence: of the interval.
        seed: of the draws.

    Raises:
        TabletopError: no strata, an empty one, resamples below 1, or a confidence not between 0 and 1.
    """
    groups = [np.asarray(s, dtype=np.float64).ravel() for s in strata]
    if not groups or not all(len(g) for g in groups):
        raise TabletopError(f"a bootstrap needs scores in every stratum, got {[len(g) for g in groups]}")
    if resamples < 1 or not 0.0 < confidence < 1.0:
        raise TabletopError(
            f"resamples must be 1 or more and confidence between 0 and 1, got {resamples} and {confidence}"
        )
    rng: np.random.Generator = np.random.default_rng(seed)
    drawn: list[Any] = [g[rng.integers(len(g), size=(resamples, len(g)))] for g in groups]
    tail = (1.0 - confidence) / 2
    low, high = np.quantile(statistic(np.concatenate(drawn, axis=-1)), [tail, 1.0 - tail])
    return float(low), float(high)


def sign_flips(differences: npt.ArrayLike, *, draws: int = 20_000, seed: int = 0) -> float:
    """Return how often differences with signs by chance have a mean as far from 0.

    It is a two-sided paired test (Fisher 1935). All 2^n signs are tried where these are no more than the draws.
    So 5 pairs never give less than 2/32 = 0.0625.

    >>> sign_flips([1.0, 2.0, 3.0])
    0.25

    Args:
        differences: one a pair.
        draws: of signs, where all are too many.
        seed: of the draws.

    Raises:
        TabletopError: no differences.
    """
    given = np.asarray(differences, dtype=np.float64).ravel()
    if not len(given):
        raise TabletopError("a paired test needs differences, got none")
    # What does not differ has no sign.
    values = given[given != 0.0]
    n = len(values)
    seen = abs(values.sum()) - 1e-9 * np.abs(values).sum()
    if n <= 62 and 2**n <= draws:
        signs = 1 - 2 * (np.arange(2**n)[:, None] >> np.arange(n) & 1)
        return float(np.mean(np.abs(signs @ values) >= seen))
    rng = np.random.default_rng(seed)
    drawn = 1 - 2 * rng.integers(0, 2, size=(draws, n))
    # The signs that were seen are one of the draws, so that no chance is 0.
    return float((1 + np.sum(np.abs(drawn @ values) >= seen)) / (1 + draws))
