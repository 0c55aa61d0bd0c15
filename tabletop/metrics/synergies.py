"""Synergies: how few directions span what skills do.

Principal components as Santello et al. (1998) took of the postures of the hand, and d'Avella et al. (2003), with
time as part of the pattern, of the muscles of the frog.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tabletop.errors import TabletopError

__all__ = ["Components", "pca"]

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Components:
    """Principal components, the largest first."""

    mean: Array
    """(d,)"""
    axes: Array
    """(k, d): unit vectors at right angles, k = min(n, d)."""
    shares: Array
    """(k,): share of the variance along each; all 0 where nothing varies."""

    def count(self, share: float = 0.95) -> int:
        """Return how many components explain that share of the variance, 0 where nothing varies."""
        if not self.shares.any():
            return 0
        return int(np.searchsorted(np.cumsum(self.shares), share - 1e-12)) + 1


def pca(rows: npt.ArrayLike) -> Components:
    """Return the principal components of (n, d) rows.

    Raises:
        TabletopError: fewer than two rows.
    """
    x = np.asarray(rows, dtype=np.float64)
    if x.ndim != 2 or len(x) < 2:
        raise TabletopError(f"principal components need at least 2 rows, got shape {x.shape}")
    mean = x.mean(0)
    _, values, axes = np.linalg.svd(x - mean, full_matrices=False)
    # What is left by rounding is no variance.
    power = np.where(values > 1e-12 * max(1.0, float(np.abs(x).max())) * len(x), values, 0.0) ** 2
    return Components(mean, axes, power / power.sum() if power.any() else power)
