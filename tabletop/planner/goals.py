"""Goals to plan for: seeded conjunctions that are false at first and that the operators can bring about.

A goal is read off a random walk through the operators' own forecasts. Whether a planner then finds the way,
or the robot gets along it, plays no part in the choice.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from tabletop.errors import TabletopError, unknown
from tabletop.logic.formula import Formula, Literal, conjunction
from tabletop.logic.geometry import Remembering
from tabletop.logic.parse import parse
from tabletop.logic.predicate import get_predicate
from tabletop.logic.task import Task
from tabletop.planner.operator import Operator
from tabletop.planner.scripted import SIDES
from tabletop.planner.space import Surveyed
from tabletop.rollout.episode import process_world
from tabletop.sim.cards import load_cards
from tabletop.sim.scene import Scene
from tabletop.sim.state import Layout, State

__all__ = ["SCRIPTED_VOCABULARY", "Template", "goal_for", "sample_goal", "template", "vocabulary_of"]

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

_TRIES: Final = 40
_SAMPLES: Final = 16
_DETOUR: Final = 0.35
"""Chance of a step that only makes others possible."""
_MARGIN: Final = 0.05
"""Squashed margin by which a literal must hold in the forecast: not by a hair."""


@dataclass(frozen=True)
class Template:
    """A literal about roles, and the kinds of entity that each may be filled with."""

    literal: Literal
    kinds: tuple[tuple[str, tuple[str, ...]], ...]
    """(role, kinds) for each of the literal's names."""

    def ground(self, layout: Layout) -> list[Literal]:
        """Return the literal about each choice of different entities of a layout."""
        fits = dict(self.kinds)
        options = [
            [n for n, k in zip(layout.names, layout.kinds, strict=True) if k in fits[role]]
            for role in self.literal.names
        ]
        return [
            self.literal.rename(dict(zip(self.literal.names, names, strict=True)))
            for names in itertools.product(*options)
            if len(set(names)) == len(names)
        ]


def template(text: str, **kinds: str | Sequence[str]) -> Template:
    """Return a template: one literal as a formula would write it, and kinds for each of its names.

    Raises:
        TabletopError: not one literal, a name without kinds, or an unknown kind.
    """
    formula = parse(text)
    if len(formula.leaves) != 1:
        raise TabletopError(f"a template is one literal, got {text!r}")
    cards = load_cards()
    found = {role: (value,) if isinstance(value, str) else tuple(value) for role, value in kinds.items()}
    for role in formula.names:
        if role not in found:
            raise TabletopError(f"template {text!r} needs kinds for {role!r}, got: {', '.join(found)}")
        for kind in found[role]:
            if kind not in cards:
                raise unknown(f"kind of entity (template {text!r})", kind, cards)
    return Template(formula.leaves[0], tuple((role, found[role]) for role in formula.names))


def vocabulary_of(
    tasks: Iterable[Task], without: Iterable[str] = ("released", "on_table", "held", "still", "upright")
) -> tuple[Template, ...]:
    """Return the literals of some tasks' formulas as templates, each once.

    Args:
        tasks: those that skills were named for.
        without: predicates left out: they say how to leave things rather than what to do.
    """
    left_out = set(without)
    found: dict[tuple[str, tuple[tuple[str, ...], ...]], Template] = {}
    for task in tasks:
        specs = {str(n): s for n, s in task.scene["entities"].items()}
        for leaf in task.success.leaves:
            if leaf.predicate in left_out or not leaf.positive or any(n not in specs for n in leaf.names):
                continue
            kinds = tuple((n, _kinds(specs[n])) for n in leaf.names)
            named = Template(leaf, kinds)
            alike = leaf.rename({n: f"x{i}" for i, n in enumerate(leaf.names)})
            found.setdefault((str(alike), tuple(k for _, k in kinds)), named)
    return tuple(found.values())


def _kinds(spec: str | Mapping[str, object]) -> tuple[str, ...]:
    given = spec if isinstance(spec, str) else spec["kind"]
    return (given,) if isinstance(given, str) else tuple(dict.fromkeys(str(k) for k in given))  # type: ignore[attr-defined]


def _scripted_vocabulary() -> tuple[Template, ...]:
    things = ("block", "brick", "can", "puck")
    return (
        template("on(a, b)", a=things, b=("block", "brick", "plate")),
        template("inside(a, b)", a=things, b=("bin", "bowl", "drawer")),
        template("at(a, b)", a=things, b="target"),
        template("near(a, b, 15 cm)", a=things, b=things),
        template("open(a)", a="drawer"),
        template("closed(a)", a="drawer"),
        template("pressed(a)", a="button"),
        template("lifted(a)", a=things),
        *(template(f"moved(a, {d}, 10 cm)", a=things) for d in SIDES),
        *(template(f"side(a, b, {d}, 5 cm)", a=things, b=(*things, "bowl")) for d in SIDES),
    )


SCRIPTED_VOCABULARY: Final = _scripted_vocabulary()
"""What the scripted operators can make true."""


def sample_goal(
    scene: Scene,
    seed: int | Sequence[int],
    literals: int,
    operators: Sequence[Operator],
    vocabulary: Sequence[Template] = SCRIPTED_VOCABULARY,
) -> Formula:
    """Draw a goal for a scene; see `goal_for`. The scene is loaded into this process's world."""
    return goal_for(process_world().load(scene), seed, literals, operators, vocabulary)


def goal_for(
    state: State,
    seed: int | Sequence[int],
    literals: int,
    operators: Sequence[Operator],
    vocabulary: Sequence[Template] = SCRIPTED_VOCABULARY,
) -> Formula:
    """Draw a conjunction of literals, all false in a state, that hold together after some skills as forecast.

    Every literal takes a skill of its own; now and then a further skill is needed to make one possible.

    Args:
        state: the initial state; no batch shape.
        seed: of the choice.
        literals: how many.
        operators: what can be done.
        vocabulary: what may be asked for.

    Raises:
        TabletopError: literals below 1, or no such goal found.
    """
    if literals < 1:
        raise TabletopError(f"a goal needs at least 1 literal, got {literals}")
    known = tuple(dict.fromkeys(x for t in vocabulary for x in t.ground(state.layout)))
    rng = np.random.default_rng([7, *([seed] if isinstance(seed, int) else seed)])
    exact = all(o.exact for o in operators)
    walk = _Walk(state, known, operators, rng, 1 if exact else _SAMPLES)
    for _ in range(_TRIES):
        found = walk.draw(literals)
        if found is not None:
            return conjunction(found)
    raise TabletopError(
        f"found no goal of {literals} literals that the operators reach here; ask for fewer, or add entities"
    )


@dataclass(frozen=True)
class _Walk:
    state: State
    known: tuple[Literal, ...]
    operators: Sequence[Operator]
    rng: np.random.Generator
    samples: int

    def _judge(self, states: State) -> Mask:
        """Return which literals hold, (..., known)."""
        now = Remembering(states.layout, states.values)
        then = Remembering(self.state.layout, self.state.values)
        shape = states.values.shape[:-1]
        rows = [np.broadcast_to(x.margin(now, then) >= _MARGIN, shape) for x in self.known]
        return np.stack(rows, axis=-1)

    def draw(self, literals: int) -> list[Literal] | None:
        """Return the literals of one walk, or None where it came to a dead end."""
        if not self.known:
            return None
        states = State(self.state.layout, np.repeat(self.state.values[None], self.samples, axis=0))
        then = Remembering(self.state.layout, self.state.values)
        false = np.array([bool((x.margin(then, then) < 0.0).all()) for x in self.known])
        chosen: list[int] = []
        newly: set[tuple[str, str]] | None = None
        while len(chosen) < literals:
            closing = len(chosen) == literals - 1
            moves, after = self._successors(states, closing)
            if not moves:
                return None
            if newly is None and self.rng.uniform() < _DETOUR:
                found = self._enabling(moves, after, states, chosen)
                if found is not None:
                    index, newly = found
                    states = after[index]
                    continue
            holds = self._judge(after)
            kept = np.asarray(holds[..., chosen].all(axis=-1))
            before = np.asarray(self._judge(states).mean(axis=0) < 0.5)
            gained = (holds & kept[..., None]).mean(axis=1) >= 0.5
            options: Mask = gained & before & false
            options[:, chosen] = False
            if newly:
                special = [i for i, move in enumerate(moves) if move in newly]
                if options[special].any():
                    options[[i for i in range(len(moves)) if i not in special]] = False
            newly = None
            pick = self._pick(options)
            if pick is None:
                return None
            move, literal = pick
            chosen.append(literal)
            states = after[move]
        return [self.known[i] for i in chosen]

    def _applicable(self, states: State) -> list[tuple[Operator, str, Mask]]:
        """Return all skills on all entities, with where they can be done: the shape of the states' batch."""
        now = Surveyed(states.layout, states.values)
        names = [n for n, m in zip(states.layout.names, states.layout.moves, strict=True) if m != "static"]
        return [(o, n, o.applicable(now, n)) for n in names for o in self.operators]

    def _successors(self, states: State, closing: bool) -> tuple[list[tuple[str, str]], State]:
        """Return (operator id, entity) of each move and the states after it, (moves, K)."""
        keys, values = [], []
        now = Surveyed(states.layout, states.values)
        draws = self.rng.permutation((np.arange(self.samples) + 0.5) / self.samples)
        for operator, name, fits in self._applicable(states):
            if fits.mean() < 0.5 or (operator.last and not closing):
                continue
            after = operator.predict(now, name, draws)
            keys.append((operator.id, name))
            values.append(np.where(fits[:, None], after.values, states.values))
        return keys, State(states.layout, np.stack(values)) if values else states

    def _enabling(
        self, moves: list[tuple[str, str]], after: State, states: State, chosen: list[int]
    ) -> tuple[int, set[tuple[str, str]]] | None:
        """Return a move that makes others possible and undoes nothing chosen, and those others."""
        could = {(o.id, n) for o, n, fits in self._applicable(states) if fits.mean() >= 0.5}
        kept = self._judge(after)[..., chosen].all(axis=-1).mean(axis=1) >= 0.5
        new: list[set[tuple[str, str]]] = [set() for _ in moves]
        for operator, name, fits in self._applicable(after):
            if (operator.id, name) in could:
                continue
            for i in np.flatnonzero(fits.mean(axis=1) >= 0.5):
                if moves[i][1] != name:
                    new[i].add((operator.id, name))
        options = [i for i in range(len(moves)) if kept[i] and new[i]]
        if not options:
            return None
        index = options[int(self.rng.integers(len(options)))]
        return index, new[index]

    def _pick(self, options: Mask) -> tuple[int, int] | None:
        """Return a move and the literal it is made for: predicates alike, then literals, then moves."""
        possible = np.flatnonzero(options.any(axis=0))
        if not len(possible):
            return None
        names = sorted({get_predicate(self.known[i].predicate).name for i in possible})
        name = names[int(self.rng.integers(len(names)))]
        same = [int(i) for i in possible if self.known[i].predicate == name]
        literal = same[int(self.rng.integers(len(same)))]
        moves = np.flatnonzero(options[:, literal])
        return int(moves[int(self.rng.integers(len(moves)))]), literal
