"""CURIOUS: goal-conditioned, with effects chosen by absolute learning progress (Colas et al. 2019).

Its modules are effects here. With C(n) the share of reached goals among a module's last l episodes up to the n-th,

    LP = |C(n) - C(n - l)|,    p(i) = epsilon / N + (1 - epsilon) |LP_i| / sum_j |LP_j|,    epsilon = 0.4.

As in the authors' code both windows are halves of the last 2 l episodes, l = 100, and halves of fewer while there are
fewer. Differences: all episodes are looked at, noise of exploration included, and not only a tenth without noise. Which
effect a batch is of follows from the episodes (hindsight_replay.py), and not from LP a second time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

import numpy as np
import numpy.typing as npt

from tabletop.discovery.hindsight_replay import HindsightReplay
from tabletop.discovery.learner_config import LearnerSettings
from tabletop.discovery.objectives.base import Array
from tabletop.discovery.objectives.goal_conditioned import GoalConditioned
from tabletop.errors import TabletopError
from tabletop.skills.codebook import Codebook

__all__ = ["EPSILON", "WINDOW", "Curious", "CuriousDense", "learning_progress", "shares"]

EPSILON: Final = 0.4
"""Share of the episodes whose effect is any."""
WINDOW: Final = 100
"""l: episodes of an effect over which competence is a mean."""


class Curious(GoalConditioned):
    """The reward of `goal-conditioned`; effects are chosen by how fast success at them changes.

    This is the choice of modules of CURIOUS (Colas et al. 2019).
    """

    name: ClassVar[str] = "curious"

    def __init__(self, codes: Codebook, settings: LearnerSettings, seed: int, horizon: int) -> None:
        super().__init__(codes, settings, seed, horizon)
        self._begun = 0
        self._progress = np.zeros(len(codes.effects))

    def begin(self, memory: HindsightReplay, rng: np.random.Generator) -> None:
        """Begin; episodes of before had no goals to reach."""
        super().begin(memory, rng)
        self._begun = memory.episodes.added

    def learn(
        self, memory: HindsightReplay, rounds: int, updates: int, known: Array, rng: np.random.Generator
    ) -> float:
        """Do as `goal-conditioned` does, and see what progress each effect has made."""
        loss = super().learn(memory, rounds, updates, known, rng)
        newest_last = memory.newest(memory.episodes.added - self._begun)[::-1]
        reached = self.misses(memory)[newest_last] <= self.settings.goal_tolerance
        effect_indices = self.codes.effect_of[memory.commanded_codes()[newest_last]]
        for i in range(len(self.codes.effects)):
            self._progress[i] = learning_progress(reached[effect_indices == i])
        return loss

    def effect_weights(self, weights: Sequence[float], known: Sequence[float]) -> list[float]:
        """Return p(i) of each effect; what weight or success it has counts for nothing."""
        del weights, known
        return shares(self._progress)

    def progress(self) -> dict[str, float]:
        """Return how many bins goals are drawn from, and the progress of each effect."""
        own = {
            f"progress/{effect.name}": round(float(value), 4)
            for effect, value in zip(self.codes.effects, self._progress, strict=True)
        }
        return {**super().progress(), **own}

    def state_dict(self) -> dict[str, npt.NDArray[Any]]:
        """Return that of `goal-conditioned`, and progress."""
        return {**super().state_dict(), "begun": np.array([self._begun]), "progress": self._progress.copy()}

    def load_state_dict(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Take over what `state_dict` gave."""
        for name, shape in (("begun", (1,)), ("progress", self._progress.shape)):
            if name not in state or state[name].shape != shape:
                got = state[name].shape if name in state else "nothing"
                raise TabletopError(f"the objective's state needs {name} of shape {shape}; got {got}")
        super().load_state_dict(state)
        self._begun, self._progress = int(state["begun"][0]), np.array(state["progress"], np.float64)


class CuriousDense(Curious):
    """The same with the reward -|e' - g|, in m of the reach.

    Effects are chosen as in CURIOUS (Colas et al. 2019), whose own reward is that of HER.
    """

    name: ClassVar[str] = "curious-dense"
    dense: ClassVar[bool] = True


def learning_progress(reached: Sequence[bool] | npt.NDArray[np.bool_], window: int = WINDOW) -> float:
    """Return |C(n) - C(n - l)|, C the share of goals that were reached in l episodes (Colas et al. 2019).

    Args:
        reached: of an effect's episodes, oldest first.
        window: l at most; half of the episodes while there are fewer than 2 l.

    >>> learning_progress([False, False, True, False, True, True], window=2)
    0.5
    """
    results = np.asarray(reached, dtype=np.float64)
    size = min(len(results) // 2, window)
    if not size:
        return 0.0
    return float(abs(results[-size:].mean() - results[-2 * size : -size].mean()))


def shares(progress: npt.ArrayLike, epsilon: float = EPSILON) -> list[float]:
    """Return p(i) = epsilon / N + (1 - epsilon) LP_i / sum_j LP_j, alike where there is no progress at all.

    Args:
        progress: (N,) LP of each effect, 0 or more.
        epsilon: share that is any.

    >>> [round(p, 3) for p in shares([0.3, 0.1])]
    [0.65, 0.35]
    """
    made = np.asarray(progress, dtype=np.float64)
    whole = made.sum()
    if whole <= 0.0:
        return [1.0 / len(made)] * len(made)
    return [float(p) for p in epsilon / len(made) + (1.0 - epsilon) * made / whole]
