"""Final state: maximise I(Z; S_T) >= E[log q(z|s_T) + log K] (VIC, Gregor et al. 2016, eq. 3).

A step is paid what it adds to log q of the effect, which telescopes to log q of the final state; or, as published, all
of it is paid at the end.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import numpy.typing as npt

from tabletop.discovery.objectives.base import Window, summed, telescoped
from tabletop.discovery.objectives.mixture import MixtureObjective

__all__ = ["FinalState", "FinalStateAtEnd"]


class FinalState(MixtureObjective):
    """r = log q(z|e') - log q(z|e).

    A step is paid what it adds to the bound of VIC (Gregor et al. 2016, eq. 3).
    """

    name: ClassVar[str] = "final-state"
    exact: ClassVar[bool] = True

    def rewards(self, window: Window) -> npt.NDArray[np.float64]:
        """Return what the window's steps add to log q."""
        return telescoped(self.gains(window), window.live, self.settings.sac.gamma)


class FinalStateAtEnd(MixtureObjective):
    """r = log q(z|e') + log K of an episode's last step, 0 of all others.

    The bound is that of VIC (Gregor et al. 2016, eq. 3), whose own q sees the first state as well.
    """

    name: ClassVar[str] = "final-state-at-end"
    exact: ClassVar[bool] = True

    def rewards(self, window: Window) -> npt.NDArray[np.float64]:
        """Return log q of the end, where the window reaches it."""
        last = window.live & (window.times[1:] == window.memory.horizon)
        return summed(self.gains(window), last, self.settings.sac.gamma)
