"""Episodes for the joint count: all codes that can attend to an entity, each in the same scenes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from typing import Final

import numpy as np
import numpy.typing as npt

from tabletop.errors import TabletopError, unknown
from tabletop.metrics.outcomes import WIDTH, Outcome, others_of, outcome_of
from tabletop.rollout.engine import Engine
from tabletop.rollout.episode import Trajectory, episode
from tabletop.seeds import Purpose, rng_of, seed_of
from tabletop.sim.cards import load_cards
from tabletop.sim.generate import generate, inventory
from tabletop.sim.scene import Entity, Scene
from tabletop.skills.library import Library, Skill
from tabletop.skills.scenes import effects_along

__all__ = ["Attended", "Trials", "attended_by", "categories_of", "run_trials"]

Array = npt.NDArray[np.float64]

_ATTEMPTS: Final = 400
"""Sets of objects that are looked through for one scene."""
_LOOKED: Final = 200
"""Sets of objects that a card's categories are read off."""
_CLUTTER: Final = 0.12
"""m, horizontally, within which other things at the start are clutter."""


@dataclass(frozen=True)
class Attended:
    """A scene with the entity in it that all codes attend to."""

    scene: Scene
    entity: str
    codes: tuple[int, ...]
    """That can attend to it there."""


@dataclass(frozen=True)
class Trials:
    """What came of the codes of a library in the same scenes, for one category of entity: K codes, M scenes."""

    category: str
    body_type: str
    codes: tuple[int, ...]
    """(K,) numbers of the codes in the library."""
    names: tuple[str, ...]
    """(K,) ids of the codes."""
    ran: npt.NDArray[np.bool_]
    """(K, M): where a code could attend to the entity. The other rows below are 0."""
    values: Array
    """(K, M, WIDTH): the entity's outcomes, see outcomes.py."""
    states: npt.NDArray[np.intp]
    """(K, M): resting, held or off."""
    starts: Array
    """(M, WIDTH): outcomes of doing nothing."""
    start_states: npt.NDArray[np.intp]
    """(M,)"""
    others: Array
    """(M, O, 3) m, world: the other things at the start; nan where a scene has fewer."""
    clutter: npt.NDArray[np.intp]
    """(M,): other things within 12 cm of the entity at the start."""
    misses: Array
    """(K, M) m of the world: how far the effect is from the code's target; nan where it has none."""
    idle_misses: Array
    """(K, M) m: the same of doing nothing."""
    turn_misses: Array
    """(K, M) rad: how far the turn is from the target's; nan where the effect has no turn."""

    @property
    def episodes(self) -> int:
        """How many were run."""
        return int(self.ran.sum())


@dataclass(frozen=True)
class _Job:
    library: Library
    code: int
    attended: Attended
    number: int
    seed: int
    mode: str


@dataclass(frozen=True)
class _Ended:
    """What an episode leaves."""

    start: Outcome
    end: Outcome
    others: Array
    misses: tuple[float, float, float]


def _run(job: _Job) -> _Ended:
    library, attended = job.library, job.attended
    # A joint's code is a skill for each kind of joint; any of them does the same.
    skill = next(s for s in library.skills if s.code == job.code)
    make = library.exploration if job.mode == "exploration" else library.policy
    noise = seed_of(job.seed, Purpose.COUNTING_EPISODES, job.number, job.code)
    trajectory = episode(make(skill, attended.entity), attended.scene, noise, library.length(skill))
    return _Ended(
        outcome_of(trajectory.initial, attended.entity),
        outcome_of(trajectory.final, attended.entity),
        others_of(trajectory.initial, attended.entity),
        _misses(library, skill, trajectory, attended.entity),
    )


def _misses(library: Library, skill: Skill, trajectory: Trajectory, entity: str) -> tuple[float, float, float]:
    """Return how far an effect, and that of doing nothing, are from the target (m), and the turn (rad)."""
    if library.conditioning != "target":
        return np.nan, np.nan, np.nan
    effect, size, initial = skill.effect, skill.effect.asked, trajectory.initial
    target = library.embeddings[skill.code][:size]
    thing = trajectory.scene.entity(entity)
    metres = effect.metres(thing)[:size]
    missed = (
        effects_along(effect, trajectory, entity, library.horizon, release=library.release)[-1][:size] - target
    ) * metres
    idle = (effect.function(initial, initial, entity)[:size] - target) * metres
    width, depth, height = thing.size
    # A number is a turn where it counts as the way of the thing's corner, which grows with the footprint.
    wider = effect.metres(replace(thing, size=(2 * width, 2 * depth, height)))[:size]
    turns = np.flatnonzero(np.isclose(wider, 2 * metres) & (effect.body_type == "rigid"))
    turn = abs(missed[turns[0]]) / (np.hypot(width, depth) / 2) if len(turns) else np.nan
    return float(np.linalg.norm(missed)), float(np.linalg.norm(idle)), float(turn)


def categories_of(library: Library, seed: int) -> dict[str, int]:
    """Return the kinds of entity in a library's scenes that its skills can attend to, with how many codes can.

    Args:
        library: the skills.
        seed: of the scenes that are looked at.

    Returns:
        The commonest kind first.
    """
    codes: dict[str, set[int]] = {}
    seen: dict[str, int] = {}
    for number, card in product(range(_LOOKED), library.cards):
        things = seed_of(seed, Purpose.COUNTING_INVENTORIES, number)
        kinds = set(inventory(card, things).values())
        for kind in kinds:
            seen[kind] = seen.get(kind, 0) + 1
        if kinds <= set(codes):
            continue
        try:
            scene = generate(card, things, inventory_seed=things, gripper="nominal")
        except TabletopError:
            continue  # This set of objects does not fit on this table.
        for entity, own in _attending(library, scene).items():
            codes.setdefault(scene.entity(entity).kind, set()).update(own)
    found = sorted((kind for kind in codes if codes[kind]), key=lambda kind: (-seen.get(kind, 0), kind))
    return {kind: len(codes[kind]) for kind in found}


def _attending(library: Library, scene: Scene) -> dict[str, list[int]]:
    """Return the codes that can attend to each entity of a scene."""
    out: dict[str, list[int]] = {e.name: [] for e in scene.entities}
    for skill in library.skills:
        for entity in library.entities(skill, scene):
            out[entity].append(skill.code)
    return out


def attended_by(library: Library, kind: str, number: int, seed: int) -> Attended:
    """Draw a scene with an entity of a kind, from a nominal start of the gripper.

    Args:
        library: the skills; one of them at least can attend to the entity.
        kind: of entity.
        number: of the scene.
        seed: of all scenes.

    Raises:
        TabletopError: the library's scenes never have such an entity.
    """
    rng = rng_of(seed, Purpose.ATTENDED_ENTITIES, number)
    poses = seed_of(seed, Purpose.COUNTING_SCENES, number)

    def choose(entities: Sequence[Entity]) -> str:
        return str(rng.choice([e.name for e in entities if e.kind == kind]))

    for attempt, card in product(range(_ATTEMPTS), library.cards):
        things = seed_of(seed, Purpose.COUNTING_INVENTORIES, number, attempt)
        if kind not in inventory(card, things).values():
            continue
        try:
            scene = generate(card, poses, inventory_seed=things, gripper="nominal")
        except TabletopError:
            continue  # This set of objects does not fit on this table.
        entity = choose(scene.entities)
        if codes := _attending(library, scene)[entity]:
            return Attended(scene, entity, tuple(codes))
    raise TabletopError(f"no skill of the library can attend to a {kind!r} in the scenes of its card")


def run_trials(
    library: Library,
    engine: Engine,
    scenes: Mapping[str, int],
    seed: int,
    mode: str = "skill",
    first: int = 0,
    label: str | None = None,
) -> list[Trials]:
    """Run all codes in the same scenes, category by category.

    Args:
        library: the skills.
        engine: runs the episodes.
        scenes: how many of each category of entity.
        seed: of scenes and episodes.
        mode: "skill", or "exploration" for random actions in place of the network's.
        first: number of the first scene; any seed's scenes of one number are the same, whatever else is run.
        label: of the progress bar or line; None: neither.

    Raises:
        TabletopError: a category that no skill can attend to.
    """
    known = categories_of(library, seed)
    for kind in scenes:
        if kind not in known:
            raise unknown("category of entity", kind, known)
    wanted = [(kind, number) for kind, many in scenes.items() for number in range(first, first + many)]
    drawn: dict[str, list[Attended]] = {kind: [] for kind in scenes}
    for (kind, _), attended in zip(wanted, engine.map(partial(_draw, library, seed), wanted), strict=True):
        drawn[kind].append(attended)
    jobs = [
        _Job(library, code, attended, number, seed, mode)
        for kind in scenes
        for number, attended in enumerate(drawn[kind], first)
        for code in attended.codes
    ]
    found = engine.map(_run, jobs, chunk=8, label=label)
    return [_gathered(library, kind, drawn[kind], found) for kind in scenes]


def _draw(library: Library, seed: int, wanted: tuple[str, int]) -> Attended:
    return attended_by(library, *wanted, seed)


def _gathered(library: Library, kind: str, drawn: Sequence[Attended], found: Iterator[_Ended]) -> Trials:
    """Put the results of one category's episodes, which come scene by scene, into arrays."""
    codes, body_type = sorted({code for attended in drawn for code in attended.codes}), load_cards()[kind].body_type
    row = {code: i for i, code in enumerate(codes)}
    shape = len(codes), len(drawn)
    ran, states = np.zeros(shape, dtype=np.bool_), np.zeros(shape, dtype=np.intp)
    values, misses = np.zeros((*shape, WIDTH)), np.full((*shape, 3), np.nan)
    starts, start_states = np.zeros((len(drawn), WIDTH)), np.zeros(len(drawn), dtype=np.intp)
    around = [np.zeros((0, 3))] * len(drawn)
    for m, attended in enumerate(drawn):
        for code in attended.codes:
            one, k = next(found), row[code]
            values[k, m], states[k, m], misses[k, m], ran[k, m] = one.end.values, one.end.state, one.misses, True
            starts[m], start_states[m], around[m] = one.start.values, one.start.state, one.others
    others = np.full((len(drawn), max(1, *map(len, around)), 3), np.nan)
    for m, places in enumerate(around):
        others[m, : len(places)] = places
    gaps = np.linalg.norm((others - starts[:, None, :3])[..., :2], axis=-1)
    return Trials(
        category=kind,
        body_type=body_type,
        codes=tuple(codes),
        names=tuple(library.codes.name(code, kind if body_type == "joint" else None) for code in codes),
        ran=ran,
        values=values,
        states=states,
        starts=starts,
        start_states=start_states,
        others=others,
        clutter=(gaps < _CLUTTER).sum(1),
        misses=misses[..., 0],
        idle_misses=misses[..., 1],
        turn_misses=misses[..., 2],
    )
