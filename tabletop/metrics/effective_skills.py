"""How many skills a library really has: held-out episodes, a fresh discriminator, the noise named.

The noise is in metres of the world, for every effect: see the table in skills/effects/registry.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tabletop.rollout.engine import Engine
from tabletop.rollout.episode import Trajectory, episode
from tabletop.seeds import Purpose, rng_of, seed_of
from tabletop.skills.codebook import Codebook
from tabletop.skills.effects import EFFECT_WIDTH, outcome
from tabletop.skills.library import Library, Skill
from tabletop.skills.scenes import attended_scene, effects_along

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

MODES: Final = ("skill", "shuffled", "exploration")
"""What drives a measured episode: the skill, a code of its effect drawn at random, or random actions."""


@dataclass(frozen=True)
class SkillRun:
    """One held-out episode: a pure description of it."""

    library: Library
    skill: Skill
    number: int
    """Of the episode: codes of an effect share a number's scene; `sample_effects` gives each code its own numbers."""
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
    metres: tuple[float, ...] = (1.0,) * EFFECT_WIDTH
    """(EFFECT_WIDTH,): metres of the world that each number's unit is on this entity."""

    @property
    def outcome(self) -> Array:
        """(6,) or (1,): what became of the entity in plain units, see `outcome` in skills/effects/position.py."""
        return outcome(self.trajectory.initial, self.trajectory.final, self.entity)


@dataclass(frozen=True)
class Samples:
    """What came of n held-out episodes of a library's skills."""

    codes: Codebook
    labels: npt.NDArray[np.intp]
    """(n,): the code of each."""
    effects: Array
    """(n, EFFECT_WIDTH): as the discriminator sees them, in metres of the reach."""
    lengths: Array
    """(n, EFFECT_WIDTH): the same in metres of the world, in which skills are counted."""
    outcomes: list[Array]
    """n: what became of each one's entity, in plain units."""
    postures: list[npt.NDArray[np.float32]] = field(default_factory=list)
    """n times (T + 1, 7): the arm's joint angles along each, rad."""
    owners: npt.NDArray[np.intp] = field(default_factory=lambda: np.zeros(0, dtype=np.intp))
    """(n,): which of the library's skills each is of; a joint's code is that of several."""


def nominal_run(run: SkillRun) -> Sample:
    """Run a skill from a nominal start (gripper away from everything) in a scene of its library's card."""
    library, skill = run.library, run.skill
    poses = seed_of(run.seed, Purpose.MEASURING_SCENES, run.number)
    things = seed_of(run.seed, Purpose.MEASURING_INVENTORIES, run.number)
    scene, entity = attended_scene(library.card_for(skill), skill.effect, poses, things, "nominal", kind=skill.kind)
    code = skill.code
    if run.mode == "shuffled":
        own = library.codes.codes_of(int(library.codes.effect_of[code]))
        code = int(rng_of(run.seed, Purpose.MEASURING_CODES, run.number, code).choice(own))
    make = library.exploration if run.mode == "exploration" else library.policy
    policy = make(replace(skill, code=code), entity)
    noise = seed_of(run.seed, Purpose.MEASURING_EPISODES, run.number, skill.code)
    trajectory = episode(policy, scene, noise, library.length(skill))
    effect = effects_along(skill.effect, trajectory, entity, library.horizon, release=library.release)[-1]
    metres = skill.effect.metres(scene.entity(entity))
    numbers, factors = (tuple(float(v) for v in row) for row in (effect, metres))
    return Sample(skill.code, entity, numbers, trajectory, factors)


def _brief(run: SkillRun) -> tuple[int, tuple[float, ...], Array, Array, npt.NDArray[np.float32]]:
    sample = nominal_run(run)
    lengths = np.array(sample.effect) * sample.metres
    return (
        sample.code,
        sample.effect,
        lengths,
        sample.outcome,
        sample.trajectory.state.robot("joints").astype(np.float32),
    )


def sample_effects(
    library: Library, engine: Engine, episodes: int, seed: int, mode: str = "skill", label: str | None = None
) -> Samples:
    """Return what came of `episodes` held-out episodes of each skill, each in a scene of its own.

    The first of them are the same however many are asked for, so that a library shares scenes with its baselines.

    Args:
        library: the skills.
        engine: runs the episodes.
        episodes: a skill.
        seed: of scenes, episodes and codes.
        mode: of MODES.
        label: of the progress bar or line; None: neither.
    """
    count = len(library.skills)
    jobs = [
        SkillRun(library, s, i * count + n, seed, mode) for n, s in enumerate(library.skills) for i in range(episodes)
    ]
    found = list(engine.map(_brief, jobs, chunk=8, label=label))
    labels, effects, lengths, outcomes, postures = zip(*found, strict=True)
    owners = np.repeat(np.arange(count), episodes)
    return Samples(
        library.codes,
        np.array(labels),
        np.array(effects),
        np.array(lengths),
        list(outcomes),
        list(postures),
        owners,
    )


def effective_skills(
    codes: npt.NDArray[np.intp], effects: Array, sigma: float, classes: int, seed: int
) -> tuple[float, float]:
    """Return effective skills exp(I) and bits I / log 2 of one effect.

    I = E[log q(z|e + noise) + log K] (Gregor et al. 2016, eq. 3, with Z uniform). The episodes are dealt into five
    parts; a discriminator q that was fitted to the other four only classifies each. Any q gives a bound from below
    (Barber & Agakov 2003). This one is Bayes' rule on a kernel density of each code's effects, mixed with "any code
    alike".

    Args:
        codes: (n,) in [0, classes).
        effects: (n, d), m of the world.
        sigma: m, noise added to the effects.
        classes: K.
        seed: of the parts and the noise.
    """
    rng = rng_of(seed, Purpose.CROSS_VALIDATION)
    part = np.zeros(len(codes), dtype=np.intp)
    for code in range(classes):
        own = rng.permutation(np.flatnonzero(codes == code))
        part[own] = np.arange(len(own)) % _PARTS
    gains = np.zeros(len(codes))
    for i in range(_PARTS):
        held_out, known = part == i, part != i
        if held_out.any() and known.any():
            gains[held_out] = _gains(
                codes[known], effects[known], codes[held_out], effects[held_out], sigma, classes, rng
            )
    # Each code counts the same, however many episodes it has.
    means = [gains[codes == c].mean() for c in range(classes) if (codes == c).any()]
    information = max(0.0, float(np.mean(means)))
    return float(np.exp(information)), information / float(np.log(2))


def _gains(
    known_codes: npt.NDArray[np.intp],
    known: Array,
    codes: npt.NDArray[np.intp],
    effects: Array,
    sigma: float,
    classes: int,
    rng: np.random.Generator,
) -> Array:
    """Return log q(z|e + noise) + log K of held-out episodes, (m,), by a q that is fitted to the known ones.

    The kernels' width and the share of "any code alike" are those under which each known episode is classified best by
    all the other known ones.
    """
    scores = {}
    for widening in _WIDENINGS:
        width = float(np.hypot(sigma, widening))
        q = np.concatenate([_posterior(known_codes, known, known, width, sigma, classes, rng, True) for _ in range(4)])
        own = q[np.arange(len(q)), np.tile(known_codes, 4)]
        for doubt in _DOUBTS:
            scores[width, doubt] = float(np.log((1 - doubt) * own + doubt / classes).mean())
    width, doubt = max(scores, key=lambda case: scores[case])
    out = np.zeros(len(codes))
    for _ in range(_DRAWS):
        q = _posterior(known_codes, known, effects, width, sigma, classes, rng, False)
        out += np.log((1 - doubt) * q[np.arange(len(codes)), codes] + doubt / classes)
    found: Array = out / _DRAWS + np.log(classes)
    return found


def _posterior(
    known_codes: npt.NDArray[np.intp],
    known: Array,
    effects: Array,
    width: float,
    sigma: float,
    classes: int,
    rng: np.random.Generator,
    itself: bool,
) -> Array:
    """Return the probability of each code, (m, K), at effects seen through noise; leave out an episode itself."""
    seen = effects + rng.normal(0.0, sigma, effects.shape)
    square = (seen**2).sum(1)[:, None] + (known**2).sum(1) - 2 * seen @ known.T
    kernel = np.exp(np.maximum(square, 0.0) / (-2 * width**2))
    if itself:
        np.fill_diagonal(kernel, 0.0)
    member = np.eye(classes)[known_codes]
    density = kernel @ (member / np.maximum(member.sum(0), 1.0)) + 1e-12
    out: Array = density / density.sum(1, keepdims=True)
    return out


_PARTS: Final = 5
_DRAWS: Final = 20
_WIDENINGS: Final = (0.005, 0.01, 0.02, 0.03, 0.05, 0.08)
"""m: standard deviation that kernels have beside the noise's."""
_DOUBTS: Final = (0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2)


def coverage(outcomes: Sequence[Array], size: float = 0.05) -> int:
    """Return how many bins of that size (m) the displacements of rigid things fall into; joints do not count."""
    moved = [o[:3] for o in outcomes if len(o) > 1]
    return len(np.unique(np.floor(np.array(moved) / size + 0.5).astype(np.int64), axis=0)) if moved else 0


def measure(samples: Samples, seed: int) -> dict[str, Any]:
    """Return effective skills at 2 and 5 cm of the world, bits and coverage, in all and by effect.

    Args:
        samples: held-out episodes.
        seed: of the discriminators.
    """
    codes, labels, effects = samples.codes, samples.labels, samples.lengths
    by_effect: dict[str, dict[str, Any]] = {}
    total = {"effective_skills_2cm": 0.0, "effective_skills_5cm": 0.0, "bits_2cm": 0.0}
    for i, effect in enumerate(codes.effects):
        own = codes.codes_of(i)
        rows = np.isin(labels, own)
        local = labels[rows] - own[0]
        two, _ = effective_skills(local, effects[rows][:, : effect.asked], 0.02, len(own), seed)
        five, _ = effective_skills(local, effects[rows][:, : effect.asked], 0.05, len(own), seed)
        by_effect[effect.name] = {
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
        "by_effect": by_effect,
    }
