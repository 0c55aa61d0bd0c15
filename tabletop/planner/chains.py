"""The benchmark of chains: how many of five goals in a row a policy reaches, by CALVIN's figures."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypedDict

from tabletop.errors import TabletopError
from tabletop.logic.parse import parse
from tabletop.planner.chain import GOAL_STEPS, LENGTH, ChainPolicy, Turn, sample_chain
from tabletop.planner.evaluate import OperatorFactory
from tabletop.planner.goal import Goal
from tabletop.planner.policy import PlannerPolicy
from tabletop.planner.scripted_operators import basic_operators
from tabletop.planner.search import Search
from tabletop.rollout.engine import Engine
from tabletop.rollout.episode import Disturbance, Frames, Trajectory, episode
from tabletop.rollout.statistics import stratified_interval, wilson
from tabletop.seeds import Purpose, seed_of
from tabletop.sim.generate import generate
from tabletop.sim.scene import Scene
from tabletop.sim.scene_cards import find_scene_card

__all__ = ["Chain", "ChainEpisode", "ChainJob", "Chains", "draw_chain", "evaluate_chains", "run_chain"]

_TRIES: Final = 50


@dataclass(frozen=True)
class Chain:
    """A scene and the goals to reach in it, one after another."""

    card: str
    """Scene card: one that ships, by name, or the path of a YAML file."""
    scene_seed: int
    """`generate` draws the scene again by it."""
    scene: Scene
    turns: tuple[Turn, ...]


def draw_chain(seed: int, number: int, card: str = "workshop", length: int = LENGTH) -> Chain:
    """Draw one of a benchmark's chains, over what the basic scripted operators can do.

    Scenes that have no room for all entities, or no such chain as forecast, are passed over.

    Args:
        seed: of the benchmark.
        number: of the chain in it.
        card: scene card: one that ships, by name, or the path of a YAML file.
        length: goals.

    Raises:
        TabletopError: no such card, or no chain in a good number of its scenes.
    """
    drawn = find_scene_card(card)
    reason: TabletopError | None = None
    for attempt in range(_TRIES):
        scene_seed = seed_of(seed, Purpose.CHAIN_SCENES, number, attempt)
        own = seed_of(seed, Purpose.CHAIN_GOALS, number, attempt)
        try:
            scene = generate(drawn, scene_seed)
            turns = sample_chain(scene, own, basic_operators(scene), length=length)
        except TabletopError as error:
            reason = error
            continue
        return Chain(card, scene_seed, scene, turns)
    raise TabletopError(f"no chain of {length} goals in {_TRIES} scenes of the card {card!r}: {reason}")


@dataclass(frozen=True)
class ChainJob:
    """One chain to draw and run: a pure description of it."""

    operators: OperatorFactory
    """Makes the skills of the policy under test; what is drawn does not depend on them."""
    seed: int
    number: int
    card: str = "workshop"
    search: Search = field(default_factory=lambda: Search(seconds=None))
    disturbance: Disturbance | None = None
    goal_steps: int = GOAL_STEPS

    def draw(self) -> Chain:
        """Return the chain; the scene is loaded into this process's world."""
        return draw_chain(self.seed, self.number, self.card)

    @property
    def run_seed(self) -> int:
        """Of the policy's randomness."""
        return seed_of(self.seed, Purpose.CHAIN_EPISODES, self.number)

    def policy(self, chain: Chain) -> ChainPolicy:
        """Return the policy that plans for each goal when its turn comes."""
        operators = tuple(self.operators(chain.scene))
        return ChainPolicy(chain.turns, lambda goal: PlannerPolicy(goal, operators, self.search), self.goal_steps)


class ChainEpisode(TypedDict):
    """What came of one chain."""

    scene_seed: int
    completed: int
    """Goals reached before the first that was not."""
    steps: int
    """Control steps."""
    goals: list[dict[str, Any]]
    """For each goal: `goal`, `phrase`, and where it was begun `done`, `already` (it and its spares held when its turn
    came, which ends the chain), `steps`, `skills` (those run, each with its entity), `why` it was not reached, and
    whether the time of a search was `spent`."""


class Chains(TypedDict):
    """What came of some chains."""

    chains: int
    card: str
    mean_completed: float
    """Of 5."""
    low: float
    high: float
    """95 % bootstrap interval of that mean."""
    at_least: list[dict[str, float]]
    """For i = 1..5: `goals`, `count`, `share` of chains with at least so many done, `low` and `high` (Wilson)."""
    already: int
    """Chains that ended because a goal held when its turn came."""
    spent: int
    """Goals for which a search was ended by its budget of seconds: where there are such, another run may differ."""
    literals: dict[str, int]
    predicates: dict[str, int]
    """What all goals ask for, begun or not: how many have so many literals, and literals by predicate."""
    episodes: list[ChainEpisode]


def run_chain(job: ChainJob, chain: Chain, frames: Frames | None = None) -> Trajectory:
    """Run a job's chain.

    Args:
        job: makes the policy, and says how it is run.
        chain: that the job drew.
        frames: pictures to take; None: none.
    """
    policy = job.policy(chain)
    return episode(policy, chain.scene, job.run_seed, policy.horizon, disturbance=job.disturbance, frames=frames)


def _one(job: ChainJob) -> ChainEpisode:
    chain = job.draw()
    run = run_chain(job, chain)
    goals: list[dict[str, Any]] = []
    completed = 0
    for turn, log in itertools.zip_longest(chain.turns, run.log):
        formula = turn[0] if log is None else parse(log["goal"])
        goals.append({"goal": formula.text, "phrase": formula.phrase()})
        if log is not None:
            # Evaluated on the true states, whatever the policy saw.
            done = log["done"] and Goal(formula, run.state[log["begin"]]).holds(run.state[log["end"]])
            completed += done and completed == len(goals) - 1
            skills = [f"{s['skill']} {s['entity']}" for s in log["skills"]]
            steps = log["end"] - log["begin"]
            goals[-1].update(done=bool(done), already=log["already"], steps=steps, skills=skills)
            goals[-1].update(why=log["why"], spent=log["spent"])
    return ChainEpisode(scene_seed=chain.scene_seed, completed=completed, steps=len(run), goals=goals)


def evaluate_chains(engine: Engine, jobs: Sequence[ChainJob], *, label: str | None = None) -> Chains:
    """Draw and run chains. The result does not depend on the number of workers.

    Its figures are those of CALVIN (Mees et al. 2022).

    Args:
        engine: where they run.
        jobs: one a chain, all on one card.
        label: of the progress bar or line.

    Raises:
        TabletopError: no jobs, or a chain cannot be drawn.
    """
    if not jobs:
        raise TabletopError("a benchmark of chains needs at least 1 chain, got 0")
    episodes = list(engine.map(_one, jobs, chunk=1, label=label))
    n, counts = len(episodes), [e["completed"] for e in episodes]
    rows = []
    for i in range(1, LENGTH + 1):
        done = sum(c >= i for c in counts)
        low, high = wilson(done, n)
        rows.append({"goals": i, "count": done, "share": done / n, "low": round(low, 6), "high": round(high, 6)})
    low, high = stratified_interval([counts])
    formulas = [parse(g["goal"]) for e in episodes for g in e["goals"]]
    return Chains(
        chains=n,
        card=jobs[0].card,
        mean_completed=round(sum(counts) / n, 6),
        low=round(low, 6),
        high=round(high, 6),
        at_least=rows,
        already=sum(any(g.get("already") for g in e["goals"]) for e in episodes),
        spent=sum(bool(g.get("spent")) for e in episodes for g in e["goals"]),
        literals=_counted(str(len(f.leaves)) for f in formulas),
        predicates=_counted(x.predicate for f in formulas for x in f.leaves),
        episodes=episodes,
    )


def _counted(values: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(values).items()))
