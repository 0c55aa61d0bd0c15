"""What the learner remembers: whole episodes, each labelled with hindsight codes of every effect it counts as."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tabletop.discovery.collect import Batch
from tabletop.discovery.discriminator import Discriminator, balance
from tabletop.learn.replay import Replay
from tabletop.skills.codebook import Codebook
from tabletop.skills.effects import EFFECT_WIDTH, LEFT

__all__ = ["HindsightReplay"]

Array = npt.NDArray[np.floating[Any]]
Index = npt.NDArray[np.intp]

_BIN: Final = 0.05
"""m: effects in one bin of this size count as the same."""
_SPOILT: Final = 0.03
"""m by which numbers that are to be 0 may differ from it, so that an episode is drawn half as often."""


class HindsightReplay:
    """The last episodes: row e * (horizon + 1) + t of `steps` is step t of episode e.

    One episode serves several effects: where an object was put is a place, a displacement and a turn at once.

    Relabelling is that of HER (Andrychowicz et al. 2017), with codes in the place of goals.
    """

    def __init__(
        self, codes: Codebook, observation: int, capacity: int, horizon: int, embedding_width: int = 0
    ) -> None:
        """Begin empty.

        Args:
            codes: the codes.
            observation: columns of an observation.
            capacity: control steps kept, rounded down to whole episodes.
            horizon: decisions an episode has; all have the same number.
            embedding_width: numbers of each episode's own code, where codes are drawn anew for each round.
        """
        self.codes, self.horizon = codes, horizon
        count, effect_count = max(1, capacity // horizon), len(codes.effects)
        self.steps = Replay(
            count * (horizon + 1),
            {
                "observation": ((observation,), np.float32),
                "action": ((5,), np.float32),
                "effect": ((effect_count, EFFECT_WIDTH), np.float32),
            },
        )
        self.episodes = Replay(
            count,
            {
                "code": ((), np.int32),
                "valid": ((effect_count,), np.uint8),
                "hindsight": ((effect_count,), np.int32),
                "weight": ((effect_count,), np.float32),
                **({"embedding": ((embedding_width,), np.float32)} if embedding_width else {}),
            },
        )
        self._cumulative = np.zeros(0)

    def __len__(self) -> int:
        """Return the number of episodes held."""
        return len(self.episodes)

    def add(self, batch: Batch, embeddings: Array | None = None) -> None:
        """Take in episodes; `embeddings` (codes, width) are those of this round."""
        for record in batch:
            self.steps.add(
                {
                    "observation": record.observations,
                    "action": np.concatenate([record.actions, np.zeros((1, 5), np.float32)]),
                    "effect": record.effects.astype(np.float32),
                }
            )
            effect_count = len(record.valid)
            self.episodes.add(
                {
                    "code": np.array([record.code], np.int32),
                    "valid": record.valid[None].astype(np.uint8),
                    # Until it is labelled, an episode stands for its commanded code.
                    "hindsight": np.full((1, effect_count), record.code, np.int32),
                    "weight": np.zeros((1, effect_count), np.float32),
                    **({} if embeddings is None else {"embedding": embeddings[[record.code]]}),
                }
            )
        self._weigh()

    def _weigh(self) -> None:
        weights = self.episodes["weight"][: len(self)]
        self._cumulative = np.cumsum(weights.ravel(), dtype=np.float64)

    def finals(self) -> Array:
        """Return the effects that the episodes are judged by, (n, effects, EFFECT_WIDTH)."""
        return self.steps["effect"][self.horizon :: self.horizon + 1][: len(self)]

    def commanded_codes(self) -> Index:
        """Return the codes that the episodes were commanded, (n,)."""
        return self.episodes["code"][: len(self)].astype(np.intp)

    def of_effect(self, effect_index: int) -> Index:
        """Return the episodes that count as ones of an effect."""
        return np.flatnonzero(self.episodes["valid"][: len(self), effect_index])

    def newest(self, count: int) -> Index:
        """Return the last episodes added, newest first."""
        return (self.episodes.added - 1 - np.arange(min(count, len(self)))) % self.episodes.capacity

    def relabel(
        self,
        q: Discriminator,
        count_smoothing: float,
        posterior_temperature: float,
        rng: np.random.Generator,
        seen: Array | None = None,
    ) -> None:
        """Draw hindsight codes for all episodes, each code of an effect getting an equal share, and weights.

        An episode counts as if the code that its end fits had been meant, as in HER (Andrychowicz et al. 2017).

        Args:
            q: says which codes an effect fits.
            count_smoothing: see LearnerSettings.
            posterior_temperature: see LearnerSettings.
            rng: draws.
            seen: (n, effects, width) what q sees of each episode; the final effect where not given.
        """
        n, effect_count = len(self), len(self.codes.effects)
        finals = self.finals()
        seen = finals if seen is None else seen
        # Bins, numbered; effects reach less than 2 m.
        asked = finals * self.codes.asks
        bins = (np.round(asked[..., :LEFT] / _BIN).astype(np.int64) + 64) @ 128 ** np.arange(LEFT)
        # What was to be 0 and is not makes an episode a worse example of any code.
        spoilt = np.square(finals - asked).sum(-1) / _SPOILT**2
        commanded = np.bincount(self.codes.effect_of[self.commanded_codes()], minlength=effect_count)
        weights = np.zeros((n, effect_count), np.float32)
        for effect_index in range(effect_count):
            rows = self.of_effect(effect_index)
            if not len(rows):
                continue
            codes = self.codes.codes_of(effect_index)
            _, inverse, counts = np.unique(bins[rows, effect_index], return_inverse=True, return_counts=True)
            weight = 1.0 / (counts[inverse].astype(np.float64) + count_smoothing) / (1.0 + spoilt[rows, effect_index])
            facts = np.full(len(rows), -1)
            if q.facts:
                facts = self.codes.effects[effect_index].classify_fact(finals[rows, effect_index])
            _share(weight, facts, len(codes), count_smoothing)
            # An effect's share of the batches is that of the episodes it was commanded in.
            weights[rows, effect_index] = weight * commanded[effect_index] / weight.sum()
            free, rest = facts < 0, self.codes.free(effect_index) if q.facts else codes
            self.episodes["hindsight"][rows[~free], effect_index] = codes[facts[~free]]
            rows, weight = rows[free], weight[free]
            if not len(rows):
                continue
            log_q = q.log_q(seen[rows, effect_index].astype(np.float64), np.full(len(rows), effect_index))
            p = balance(log_q[:, rest] / posterior_temperature, weight)
            draw = rng.random((len(rows), 1))
            drawn = np.minimum((p.cumsum(1) < draw).sum(1), len(rest) - 1)
            self.episodes["hindsight"][rows, effect_index] = rest[drawn]
        self.episodes["weight"][:n] = weights
        self._weigh()

    def labelled(self, seen: Array | None = None) -> tuple[Array, Index, Array]:
        """Return what is seen (m, width), hindsight codes (m,) and weights (m,) of all (episode, effect)."""
        found = np.nonzero(self.episodes["weight"][: len(self)])
        labels = self.episodes["hindsight"][found].astype(np.intp)
        return (self.finals() if seen is None else seen)[found], labels, self.episodes["weight"][found]

    def draw(self, n: int, hindsight: float, rng: np.random.Generator) -> tuple[Index, Index, Index]:
        """Draw steps to learn from.

        Args:
            n: how many.
            hindsight: share of them that get their episode's hindsight code, of one of its effects; these come last.
            rng: draws.

        Returns:
            (n,) episodes, (n,) steps in them, (n,) codes.
        """
        found = int(n * hindsight)
        plain = rng.integers(len(self), size=n - found)
        flat = np.searchsorted(self._cumulative, rng.random(found) * self._cumulative[-1])
        again, effect_index = np.divmod(np.minimum(flat, len(self._cumulative) - 1), len(self.codes.effects))
        episodes = np.concatenate([plain, again])
        codes = np.concatenate([self.episodes["code"][plain], self.episodes["hindsight"][again, effect_index]])
        return episodes, rng.integers(self.horizon, size=n), codes.astype(np.intp)

    def save(self, folder: Path) -> None:
        """Write all that is held into a folder."""
        self.steps.save(folder / "steps.safetensors")
        self.episodes.save(folder / "episodes.safetensors")

    def restore(self, folder: Path) -> None:
        """Take over what `save` wrote.

        Raises:
            TabletopError: a file is missing or does not fit.
        """
        self.steps.restore(folder / "steps.safetensors")
        self.episodes.restore(folder / "episodes.safetensors")
        self._weigh()


def _share(weight: Array, facts: Index, codes: int, count_smoothing: float) -> None:
    """Give each fact the weight of one code of its effect, in place; less while it was hardly ever seen.

    Args:
        weight: (n,) of the episodes.
        facts: (n,) the fact that each is, -1 for none.
        codes: of the effect.
        count_smoothing: see LearnerSettings.
    """
    whole = weight.sum()
    for fact in np.unique(facts[facts >= 0]):
        own = facts == fact
        count = int(own.sum())
        weight[own] *= whole / codes * count / (count + 4.0 * count_smoothing) / weight[own].sum()
