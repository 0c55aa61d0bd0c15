"""Films of skills and plans at work, each in a process of the engine's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from tabletop.logic import Registry
from tabletop.naming.trial import skill_task
from tabletop.planner import ChainJob, PlanJob, run_chain
from tabletop.report import write_clip
from tabletop.rollout.episode import Frames, episode
from tabletop.runs.records import NamedSkill
from tabletop.seeds import Purpose, seed_of
from tabletop.sim import Scene, framing
from tabletop.skills.library import Library
from tabletop.skills.scenes import attended_scene

__all__ = ["ChainClip", "PlanClip", "SkillClip", "film_chain", "film_plan", "film_skill", "to_film"]

_PURPOSES: Final = Purpose.CLIP_SCENES, Purpose.CLIP_INVENTORIES, Purpose.CLIP_EPISODES


@dataclass(frozen=True)
class SkillClip:
    """A named skill to film."""

    library: Library
    registry: Registry
    named: NamedSkill
    folder: str
    """The run's."""
    seed: int


@dataclass(frozen=True)
class PlanClip:
    """A plan to film."""

    plan: PlanJob
    steps: tuple[tuple[str, str], ...]
    """(skill, entity) that were run for it: they are run again, without any search."""
    folder: str
    """The run's."""
    name: str
    """Of the file in it."""


@dataclass(frozen=True)
class ChainClip:
    """A chain of goals to film."""

    chain: ChainJob
    folder: str
    """The run's."""
    name: str
    """Of the file in it."""


def _film(scene: Scene, every: int, way: npt.NDArray[np.float64] | None = None) -> Frames:
    """Return pictures near to what the scene is about: from its own camera things are specks."""
    return Frames(240, 180, every, framing(scene, () if way is None else way))


def film_skill(job: SkillClip) -> str:
    """Film a named skill once, on the first scene of its own, whatever comes of it; return the file's name."""
    library, named, seed = job.library, job.named, job.seed
    skill, within = library.skill(named.id), None
    poses, things, noise = (seed_of(seed, purpose, skill.code) for purpose in _PURPOSES)
    if named.task:
        scene, task, entity = skill_task(job.registry, named, poses)
        within = task.horizon
    else:
        scene, entity = attended_scene(library.card, skill.effect, poses, things, "nominal")
    policy = library.policy(skill, entity, within)
    # Run twice, which gives the same: the camera is to see where the thing goes.
    way = episode(policy, scene, noise, policy.length).state.entity(entity, "position")
    run = episode(policy, scene, noise, policy.length, frames=_film(scene, 1, way))
    name = f"clips/{skill.id}.webp"
    write_clip(run.frames, Path(job.folder) / name)
    return name


def film_plan(job: PlanClip) -> str:
    """Film a plan as it was run, whatever came of it; return the file's name."""
    plan = job.plan
    policy = plan.policy(job.steps)
    run = episode(policy, plan.scene, plan.seed, policy.horizon, frames=_film(plan.scene, every=2))
    write_clip(run.frames, Path(job.folder) / job.name, captions=plan.goal.text)
    return job.name


def to_film(order: Sequence[int], reached: Sequence[bool], most: int) -> list[int]:
    """Return which episodes to film: half of them of such as reached their goal, as far as there are so many.

    Args:
        order: all of them, the most telling first.
        reached: whether each reached its goal, by number.
        most: how many.
    """
    good, bad = ([i for i in order if reached[i] is which] for which in (True, False))
    of_bad = min(len(bad), max(most // 2, most - len(good)))
    return [*good[: most - of_bad], *bad[:of_bad]]


def film_chain(job: ChainClip) -> str:
    """Film a chain of goals, whatever comes of it; return the file's name."""
    chain = job.chain.draw()
    run = run_chain(job.chain, chain, _film(chain.scene, every=2))
    goals = [e["goal"] for e in run.log for _ in range(e["end"] - e["begin"])]
    captions = (goals[::2] + goals[-1:] * 2)[: len(run.frames)]
    write_clip(run.frames, Path(job.folder) / job.name, captions=captions or run.log[0]["goal"])
    return job.name
