"""Objectives whose q(z|s) is a network trained by cross-entropy on the codes that were commanded, as published."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tabletop.discovery.collect import Record
from tabletop.discovery.hindsight_replay import HindsightReplay
from tabletop.discovery.learner_config import LearnerSettings
from tabletop.discovery.objectives.base import Objective, Window, one_hot
from tabletop.discovery.objectives.features import Features
from tabletop.discovery.objectives.network import Net
from tabletop.seeds import Purpose, seed_of
from tabletop.skills.codebook import Codebook

__all__ = ["Classifier"]


class Classifier(Objective):
    """q(z|s) over features of a state; policies are conditioned on one-hot codes.

    q learns from the codes that were commanded, as in DIAYN (Eysenbach et al. 2018).
    """

    def __init__(self, codes: Codebook, settings: LearnerSettings, seed: int, horizon: int) -> None:
        super().__init__(codes, settings, seed, horizon)
        self.features = Features(codes, settings.discriminator_input)
        sizes = (self.features.columns, *settings.phi.hidden, codes.total)
        self.net = Net(sizes, settings.phi.rate, seed_of(seed, Purpose.OBJECTIVE_NETWORK))
        self._embeddings = one_hot(codes)
        self._other = np.where(codes.member, 0.0, -1e9).astype(np.float32)
        self._log_count = np.log(codes.member.sum(1))

    @property
    def skill_embeddings(self) -> npt.NDArray[np.float64]:
        """(codes, most codes of an effect): one-hot."""
        return self._embeddings

    def log_q(
        self, seen: npt.NDArray[np.float32], effect_indices: npt.NDArray[np.intp] | int
    ) -> npt.NDArray[np.float64]:
        """Return log q(z|s) in nats, (..., codes), -1e9 or so for codes of other effects."""
        logits = self.net(self.features.rows(seen, effect_indices)).astype(np.float64) + self._other[effect_indices]
        logits -= logits.max(-1, keepdims=True)
        out: npt.NDArray[np.float64] = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
        return out

    def learn(self, memory: HindsightReplay, rounds: int, updates: int, rng: np.random.Generator) -> float:
        """Take as many gradient steps as the policy will; return the cross-entropy in nats."""
        del rounds
        total = 0.0
        for _ in range(updates):
            episodes, times, codes = memory.draw(self.settings.phi.batch_size, 0.0, rng)
            effect_indices = self.codes.effect_of[codes]
            # The state after a step: the first one is nobody's doing.
            seen = self.features.steps(memory, episodes * (memory.horizon + 1) + times + 1, effect_indices)
            rows, labels = torch.from_numpy(self.features.rows(seen, effect_indices)), torch.from_numpy(codes)
            other = torch.from_numpy(self._other[effect_indices])

            def loss(
                q: Callable[[Tensor], Tensor], rows: Tensor = rows, other: Tensor = other, labels: Tensor = labels
            ) -> Tensor:
                return torch.nn.functional.cross_entropy(q(rows) + other, labels)

            total += self.net.descend(loss)
        return total / max(1, updates)

    def gains(self, window: Window) -> npt.NDArray[np.float64]:
        """Return log q(z|s) + log K in nats at each time of a window, (n + 1, B)."""
        log_q = self.log_q(self.features.window(window), window.effect_indices)
        own = np.take_along_axis(log_q, window.codes[None, :, None], axis=-1)[..., 0]
        out: npt.NDArray[np.float64] = own + self._log_count[window.effect_indices]
        return out

    def classify(
        self, record: Record, embeddings: npt.NDArray[np.float64], rng: np.random.Generator
    ) -> tuple[bool, float]:
        """Ask q of the episode's last state."""
        del embeddings, rng
        effect_index = int(self.codes.effect_of[record.code])
        log_q = self.log_q(self.features.ends(record)[1:], effect_index)[0]
        return int(log_q.argmax()) == record.code, float(log_q[record.code] + self._log_count[effect_index])

    def state_dict(self) -> dict[str, npt.NDArray[Any]]:
        """Return the network and its optimiser."""
        return self.net.state_dict("q")

    def load_state_dict(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Take over what `state_dict` gave."""
        self.net.load_state_dict("q", state)
