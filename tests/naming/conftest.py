"""A library whose skills are known: scripted policies, a random one and one that does nothing, without their names."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from tabletop.control.scripted import load_scripted_policy
from tabletop.logic import Registry, load_registry
from tabletop.naming import NameSettings, name_skills
from tabletop.rollout.engine import Engine
from tabletop.rollout.policy import Exploration, Nothing, Policy, Random
from tabletop.sim.generate import load_scene_card
from tabletop.skills.codebook import Codebook
from tabletop.skills.library import Skill

SETTINGS = NameSettings(effects=6, trials=3, contenders=2, episodes=9, fresh=5, seed=3)
"""Six scenes are few: those of this seed have enough blocks to turn, and all are reached and lifted."""


@dataclass(frozen=True)
class Disguised:
    """What naming uses of a library, with the task of each code written down in secret."""

    tasks: tuple[str, ...]
    """By skill: a task, "random" or "nothing"."""
    codes: Codebook
    joints: tuple[str, ...] = ("drawer", "button")
    horizon: int = 70
    release: str = "scripted"
    aimed: tuple[str, ...] = ()
    card: Any = field(default_factory=lambda: load_scene_card("discovery"))

    @property
    def skills(self) -> tuple[Skill, ...]:
        """One a code; of a joint's codes one for each kind."""
        out = []
        for code in range(self.codes.total):
            effect = self.codes.effects[int(self.codes.effect_of[code])]
            kinds = self.joints if effect.body_type == "joint" else (None,)
            out += [Skill(self.codes.name(code, kind), effect, code, kind) for kind in kinds]
        return tuple(out)

    def card_for(self, skill: Skill) -> Any:
        """Return the scene card, which is the same for all."""
        del skill
        return self.card

    def skill(self, id: str) -> Skill:
        """Return a skill by its id."""
        return next(k for k in self.skills if k.id == id)

    def skill_of(self, task: str) -> Skill:
        """Return the skill that is a task's policy."""
        return self.skills[self.tasks.index(task)]

    def length(self, skill: Skill, within: int | None = None) -> int:
        """Scripted policies stop by themselves; the random ones do not."""
        return self.horizon if within is None else min(self.horizon, within)

    def policy(self, skill: Skill, entity: str, within: int | None = None) -> Policy:
        """Return the scripted policy of the code's task, on an entity."""
        # Another code may have been put in its place.
        task = self.tasks[[(s.code, s.kind) for s in self.skills].index((skill.code, skill.kind))]
        if task in {"random", "nothing"}:
            return Random() if task == "random" else Nothing()
        return load_scripted_policy(task, {load_registry()[task].attends: entity})

    def exploration(self, skill: Skill, entity: str, within: int | None = None) -> Policy:
        """Return what discovery explores with."""
        return Exploration()


@pytest.fixture(scope="session")
def registry() -> Registry:
    """Return all tasks."""
    return load_registry()


@pytest.fixture(scope="session")
def disguised() -> Disguised:
    """Return nine skills of all effects."""
    codes = Codebook({"held_at": 2, "displaced": 3, "joint": 2})
    return Disguised(
        (
            *("lift", "nothing"),
            *("push-left", "rotate-left", "random"),
            *("drawer-open", "button-press-topdown"),
            *("nothing", "nothing"),
        ),
        codes,
    )


class Watched(Engine):
    """An engine that keeps what it was asked to run."""

    def __init__(self) -> None:
        """Work in this process."""
        super().__init__(workers=0)
        self.jobs: dict[str, list[Any]] = {}

    def map(self, function: Any, jobs: Any, *, chunk: int = 4, label: str | None = None) -> Any:
        """Keep the jobs, then run them."""
        asked = list(jobs)
        self.jobs.setdefault(str(label), []).extend(asked)
        return super().map(function, asked, chunk=chunk)


@pytest.fixture(scope="session")
def watched() -> Watched:
    """Return the engine that `named` was made with."""
    return Watched()


@pytest.fixture(scope="session")
def named(disguised: Disguised, registry: Registry, watched: Watched) -> dict[str, Any]:
    """Return what the namer makes of the disguised skills."""
    return name_skills(disguised, registry, watched, SETTINGS)  # type: ignore[arg-type]
