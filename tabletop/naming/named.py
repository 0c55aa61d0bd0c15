"""A library with the names of its skills: what it can do, and its skills by name as well as by id."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tabletop.errors import TabletopError
from tabletop.runs.records import NamedSkill, Naming
from tabletop.runs.shown import Shown
from tabletop.runs.store import read_record
from tabletop.skills.aiming import AimedPolicy
from tabletop.skills.library import Library, Skill, find_library, load_library
from tabletop.skills.skill_policy import SkillPolicy
from tabletop.words import plural

__all__ = ["Called", "NamedLibrary", "open_library"]


@dataclass(frozen=True)
class Called:
    """The skill that someone asked for."""

    skill: Skill
    entry: NamedSkill | None
    """What name.json says of it; None where the skills have no names."""
    others: int = 0
    """Skills of the same name that are not as good."""
    by_name: bool = False
    """Whether it was asked for by name, not by id."""


@dataclass(frozen=True, repr=False)
class NamedLibrary(Shown):
    """A library, and what `tabletop name` found of it."""

    library: Library
    named: Naming | None
    """What name.json holds; None where the skills have not been named."""

    @property
    def entries(self) -> dict[str, NamedSkill]:
        """What name.json says of each skill, by id; the best of a task has that task's own figures."""
        if self.named is None:
            return {}
        best = {s.id: s for s in self.named.best().values()}
        return {s.id: best.get(s.id, s) for s in self.named.skills}

    def called(self, word: str) -> Called:
        """Return a skill by its id, by its name, or by the task that it is named for.

        The best of a task is the one that `tabletop name` chose; of other skills of one name it is the one whose
        ends vary least.

        Raises:
            TabletopError: no skill is called so.
        """
        entries = self.entries
        if word in entries or any(s.id == word for s in self.library.skills):
            return Called(self.library.skill(word), entries.get(word))
        best = {task: t.skill for task, t in self.named.tasks.items()} if self.named else {}
        found = sorted(
            (s for s in entries.values() if word in (s.name, s.task)),
            key=lambda s: (s.id != best.get(s.task or ""), -s.low if s.task else 0.0, s.spread, s.id),
        )
        if found:
            return Called(self.library.skill(found[0].id), found[0], len(found) - 1, by_name=True)
        known = f"names: {', '.join(sorted(best)) or 'none yet'}; ids: " + ", ".join(
            f"{found[0].id} to {found[-1].id}" for found in _grouped(self.library.skills)
        )
        raise TabletopError(f"unknown skill {word!r}; there are {known}")

    def policy(self, word: str, entity: str, within: int | None = None) -> SkillPolicy | AimedPolicy:
        """Return the policy that runs a skill, by name or id, on an entity; see `Library.policy`.

        Args:
            word: id or name of the skill, or the task that it is named for.
            entity: that it attends to.
            within: control steps that there are, such as a task's horizon; None: as many as it takes.

        Raises:
            TabletopError: no skill is called so.
        """
        return self.library.policy(self.called(word).skill, entity, within)

    def title(self) -> str:
        """Return how many skills there are, in one line."""
        info = self.library.info
        named = "not named yet" if self.named is None else f"{plural(len(self.named.named_tasks), 'task')} named"
        codes = self.library.codes
        skills = f"{plural(len(self.library.skills), 'skill')} of {plural(len(codes.effects), 'effect')}"
        return f"{skills}, {named} (seed {info.get('seed')})"

    def rows(self) -> list[dict[str, Any]]:
        """Return what the library can do, one row a skill: first those named for a task, then others, then the rest.

        A row has id, effect, entity (kind of thing), name, task, phrase, success, low, high, n, and whether it is the
        best of its task. The rate is that of the task it is named for: where there is none these are None, and without
        names all but id and effect.
        """
        entries = self.entries
        best = {t.skill for t in self.named.tasks.values()} if self.named else set()
        asked = [self.library.skill(s.id) for s in entries.values() if s.aimed]
        rows = [{**_row(s, entries.get(s.id)), "best": s.id in best} for s in (*self.library.skills, *asked)]
        return sorted(
            rows,
            key=lambda r: (
                (0 if r["task"] else 1) if r["name"] else 2,
                r["task"] or "",
                not r["best"],
                -(r["low"] or 0.0),
                "" if r["task"] else r["name"] or "",
                r["id"],
            ),
        )


def _grouped(skills: Sequence[Skill]) -> list[list[Skill]]:
    groups: dict[str, list[Skill]] = {}
    for skill in skills:
        groups.setdefault(skill.group, []).append(skill)
    return list(groups.values())


def _row(skill: Skill, known: NamedSkill | None) -> dict[str, Any]:
    named = known is not None and known.task is not None
    rate = {k: getattr(known, k) if named else None for k in ("success", "low", "high", "n")}
    said = {k: getattr(known, k, None) for k in ("name", "task", "phrase")}
    return {"id": skill.id, "effect": skill.effect.name, "entity": getattr(known, "entity_kind", None), **said, **rate}


def open_library(name: str) -> NamedLibrary:
    """Return a library with its names, if they are beside it.

    Args:
        name: a run folder, a library's folder, or the name of one that ships.

    Raises:
        TabletopError: no such library, or a file of it is damaged.

    >>> open_library("default").called("drawer-open").skill.effect.name
    'joint'
    """
    path = find_library(name)
    library = load_library(path)
    places = (Path(name) / "name.json", path / "name.json", path.parent / "name.json")
    found = next((p for p in places if p.is_file()), None)
    return NamedLibrary(library, None if found is None else read_record(found, Naming, library.digest))
