"""Explore, discover, learn (EDL, Campos et al. 2020): the parts of I(S; Z) = H(S) - H(S|Z) one after another.

1. *Explore*: a policy without codes spreads over what can be reached: r = -log p(e'), p the density of effects in the
   replay by 5 cm bins (state marginal matching, Lee et al. 2019, towards the uniform: one of EDL's ways to explore).
2. *Discover*: a code book for what was reached, frozen from then on. EDL trains a VQ-VAE; on effects, which are a few
   numbers in one unit, encoder and decoder are the identity, and what is left of it is weighted k-means. Each end
   counts by 1 / (count_smoothing + ends in its bin), near enough to a uniform p(s).
3. *Learn*: a new policy for r = log q(e'|z), q(e|z) a bell around the code's place. As with the other objectives a
   batch's second half is relabelled with codes that its ends fit.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

import numpy as np
import numpy.typing as npt

from tabletop.discovery.collect import Record
from tabletop.discovery.discriminator import farthest
from tabletop.discovery.hindsight_replay import HindsightReplay
from tabletop.discovery.learner_config import LearnerSettings
from tabletop.discovery.objectives.base import Array, Window, summed
from tabletop.discovery.objectives.mixture import MixtureObjective
from tabletop.skills.codebook import Codebook
from tabletop.skills.effects import LEFT

__all__ = ["ExploreThenDiscover", "code_book"]

_BIN: Final = 0.05
"""m: effects in one bin of this size count as the same."""
_EPISODES: Final = 500
"""Newest episodes that the density is counted on."""
_SWEEPS: Final = 25
"""Of k-means."""


class ExploreThenDiscover(MixtureObjective):
    """r = -log p(e') while exploring, then log q(e'|z).

    This is EDL (Campos et al. 2020), which explores here by state marginal matching (Lee et al. 2019).
    """

    name: ClassVar[str] = "explore-then-discover"
    facts: ClassVar[bool] = False
    goes_on: ClassVar[bool] = False
    """It begins with exploring, by another policy."""

    def __init__(self, codes: Codebook, settings: LearnerSettings, seed: int, horizon: int) -> None:
        super().__init__(codes, settings, seed, horizon)
        self.exploring = True
        self._new = False
        self._keys = np.zeros(0, np.int64)
        self._log_p = np.zeros(0)

    @property
    def restarts(self) -> bool:
        """Whether the code book has just been made: exploring was another policy's work."""
        return self._new

    @property
    def hindsight(self) -> bool:
        """Whether an episode can be relabelled: once there are codes."""
        return not self.exploring

    def begin(self, memory: HindsightReplay, rng: np.random.Generator) -> None:
        """Make no codes yet."""

    def learn(
        self, memory: HindsightReplay, rounds: int, updates: int, known: Array, rng: np.random.Generator
    ) -> float:
        """Count, make the code book, or relabel; return q's loss on commanded codes once there are codes."""
        self._new = False
        if self.exploring and memory.episodes.added < self.settings.exploration_episodes:
            self._count(memory)
            return 0.0
        if self.exploring:
            self._discover(memory, rng)
            self.exploring, self._new, rounds = False, True, 0
        return super().learn(memory, rounds, updates, known, rng)

    def fit(self, memory: HindsightReplay, seen: Array) -> None:
        """Leave the codes where they are."""

    def _key(self, effects: Array, effect_indices: npt.NDArray[np.intp] | int) -> npt.NDArray[np.int64]:
        """Return the number of the bin that (..., LEFT or more) falls into, by effects (...,)."""
        bins = np.round(effects[..., :LEFT] / _BIN).astype(np.int64) + 64
        out: npt.NDArray[np.int64] = bins @ 128 ** np.arange(LEFT) * len(self.codes.effects) + effect_indices
        return out

    def _count(self, memory: HindsightReplay) -> None:
        """Count the effects that the newest episodes came by."""
        newest, steps = memory.newest(_EPISODES), memory.steps["effect"]
        keys, log_p = [], []
        for effect_index in range(len(self.codes.effects)):
            own = newest[memory.episodes["valid"][newest, effect_index] > 0]
            rows = own[:, None] * (memory.horizon + 1) + np.arange(memory.horizon + 1)
            found, counts = np.unique(self._key(steps[rows.ravel(), effect_index], effect_index), return_counts=True)
            keys.append(found)
            log_p.append(np.log(counts / max(1, counts.sum())))
        order = np.argsort(np.concatenate(keys))
        self._keys, self._log_p = np.concatenate(keys)[order], np.concatenate(log_p)[order]

    def surprise(self, effects: Array, effect_indices: npt.NDArray[np.intp] | int) -> npt.NDArray[np.float64]:
        """Return -log p(e) in nats; what was never seen counts as the rarest that was.

        State marginal matching (Lee et al. 2019) pays it, where what is to be matched is uniform.
        """
        if not len(self._keys):
            return np.zeros(effects.shape[:-1])
        keys = self._key(effects, effect_indices)
        at = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        out: npt.NDArray[np.float64] = -np.where(self._keys[at] == keys, self._log_p[at], self._log_p.min())
        return out

    def _discover(self, memory: HindsightReplay, rng: np.random.Generator) -> None:
        finals = memory.finals().astype(np.float64)
        for effect_index in range(len(self.codes.effects)):
            own = finals[memory.of_effect(effect_index), effect_index]
            codes = self.codes.codes_of(effect_index)
            if len(own):
                _, place, counts = np.unique(self._key(own, effect_index), return_inverse=True, return_counts=True)
                weights = 1.0 / (self.settings.count_smoothing + counts[place].astype(np.float64))
                self.q.means[codes] = code_book(own * self.codes.asks[effect_index], weights, len(codes), rng)

    def rewards(self, window: Window) -> npt.NDArray[np.float64]:
        """Return the discounted sum of -log p(e') or of log q(e'|z)."""
        effects, gamma = window.effects, self.settings.sac.gamma
        if self.exploring:
            return summed(self.surprise(effects, window.effect_indices), window.live, gamma)
        square = np.square(effects - self.q.means[window.codes]).sum(-1)
        return summed(self.q.log_bell(square), window.live, gamma)

    def classify(
        self, record: Record, embeddings: npt.NDArray[np.float64], rng: np.random.Generator
    ) -> tuple[bool, float]:
        """Ask q, once there are codes."""
        return (False, 0.0) if self.exploring else super().classify(record, embeddings, rng)

    def state_dict(self) -> dict[str, npt.NDArray[Any]]:
        """Return the codes, the phase and the density."""
        phase = np.array([self.exploring], np.uint8)
        return {**super().state_dict(), "exploring": phase, "keys": self._keys, "log_p": self._log_p}

    def load_state_dict(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Take over what `state_dict` gave."""
        super().load_state_dict(state)
        self.exploring = bool(state["exploring"][0])
        self._keys, self._log_p = np.array(state["keys"]), np.array(state["log_p"])


def code_book(
    ends: npt.NDArray[np.float64], weights: npt.NDArray[np.float64], count: int, rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    """Return places (count, d) that tile weighted ends (n, d): k-means from ends far from each other (Lloyd 1982).

    Args:
        ends: (n, d), m.
        weights: (n,), of the ends.
        count: of the places.
        rng: draws the first place.
    """
    places = farthest(ends, count, rng)
    for _ in range(_SWEEPS):
        square = np.square(ends).sum(1)[:, None] - 2 * ends @ places.T + np.square(places).sum(1)
        nearest = square.argmin(1)
        mass = np.bincount(nearest, weights, count)
        sums = np.stack([np.bincount(nearest, weights * column, count) for column in ends.T], axis=1)
        # A place that no end is nearest to (fewer different ends than places) stays.
        places = np.where(mass[:, None] > 0, sums / np.maximum(mass, 1e-12)[:, None], places)
    return places
