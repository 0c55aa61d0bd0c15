"""A named library as a policy for tasks: for each task the skill that was named for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tabletop.cli.files import read_names
from tabletop.errors import TabletopError
from tabletop.logic import Task
from tabletop.rollout.evaluate import PolicyFactory
from tabletop.rollout.policy import Policy
from tabletop.sim.scene import Scene
from tabletop.skills.library import Library, Skill, find_library, load_library

__all__ = ["library_policy"]


@dataclass(frozen=True)
class _OneSkill:
    library: Library
    skill: Skill

    def __call__(self, task: Task, scene: Scene) -> Policy:
        return self.library.policy(self.skill, task.attends)


def library_policy(name: str, tasks: Sequence[Task]) -> dict[str, PolicyFactory]:
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
    return {t.name: _OneSkill(library, library.skill(best[t.name][1])) for t in tasks if t.name in best}
