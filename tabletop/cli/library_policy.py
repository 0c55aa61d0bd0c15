"""The policies that a command line asks for, by task; of a named library the skill that was named for each."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tabletop.errors import TabletopError
from tabletop.logic import Task
from tabletop.naming import skills_by_task
from tabletop.rollout.evaluate import BUILTIN_POLICIES, PolicyFactory
from tabletop.rollout.policy import Policy
from tabletop.runs.files import read_names
from tabletop.sim.scene import Scene
from tabletop.skills.library import Library, Skill, find_library, load_library

__all__ = ["fingerprint", "policies_of"]


@dataclass(frozen=True)
class OneSkill:
    """A skill of a library as a task's policy."""

    library: Library
    skill: Skill

    def __call__(self, task: Task, scene: Scene) -> Policy:
        return self.library.policy(self.skill, task.attends, task.horizon)


def policies_of(name: str, tasks: Sequence[Task]) -> Mapping[str, PolicyFactory]:
    """Return a policy factory for each task that a policy can be asked for.

    Args:
        name: a plain policy; or a run folder or library, of which each task has the best skill that is named for it.
        tasks: the tasks asked for.

    Raises:
        TabletopError: no such library, its skills have not been named, or none is named for one of the tasks.
    """
    if name in BUILTIN_POLICIES:
        return {t.name: BUILTIN_POLICIES[name] for t in tasks}
    path = find_library(name)
    library = load_library(path)
    cards = [p for p in (Path(name) / "name.json", path / "name.json", path.parent / "name.json") if p.is_file()]
    if not cards:
        raise TabletopError(f"the skills of {name!r} have no names yet; name them with: tabletop name {name}")
    best = skills_by_task(read_names(cards[0], f"tabletop name {name}"))
    found = {t.name: OneSkill(library, library.skill(best[t.name]["id"])) for t in tasks if t.name in best}
    if not found:
        raise TabletopError(f"none of the tasks asked for has a skill named for it in {name!r}")
    return found


def fingerprint(makers: Mapping[str, PolicyFactory]) -> str:
    """Return what distinguishes a library's skills from any others: a digest of which they are and of its weights.

    Args:
        makers: what `policies_of` returned. Built-in policies have none: "".
    """
    skills = {task: maker for task, maker in makers.items() if isinstance(maker, OneSkill)}
    if not skills:
        return ""
    found = hashlib.sha256("".join(f"{task} {skills[task].skill.id};" for task in sorted(skills)).encode())
    library = next(iter(skills.values())).library  # that of all
    for name, array in sorted({**library.weights, "embeddings": library.embeddings}.items()):
        found.update(name.encode() + array.tobytes())
    return found.hexdigest()
