"""Best-first search over (skill, entity) with sampled outcomes, led by the margins of the goal's parts.

A drawer must be opened before anything gets into it although no margin grows by that. So every other node is
not the best of all but the best of its type (which parts hold, how the joints stand), the types taking turns
(type-based exploration, Xie et al. 2014).
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from tabletop.errors import TabletopError
from tabletop.planner.goal import Goal
from tabletop.planner.operator import Operator
from tabletop.planner.space import CONTAINERS, Surveyed
from tabletop.sim.state import State

__all__ = ["Plan", "Search", "Step"]

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

_MARGIN_WEIGHT: Final = 0.5
_CELL: Final = 0.02
"""m: states whose things lie in the same cells are taken to be the same."""
_NEAR: Final = 0.16
"""m from a thing of interest within which another may be in the way."""
_CLOSE: Final = 0.6
"""Expected failing parts below which a plan is one that reaches the goal, as far as its skills are reliable."""
_FINAL: Final = 12
"""Nodes expanded without a better plan once there is such a one."""
_ENOUGH: Final = 0.9
"""Share of the sampled outcomes that must reach the goal for the search to stop early."""


@dataclass(frozen=True)
class Step:
    """One step of a plan."""

    operator: Operator
    entity: str

    @property
    def key(self) -> tuple[str, str]:
        """(skill, entity) by name."""
        return self.operator.id, self.entity


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


def _distance(margins: Array) -> Array:
    """Return the heuristic (C,) of margins (C, K, parts): expected parts that fail, and how badly."""
    failing = (margins < 0).sum(axis=-1)
    return np.asarray((failing + _MARGIN_WEIGHT * np.maximum(-margins, 0).sum(axis=-1)).mean(axis=-1))


@dataclass(frozen=True)
class _Node:
    states: State
    """(K,): one for each sample."""
    margins: Array
    """(K, parts)."""
    steps: tuple[Step, ...]
    cost: float
    reliability: float

    @property
    def share(self) -> float:
        return float((self.margins >= 0).all(axis=-1).mean())


class _Open:
    """Nodes to expand: the best of all, and every other time the best of the next type."""

    def __init__(self) -> None:
        self._all: list[tuple[float, int, _Node]] = []
        self._types: dict[bytes, list[tuple[float, int, _Node]]] = {}
        self._order: deque[bytes] = deque()
        self._taken: set[int] = set()
        self._count = 0

    def push(self, f: float, node: _Node, kind: bytes) -> None:
        entry = (f, self._count, node)
        self._count += 1
        heapq.heappush(self._all, entry)
        if kind not in self._types:
            self._types[kind] = []
            # A type not seen before is next.
            self._order.appendleft(kind)
        heapq.heappush(self._types[kind], entry)

    def pop(self, of_type: bool) -> _Node | None:
        """Return the best node, or the best of the type whose turn it is; None where there is none left."""
        for _ in range(len(self._order) if of_type else 0):
            kind = self._order[0]
            self._order.rotate(-1)
            found = self._first(self._types[kind])
            if found is not None:
                return found
        return self._first(self._all)

    def _first(self, heap: list[tuple[float, int, _Node]]) -> _Node | None:
        while heap:
            _, number, node = heapq.heappop(heap)
            if number not in self._taken:
                self._taken.add(number)
                return node
        return None


@dataclass(frozen=True)
class Search:
    """How plans are found. A node is a batch of sampled states; f = cost of skills + distance to the goal.

    The plan returned is the one with the least f among all nodes seen, so that a goal that is out of reach
    still gets the steps that come nearest to it.
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

    def __post_init__(self) -> None:
        """Raises TabletopError: a bound below 1, or a negative cost."""
        for name in ("depth", "nodes", "samples", "patience"):
            if getattr(self, name) < 1:
                raise TabletopError(f"{name} of a search must be at least 1, got {getattr(self, name)!r}")
        if not (math.isfinite(self.step_cost) and self.step_cost >= 0):
            raise TabletopError(f"the step cost of a search must be 0 or more, got {self.step_cost!r}")

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
    ) -> Plan:
        """Return the best plan found from a state; without steps where nothing comes nearer to the goal.

        Args:
            goal: what to reach.
            state: from where; no batch shape.
            operators: what can be done.
            rng: chooses outcomes; the same generator gives the same plan.
            penalties: extra cost of (operator id, entity), for what has failed before.
        """
        draws = self._draws(operators, rng)
        start = State(state.layout, np.repeat(state.values[None], draws.shape[1], axis=0))
        root = _Node(start, goal.margins(start), (), 0.0, 1.0)
        best, best_f = root, float(_distance(root.margins[None])[0])
        waiting = _Open()
        waiting.push(best_f, root, b"")
        seen = {_keys(State(start.layout, start.values[None]))[0]: 0.0}
        expanded = stale = 0
        while expanded < self.nodes and stale < (self.patience if _missing(best) > _CLOSE else _FINAL):
            # A goal that is reached beyond doubt: nothing better is waiting, as each skill costs.
            if best.share >= _ENOUGH:
                break
            node = waiting.pop(expanded % 2 == 1)
            if node is None:
                break
            if len(node.steps) == self.depth or (node.steps and node.steps[-1].operator.last):
                continue
            expanded, stale = expanded + 1, stale + 1
            children = self._expand(goal, node, operators, draws[len(node.steps)], penalties or {})
            for child, f, key in children:
                if seen.get(key, math.inf) <= child.cost:
                    continue
                seen[key] = child.cost
                waiting.push(f, child, _type(child))
                if f < best_f - 1e-9:
                    best, best_f, stale = child, f, 0
        return _plan(best, expanded)

    def _expand(
        self,
        goal: Goal,
        node: _Node,
        operators: Sequence[Operator],
        draws: Array,
        penalties: Mapping[tuple[str, str], float],
    ) -> list[tuple[_Node, float, bytes]]:
        steps: list[Step] = []
        values: list[Array] = []
        now = Surveyed(node.states.layout, node.states.values)
        for entity in _of_interest(now, goal.concerned(node.margins)):
            for operator in operators:
                fits = operator.applicable(now, entity)
                if fits.mean() < 0.5:
                    continue
                after = operator.predict(now, entity, draws)
                values.append(np.where(fits[:, None], after.values, now.values))
                steps.append(Step(operator, entity))
        if not steps:
            return []
        states = State(node.states.layout, np.stack(values))
        margins = goal.margins(states)
        out = []
        keys = _keys(states)
        for i, (step, distance) in enumerate(zip(steps, _distance(margins), strict=True)):
            reliability = step.operator.reliability
            cost = node.cost + self.step_cost - math.log(reliability) + penalties.get(step.key, 0.0)
            child = _Node(states[i], margins[i], (*node.steps, step), cost, node.reliability * reliability)
            out.append((child, cost + float(distance), keys[i]))
        return out

    def forecast(self, goal: Goal, state: State, steps: Sequence[Step], rng: np.random.Generator) -> tuple[Plan, State]:
        """Return given steps as a plan from a state, cut before the first that no longer applies.

        With it come the states (K,) that it is expected to lead to.
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
        return _plan(_Node(states, goal.margins(states), tuple(done), 0.0, reliability), 0), states


def _missing(node: _Node) -> float:
    """Return the expected number of parts that fail."""
    return float((node.margins < 0).sum(axis=-1).mean())


def _plan(node: _Node, expanded: int) -> Plan:
    return Plan(node.steps, node.share * node.reliability, _missing(node), expanded)


def _of_interest(states: State, names: frozenset[str]) -> list[str]:
    """Return the entities to act on: those that failing parts speak of, and rigid ones and drawers near them."""
    layout = states.layout
    places = states.field("position").mean(axis=0)
    wanted = [layout.index(n) for n in layout.names if n in names]
    out = []
    for i, name in enumerate(layout.names):
        near = wanted and min(float(np.linalg.norm(places[i, :2] - places[j, :2])) for j in wanted) < _NEAR
        # A drawer may hold what is wanted, or be in its way.
        moves = layout.moves[i] == "rigid" or (layout.moves[i] == "joint" and layout.kinds[i] in CONTAINERS)
        if i in wanted or (near and moves):
            out.append(name)
    return out


def _type(node: _Node) -> bytes:
    holding: Mask = np.asarray((node.margins >= 0).mean(axis=0) >= 0.5)
    joints: Array = np.round(node.states.field("fraction").mean(axis=0) * 2)
    return holding.tobytes() + joints.tobytes()


def _keys(states: State) -> list[bytes]:
    """Return for each row of states (C, K) what tells it from others: where things lie, in which cells."""
    columns = (
        states.field("position") / _CELL,
        states.field("fraction")[..., None] / 0.1,
        states.field("quaternion") / 0.1,
        states.field("finger_force").min(axis=-1, keepdims=True) > 0,
    )
    cells = np.round(np.concatenate(columns, axis=-1)).astype(np.int16)
    return [row.tobytes() for row in cells]
