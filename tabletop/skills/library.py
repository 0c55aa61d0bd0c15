"""A skill library: a folder with library.yaml (what the skills are) and weights.safetensors."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import numpy.typing as npt
from msgspec import Meta

from tabletop.errors import TabletopError, unknown
from tabletop.files import make_folder, write_whole
from tabletop.learn.actor import NetworkSpec, NumpyActor
from tabletop.learn.tensors import load_tensors, save_tensors
from tabletop.logic.formula import Formula
from tabletop.logic.task import Registry, Task, load_registry
from tabletop.projects import find_libraries, kept
from tabletop.rollout.policy import ACTION_SIZE
from tabletop.schema import convert, is_name
from tabletop.sim.card_fields import check_card
from tabletop.sim.cards import load_cards
from tabletop.sim.scene import Scene, layout_of
from tabletop.skills.aiming import AIMED, AimedPolicy
from tabletop.skills.codebook import Codebook
from tabletop.skills.effects import DESCRIPTOR_WIDTH, EFFECT_WIDTH, Effect, entities_for
from tabletop.skills.observation import EGO, OTHER_WIDTH, OTHERS
from tabletop.skills.scenes import card_serves, joints_of
from tabletop.skills.skill_policy import (
    ACTS,
    CONDITIONINGS,
    RELEASES,
    SkillPolicy,
    code_columns,
    settle_steps,
)
from tabletop.yaml_files import read_yaml, yaml_text

__all__ = ["LEARNER", "Library", "Skill", "find_library", "load_library", "save_library"]


FORMAT: Final = "tabletop-library/5"
"""What library.yaml must say it is."""
LEARNER: Final = "learner.safetensors"
"""File that discovery goes on from, where it is there: see discovery/start.py."""
_OLD_FORMATS: Final = ("tabletop-library/2", "tabletop-library/3", "tabletop-library/4")


@dataclass(frozen=True)
class Skill:
    """One discovered skill."""

    id: str
    """ "held_at-03": effect and number in it; of a joint's codes "drawer-01", kind and number."""
    effect: Effect
    code: int
    """Number through all effects."""
    kind: str | None = None
    """Kind of entity that it is for, where its code serves several: those of joints do."""

    task: str | None = None
    """Task whose formula says what it is asked for, see skills/aiming.py; None where its code says it."""
    formula: Formula | None = None
    """That of the task."""
    attends: str | None = None
    """The task's name of the entity that it acts on."""

    @property
    def group(self) -> str:
        """What its siblings are of: the effect, or the kind of joint."""
        return self.kind or self.effect.name


@dataclass(frozen=True)
class Library:
    """Discovered skills and the network that runs them."""

    codes: Codebook
    horizon: int
    """Control steps a skill acts for, a script after it left out."""
    weights: Mapping[str, npt.NDArray[Any]]
    """Of the policy, as NumpyActor reads them."""
    embeddings: npt.NDArray[np.float64]
    """(codes, width): what the policy is conditioned on for each code: its target effect, or a vector."""
    card: Mapping[str, Any]
    """The scene card it was discovered in."""
    info: Mapping[str, Any]
    """How it was made: objective, seed, steps, minutes."""
    conditioning: str = "target"
    """How the policy is conditioned on a code, see skills/skill_policy.py: CONDITIONINGS."""
    acts: str = "mean"
    """What the skills do, see skills/skill_policy.py: ACTS."""
    release: str = "learned"
    """How they end, see skills/skill_policy.py: RELEASES."""
    earlier: tuple[Mapping[str, Any], ...] = ()
    """Scene cards of the libraries that it went on from, newest first: its skills are of these, too."""

    @property
    def cards(self) -> tuple[Mapping[str, Any], ...]:
        """All scene cards that its skills were discovered in, its own first."""
        return (self.card, *self.earlier)

    def card_for(self, skill: Skill) -> Mapping[str, Any]:
        """Return the first of its scene cards that has things for a skill; its own where none has."""
        if not self.earlier:
            return self.card
        return next((card for card in self.cards if card_serves(card, skill.effect, skill.kind)), self.card)

    @cached_property
    def digest(self) -> str:
        """What tells this library from others: SHA-256 of what its skills do, how it was made left out."""
        found = hashlib.sha256(repr((list(self.codes.counts.items()), self.horizon)).encode())
        found.update(repr((self.conditioning, self.acts, self.release)).encode())
        for name, value in [*sorted(self.weights.items()), ("embeddings", self.embeddings)]:
            found.update(repr((name, value.dtype.str, value.shape)).encode() + np.ascontiguousarray(value).tobytes())
        return found.hexdigest()

    @cached_property
    def skills(self) -> tuple[Skill, ...]:
        """All skills, in the order of their codes; a joint's code is a skill for each kind of joint in the card."""
        out = []
        for code in range(self.codes.total):
            effect = self.codes.effects[int(self.codes.effect_of[code])]
            if effect.body_type != "joint":
                out.append(Skill(self.codes.name(code), effect, code))
            else:
                out += [Skill(self.codes.name(code, kind), effect, code, kind) for kind in self.joints]
        return tuple(out)

    @cached_property
    def joints(self) -> tuple[str, ...]:
        """Kinds of entity with a joint in the scenes that it was discovered in."""
        return tuple(dict.fromkeys(kind for card in self.cards for kind in joints_of(card)))

    def skill(self, id: str) -> Skill:
        """Return the skill of that id.

        Raises:
            TabletopError: there is none.
        """
        for skill in self.skills:
            if skill.id == id:
                return skill
        asked = self._asked(id)
        if asked is not None:
            return asked
        # A kind of joint that discovery never saw is no other input to the network.
        kind, _, number = id.rpartition("-")
        card = load_cards().get(kind)
        if card is not None and card.body_type == "joint" and number.isdecimal():
            for index, effect in enumerate(self.codes.effects):
                own = self.codes.codes_of(index)
                if effect.body_type == "joint" and int(number) < len(own):
                    code = int(own[int(number)])
                    if id == self.codes.name(code, kind):
                        return Skill(id, effect, code, kind)
        raise unknown("skill", id, [s.id for s in self.skills])

    def _asked(self, id: str) -> Skill | None:
        """Return the skill that "placed@stack" means: an effect, asked for what a task's formula wants."""
        name, sign, task = id.partition("@")
        if not sign or name not in self.aimed:
            return None
        if task not in _tasks():
            return None
        return self.asked(name, _tasks()[task])

    def asked(self, effect: str, task: Task) -> Skill:
        """Return the skill that is an effect asked for what a task's formula wants, such as "placed@stack"."""
        id = f"{effect}@{task.name}"
        return replace(self.any_of(effect), id=id, task=task.name, formula=task.success, attends=task.attends)

    @property
    def aimed(self) -> tuple[str, ...]:
        """Names of the effects that can be asked for whatever a formula wants."""
        return tuple(n for n in self.codes.counts if n in AIMED) if self.conditioning == "target" else ()

    def any_of(self, effect: str) -> Skill:
        """Return a skill of an effect, for what all of them have in common.

        Raises:
            TabletopError: there is none.
        """
        if effect not in self.codes.counts:
            raise unknown("effect of this library", effect, self.codes.counts)
        index = list(self.codes.counts).index(effect)
        code = int(self.codes.codes_of(index)[0])
        return Skill(self.codes.name(code), self.codes.effects[index], code)

    def length(self, skill: Skill, within: int | None = None) -> int:
        """Return the control steps an episode of a skill takes at most, settling included.

        Args:
            skill: of this library.
            within: control steps that there are, such as a task's horizon.
        """
        full = self.horizon + settle_steps(skill.effect, self.release)
        return full if within is None else min(full, within)

    def policy(
        self,
        skill: Skill | str,
        entity: str,
        within: int | None = None,
        target: Sequence[float] | float | None = None,
    ) -> SkillPolicy | AimedPolicy:
        """Return the policy that runs a skill on an entity, for `length` control steps.

        Args:
            skill: one of this library, or its id; with a target also the name of an effect.
            entity: that it attends to.
            within: control steps that there are, such as a task's horizon; None: as many as it takes.
            target: what is to come of it, in place of the code's own, see `Effect.aim`: x, y (m, world) and how high
                (m above where it began) for held_at and placed, a fraction for joint, and so on.

        Raises:
            TabletopError: no skill or effect has that name, or the target has too many numbers.

        >>> load_library(find_library("default")).policy("placed", "red", target=(0.5, 0.1)).effect
        'placed'
        """
        if target is not None and isinstance(skill, str) and skill in self.codes.counts:
            skill = self.any_of(skill)
        found = self.skill(skill) if isinstance(skill, str) else skill
        if target is not None and self.conditioning != "target":
            raise TabletopError(f"skills conditioned on a {self.conditioning} take no target")
        aim = self.embeddings[found.code] if target is None else found.effect.aim(target)
        policy = SkillPolicy(
            self.weights,
            found.effect.name,
            tuple(float(v) for v in aim),
            entity,
            self.length(found, within) - settle_steps(found.effect, self.release),
            stochastic=self.acts == "sample",
            random=self.acts == "random",
            conditioning=self.conditioning,
            release=self.release,
        )
        if found.formula is None or target is not None:
            return policy
        # What the task says of its own entity is wanted of this one.
        formula = found.formula if found.attends is None else found.formula.rename({found.attends: entity})
        return AimedPolicy(policy, formula)

    def exploration(self, skill: Skill | str, entity: str, within: int | None = None) -> SkillPolicy:
        """Return what acts as long as `policy` does, but with random actions in place of the network's."""
        policy = self.policy(skill, entity, within)
        return replace(policy.skill if isinstance(policy, AimedPolicy) else policy, random=True)

    def entities(self, skill: Skill, scene: Scene) -> list[str]:
        """Return the entities of a scene that a skill can attend to."""
        layout = layout_of(scene.entities, load_cards(), scene.robot.name)
        found = entities_for(skill.effect, layout, {e.name: e.fraction for e in scene.entities})
        return [name for name in found if skill.kind in {None, layout.kind(name), layout.role(name)}]


@kept
def _tasks() -> Registry:
    """Return the tasks, read once: a library's skills may be asked for one by one."""
    return load_registry()


@dataclass(frozen=True)
class _File:
    """What library.yaml says, format and observation left out."""

    codes: Mapping[str, Annotated[int, Meta(ge=1, le=10_000)]]
    horizon: Annotated[int, Meta(ge=1, le=10_000)]
    conditioning: str
    scene: Mapping[str, Any]
    acts: str = "mean"
    release: str = "scripted"
    info: Mapping[str, Any] = field(default_factory=dict)
    digest: str | None = None
    earlier_scenes: tuple[Mapping[str, Any], ...] = ()


def save_library(library: Library, folder: str | os.PathLike[str]) -> None:
    """Write a library's two files, each whole or not at all; the card last.

    Raises:
        TabletopError: they cannot be written (a full disk).
    """
    target = Path(folder)
    tensors = {f"actor.{k}": np.array(v, order="C") for k, v in library.weights.items()}
    tensors["embeddings"] = np.array(library.embeddings, order="C")
    card = {
        "format": FORMAT,
        "codes": dict(library.codes.counts),
        "horizon": library.horizon,
        "conditioning": library.conditioning,
        "acts": library.acts,
        "release": library.release,
        "observation": {"ego": EGO, "others": OTHERS, "other_width": OTHER_WIDTH},
        "digest": library.digest,
        "info": dict(library.info),
        "scene": library.card,
    }
    if library.earlier:
        card["earlier_scenes"] = list(library.earlier)
    text = yaml_text(card)
    make_folder(target)
    save_tensors(target / "weights.safetensors", tensors)
    write_whole(target / "library.yaml", text)


def load_library(folder: str | os.PathLike[str]) -> Library:
    """Read a library.

    Raises:
        TabletopError: no such folder, a file is missing or damaged, or the library is of another make.
    """
    path = Path(folder)
    if not path.is_dir():
        raise TabletopError(
            f"no library at {str(path)!r}: a library is a folder with library.yaml; see 'tabletop discover'"
        )
    card = read_yaml(path / "library.yaml", f"library {str(path)!r}")
    if isinstance(card, Mapping) and card.get("format") in _OLD_FORMATS:
        raise TabletopError(
            f"library {str(path)!r} has the older format {card['format']!r}, whose skills see other columns than this "
            "version gives; discover them again: tabletop discover"
        )
    if not isinstance(card, Mapping) or card.get("format") != FORMAT:
        raise TabletopError(f"{str(path / 'library.yaml')!r} is not a skill library: format must be {FORMAT!r}")
    seen = {"ego": EGO, "others": OTHERS, "other_width": OTHER_WIDTH}
    if card.get("observation") != seen:
        raise TabletopError(
            f"library {str(path)!r} was made for observations {card.get('observation')}, this version has {seen}"
        )
    tensors = load_tensors(path / "weights.safetensors", f"library {str(path)!r}: weights.safetensors")
    said: _File = convert(card, _File, f"library {str(path)!r} is damaged")
    for scene in (said.scene, *said.earlier_scenes):
        check_card(scene)
    if "embeddings" not in tensors:
        raise TabletopError(f"library {str(path)!r} is damaged: weights.safetensors has no embeddings")
    codes = Codebook(said.codes)
    embeddings = np.asarray(tensors.pop("embeddings"), dtype=np.float64)
    weights = {k.removeprefix("actor."): v for k, v in tensors.items() if k.startswith("actor.")}
    library = Library(
        *(codes, said.horizon, weights, embeddings, said.scene, said.info, said.conditioning, said.acts, said.release),
        said.earlier_scenes,
    )
    if not _fits(library):
        raise TabletopError(f"library {str(path)!r} is damaged: its weights do not fit its {codes.total} codes")
    if said.digest not in {None, library.digest}:
        raise TabletopError(
            f"library {str(path)!r} is damaged: library.yaml and weights.safetensors are not of one library; "
            "the run that was broken off writes both anew: tabletop discover --resume"
        )
    return library


def _fits(library: Library) -> bool:
    """Return whether the network takes what an Observer and a code of the library give it, and answers."""
    embeddings = library.embeddings
    if library.conditioning not in CONDITIONINGS or library.acts not in ACTS or library.release not in RELEASES:
        return False
    if embeddings.ndim != 2 or len(embeddings) != library.codes.total:
        return False
    if library.conditioning != "vector" and embeddings.shape[1] != EFFECT_WIDTH:
        return False
    ego = EGO + code_columns(library.conditioning, embeddings.shape[1]) + DESCRIPTOR_WIDTH
    if not all(np.isfinite(w).all() for w in (embeddings, *library.weights.values())):
        return False
    try:
        actor = NumpyActor(library.weights)
        action = actor.mean(np.zeros(ego + OTHERS * OTHER_WIDTH, np.float32))
    except (TabletopError, ValueError, KeyError, IndexError, TypeError, OverflowError, MemoryError):
        return False
    # The other things are read as a set, or one by one.
    fits = actor.spec in {NetworkSpec(ego, OTHERS, OTHER_WIDTH), NetworkSpec(ego + OTHERS * OTHER_WIDTH)}
    return action.shape == (ACTION_SIZE,) and fits


def find_library(name: str) -> Path:
    """Return the folder of a library: a path, a run folder, or the name of one of the package or of a project in use.

    Raises:
        TabletopError: there is none.
    """
    for path in (Path(name), Path(name) / "library"):
        if (path / "library.yaml").is_file():
            return path
    known = find_libraries()
    if is_name(name) and name in known:
        return known[name]
    raise TabletopError(
        f"no library {name!r}: give a run folder of 'tabletop discover', a library's folder, "
        f"or one of: {', '.join(known) or 'none'}"
    )
