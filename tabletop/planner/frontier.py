"""What a search has seen: steps, the states they are expected to lead to, and which of these to look at next."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from tabletop.planner.operator import Operator
from tabletop.planner.space import CONTAINERS
from tabletop.sim.state import State

__all__ = ["Frontier", "Node", "Step", "keys", "of_interest", "types"]

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

_CELL: Final = 0.02
"""m: states whose things lie in the same cells are taken to be the same."""
_NEAR: Final = 0.16
"""m from a thing of interest within which another may be in the way."""


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
class Node:
    """States that some steps are expected to lead to."""

    states: State
    """(K,): one for each sample."""
    margins: Array
    """(K, parts)."""
    steps: tuple[Step, ...]
    cost: float
    reliability: float

    @property
    def share(self) -> float:
        """Share of the samples in which all parts hold."""
        return float((self.margins >= 0).all(axis=-1).mean())

    @property
    def missing(self) -> float:
        """Expected number of parts that fail."""
        return float((self.margins < 0).sum(axis=-1).mean())


class Frontier:
    """Nodes to expand: the best of all, and every other time the best of the next type.

    This is type-based exploration (Xie et al. 2014).
    """

    def __init__(self) -> None:
        """Begin without any."""
        self._all: list[tuple[float, int, Node]] = []
        self._types: dict[bytes, list[tuple[float, int, Node]]] = {}
        self._order: deque[bytes] = deque()
        self._taken: set[int] = set()
        self._count = 0

    def push(self, f: float, node: Node, node_type: bytes) -> None:
        """Add a node of some type, with what it is expected to cost in all.

        Args:
            f: what it cost so far and is still expected to cost, in parts of the goal.
            node: the node.
            node_type: see `types`.
        """
        entry = (f, self._count, node)
        self._count += 1
        heapq.heappush(self._all, entry)
        if node_type not in self._types:
            self._types[node_type] = []
            # A type not seen before is next.
            self._order.appendleft(node_type)
        heapq.heappush(self._types[node_type], entry)

    def pop(self, of_type: bool) -> Node | None:
        """Return the best node, or the best of the type whose turn it is; None where there is none left."""
        for _ in range(len(self._order) if of_type else 0):
            node_type = self._order[0]
            self._order.rotate(-1)
            found = self._first(self._types[node_type])
            if found is not None:
                return found
        return self._first(self._all)

    def _first(self, heap: list[tuple[float, int, Node]]) -> Node | None:
        while heap:
            _, number, node = heapq.heappop(heap)
            if number not in self._taken:
                self._taken.add(number)
                return node
        return None


def of_interest(states: State, names: frozenset[str]) -> list[str]:
    """Return the entities to act on: those that failing parts speak of, and rigid ones and drawers near them."""
    layout = states.layout
    places = states.field("position").mean(axis=0)
    wanted = [layout.index(n) for n in layout.names if n in names]
    # What stands in the way of a door stands farther off than what does in that of a block.
    large = {i: float(states.values[0, layout.entity_slice(layout.names[i], "size")][:2].max()) for i in wanted}
    large = {i: size if layout.body_types[i] == "joint" else 0.0 for i, size in large.items()}
    out = []
    for i, name in enumerate(layout.names):
        gaps = [float(np.linalg.norm(places[i, :2] - places[j, :2])) - large[j] for j in wanted]
        near = min(gaps, default=_NEAR) < _NEAR
        # A drawer may hold what is wanted, or be in its way.
        moves = layout.body_types[i] == "rigid" or (layout.body_types[i] == "joint" and layout.roles[i] in CONTAINERS)
        if i in wanted or (near and moves):
            out.append(name)
    return out


def types(states: State, margins: Array) -> list[bytes]:
    """Return which parts hold in each row of states (C, K) with margins (C, K, parts), and how the joints stand."""
    holding: Mask = np.asarray((margins >= 0).mean(axis=1) >= 0.5)
    joints: Array = np.round(states.field("fraction").mean(axis=1) * 2)
    return [h.tobytes() + j.tobytes() for h, j in zip(holding, joints, strict=True)]


def keys(states: State, gripper: Sequence[bool]) -> list[bytes]:
    """Return for each row of states (C, K) what distinguishes it from others: where things lie, in which cells.

    Args:
        states: batch shape (C, K).
        gripper: (C,), whether it matters where the gripper is: after what ends a plan.
    """
    columns = (
        states.field("position") / _CELL,
        states.field("fraction")[..., None] / 0.1,
        states.field("quaternion") / 0.1,
        states.field("finger_force").min(axis=-1, keepdims=True) > 0,
    )
    cells = np.round(np.concatenate(columns, axis=-1)).astype(np.int16)
    out = [row.tobytes() for row in cells]
    for name, body_type in zip(states.layout.names, states.layout.body_types, strict=True):
        if body_type == "deformable":
            nodes = np.round(states.nodes(name) / _CELL).astype(np.int16)
            out = [key + row.tobytes() for key, row in zip(out, nodes, strict=True)]
    ends = np.round(states.robot("gripper_position") / _CELL).astype(np.int16)
    return [key + row.tobytes() if seen else key for key, row, seen in zip(out, ends, gripper, strict=True)]
