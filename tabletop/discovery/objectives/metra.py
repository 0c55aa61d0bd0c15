"""METRA: maximise E[sum_t (phi(s_t+1) - phi(s_t)) . z] over phi with |phi(s) - phi(s')| <= 1 for all s, s' that are
one step apart (Park et al. 2024): a lower bound of the Wasserstein dependency of S_T and Z under the temporal distance.
What takes long to reach counts as far, in whatever units it is seen."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from tabletop.discovery.objectives.distance_maximizing import Dual, Transitions

__all__ = ["METRA"]


class METRA(Dual):
    """r = (phi(s') - phi(s)) . z, |phi(s') - phi(s)| <= 1.

    This is METRA (Park et al. 2024).
    """

    name: ClassVar[str] = "metra"

    def distance(self, batch: Transitions) -> Tensor:
        """Return 1: any two states a step apart.

        It is the temporal distance (Park et al. 2024).
        """
        return torch.ones(len(batch.z))
