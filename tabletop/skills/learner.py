"""The learner of discovery: replay, hindsight, discriminator and SAC, one round after another."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from tabletop.errors import TabletopError
from tabletop.learn.actor import NetworkSpec
from tabletop.learn.replay import Replay
from tabletop.learn.sac import SAC, SACSettings
from tabletop.learn.tensors import load_tensors, save_tensors
from tabletop.skills.codes import Codes
from tabletop.skills.collect import Batch
from tabletop.skills.discriminator import Discriminator, balance, farthest
from tabletop.skills.effects import EFFECT_WIDTH
from tabletop.skills.objectives import get_objective
from tabletop.skills.observe import EGO, OTHER_WIDTH, OTHERS, mirrored
from tabletop.skills.policy import CODE_WIDTH, condition

__all__ = ["Learner", "LearnerSettings"]

Index = npt.NDArray[np.intp]

OBSERVATION: Final = EGO + OTHERS * OTHER_WIDTH
_MIRRORED_ACTION: Final = np.array([1, -1, 1, -1, 1], dtype=np.float32)


@dataclass(frozen=True)
class LearnerSettings:
    """What the learner may be told."""

    sac: SACSettings = field(
        default_factory=lambda: SACSettings(batch_size=256, gamma=0.97, alpha=0.005, actor_rate=5e-4, critic_rate=5e-4)
    )
    """The policy's and critics' learning."""
    objective: str = "final-state"
    """One of skills/objectives."""
    capacity: int = 400_000
    """Transitions the replay holds."""
    sigma: float = 0.05
    """m: noise of the channel that the discriminator sees effects through, at the start."""
    sigma_end: float = 0.03
    """m: the same once most codes are told apart."""
    hindsight: float = 0.5
    """Share of a batch whose code is replaced by one that its final effect fits."""
    rare: float = 5.0
    """Hindsight episodes are drawn by 1 / (rare + episodes in their 5 cm bin): all that was reached counts alike,
    however seldom, so that codes spread over the reached volume and not where most episodes happen to end."""
    sharpen: float = 4.0
    """Power that posteriors are raised to before hindsight codes are drawn from them: at 1 all codes can
    settle on the mean effect, as in clustering at too high a temperature."""
    n_steps: int = 4
    """Steps that a critic's target looks ahead before it bootstraps."""
    mirror: bool = True
    """Whether half of a batch is mirrored left to right."""
    recent: int = 1500
    """Episodes whose commanded codes the discriminator is fitted to."""
    reward_scale: float = 1.0
    """Reward per nat."""


class Learner:
    """Holds everything that learns. `round` takes in episodes and improves the policy."""

    def __init__(self, codes: Codes, settings: LearnerSettings, seed: int, horizon: int) -> None:
        """Begin untrained.

        Args:
            codes: the codes.
            settings: see there.
            seed: of everything.
            horizon: decisions an episode has; all have the same number.
        """
        self.codes, self.settings, self.horizon = codes, settings, horizon
        self.spec = NetworkSpec(EGO + CODE_WIDTH + len(codes.kinds), OTHERS, OTHER_WIDTH)
        self.sac = SAC(self.spec, 5, settings.sac, seed)
        self._objective = get_objective(settings.objective)
        self.q = Discriminator(codes, settings.sigma)
        self.rng = np.random.default_rng([seed, 21])
        # A whole number of episodes, so that each lies in one piece and the ring never cuts one.
        self.replay = Replay(
            settings.capacity // horizon * horizon,
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
        self.recent: list[tuple[int, bool, float]] = []
        """Of the last episodes: code, whether q named it right, and log q + log K of it in nats."""
        self.loss = 0.0
        self.ready = False
        self._mirror = np.ones((len(codes.kinds), EFFECT_WIDTH), np.float32)
        for i, kind in enumerate(codes.kinds):
            self._mirror[i, : kind.size] = kind.mirror

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
            noise = self.rng.normal(0.0, self.q.sigma, (1, EFFECT_WIDTH))
            noise[:, self.codes.kinds[kind].size :] = 0.0
            clean, seen = self.q.log_q(
                np.concatenate([record.effects[-1:], record.effects[-1:] + noise]), np.array([kind, kind])
            )
            gain = float(seen[record.code] + np.log(self.codes.member[kind].sum()))
            self.recent.append((record.code, int(clean.argmax()) == record.code, gain))
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
        finals = self.replay["final"][ends]
        kinds = self.codes.kind_of[self.replay["code"][ends]]
        log_q = self.q.log_q(finals, kinds)
        # Bins of 5 cm, numbered; effects reach less than 2 m.
        bins = (np.round(finals / 0.05).astype(np.int64) + 64) @ 128 ** np.arange(EFFECT_WIDTH)
        labels = self.replay["code"][ends].copy()
        weights = np.ones(len(ends))
        for kind in range(len(self.codes.kinds)):
            rows = np.flatnonzero(kinds == kind)
            if not len(rows):
                continue
            codes = self.codes.codes_of(kind)
            _, inverse, counts = np.unique(bins[rows], return_inverse=True, return_counts=True)
            weight = 1.0 / (counts[inverse] + self.settings.rare)
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
        """Fit the discriminator to hindsight codes; return its loss on commanded ones in nats.

        The means tile what was reached so far: each is drawn to the effects nearest to it, and all get an equal
        share. Commanded codes have no say of their own. What a policy does that fails at its code is near the
        middle of all it can do, and fitting it draws all means there.
        """
        ends = self._episodes()
        finals = self.replay["final"][ends].astype(np.float64)
        found = self.replay["hindsight"][ends].astype(np.intp)
        self.q.fit(finals, found, self.replay["weight"][ends].astype(np.float64))
        ages = (self.replay.added - 1 - ends) % self.replay.capacity
        recent = np.argsort(ages)[: self.settings.recent]
        commanded = self.replay["code"][ends[recent]].astype(np.intp)
        return self.q.loss(finals[recent], self.codes.kind_of[commanded], commanded, self.rng)

    def update(self) -> None:
        """One update of critics (and policy) on a fresh batch."""
        n = self.settings.sac.batch_size
        half = int(n * self.settings.hindsight)
        plain = self.replay.sample(n - half, self.rng)
        total = self._cumulative[-1]
        found = np.searchsorted(self._cumulative, self.rng.random(half) * total)
        rows = np.concatenate([plain, np.minimum(found, len(self._cumulative) - 1)])

        steps = np.minimum(self.settings.n_steps, self.horizon - rows % self.horizon)
        ahead = rows + steps - 1
        replay = self.replay
        codes = np.concatenate([replay["code"][plain], replay["hindsight"][rows[n - half :]]]).astype(np.intp)
        kinds = self.codes.kind_of[codes]
        gamma, most = self.settings.sac.gamma, self.settings.n_steps
        # Effects now and after each of the n steps; past an episode's end its final effect stands still.
        places = [np.minimum(rows + i, ahead) for i in range(most)]
        effects = np.concatenate([replay["effect"].take(rows, 0), *(replay["next_effect"].take(p, 0) for p in places)])
        log_q = self.q.log_q(effects, np.tile(kinds, most + 1))
        known = log_q[np.arange(len(log_q)), np.tile(codes, most + 1)].reshape(most + 1, n)
        gains = known + np.log(self.codes.member[kinds].sum(-1))
        live = np.arange(most)[:, None] < steps
        rewards = self._objective(gains, live.astype(np.float64), gamma) * self.settings.reward_scale
        discount = gamma**steps
        means, now, later = self.q.means[codes], effects[:n], effects[-n:]
        before, after = replay["observation"].take(rows, 0), replay["next"].take(ahead, 0)
        actions = replay["action"].take(rows, 0)
        if self.settings.mirror:
            # The world's two sides are alike: half of a batch is seen in a mirror. Rewards stay what they are.
            flipped = np.arange(0, n, 2)
            sign = self._mirror[kinds[flipped]]
            before[flipped], after[flipped] = mirrored(before[flipped]), mirrored(after[flipped])
            actions[flipped] *= _MIRRORED_ACTION
            means[flipped] *= sign
            now[flipped] *= sign
            later[flipped] *= sign
        self.sac.update(
            condition(before, means, now, kinds, len(self.codes.kinds)),
            actions,
            rewards.astype(np.float32),
            (discount * (1.0 - replay["last"][ahead])).astype(np.float32),
            condition(after, means, later, kinds, len(self.codes.kinds)),
        )

    def learn(self, updates: int) -> None:
        """Relabel, fit the discriminator, and make that many updates."""
        self.relabel()
        self.loss = self.fit()
        known = float(np.mean(list(self.accuracy().values())))
        s = self.settings
        # The channel narrows as codes are told apart through it: first broad differences, then finer ones.
        self.q.sigma = s.sigma + (s.sigma_end - s.sigma) * min(1.0, max(0.0, (known - 0.5) / 0.4))
        for _ in range(updates):
            self.update()

    def accuracy(self) -> dict[str, float]:
        """Return the share of recent stochastic episodes whose code q names right, by kind."""
        out = {}
        for i, kind in enumerate(self.codes.kinds):
            hits = [ok for code, ok, _ in self.recent if self.codes.kind_of[code] == i]
            out[kind.name] = float(np.mean(hits)) if hits else 0.0
        return out

    def progress(self) -> dict[str, float]:
        """Return what a person wants to watch; everything from recent stochastic episodes with mixed starts."""
        right = self.accuracy()
        effective = 0.0
        for i in range(len(self.codes.kinds)):
            gains = [g for code, _, g in self.recent if self.codes.kind_of[code] == i]
            effective += float(np.exp(max(0.0, float(np.mean(gains))))) if gains else 1.0
        finals = self.replay["final"][self._episodes()] if len(self.replay) else np.zeros((0, EFFECT_WIDTH))
        bins = len(np.unique(np.floor(finals[:, :3] / 0.05 + 0.5).astype(np.int64), axis=0)) if len(finals) else 0
        return {
            "accuracy": round(float(np.mean(list(right.values()))), 4),
            "effective": round(effective, 3),
            "bits": round(float(np.log2(max(1.0, effective))), 4),
            "coverage": bins,
            "loss": round(self.loss, 4),
            "sigma": round(self.q.sigma, 4),
            **{f"accuracy/{name}": round(value, 4) for name, value in right.items()},
        }

    # --- keeping -----------------------------------------------------------------------------

    def save(self, folder: Path) -> None:
        """Write everything that a resumed run needs into a folder."""
        self.replay.save(folder / "replay.safetensors")
        save_tensors(folder / "sac.safetensors", self.sac.state_dict())
        save_tensors(folder / "discriminator.safetensors", self.q.state_dict())
        state = {
            "recent": self.recent,
            "ready": self.ready,
            "loss": self.loss,
            "rng": self.rng.bit_generator.state,
        }
        (folder / "learner.json").write_text(json.dumps(state), encoding="utf-8")

    def restore(self, folder: Path) -> None:
        """Go back to what `save` wrote.

        Raises:
            TabletopError: a file is missing or does not fit.
        """
        self.replay.restore(folder / "replay.safetensors")
        self.sac.load_state_dict(load_tensors(folder / "sac.safetensors"))
        self.q.load_state_dict(load_tensors(folder / "discriminator.safetensors"))
        try:
            state = json.loads((folder / "learner.json").read_text(encoding="utf-8"))
            self.recent = [(int(c), bool(ok), float(g)) for c, ok, g in state["recent"]]
            self.ready, self.loss = bool(state["ready"]), float(state["loss"])
            self.rng.bit_generator.state = state["rng"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise TabletopError(f"cannot read the learner's state in {str(folder)!r}: {error}") from None
