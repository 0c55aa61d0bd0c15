"""Goals to plan for: seeded conjunctions that are false at first and that the operators can bring about.

A goal is read off a random walk through the operators' own forecasts. Whether a planner then finds the way,
or the robot gets along it, plays no part in the choice.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from tabletop.errors import TabletopError
from tabletop.logic.formula import Formula, Literal, conjunction
from tabletop.logic.geometry import Remembering
from tabletop.logic.predicate import get_predicate
from tabletop.planner.operator import Operator
from tabletop.planner.space import Surveyed
from tabletop.planner.vocabulary import SCRIPTED_VOCABULARY, Template
from tabletop.rollout.episode import process_world
from tabletop.seeds import Purpose, rng_of
from tabletop.sim.scene import Scene
from tabletop.sim.state import State

__all__ = ["goal_for", "goal_with_end", "sample_goal"]

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

_TRIES: Final = 40
_SAMPLES: Final = 16
_DETOUR: Final = 0.35
"""Chance of a step that only makes others possible."""
_MARGIN: Final = 0.05
"""Squashed margin by which a literal must hold in the forecast: not by a hair."""


def sample_goal(
    scene: Scene,
    seed: int,
    literals: int,
    operators: Sequence[Operator],
    vocabulary: Sequence[Template] = SCRIPTED_VOCABULARY,
) -> Formula:
    """Draw a goal for a scene; see `goal_for`. The scene is loaded into this process's world.

    Args:
        scene: that the goal is for.
        seed: of the choice.
        literals: how many.
        operators: what can be done.
        vocabulary: what may be asked for.

    Raises:
        TabletopError: as in `goal_for`.
    """
    return goal_for(process_world().load(scene), seed, literals, operators, vocabulary)


def goal_for(
    state: State,
    seed: int,
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
    return goal_with_end(state, seed, literals, operators, vocabulary)[0]


def goal_with_end(
    state: State,
    seed: int,
    literals: int,
    operators: Sequence[Operator],
    vocabulary: Sequence[Template] = SCRIPTED_VOCABULARY,
    *,
    without: Iterable[Literal] = (),
    clearly: float = 0.0,
) -> tuple[Formula, State]:
    """Draw a goal as `goal_for` does; with it comes the state (K,) at the end of the walk it was read off.

    Args:
        state: the initial state; no batch shape.
        seed: of the choice.
        literals: how many.
        operators: what can be done.
        vocabulary: what may be asked for.
        without: literals not to ask for.
        clearly: squashed margin by which literals must be false at first.

    Raises:
        TabletopError: literals below 1, or no such goal found.
    """
    if literals < 1:
        raise TabletopError(f"a goal needs at least 1 literal, got {literals}")
    left_out = set(without)
    known = tuple(dict.fromkeys(x for t in vocabulary for x in t.ground(state.layout) if x not in left_out))
    rng = rng_of(seed, Purpose.GOALS)
    exact = all(o.exact for o in operators)
    walk = _Walk(state, known, operators, rng, 1 if exact else _SAMPLES, clearly)
    for _ in range(_TRIES):
        found = walk.draw(literals)
        if found is not None:
            return conjunction(found[0]), found[1]
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
    clearly: float

    def _holds(self, states: State) -> Mask:
        """Return which literals hold, (..., known)."""
        now = Remembering(states.layout, states.values)
        then = Remembering(self.state.layout, self.state.values)
        shape = states.values.shape[:-1]
        rows = [np.broadcast_to(x.margin(now, then) >= _MARGIN, shape) for x in self.known]
        return np.stack(rows, axis=-1)

    def draw(self, literals: int) -> tuple[list[Literal], State] | None:
        """Return the literals of one walk and the states (K,) it ends in, or None where it came to a dead end."""
        if not self.known:
            return None
        states = State(self.state.layout, np.repeat(self.state.values[None], self.samples, axis=0))
        then = Remembering(self.state.layout, self.state.values)
        false = np.array([bool((x.margin(then, then) < -self.clearly).all()) for x in self.known])
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
            holds = self._holds(after)
            kept = np.asarray(holds[..., chosen].all(axis=-1))
            before = np.asarray(self._holds(states).mean(axis=0) < 0.5)
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
        return [self.known[i] for i in chosen], states

    def _applicable(self, states: State) -> list[tuple[Operator, str, Mask]]:
        """Return all skills on all entities, with where they can be done: the shape of the states' batch."""
        now = Surveyed(states.layout, states.values)
        names = [n for n, m in zip(states.layout.names, states.layout.body_types, strict=True) if m != "static"]
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
        kept = self._holds(after)[..., chosen].all(axis=-1).mean(axis=1) >= 0.5
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
