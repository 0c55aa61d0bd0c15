"""Perturbations as values: a family's name and a magnitude. A family is one registered function."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from tabletop.errors import TabletopError, unknown
from tabletop.rollout.episode import Hooks
from tabletop.sim.cards import load_cards
from tabletop.sim.scene import Entity, Scene

__all__ = [
    "FAMILIES",
    "Case",
    "Family",
    "Perturbation",
    "get_family",
    "on_episode",
    "on_scene",
    "select_families",
]

_EARLIEST: Final = 0.2
_LATEST: Final = 0.7


@dataclass(frozen=True)
class Case:
    """One episode to be perturbed."""

    scene: Scene
    entity: str | None
    """What a perturbation of one thing is done to: something that can move; None where nothing can."""
    steps: int
    """Control steps that the episode is expected to last."""
    rng: np.random.Generator

    def moment(self) -> int:
        """Draw a control step between 20 % and 70 % of the episode."""
        return int(self.steps * self.rng.uniform(_EARLIEST, _LATEST))

    def heading(self) -> tuple[float, float]:
        """Draw a horizontal unit vector."""
        angle = self.rng.uniform(0.0, 2 * math.pi)
        return math.cos(angle), math.sin(angle)

    def body_type(self, name: str) -> str:
        """Return the body type of an entity of the scene: "rigid", "deformable", "joint" or "static"."""
        return load_cards()[self.scene.entity(name).kind].body_type


OnEpisode = Callable[[float, Case], Hooks]
OnScene = Callable[[float, Scene], Scene]
Cannot = Callable[[Entity | None], str | None]
"""Why a family cannot act on an entity (None: nothing in the scene can move), in a few words; None where it can."""


def _never(entity: Entity | None) -> None:
    return None


@dataclass(frozen=True)
class Family:
    """One way to make an episode harder, by a magnitude >= 0; 0 changes nothing."""

    name: str
    unit: str
    """Of the magnitude; "" for a plain number."""
    magnitudes: tuple[float, ...]
    """What a sweep runs by default, from 0 on."""
    description: str
    """One sentence."""
    largest: float = math.inf
    sudden: bool = False
    """Whether it happens at one moment, so that recovery from it can be measured."""
    episode: OnEpisode | None = None
    scene: OnScene | None = None
    cannot: Cannot = _never

    def check(self, magnitude: float) -> None:
        """Raise TabletopError where the magnitude is not one of this family's."""
        if math.isfinite(magnitude) and 0.0 <= magnitude <= self.largest:
            return
        top = "0 or more" if math.isinf(self.largest) else f"from 0 to {self.largest:g}"
        usual = ", ".join(f"{m:g}" for m in self.magnitudes)
        raise TabletopError(
            f"magnitude of {self.name} must be a number {top}{f' ({self.unit})' if self.unit else ''}, "
            f"got {magnitude!r}; usual are: {usual}"
        )


FAMILIES: Final[dict[str, Family]] = {}
"""All families by name, in the order of their registration."""


def _add(family: Family) -> None:
    if family.name in FAMILIES:
        raise TabletopError(f"a family of perturbations must have a name of its own, got {family.name!r} twice")
    given = family.magnitudes
    if len(given) < 2 or given[0] != 0.0 or any(a >= b for a, b in pairwise(given)):
        raise TabletopError(f"magnitudes of {family.name} must rise from 0, got {given}")
    for magnitude in given:
        family.check(magnitude)
    FAMILIES[family.name] = family


def on_episode(
    *,
    unit: str,
    magnitudes: tuple[float, ...],
    description: str,
    largest: float = math.inf,
    sudden: bool = False,
    cannot: Cannot = _never,
) -> Callable[[OnEpisode], OnEpisode]:
    """Register a function (magnitude > 0, case) -> Hooks as the family of its name, with dashes.

    Args:
        unit: of the magnitude; "" for a plain number.
        magnitudes: what a sweep runs by default, rising from 0.
        description: one sentence.
        largest: magnitude that there is.
        sudden: whether it happens at one moment, so that recovery from it can be measured.
        cannot: says why it does nothing to an entity, in a few words; None where it does something.

    Raises:
        TabletopError: the name is taken, or the magnitudes do not rise from 0 or exceed the largest.
    """

    def register(function: OnEpisode) -> OnEpisode:
        name = function.__name__.replace("_", "-")
        _add(Family(name, unit, magnitudes, description, largest, sudden, episode=function, cannot=cannot))
        return function

    return register


def on_scene(
    *,
    unit: str,
    magnitudes: tuple[float, ...],
    description: str,
    largest: float = math.inf,
    cannot: Cannot = _never,
) -> Callable[[OnScene], OnScene]:
    """Register a function (magnitude > 0, scene) -> Scene as the family of its name, with dashes.

    Args:
        unit: of the magnitude; "" for a plain number.
        magnitudes: what a sweep runs by default, rising from 0.
        description: one sentence.
        largest: magnitude that there is.
        cannot: says why it does nothing to an entity, in a few words; None where it does something.

    Raises:
        TabletopError: the name is taken, or the magnitudes do not rise from 0 or exceed the largest.
    """

    def register(function: OnScene) -> OnScene:
        name = function.__name__.replace("_", "-")
        _add(Family(name, unit, magnitudes, description, largest, scene=function, cannot=cannot))
        return function

    return register


def get_family(name: str) -> Family:
    """Return the family of that name.

    Raises:
        TabletopError: there is none.
    """
    if name not in FAMILIES:
        raise unknown("family of perturbations", name, FAMILIES)
    return FAMILIES[name]


def select_families(what: str) -> tuple[str, ...]:
    """Return families by a list such as "push-arm,mass", or "all"; each once, in the registry's order.

    Raises:
        TabletopError: nothing asked for, or an unknown family.
    """
    words = [w.strip() for w in what.split(",")]
    for word in words:
        if word != "all" and word not in FAMILIES:
            raise unknown("family of perturbations", word, [*FAMILIES, "all"])
    return tuple(n for n in FAMILIES if "all" in words or n in words)


@dataclass(frozen=True)
class Perturbation:
    """A family at one magnitude: what `episode` takes as its disturbance. Magnitude 0 changes nothing."""

    family: str
    magnitude: float
    entity: str | None = None
    """What a perturbation of one thing is done to. Where it is None or cannot move: the scene's first rigid
    entity, else its first that is deformable, else its first with a joint."""
    steps: int | None = None
    """Control steps that the undisturbed episode lasts; a sudden perturbation happens between 20 % and
    70 % of them. By default the horizon, which a policy that finishes early may not reach."""

    def __post_init__(self) -> None:
        """Check it.

        Raises:
            TabletopError: unknown family, or a magnitude that it does not have.
        """
        get_family(self.family).check(self.magnitude)

    def cannot(self, scene: Scene) -> str | None:
        """Return why the family does nothing to the scene's entity, in one line with its kind; None where it acts.

        Raises:
            TabletopError: the scene lacks the entity it is meant for.
        """
        name = _movable(scene, self.entity)
        entity = None if name is None else scene.entity(name)
        why = get_family(self.family).cannot(entity)
        return why if why is None or entity is None else f"{entity.kind}: {why}"

    def scene(self, scene: Scene) -> Scene:
        """Return the scene to run instead."""
        change = get_family(self.family).scene
        return scene if change is None or self.magnitude == 0 else change(self.magnitude, scene)

    def hooks(self, scene: Scene, horizon: int, rng: np.random.Generator) -> Hooks:
        """Return fresh hooks for one episode.

        Raises:
            TabletopError: the scene lacks the entity it is meant for.
        """
        start = get_family(self.family).episode
        if start is None or self.magnitude == 0:
            return Hooks()
        steps = horizon if self.steps is None else min(self.steps, horizon)
        return start(self.magnitude, Case(scene, _movable(scene, self.entity), steps, rng))


def _movable(scene: Scene, wanted: str | None) -> str | None:
    cards = load_cards()
    body_types = {e.name: cards[e.kind].body_type for e in scene.entities}
    if wanted is not None and body_types[scene.entity(wanted).name] != "static":
        return wanted
    for wanted_type in ("rigid", "deformable", "joint"):
        for name, body_type in body_types.items():
            if body_type == wanted_type:
                return name
    return None
