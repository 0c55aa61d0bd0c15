"""The discriminator q(z|e): which code made this effect.

q is a mixture of equal bells, one a code: q(z|e) is proportional to b(d) b(k)^w over the codes of that effect (such as
held_at, joint). Here d is the distance of what may be asked for from the code's mean, k that of what is to be 0 from 0,

    log b(d) = sigma / slope (1 - sqrt(1 + d^2 / sigma^2)) - tail log(1 + d^2 / sigma^2)
    w = 1 / (1 + d^2 / near^2)

The bell's first part falls by 1 nat a `slope`, however far away: a dense reward that leads there. Its second part, that
of Student's t (Peel & McLachlan 2000), adds the same for each halving of the distance down to sigma: the last
centimetre counts. What is to be 0 counts near the mean only: far away, whoever does nothing spoils nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from tabletop.skills.codebook import Codebook
from tabletop.skills.effects import EFFECT_WIDTH

__all__ = ["Discriminator", "balance", "farthest"]

Array = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]

_AWAY = 0.1
"""m from a fact's mean at which it is as likely not true."""


class Discriminator:
    """Means of all codes, and how their bells fall off.

    Any q(z|e) bounds I(Z; E) from below (Barber & Agakov 2003; VIC, Gregor et al. 2016, eq. 3).
    """

    def __init__(
        self,
        codes: Codebook,
        sigma: float,
        rate: float = 0.03,
        width: int = EFFECT_WIDTH,
        facts: bool = True,
        reject_radius: float = 0.01,
        tail: float = 0.5,
        slope: float = 0.03,
        near: float = 0.05,
    ) -> None:
        """Begin with the means of facts at their targets, all others at zero effect.

        Args:
            codes: the codes.
            sigma: m, width of the bells: what is apart by less counts as the same.
            rate: share of the way that a fit moves the means.
            width: numbers that are seen: of one effect, or of several one after another.
            facts: whether discrete facts have codes of their own: what is seen is an effect as it stands.
            reject_radius: m from a mean at which an end is as likely of no code at all, where `reject_weight` is 1.
            tail: nats that each halving of the distance adds, in 2 log 2, while it is far above sigma.
            slope: m by which a bell falls by a nat at least, however far away.
            near: m from a mean at which what is to be 0 counts half.
        """
        self.codes, self.sigma, self.rate, self.facts = codes, sigma, rate, facts
        self.tail, self.slope, self.near = tail, slope, near
        self.log_none = float(self.log_bell(np.array(reject_radius**2)))
        """How likely the class "none of them" is, as a log, whatever is seen, where `reject_weight` is 1."""
        self.reject_weight = np.zeros(len(codes.effects))
        """(effects,): how much the class "none of them" weighs beside a code; 0 leaves it out."""
        self.means = np.zeros((codes.total, width))
        for i, effect in enumerate(codes.effects if facts else ()):
            for code, anchor in zip(codes.codes_of(i), effect.fact_targets, strict=False):
                self.means[code, : effect.size] = anchor

    def log_bell(self, square: Array) -> Array:
        """Return how likely an end is of a code, as a log: 0 at its mean.

        Args:
            square: (...,) m^2, squares of distances from the mean.
        """
        wide = 1.0 + square / self.sigma**2
        out: Array = self.sigma / self.slope * (1.0 - np.sqrt(wide)) - self.tail * np.log(wide)
        return out

    def log_q(
        self, effects: Array, effect_indices: Index, code: int | None = None, target: npt.NDArray[Any] | None = None
    ) -> Array:
        """Return log q(z|e) in nats.

        Args:
            effects: (n, EFFECT_WIDTH), padded with zeros.
            effect_indices: (n,) which of the codes' effects each is one of.
            code: one whose mean is another one for now,
            target: (EFFECT_WIDTH,), this.

        Returns:
            (n, codes): -inf for codes of other effects.
        """
        out = np.full((len(effects), self.codes.total), -np.inf)
        for effect_index in np.unique(effect_indices):
            rows, own = np.flatnonzero(effect_indices == effect_index), self.codes.codes_of(effect_index)
            at = None
            if code is not None and target is not None and code in own:
                at = np.full(len(rows), code - own[0]), np.tile(target, (len(rows), 1))
            out[np.ix_(rows, own)] = self._log_q(effects[rows], own, at=at)
        return out

    def log_q_of(self, effects: Array, codes: Index, targets: npt.NDArray[Any] | None = None) -> Array:
        """Return log q(z|e) in nats of one code each, (n,), for `effects` (n, EFFECT_WIDTH) of theirs.

        Beside the codes there is a class "none of them", which is as likely wherever an end is. So an end is worth the
        more, the nearer it is to its mean, even where it is nearer to it than to all others.
        """
        out = np.zeros(len(effects))
        effect_indices = self.codes.effect_of[codes]
        for effect_index in np.unique(effect_indices):
            rows, own = np.flatnonzero(effect_indices == effect_index), self.codes.codes_of(effect_index)
            local = codes[rows] - own[0]
            at = None if targets is None else (local, targets[rows])
            out[rows] = self._log_q(effects[rows], own, self.reject_weight[effect_index], at)[
                np.arange(len(rows)), local
            ]
        return out

    def _log_q(
        self, effects: Array, own: Index, reject_weight: float = 0.0, at: tuple[Index, npt.NDArray[Any]] | None = None
    ) -> Array:
        """Return log q(z|e), (n, len(own)), over the codes of one effect, for `effects` that are of it."""
        means = self.means[own].astype(effects.dtype)
        effect_index = int(self.codes.effect_of[own[0]])
        effect = self.codes.effects[effect_index]
        asked = effects * np.tile(self.codes.asks[effect_index], effects.shape[1] // EFFECT_WIDTH).astype(effects.dtype)
        spoilt = self.log_bell(((effects - asked) ** 2).sum(-1))
        out: Array = asked @ (-2.0 * means.T)
        out += (asked**2).sum(-1)[:, None]
        out += (means**2).sum(-1)
        if at is not None:
            out[np.arange(len(out)), at[0]] = ((asked - at[1]) ** 2).sum(-1)
        np.maximum(out, 0.0, out=out)
        weight = 1.0 / (1.0 + out / self.near**2)
        if self.facts and effect.default_fact is not None:
            # What a fact is not may be anywhere: a class of its own, as likely as what is this far from the fact.
            out[:, effect.default_fact] = _AWAY**2
        out = self.log_bell(out) + spoilt[:, None] * weight
        # By the most likely: far from all codes their bells are too small to be added up.
        most = out.max(-1, keepdims=True)
        if reject_weight:
            most = np.maximum(most, self.log_none)
        all_of_them = np.exp(out - most).sum(-1, keepdims=True)
        if reject_weight:
            all_of_them += reject_weight * np.exp(self.log_none - most)
        out -= most + np.log(all_of_them)
        return out

    def fit(self, effects: Array, labels: Index, weights: Array) -> None:
        """Move each code's mean towards the weighted mean of the effects that carry its label.

        This is maximum likelihood of the mixture, not cross-entropy: cross-entropy leaves what all means have
        in common undetermined, and they drift away from any effect together.

        Args:
            effects: (n, EFFECT_WIDTH).
            labels: (n,) codes.
            weights: (n,).
        """
        mass = np.bincount(labels, weights, self.codes.total)
        for i in range(self.means.shape[1]):
            mean = np.bincount(labels, weights * effects[:, i], self.codes.total) / np.maximum(mass, 1e-9)
            self.means[:, i] += np.where(mass > 0, self.rate, 0.0) * (mean - self.means[:, i])
        # Codes say what is to come of it; that nothing else is to come of it goes for all of them.
        self.means *= np.tile(self.codes.asks, self.means.shape[1] // EFFECT_WIDTH)[self.codes.effect_of]

    def loss(self, effects: Array, effect_indices: Index, labels: Index, rng: np.random.Generator) -> float:
        """Return the cross-entropy of labels, ends being seen through noise as wide as the bells, in nats.

        Args:
            effects: (n, width), m of the reach, padded with zeros.
            effect_indices: (n,) which of the codes' effects each is one of.
            labels: (n,) codes.
            rng: draws the noise.
        """
        used = np.array([[float(i < e.size) for i in range(EFFECT_WIDTH)] for e in self.codes.effects])
        used = np.tile(used, self.means.shape[1] // EFFECT_WIDTH)
        seen = effects + rng.normal(0.0, self.sigma, effects.shape) * used[effect_indices]
        return -float(self.log_q(seen, effect_indices)[np.arange(len(labels)), labels].mean())

    def state_dict(self) -> dict[str, npt.NDArray[Any]]:
        """Return everything that a resumed run needs."""
        return {"means": self.means, "reject_weight": self.reject_weight}

    def load_state_dict(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Take over what `state_dict` gave."""
        self.means = np.array(state["means"], dtype=np.float64)
        self.reject_weight = np.array(state["reject_weight"], dtype=np.float64)


def balance(log_q: Array, weights: Array, iterations: int = 10) -> Array:
    """Return posteriors in which each code has an equal share of the rows' weight (Sinkhorn-Knopp).

    Columns and rows are scaled in turn (Sinkhorn & Knopp 1967).

    Args:
        log_q: (n, k) log posteriors.
        weights: (n,) of the rows.
        iterations: of giving each column its share, then each row its weight.

    Returns:
        (n, k), rows sum to 1.
    """
    p = np.exp(np.maximum(log_q, -60.0))
    rows = 1.0 / p.sum(1)
    share = weights.sum() / p.shape[1]
    for _ in range(iterations):
        columns = share / ((weights * rows) @ p)
        rows = 1.0 / (p @ columns)
    out: Array = p * columns * rows[:, None]
    return out


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
