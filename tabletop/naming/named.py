"""A library with the names of its skills: what it can do, and its skills by name as well as by id."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tabletop.errors import TabletopError
from tabletop.naming.best import skills_by_task
from tabletop.runs.files import read_names
from tabletop.skills.library import Library, Skill, find_library, load_library
from tabletop.skills.skill_policy import SkillPolicy

__all__ = ["Called", "NamedLibrary", "open_library"]

Entry = Mapping[str, Any]


@dataclass(frozen=True)
class Called:
    """The skill that someone asked for."""

    skill: Skill
    entry: Entry | None
    """What name.json says of it; None where the skills have no names."""
    others: int = 0
    """Skills of the same name that are not as good."""
    by_name: bool = False
    """Whether it was asked for by name, not by id."""


@dataclass(frozen=True)
class NamedLibrary:
    """A library, and what `tabletop name` found of it."""

    library: Library
    named: Mapping[str, Any] | None
    """What name.json holds; None where the skills have not been named."""

    @property
    def entries(self) -> dict[str, Entry]:
        """What name.json says of each skill, by id; the best of a task has that task's own figures."""
        if self.named is None:
            return {}
        best = {e["id"]: e for e in skills_by_task(self.named).values()}
        return {e["id"]: best.get(e["id"], e) for e in self.named["skills"]}

    def called(self, word: str) -> Called:
        """Return a skill by its id, by its name, or by the task that it is named for.

        The best of a task is the one that `tabletop name` chose; of other skills of one name it is the one whose
        ends vary least.

        Raises:
            TabletopError: no skill is called so.
        """
        entries = self.entries
        for skill in self.library.skills:
            if skill.id == word:
                return Called(skill, entries.get(word))
        best = {t: v["skill"] for t, v in (self.named or {}).get("tasks", {}).items()}
        found = sorted(
            (e for e in entries.values() if word in (e["name"], e["task"])),
            key=lambda e: (
                e["id"] != best.get(e["task"]),
                -e["low"] if e["task"] else 0.0,
                e.get("spread", 0.0),
                e["id"],
            ),
        )
        if found:
            return Called(self.library.skill(found[0]["id"]), found[0], len(found) - 1, by_name=True)
        ids = self.library.codes
        names = sorted({*best}) if best else []
        known = f"names: {', '.join(names) or 'none yet'}; ids: " + ", ".join(
            f"{kind}-00 to {kind}-{count - 1:02d}" for kind, count in ids.counts.items()
        )
        raise TabletopError(f"unknown skill {word!r}; there are {known}")

    def policy(self, word: str, entity: str, within: int | None = None) -> SkillPolicy:
        """Return the policy that runs a skill, by name or id, on an entity; see `Library.policy`."""
        return self.library.policy(self.called(word).skill, entity, within)

    def rows(self) -> list[dict[str, Any]]:
        """Return what the library can do, one row a skill: first those named for a task, then others, then the rest.

        A row has id, effect, entity (kind of thing), name, task, phrase, success, low, high, n, and whether it is the
        best of its task. The rate is that of the task it is named for: where there is none these are None, and without
        names all but id and effect.
        """
        entries = self.entries
        best = {v["skill"] for v in (self.named or {}).get("tasks", {}).values()}
        rows = [{**_row(s, entries.get(s.id)), "best": s.id in best} for s in self.library.skills]
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


def _row(skill: Skill, entry: Entry | None) -> dict[str, Any]:
    known = entry or {}
    rate = {k: known.get(k) if known.get("task") else None for k in ("success", "low", "high", "n")}
    said = {k: known.get(k) for k in ("name", "task", "phrase")}
    return {"id": skill.id, "effect": skill.effect.name, "entity": known.get("entity_kind"), **said, **rate}


def open_library(name: str) -> NamedLibrary:
    """Return a library with its names, if they are beside it.

    Args:
        name: a run folder, a library's folder, or the name of one that ships.

    Raises:
        TabletopError: no such library, or a file of it is damaged.

    >>> open_library("default").called("drawer-open").skill.effect.name
    'drawer'
    """
    path = find_library(name)
    library = load_library(path)
    places = (Path(name) / "name.json", path / "name.json", path.parent / "name.json")
    found = next((p for p in places if p.is_file()), None)
    return NamedLibrary(library, None if found is None else read_names(found, f"tabletop name {name}"))
