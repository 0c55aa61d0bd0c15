"""The learner of discovery: replay, hindsight, discriminator and SAC, one round after another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tabletop.learn.actor import NetworkSpec
from tabletop.learn.replay import Replay
from tabletop.learn.sac import SAC, SACSettings
from tabletop.skills.codes import EFFECT_WIDTH, Codes
from tabletop.skills.collect import Batch
from tabletop.skills.discriminator import Discriminator, balance, farthest
from tabletop.skills.observe import EGO, OTHER_WIDTH, OTHERS
from tabletop.skills.policy import with_code

__all__ = ["Learner", "LearnerSettings"]

Index = npt.NDArray[np.intp]

OBSERVATION: Final = EGO + OTHERS * OTHER_WIDTH


@dataclass(frozen=True)
class LearnerSettings:
    """What the learner may be told."""

    sac: SACSettings = SACSettings(batch_size=512, gamma=0.97, alpha=0.005)
    """The policy's and critics' learning."""
    capacity: int = 400_000
    """Transitions the replay holds."""
    sigma: float = 0.05
    """m: noise of the channel that the discriminator sees effects through, at the start."""
    sigma_end: float = 0.03
    """m: the same once most codes are told apart."""
    hindsight: float = 0.5
    """Share of a batch whose code is replaced by one that its final effect fits."""
    rare: float = 0.75
    """Exponent: hindsight episodes are drawn by (count of their 5 cm bin)^-rare."""
    sharpen: float = 4.0
    """Power that posteriors are raised to before hindsight codes are drawn from them: at 1 all codes can
    settle on the mean effect, as in clustering at too high a temperature."""
    fits: int = 20
    """Discriminator steps a round."""
    reward_scale: float = 1.0
    """Reward per nat."""


class Learner:
    """Holds everything that learns. `round` takes in episodes and improves the policy."""

    def __init__(self, codes: Codes, settings: LearnerSettings, seed: int) -> None:
        """Begin untrained."""
        self.codes, self.settings = codes, settings
        self.spec = NetworkSpec(EGO + codes.total, OTHERS, OTHER_WIDTH)
        self.sac = SAC(self.spec, 5, settings.sac, seed)
        self.q = Discriminator(codes, settings.sigma)
        self.rng = np.random.default_rng([seed, 21])
        self.replay = Replay(
            settings.capacity,
            {
                "observation": ((OBSERVATION,), np.float32),
                "next": ((OBSERVATION,), np.float32),
                "action": ((5,), np.float32),
                "code": ((), np.int32),
                "hindsight": ((), np.int32),
                "weight": ((), np.float32),
                "effect": ((EFFECT_WIDTH,), np.float32),
                "next_effect": ((EFFECT_WIDTH,), np.float32),
                "final": ((EFFECT_WIDTH,), np.float32),
                "last": ((), np.float32),
            },
        )
        self.recent: list[tuple[int, bool]] = []
        """Of the last episodes: code, and whether q named it right."""
        self.ready = False

    # --- taking in ---------------------------------------------------------------------------

    def add(self, batch: Batch) -> None:
        """Put episodes into the replay."""
        for record in batch:
            n = len(record.actions)
            self.replay.add(
                {
                    "observation": record.observations[:-1],
                    "next": record.observations[1:],
                    "action": record.actions,
                    "code": np.full(n, record.code, np.int32),
                    "hindsight": np.full(n, record.code, np.int32),
                    "weight": np.ones(n, np.float32),
                    "effect": record.effects[:-1].astype(np.float32),
                    "next_effect": record.effects[1:].astype(np.float32),
                    "final": np.repeat(record.effects[-1:], n, 0).astype(np.float32),
                    "last": (np.arange(n) == n - 1).astype(np.float32),
                }
            )
            kind = self.codes.kind_of[record.code]
            named = int(self.q.log_q(record.effects[-1:], np.array([kind]))[0].argmax())
            self.recent.append((record.code, named == record.code))
        del self.recent[:-1500]

    def _episodes(self) -> Index:
        """Return the rows of the replay that end an episode."""
        return np.flatnonzero(self.replay["last"][: len(self.replay)] > 0)

    def begin(self) -> None:
        """Give the codes their first means: effects of random episodes that lie far from each other."""
        ends = self._episodes()
        finals = self.replay["final"][ends].astype(np.float64)
        kinds = self.codes.kind_of[self.replay["code"][ends]]
        for kind in range(len(self.codes.kinds)):
            own = finals[kinds == kind]
            codes = self.codes.codes_of(kind)
            if len(own):
                self.q.means[codes] = farthest(own, len(codes), self.rng)
        self.ready = True

    # --- learning ----------------------------------------------------------------------------

    def relabel(self) -> None:
        """Draw a hindsight code for each episode, balanced over codes, and a weight that favours rare effects."""
        ends = self._episodes()
        finals = self.replay["final"][ends].astype(np.float64)
        kinds = self.codes.kind_of[self.replay["code"][ends]]
        log_q = self.q.log_q(finals, kinds)
        labels = self.replay["code"][ends].copy()
        weights = np.ones(len(ends))
        for kind in range(len(self.codes.kinds)):
            rows = np.flatnonzero(kinds == kind)
            if not len(rows):
                continue
            codes = self.codes.codes_of(kind)
            bins = np.round(finals[rows] / 0.05).astype(np.int64)
            _, inverse, counts = np.unique(bins, axis=0, return_inverse=True, return_counts=True)
            weight = counts[inverse.reshape(-1)] ** -self.settings.rare
            weights[rows] = weight * len(rows) / weight.sum()
            p = balance(self.settings.sharpen * log_q[np.ix_(rows, codes)], weight)
            draw = self.rng.random((len(rows), 1))
            labels[rows] = codes[np.minimum((p.cumsum(1) < draw).sum(1), len(codes) - 1)]
        # Rows of an episode lie together, its last row at the end (around the ring's seam too).
        n = len(self.replay)
        position = np.searchsorted(ends, np.arange(n))
        position[position == len(ends)] = 0
        self.replay["hindsight"][:n] = labels[position]
        self.replay["weight"][:n] = weights[position]
        self._cumulative = np.cumsum(self.replay["weight"][:n], dtype=np.float64)

    def fit(self) -> float:
        """Fit the discriminator to recent episodes' commanded codes, and at half weight to hindsight codes."""
        ends = self._episodes()
        ages = (self.replay.added - 1 - ends) % self.replay.capacity
        recent = ends[np.argsort(ages)[:2000]]
        rare = self.replay["weight"][ends].astype(np.float64)
        rare /= rare.sum()
        # As long as commanded codes say nothing about effects, fitting them would pull all means together.
        known = np.array([max(0.05, a) for a in self.accuracy().values()])
        loss = 0.0
        for _ in range(self.settings.fits):
            own, other = self.rng.choice(recent, 256), self.rng.choice(ends, 256, p=rare)
            rows = np.concatenate([own, other])
            labels = np.concatenate([self.replay["code"][own], self.replay["hindsight"][other]]).astype(
                np.intp
            )
            kinds = self.codes.kind_of[labels]
            trust = known[kinds]
            weights = np.where(np.arange(len(rows)) < 256, trust, np.maximum(1.0 - trust, 0.2))
            loss = self.q.fit(self.replay["final"][rows].astype(np.float64), kinds, labels, weights, self.rng)
        return loss

    def update(self) -> None:
        """One update of critics (and policy) on a fresh batch."""
        n = self.settings.sac.batch_size
        half = int(n * self.settings.hindsight)
        plain = self.replay.sample(n - half, self.rng)
        total = self._cumulative[-1]
        found = np.searchsorted(self._cumulative, self.rng.random(half) * total)
        rows = np.concatenate([plain, np.minimum(found, len(self._cumulative) - 1)])
        batch = self.replay.get(rows)
        codes = np.concatenate([batch["code"][: n - half], batch["hindsight"][n - half :]]).astype(np.intp)
        kinds = self.codes.kind_of[codes]
        both = np.concatenate([batch["effect"], batch["next_effect"]]).astype(np.float64)
        log_q = self.q.log_q(both, np.concatenate([kinds, kinds]))
        log_k = np.log(self.codes.member[kinds].sum(-1))
        index = np.arange(n)
        before = log_q[index, codes] + log_k
        after = log_q[n + index, codes] + log_k
        gamma = self.settings.sac.gamma
        # Telescopes to gamma^T D(s_T) - D(s_0): the discriminator is asked about the final state only.
        rewards = (gamma * after - before) * self.settings.reward_scale
        discounts = gamma * (1.0 - batch["last"])
        self.sac.update(
            with_code(batch["observation"], codes, self.codes.total),
            batch["action"],
            rewards.astype(np.float32),
            discounts.astype(np.float32),
            with_code(batch["next"], codes, self.codes.total),
        )

    def accuracy(self) -> dict[str, float]:
        """Return the share of recent stochastic episodes whose code q names right, by kind."""
        out = {}
        for i, kind in enumerate(self.codes.kinds):
            hits = [ok for code, ok in self.recent if self.codes.kind_of[code] == i]
            out[kind.name] = float(np.mean(hits)) if hits else 0.0
        return out
