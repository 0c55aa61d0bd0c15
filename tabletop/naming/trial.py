"""One episode of a skill, or of a baseline, on a task's scene: what names are measured by."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from tabletop.errors import TabletopError
from tabletop.logic import Registry, Task
from tabletop.naming.candidates import Candidate
from tabletop.rollout.episode import Trajectory, episode
from tabletop.rollout.policy import Nothing, Policy, Random
from tabletop.runs.records import NamedSkill
from tabletop.seeds import Purpose, rng_of
from tabletop.sim.generate import generate
from tabletop.sim.scene import Scene
from tabletop.skills.library import Library, Skill

__all__ = ["TaskRun", "run_task_run", "skill_task", "succeeds", "task_scene"]


@dataclass(frozen=True)
class TaskRun:
    """One episode of a skill, or of a baseline, on a task's scene: a pure description of it."""

    library: Library
    skill: Skill
    task: Task
    candidate: Candidate
    seed: int
    """Of the scene."""
    mode: str
    """ "skill", "shuffled" (a code of the effect drawn at random), "exploration", "random" or "nothing"."""


def task_scene(task: Task, candidate: Candidate, seed: int) -> Scene:
    """Return the scene of a task, with a target where the candidate's own offset puts it.

    Args:
        task: the task.
        candidate: says where its target is, if the skill shows that.
        seed: number that the scene is drawn by.

    Raises:
        TabletopError: the scene cannot be drawn.
    """
    offsets = None
    if candidate.offset is not None and task.parameter is not None and task.parameter.entity:
        x, y = candidate.offset
        offsets = {task.parameter.entity: {"x": x, "y": y}}
    return generate(task.scene, seed, gripper="nominal", offsets=offsets)


def _asked(task: Task, candidate: Candidate) -> Task:
    return task.with_value(candidate.angle) if candidate.angle is not None else task


def skill_task(registry: Registry, skill: NamedSkill, seed: int) -> tuple[Scene, Task, str]:
    """Return a scene of the task a skill is named for, the task with the skill's own parameter, and its entity.

    Args:
        registry: the tasks.
        skill: named for a task.
        seed: of the scene.

    Raises:
        TabletopError: the skill is named for no task, or for one that is not in the registry.
    """
    if skill.task is None:
        raise TabletopError(f"skill {skill.id!r} is named for no task")
    offset = (skill.offset[0], skill.offset[1]) if skill.offset else None
    candidate = Candidate(skill.task, skill.success, skill.n, offset, skill.angle)
    task = registry[skill.task]
    return task_scene(task, candidate, seed), _asked(task, candidate), task.attends


def _policy(run: TaskRun, rng: np.random.Generator) -> Policy:
    if run.mode == "nothing":
        return Nothing()
    if run.mode == "random":
        return Random()
    skill = run.skill
    if run.mode == "shuffled":
        codes = run.library.codes
        own = codes.codes_of(int(codes.effect_of[skill.code]))
        skill = replace(skill, code=int(rng.choice(own)), task=None, formula=None)
    make = run.library.exploration if run.mode == "exploration" else run.library.policy
    return make(skill, run.task.attends, run.task.horizon)


def run_task_run(run: TaskRun) -> Trajectory:
    """Run it, within the task's horizon."""
    rng = rng_of(run.seed, Purpose.NAMING_CODES)
    scene = task_scene(run.task, run.candidate, run.seed)
    return episode(_policy(run, rng), scene, run.seed, run.library.length(run.skill, run.task.horizon))


def succeeds(run: TaskRun) -> bool:
    """Run it; return whether the task holds in the last state."""
    trajectory = run_task_run(run)
    task = _asked(run.task, run.candidate)
    return bool(task.success.holds(trajectory.final, trajectory.initial))
