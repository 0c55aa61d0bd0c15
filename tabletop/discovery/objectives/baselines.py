"""Baselines: what comes of it if nothing is rewarded, and if nothing is learned. Any objective has to be above both."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import numpy.typing as npt

from tabletop.discovery.learner_config import LearnerSettings
from tabletop.discovery.objectives.base import Objective, Window, one_hot
from tabletop.skills.codebook import Codebook

__all__ = ["MaxEntropy", "Random"]


class _Floor(Objective):
    """No reward; codes mean nothing."""

    def __init__(self, codes: Codebook, settings: LearnerSettings, seed: int, horizon: int) -> None:
        super().__init__(codes, settings, seed, horizon)
        self._embeddings = one_hot(codes)

    @property
    def skill_embeddings(self) -> npt.NDArray[np.float64]:
        """(codes, most codes of an effect): one-hot."""
        return self._embeddings

    def rewards(self, window: Window) -> npt.NDArray[np.float64]:
        """Return zeros."""
        return np.zeros(len(window.codes))


class MaxEntropy(_Floor):
    """Maximum entropy alone: maximise alpha E[sum_t H(pi(.|s_t, z))] (soft actor-critic, Haarnoja et al. 2018, eq. 1,
    with r = 0). Its skills draw their actions: the mean action of a policy that likes all alike is to stand still."""

    name: ClassVar[str] = "max-entropy"
    acts: ClassVar[str] = "sample"


class Random(_Floor):
    """Random actions, correlated in time as in the warm-up; no learning."""

    name: ClassVar[str] = "random"
    acts: ClassVar[str] = "random"
    goes_on: ClassVar[bool] = False
