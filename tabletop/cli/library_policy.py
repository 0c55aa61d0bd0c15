"""A named library as a policy for tasks: for each task the skill that was named for it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tabletop.cli.files import read_names
from tabletop.errors import TabletopError
from tabletop.logic import Task
from tabletop.rollout.policy import Policy
from tabletop.sim.scene import Scene
from tabletop.skills.library import Library, Skill, find_library, load_library

__all__ = ["fingerprint", "library_policy"]


@dataclass(frozen=True)
class OneSkill:
    """A skill of a library as a task's policy."""

    library: Library
    skill: Skill

    def __call__(self, task: Task, scene: Scene) -> Policy:
        return self.library.policy(self.skill, task.attends)


def library_policy(name: str, tasks: Sequence[Task]) -> dict[str, OneSkill]:
    """Return a policy factory for each task that a skill of a library is named for, the best skill of each.

    Args:
        name: a run folder or library.
        tasks: the tasks asked for.

    Raises:
        TabletopError: no such library, or its skills have not been named.
    """
    path = find_library(name)
    library = load_library(path)
    cards = [p for p in (Path(name) / "name.json", path / "name.json", path.parent / "name.json") if p.is_file()]
    if not cards:
        raise TabletopError(f"the skills of {name!r} have no names yet; name them with: tabletop name {name}")
    named = read_names(cards[0], f"tabletop name {name}")
    best: dict[str, tuple[float, str]] = {}
    for entry in named["skills"]:
        if entry["task"] and entry["low"] > best.get(entry["task"], (-1.0, ""))[0]:
            best[entry["task"]] = (entry["low"], entry["id"])
    return {t.name: OneSkill(library, library.skill(best[t.name][1])) for t in tasks if t.name in best}


def fingerprint(makers: Mapping[str, OneSkill]) -> str:
    """Return what tells these skills from any others: a digest of which they are and of their library's weights."""
    found = hashlib.sha256()
    for task, maker in sorted(makers.items()):
        found.update(f"{task} {maker.skill.id};".encode())
    for library in {id(m.library): m.library for m in makers.values()}.values():
        for name, array in sorted({**library.weights, "means": library.means}.items()):
            found.update(name.encode() + array.tobytes())
    return found.hexdigest()
