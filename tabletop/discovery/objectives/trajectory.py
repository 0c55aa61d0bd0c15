"""Trajectory: maximise I(Z; tau) >= E[log q(z|tau) + log K] (VALOR, Achiam et al. 2018, whose decoder reads
equally spaced observations of the whole trajectory, and whose reward comes at its end).

q sees the path: the effects at WAYPOINTS equally spaced times, the last being the end. Midway the times to come count
as if everything stayed as it is, so that log q has a value at each step; the reward is what a step adds to it, and
telescopes to log q of the whole path. Skills that end alike may differ on the way.
"""

from __future__ import annotations

from typing import ClassVar, Final

import numpy as np
import numpy.typing as npt

from tabletop.discovery.hindsight_replay import HindsightReplay
from tabletop.discovery.objectives.base import Array, Window, telescoped
from tabletop.discovery.objectives.mixture import MixtureObjective
from tabletop.skills.effects import EFFECT_WIDTH

__all__ = ["WAYPOINTS", "Trajectory"]

WAYPOINTS: Final = 4
"""Times of an episode that q sees."""
_SCALE: Final = 6.0
"""A mean effect in m times this is what a policy is conditioned on, as with the other objectives."""


class Trajectory(MixtureObjective):
    """r = log q(z|path to s') - log q(z|path to s).

    q sees the whole way, as in VALOR (Achiam et al. 2018).
    """

    name: ClassVar[str] = "trajectory"
    conditioning: ClassVar[str] = "vector"
    facts: ClassVar[bool] = False
    parts: ClassVar[int] = WAYPOINTS

    @property
    def waypoints(self) -> npt.NDArray[np.intp]:
        """(WAYPOINTS,): control steps at which q looks."""
        return -(-self.horizon * np.arange(1, WAYPOINTS + 1) // WAYPOINTS)

    @property
    def skill_embeddings(self) -> npt.NDArray[np.float64]:
        """(codes, WAYPOINTS * EFFECT_WIDTH): the codes' mean paths."""
        return self.q.means * _SCALE

    def seen(self, memory: HindsightReplay) -> Array:
        """Return each episode's path."""
        steps, n = memory.steps["effect"], len(memory)
        return np.concatenate([steps[t :: memory.horizon + 1][:n] for t in self.waypoints], axis=-1)

    def seen_at(self, window: Window) -> Array:
        """Return the paths up to each time of a window, at rest from then on."""
        return np.concatenate([window.effects_at(np.minimum(window.times, t)) for t in self.waypoints], axis=-1)

    def seen_of(self, effects: Array) -> Array:
        """Return an episode's path."""
        out: Array = effects[self.waypoints].reshape(1, WAYPOINTS * EFFECT_WIDTH)
        return out

    def rewards(self, window: Window) -> npt.NDArray[np.float64]:
        """Return what the window's steps add to log q."""
        return telescoped(self.gains(window), window.live, self.settings.sac.gamma)
