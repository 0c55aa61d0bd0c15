"""The discriminator q(z|e): which code made this effect, seen through a noisy channel.

q is a mixture of equal Gaussians, one a code, of the channel's width: q(z|e) is proportional to
N(e; m_z, sigma^2) over the codes of the effect's kind. Where final effects of a code scatter less than the
noise, that is the form the best posterior has, and its log is smooth far from every mean, which makes it a
dense reward. The means learn by cross-entropy, like any discriminator's weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from tabletop.skills.codes import EFFECT_WIDTH, Codes

__all__ = ["Discriminator", "balance", "farthest"]

Array = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]


class Discriminator:
    """Means of all codes, their optimiser, and the channel's noise."""

    def __init__(self, codes: Codes, sigma: float, rate: float = 2e-3) -> None:
        """Begin with all means at zero effect.

        Args:
            codes: the codes.
            sigma: m, the channel's noise: what is apart by less counts as the same.
            rate: Adam's learning rate of the means, m.
        """
        self.codes, self.sigma, self.rate = codes, sigma, rate
        self.means = np.zeros((codes.total, EFFECT_WIDTH))
        self._first = np.zeros_like(self.means)
        self._second = np.zeros_like(self.means)
        self._steps = 0

    def log_q(self, effects: Array, kinds: Index) -> Array:
        """Return log q(z|e) in nats.

        Args:
            effects: (n, EFFECT_WIDTH), padded with zeros.
            kinds: (n,) index of each effect's kind.

        Returns:
            (n, codes): -inf for codes of other kinds.
        """
        square = (effects**2).sum(-1)[:, None] - 2 * effects @ self.means.T + (self.means**2).sum(-1)[None]
        logits = np.where(self.codes.member[kinds], square / (-2 * self.sigma**2), -np.inf)
        logits -= logits.max(-1, keepdims=True)
        out: Array = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
        return out

    def fit(
        self, effects: Array, kinds: Index, labels: Index, weights: Array, rng: np.random.Generator
    ) -> float:
        """Take one Adam step on the weighted cross-entropy of labels under the channel; return the loss in nats."""
        noise = rng.normal(0.0, self.sigma, effects.shape) * self._used()[kinds]
        seen = effects + noise
        log_q = self.log_q(seen, kinds)
        rows = np.arange(len(labels))
        loss = -float((weights * log_q[rows, labels]).sum() / weights.sum())
        error = np.exp(log_q)
        error[rows, labels] -= 1.0
        error *= (weights / weights.sum())[:, None]
        gradient = (error.T @ seen - error.sum(0)[:, None] * self.means) / self.sigma**2
        self._steps += 1
        self._first += 0.1 * (gradient - self._first)
        self._second += 0.01 * (gradient**2 - self._second)
        first = self._first / (1 - 0.9**self._steps)
        second = self._second / (1 - 0.99**self._steps)
        self.means -= self.rate * first / (np.sqrt(second) + 1e-6)
        return loss

    def _used(self) -> Array:
        """(kinds, EFFECT_WIDTH): 1 where a kind has a number, 0 where it is padding."""
        return np.array([[float(i < k.size) for i in range(EFFECT_WIDTH)] for k in self.codes.kinds])

    def state_dict(self) -> dict[str, npt.NDArray[Any]]:
        """Return everything that a resumed run needs."""
        return {
            "means": self.means,
            "first": self._first,
            "second": self._second,
            "steps": np.array(self._steps),
        }

    def load_state_dict(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Take over what `state_dict` gave."""
        self.means = np.array(state["means"], dtype=np.float64)
        self._first = np.array(state["first"], dtype=np.float64)
        self._second = np.array(state["second"], dtype=np.float64)
        self._steps = int(state["steps"])


def balance(log_q: Array, weights: Array, iterations: int = 10) -> Array:
    """Return posteriors in which each code has an equal share of the rows' weight (Sinkhorn-Knopp).

    Args:
        log_q: (n, k) log posteriors.
        weights: (n,) of the rows.
        iterations: of giving each column its share, then each row its weight.

    Returns:
        (n, k), rows sum to 1.
    """
    p = np.exp(np.maximum(log_q, -60.0))
    for _ in range(iterations):
        p /= (weights[:, None] * p).sum(0, keepdims=True) + 1e-300
        p /= p.sum(1, keepdims=True) + 1e-300
    return p


def farthest(effects: Array, count: int, rng: np.random.Generator, start: Array | None = None) -> Array:
    """Return effects that lie far from each other, chosen one by one (Gonzalez 1985).

    Args:
        effects: (n, d), n >= 1.
        count: how many to choose.
        rng: breaks the tie of the first, where there is no start.
        start: (m, d) points that are already taken.
    """
    chosen = []
    if start is None or not len(start):
        chosen.append(effects[int(rng.integers(len(effects)))])
        gaps = np.linalg.norm(effects - chosen[0], axis=-1)
    else:
        gaps = np.linalg.norm(effects[:, None] - start[None], axis=-1).min(1)
    while len(chosen) < count:
        chosen.append(effects[int(gaps.argmax())])
        gaps = np.minimum(gaps, np.linalg.norm(effects - chosen[-1], axis=-1))
    return np.stack(chosen)
