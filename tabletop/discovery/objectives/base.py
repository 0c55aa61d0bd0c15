"""What an objective is: what it learns from the replay, what it rewards, and what policies are conditioned on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from tabletop.discovery.collect import Record
from tabletop.discovery.hindsight_replay import HindsightReplay
from tabletop.discovery.learner_config import LearnerSettings
from tabletop.errors import TabletopError
from tabletop.skills.codebook import Codebook

__all__ = ["Objective", "Window", "one_hot", "summed", "telescoped"]

Array = npt.NDArray[np.floating[Any]]
Index = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Window:
    """A batch of B steps and the n after each, as they stand in the memory; what is not asked for costs nothing."""

    memory: HindsightReplay
    episodes: Index
    """(B,)"""
    times: Index
    """(n + 1, B): now and after each of n steps; past an episode's end its last step."""
    codes: Index
    """(B,): which they are rewarded for."""
    embeddings: Array
    """(B, width): what policies are conditioned on for those codes."""

    @cached_property
    def effect_indices(self) -> Index:
        """(B,): index of each code's effect."""
        return self.memory.codes.effect_of[self.codes]

    @cached_property
    def live(self) -> npt.NDArray[np.bool_]:
        """(n, B): which steps were taken, and do not lie past an episode's end."""
        out: npt.NDArray[np.bool_] = self.times[1:] > self.times[:-1]
        return out

    def rows(self, times: Index) -> Index:
        """Return the memory's rows of times (..., B) in these episodes."""
        out: Index = self.episodes * (self.memory.horizon + 1) + times
        return out

    def effects_at(self, times: Index) -> Array:
        """Return effects (..., B, EFFECT_WIDTH) at times (..., B)."""
        out: Array = self.memory.steps["effect"][self.rows(times), self.effect_indices]
        return out

    @cached_property
    def effects(self) -> Array:
        """(n + 1, B, EFFECT_WIDTH): by the effect of each code."""
        return self.effects_at(self.times)

    @cached_property
    def observations(self) -> Array:
        """(n + 1, B, O)"""
        out: Array = self.memory.steps["observation"][self.rows(self.times)]
        return out


class Objective:
    """One objective. What changes in it is in its `state_dict`, so that a resumed run goes on bit for bit alike.

    Args:
        codes: how many each effect has.
        settings: of the learner.
        seed: of its networks and codes.
        horizon: decisions an episode has: control steps of acting, settling left out.
    """

    name: ClassVar[str]
    conditioning: ClassVar[str] = "vector"
    """How policies are conditioned on a code, see skills/skill_policy.py: CONDITIONINGS."""
    acts: ClassVar[str] = "mean"
    """What a library's policies do, see skills/skill_policy.py: ACTS."""
    facts: ClassVar[bool] = False
    """Whether discrete facts have codes of their own; the default one is commanded seldom."""
    exact: ClassVar[bool] = False
    """Whether it can reward any target, and not only a code's own."""
    goes_on: ClassVar[bool] = True
    """Whether learning can go on from a library that was made with it."""
    fresh: bool = False
    """Whether each job draws what its codes are, so that the learner has to remember it."""

    def __init__(self, codes: Codebook, settings: LearnerSettings, seed: int, horizon: int) -> None:
        self.codes, self.settings, self.seed, self.horizon = codes, settings, seed, horizon

    @property
    def skill_embeddings(self) -> npt.NDArray[np.float64]:
        """(codes, width): the embedding of each code of the library, which policies are conditioned on."""
        raise NotImplementedError

    @property
    def hindsight(self) -> bool:
        """Whether an episode can be relabelled with a code that it fits."""
        return False

    @property
    def random(self) -> bool:
        """Whether nothing is learned and all actions are random."""
        return self.acts == "random"

    def sample_codes(self, rng: np.random.Generator) -> npt.NDArray[np.float64]:
        """Return what the codes of the next job are, (codes, width)."""
        del rng
        return self.skill_embeddings.copy()

    def effect_weights(self, weights: Sequence[float], known: Sequence[float]) -> list[float]:
        """Return how much each effect counts when the next job's are drawn: the lower its success so far, the more.

        Args:
            weights: (effects,) by the settings.
            known: (effects,) share of recent episodes whose code is classified correctly, or whose goal is reached.

        Returns:
            (effects,): any positive numbers.
        """
        return [weight * (1.15 - share) for weight, share in zip(weights, known, strict=True)]

    def begin(self, memory: HindsightReplay, rng: np.random.Generator) -> None:
        """Start from the episodes of random actions."""

    def keep(self, embeddings: npt.NDArray[np.float64]) -> None:
        """Let the first codes be those of a library that learning goes on from, and stay so.

        Args:
            embeddings: (codes of the library, width).

        Raises:
            TabletopError: codes have another width here.
        """
        own = self.skill_embeddings
        if own.shape[1:] != embeddings.shape[1:]:
            wide = f"{own.shape[1]} numbers a code, the library's have {embeddings.shape[1]}"
            raise TabletopError(f"the objective has {wide}; go on with the library's own effects and settings")
        own[: len(embeddings)] = embeddings

    def learn(
        self, memory: HindsightReplay, rounds: int, updates: int, known: Array, rng: np.random.Generator
    ) -> float:
        """Learn from the memory, once a round, before the policy does.

        Args:
            memory: what happened; relabelled here, where that applies.
            rounds: of learning before this one.
            updates: that the policy will get in this round.
            known: (effects,) share of recent episodes whose code is classified correctly, by effect.
            rng: draws.

        Returns:
            A loss to watch.
        """
        del memory, rounds, updates, known, rng
        return 0.0

    @property
    def restarts(self) -> bool:
        """Whether the policy has to begin anew, now that `learn` is done."""
        return False

    def so_far(self, window: Window) -> tuple[Array, Array]:
        """Return what policies take as the effect so far, now and at the window's end: (B, EFFECT_WIDTH) each."""
        return window.effects[0], window.effects[-1]

    def rewards(self, window: Window) -> npt.NDArray[np.float64]:
        """Return sum_i gamma^i r_i of a window's steps, (B,), in nats or the like."""
        raise NotImplementedError

    def mirror(self, effect_indices: Index) -> npt.NDArray[np.float32] | None:
        """Return the factors (B, width) that turn a code's embedding into its mirror image's, if they are known."""
        del effect_indices
        return None

    def classify(
        self, record: Record, embeddings: npt.NDArray[np.float64], rng: np.random.Generator
    ) -> tuple[bool, float]:
        """Return whether an episode's code is classified correctly, and log q + log K of it in nats.

        Args:
            record: the episode.
            embeddings: (codes, width) of its job.
            rng: noise of a channel.
        """
        del record, embeddings, rng
        return False, 0.0

    def progress(self) -> dict[str, float]:
        """Return figures of its own to watch."""
        return {}

    def state_dict(self) -> dict[str, npt.NDArray[Any]]:
        """Return copies of all that changes, arrays by name."""
        return {}

    def load_state_dict(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Take over what `state_dict` gave.

        Raises:
            TabletopError: something is missing or of another shape.
        """


def telescoped(gains: Array, live: npt.NDArray[Any], gamma: float) -> npt.NDArray[np.float64]:
    """Return sum_i gamma^i (gains[i + 1] - gains[i]) over the steps taken.

    The differences are not discounted in themselves: they telescope to the last gain for gamma = 1, and below it what
    is gained early counts more. With gamma g' - g, the potential-based form (Ng et al. 1999), nothing but the very end
    of an episode would matter to the best policy, and it dawdles until then.

    Args:
        gains: (n + 1, B) now and after each of n steps.
        live: (n, B): 1 for steps that were taken, 0 past an episode's end.
        gamma: discount.

    Returns:
        (B,)
    """
    out: npt.NDArray[np.float64] = (gamma ** np.arange(len(live))[:, None] * np.diff(gains, axis=0) * live).sum(0)
    return out


def summed(gains: Array, live: npt.NDArray[Any], gamma: float) -> npt.NDArray[np.float64]:
    """Return sum_i gamma^i gains[i + 1] over the steps taken; shapes as in `telescoped`.

    Args:
        gains: (n + 1, B) now and after each of n steps; the first is not counted.
        live: (n, B): 1 for steps that were taken, 0 past an episode's end.
        gamma: discount.

    Returns:
        (B,)
    """
    out: npt.NDArray[np.float64] = (gamma ** np.arange(len(live))[:, None] * gains[1:] * live).sum(0)
    return out


def one_hot(codes: Codebook) -> npt.NDArray[np.float64]:
    """Return (codes, width): each code's place among those of its effect; policies are conditioned on that anyway."""
    place = np.concatenate([np.arange(n) for n in codes.counts.values()])
    out: npt.NDArray[np.float64] = np.eye(max(codes.counts.values()))[place]
    return out
