"""The learner of discovery: replay, hindsight, discriminator and SAC, one round after another."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from tabletop.errors import TabletopError
from tabletop.learn.actor import NetworkSpec
from tabletop.learn.sac import SAC, SACSettings
from tabletop.learn.tensors import load_tensors, save_tensors
from tabletop.skills.codes import Codes
from tabletop.skills.collect import Batch
from tabletop.skills.discriminator import Discriminator, farthest
from tabletop.skills.effects import EFFECT_WIDTH
from tabletop.skills.memory import Memory
from tabletop.skills.objectives import get_objective
from tabletop.skills.observe import EGO, OTHER_WIDTH, OTHERS, mirrored
from tabletop.skills.policy import CODE_WIDTH, condition

__all__ = ["Learner", "LearnerSettings"]

OBSERVATION: Final = EGO + OTHERS * OTHER_WIDTH
_LEAST_NEED: Final = 0.3
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
    """Control steps that are remembered."""
    sigma: float = 0.05
    """m: noise of the channel that the discriminator sees effects through, at the start."""
    sigma_end: float = 0.025
    """m: the same once most codes are told apart."""
    hindsight: float = 0.5
    """Share of a batch whose code is replaced by one that its final effect fits."""
    rare: float = 5.0
    """Hindsight episodes are drawn by 1 / (rare + episodes in their 5 cm bin): all that was reached counts alike,
    however seldom, so that codes spread over the reached volume and not where most episodes happen to end."""
    relabel_every: int = 4
    """Rounds between two drawings of hindsight codes."""
    sharpen: float = 4.0
    """Power that posteriors are raised to before hindsight codes are drawn from them: at 1 all codes can
    settle on the mean effect, as in clustering at too high a temperature."""
    n_steps: int = 4
    """Steps that a critic's target looks ahead before it bootstraps."""
    mirror: bool = True
    """Whether half of a batch is mirrored left to right."""
    recent: int = 1500
    """Episodes that tell how well the codes are told apart by now."""
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
        self.memory = Memory(codes, OBSERVATION, settings.capacity, horizon)
        self.recent: list[tuple[int, bool, float, str]] = []
        """Of the last episodes: code, whether q named it right, log q + log K of it in nats, kind of the entity."""
        self.loss = 0.0
        self.ready = False
        self.rounds = 0
        """Of learning so far."""
        self._log_count = np.log(codes.member.sum(1))
        self._mirror = np.ones((len(codes.kinds), EFFECT_WIDTH), np.float32)
        self._mirrors = np.array([kind.mirrors for kind in codes.kinds])
        for i, kind in enumerate(codes.kinds):
            self._mirror[i, : kind.size] = kind.mirror

    # --- taking in ---------------------------------------------------------------------------

    def add(self, batch: Batch) -> None:
        """Put episodes into the replay."""
        self.memory.add(batch)
        for record in batch:
            kind = self.codes.kind_of[record.code]
            noise = self.rng.normal(0.0, self.q.sigma, (1, EFFECT_WIDTH))
            noise[:, self.codes.kinds[kind].size :] = 0.0
            effect = record.effects[-1:, kind]
            clean, seen = self.q.log_q(np.concatenate([effect, effect + noise]), np.array([kind, kind]))
            gain = float(seen[record.code] + np.log(self.codes.member[kind].sum()))
            self.recent.append((record.code, int(clean.argmax()) == record.code, gain, record.entity_kind))
        del self.recent[: -self.settings.recent]

    def begin(self) -> None:
        """Give the codes their first means: effects of random episodes that lie far from each other."""
        finals = self.memory.finals().astype(np.float64)
        for kind in range(len(self.codes.kinds)):
            own = finals[self.memory.of_kind(kind), kind]
            codes = self.codes.free(kind)
            if len(own) and not self.codes.facts_only(kind):
                self.q.means[codes] = farthest(own, len(codes), self.rng)
        self.ready = True

    # --- learning ----------------------------------------------------------------------------

    def fit(self) -> float:
        """Fit the discriminator to hindsight codes; return its loss on commanded ones in nats.

        The means tile what was reached so far: each is drawn to the effects nearest to it, and all get an equal
        share. Commanded codes have no say of their own. What a policy does that fails at its code is near the
        middle of all it can do, and fitting it draws all means there.
        """
        effects, labels, weights = self.memory.labelled()
        self.q.fit(effects.astype(np.float64), labels, weights.astype(np.float64))
        sent, newest = self.memory.codes_sent(), self.memory.newest(self.settings.recent)
        codes = sent[newest]
        kinds = self.codes.kind_of[codes]
        return self.q.loss(self.memory.finals()[newest, kinds].astype(np.float64), kinds, codes, self.rng)

    def update(self) -> None:
        """One update of critics (and policy) on a fresh batch."""
        n, most, gamma = self.settings.sac.batch_size, self.settings.n_steps, self.settings.sac.gamma
        episodes, begins, codes = self.memory.draw(n, self.settings.hindsight, self.rng)
        kinds = self.codes.kind_of[codes]
        # Now and after each of the n steps; past an episode's end its final effect stands still.
        times = np.minimum(begins + np.arange(most + 1)[:, None], self.horizon)
        rows = episodes * (self.horizon + 1) + times
        steps = self.memory.steps
        effects = steps["effect"][rows, kinds]
        log_q = self.q.log_q_of(effects.reshape(-1, EFFECT_WIDTH), np.tile(codes, most + 1))
        gains = log_q.reshape(most + 1, n) + self._log_count[kinds]
        live = times[1:] > times[:-1]
        rewards = self._objective(gains, live.astype(np.float64), gamma) * self.settings.reward_scale
        discounts = gamma ** live.sum(0) * (times[-1] < self.horizon)
        means, now, later = self.q.means[codes], effects[0], effects[-1]
        before, after = (steps["observation"].take(rows[i], 0) for i in (0, -1))
        actions = steps["action"].take(rows[0], 0)
        if self.settings.mirror:
            # The world's two sides are alike: half of a batch is seen in a mirror. Rewards stay what they are.
            flipped = np.arange(0, n, 2)
            flipped = flipped[self._mirrors[kinds[flipped]]]
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
            discounts.astype(np.float32),
            condition(after, means, later, kinds, len(self.codes.kinds)),
        )

    def learn(self, updates: int) -> None:
        """Relabel, fit the discriminator, and make that many updates."""
        s = self.settings
        if self.rounds % s.relabel_every == 0:
            self.memory.relabel(self.q, s.rare, s.sharpen, self.rng)
        self.rounds += 1
        self.loss = self.fit()
        known = float(np.mean(list(self.accuracy().values())))
        # The channel narrows as codes are told apart through it: first broad differences, then finer ones.
        self.q.sigma = s.sigma + (s.sigma_end - s.sigma) * min(1.0, max(0.0, (known - 0.4) / 0.4))
        for _ in range(updates):
            self.update()

    def accuracy(self) -> dict[str, float]:
        """Return the share of recent stochastic episodes whose code q names right, by kind."""
        out = {}
        for i, kind in enumerate(self.codes.kinds):
            hits = [ok for code, ok, *_ in self.recent if self.codes.kind_of[code] == i]
            out[kind.name] = float(np.mean(hits)) if hits else 0.0
        return out

    def needs(self) -> dict[str, float]:
        """Return, by kind of entity, the chance that one is attended to when drawn: 1 for the worst known.

        Scenes differ in what stands in them, and what is seldom drawn or hard would be learned last.
        """
        hits: dict[str, list[bool]] = {}
        for _, ok, _, kind in self.recent:
            hits.setdefault(kind, []).append(ok)
        # Two more of either outcome: a kind that was hardly seen says little.
        wrong = {k: 1.15 - (sum(v) + 2) / (len(v) + 4) for k, v in sorted(hits.items())}
        return {k: max(_LEAST_NEED, w / max(wrong.values())) for k, w in wrong.items()}

    def progress(self) -> dict[str, float]:
        """Return what a person wants to watch; everything from recent stochastic episodes with mixed starts."""
        right = self.accuracy()
        effective = 0.0
        for i in range(len(self.codes.kinds)):
            gains = [g for code, _, g, _ in self.recent if self.codes.kind_of[code] == i]
            effective += float(np.exp(max(0.0, float(np.mean(gains))))) if gains else 1.0
        finals = self.memory.finals()[np.arange(len(self.memory)), self.codes.kind_of[self.memory.codes_sent()]]
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
        self.memory.save(folder)
        save_tensors(folder / "sac.safetensors", self.sac.state_dict())
        save_tensors(folder / "discriminator.safetensors", self.q.state_dict())
        state = {
            "recent": self.recent,
            "ready": self.ready,
            "rounds": self.rounds,
            "loss": self.loss,
            "rng": self.rng.bit_generator.state,
        }
        (folder / "learner.json").write_text(json.dumps(state), encoding="utf-8")

    def restore(self, folder: Path) -> None:
        """Go back to what `save` wrote.

        Raises:
            TabletopError: a file is missing or does not fit.
        """
        self.memory.restore(folder)
        self.sac.load_state_dict(load_tensors(folder / "sac.safetensors"))
        self.q.load_state_dict(load_tensors(folder / "discriminator.safetensors"))
        try:
            state = json.loads((folder / "learner.json").read_text(encoding="utf-8"))
            self.recent = [(int(c), bool(ok), float(g), str(k)) for c, ok, g, k in state["recent"]]
            self.ready, self.loss, self.rounds = bool(state["ready"]), float(state["loss"]), int(state["rounds"])
            self.rng.bit_generator.state = state["rng"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise TabletopError(f"cannot read the learner's state in {str(folder)!r}: {error}") from None
