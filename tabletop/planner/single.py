"""Goals of one literal, drawn by what tasks ask for and by what is false: no operator plays a part in it.

A literal may be asked for where a task with a scripted policy asks for it of things of such kinds, and of such sizes
where the task's card says any. Of those, four sorts are passed over: what holds at reset; what relates things that
all stand fast; what a place outside the area in which scenes put things of its kind, or a joint beyond its stops,
would be needed for; and a predicate that is false at reset in none of the scenes that were tried.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tabletop.errors import TabletopError
from tabletop.logic.formula import Formula, Literal, conjunction
from tabletop.logic.predicate import Value, get_predicate
from tabletop.logic.task import Task, load_registry
from tabletop.logic.transition import swung
from tabletop.projects import find, kept
from tabletop.rollout.episode import process_world
from tabletop.seeds import Purpose, rng_of, seed_of
from tabletop.sim.cards import load_cards
from tabletop.sim.generate import generate, inventory, load_scene_card
from tabletop.sim.scene import Scene
from tabletop.sim.state import State

__all__ = ["Pattern", "SingleGoal", "draw_single", "fitting", "patterns"]

Array = npt.NDArray[np.float64]

_TRIES: Final = 12
"""Scenes that are looked at for a predicate before another one is drawn."""
_AREA: Final = ((0.36, 0.64), (-0.25, 0.25))
"""m, world x and y: where scenes put things."""
_WAYS: Final = ("left", "right", "away", "toward")


@dataclass(frozen=True)
class Pattern:
    """A literal of a task's formula: what a predicate is asked of, and with which numbers."""

    literal: Literal
    kinds: tuple[frozenset[str], ...]
    """Of each of the literal's entities."""
    sizes: tuple[tuple[tuple[float, float], ...], ...]
    """Least and most w, d and h (m) of each, where the task's card says them; infinite where it does not."""

    @property
    def key(self) -> tuple[str, bool]:
        """The predicate, and whether it is to hold."""
        return self.literal.predicate, self.literal.positive


@dataclass(frozen=True)
class SingleGoal:
    """A goal of one literal, and where to reach it."""

    card: str
    """A scene card in assets/scenes, or "task:" and a task's name."""
    scene_seed: int
    """`generate` draws the scene again by it."""
    scene: Scene
    goal: Formula
    passed_over: tuple[str, ...]
    """Predicates that were drawn before and that no scene tried had a goal for."""


def _kinds(spec: Any) -> frozenset[str]:
    given = spec["kind"] if isinstance(spec, Mapping) else spec
    return frozenset([given] if isinstance(given, str) else map(str, given))


@kept
def patterns() -> tuple[Pattern, ...]:
    """Return what the registry's tasks with a scripted policy ask for, one for each literal of their formulas."""
    found, scripted = [], find("policies/scripted")
    for task in load_registry().values():
        if task.name in scripted:
            found += _of_task(task)
    return tuple(found)


def _of_task(task: Task) -> list[Pattern]:
    specs = task.scene["entities"]
    leaves = [x for x in task.success.leaves if all(n in specs for n in x.names)]
    return [
        Pattern(x, tuple(_kinds(specs[n]) for n in x.names), tuple(_sizes(specs[n]) for n in x.names)) for x in leaves
    ]


def _sizes(spec: Any) -> tuple[tuple[float, float], ...]:
    given = spec.get("size", {}) if isinstance(spec, Mapping) else {}
    ranges = (given.get(axis, [-math.inf, math.inf]) for axis in "wdh")
    return tuple((float(r[0]), float(r[1])) if isinstance(r, Sequence) else (float(r), float(r)) for r in ranges)


@kept
def _cards() -> tuple[dict[str, Mapping[str, Any]], ...]:
    """Return the scene cards, and those of tasks, by name."""
    general = {name: load_scene_card(name) for name in find("assets/scenes")}
    return general, {f"task:{t.name}": t.scene for t in load_registry().values()}


def _offers(card: Mapping[str, Any]) -> list[frozenset[str]]:
    extras = card.get("extras") or {}
    count = extras.get("count", [0, 2])
    most = count if isinstance(count, int) else count[1]
    return [*map(_kinds, card["entities"].values()), *[_kinds({"kind": extras.get("kinds", [])})] * most]


def _may_fit(offers: Sequence[frozenset[str]], kinds: Sequence[frozenset[str]]) -> bool:
    """Return whether different entities of a card may be of these kinds."""
    if not kinds:
        return True
    rest = ((offers[:i] + offers[i + 1 :]) for i, o in enumerate(offers) if o & kinds[0])  # type: ignore[operator]
    return any(_may_fit(r, kinds[1:]) for r in rest)


def fitting(scene: Scene, pattern: Pattern) -> list[tuple[str, ...]]:
    """Return the entities of a scene that a pattern may be about, each choice in the order of the literal's names."""
    choices: list[tuple[str, ...]] = [()]
    for kinds, ranges in zip(pattern.kinds, pattern.sizes, strict=True):
        names = [
            e.name
            for e in scene.entities
            if e.kind in kinds and all(low <= s <= high for s, (low, high) in zip(e.size, ranges, strict=True))
        ]
        choices = [(*c, n) for c in choices for n in names if n not in c]
    return choices


def draw_single(seed: int, number: int) -> SingleGoal:
    """Draw one of a benchmark's goals.

    A predicate is drawn evenly over all that tasks with a scripted policy ask for (its negation counts by itself),
    then a card that may have fitting entities (a scene card rather than a task's in one half of cases), a scene,
    entities of fitting kinds, one of the four directions on the table, and numbers between the least and the most
    that tasks ask for of such kinds.

    Args:
        seed: of the benchmark.
        number: of the goal in it.

    Raises:
        TabletopError: no predicate has a goal in any of the scenes tried.
    """
    rng = rng_of(seed, Purpose.SINGLE_GOALS, number)
    keys = sorted({p.key for p in patterns()})
    passed: list[str] = []
    while keys:
        key = keys.pop(int(rng.integers(len(keys))))
        asked = [p for p in patterns() if p.key == key]
        for attempt in range(_TRIES):
            scene_seed = seed_of(seed, Purpose.SINGLE_SCENES, number, len(passed), attempt)
            found = _attempt(asked, rng, scene_seed)
            if found is not None:
                card, scene, literal = found
                return SingleGoal(card, scene_seed, scene, conjunction([literal]), tuple(passed))
        passed.append(("" if key[1] else "not ") + key[0])
    raise TabletopError(f"no goal of one literal is false at reset in the {_TRIES} scenes tried for each predicate")


def _attempt(asked: Sequence[Pattern], rng: np.random.Generator, seed: int) -> tuple[str, Scene, Literal] | None:
    pools = [[n for n, c in cards.items() if any(_may_fit(_offers(c), p.kinds) for p in asked)] for cards in _cards()]
    pools = [p for p in pools if p]
    if not pools:
        return None
    pool = pools[int(rng.integers(len(pools)))]
    name = pool[int(rng.integers(len(pool)))]
    card = {**_cards()[0], **_cards()[1]}[name]
    kinds = list(inventory(card, seed).values())
    if not any(_may_fit([frozenset([k]) for k in kinds], p.kinds) for p in asked):
        return None
    try:
        scene = generate(card, seed)
    except TabletopError:
        return None
    literals = _literals(scene, process_world().load(scene), asked, rng)
    return (name, scene, literals[int(rng.integers(len(literals)))]) if literals else None


def _literals(scene: Scene, state: State, asked: Sequence[Pattern], rng: np.random.Generator) -> list[Literal]:
    """Return what may be asked for in a state: one literal for each choice of entities."""
    by_names: dict[tuple[str, ...], list[Pattern]] = {}
    for pattern in asked:
        for names in fitting(scene, pattern):
            by_names.setdefault(names, []).append(pattern)
    drawn = [_filled(names, found, rng) for names, found in by_names.items()]
    return [
        x
        for x in drawn
        if not (x.margin(state, state) >= 0).all()
        and _can_change(x, state)
        and _has_room(x, state)
        and _within_stops(x, state)
    ]


def _filled(names: Sequence[str], asked: Sequence[Pattern], rng: np.random.Generator) -> Literal:
    """Return the literal about some entities, with numbers that tasks ask for of their kinds."""
    left, args = list(names), []
    for i, argument in enumerate(get_predicate(asked[0].literal.predicate).arguments):
        value: Value
        if argument.type == "entity":
            value = left.pop(0)
        elif argument.type == "direction":
            value = _WAYS[int(rng.integers(len(_WAYS)))]
        else:
            given = [float(p.literal.args[i]) for p in asked]
            # Of turns those to one side; whole centimetres, degrees and hundredths, as a person would write them.
            left_turn = given[int(rng.integers(len(given)))] >= 0
            same = [g for g in given if (g >= 0) == left_turn]
            value = _rounded(float(rng.uniform(min(same), max(same))), argument.type)
            value = min(max(value, min(same)), max(same))
        args.append(value)
    return Literal(asked[0].literal.predicate, tuple(args), asked[0].literal.positive)


def _rounded(value: float, argument_type: str) -> float:
    if argument_type in {"angle", "turn"}:
        return float(np.radians(round(float(np.degrees(value)))))
    return round(value, 2)


def _can_change(literal: Literal, state: State) -> bool:
    """Return whether a literal is about one thing, or relates things of which one is loose."""
    loose = [state.layout.body_type(n) in {"rigid", "deformable"} for n in literal.names]
    return len(loose) < 2 or any(loose)


def _has_room(literal: Literal, state: State) -> bool:
    """Return whether a literal with a direction holds with its first entity somewhere in the area of scenes."""
    if not any(a.type == "direction" for a in get_predicate(literal.predicate).arguments):
        return True
    area = load_cards()[state.layout.kind(literal.names[0])].reach or {}
    x, y = (np.linspace(*area.get(axis, whole), 30) for axis, whole in zip("xy", _AREA, strict=True))
    places = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    values = np.repeat(state.values[None], len(places), axis=0)
    start = state.layout.entity_slice(literal.names[0], "position").start
    values[:, start : start + 2] = places
    return bool((literal.margin(State(state.layout, values), state) >= 0).any())


def _within_stops(literal: Literal, state: State) -> bool:
    """Return whether a literal about one fixture with a joint holds at some of its fractions."""
    if len(literal.names) != 1 or state.layout.body_type(literal.names[0]) != "joint":
        return True
    fractions = np.linspace(0.0, 1.0, 21)
    states = State(state.layout, np.repeat(state.values[None], len(fractions), axis=0))
    return bool((literal.margin(swung(states, literal.names[0], fractions), state) >= 0).any())
