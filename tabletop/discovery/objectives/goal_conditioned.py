"""Goal-conditioned: SAC with hindsight experience replay (HER, Andrychowicz et al. 2017), and no discriminator.

A goal g is an end that was reached. What is maximised is the discounted sum of HER's reward,

    r(e', g) = -1 where |e' - g| > tolerance, else 0,

or of the dense one, r(e', g) = -|e' - g| in m. The distance is over what is asked for: HER's goal is a place, and not
the manner of getting there. With `goal_asked` off it is over all numbers of an effect. A discriminator lays the
library's codes over what was reached, and gives each an equal share of the hindsight. It has no part in the reward.

*Goals.* The goals of a round are drawn anew. All 5 cm bins that an effect has reached are as likely, then the ends in
one. That is Skew-Fit (Pong et al. 2020) with alpha = -1 and a histogram for the density: goals are uniform over the
support, at once and not in the limit. A discrete fact is one goal, as often asked for as it is of the default's codes.

*Hindsight.* HER's strategy "final": an episode was to reach its own end. Values are not clipped to what rewards allow.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

import numpy as np
import numpy.typing as npt

from tabletop.discovery.collect import Record
from tabletop.discovery.hindsight_replay import HindsightReplay
from tabletop.discovery.learner_config import LearnerSettings
from tabletop.discovery.objectives.base import Array, Window, summed
from tabletop.discovery.objectives.mixture import MixtureObjective
from tabletop.errors import TabletopError
from tabletop.skills.codebook import Codebook
from tabletop.skills.effects import EFFECT_WIDTH, LEFT

__all__ = ["GoalConditioned", "GoalConditionedDense"]

_BIN: Final = 0.05
"""m: effects in one bin of this size count as the same."""


class GoalConditioned(MixtureObjective):
    """r = -1 until e' is within the tolerance of the goal, 0 there.

    The reward is that of HER (Andrychowicz et al. 2017, section 4.1).
    """

    name: ClassVar[str] = "goal-conditioned"
    exact: ClassVar[bool] = True
    dense: ClassVar[bool] = False
    """Whether the reward is -|e' - g| in m."""

    def __init__(self, codes: Codebook, settings: LearnerSettings, seed: int, horizon: int) -> None:
        super().__init__(codes, settings, seed, horizon)
        self.fresh = True  # Each round has goals of its own, whatever is taken for one in hindsight.
        self._counted = codes.asks if settings.goal_asked else np.ones_like(codes.asks)
        self._ends = np.zeros((0, EFFECT_WIDTH))
        self._end_effects = np.zeros(0, dtype=np.intp)

    # --- goals -------------------------------------------------------------------------------

    def _draw_goals(self, memory: HindsightReplay, seen: Array, rng: np.random.Generator) -> None:
        """Take an end out of each bin that an effect has reached; ends that are facts are none."""
        kept, effect_indices = [], []
        for i, effect in enumerate(self.codes.effects):
            ends = seen[memory.of_effect(i), i].astype(np.float64)
            ends = rng.permutation(ends[effect.classify_fact(ends) < 0])
            # What is asked for is what comes of it; what is to be 0 is so for all. The first in a bin is any of it.
            ends *= self.codes.asks[i]
            first = np.unique(np.round(ends[:, :LEFT] / _BIN).astype(np.int64), axis=0, return_index=True)[1]
            kept.append(ends[first])
            effect_indices.append(np.full(len(first), i, dtype=np.intp))
        self._ends, self._end_effects = np.concatenate(kept), np.concatenate(effect_indices)

    def sample_codes(self, rng: np.random.Generator) -> npt.NDArray[np.float64]:
        """Return the goals of the next round, (codes, EFFECT_WIDTH): ends that were reached, drawn evenly over bins.

        Codes of facts keep what they are, and so do those of an effect that has reached nothing else yet.
        """
        out = self.skill_embeddings.copy()
        for i in range(len(self.codes.effects)):
            own = self._ends[self._end_effects == i]
            if len(own) and not self.codes.facts_only(i):
                free = self.codes.free(i)
                out[free] = own[rng.integers(len(own), size=len(free))]
        return out

    # --- learning ----------------------------------------------------------------------------

    def begin(self, memory: HindsightReplay, rng: np.random.Generator) -> None:
        """Lay the codes over what random episodes made, and draw goals from it."""
        super().begin(memory, rng)
        self._draw_goals(memory, self.seen(memory), rng)

    def learn(
        self, memory: HindsightReplay, rounds: int, updates: int, known: Array, rng: np.random.Generator
    ) -> float:
        """Relabel and lay the library's codes; return how far recent episodes ended from their goals, m on average."""
        super().learn(memory, rounds, updates, known, rng)
        newest = memory.newest(self.settings.recent)
        return float(self.misses(memory)[newest].mean()) if len(newest) else 0.0

    def misses(self, memory: HindsightReplay) -> npt.NDArray[np.float64]:
        """Return how far each episode's end is from the goal that it had, (n,) m of the reach.

        Args:
            memory: with each episode's own goal.
        """
        n = len(memory)
        effect_indices = memory.codes.effect_of[memory.commanded_codes()]
        gap = memory.finals()[np.arange(n), effect_indices] - memory.episodes["embedding"][:n]
        return self._distance(gap, effect_indices).astype(np.float64)

    def gains(self, window: Window) -> npt.NDArray[np.float64]:
        """Return the reward of being there at each time of a window, (n + 1, B)."""
        missed = self._distance(window.effects - window.embeddings, window.effect_indices)
        out: npt.NDArray[np.float64]
        out = -missed if self.dense else np.where(missed <= self.settings.goal_tolerance, 0.0, -1.0)
        return out

    def rewards(self, window: Window) -> npt.NDArray[np.float64]:
        """Return the discounted sum of the rewards after each of the window's steps."""
        return summed(self.gains(window), window.live, self.settings.sac.gamma)

    def classify(
        self, record: Record, embeddings: npt.NDArray[np.float64], rng: np.random.Generator
    ) -> tuple[bool, float]:
        """Return whether the episode's goal was reached; there is no q that could say log q."""
        del rng
        effect_index = self.codes.effect_of[record.code]
        missed = self._distance(record.effects[-1, effect_index] - embeddings[record.code], effect_index)
        return bool(missed <= self.settings.goal_tolerance), 0.0

    def _distance(self, gap: Array, effect_indices: npt.NDArray[np.intp] | np.intp) -> npt.NDArray[Any]:
        """Return the length of gaps (..., EFFECT_WIDTH) over the numbers that count for their effects, (...) m."""
        out: npt.NDArray[Any] = np.linalg.norm(gap * self._counted[effect_indices], axis=-1)
        return out

    # --- keeping -----------------------------------------------------------------------------

    def progress(self) -> dict[str, float]:
        """Return how many bins goals are drawn from."""
        return {"goals": float(len(self._ends))}

    def state_dict(self) -> dict[str, npt.NDArray[Any]]:
        """Return the library's codes, and what goals are drawn from."""
        return {**super().state_dict(), "ends": self._ends.copy(), "end_effects": self._end_effects.copy()}

    def load_state_dict(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Take over what `state_dict` gave."""
        ends, effect_indices = state.get("ends"), state.get("end_effects")
        if ends is None or ends.ndim != 2 or ends.shape[1] != EFFECT_WIDTH:
            got = "nothing" if ends is None else ends.shape
            raise TabletopError(f"the objective's state needs ends of shape (n, {EFFECT_WIDTH}); got {got}")
        if effect_indices is None or effect_indices.shape != (len(ends),):
            got = "nothing" if effect_indices is None else effect_indices.shape
            raise TabletopError(f"the objective's state needs end_effects of shape ({len(ends)},); got {got}")
        super().load_state_dict(state)
        self._ends, self._end_effects = np.array(ends, np.float64), np.array(effect_indices, np.intp)


class GoalConditionedDense(GoalConditioned):
    """r = -|e' - g|, in m of the reach.

    HER (Andrychowicz et al. 2017, section 4.4) calls it a shaped reward, and finds it worse.
    """

    name: ClassVar[str] = "goal-conditioned-dense"
    dense: ClassVar[bool] = True
