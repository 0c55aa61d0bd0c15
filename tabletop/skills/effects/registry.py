"""What an effect is, and which there are.

An effect is read off columns of the state, and what it is follows from the type of these columns: a position, a
rotation, a joint's coordinate, a pose relative to another thing, a shape, the gripper. No effect knows a kind of thing
by its name, so a thing or fixture that nobody has registered has the effects of its columns.

A learner compares effects in metres of the reach: a joint's whole range counts as the reach. What is reported as so
many skills at 2 cm is in metres of the world: `Effect.metres` has the factors between the two.

| effect | columns | numbers | unit as learned | metres of the world |
| --- | --- | --- | --- | --- |
| held_at | position | x, y, z, pace | m; m/s times 0.1 s | the same |
| placed | position | x, y, z, not carried | m | the same |
| dragged, reached | position (of a fabric, the gripper) | x, y, z | m | the same |
| displaced | position, rotation | x, y, z, turn | m; rad times 0.05 m | the way of its corner |
| slid | position, manner | x, y, rise and lean on the way | m; rad times 0.1 m | the same |
| turned | rotation | turn, way | half a turn is 0.6 m; m | the way of its corner; the same |
| toppled | rotation | tilt, fact | a right angle is 0.15 m | the way of its top: rad times its height |
| dropped | position | beyond the edge, fact | m | the same |
| related | position relative to another thing | x, y, z from where it rests there, fact | m | the same |
| joint | joint | fraction | the whole range is 0.6 m | the way of its handle: a slide, or radius times angle |
| shaped | shape | two distances of ends | m | the same |

A metre of height counts as two in held_at, related and dragged: what stands 5 cm below its place is not there. All
heights above 4 cm are one where a thing is to stay. Otherwise the way down outweighs the way there, and things are
dropped at once.
A fact is true or false, 0.15 m or 0: it has no length.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tabletop.errors import TabletopError, unknown
from tabletop.projects import kept
from tabletop.sim.cards import load_cards
from tabletop.sim.scene import Entity
from tabletop.sim.state import Layout, State

__all__ = [
    "ALOFT",
    "COLUMNS",
    "DESCRIPTOR_WIDTH",
    "DISTURBED",
    "EFFECTS",
    "EFFECT_WIDTH",
    "FACT",
    "HEIGHT",
    "LEFT",
    "REACH",
    "SETTLES",
    "Effect",
    "effect",
    "entities_for",
    "get_effect",
    "is_fact",
    "latches",
    "possible",
    "symmetric",
]

Array = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]

REACH: Final = 0.6
"""m: the reach, which the whole range of a joint counts as."""
LEFT: Final = 4
"""The number of any effect that says how much is missing until the gripper has left and all rests, see `unfinished`."""
DISTURBED: Final = LEFT + 1
"""The number of any effect on a thing that says how far other things were moved, see `disturbed`."""
EFFECT_WIDTH: Final = LEFT + 2
"""Numbers any effect is padded to."""
HEIGHT: Final = 2.0
"""m that a metre of height counts as, of what is held, dragged, or put on another thing."""
ALOFT: Final = 0.04
"""m above where it rests beyond which heights of what is to stay are not distinguished."""
FACT: Final = 0.15
"""m that a fact counts as where it is true."""
COLUMNS: Final = ("position", "rotation", "tilt", "edge", "relative", "joint", "shape", "gripper", "manner")
"""Types of columns that an effect may be read off: what a policy is told of an effect it is to have."""
DESCRIPTOR_WIDTH: Final = len(COLUMNS) + 2
SETTLES: Final = len(COLUMNS)
"""Column of a descriptor that says whether what counts is what stays done."""
_DOWN: Final = 0.5
"""Fraction from which what latches is down."""


@dataclass(frozen=True)
class Effect:
    """One effect that skills can be after."""

    name: str
    columns: tuple[str, ...]
    """Types of the columns that it is read off, of COLUMNS."""
    body_type: str
    """Body type of the entities that have such columns: "rigid", "joint" or "deformable"."""
    size: int
    """Numbers an effect has."""
    kept: int
    """How many of its numbers, the last ones, are to be 0 whatever is asked for."""
    settles: bool
    """Whether what counts is what stays done: the gripper has let go and left, and the entity rests."""
    places: bool
    """Whether an effect says where the entity is, and not how it changed."""
    mirror: tuple[float, ...]
    """(size,) factors that an effect takes if the world is mirrored left to right (y becomes -y)."""
    fact_targets: tuple[tuple[float, ...], ...]
    """Effects of the discrete facts that have codes of their own, the first ones of the effect; these codes' means
    begin here."""
    classify: Callable[[npt.NDArray[np.floating[Any]]], Index] | None
    """(n, size) effects -> (n,) which of these facts each one is, -1 for none."""
    said: str
    """What a skill does that makes the last fact true, with {a} for the entity: "topples {a}"."""
    default_fact: int | None
    """The fact that doing nothing leads to, which is seldom commanded."""
    function: Callable[[State, State, str], Array]
    """(initial, state, entity) -> (..., size), in metres of the reach."""
    lengths: Callable[[Entity], tuple[float, ...]] | tuple[float, ...] | None
    """(size,) metres of the world that a metre of each number is, on an entity or on any; None: they are the same."""
    measures: tuple[str, ...]
    """Predicates about the entity, or about it and another one, that can be read off an effect."""
    units: tuple[float, ...]
    """(size,) metres of the reach that a plain unit (m, rad, a whole joint, a fact) of each number is."""
    origin: tuple[float, ...]
    """(size,) plain units that count as 0."""
    suits: Callable[[str], bool] | None
    """Whether a kind of entity has such columns at all; None: all of its body type have."""
    partners: Callable[[Layout, str, Mapping[str, float]], list[str]] | None
    """(layout, entity, joint fractions) -> other entities that it can be relative to; None where it is to none."""

    @property
    def asked(self) -> int:
        """How many of its numbers, the first ones, a target may have."""
        return self.size - self.kept

    @property
    def asks(self) -> npt.NDArray[np.float32]:
        """Which numbers a target may have: (EFFECT_WIDTH,), 1 for these, and 0 for those that are to be 0."""
        return (np.arange(EFFECT_WIDTH) < self.asked).astype(np.float32)

    @property
    def descriptor(self) -> npt.NDArray[np.float32]:
        """What a policy is told: (DESCRIPTOR_WIDTH,), 1 for each type of column, for settling, and for a place."""
        flags = [*(c in self.columns for c in COLUMNS), self.settles, self.places]
        return np.array(flags, dtype=np.float32)

    def aim(self, target: Sequence[float] | float) -> Array:
        """Return what a policy is given for a target in plain units: (EFFECT_WIDTH,), metres of the reach.

        Args:
            target: as many of the effect's numbers as matter, 0 for the rest: m of the world (world x and y for a
                place), rad, a fraction, or 1 for a fact. What is to be 0 in any case takes no number.

        Raises:
            TabletopError: it has more numbers than the effect, or is not finite.
        """
        numbers = np.atleast_1d(np.asarray(target, dtype=np.float64))
        if numbers.ndim != 1 or not 1 <= len(numbers) <= self.asked or not np.isfinite(numbers).all():
            takes = "1 finite number" if self.asked == 1 else f"1 to {self.asked} finite numbers"
            raise TabletopError(f"a target for {self.name} takes {takes}, got {target!r}")
        out = np.zeros(EFFECT_WIDTH)
        out[: len(numbers)] = (numbers - self.origin[: len(numbers)]) * self.units[: len(numbers)]
        return out

    def metres(self, entity: Entity) -> Array:
        """Return the factors from an effect on an entity to metres of the world: (EFFECT_WIDTH,)."""
        out = np.ones(EFFECT_WIDTH)
        if self.lengths is not None:
            out[: self.size] = self.lengths if isinstance(self.lengths, tuple) else self.lengths(entity)
        return out

    def classify_fact(self, effects: npt.NDArray[np.floating[Any]]) -> Index:
        """Return which fact each of (n, >= size) effects is, (n,), -1 for none."""
        if self.classify is None:
            return np.full(len(effects), -1)
        return self.classify(effects[:, : self.size])


EFFECTS: Final[dict[str, Effect]] = {}
"""All effects, by name."""


def effect(
    name: str,
    *,
    columns: tuple[str, ...],
    body_type: str,
    mirror: tuple[float, ...],
    settles: bool,
    places: bool = False,
    kept: int = 0,
    fact_targets: tuple[tuple[float, ...], ...] = (),
    classify: Callable[[npt.NDArray[np.floating[Any]]], Index] | None = None,
    said: str = "",
    default_fact: int | None = None,
    lengths: Callable[[Entity], tuple[float, ...]] | tuple[float, ...] | None = None,
    measures: tuple[str, ...] = (),
    units: tuple[float, ...] | None = None,
    origin: tuple[float, ...] | None = None,
    suits: Callable[[str], bool] | None = None,
    partners: Callable[[Layout, str, Mapping[str, float]], list[str]] | None = None,
) -> Callable[[Callable[[State, State, str], Array]], Callable[[State, State, str], Array]]:
    """Register an effect.

    Args:
        name: of the effect.
        columns: types of the columns that it is read off, of COLUMNS.
        body_type: of the entities that have them: "rigid", "joint" or "deformable".
        mirror: (size,) factors that an effect takes if the world is mirrored left to right.
        settles: whether what counts is what stays done, once the gripper has left.
        places: whether an effect says where the entity is, and not how it changed.
        kept: how many of its numbers, the last ones, are to be 0 whatever is asked for.
        fact_targets: (facts, size) effects of the facts that have codes of their own.
        classify: (n, size) effects -> (n,) which of these facts each is, -1 for none.
        said: what a skill does that makes the last fact true, with {a} for the entity.
        default_fact: the fact that doing nothing leads to; None: there is none.
        lengths: metres of the world that a metre of each number is, on an entity or on any, (size,); None: 1 each.
        measures: predicates that can be read off an effect.
        units: metres of the reach that a plain unit of each number is, (size,); None: 1 each.
        origin: plain units that count as 0, (size,); None: 0 each.
        suits: whether a kind of entity has such columns; None: all of the body type have.
        partners: (layout, entity, joint fractions) -> the others that it can be relative to; None: it is to none.

    Returns:
        A decorator of functions (initial, state, entity) -> (..., size), m of the reach.

    Raises:
        TabletopError: the name is taken, or a type of column unknown.
    """
    for column in columns:
        if column not in COLUMNS:
            raise unknown("type of column", column, COLUMNS)

    def add(function: Callable[[State, State, str], Array]) -> Callable[[State, State, str], Array]:
        if name in EFFECTS:
            raise TabletopError(f"effect {name!r} is registered twice")
        EFFECTS[name] = Effect(
            name=name,
            columns=columns,
            body_type=body_type,
            size=len(mirror),
            kept=kept,
            settles=settles,
            places=places,
            mirror=mirror,
            fact_targets=fact_targets,
            classify=classify,
            said=said,
            default_fact=default_fact,
            function=function,
            lengths=lengths,
            measures=measures,
            units=units or (1.0,) * len(mirror),
            origin=origin or (0.0,) * len(mirror),
            suits=suits,
            partners=partners,
        )
        return function

    return add


def possible(effect: Effect, kinds: Sequence[str]) -> bool:
    """Return whether an effect may be had where entities of these kinds are."""
    found = sum(_suits(effect, k) for k in kinds)
    # What is relative to another thing takes two.
    return found > 0 and (effect.partners is None or len(kinds) > 1)


def entities_for(effect: Effect, layout: Layout, fractions: Mapping[str, float]) -> list[str]:
    """Return the entities of a layout that an effect can be had on.

    Args:
        effect: the effect.
        layout: names and kinds of the entities.
        fractions: initial joint fraction of each fixture; what latches and is down cannot be pressed, and nothing fits
            into a drawer that is shut.

    Rigid things that the gripper does not fit around (a bowl, a plate) are left out.
    """
    out = []
    for name, entity_kind in zip(layout.names, layout.kinds, strict=True):
        if not _suits(effect, entity_kind):
            continue
        if latches(entity_kind) and fractions.get(name, 0.0) > _DOWN:
            continue
        if effect.partners is not None and not effect.partners(layout, name, fractions):
            continue
        out.append(name)
    return out


def _suits(effect: Effect, entity_kind: str) -> bool:
    """Return whether entities of a kind have an effect's columns, whatever state they are in."""
    card = load_cards()[entity_kind]
    if card.body_type != effect.body_type or (effect.body_type == "rigid" and not card.graspable):
        return False
    return effect.suits is None or effect.suits(entity_kind)


def latches(kind: str) -> bool:
    """Return whether a kind has a joint that stays down once it is pressed."""
    joint = load_cards()[kind].joint
    return joint is not None and joint.latch <= 1.0


def get_effect(name: str) -> Effect:
    """Return the effect of that name.

    Raises:
        TabletopError: there is none.
    """
    if name not in EFFECTS:
        raise unknown("effect", name, EFFECTS)
    return EFFECTS[name]


def is_fact(effects: npt.NDArray[np.floating[Any]]) -> Index:
    """Return 1 where the last number of (n, size) effects says that the fact is true, else 0."""
    return (effects[:, -1] > FACT / 2).astype(np.intp)


@kept
def symmetric(kind: str) -> bool:
    """Return whether a kind looks the same from all sides, so that its yaw means nothing."""
    card = load_cards().get(kind)
    return card is not None and bool(card.parts) and all(p.shape in {"cylinder", "sphere"} for p in card.parts)
