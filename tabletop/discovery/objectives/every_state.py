"""Every state: maximise I(Z; S) >= E[log q(z|s_t) + log K] over all states of an episode (DIAYN, Eysenbach et al.
2018, eq. 3). q sees effects, as bells that tile them, or as published the whole observation, as a network that is
trained by cross-entropy on the codes that were commanded, with one-hot codes and no relabelling."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import numpy.typing as npt

from tabletop.discovery.objectives.base import Window, summed
from tabletop.discovery.objectives.classifier import Classifier
from tabletop.discovery.objectives.mixture import MixtureObjective

__all__ = ["EveryObservation", "EveryState"]


class EveryState(MixtureObjective):
    """r = log q(z|e') + log K.

    The reward is that of DIAYN (Eysenbach et al. 2018, eq. 3).
    """

    name: ClassVar[str] = "every-state"
    exact: ClassVar[bool] = True

    def rewards(self, window: Window) -> npt.NDArray[np.float64]:
        """Return the discounted sum of gains after each of the window's steps."""
        return summed(self.gains(window), window.live, self.settings.sac.gamma)


class EveryObservation(Classifier):
    """r = log q(z|s') + log K, s' the whole observation.

    The reward is that of DIAYN (Eysenbach et al. 2018, eq. 3).
    """

    name: ClassVar[str] = "every-state"

    def rewards(self, window: Window) -> npt.NDArray[np.float64]:
        """Return the discounted sum of gains after each of the window's steps."""
        return summed(self.gains(window), window.live, self.settings.sac.gamma)
