"""Objectives whose codes are directions in an embedding phi: r = (phi(s') - phi(s)) . z.

LSD, CSD and METRA differ in what bounds phi, and in nothing else. The reward telescopes to (phi(s_T) - phi(s_0)) . z.
Codes are directions of length 1, draws of a standard normal (both drawn anew for each round of episodes; the library
has as many as there are codes, far from each other), or zero-centred one-hot vectors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tabletop.discovery.collect import Record
from tabletop.discovery.discriminator import farthest
from tabletop.discovery.hindsight_replay import HindsightReplay
from tabletop.discovery.learner_config import LearnerSettings
from tabletop.discovery.objectives.base import Objective, Window, one_hot, telescoped
from tabletop.discovery.objectives.features import Features
from tabletop.discovery.objectives.network import Net
from tabletop.errors import TabletopError
from tabletop.learn.adam import Adam
from tabletop.seeds import Purpose, rng_of, seed_of
from tabletop.skills.codebook import Codebook

__all__ = ["DistanceMaximizing", "Dual", "Transitions"]

_POOL: Final = 2048
"""Draws that a library's continuous codes are chosen from."""


class Transitions:
    """A batch of steps as phi learns from them: B transitions of what is seen, and the codes they were made for."""

    def __init__(
        self,
        features: Features,
        memory: HindsightReplay,
        embeddings: npt.NDArray[Any] | None,
        n: int,
        rng: np.random.Generator,
    ) -> None:
        """Draw.

        Args:
            features: what is seen.
            memory: where from.
            embeddings: (codes, width) of all codes; None where the memory has those of each episode.
            n: B.
            rng: draws.
        """
        episodes, times, codes = memory.draw(n, 0.0, rng)
        effect_indices = memory.codes.effect_of[codes]
        rows = episodes * (memory.horizon + 1) + times
        before, after = features.steps(memory, rows, effect_indices), features.steps(memory, rows + 1, effect_indices)
        z = memory.episodes["embedding"][episodes] if embeddings is None else embeddings[codes]
        self.before = torch.from_numpy(features.rows(before, effect_indices))
        """(B, columns)"""
        self.after = torch.from_numpy(features.rows(after, effect_indices))
        """(B, columns)"""
        self.change = torch.from_numpy(after - before)
        """(B, size)"""
        self.used = torch.from_numpy(features.used[effect_indices])
        """(B, size): which of its columns count."""
        self.z = torch.from_numpy(np.asarray(z, np.float32))
        """(B, width)"""


class DistanceMaximizing(Objective):
    """phi, the codes, and what both are for; what bounds phi is left to the objectives themselves.

    The reward is that of LSD (Park et al. 2022), which CSD and METRA took over.
    """

    lipschitz = False

    def __init__(self, codes: Codebook, settings: LearnerSettings, seed: int, horizon: int) -> None:
        super().__init__(codes, settings, seed, horizon)
        self.features = Features(codes, settings.discriminator_input)
        self.fresh = settings.latent != "discrete"
        self._embeddings = self._library(rng_of(seed, Purpose.EMBEDDINGS))
        sizes = (self.features.columns, *settings.phi.hidden, self._embeddings.shape[1])
        network = seed_of(seed, Purpose.OBJECTIVE_NETWORK)
        self.phi = Net(sizes, settings.phi.rate, network, lipschitz=self.lipschitz)
        self._log_count = np.log(codes.member.sum(1))

    # --- codes -------------------------------------------------------------------------------

    def _library(self, rng: np.random.Generator) -> npt.NDArray[np.float64]:
        if self.fresh:
            return np.concatenate([farthest(self._prior(_POOL, rng), n, rng) for n in self.codes.counts.values()])
        plain = one_hot(self.codes)
        count = np.array([n for n in self.codes.counts.values() for _ in range(n)])[:, None]
        inside = np.arange(plain.shape[1]) < count
        # Zero-centred and 1 at its own place, so that going along all axes at once earns nothing.
        out: npt.NDArray[np.float64] = np.where(inside, (plain - 1 / count) * count / (count - 1), 0.0)
        return out

    def _prior(self, n: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
        """Return draws of p(z), (n, size)."""
        out = rng.normal(size=(n, self.settings.phi.size))
        return out / np.linalg.norm(out, axis=-1, keepdims=True) if self.settings.latent == "sphere" else out

    @property
    def skill_embeddings(self) -> npt.NDArray[np.float64]:
        """(codes, width): the directions of the library's codes."""
        return self._embeddings

    def sample_codes(self, rng: np.random.Generator) -> npt.NDArray[np.float64]:
        """Return what the next job's codes are: continuous ones are drawn anew."""
        return self._prior(self.codes.total, rng) if self.fresh else self._embeddings.copy()

    # --- learning ----------------------------------------------------------------------------

    def learn(self, memory: HindsightReplay, rounds: int, updates: int, rng: np.random.Generator) -> float:
        """Take as many gradient steps as the policy will; return phi's mean loss."""
        del rounds
        embeddings = None if self.fresh else self._embeddings
        losses = [
            self.step(Transitions(self.features, memory, embeddings, self.settings.phi.batch_size, rng))
            for _ in range(updates)
        ]
        return float(np.mean(losses)) if losses else 0.0

    def step(self, batch: Transitions) -> float:
        """Take one gradient step on a batch, of phi and of what bounds it; return phi's loss."""
        return self.phi.descend(lambda phi: -self.ahead(phi, batch)[0].mean())

    @staticmethod
    def ahead(phi: Callable[[Tensor], Tensor], batch: Transitions) -> tuple[Tensor, Tensor]:
        """Return (phi(s') - phi(s)) . z, (B,), and |phi(s') - phi(s)|^2, (B,)."""
        change = phi(batch.after) - phi(batch.before)
        return (change * batch.z).sum(-1), change.square().sum(-1)

    def rewards(self, window: Window) -> npt.NDArray[np.float64]:
        """Return how far the window's steps go in phi, along z."""
        phi = self.phi(self.features.rows(self.features.window(window), window.effect_indices)).astype(np.float64)
        return telescoped((phi * window.embeddings).sum(-1), window.live, self.settings.sac.gamma)

    def classify(
        self, record: Record, embeddings: npt.NDArray[np.float64], rng: np.random.Generator
    ) -> tuple[bool, float]:
        """Ask which of the job's codes phi went along: q(z|s_0, s_T) as a normal around phi(s_T) - phi(s_0)."""
        del rng
        effect_index = int(self.codes.effect_of[record.code])
        own = self.codes.codes_of(effect_index)
        first, last = self.phi(self.features.rows(self.features.ends(record), effect_index)).astype(np.float64)
        logits = -0.5 * np.square(embeddings[own] - (last - first)).sum(-1)
        logits -= logits.max()
        log_q = logits - np.log(np.exp(logits).sum())
        place = record.code - int(own[0])
        return int(log_q.argmax()) == place, float(log_q[place] + self._log_count[effect_index])

    # --- keeping -----------------------------------------------------------------------------

    def state_dict(self) -> dict[str, npt.NDArray[Any]]:
        """Return phi and its optimiser."""
        return self.phi.state_dict("phi")

    def load_state_dict(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Take over what `state_dict` gave."""
        self.phi.load_state_dict("phi", state)


class Dual(DistanceMaximizing):
    """A phi that is bounded by a constraint, kept by dual gradient descent (METRA and CSD):

        phi    maximises  E[(phi(s') - phi(s)) . z + lambda min(epsilon, d(s, s') - |phi(s') - phi(s)|^2)]
        lambda minimises  E[lambda min(epsilon, d(s, s') - |phi(s') - phi(s)|^2)]

    What a kept constraint counts is cut off at epsilon: else lambda would fall while some transitions break it.

    Sources: CSD (Park et al. 2023) and METRA (Park et al. 2024).
    """

    def __init__(self, codes: Codebook, settings: LearnerSettings, seed: int, horizon: int) -> None:
        super().__init__(codes, settings, seed, horizon)
        self._log_lambda = torch.full((1,), float(np.log(settings.phi.dual)))
        self._lambda_gradient = torch.zeros(1)
        self._adam = Adam(self._log_lambda, self._lambda_gradient, settings.phi.dual_rate)

    @property
    def multiplier(self) -> float:
        """lambda."""
        return float(self._log_lambda.exp())

    def distance(self, batch: Transitions) -> Tensor:
        """Return d(s, s'), (B,), which the square of phi's step may not exceed."""
        raise NotImplementedError

    def step(self, batch: Transitions) -> float:
        """Take one gradient step of phi, then one of lambda."""
        distance, slack, weight = self.distance(batch), self.settings.phi.slack, self.multiplier
        kept = torch.zeros(())

        def loss(phi: Callable[[Tensor], Tensor]) -> Tensor:
            nonlocal kept
            along, square = self.ahead(phi, batch)
            penalty = (distance - square).clamp(max=slack)
            kept = penalty.detach().mean()
            return -(along + weight * penalty).mean()

        value = self.phi.descend(loss)
        self._lambda_gradient.copy_(kept)
        self._adam.step()
        return value

    def progress(self) -> dict[str, float]:
        """Return lambda."""
        return {"lambda": round(self.multiplier, 4)}

    def state_dict(self) -> dict[str, npt.NDArray[Any]]:
        """Return phi, lambda, and their optimisers."""
        dual = {"value": self._log_lambda, **self._adam.state}
        return {**super().state_dict(), **{f"log_lambda.{name}": v.numpy().copy() for name, v in dual.items()}}

    def load_state_dict(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Take over what `state_dict` gave."""
        super().load_state_dict(state)
        for name, value in {"value": self._log_lambda, **self._adam.state}.items():
            found = state.get(f"log_lambda.{name}")
            if found is None or found.shape != tuple(value.shape):
                raise TabletopError(f"the objective's state needs log_lambda.{name} of shape {tuple(value.shape)}")
            value.copy_(torch.from_numpy(np.array(found)))
