"""CSD: maximise E[(phi(s_T) - phi(s_0)) . z] over phi with |phi(s') - phi(s)|^2 <= d(s, s'), where d is the
controllability-aware distance (Park et al. 2023)

    d(s, s') = (s' - mu(s))^T Sigma(s)^-1 (s' - mu(s))  =  -2 log q(s'|s) + const,   q(s'|s) = N(mu(s), Sigma(s)),

with q fitted to the transitions seen so far, Sigma diagonal. Changes that come about all the time count for little,
rare ones, which are hard to bring about, for much; so what is mastered gives way to what is not. As in the authors'
code, d is the mean over the columns seen and bounds the square of phi's step; unlike there, standard deviations are not
divided by their geometric mean but have a floor.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy.typing as npt
import torch
from torch import Tensor

from tabletop.discovery.learner_config import LearnerSettings
from tabletop.discovery.objectives.distance_maximizing import Dual, Transitions
from tabletop.discovery.objectives.network import Net
from tabletop.seeds import Purpose, seed_of
from tabletop.skills.codebook import Codebook

__all__ = ["CSD"]


class CSD(Dual):
    """r = (phi(s') - phi(s)) . z, |phi(s') - phi(s)|^2 <= the surprise of s' after s.

    This is CSD (Park et al. 2023).
    """

    name: ClassVar[str] = "csd"

    def __init__(self, codes: Codebook, settings: LearnerSettings, seed: int, horizon: int) -> None:
        super().__init__(codes, settings, seed, horizon)
        sizes = (self.features.columns, *settings.phi.hidden, 2 * self.features.size)
        self.density = Net(sizes, settings.phi.rate, seed_of(seed, Purpose.DENSITY_NETWORK))

    def _miss(self, density: Callable[[Tensor], Tensor], batch: Transitions) -> tuple[Tensor, Tensor]:
        """Return ((ds - mu) / sigma)^2 and log sigma, (B, size) each."""
        mean, log_std = density(batch.before).chunk(2, dim=-1)
        # Softly from below: a clamp would leave a column that never changes without a gradient.
        std = torch.nn.functional.softplus(log_std) + self.settings.phi.floor
        return ((batch.change - mean) / std).square(), std.log()

    def distance(self, batch: Transitions) -> Tensor:
        """Return d(s, s').

        Returns:
            (B,), the controllability-aware distance (Park et al. 2023), as a mean over the columns that are seen.
        """
        with torch.no_grad():
            miss, _ = self._miss(self.density.function(), batch)
            return (miss * batch.used).sum(-1) / batch.used.sum(-1)

    def step(self, batch: Transitions) -> float:
        """Fit the density to the batch, then phi and lambda."""

        def surprise(density: Callable[[Tensor], Tensor]) -> Tensor:
            miss, log_std = self._miss(density, batch)
            return ((0.5 * miss + log_std) * batch.used).sum(-1).mean()

        self.density.descend(surprise)
        return super().step(batch)

    def state_dict(self) -> dict[str, npt.NDArray[Any]]:
        """Return phi, lambda, the density, and their optimisers."""
        return {**super().state_dict(), **self.density.state_dict("density")}

    def load_state_dict(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Take over what `state_dict` gave."""
        super().load_state_dict(state)
        self.density.load_state_dict("density", state)
