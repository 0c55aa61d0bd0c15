"""Episodes for learning: which scene, which entity, which code; run by workers, whole episodes at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tabletop.rollout.episode import episode
from tabletop.seeds import Purpose, rng_of, seed_of
from tabletop.sim.cards import load_cards
from tabletop.sim.scene import Entity, Scene
from tabletop.skills.codebook import Codebook
from tabletop.skills.effects import EFFECT_WIDTH, REACH, entities_for
from tabletop.skills.scenes import STARTS, attended_scene, effects_along
from tabletop.skills.skill_policy import SkillPolicy

__all__ = ["Batch", "CollectJob", "Record", "collect"]

INVENTORY_EPISODES: Final = 8
"""Episodes in a row that share a set of objects ("from time to time" a new one)."""


_SAME: Final = 0.1
"""Fraction of a joint within which a code asks for what is there already."""


@dataclass(frozen=True)
class CollectJob:
    """Some episodes with one version of the weights."""

    weights: Mapping[str, npt.NDArray[Any]]
    embeddings: npt.NDArray[np.float64]
    """(codes, width): what policies are conditioned on for each code, of the same moment."""
    codes: Codebook
    card: Mapping[str, Any]
    """The scene card."""
    seed: int
    first: int
    """Number of the first episode; each episode's randomness comes from (seed, number)."""
    count: int
    horizon: int
    effect_weights: tuple[float, ...]
    """Share of the episodes each effect gets."""
    acceptance_probability: Mapping[str, float]
    """Kind of entity: the chance that one of it is taken when drawn, for kinds that get fewer episodes."""
    random: bool
    """Random actions, correlated in time, rather than the network's."""
    starts: str = "mixed"
    """Which of STARTS."""
    conditioning: str = "target"
    """How policies are conditioned on a code, see skills/skill_policy.py."""
    facts: bool = True
    """Whether discrete facts have codes of their own."""
    release: str = "learned"
    """How skills end, see skills/skill_policy.py: RELEASES."""
    trained: int | None = None
    """Codes from this one on act at random, as `random` has it: they have no policy yet. None: all are alike."""


@dataclass(frozen=True)
class Record:
    """One episode as the learner needs it; T decisions."""

    code: int
    entity_kind: str
    """Kind of the attended entity."""
    observations: npt.NDArray[np.float32]
    """(T + 1, O), without the code."""
    actions: npt.NDArray[np.float32]
    """(T, 5)"""
    effects: npt.NDArray[np.float64]
    """(T + 1, effects, EFFECT_WIDTH): by each effect; the last are those the episode is judged by."""
    valid: npt.NDArray[np.bool_]
    """(effects,): which can be had on the entity in such an episode. One that settles is an episode of every
    effect, as its acting part ends where one without settling would."""
    steps: int
    """Control steps it took, settling included."""


Batch = list[Record]


_BELOW: Final = 0.02
_CARRIED: Final = 0.10
"""m, standard deviation: how far off what is held counts as having come from."""
_TURNED: Final = np.pi / 2
"""rad by which what is held counts as having been turned at most, to either side."""


def _origin(scene: Scene, entity: str, rng: np.random.Generator) -> tuple[float, float, float, float] | None:
    """Return where a held object counts as having come from: on the table, right below or a carry's distance off.

    From right below it counts as turned, too: it is in the midst of a turn in place.
    """
    thing = scene.entity(entity)
    if not thing.held:
        return None
    x, y, _ = scene.robot.position
    far = rng.choice([_BELOW, _CARRIED])
    dx, dy = rng.normal(0.0, far, 2)
    return (
        float(np.clip(x + dx, 0.36, 0.66)),
        float(np.clip(y + dy, -0.28, 0.28)),
        scene.table.height + thing.size[2] / 2,
        float(rng.uniform(-_TURNED, _TURNED)) * (far == _BELOW),
    )


def _code(job: CollectJob, effect_index: int, thing: Entity, rng: np.random.Generator) -> int:
    """Return a code to command: of a joint's one that asks for another fraction than it has, if there is one.

    A joint with a spring stays at its limits only.
    """
    passed = None
    if job.codes.effects[effect_index].columns == ("joint",) and job.conditioning == "target":
        passed = np.abs(job.embeddings[:, 0] / REACH - thing.fraction) < _SAME
        joint = load_cards()[thing.kind].joint
        if joint is not None and joint.spring > 0.0:
            passed[job.codes.free(effect_index)] = True
    return job.codes.draw(effect_index, rng, job.facts, passed)


def collect(job: CollectJob) -> Batch:
    """Run a job's episodes."""
    out: Batch = []
    names = [s for s, _ in STARTS[job.starts]]
    shares = np.array([p for _, p in STARTS[job.starts]])
    for number in range(job.first, job.first + job.count):
        rng = rng_of(job.seed, Purpose.TRAINING_CHOICES, number)
        effect_index = int(rng.choice(len(job.effect_weights), p=np.array(job.effect_weights)))
        effect = job.codes.effects[effect_index]
        start = names[int(rng.choice(len(names), p=shares))]
        poses = seed_of(job.seed, Purpose.TRAINING_SCENES, number)
        things = seed_of(job.seed, Purpose.TRAINING_INVENTORIES, number // INVENTORY_EPISODES)
        scene, entity = attended_scene(job.card, effect, poses, things, start, job.acceptance_probability)
        code = _code(job, effect_index, scene.entity(entity), rng)
        policy = SkillPolicy(
            job.weights,
            effect.name,
            tuple(float(v) for v in job.embeddings[code]),
            entity,
            job.horizon,
            stochastic=True,
            random=job.random or (job.trained is not None and code >= job.trained),
            conditioning=job.conditioning,
            origin=_origin(scene, entity, rng),
            release=job.release,
        )
        run = episode(policy, scene, seed_of(job.seed, Purpose.TRAINING_EPISODES, number), policy.length)
        last = policy.observe(run.states[job.horizon], float(job.horizon))
        fractions = {e.name: e.fraction for e in scene.entities}
        all_alike = effect.settles or job.release == "learned"
        valid = [
            (all_alike or not e.settles) and entity in entities_for(e, run.layout, fractions) for e in job.codes.effects
        ]
        effects = np.zeros((job.horizon + 1, len(valid), EFFECT_WIDTH))
        for i in np.flatnonzero(valid):
            effects[:, i] = effects_along(job.codes.effects[i], run, entity, job.horizon, policy.reference, job.release)
        observations = np.stack([*policy.observations, last])
        which = run.layout.kind(entity)
        out.append(Record(code, which, observations, run.actions[: job.horizon], effects, np.array(valid), len(run)))
    return out
