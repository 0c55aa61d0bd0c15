"""What a skill did: one function per kind of effect, from first and later states to a few numbers.

Effects are compared in metres of the reach: a difference of `resolution` counts as much as the same
distance of the object's displacement. Joints are scaled so that their whole range equals the reach.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from tabletop.errors import TabletopError, unknown
from tabletop.sim.cards import load_cards
from tabletop.sim.state import Layout, State

__all__ = ["EFFECTS", "EFFECT_WIDTH", "REACH", "TURN", "EffectKind", "effect", "entities_for", "get_effect"]

Array = npt.NDArray[np.float64]

REACH: Final = 0.6
"""m: the reach, which the whole range of a joint counts as."""
EFFECT_WIDTH: Final = 4
"""Numbers any effect is padded to."""
TURN: Final = 0.05
"""m a radian of yaw counts as."""
_FALLEN: Final = -0.1
"""m of displacement down from which a thing counts as off the table."""
_LOW: Final = np.array([-0.4, -0.4, -0.12])
_HIGH: Final = np.array([0.4, 0.4, 0.3])
"""m beyond which a displacement is not told apart: what fell off the table is down, not half a metre down."""


@dataclass(frozen=True)
class EffectKind:
    """One kind of effect."""

    name: str
    moves: str
    """Entities it is about: "rigid" or "joint"."""
    kinds: tuple[str, ...] | None
    """Kinds of entity it is limited to; None for all that move so."""
    size: int
    """Numbers an effect has."""
    settles: bool
    """Whether the skill ends with opening, retreating and waiting, and is judged after it."""
    function: Callable[[State, State, str], Array]
    """(initial, state, entity) -> (..., size), in metres of the reach."""


EFFECTS: Final[dict[str, EffectKind]] = {}
"""All kinds of effect, by name."""


def effect(
    name: str, *, moves: str, size: int, settles: bool, kinds: tuple[str, ...] | None = None
) -> Callable[[Callable[[State, State, str], Array]], Callable[[State, State, str], Array]]:
    """Register a kind of effect.

    Raises:
        TabletopError: the name is taken.
    """

    def add(function: Callable[[State, State, str], Array]) -> Callable[[State, State, str], Array]:
        if name in EFFECTS:
            raise TabletopError(f"effect {name!r} is registered twice")
        EFFECTS[name] = EffectKind(name, moves, kinds, size, settles, function)
        return function

    return add


def entities_for(kind: EffectKind, layout: Layout, fractions: Mapping[str, float]) -> list[str]:
    """Return the entities of a layout that a kind of effect can be had on.

    Args:
        kind: the kind of effect.
        layout: names and kinds of the entities.
        fractions: initial joint fraction of each fixture; a button that is down cannot be pressed.

    Rigid things that the gripper does not fit around (a bowl, a plate) are left out.
    """
    out = []
    for name, entity_kind, moves in zip(layout.names, layout.kinds, layout.moves, strict=True):
        if moves != kind.moves or (kind.kinds is not None and entity_kind not in kind.kinds):
            continue
        if moves == "rigid" and not load_cards()[entity_kind].graspable:
            continue
        if entity_kind == "button" and fractions.get(name, 0.0) > 0.5:
            continue
        out.append(name)
    return out


def get_effect(name: str) -> EffectKind:
    """Return the kind of effect of that name.

    Raises:
        TabletopError: there is none.
    """
    if name not in EFFECTS:
        raise unknown("effect", name, EFFECTS)
    return EFFECTS[name]


def displacement(initial: State, state: State, entity: str) -> Array:
    """Return how far an entity is from where it began: (..., 3) m, clipped."""
    moved = state.entity(entity, "position") - initial.entity(entity, "position")
    out: Array = np.clip(moved, _LOW, _HIGH)
    # Where a fallen thing rolls to on the floor is no skill: only the side it fell to counts.
    fallen = moved[..., 2:] < _FALLEN
    side = moved[..., :2] / (np.linalg.norm(moved[..., :2], axis=-1, keepdims=True) + 1e-9)
    out[..., :2] = np.where(fallen, 0.15 * side, out[..., :2])
    return out


def yaw(quaternion: Array) -> Array:
    """Return the yaw (rad) of quaternions xyzw, (..., 4) -> (...,)."""
    x, y, z, w = np.moveaxis(quaternion, -1, 0)
    out: Array = np.arctan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z))
    return out


@lru_cache
def symmetric(kind: str) -> bool:
    """Return whether a kind looks the same from all sides, so that its yaw means nothing."""
    card = load_cards().get(kind)
    return card is not None and bool(card.parts) and all(p.shape in {"cylinder", "sphere"} for p in card.parts)


def turned(initial: State, state: State, entity: str) -> Array:
    """Return the change of an entity's yaw: (...,) rad in [-pi, pi)."""
    if symmetric(state.layout.kind(entity)):
        return np.zeros(state.values.shape[:-1])
    change = yaw(state.entity(entity, "quaternion")) - yaw(initial.entity(entity, "quaternion"))
    out: Array = (change + np.pi) % (2 * np.pi) - np.pi
    return out


@effect("held", moves="rigid", size=3, settles=False)
def _held(initial: State, state: State, entity: str) -> Array:
    """Displacement at the last step, with no settling: where the object is taken."""
    return displacement(initial, state, entity)


@effect("settled", moves="rigid", size=4, settles=True)
def _settled(initial: State, state: State, entity: str) -> Array:
    """Displacement and turn after the gripper let go and left: what stays done."""
    x, y, _, _ = np.moveaxis(state.entity(entity, "quaternion"), -1, 0)
    upright = 1 - 2 * (x * x + y * y) > 0.7
    turn = np.where(upright, np.clip(turned(initial, state, entity), -np.pi / 2, np.pi / 2), 0.0) * TURN
    return np.concatenate([displacement(initial, state, entity), turn[..., None]], axis=-1)


@effect("drawer", moves="joint", size=1, settles=True, kinds=("drawer",))
def _drawer(initial: State, state: State, entity: str) -> Array:
    """Final fraction: an open drawer cannot be opened, so the place counts, not the change."""
    del initial
    return state.entity(entity, "fraction")[..., None] * REACH


@effect("button", moves="joint", size=1, settles=True, kinds=("button",))
def _button(initial: State, state: State, entity: str) -> Array:
    """Final fraction: down or up."""
    del initial
    return np.clip(state.entity(entity, "fraction"), 0.0, 1.0)[..., None] * REACH
