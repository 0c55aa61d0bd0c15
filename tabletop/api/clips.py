"""Films of skills and plans at work, each in a process of the engine's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tabletop.api.takes import skill_take
from tabletop.logic import Registry
from tabletop.planner import ChainJob, PlanJob, run_chain
from tabletop.report import write_clip, write_replay
from tabletop.rollout.episode import Frames, episode
from tabletop.runs.records import NamedSkill
from tabletop.sim import framing, save_scene
from tabletop.skills.library import Library

__all__ = ["ChainClip", "PlanClip", "SkillClip", "film_chain", "film_plan", "film_skill", "to_film"]
_SIZE: Final = 240, 180
"""Pixels across and down."""


@dataclass(frozen=True)
class SkillClip:
    """A named skill to film."""

    library: Library
    registry: Registry
    named: NamedSkill
    folder: str
    """The run's."""
    seed: int
    """Of scene and episode."""


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


def film_skill(job: SkillClip) -> str:
    """Film a skill once, as `tabletop play` does with that seed, whatever comes of it; return the file's name."""
    skill = job.library.skill(job.named.id)
    run = skill_take(job.library, skill, job.named, job.registry, job.seed).film(*_SIZE)
    name = f"clips/{skill.id}.webp"
    write_clip(run.frames, Path(job.folder) / name)
    write_replay(run, Path(job.folder) / name)
    return name


def film_plan(job: PlanClip) -> str:
    """Film a plan as it was run, whatever came of it, and save its scene beside; return the film's name."""
    plan = job.plan
    policy = plan.policy(job.steps)
    run = episode(policy, plan.scene, plan.seed, policy.horizon, frames=Frames(*_SIZE, 2, framing(plan.scene)))
    write_clip(run.frames, Path(job.folder) / job.name, captions=plan.goal.text)
    write_replay(run, Path(job.folder) / job.name, 2)
    save_scene(plan.scene, (Path(job.folder) / job.name).with_suffix(".yaml"))
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
    run = run_chain(job.chain, chain, Frames(*_SIZE, 2, framing(chain.scene)))
    goals = [e["goal"] for e in run.log for _ in range(e["end"] - e["begin"])]
    captions = (goals[::2] + goals[-1:] * 2)[: len(run.frames)]
    write_clip(run.frames, Path(job.folder) / job.name, captions=captions or run.log[0]["goal"])
    write_replay(run, Path(job.folder) / job.name, 2)
    return job.name
