"""Why a plan does not reach its goal: how near the forecasts come to each part of it, and what was tried."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from tabletop.logic.formula import Formula, Literal
from tabletop.logic.predicate import get_predicate
from tabletop.logic.quantity import quantity_text
from tabletop.planner.frontier import Node, Step
from tabletop.planner.goal import Goal
from tabletop.sim.state import State

__all__ = ["Shortfall", "Tried"]

Array = npt.NDArray[np.float64]

_LEAST: Final = 1e-6
"""Margin (squashed) that counts as a gain."""
_DIMENSIONS: Final = {"m": "length", "rad": "angle", "N": "force", "": "fraction"}


@dataclass(frozen=True)
class Shortfall:
    """A part of a goal that no forecast makes true."""

    part: str
    """As the formula writes it."""
    skills: int
    """How many skills could be done to an entity that it speaks of."""
    short: str | None
    """By how much the nearest forecast misses it, with a unit; None for several literals joined by "or"."""
    within: str | None
    """The literal with the number that this forecast still reaches; None where it fails by something else."""
    by: tuple[str, ...]
    """The skills of that forecast; none where nothing comes nearer than the state is already."""

    @property
    def text(self) -> str:
        """One line for people."""
        if not self.skills:
            return f"no skill can be done to anything that {self.part} speaks of"
        if not self.by:
            return f"none of {self.skills} skills brings {self.part} nearer than it is{self._by_how_much}"
        nearest = f"; {self.within} is the nearest" if self.within else ""
        return f"no skill makes {self.part} true{self._by_how_much}{nearest}, after {', '.join(self.by)}"

    @property
    def _by_how_much(self) -> str:
        return f" ({self.short} short)" if self.short else ""


@dataclass
class Tried:
    """What a search has tried: the skills, and for each part of the goal the forecast that came nearest."""

    goal: Goal
    skills: set[tuple[str, str]] = field(default_factory=set)
    """(skill, entity) of all steps that could be done."""
    _best: list[tuple[float, State, tuple[Step, ...]]] = field(default_factory=list)

    def start(self, node: Node) -> None:
        """Note how things stand."""
        self._best = [(float(v), node.states, ()) for v in node.margins.mean(axis=0)]

    def note(self, node: Node, margins: Array, steps: Sequence[Step], states: State) -> None:
        """Note what is expected of some steps after a node.

        Args:
            node: before.
            margins: (C, K, parts).
            steps: (C,).
            states: (C, K), afterwards.
        """
        self.skills.update(s.key for s in steps)
        mean = margins.mean(axis=1)
        for part, i in enumerate(mean.argmax(axis=0)):
            if mean[i, part] > self._best[part][0] + _LEAST:
                self._best[part] = float(mean[i, part]), states[int(i)], (*node.steps, steps[int(i)])

    def shortfalls(self, failing: Sequence[int]) -> tuple[Shortfall, ...]:
        """Return how near the forecasts come to some parts, by number, each taken by itself.

        A part that some forecast makes true is left out: what is missing is a way to have it with the others.
        """
        return tuple(self._shortfall(i) for i in failing if self._best[i][0] < 0.0)

    def apart(self, failing: Sequence[int]) -> tuple[str, ...]:
        """Return the parts, of some by number, that a forecast makes true, but none together with the rest."""
        return tuple(str(self.goal.parts[i]) for i in failing if self._best[i][0] >= 0.0)

    def _shortfall(self, number: int) -> Shortfall:
        part = self.goal.parts[number]
        _, states, steps = self._best[number]
        names = Formula(part).names
        skills = len({skill for skill, entity in self.skills if entity in names})
        short = within = None
        if isinstance(part, Literal):
            missing = -float(np.mean(part.raw_margin(states, self.goal.initial)))
            short = _quantity(missing, get_predicate(part.predicate).unit)
            within = _within(part, states, self.goal.initial)
        return Shortfall(str(part), skills, short, within, tuple(" ".join(s.key) for s in steps))


def _quantity(value: float, unit: str) -> str:
    if unit not in _DIMENSIONS:
        return f"{value:.2g} {unit}"
    if unit == "rad":
        return f"{np.degrees(value):.0f} deg"
    rounded = round(value, 3 if unit == "m" else 2)
    return quantity_text(float(rounded), _DIMENSIONS[unit])


def _within(literal: Literal, states: State, initial: State) -> str | None:
    """Return a literal with the number that states reach, or None where it fails by something else."""
    arguments = get_predicate(literal.predicate).arguments
    numbers = [i for i, a in enumerate(arguments) if a.dimension is not None]
    if len(numbers) != 1:
        return None
    place, argument = numbers[0], arguments[numbers[0]]
    given = float(literal.args[place])
    short = -float(np.mean(literal.raw_margin(states, initial)))
    for reached in (given - short, given + short):
        # Rounded to what people write, to the side on which it still holds.
        step = np.radians(1.0) if argument.dimension == "angle" else 0.01 if reached >= 0.01 else 0.001
        outward = np.floor if reached < given else np.ceil
        value = float(outward(reached / step + (1e-6 if reached < given else -1e-6)) * step)
        value = round(value, 3) if argument.dimension != "angle" else value
        if not argument.accepts(value):
            continue
        other = Literal(literal.predicate, (*literal.args[:place], value, *literal.args[place + 1 :]), literal.positive)
        if float(np.mean(other.raw_margin(states, initial))) >= -1e-9:
            return str(other)
    return None
