"""Every state: maximise I(Z; S) >= E[log q(z|s_t) + log K] over all states of an episode (DIAYN, Eysenbach et al.
2018, eq. 3), here of effects rather than whole states."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["reward"]


def reward(gains: npt.NDArray[np.float64], live: npt.NDArray[np.float64], gamma: float) -> npt.NDArray[np.float64]:
    """Return sum_i gamma^i gains[i + 1]; see `Objective`."""
    out: npt.NDArray[np.float64] = (gamma ** np.arange(len(live))[:, None] * gains[1:] * live).sum(0)
    return out
