"""Formulas: statements joined by and, or, not. One value gives success, dense reward, a name and a goal.

Negations are pushed down to the statements on construction, so a tree is made of literals and of
"and"/"or" groups that alternate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce

import numpy as np
import numpy.typing as npt

from tabletop.errors import TabletopError
from tabletop.logic.geometry import Remembering
from tabletop.logic.predicate import Value, get_predicate
from tabletop.logic.quantity import quantity_text
from tabletop.sim.state import State

__all__ = ["Formula", "Group", "Literal", "Node", "conjunction", "group", "negation"]

Array = npt.NDArray[np.float64]

# Where a margin is exactly 0 the statement holds; this keeps its negation from holding as well.
_BELOW = 1e-12


@dataclass(frozen=True)
class Literal:
    """A predicate with its arguments, or its negation."""

    predicate: str
    args: tuple[Value, ...]
    """Entity names, directions and SI numbers, with defaults filled in."""
    positive: bool = True

    def __post_init__(self) -> None:
        """Fill in defaults.

        Raises:
            TabletopError: unknown predicate or unsuitable arguments.
        """
        object.__setattr__(self, "args", get_predicate(self.predicate).bind(tuple(self.args)))

    @property
    def names(self) -> tuple[str, ...]:
        """Entities it speaks of, in the order of the arguments."""
        arguments = get_predicate(self.predicate).arguments
        return tuple(str(v) for a, v in zip(arguments, self.args, strict=True) if a.type == "entity")

    def raw_margin(self, state: State, initial: State) -> Array:
        """Return the margin in the predicate's unit, negated where the literal is."""
        margin = get_predicate(self.predicate).margin(state, initial, self.args)
        return margin if self.positive else np.where(margin == 0.0, -_BELOW, -margin)

    def margin(self, state: State, initial: State) -> Array:
        """Return the margin squashed into (-1, 1) by m / (|m| + scale)."""
        margin = self.raw_margin(state, initial)
        return np.asarray(margin / (np.abs(margin) + get_predicate(self.predicate).scale))

    def rename(self, mapping: Mapping[str, str]) -> Literal:
        """Return it with entities replaced; those that `mapping` leaves out stay."""
        arguments = get_predicate(self.predicate).arguments
        pairs = zip(arguments, self.args, strict=True)
        args = tuple(mapping.get(str(v), v) if a.type == "entity" else v for a, v in pairs)
        return Literal(self.predicate, args, self.positive)

    def phrase(self) -> str:
        """Return it in English."""
        return get_predicate(self.predicate).describe(self.args, self.positive)

    def __invert__(self) -> Literal:
        return Literal(self.predicate, self.args, not self.positive)

    def __str__(self) -> str:
        known = get_predicate(self.predicate)
        count = len(self.args)
        while count and self.args[count - 1] == known.arguments[count - 1].default:
            count -= 1
        texts = [a.text(v) for a, v in zip(known.arguments[:count], self.args[:count], strict=True)]
        return f"{'' if self.positive else 'not '}{self.predicate}({', '.join(texts)})"


@dataclass(frozen=True)
class Group:
    """Two or more parts joined by one operator; make it with `group`."""

    operator: str
    """ "and" or "or"."""
    parts: tuple[Node, ...]

    def __str__(self) -> str:
        texts = (f"({p})" if isinstance(p, Group) else str(p) for p in self.parts)
        return f" {self.operator} ".join(texts)


Node = Literal | Group


def _sorted(node: Node) -> Node:
    if isinstance(node, Literal):
        return node
    return Group(node.operator, tuple(sorted((_sorted(p) for p in node.parts), key=str)))


def group(operator: str, parts: Iterable[Node]) -> Node:
    """Join parts by "and" or "or": nested groups of the operator are merged, repetitions dropped.

    Raises:
        TabletopError: no parts.
    """
    flat: dict[Node, Node] = {}
    for part in parts:
        same = isinstance(part, Group) and part.operator == operator
        for piece in part.parts if same and isinstance(part, Group) else (part,):
            flat.setdefault(_sorted(piece), piece)
    if not flat:
        raise TabletopError(f"{operator!r} needs at least one formula to join, got none")
    pieces = tuple(flat.values())
    return pieces[0] if len(pieces) == 1 else Group(operator, pieces)


def negation(node: Node) -> Node:
    """Return the opposite, with `not` only before predicates."""
    if isinstance(node, Literal):
        return ~node
    return group("or" if node.operator == "and" else "and", [negation(p) for p in node.parts])


def _leaves(node: Node) -> list[Literal]:
    return [node] if isinstance(node, Literal) else [leaf for p in node.parts for leaf in _leaves(p)]


def _rename(node: Node, mapping: Mapping[str, str]) -> Node:
    if isinstance(node, Literal):
        return node.rename(mapping)
    return group(node.operator, [_rename(p, mapping) for p in node.parts])


def _replace_number(node: Node, dimension: str, old: float, new: float) -> Node:
    if isinstance(node, Group):
        return group(node.operator, [_replace_number(p, dimension, old, new) for p in node.parts])
    pairs = zip(get_predicate(node.predicate).arguments, node.args, strict=True)
    args = tuple(new if a.dimension == dimension and v == old else v for a, v in pairs)
    return Literal(node.predicate, args, node.positive)


def _phrase(node: Node) -> str:
    if isinstance(node, Literal):
        return node.phrase()
    texts = [f"({_phrase(p)})" if isinstance(p, Group) else _phrase(p) for p in node.parts]
    return f" {node.operator} ".join(texts)


def _soft_max(values: Sequence[Array], temperature: float) -> Array:
    top = reduce(np.maximum, values)
    mean = sum(np.exp((v - top) / temperature) for v in values) / len(values)
    return np.asarray(top + temperature * np.log(mean))


_Join = Callable[[list[Array]], Array]


def _evaluate(tree: Node, state: State, initial: State, joins: Mapping[str, _Join]) -> Array:
    now, then = Remembering(state.layout, state.values), Remembering(initial.layout, initial.values)

    def fold(node: Node) -> Array:
        if isinstance(node, Literal):
            return node.margin(now, then)
        return joins[node.operator]([fold(p) for p in node.parts])

    # A literal may read one of the states only; the answer has the shape of both.
    shape = np.broadcast_shapes(state.values.shape[:-1], initial.values.shape[:-1])
    return np.array(np.broadcast_to(fold(tree), shape))


@dataclass(frozen=True, eq=False)
class Formula:
    """An immutable formula. Two are equal where they differ only in order, repetition and nesting."""

    tree: Node

    @cached_property
    def text(self) -> str:
        """Source that `parse` reads back to an equal formula."""
        return str(self.tree)

    @cached_property
    def normal(self) -> Node:
        """The tree with the parts of every group sorted: the same for equal formulas."""
        return _sorted(self.tree)

    @cached_property
    def leaves(self) -> tuple[Literal, ...]:
        """All literals from left to right, whatever joins them."""
        return tuple(_leaves(self.tree))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Entities it speaks of, in the order of first mention."""
        return tuple(dict.fromkeys(n for leaf in self.leaves for n in leaf.names))

    @property
    def is_conjunction(self) -> bool:
        """Whether it is one literal, or literals joined by "and"."""
        return isinstance(self.tree, Literal) or (
            self.tree.operator == "and" and all(isinstance(p, Literal) for p in self.tree.parts)
        )

    @property
    def literals(self) -> tuple[Literal, ...]:
        """The literals of a conjunction.

        Raises:
            TabletopError: it has an "or".
        """
        if not self.is_conjunction:
            raise TabletopError(f"only statements joined by 'and' are a list of literals, got {self.text!r}")
        return self.leaves

    def margin(self, state: State, initial: State) -> Array:
        """Return how clearly it holds, in (-1, 1): exact min for and, max for or, over squashed margins.

        Temporal logic has such a margin, its robustness (Fainekos & Pappas 2009). Formulas here say nothing of time.

        Args:
            state: the state to evaluate, any batch shape.
            initial: the state at reset; its batch shape broadcasts against that of `state`.

        Raises:
            TabletopError: the states lack an entity.
        """
        joins: dict[str, _Join] = {
            "and": lambda v: reduce(np.minimum, v),
            "or": lambda v: reduce(np.maximum, v),
        }
        return _evaluate(self.tree, state, initial, joins)

    def holds(self, state: State, initial: State) -> npt.NDArray[np.bool_]:
        """Return whether it holds, of the batch shape: exactly where `margin` is >= 0."""
        return np.asarray(self.margin(state, initial) >= 0.0)

    def smooth(self, state: State, initial: State, temperature: float = 0.1) -> Array:
        """Return a smooth stand-in for `margin`, for rewards: T log mean exp(m/T) for max, dually for min.

        It lies in (-1, 1), between the exact value and the mean of the parts, and tends to the exact
        value for small temperatures.

        Pant et al. (2017) smooth the robustness of temporal logic so, with the sum in place of the mean.

        Args:
            state: the state to evaluate, any batch shape.
            initial: the state at reset; its batch shape broadcasts against that of `state`.
            temperature: T, above 0, in units of the squashed margin.

        Raises:
            TabletopError: the temperature is not positive, or see `margin`.
        """
        if not temperature > 0.0:
            raise TabletopError(f"temperature must be positive, got {temperature!r}")
        joins: dict[str, _Join] = {
            "and": lambda v: -_soft_max([-x for x in v], temperature),
            "or": lambda v: _soft_max(v, temperature),
        }
        return _evaluate(self.tree, state, initial, joins)

    def phrase(self) -> str:
        """Return it in English."""
        return _phrase(self.tree)

    def rename(self, mapping: Mapping[str, str]) -> Formula:
        """Return it about other entities; those that `mapping` leaves out stay.

        Raises:
            TabletopError: two arguments of one predicate would become the same entity.
        """
        return Formula(_rename(self.tree, mapping))

    def replace_number(self, dimension: str, old: float, new: float) -> Formula:
        """Return it with the arguments of one dimension that equal `old` set to `new` (SI).

        Args:
            dimension: "length", "angle", "force" or "fraction".
            old: m, rad, N or a fraction, to the last bit.
            new: the same.

        Raises:
            TabletopError: no such argument, or `new` is out of its range.
        """
        tree = _replace_number(self.tree, dimension, old, new)
        if old != new and tree == self.tree:
            raise TabletopError(f"no {dimension} in {self.text!r} is {quantity_text(old, dimension)}")
        return Formula(tree)

    def __invert__(self) -> Formula:
        return Formula(negation(self.tree))

    def __and__(self, other: Formula) -> Formula:
        return Formula(group("and", [self.tree, other.tree]))

    def __or__(self, other: Formula) -> Formula:
        return Formula(group("or", [self.tree, other.tree]))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Formula) and self.normal == other.normal

    def __hash__(self) -> int:
        return hash(self.normal)

    def __str__(self) -> str:
        return self.text


def conjunction(parts: Iterable[Formula | Literal]) -> Formula:
    """Join formulas and literals by "and".

    Raises:
        TabletopError: no parts.
    """
    return Formula(group("and", [p.tree if isinstance(p, Formula) else p for p in parts]))
