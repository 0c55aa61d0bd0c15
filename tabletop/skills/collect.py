"""Episodes for learning: which scene, which entity, which code; run by workers, whole episodes at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tabletop.errors import TabletopError
from tabletop.rollout.episode import Trajectory, episode
from tabletop.sim.cards import load_cards
from tabletop.sim.generate import generate, load_scene_card
from tabletop.sim.generate import inventory as inventory_of
from tabletop.sim.scene import Entity, Scene, layout_of
from tabletop.sim.state import State
from tabletop.skills.codes import Codes
from tabletop.skills.effects import EFFECT_WIDTH, EffectKind, entities_for, get_effect, possible
from tabletop.skills.policy import SkillPolicy

__all__ = [
    "STARTS",
    "Batch",
    "CollectJob",
    "Record",
    "attended_scene",
    "check_card",
    "collect",
    "effects_along",
    "effects_of_card",
]

_ATTEMPTS: Final = 400
INVENTORY_EPISODES: Final = 8
"""Episodes in a row that share a set of objects ("from time to time" a new one)."""

STARTS: Final[Mapping[str, tuple[tuple[str, float], ...]]] = {
    "mixed": (
        ("nominal", 0.30),
        ("near", 0.25),
        ("above", 0.15),
        ("around", 0.15),
        ("holding", 0.09),
        ("bearing", 0.06),
    ),
    "nominal": (("nominal", 1.0),),
}
"""Where the gripper starts while learning, with shares: our resets, and always away from everything."""


@dataclass(frozen=True)
class CollectJob:
    """Some episodes with one version of the weights."""

    weights: Mapping[str, npt.NDArray[Any]]
    means: npt.NDArray[np.float64]
    """(codes, width): what policies are told of each code, of the same moment."""
    codes: Codes
    card: Mapping[str, Any]
    """The scene card."""
    seed: int
    first: int
    """Number of the first episode; each episode's randomness comes from (seed, number)."""
    count: int
    horizon: int
    shares: tuple[float, ...]
    """Share of the episodes each kind of effect gets."""
    needs: Mapping[str, float]
    """Kind of entity: the chance that one of it is taken when drawn, for kinds that get fewer episodes."""
    random: bool
    """Uniform random actions rather than the network's."""
    starts: str = "mixed"
    """Which of STARTS."""
    tells: str = "mean"
    """How policies are told of a code, see skills/policy.py."""
    facts: bool = True
    """Whether discrete facts have codes of their own."""


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
    """(T + 1, kinds, EFFECT_WIDTH): by each kind of effect; the last are those the episode is judged by."""
    valid: npt.NDArray[np.bool_]
    """(kinds,): which kinds can be had on the entity in such an episode. One that settles is an episode of every
    kind, as its acting part ends where one without settling would."""
    steps: int
    """Control steps it took, settling included."""


Batch = list[Record]


def attended_scene(
    card: Mapping[str, Any],
    kind: EffectKind,
    seed: Sequence[int],
    inventory: Sequence[int],
    gripper: str,
    needs: Mapping[str, float] | None = None,
) -> tuple[Scene, str]:
    """Draw a scene that has an entity for a kind of effect, and choose that entity.

    Args:
        card: scene card.
        kind: of effect.
        seed: of poses and choices.
        inventory: of the set of objects; where it lacks such an entity, further ones are tried.
        gripper: where it starts, see GRIPPER_STARTS.
        needs: kind of entity: the chance that one of it is taken when drawn; 1 where not named.

    Raises:
        TabletopError: none of many inventories has one.
    """
    rng = np.random.default_rng([5, *seed])
    chosen: list[str] = []
    needs = needs or {}

    def choose(entities: Sequence[Entity]) -> str | None:
        fractions = {e.name: e.fraction for e in entities}
        layout = layout_of(entities, load_cards())
        candidates = entities_for(kind, layout, fractions)
        if not candidates:
            return None
        name = candidates[int(rng.integers(len(candidates)))]
        if rng.random() >= needs.get(layout.kind(name), 1.0):
            return None
        chosen.append(name)
        return name

    for attempt in _inventories(card, kind, inventory):
        try:
            scene = generate(card, [*seed, 0], inventory_seed=[*inventory, attempt], gripper=gripper, attend=choose)
        except TabletopError:
            # This set of objects does not fit on this table; the next one may.
            continue
        if chosen:
            return scene, chosen[-1]
    if needs:
        # All that came up were passed over, for being done well: then any will do.
        return attended_scene(card, kind, seed, inventory, gripper)
    raise TabletopError(f"the scene card never has an entity for the effect {kind.name!r}")


def _inventories(card: Mapping[str, Any], kind: EffectKind, inventory: Sequence[int]) -> Iterator[int]:
    """Yield the numbers of those inventories in which a kind of effect may be had."""
    for attempt in range(_ATTEMPTS):
        if possible(kind, list(inventory_of(card, [*inventory, attempt]).values())):
            yield attempt


def effects_of_card(name: str, kinds: Iterable[str]) -> tuple[str, ...]:
    """Return those kinds of effect that a scene card has entities for.

    Raises:
        TabletopError: there is no such card.
    """
    card = load_scene_card(name)
    return tuple(k for k in kinds if next(_inventories(card, get_effect(k), [0]), None) is not None)


def check_card(name: str, kinds: Iterable[EffectKind]) -> None:
    """Check that a scene card has entities for kinds of effect.

    Raises:
        TabletopError: there is no such card, or it never has one.
    """
    wanted = [kind.name for kind in kinds]
    found = effects_of_card(name, wanted)
    lacking = [k for k in wanted if k not in found]
    if lacking:
        raise TabletopError(
            f"scene card {name!r} never has what the effects {', '.join(lacking)} need; "
            "choose others with --effects, or another card with --scene (everything has all but ropes and cloths, "
            "which fabrics has)"
        )


def effects_along(
    kind: EffectKind, trajectory: Trajectory, entity: str, horizon: int, initial: State | None = None
) -> npt.NDArray[np.float64]:
    """Return the effects (T + 1, EFFECT_WIDTH) along the T <= horizon decisions of a skill's episode.

    The last row of a kind that settles is taken from the trajectory's end, after settling. Effects count from the
    trajectory's first state, or from another given one.
    """
    state = trajectory.state
    decisions = min(horizon, len(trajectory))
    found = kind.function(initial or trajectory.initial, state, entity)
    chosen = np.concatenate([found[:decisions], found[-1:] if kind.settles else found[decisions : decisions + 1]])
    out = np.zeros((decisions + 1, EFFECT_WIDTH))
    out[:, : kind.size] = chosen
    return out


def _origin(scene: Scene, entity: str, rng: np.random.Generator) -> tuple[float, ...] | None:
    """Return where a held object counts as having come from: on the table, right below or a carry's distance off."""
    thing = scene.entity(entity)
    if not thing.held:
        return None
    x, y, _ = scene.robot.position
    dx, dy = rng.normal(0.0, rng.choice([0.02, 0.10]), 2)
    return (
        float(np.clip(x + dx, 0.36, 0.66)),
        float(np.clip(y + dy, -0.28, 0.28)),
        scene.table.height + thing.size[2] / 2,
    )


def collect(job: CollectJob) -> Batch:
    """Run a job's episodes."""
    out: Batch = []
    names = [s for s, _ in STARTS[job.starts]]
    shares = np.array([p for _, p in STARTS[job.starts]])
    for number in range(job.first, job.first + job.count):
        rng = np.random.default_rng([job.seed, 11, number])
        kind_index = int(rng.choice(len(job.shares), p=np.array(job.shares)))
        kind = job.codes.kinds[kind_index]
        code = job.codes.draw(kind_index, rng, job.facts)
        start = names[int(rng.choice(len(names), p=shares))]
        inventory = [job.seed, 13, number // INVENTORY_EPISODES]
        scene, entity = attended_scene(job.card, kind, [job.seed, 12, number], inventory, start, job.needs)
        policy = SkillPolicy(
            job.weights,
            kind.name,
            tuple(float(v) for v in job.means[code]),
            kind_index,
            len(job.codes.kinds),
            entity,
            job.horizon,
            explore=True,
            random=job.random,
            tells=job.tells,
            origin=_origin(scene, entity, rng),
        )
        run = episode(policy, scene, int(rng.integers(2**31)), policy.length)
        last = policy.observe(run.states[job.horizon], float(job.horizon))
        fractions = {e.name: e.fraction for e in scene.entities}
        valid = [
            (kind.settles or not k.settles) and entity in entities_for(k, run.layout, fractions)
            for k in job.codes.kinds
        ]
        effects = np.zeros((job.horizon + 1, len(valid), EFFECT_WIDTH))
        for i in np.flatnonzero(valid):
            effects[:, i] = effects_along(job.codes.kinds[i], run, entity, job.horizon, policy.reference)
        observations = np.stack([*policy.observations, last])
        which = run.layout.kind(entity)
        out.append(Record(code, which, observations, run.actions[: job.horizon], effects, np.array(valid), len(run)))
    return out
