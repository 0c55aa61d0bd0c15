"""How many skills a library really has: held-out episodes, a fresh discriminator, the noise named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch

from tabletop.rollout.engine import Engine
from tabletop.rollout.episode import Trajectory, episode
from tabletop.skills.codes import Codes
from tabletop.skills.collect import attended_scene, effects_along
from tabletop.skills.effects import outcome
from tabletop.skills.library import Library, Skill

__all__ = [
    "MODES",
    "Sample",
    "Samples",
    "SkillRun",
    "coverage",
    "effective_skills",
    "measure",
    "nominal_run",
    "sample_effects",
]

Array = npt.NDArray[np.float64]

MODES: Final = ("skill", "shuffled", "random")
"""What drives a measured episode: the skill, another code of its kind at random, or random actions."""


@dataclass(frozen=True)
class SkillRun:
    """One held-out episode: a pure description of it."""

    library: Library
    skill: Skill
    number: int
    """Of the episode: its scene does not depend on the skill's code, so that codes are compared alike."""
    seed: int
    mode: str = "skill"


@dataclass(frozen=True)
class Sample:
    """What came of one held-out episode."""

    code: int
    entity: str
    effect: tuple[float, ...]
    """(EFFECT_WIDTH,): as the discriminator sees it."""
    trajectory: Trajectory

    @property
    def outcome(self) -> Array:
        """(6,) or (1,): what became of the entity in plain units, see skills/effects.py."""
        return outcome(self.trajectory.initial, self.trajectory.final, self.entity)


@dataclass(frozen=True)
class Samples:
    """What came of n held-out episodes of a library's skills."""

    codes: Codes
    labels: npt.NDArray[np.intp]
    """(n,): the code of each."""
    effects: Array
    """(n, EFFECT_WIDTH): as the discriminator sees them."""
    outcomes: list[Array]
    """n: what became of each one's entity, in plain units."""


def nominal_run(run: SkillRun) -> Sample:
    """Run a skill from a nominal start (gripper away from everything) in a scene of its library's card."""
    library, skill = run.library, run.skill
    seed = [run.seed, 31, run.number]
    scene, entity = attended_scene(library.card, skill.effect, seed, [run.seed, 32, run.number], "nominal")
    rng = np.random.default_rng([run.seed, 33, run.number, skill.code])
    code = skill.code
    if run.mode == "shuffled":
        own = library.codes.codes_of(int(library.codes.kind_of[code]))
        code = int(rng.choice(own))
    policy = library.policy(library.skills[code], entity)
    if run.mode == "random":
        policy = replace(policy, random=True)
    trajectory = episode(policy, scene, int(rng.integers(2**31)), library.length(skill))
    effect = effects_along(skill.effect, trajectory, entity, library.horizon)[-1]
    return Sample(skill.code, entity, tuple(float(v) for v in effect), trajectory)


def _brief(run: SkillRun) -> tuple[int, tuple[float, ...], Array]:
    sample = nominal_run(run)
    return sample.code, sample.effect, sample.outcome


def sample_effects(
    library: Library, engine: Engine, episodes: int, seed: int, mode: str = "skill", label: str | None = None
) -> Samples:
    """Return what came of `episodes` held-out episodes of each skill."""
    jobs = [SkillRun(library, s, i, seed, mode) for s in library.skills for i in range(episodes)]
    found = list(engine.map(_brief, jobs, chunk=8, label=label))
    labels, effects, outcomes = zip(*found, strict=True)
    return Samples(library.codes, np.array(labels), np.array(effects), list(outcomes))


def effective_skills(
    codes: npt.NDArray[np.intp], effects: Array, sigma: float, classes: int, seed: int
) -> tuple[float, float]:
    """Return effective skills exp(I) and bits I / log 2 of one kind of effect.

    I = E[log q(z|e + noise) + log K] by a discriminator q that is trained from scratch on half of the
    episodes and asked about the other half, and the other way round (Gregor et al. 2016, eq. 3, with Z uniform).

    Args:
        codes: (n,) in [0, classes).
        effects: (n, d), m of reach.
        sigma: m, noise added to the effects.
        classes: K.
        seed: of the split, the noise and the weights.
    """
    rng = np.random.default_rng([seed, 41])
    half = np.zeros(len(codes), dtype=bool)
    for code in range(classes):
        own = rng.permutation(np.flatnonzero(codes == code))
        half[own[: len(own) // 2]] = True
    gains = [
        _held_out(codes[a], effects[a], codes[b], effects[b], sigma, classes, seed)
        for a, b in ((half, ~half), (~half, half))
    ]
    information = max(0.0, float(np.mean(gains)))
    return float(np.exp(information)), information / float(np.log(2))


def _held_out(
    train_codes: npt.NDArray[np.intp],
    train: Array,
    test_codes: npt.NDArray[np.intp],
    test: Array,
    sigma: float,
    classes: int,
    seed: int,
) -> float:
    if not len(train) or not len(test):
        return 0.0
    generator = torch.Generator().manual_seed(seed)
    torch_state = torch.random.get_rng_state()
    torch.manual_seed(seed)
    q = torch.nn.Sequential(
        torch.nn.Linear(train.shape[1], 96),
        torch.nn.ReLU(),
        torch.nn.Linear(96, 96),
        torch.nn.ReLU(),
        torch.nn.Linear(96, classes),
    )
    torch.random.set_rng_state(torch_state)
    optimiser = torch.optim.AdamW(q.parameters(), lr=3e-3, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, _FITS)
    x = torch.tensor(train, dtype=torch.float32)
    y = torch.tensor(train_codes, dtype=torch.long)
    unit = max(sigma, 1e-6)
    for _ in range(_FITS):
        rows = torch.randint(len(x), (256,), generator=generator)
        noise = torch.randn(256, x.shape[1], generator=generator) * sigma
        loss = torch.nn.functional.cross_entropy(q((x[rows] + noise) / (4 * unit)), y[rows], label_smoothing=0.02)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
    draws = 20
    x = torch.tensor(test, dtype=torch.float32).repeat(draws, 1)
    y = torch.tensor(test_codes, dtype=torch.long).repeat(draws)
    with torch.no_grad():
        noise = torch.randn(x.shape, generator=generator) * sigma
        log_q = torch.log_softmax(q((x + noise) / (4 * unit)), -1)
        gains = log_q[torch.arange(len(y)), y] + float(np.log(classes))
    # Each code counts the same, however many episodes it has.
    means = [gains[y == c].mean() for c in range(classes) if bool((y == c).any())]
    return float(torch.stack(means).mean())


_FITS: Final = 800


def coverage(outcomes: Sequence[Array], size: float = 0.05) -> int:
    """Return how many bins of that size (m) the displacements of rigid things fall into; joints do not count."""
    moved = [o[:3] for o in outcomes if len(o) > 1]
    return len(np.unique(np.floor(np.array(moved) / size + 0.5).astype(np.int64), axis=0)) if moved else 0


def measure(samples: Samples, seed: int) -> dict[str, Any]:
    """Return effective skills at 2 and 5 cm, bits and coverage, in all and by kind of effect.

    Args:
        samples: held-out episodes.
        seed: of the discriminators.
    """
    codes, labels, effects = samples.codes, samples.labels, samples.effects
    by_kind: dict[str, dict[str, Any]] = {}
    total = {"effective_skills_2cm": 0.0, "effective_skills_5cm": 0.0, "bits_2cm": 0.0}
    for i, kind in enumerate(codes.kinds):
        own = codes.codes_of(i)
        rows = np.isin(labels, own)
        local = labels[rows] - own[0]
        two, _ = effective_skills(local, effects[rows][:, : kind.size], 0.02, len(own), seed)
        five, _ = effective_skills(local, effects[rows][:, : kind.size], 0.05, len(own), seed)
        by_kind[kind.name] = {
            "codes": len(own),
            "effective_2cm": round(two, 3),
            "effective_5cm": round(five, 3),
        }
        total["effective_skills_2cm"] += two
        total["effective_skills_5cm"] += five
    total["bits_2cm"] = float(np.log2(max(1.0, total["effective_skills_2cm"])))
    return {
        **{k: round(v, 3) for k, v in total.items()},
        "coverage_bins_5cm": coverage(samples.outcomes),
        "by_kind": by_kind,
    }
