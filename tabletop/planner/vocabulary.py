"""What goals may ask for: literals about roles, filled with the entities of a scene."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tabletop.errors import TabletopError, unknown
from tabletop.logic.formula import Literal
from tabletop.logic.manner import MANNER
from tabletop.logic.parse import parse
from tabletop.logic.task import Task
from tabletop.planner.scripted_operators import SIDES
from tabletop.sim.cards import load_cards
from tabletop.sim.roles import PART
from tabletop.sim.state import Layout

__all__ = ["SCRIPTED_VOCABULARY", "Template", "template", "vocabulary_of"]

_HOW: Final = MANNER | {"released", "on_table", "held", "still", "upright"}


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
            [n for n in layout.names if layout.kind(n) in fits[role] or layout.role(n) in fits[role]]
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
            if kind not in cards and kind != PART:
                raise unknown(f"kind of entity (template {text!r})", kind, cards)
    return Template(formula.leaves[0], tuple((role, found[role]) for role in formula.names))


def vocabulary_of(tasks: Iterable[Task], without: Iterable[str] = _HOW) -> tuple[Template, ...]:
    """Return the literals of some tasks' formulas as templates, each once.

    Args:
        tasks: those that skills were named for.
        without: predicates left out: they say how to do things, or how to leave them, rather than what to do.
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
        template("open(a)", a=("drawer", "door", PART)),
        template("closed(a)", a=("drawer", "door", PART)),
        template("pressed(a)", a="button"),
        template("lifted(a)", a=things),
        *(template(f"moved(a, {d}, 10 cm)", a=things) for d in SIDES),
        *(template(f"side(a, b, {d}, 5 cm)", a=things, b=(*things, "bowl")) for d in SIDES),
    )


SCRIPTED_VOCABULARY: Final = _scripted_vocabulary()
"""What the scripted operators can make true."""
