"""The learner of discovery: replay, hindsight, objective and SAC, one round after another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tabletop.discovery.augmentation import Augmentation, Transitions
from tabletop.discovery.collect import Batch, Record
from tabletop.discovery.hindsight_replay import HindsightReplay
from tabletop.discovery.learner_config import LearnerSettings
from tabletop.discovery.objectives import Window, make_objective
from tabletop.discovery.start import Start
from tabletop.errors import TabletopError
from tabletop.files import read_json, write_json
from tabletop.learn.actor import NetworkSpec
from tabletop.learn.sac import SAC
from tabletop.learn.tensors import load_tensors, save_tensors
from tabletop.runs.records import Count
from tabletop.schema import fill
from tabletop.seeds import Purpose, rng_of, seed_of
from tabletop.skills.codebook import Codebook
from tabletop.skills.effects import DESCRIPTOR_WIDTH
from tabletop.skills.observation import EGO, OTHER_WIDTH, OTHERS
from tabletop.skills.skill_policy import code_columns, condition

__all__ = ["Learner", "LearnerSettings"]

OBSERVATION: Final = EGO + OTHERS * OTHER_WIDTH
_LEAST_NEED: Final = 0.3
_HOLD: Final = 500
_HOLD_FRESH: Final = 4000
"""Updates of critics before those of a library's policy begin: critics of the library, and untrained ones."""
_NEAR: Final = 0.03
"""m from what was asked for that is reported as near it."""


@dataclass(frozen=True)
class _State:
    """learner.json of a checkpoint."""

    recent: tuple[tuple[Count, bool, float, str, bool], ...]
    ready: bool
    rounds: Count
    loss: float
    rng: Mapping[str, Any]
    """Of NumPy's bit generator."""
    policy_from: Count | None = None
    """Of a run that goes on from a library's policy: updates before those of the policy begin."""


class Learner:
    """Holds everything that learns. `round` takes in episodes and improves the policy."""

    def __init__(self, codes: Codebook, settings: LearnerSettings, seed: int, horizon: int) -> None:
        """Begin untrained.

        Args:
            codes: the codes.
            settings: see there.
            seed: of everything.
            horizon: decisions an episode has; all have the same number.
        """
        self.codes, self.settings, self.horizon, self.seed = codes, settings, horizon, seed
        self.objective = make_objective(codes, settings, seed, horizon)
        width = self.objective.skill_embeddings.shape[1]
        columns = code_columns(self.objective.conditioning, width)
        ego = EGO + columns + DESCRIPTOR_WIDTH
        self.spec = NetworkSpec(ego + OTHERS * OTHER_WIDTH) if settings.flat else NetworkSpec(ego, OTHERS, OTHER_WIDTH)
        self.sac = SAC(self.spec, 5, settings.sac, seed_of(seed, Purpose.POLICY_NETWORK, 0))
        self.rng = rng_of(seed, Purpose.LEARNING)
        embedding_width = width if self.objective.fresh else 0
        self.memory = HindsightReplay(codes, OBSERVATION, settings.capacity, horizon, embedding_width)
        self.recent: list[tuple[int, bool, float, str, bool]] = []
        """Of the last episodes: code, whether it was classified correctly, log q + log K in nats, the entity's kind,
        whether it came near what was asked for."""
        self.loss = 0.0
        self.ready = False
        self.policy_from: int | None = None
        """Updates of the critics before those of the policy begin; None: it begins untrained."""
        self._kept: npt.NDArray[np.float64] | None = None
        """(codes of the library, width): their embeddings."""
        self.rounds = 0
        """Of learning so far."""
        self._augment = Augmentation(codes, settings)

    # --- taking in ---------------------------------------------------------------------------

    def add(self, batch: Batch, embeddings: npt.NDArray[np.float64]) -> None:
        """Put episodes into the replay; `embeddings` (codes, width) are those of their job."""
        self.memory.add(batch, embeddings if self.objective.fresh else None)
        for record in batch:
            right, gain = self.objective.classify(record, embeddings, self.rng)
            self.recent.append((record.code, right, gain, record.entity_kind, self._near(record, embeddings)))
        del self.recent[: -self.settings.recent]

    def _near(self, record: Record, embeddings: npt.NDArray[np.float64]) -> bool:
        """Return whether an episode came within 3 cm of the target effect that it was asked for."""
        if self.objective.conditioning != "target":
            return False
        end = record.effects[-1, self.codes.effect_of[record.code]]
        return bool(np.linalg.norm(end - embeddings[record.code]) < _NEAR)

    def sample_codes(self) -> npt.NDArray[np.float64]:
        """Return what the codes of the next job are, (codes, width)."""
        return self.objective.sample_codes(self.rng)

    def take_over(self, start: Start, hold: int | None) -> None:
        """Begin from a library's policy, critics and codes.

        Args:
            start: the library. Its codes are the first ones here.
            hold: updates of the critics before those of the policy begin, see DiscoverSettings.

        Raises:
            TabletopError: a network or the objective's state is of another shape.
        """
        self.objective.load_state_dict(start.state_for(self.objective.state_dict()))
        self._keep(start.library.embeddings)
        self.sac.take_over(start.library.weights, start.critics)
        self.policy_from = (_HOLD if start.critics is not None else _HOLD_FRESH) if hold is None else hold

    def _keep(self, embeddings: npt.NDArray[np.float64]) -> None:
        self.objective.keep(embeddings)
        self._kept = embeddings

    def begin(self) -> None:
        """Let the objective start from the random episodes."""
        self.objective.begin(self.memory, self.rng)
        self.ready = True

    # --- learning ----------------------------------------------------------------------------

    def update(self) -> None:
        """One update of critics (and policy) on a fresh batch."""
        s, objective = self.settings, self.objective
        share = s.hindsight if objective.hindsight else 0.0
        episodes, begins, codes = self.memory.draw(s.sac.batch_size, share, self.rng)
        # Now and after each of the n steps; past an episode's end its final effect stands still.
        times = np.minimum(begins + np.arange(s.n_steps + 1)[:, None], self.horizon)
        embeddings = objective.skill_embeddings[codes]
        again = np.arange(len(codes) - int(len(codes) * share), len(codes))
        if objective.fresh:
            plain = slice(len(codes) - len(again))
            embeddings[plain] = self.memory.episodes["embedding"][episodes[plain]]
        if s.exact_goals and objective.exact:
            free = again[self.codes.exact[codes[again]]]
            effects = self.codes.effect_of[codes[free]]
            embeddings[free] = self.memory.finals()[episodes[free], effects] * self.codes.asks[effects]
        window = Window(self.memory, episodes, times, codes, embeddings)
        rewards = objective.rewards(window) * s.reward_scale
        discounts = s.sac.gamma ** window.live.sum(0) * (times[-1] < self.horizon)
        now, later = objective.so_far(window)
        rows, steps, effect_indices = window.rows(times), self.memory.steps, window.effect_indices
        before, after = (steps["observation"].take(rows[i], 0) for i in (0, -1))
        actions = steps["action"].take(rows[0], 0)
        batch = Transitions(before, after, actions, embeddings, now, later)
        self._augment(batch, effect_indices, objective, self.rng)
        descriptors = self.codes.descriptors[effect_indices]
        self.sac.update(
            condition(batch.before, batch.embeddings, batch.now, descriptors, objective.conditioning),
            batch.actions,
            rewards.astype(np.float32),
            discounts.astype(np.float32),
            condition(batch.after, batch.embeddings, batch.later, descriptors, objective.conditioning),
            policy=self.policy_from is None or self.sac.updates >= self.policy_from,
        )

    def learn(self, updates: int) -> None:
        """Let the objective learn, then make that many updates of the policy."""
        if self.objective.random:
            return
        known = np.array(list(self.accuracy().values()))
        self.loss = self.objective.learn(self.memory, self.rounds, updates, known, self.rng)
        self.rounds += 1
        if self.objective.restarts:
            self.sac = SAC(self.spec, 5, self.settings.sac, seed_of(self.seed, Purpose.POLICY_NETWORK, 1))
        for _ in range(updates):
            self.update()

    def accuracy(self) -> dict[str, float]:
        """Return the share of recent stochastic episodes whose code is classified correctly, by effect."""
        return self._by_effect([ok for _, ok, *_ in self.recent])

    def precision(self) -> dict[str, float]:
        """Return the share of recent stochastic episodes that came within 3 cm of what was asked for, by effect."""
        return self._by_effect([near for *_, near in self.recent])

    def _by_effect(self, hits: Sequence[bool]) -> dict[str, float]:
        """Return the share of recent episodes that are hits, by effect; 0 where there are none."""
        found = np.array(hits, dtype=float)
        effect_indices = self.codes.effect_of[[code for code, *_ in self.recent]] if self.recent else np.zeros(0)
        own = [found[effect_indices == i] for i in range(len(self.codes.effects))]
        return {e.name: float(o.mean()) if len(o) else 0.0 for e, o in zip(self.codes.effects, own, strict=True)}

    def acceptance_probability(self) -> dict[str, float]:
        """Return, by kind of entity, the chance that one is attended to when drawn: 1 for the worst known.

        Scenes differ in what stands in them, and what is seldom drawn or hard would be learned last.
        """
        hits: dict[str, list[bool]] = {}
        for _, ok, _, kind, _ in self.recent:
            hits.setdefault(kind, []).append(ok)
        # Two more of either outcome: a kind that was hardly seen says little.
        wrong = {k: 1.15 - (sum(v) + 2) / (len(v) + 4) for k, v in sorted(hits.items())}
        return {k: max(_LEAST_NEED, w / max(wrong.values())) for k, w in wrong.items()}

    def progress(self) -> dict[str, float]:
        """Return what a person wants to watch; everything from recent stochastic episodes with mixed starts."""
        right = self.accuracy()
        effective = 0.0
        for i in range(len(self.codes.effects)):
            gains = [g for code, _, g, *_ in self.recent if self.codes.effect_of[code] == i]
            effective += float(np.exp(max(0.0, float(np.mean(gains))))) if gains else 1.0
        asked = self.codes.effect_of[self.memory.commanded_codes()]
        finals = self.memory.finals()[np.arange(len(self.memory)), asked]
        # Joints do not count, as in metrics.effective_skills.coverage.
        finals = finals[np.array([effect.body_type != "joint" for effect in self.codes.effects])[asked]]
        bins = len(np.unique(np.floor(finals[:, :3] / 0.05 + 0.5).astype(np.int64), axis=0)) if len(finals) else 0
        return {
            "accuracy": round(float(np.mean(list(right.values()))), 4),
            "effective": round(effective, 3),
            "bits": round(float(np.log2(max(1.0, effective))), 4),
            "coverage": bins,
            "loss": round(self.loss, 4),
            **self.objective.progress(),
            **{f"accuracy/{name}": round(value, 4) for name, value in right.items()},
            **{f"near/{name}": round(value, 4) for name, value in self.precision().items()},
        }

    # --- keeping -----------------------------------------------------------------------------

    def save(self, folder: Path) -> None:
        """Write everything that a resumed run needs into a folder."""
        self.memory.save(folder)
        save_tensors(folder / "sac.safetensors", self.sac.state_dict())
        save_tensors(folder / "objective.safetensors", self.objective.state_dict())
        if self._kept is not None:
            save_tensors(folder / "kept.safetensors", {"embeddings": self._kept})
        state = {
            "recent": self.recent,
            "ready": self.ready,
            "rounds": self.rounds,
            "loss": self.loss,
            "rng": self.rng.bit_generator.state,
            "policy_from": self.policy_from,
        }
        write_json(folder / "learner.json", state)

    def restore(self, folder: Path) -> None:
        """Go back to what `save` wrote.

        Raises:
            TabletopError: a file is missing or does not fit.
        """
        self.memory.restore(folder)
        self.sac.load_state_dict(load_tensors(folder / "sac.safetensors"))
        self.objective.load_state_dict(load_tensors(folder / "objective.safetensors"))
        what = f"the learner's state in {str(folder)!r}"
        state = fill(_State, read_json(folder / "learner.json", what), what)
        if any(code >= self.codes.total for code, *_ in state.recent):
            raise TabletopError(f"{what}: recent: codes must be below {self.codes.total}")
        self.recent = list(state.recent)
        self.policy_from = state.policy_from
        self.sac.trained = state.policy_from is not None
        if state.policy_from is not None:
            kept = load_tensors(folder / "kept.safetensors").get("embeddings", np.zeros((0, 0)))
            if kept.shape[1:] != self.objective.skill_embeddings.shape[1:] or len(kept) > self.codes.total:
                raise TabletopError(f"{what}: the library's codes have shape {kept.shape}")
            self._keep(kept)
        self.ready, self.loss, self.rounds = state.ready, state.loss, state.rounds
        try:
            self.rng.bit_generator.state = state.rng
        except (ValueError, KeyError, TypeError, OverflowError) as error:
            raise TabletopError(f"{what}: rng: {error}") from None
