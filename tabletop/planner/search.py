"""Best-first search over (skill, entity) with sampled outcomes, led by the margins of the goal's parts.

A drawer must be opened before anything gets into it although no margin grows by that. So every other node is
not the best of all but the best of its type (which parts hold, how the joints stand), the types taking turns
(type-based exploration, Xie et al. 2014).

The same generator gives the same plan, whatever the machine, unless the budget of seconds ends the search. A
plan says whether it did.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from tabletop.errors import TabletopError
from tabletop.planner.frontier import Frontier, Node, Step, keys, of_interest, types
from tabletop.planner.goal import Goal
from tabletop.planner.operator import Family, Operator, families
from tabletop.planner.shortfall import Shortfall, Tried
from tabletop.planner.space import Surveyed
from tabletop.sim.state import State

__all__ = ["Plan", "Search", "Step"]

Array = npt.NDArray[np.float64]

_MARGIN_WEIGHT: Final = 0.5
_CLOSE: Final = 0.6
"""Expected failing parts below which a plan is one that reaches the goal, as far as its skills are reliable."""
_FINAL: Final = 12
"""Nodes expanded without a better plan once there is such a one."""
_SURE: Final = 0.6
"""Reliability of a plan's skills from which the search stops early: what cannot be undone comes after all else."""
_ENOUGH: Final = 0.9
"""Share of the sampled outcomes that must reach the goal for the search to stop early."""


@dataclass(frozen=True)
class Plan:
    """Skills in order, and what they are expected to bring about."""

    steps: tuple[Step, ...]
    probability: float
    """Share of the sampled outcomes in which the goal then holds, times the skills' reliabilities."""
    remaining: float
    """Expected number of the goal's parts that then do not hold."""
    expanded: int = 0
    """Nodes that the search expanded for it."""
    spent: bool = False
    """Whether the budget of seconds ended the search."""
    seconds: float = field(default=0.0, compare=False)
    """That the search took, by the clock."""
    tried: int = 0
    """Different skills on entities that the search tried."""
    short: tuple[Shortfall, ...] = ()
    """Parts of the goal that no forecast makes true."""
    apart: tuple[str, ...] = ()
    """Parts that some forecast makes true, but none together with the others."""

    @property
    def why(self) -> tuple[str, ...]:
        """Lines that say why it is not expected to reach the goal; none where it is."""
        if self.remaining < _CLOSE:
            return ()
        lines = [s.text for s in self.short]
        if self.apart:
            lines.append(f"no plan found in which {' and '.join(self.apart)} holds with all the rest")
        cut = ", until the time for it was spent" if self.spent else ""
        return (*lines, f"tried {self.tried} skills on entities in {self.expanded} states{cut}")


def _distance(margins: Array) -> Array:
    """Return the heuristic (C,) of margins (C, K, parts): expected parts that fail, and how badly."""
    failing = (margins < 0).sum(axis=-1)
    return np.asarray((failing + _MARGIN_WEIGHT * np.maximum(-margins, 0).sum(axis=-1)).mean(axis=-1))


@dataclass(frozen=True)
class Search:
    """How plans are found. A node is a batch of sampled states; f = cost of skills + distance to the goal.

    The plan returned is the one with the least f among all nodes seen, so that a goal that is out of reach
    still gets the steps that come nearest to it.

    Every other node expanded is the best of its type (type-based exploration, Xie et al. 2014).
    """

    depth: int = 8
    """Skills in a plan at most."""
    nodes: int = 400
    """Nodes expanded at most."""
    samples: int = 16
    """Outcomes drawn for each step; 1 where all operators are exact."""
    patience: int = 120
    """Nodes expanded without a better plan after which the search ends with what it has."""
    step_cost: float = 0.1
    """What a skill costs, in parts of the goal."""
    seconds: float | None = 10.0
    """By the clock, after which the search ends with what it has; None for as long as it takes."""

    def __post_init__(self) -> None:
        """Raises TabletopError: a bound below 1, a negative cost, or no time."""
        for name in ("depth", "nodes", "samples", "patience"):
            if getattr(self, name) < 1:
                raise TabletopError(f"{name} of a search must be at least 1, got {getattr(self, name)!r}")
        if not (math.isfinite(self.step_cost) and self.step_cost >= 0):
            raise TabletopError(f"the step cost of a search must be 0 or more, got {self.step_cost!r}")
        if self.seconds is not None and not (math.isfinite(self.seconds) and self.seconds > 0):
            raise TabletopError(f"a search takes a number of seconds above 0, or None for no end, got {self.seconds!r}")

    def _draws(self, operators: Sequence[Operator], rng: np.random.Generator) -> Array:
        """Return (depth, K) draws: stratified, and in another order at each depth."""
        count = 1 if all(o.exact for o in operators) else self.samples
        even = (np.arange(count) + 0.5) / count
        return np.stack([rng.permutation(even) for _ in range(self.depth)])

    def plan(
        self,
        goal: Goal,
        state: State,
        operators: Sequence[Operator],
        rng: np.random.Generator,
        penalties: Mapping[tuple[str, str], float] | None = None,
        useless: Collection[tuple[str, str]] = (),
        watch: Callable[[Node], None] | None = None,
    ) -> Plan:
        """Return the best plan found from a state; without steps where nothing comes nearer to the goal.

        Args:
            goal: what to reach.
            state: from where; no batch shape.
            operators: what can be done.
            rng: chooses outcomes; the same generator gives the same plan.
            penalties: extra cost of (operator id, entity), for what has failed before.
            useless: (operator id, or what it begins with, entity) not to be done first: it did nothing in this state.
            watch: called with each node that is expanded.
        """
        begin = time.monotonic()
        members = families(operators)
        draws = self._draws(operators, rng)
        start = State(state.layout, np.repeat(state.values[None], draws.shape[1], axis=0))
        root = Node(start, goal.margins(start), (), 0.0, 1.0)
        best, best_f = root, float(_distance(root.margins[None])[0])
        waiting = Frontier()
        waiting.push(best_f, root, b"")
        seen = {keys(State(start.layout, start.values[None]), [False])[0]: 0.0}
        tried = Tried(goal)
        tried.start(root)
        expanded = stale = 0
        spent = False
        while expanded < self.nodes and stale < (self.patience if best.missing > _CLOSE else _FINAL):
            # A goal that is reached beyond doubt: nothing better is waiting, as each skill costs.
            if best.share >= _ENOUGH and best.reliability >= _SURE:
                break
            spent = self.seconds is not None and time.monotonic() - begin > self.seconds
            if spent:
                break
            node = waiting.pop(expanded % 2 == 1)
            if node is None:
                break
            if len(node.steps) == self.depth or (node.steps and node.steps[-1].operator.last):
                continue
            expanded, stale = expanded + 1, stale + 1
            if watch is not None:
                watch(node)
            skipped = frozenset(useless) if not node.steps else frozenset()
            children = self._expand(goal, node, members, draws[len(node.steps)], penalties or {}, skipped, tried)
            for child, f, key, node_type in children:
                if seen.get(key, math.inf) <= child.cost:
                    continue
                seen[key] = child.cost
                waiting.push(f, child, node_type)
                if f < best_f - 1e-9:
                    best, best_f, stale = child, f, 0
        failing = [i for i, share in enumerate((best.margins < 0).mean(axis=0)) if share >= 0.5]
        return Plan(
            best.steps,
            best.share * best.reliability,
            best.missing,
            expanded,
            spent,
            time.monotonic() - begin,
            len(tried.skills),
            tried.shortfalls(failing),
            tried.apart(failing),
        )

    def _expand(
        self,
        goal: Goal,
        node: Node,
        members: Sequence[Family | Operator],
        draws: Array,
        penalties: Mapping[tuple[str, str], float],
        useless: Set[tuple[str, str]],
        tried: Tried,
    ) -> list[tuple[Node, float, bytes, bytes]]:
        steps: list[Step] = []
        values: list[Array] = []
        now = Surveyed(node.states.layout, node.states.values)
        for entity in of_interest(now, goal.concerned(node.margins)):
            for member in members:
                fits = member.applicable(now, entity)
                if fits.mean() < 0.5:
                    continue
                after = member.predict(now, entity, draws).values
                operators = member.operators if isinstance(member, Family) else (member,)
                kept = [i for i, o in enumerate(operators) if not {(o.id, entity), (o.begins, entity)} & useless]
                steps += [Step(operators[i], entity) for i in kept]
                rows = after.reshape(len(operators), *now.values.shape)[kept]
                values.append(np.where(fits[:, None], rows, now.values))
        if not steps:
            return []
        states = State(node.states.layout, np.concatenate(values))
        margins = goal.margins(states)
        tried.note(node, margins, steps, states)
        out = []
        node_types = types(states, margins)
        found = keys(states, [s.operator.last for s in steps])
        if goal.of_manner:
            # Where things lie does not show how they came there.
            found = [key + node_type for key, node_type in zip(found, node_types, strict=True)]
        for i, (step, distance) in enumerate(zip(steps, _distance(margins), strict=True)):
            reliability = step.operator.reliability
            cost = node.cost + self.step_cost - math.log(reliability) + penalties.get(step.key, 0.0)
            child = Node(states[i], margins[i], (*node.steps, step), cost, node.reliability * reliability)
            out.append((child, cost + float(distance), found[i], node_types[i]))
        return out

    def forecast(self, goal: Goal, state: State, steps: Sequence[Step], rng: np.random.Generator) -> tuple[Plan, State]:
        """Return given steps as a plan from a state, cut before the first that no longer applies.

        With it come the states (K,) that it is expected to lead to.

        Args:
            goal: what to reach.
            state: from where; no batch shape.
            steps: in order; those beyond `depth` are left out.
            rng: chooses outcomes.
        """
        draws = self._draws([s.operator for s in steps], rng)
        states = State(state.layout, np.repeat(state.values[None], draws.shape[1], axis=0))
        done: list[Step] = []
        reliability = 1.0
        for step, draw in zip(steps, draws, strict=False):
            fits = step.operator.applicable(states, step.entity)
            if fits.mean() < 0.5:
                break
            after = step.operator.predict(states, step.entity, draw)
            states = State(states.layout, np.where(fits[:, None], after.values, states.values))
            reliability *= step.operator.reliability
            done.append(step)
        node = Node(states, goal.margins(states), tuple(done), 0.0, reliability)
        return Plan(node.steps, node.share * reliability, node.missing), states
