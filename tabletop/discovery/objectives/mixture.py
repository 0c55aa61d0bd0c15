"""Objectives whose codes are places in the space of what is seen: q is a mixture of bells that tiles it.

They share all that makes discovery fast (discovery/discriminator.py, discovery/hindsight_replay.py): means fitted to
balanced hindsight codes, relabelled and mirrored batches. They differ in what q sees and in what is rewarded.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from tabletop.discovery.collect import Record
from tabletop.discovery.discriminator import Discriminator, farthest
from tabletop.discovery.hindsight_replay import HindsightReplay
from tabletop.discovery.learner_config import LearnerSettings
from tabletop.discovery.objectives.base import Array, Index, Objective, Window
from tabletop.errors import TabletopError
from tabletop.skills.codebook import Codebook
from tabletop.skills.effects import EFFECT_WIDTH, REACH

__all__ = ["MixtureObjective"]


class MixtureObjective(Objective):
    """q(z|e) over effects; what is rewarded is left to `rewards`."""

    conditioning: ClassVar[str] = "target"
    parts: ClassVar[int] = 1
    """Effects that are seen at once."""
    facts: ClassVar[bool] = True
    """An effect is seen as it stands."""

    def __init__(self, codes: Codebook, settings: LearnerSettings, seed: int, horizon: int) -> None:
        super().__init__(codes, settings, seed, horizon)
        width = self.parts * EFFECT_WIDTH
        self.q = Discriminator(
            codes,
            settings.sigma,
            width=width,
            facts=self.facts,
            reject_radius=settings.reject_radius,
            tail=settings.tail,
            slope=settings.slope,
            near=settings.near,
        )
        # Where all codes are facts there is nothing to be more precise about.
        self._tiled = np.array([not (self.facts and codes.facts_only(i)) for i in range(len(codes.effects))])
        self._kept = 0
        """Codes, from the first on, whose means stay."""
        self.fresh = settings.exact_goals and self.exact
        self._range = np.tile(np.array([-np.inf, np.inf])[:, None, None], (1, codes.total, width))
        for i, effect in enumerate(codes.effects):
            if effect.columns == ("joint",):
                # No joint goes beyond its limits.
                self._range[:, codes.codes_of(i)] = np.array([0.0, REACH])[:, None, None]
        self.goals = self.q.means.copy()
        """(codes, width): exact goals that episodes are asked for in place of the means."""
        self._log_count = np.log(codes.member.sum(1))
        self._mirror = np.ones((len(codes.effects), EFFECT_WIDTH), np.float32)
        for i, effect in enumerate(codes.effects):
            self._mirror[i, : effect.size] = effect.mirror

    # --- what q sees -------------------------------------------------------------------------

    def seen(self, memory: HindsightReplay) -> Array:
        """Return what q sees of each episode as a whole, (n, effects, width)."""
        return memory.finals()

    def seen_at(self, window: Window) -> Array:
        """Return what q sees at each time of a window, (n + 1, B, width)."""
        return window.effects

    def seen_of(self, effects: Array) -> Array:
        """Return what q sees of one whole episode, (1, width), from (T + 1, EFFECT_WIDTH) of one effect."""
        return effects[-1:]

    # --- learning ----------------------------------------------------------------------------

    @property
    def skill_embeddings(self) -> npt.NDArray[np.float64]:
        """(codes, EFFECT_WIDTH): the codes' mean effects."""
        return self.q.means

    def sample_codes(self, rng: np.random.Generator) -> npt.NDArray[np.float64]:
        """Return what the codes of the next job are: their means, or an exact goal of each."""
        if not self.fresh:
            return self.skill_embeddings.copy()
        exact = rng.random(self.codes.total) < self.settings.beyond
        return np.where(exact[:, None], self.goals, self.q.means)

    def _draw_goals(self, memory: HindsightReplay, seen: Array, rng: np.random.Generator) -> None:
        """Draw an exact goal for each code: an end that stands for it, or as far again beyond its mean."""
        effects, labels, _ = memory.labelled(seen)
        order = rng.permutation(len(labels))
        drawn, first = np.unique(labels[order], return_index=True)
        ends = effects[order[first]] * np.tile(self.codes.asks[self.codes.effect_of[drawn]], self.parts)
        means = self.q.means[drawn]
        goals = means + (1.0 + rng.random((len(drawn), 1))) * (ends - means)
        self.goals[:] = self.q.means
        self.goals[drawn] = np.where(self.codes.exact[drawn, None], np.clip(goals, *self._range[:, drawn]), means)

    @property
    def hindsight(self) -> bool:
        """Whether an episode can be relabelled: q says which codes it fits."""
        return True

    def begin(self, memory: HindsightReplay, rng: np.random.Generator) -> None:
        """Give the codes their first means: what random episodes made, far from each other."""
        seen = self.seen(memory).astype(np.float64)
        for effect_index in range(len(self.codes.effects)):
            own = seen[memory.of_effect(effect_index), effect_index]
            codes = self.codes.free(effect_index) if self.facts else self.codes.codes_of(effect_index)
            codes = codes[codes >= self._kept]
            if len(own) and len(codes) and not (self.facts and self.codes.facts_only(effect_index)):
                asks = np.tile(self.codes.asks[effect_index], self.parts)
                self.q.means[codes] = farthest(own * asks, len(codes), rng)

    def keep(self, embeddings: npt.NDArray[np.float64]) -> None:
        """Leave the means of the first codes as they are: they come with the objective's state."""
        self._kept = len(embeddings)

    def learn(
        self, memory: HindsightReplay, rounds: int, updates: int, known: Array, rng: np.random.Generator
    ) -> float:
        """Relabel from time to time, and fit q to hindsight codes; return its loss on commanded ones in nats.

        The means tile what was reached so far: each is drawn to the effects nearest to it, and all get an equal
        share. Commanded codes have no say of their own. What a policy does that fails at its code is near the
        middle of all it can do, and fitting it draws all means there.
        """
        del updates
        s, seen = self.settings, self.seen(memory)
        if rounds % s.relabel_every == 0:
            memory.relabel(self.q, s.count_smoothing, s.posterior_temperature, rng, seen)
        self.fit(memory, seen)
        if self.fresh and rounds % s.relabel_every == 0:
            self._draw_goals(memory, seen, rng)
        commanded, newest = memory.commanded_codes(), memory.newest(s.recent)
        codes = commanded[newest]
        effect_indices = self.codes.effect_of[codes]
        loss = self.q.loss(seen[newest, effect_indices].astype(np.float64), effect_indices, codes, rng)
        # Ends are to be precise once codes are told apart. Before, overshooting is how what is reached grows.
        low, high = s.precise_from
        self.q.reject_weight = s.reject_weight * self._tiled * np.clip((known - low) / (high - low), 0.0, 1.0)
        return loss

    def fit(self, memory: HindsightReplay, seen: Array) -> None:
        """Fit q to the hindsight codes of what it sees of each episode."""
        effects, labels, weights = memory.labelled(seen)
        kept = self.q.means[: self._kept].copy()
        self.q.fit(effects.astype(np.float64), labels, weights.astype(np.float64))
        self.q.means[: self._kept] = kept

    def gains(self, window: Window) -> npt.NDArray[np.float64]:
        """Return log q(z|e) + log K in nats at each time of a window, (n + 1, B).

        With codes drawn alike, the mean of it is a lower bound of I(Z; E) (Barber & Agakov 2003).
        """
        seen = self.seen_at(window)
        flat: npt.NDArray[Any] = seen.reshape(-1, seen.shape[-1])
        targets = np.tile(window.embeddings, (len(seen), 1)) if self.fresh else None
        log_q = self.q.log_q_of(flat, np.tile(window.codes, len(seen)), targets)
        out: npt.NDArray[np.float64] = log_q.reshape(seen.shape[:2]) + self._log_count[window.effect_indices]
        return out

    def mirror(self, effect_indices: Index) -> npt.NDArray[np.float32] | None:
        """Return the factors that mirror embeddings, (B, width)."""
        return np.tile(self._mirror[effect_indices], self.parts)

    def classify(
        self, record: Record, embeddings: npt.NDArray[np.float64], rng: np.random.Generator
    ) -> tuple[bool, float]:
        """Ask q of the whole episode, clean for the name and through noise for the gain.

        Where an exact goal was asked for, it takes the place of the code's mean.
        """
        effect_index = self.codes.effect_of[record.code]
        noise = rng.normal(0.0, self.q.sigma, (1, self.q.means.shape[1]))
        noise.reshape(self.parts, EFFECT_WIDTH)[:, self.codes.effects[effect_index].size :] = 0.0
        effect = self.seen_of(record.effects[:, effect_index])
        target = embeddings[record.code] if self.fresh else None
        clean, seen = self.q.log_q(
            np.concatenate([effect, effect + noise]), np.array([effect_index, effect_index]), record.code, target
        )
        return int(clean.argmax()) == record.code, float(seen[record.code] + self._log_count[effect_index])

    def state_dict(self) -> dict[str, npt.NDArray[Any]]:
        """Return q's state."""
        return {**self.q.state_dict(), **({"goals": self.goals} if self.fresh else {})}

    def load_state_dict(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Take over what `state_dict` gave."""
        means = state.get("means")
        if means is None or means.shape != self.q.means.shape or "reject_weight" not in state:
            got = "nothing" if means is None else means.shape
            raise TabletopError(
                f"the objective's state needs reject_weight and means of shape {self.q.means.shape}; "
                f"got {', '.join(sorted(state)) or 'nothing'}, means {got}"
            )
        self.q.load_state_dict(state)
        self.goals = np.array(state.get("goals", self.q.means), dtype=np.float64)
