"""A goal in one episode: a formula's parts, evaluated against the state that the episode began with."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from tabletop.logic.formula import Formula, Group, Literal, Node
from tabletop.logic.geometry import Remembering
from tabletop.logic.manner import MANNER
from tabletop.sim.state import State

__all__ = ["Goal"]

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Goal:
    """A formula taken apart into what must hold together, evaluated against one initial state."""

    formula: Formula
    initial: State
    """At reset; no batch shape."""

    @cached_property
    def parts(self) -> tuple[Node, ...]:
        """The parts of the conjunction: literals, or groups joined by "or"."""
        tree = self.formula.tree
        return tree.parts if isinstance(tree, Group) and tree.operator == "and" else (tree,)

    @cached_property
    def _names(self) -> tuple[frozenset[str], ...]:
        return tuple(frozenset(Formula(p).names) for p in self.parts)

    @cached_property
    def of_manner(self) -> bool:
        """Whether it also asks how things came to be where they are."""
        return any(leaf.predicate in MANNER for leaf in self.formula.leaves)

    def margins(self, state: State) -> Array:
        """Return the squashed margin of each part, (..., parts), each in (-1, 1); >= 0 holds."""
        now = Remembering(state.layout, state.values)
        then = Remembering(self.initial.layout, self.initial.values)
        shape = state.values.shape[:-1]
        rows = [
            p.margin(now, then) if isinstance(p, Literal) else Formula(p).margin(state, self.initial)
            for p in self.parts
        ]
        return np.stack([np.broadcast_to(r, shape) for r in rows], axis=-1)

    def done(self, state: State) -> int:
        """Return how many parts hold in one state."""
        return int((self.margins(state) >= 0).sum())

    def holds(self, state: State) -> bool:
        """Return whether all parts hold in one state."""
        return self.done(state) == len(self.parts)

    def concerned(self, margins: Array) -> frozenset[str]:
        """Return the entities that parts which fail in at least a tenth of states (K, parts) speak of."""
        failing = np.mean(margins < 0, axis=0) >= 0.1
        return frozenset().union(*(n for n, f in zip(self._names, failing, strict=True) if f))
