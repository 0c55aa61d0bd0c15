"""What is asked to reach a drawn target: a library, scripted primitives, random actions, or nothing.

A library whose `policy` takes a `target` gets the target itself. Any other runs the code whose target effect is
nearest.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
from drawn_targets import Target

from tabletop.errors import TabletopError
from tabletop.planner.acting import Line, Taking, line
from tabletop.planner.fixtures import fixture_operators
from tabletop.planner.laying import PutAt
from tabletop.planner.operator import Operator
from tabletop.rollout.policy import Action, Exploration, Nothing, Policy
from tabletop.sim.cards import load_cards
from tabletop.sim.scene import Scene, layout_of
from tabletop.sim.state import State
from tabletop.skills.effects import MIDDLE, Effect, entities_for
from tabletop.skills.effects.registry import REACH
from tabletop.skills.library import Library, Skill, find_library, load_library

__all__ = ["BASELINES", "Method", "asked", "library_at", "nearest_skill", "oracle"]

BASELINES: Final = ("oracle", "exploration", "nothing")
"""Scripted primitives that know everything, random actions that end as a skill does, and standing still."""
EFFECTS: Final[Mapping[str, tuple[str, ...]]] = {
    "place": ("placed",),
    "push": ("displaced",),
    "turn": ("turned",),
    "lift": ("held_at",),
}
"""Names of the effects that a family asks for; joints are asked of whatever is about joints."""
STEPS: Final = 60
"""Control steps of a baseline without a script, before it opens and rises."""
_OPEN, _RISE, _SETTLE = 2, 6, 12
_BEYOND: Final = 0.1
"""rad that the primitive `turn` adds, as fingers give."""


@dataclass(frozen=True)
class Method:
    """What is asked: a baseline by name, or a library."""

    name: str
    """Of BASELINES, or what a library is called."""
    folder: str | None = None
    """Of the library."""
    codes: bool = False
    """Whether the nearest code is run even where a library takes targets."""


@lru_cache(maxsize=4)
def library_at(folder: str) -> Library:
    """Return the library of a folder, kept by each process."""
    return load_library(find_library(folder))


def asked(method: Method, target: Target) -> tuple[Policy, int] | None:
    """Return the policy that is to reach a target and the control steps that it has; None where there is none."""
    if method.folder is not None:
        return _by_library(library_at(method.folder), target, method.codes)
    if method.name == "oracle":
        found = oracle(target)
        return None if found is None else (found.policy(target.entity), found.horizon)
    if method.name not in BASELINES:
        raise TabletopError(f"a method is a library or one of {', '.join(BASELINES)}, got {method.name!r}")
    last = 0 if target.family == "lift" else _SETTLE
    policy = Settling(Exploration() if method.name == "exploration" else Nothing(), STEPS)
    return policy, STEPS + last


# --- a library -----------------------------------------------------------------------------------
def _by_library(library: Library, target: Target, codes: bool) -> tuple[Policy, int] | None:
    exact: Any = library.policy
    takes = "target" in inspect.signature(exact).parameters and library.conditioning == "target"
    if takes and not codes:
        # By the effect's name: a kind that its card does not have may be attended to all the same.
        effect = next((e for e in library.codes.effects if _serves(e, target)), None)
        if effect is None:
            return None
        found = exact(effect.name, target.entity, target=exact_target(target))
        return found, found.length
    skill = nearest_skill(library, target)
    return None if skill is None else (library.policy(skill, target.entity), library.length(skill))


def _serves(effect: Effect, target: Target) -> bool:
    """Return whether an effect is what a target's family asks for, and can be had on its entity."""
    names = EFFECTS.get(target.family)
    if effect.body_type != "joint" if names is None else effect.name not in names:
        return False
    entities = target.scene.entities
    layout = layout_of(entities, load_cards(), target.scene.robot.name)
    return target.entity in entities_for(effect, layout, {e.name: e.fraction for e in entities})


def exact_target(target: Target) -> tuple[float, ...]:
    """Return a target in a library's own terms.

    Returns:
        A place: x and y (m, world). A push: the way in x and y (m). A lift: x, y (m, world) and rise (m). A joint:
        its fraction. A turn: rad.
    """
    if target.family == "push":
        return _way(target)
    if target.family == "lift":
        x, y = target.scene.entity(target.entity).position[:2]
        return x, y, *target.goal
    return target.goal


def nearest_skill(library: Library, target: Target) -> Skill | None:
    """Return the skill whose code's target effect is nearest to a target; None where no skill attends to its entity.

    Codes that are a direction or a change have no target effect.
    """
    if library.conditioning != "target":
        return None
    wanted = as_effect(target)
    best: tuple[float, Skill] | None = None
    attends: dict[str, bool] = {}
    for skill in library.skills:
        group = skill.id.rpartition("-")[0]
        if group not in attends:
            attends[group] = _serves(skill.effect, target) and target.entity in library.entities(skill, target.scene)
        if not attends[group]:
            continue
        far = float(np.linalg.norm(library.embeddings[skill.code][: len(wanted)] - wanted))
        if best is None or far < best[0]:
            best = far, skill
    return None if best is None else best[1]


def as_effect(target: Target) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return the first numbers of the effect that reaches a target: metres of the reach."""
    if target.family == "joint":
        return np.array(target.goal) * REACH
    if target.family == "turn":
        return np.array(target.goal) * REACH / math.pi
    if target.family == "push":
        return np.array([*_way(target), 0.0])
    x, y = target.goal if target.family == "place" else target.scene.entity(target.entity).position[:2]
    rise = target.goal[0] if target.family == "lift" else 0.0
    return np.array([x - MIDDLE[0], y - MIDDLE[1], rise])


def _way(target: Target) -> tuple[float, float]:
    x, y = target.scene.entity(target.entity).position[:2]
    return target.goal[0] - x, target.goal[1] - y


# --- scripted primitives -------------------------------------------------------------------------
@dataclass(frozen=True)
class _Lift(Taking):
    height: float = 0.1

    def lines(self, state: State, entity: str) -> Sequence[Line]:
        return (*self.approach(state, entity), line("grasp", entity=entity), line("lift", height=self.height))


@dataclass(frozen=True)
class _Turn(Taking):
    angle: float = 0.5
    """rad, counter-clockwise."""

    def lines(self, state: State, entity: str) -> Sequence[Line]:
        by = self.angle - math.copysign(_BEYOND, self.angle)
        ends = (line("release"), line("retreat", entity=entity))
        first = (*self.approach(state, entity), line("grasp", entity=entity))
        return (*first, line("turn", entity=entity, by=by), *ends)


def oracle(target: Target) -> Operator | None:
    """Return the scripted primitives that reach a target; None where the project has none: a joint half open."""
    if target.family in ("place", "push"):
        return PutAt("put", place=(target.goal[0], target.goal[1]), horizon=200)
    if target.family == "lift":
        return _Lift("lift", height=target.goal[0])
    if target.family == "turn":
        return _Turn("turn", angle=target.goal[0])
    scene = target.scene
    layout = layout_of(scene.entities, load_cards(), scene.robot.name)
    for operator in fixture_operators(layout):
        about = getattr(operator, "kind", None), getattr(operator, "fraction", None)
        if about == (layout.role(target.entity), target.goal[0]):
            return operator
    return None


# --- without skill -------------------------------------------------------------------------------
class Settling:
    """Another policy for some control steps; then it opens, rises and waits, as a skill does."""

    def __init__(self, inner: Policy, steps: int) -> None:
        """Keep the policy, and the control steps it has."""
        self._inner, self._steps = inner, steps

    def reset(self, state: State, scene: Scene, rng: np.random.Generator) -> None:
        """Begin an episode."""
        self._inner.reset(state, scene, rng)
        self._t = -self._steps

    def act(self, state: State) -> Action | None:
        """Return the next action, (5,)."""
        t, self._t = self._t, self._t + 1
        if t < 0:
            return self._inner.act(state)
        return np.array([0.0, 0.0, 1.0 if _OPEN <= t < _OPEN + _RISE else 0.0, 0.0, 1.0])
