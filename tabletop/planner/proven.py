"""Goals with a proof: drawn for a scene, and kept only if the scripted policies reached them there.

The proof is the plan that was run: skills on entities, in order. Running it again needs no search, and on the same
machine gives the same states bit for bit. How often a policy reaches a goal is measured with goals that were *not*
chosen so (planner/goals.py, planner/chains.py).
"""

from __future__ import annotations

import hashlib
import reprlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
from msgspec import Meta

from tabletop.errors import TabletopError
from tabletop.files import make_folder, write_whole
from tabletop.logic.formula import Formula
from tabletop.logic.parse import parse
from tabletop.planner.goal import Goal
from tabletop.planner.goals import sample_goal
from tabletop.planner.policy import PlannerPolicy
from tabletop.planner.scripted_operators import scripted_operators
from tabletop.planner.search import Search
from tabletop.rollout.engine import Engine
from tabletop.rollout.episode import Trajectory, episode
from tabletop.schema import fill, is_name
from tabletop.seeds import Purpose, seed_of
from tabletop.sim.generate import SceneCard, generate
from tabletop.sim.scene import Scene
from tabletop.sim.scene_cards import find_scene_card
from tabletop.yaml_files import read_yaml, yaml_text

__all__ = ["Proof", "ProofJob", "ProvenGoal", "load_goals", "prove", "prove_again", "sample_proven", "save_goals"]

_TRIES: Final = 30
_SPARE: Final = 4
"""Skills that a plan may have beyond the goal's literals."""
_FORMAT: Final = 1


@dataclass(frozen=True)
class ProvenGoal:
    """A goal, where it holds in the end, and how."""

    card: str | SceneCard
    """Scene card: one that ships, by name, or the card itself."""
    scene_seed: tuple[int, ...]
    """One number that `generate` draws the scene by; several in files of older versions."""
    goal: Formula
    plan: tuple[tuple[str, str], ...]
    """(skill, entity), in order: those that were run, also where one had to be repeated."""
    steps: int
    """Control steps of the run."""
    states: str
    """SHA-256 of the run's states (hexadecimal)."""

    def scene(self) -> Scene:
        """Return its scene."""
        return generate(find_scene_card(self.card), list(self.scene_seed))


@dataclass(frozen=True)
class Proof:
    """What came of running a proven goal's plan again."""

    reached: bool
    identical: bool
    """Whether all states were the same, bit for bit."""


@dataclass(frozen=True)
class ProofJob:
    """A goal to draw and prove: a pure description of it."""

    seed: int
    number: int
    literals: int
    card: str | SceneCard = "workshop"


@dataclass(frozen=True)
class Draw:
    """A goal that was proven, and what was tried for it."""

    goal: ProvenGoal
    undrawn: int
    """Scenes without room for their entities, or without a goal of that length as forecast."""
    unreached: int
    """Goals that were drawn and not reached."""


def _run(goal: Formula, scene: Scene, plan: Sequence[tuple[str, str]] | None) -> Trajectory:
    literals = len(goal.leaves)
    policy = PlannerPolicy(goal, scripted_operators(scene), Search(depth=literals + _SPARE, seconds=None), plan=plan)
    return episode(policy, scene, 0, policy.horizon)


def _digest(run: Trajectory) -> str:
    return hashlib.sha256(np.ascontiguousarray(run.states).tobytes()).hexdigest()


def prove(card: str | SceneCard, scene_seed: Sequence[int], goal: Formula) -> ProvenGoal | None:
    """Plan for a goal with the scripted policies, run the plan, and return the proof; None where it fails.

    Args:
        card: scene card: one that ships, by name, or the card itself.
        scene_seed: number that the scene is drawn by; several in files of older versions.
        goal: what to reach.

    Raises:
        TabletopError: no such card, or the scene cannot be drawn.
    """
    scene = generate(find_scene_card(card), list(scene_seed))
    run = _run(goal, scene, None)
    if not Goal(goal, run.initial).holds(run.final):
        return None
    plan = tuple((str(e["skill"]), str(e["entity"])) for e in run.log)
    return ProvenGoal(card, tuple(scene_seed), goal, plan, len(run), _digest(run))


def prove_again(goal: ProvenGoal) -> Proof:
    """Run a proven goal's plan in its scene, without any search."""
    run = _run(goal.goal, goal.scene(), goal.plan)
    return Proof(Goal(goal.goal, run.initial).holds(run.final), _digest(run) == goal.states)


def _one(job: ProofJob) -> Draw:
    card = find_scene_card(job.card)
    undrawn = unreached = 0
    for attempt in range(_TRIES):
        scene_seed = seed_of(job.seed, Purpose.PROVEN_SCENES, job.number, attempt)
        own = seed_of(job.seed, Purpose.PROVEN_GOALS, job.number, attempt)
        try:
            scene = generate(card, scene_seed)
            goal = sample_goal(scene, own, job.literals, scripted_operators(scene))
        except TabletopError:
            undrawn += 1
            continue
        found = prove(job.card, [scene_seed], goal)
        if found is not None:
            return Draw(found, undrawn, unreached)
        unreached += 1
    card_name = reprlib.repr(job.card)
    raise TabletopError(
        f"no goal of {job.literals} literals was reached in {_TRIES} scenes of the card {card_name}; ask for fewer"
    )


def sample_proven(
    engine: Engine,
    seed: int,
    count: int,
    lengths: Sequence[int],
    *,
    card: str | SceneCard = "workshop",
    label: str | None = None,
) -> list[Draw]:
    """Draw goals that are proven. The result does not depend on the number of workers.

    Args:
        engine: where they are proven.
        seed: of scenes and goals.
        count: how many.
        lengths: literals of the goals, in turn.
        card: scene card: one that ships, by name, or the card itself.
        label: of the progress bar or line.

    Raises:
        TabletopError: no such card, or no goal of such a length can be reached.
    """
    jobs = [ProofJob(seed, i, lengths[i % len(lengths)], card) for i in range(count)]
    return list(engine.map(_one, jobs, chunk=1, label=label))


def save_goals(path: Path, goals: Sequence[ProvenGoal]) -> None:
    """Write goals as YAML, with the cards that do not ship; the file appears whole or not at all."""
    own: list[SceneCard] = []
    for g in goals:
        if not isinstance(g.card, str) and g.card not in own:
            own.append(g.card)
    rows = [
        {
            "card": g.card if isinstance(g.card, str) else f"own-{own.index(g.card)}",
            "scene": list(g.scene_seed),
            "goal": g.goal.text,
            "phrase": g.goal.phrase(),
            "plan": [{skill: entity} for skill, entity in g.plan],
            "steps": g.steps,
            "states": g.states,
        }
        for g in goals
    ]
    make_folder(path.parent)
    cards = {"cards": {f"own-{i}": card for i, card in enumerate(own)}} if own else {}
    write_whole(path, yaml_text({"format": _FORMAT, **cards, "goals": rows}, width=10_000))


def load_goals(path: Path) -> list[ProvenGoal]:
    """Read goals that `save_goals` wrote.

    Raises:
        TabletopError: no such file, or it is damaged or something else.
    """
    data = read_yaml(path, f"goals {str(path)!r}")
    if not isinstance(data, dict) or data.get("format") != _FORMAT:
        raise TabletopError(f"{str(path)!r} is no file of goals of format {_FORMAT}; make one with 'tabletop goals'")
    found = fill(_File, data, f"goals {str(path)!r}")
    for name, card in found.cards.items():
        try:
            find_scene_card(card)
        except TabletopError as error:
            raise TabletopError(f"goals {str(path)!r}, card {reprlib.repr(name)}: {error}") from None
    return [_read(row, found.cards, f"{str(path)!r}, goal {i}") for i, row in enumerate(found.goals)]


@dataclass(frozen=True)
class _Row:
    """A proven goal as it is written."""

    card: Annotated[str, Meta(max_length=1000)]
    scene: Annotated[tuple[Annotated[int, Meta(ge=0)], ...], Meta(min_length=1, max_length=16)]
    goal: str
    plan: Annotated[tuple[Annotated[Mapping[str, str], Meta(min_length=1, max_length=1)], ...], Meta(max_length=1000)]
    steps: Annotated[int, Meta(ge=0, le=1_000_000)]
    states: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    phrase: str = ""


@dataclass(frozen=True)
class _File:
    """A file of goals."""

    format: int
    goals: Annotated[tuple[_Row, ...], Meta(min_length=1)]
    cards: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Scene cards that do not ship, by name."""


def _read(row: _Row, cards: Mapping[str, SceneCard], where: str) -> ProvenGoal:
    if row.card not in cards and not is_name(row.card):
        raise TabletopError(
            f"{where}: card must be the name of one that ships or of one of 'cards', got {reprlib.repr(row.card)}"
        )
    plan = tuple(step for pair in row.plan for step in pair.items())
    return ProvenGoal(
        cards.get(row.card, row.card), row.scene, parse(row.goal, what=where), plan, row.steps, row.states
    )
