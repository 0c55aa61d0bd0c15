"""What an effect is, and which there are.

A learner compares effects in metres of the reach: joints are scaled so that their whole range equals the reach. What is
reported as so many skills at 2 cm is in metres of the world: `Effect.metres` has the factors between the two.

| effect | number | unit as learned | metres of the world |
| --- | --- | --- | --- |
| held_at, placed, displaced, reached, dragged | x, y, z | m | the same |
| displaced | turn | rad times 0.05 m | the way of its corner: rad times half the diagonal of its footprint |
| turned | turn | half a turn is 0.6 m | the way of its corner |
| all joints | fraction | the whole range is 0.6 m | the way of its handle: a slide, or radius times angle |
| toppled | tilt | a right angle is 0.15 m | the way of its top: rad times its height |
| dropped | beyond the edge | m | the same |
| on, inside, beside | x, y, z from where it holds | m | the same |
| straightened, folded | distance of ends or corners | m | the same |
| all with a fact | true or false | 0 or 0.15 m | the same: a fact has no length |
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
from tabletop.sim.roles import role_of
from tabletop.sim.scene import Entity
from tabletop.sim.state import Layout, State

__all__ = [
    "EFFECTS",
    "EFFECT_WIDTH",
    "FACT",
    "REACH",
    "Effect",
    "effect",
    "entities_for",
    "get_effect",
    "partners",
    "possible",
    "symmetric",
    "takes_in",
]

Array = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]

REACH: Final = 0.6
"""m: the reach, which the whole range of a joint counts as."""
EFFECT_WIDTH: Final = 4
"""Numbers any effect is padded to."""
FACT: Final = 0.15
"""m that a fact counts as where it is true."""
_PRESSED: Final = 0.5
"""Fraction from which a button is down."""


@dataclass(frozen=True)
class Effect:
    """One effect that skills can be after."""

    name: str
    body_type: str
    """Body type of the entities it is about: "rigid", "joint" or "deformable"."""
    kinds: tuple[str, ...] | None
    """Kinds of entity it is limited to; None for all of that body type."""
    partners: tuple[str, ...]
    """Kinds of entity of which another one must be there; () where none is needed."""
    size: int
    """Numbers an effect has."""
    settles: bool
    """Whether the skill ends with opening, retreating and waiting, and is measured after it."""
    places: bool
    """Whether an effect says where the entity is, and not how it changed."""
    mirror: tuple[float, ...]
    """(size,) factors that an effect takes if the world is mirrored left to right (y becomes -y)."""
    mirrors: bool
    """Whether such a world exists: a door that is hinged on its right has no mirror image."""
    fact_targets: tuple[tuple[float, ...], ...]
    """Effects of the discrete facts that have codes of their own, the first ones of the effect; these codes' means
    begin here."""
    classify: Callable[[npt.NDArray[np.floating[Any]]], Index] | None
    """(n, size) effects -> (n,) which of these facts each one is, -1 for none."""
    said: str
    """What a skill does that makes the last fact true, with {a} for the entity: "puts {a} on another thing"."""
    default_fact: int | None
    """The fact that doing nothing leads to, which is seldom commanded."""
    function: Callable[[State, State, str], Array]
    """(initial, state, entity) -> (..., size), in metres of the reach."""
    lengths: Callable[[Entity], tuple[float, ...]] | None
    """(size,) metres of the world that a metre of each number is, on an entity; None where they are the same."""
    measures: tuple[str, ...]
    """Predicates about the entity alone, or a relation's own, that can be read off an effect."""

    def metres(self, entity: Entity) -> Array:
        """Return the factors from an effect on an entity to metres of the world: (EFFECT_WIDTH,)."""
        out = np.ones(EFFECT_WIDTH)
        if self.lengths is not None:
            out[: self.size] = self.lengths(entity)
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
    body_type: str,
    mirror: tuple[float, ...],
    settles: bool,
    places: bool = False,
    kinds: tuple[str, ...] | None = None,
    partners: tuple[str, ...] = (),
    mirrors: bool = True,
    fact_targets: tuple[tuple[float, ...], ...] = (),
    classify: Callable[[npt.NDArray[np.floating[Any]]], Index] | None = None,
    said: str = "",
    default_fact: int | None = None,
    lengths: Callable[[Entity], tuple[float, ...]] | None = None,
    measures: tuple[str, ...] = (),
) -> Callable[[Callable[[State, State, str], Array]], Callable[[State, State, str], Array]]:
    """Register an effect.

    Args:
        name: of the effect.
        body_type: of the entities that it is about: "rigid", "joint" or "deformable".
        mirror: (size,) factors that an effect takes if the world is mirrored left to right.
        settles: whether the skill ends with opening, retreating and waiting, and is measured after it.
        places: whether an effect says where the entity is, and not how it changed.
        kinds: of entity that it is limited to; None: all of that body type.
        partners: kinds of entity of which another one must be there; () where none is needed.
        mirrors: whether a mirrored world exists.
        fact_targets: (facts, size) effects of the facts that have codes of their own.
        classify: (n, size) effects -> (n,) which of these facts each is, -1 for none.
        said: what a skill does that makes the last fact true, with {a} for the entity.
        default_fact: the fact that doing nothing leads to; None: there is none.
        lengths: metres of the world that a metre of each number is on an entity, (size,); None: 1 each.
        measures: predicates that can be read off an effect.

    Returns:
        A decorator of functions (initial, state, entity) -> (..., size), m of the reach.

    Raises:
        TabletopError: the name is taken.
    """

    def add(function: Callable[[State, State, str], Array]) -> Callable[[State, State, str], Array]:
        if name in EFFECTS:
            raise TabletopError(f"effect {name!r} is registered twice")
        EFFECTS[name] = Effect(
            name=name,
            body_type=body_type,
            kinds=kinds,
            partners=partners,
            size=len(mirror),
            settles=settles,
            places=places,
            mirror=mirror,
            mirrors=mirrors,
            fact_targets=fact_targets,
            classify=classify,
            said=said,
            default_fact=default_fact,
            function=function,
            lengths=lengths,
            measures=measures,
        )
        return function

    return add


def possible(effect: Effect, kinds: Sequence[str]) -> bool:
    """Return whether an effect may be had where entities of these kinds are."""
    found = [k for k in kinds if _suits(effect, k)]
    if not effect.partners:
        return bool(found)
    # A thing is no partner of itself.
    others = sum(role_of(k) in effect.partners for k in kinds)
    return any(others > (role_of(own) in effect.partners) for own in found)


def entities_for(effect: Effect, layout: Layout, fractions: Mapping[str, float]) -> list[str]:
    """Return the entities of a layout that an effect can be had on.

    Args:
        effect: the effect.
        layout: names and kinds of the entities.
        fractions: initial joint fraction of each fixture; a button that is down cannot be pressed, and nothing
            fits into a drawer that is shut.

    Rigid things that the gripper does not fit around (a bowl, a plate) are left out.
    """
    out = []
    for name, entity_kind in zip(layout.names, layout.kinds, strict=True):
        if not _suits(effect, entity_kind):
            continue
        if _latches(entity_kind) and fractions.get(name, 0.0) > _PRESSED:
            continue
        others = partners(effect, layout, name)
        if effect.partners and not any(takes_in(layout.role(n), fractions.get(n, 0.0)) for n in others):
            continue
        out.append(name)
    return out


def _suits(effect: Effect, entity_kind: str) -> bool:
    """Return whether an effect is about entities of a kind, whatever state they are in."""
    card = load_cards()[entity_kind]
    if card.body_type != effect.body_type or (effect.kinds is not None and role_of(entity_kind) not in effect.kinds):
        return False
    if effect.body_type == "rigid" and not card.graspable:
        return False
    return effect.name != "turned" or not symmetric(entity_kind)


def _latches(kind: str) -> bool:
    joint = load_cards()[kind].joint
    return joint is not None and joint.latch <= 1.0


def partners(effect: Effect, layout: Layout, entity: str) -> list[str]:
    """Return the other entities that a relation may be with, if they take things in.

    Args:
        effect: a relation.
        layout: names and kinds of the entities.
        entity: that the relation is of.
    """
    return [n for n, k in zip(layout.names, layout.roles, strict=True) if n != entity and k in effect.partners]


def takes_in(role: str, fraction: Array | float) -> npt.NDArray[np.bool_]:
    """Return whether a relation can be with an entity of a role at joint fractions (...,): not with a shut drawer."""
    return np.asarray((role != "drawer") | (np.asarray(fraction) > _OPEN))


_OPEN: Final = 0.6
"""Fraction from which a drawer takes something in."""


def get_effect(name: str) -> Effect:
    """Return the effect of that name.

    Raises:
        TabletopError: there is none.
    """
    if name not in EFFECTS:
        raise unknown("effect", name, EFFECTS)
    return EFFECTS[name]


@kept
def symmetric(kind: str) -> bool:
    """Return whether a kind looks the same from all sides, so that its yaw means nothing."""
    card = load_cards().get(kind)
    return card is not None and bool(card.parts) and all(p.shape in {"cylinder", "sphere"} for p in card.parts)
