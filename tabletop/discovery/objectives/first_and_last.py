"""First and last: maximise I(Z; S_T | S_0) >= E[log q(z|s_0, s_T) + log K] (VIC, Gregor et al. 2016, eq. 3, whose q is
given both ends; RVIC, Baumli et al. 2021).

q(z|s_0, s_T) = q(z|e_T - e_0): it sees what changed between both ends, so that where a thing happened to stand is no
part of a skill. For effects that are changes already (displaced, turned) this is final-state. For those that
are places (held_at, placed, drawer, button) the codes are displacements. That is how RVIC's, LSD's, CSD's and METRA's
rewards depend on both ends, too.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import numpy.typing as npt

from tabletop.discovery.hindsight_replay import HindsightReplay
from tabletop.discovery.objectives.base import Array, Window, telescoped
from tabletop.discovery.objectives.mixture import MixtureObjective

__all__ = ["FirstAndLast"]


class FirstAndLast(MixtureObjective):
    """r = log q(z|e' - e_0) - log q(z|e - e_0).

    q sees both ends, as in VIC (Gregor et al. 2016, eq. 3) and RVIC (Baumli et al. 2021).
    """

    name: ClassVar[str] = "first-and-last"
    conditioning: ClassVar[str] = "change"
    facts: ClassVar[bool] = False

    def seen(self, memory: HindsightReplay) -> Array:
        """Return each episode's last effect less its first."""
        out: Array = memory.finals() - memory.steps["effect"][:: memory.horizon + 1][: len(memory)]
        return out

    def seen_at(self, window: Window) -> Array:
        """Return the effects of a window less the first of their episodes."""
        out: Array = window.effects - window.effects_at(np.zeros_like(window.times[0]))
        return out

    def seen_of(self, effects: Array) -> Array:
        """Return an episode's last effect less its first."""
        out: Array = effects[-1:] - effects[:1]
        return out

    def so_far(self, window: Window) -> tuple[Array, Array]:
        """Return the changes so far."""
        seen = self.seen_at(window)
        return seen[0], seen[-1]

    def rewards(self, window: Window) -> npt.NDArray[np.float64]:
        """Return what the window's steps add to log q."""
        return telescoped(self.gains(window), window.live, self.settings.sac.gamma)
