"""Final state: maximise I(Z; S_T) >= E[log q(z|s_T) + log K] (VIC, Gregor et al. 2016, eq. 3).

The reward of a step is what it adds to log q of the effect. The differences are not discounted in themselves: they
telescope to log q of the final state for gamma = 1, and below it what is gained early counts more. With
gamma log q' - log q, the potential-based form (Ng et al. 1999), nothing but the very end of an episode would matter
to the best policy, and it dawdles until then.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["reward"]


def reward(gains: npt.NDArray[np.float64], live: npt.NDArray[np.float64], gamma: float) -> npt.NDArray[np.float64]:
    """Return sum_i gamma^i (gains[i + 1] - gains[i]); see `Objective`."""
    out: npt.NDArray[np.float64] = (gamma ** np.arange(len(live))[:, None] * np.diff(gains, axis=0) * live).sum(0)
    return out
