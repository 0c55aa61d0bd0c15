"""How many goals plans reach, run in the world."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypedDict

from tabletop.errors import TabletopError
from tabletop.logic.formula import Formula
from tabletop.planner.goal import Goal
from tabletop.planner.growth import Growth
from tabletop.planner.operator import Operator
from tabletop.planner.policy import PlannerPolicy
from tabletop.planner.search import Search
from tabletop.rollout.engine import Engine
from tabletop.rollout.episode import Disturbance, episode
from tabletop.sim.scene import Scene

__all__ = ["Fixed", "PlanEpisode", "PlanJob", "Plans", "evaluate_plans"]

_UNTOLD: Final = "the plan was carried out, and the goal does not hold in the end"
OperatorFactory = Callable[[Scene], Sequence[Operator]]
"""Makes the operators for a scene; must pickle."""


@dataclass(frozen=True)
class Fixed:
    """The same operators for all scenes."""

    operators: tuple[Operator, ...]

    def __call__(self, scene: Scene) -> tuple[Operator, ...]:
        """Return them."""
        return self.operators


@dataclass(frozen=True)
class PlanJob:
    """One plan to make and run: a pure description of it."""

    operators: OperatorFactory
    scene: Scene
    goal: Formula
    seed: int
    search: Search
    disturbance: Disturbance | None = None

    def policy(self, plan: Sequence[tuple[str, str]] | None = None) -> PlannerPolicy:
        """Return the policy that plans for the goal, or runs a given plan of (skill, entity) for it."""
        return PlannerPolicy(self.goal, self.operators(self.scene), self.search, plan=plan)


class PlanEpisode(TypedDict):
    """What came of one plan."""

    goal: str
    phrase: str
    literals: int
    completed: int
    """The goal's literals that hold in the last state (parts, where the goal has an "or")."""
    solved: bool
    skills: list[Mapping[str, Any]]
    """The policy's log: a mapping for each skill run."""
    replans: int
    """Plans made after the first."""
    steps: int
    """Control steps."""
    why: list[str]
    """Why the goal was not reached, as far as the planner knows; none where it was."""
    spent: bool
    """Whether a search was ended by its budget of seconds: then another run may find another plan."""
    tree: list[Mapping[str, Any]]
    """Where the search for the first plan looked: "steps" from the start, and how many "states" below them."""


class Plans(TypedDict):
    """What came of some plans."""

    goals: int
    solved: int
    mean_completed: float
    """Mean share of the goals' literals that hold in the last states."""
    spent: int
    """Goals for which a search was ended by its budget of seconds."""
    episodes: list[PlanEpisode]


def _one(job: PlanJob) -> PlanEpisode:
    policy, growth = job.policy(), Growth()
    policy.on_node = lambda node: None if policy.log else growth.note(node)
    run = episode(policy, job.scene, job.seed, policy.horizon, disturbance=job.disturbance)
    goal = Goal(job.goal, run.initial)
    completed = goal.done(run.final)
    first = run.log[0]["plan"] if run.log else []
    return PlanEpisode(
        goal=job.goal.text,
        phrase=job.goal.phrase(),
        literals=len(goal.parts),
        completed=completed,
        solved=completed == len(goal.parts),
        skills=list(run.log),
        replans=sum(1 for entry in run.log if entry["replanned"]),
        steps=len(run),
        # The world's last state decides, whatever the policy saw.
        why=[] if completed == len(goal.parts) else (policy.why or [_UNTOLD]),
        spent=policy.spent,
        tree=[{"steps": list(b.steps), "states": b.states} for b in growth.branches(first)],
    )


def evaluate_plans(
    engine: Engine,
    operators: OperatorFactory,
    scenes: Sequence[Scene],
    goals: Sequence[Formula],
    seeds: Sequence[int],
    *,
    search: Search | None = None,
    disturbance: Disturbance | None = None,
    label: str | None = None,
) -> Plans:
    """Plan and run each goal once in its scene. The result does not depend on the number of workers.

    Args:
        engine: where the episodes run.
        operators: makes a scene's operators; importable by name, or `Fixed`.
        scenes: one for each goal.
        goals: what to reach.
        seeds: of the planning and the skills, one for each goal.
        search: how plans are found.
        disturbance: done to every episode.
        label: of the progress bar or line.

    Raises:
        TabletopError: no goals, or not as many scenes and seeds as goals.
    """
    if not goals or not len(scenes) == len(goals) == len(seeds):
        raise TabletopError(
            f"plans need a scene and a seed for each of one or more goals, got {len(goals)} goals,"
            f" {len(scenes)} scenes and {len(seeds)} seeds"
        )
    jobs = [
        PlanJob(operators, scene, goal, seed, search or Search(), disturbance)
        for scene, goal, seed in zip(scenes, goals, seeds, strict=True)
    ]
    episodes = list(engine.map(_one, jobs, chunk=1, label=label))
    share = sum(e["completed"] / e["literals"] for e in episodes) / len(episodes)
    return Plans(
        goals=len(episodes),
        solved=sum(e["solved"] for e in episodes),
        mean_completed=round(share, 6),
        spent=sum(e["spent"] for e in episodes),
        episodes=episodes,
    )
