"""Final state: maximise I(Z; S_T) >= E[log q(z|s_T) + log K] (VIC, Gregor et al. 2016, eq. 3).

The reward of a step is what it adds to log q of the effect, which telescopes to log q of the final state.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import numpy.typing as npt

from tabletop.skills.objectives.base import Window, telescoped
from tabletop.skills.objectives.tiled import Tiled

__all__ = ["FinalState"]


class FinalState(Tiled):
    """r = log q(z|e') - log q(z|e)."""

    name: ClassVar[str] = "final-state"

    def rewards(self, window: Window) -> npt.NDArray[np.float64]:
        """Return what the window's steps add to log q."""
        return telescoped(self.gains(window), window.live, self.settings.sac.gamma)
