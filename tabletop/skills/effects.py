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

__all__ = [
    "EFFECTS",
    "EFFECT_WIDTH",
    "MIDDLE",
    "REACH",
    "TURN",
    "EffectKind",
    "effect",
    "entities_for",
    "get_effect",
    "outcome",
]

Array = npt.NDArray[np.float64]

REACH: Final = 0.6
"""m: the reach, which the whole range of a joint counts as."""
EFFECT_WIDTH: Final = 4
"""Numbers any effect is padded to."""
TURN: Final = 0.05
"""m a radian of yaw counts as."""
_FALLEN: Final = -0.1
"""m of displacement down from which a thing counts as off the table."""
_OFF: Final = np.array([0.0, 0.0, -0.2])
"""m of displacement that all that fell off the table counts as: where it rolled to on the floor is no skill."""
MIDDLE: Final = np.array([0.5, 0.0])
"""m, world: the middle of the reach."""
_LOW: Final = np.array([-0.4, -0.4, -0.1])
_HIGH: Final = np.array([0.4, 0.4, 0.3])
"""m beyond which a displacement is not told apart."""


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
    places: bool
    """Whether an effect says where the entity is, and not how it changed."""
    mirror: tuple[float, ...]
    """(size,) factors that an effect takes if the world is mirrored left to right (y becomes -y)."""
    function: Callable[[State, State, str], Array]
    """(initial, state, entity) -> (..., size), in metres of the reach."""


EFFECTS: Final[dict[str, EffectKind]] = {}
"""All kinds of effect, by name."""


def effect(
    name: str,
    *,
    moves: str,
    mirror: tuple[float, ...],
    settles: bool,
    places: bool = False,
    kinds: tuple[str, ...] | None = None,
) -> Callable[[Callable[[State, State, str], Array]], Callable[[State, State, str], Array]]:
    """Register a kind of effect.

    Raises:
        TabletopError: the name is taken.
    """

    def add(function: Callable[[State, State, str], Array]) -> Callable[[State, State, str], Array]:
        if name in EFFECTS:
            raise TabletopError(f"effect {name!r} is registered twice")
        EFFECTS[name] = EffectKind(name, moves, kinds, len(mirror), settles, places, mirror, function)
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
        if kind.name == "turned" and symmetric(entity_kind):
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
    return np.where(moved[..., 2:] < _FALLEN, _OFF, out)


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


def _upright(state: State, entity: str) -> npt.NDArray[np.bool_]:
    x, y, _, _ = np.moveaxis(state.entity(entity, "quaternion"), -1, 0)
    out: npt.NDArray[np.bool_] = 1 - 2 * (x * x + y * y) > 0.7
    return out


def outcome(initial: State, state: State, entity: str) -> Array:
    """Return what became of an entity, in plain units, whatever kind of effect a skill was after.

    Returns:
        (..., 6) of a rigid thing: displacement dx, dy, dz (m; what fell off the table is (0, 0, -0.2)), turn dyaw
        (rad, within a quarter each way, 0 for what lies on its side), and where it is, x and y (m from the middle of
        the reach, MIDDLE). (..., 1) of a joint: its fraction.
    """
    if state.layout.move(entity) == "joint":
        return state.entity(entity, "fraction")[..., None]
    turn = np.where(_upright(state, entity), np.clip(turned(initial, state, entity), -np.pi / 2, np.pi / 2), 0.0)
    there = state.entity(entity, "position")[..., :2] - MIDDLE
    return np.concatenate([displacement(initial, state, entity), turn[..., None], there], axis=-1)


def place(initial: State, state: State, entity: str) -> Array:
    """Return where an entity is: (..., 3) m, x and y from the middle of the reach, z from where it began.

    Places can be had from anywhere, whereas how far a thing can be moved to one side depends on where it stands.
    """
    out = displacement(initial, state, entity)
    there = np.clip(state.entity(entity, "position")[..., :2] - MIDDLE, _LOW[:2], _HIGH[:2])
    out[..., :2] = np.where(out[..., 2:] < _FALLEN, out[..., :2], there)
    return out


@effect("held", moves="rigid", mirror=(1.0, -1.0, 1.0), settles=False, places=True)
def _held(initial: State, state: State, entity: str) -> Array:
    """Place at the last step, with no settling: where the object is taken."""
    return place(initial, state, entity)


@effect("placed", moves="rigid", mirror=(1.0, -1.0, 1.0), settles=True, places=True)
def _placed(initial: State, state: State, entity: str) -> Array:
    """Place after the gripper let go and left: where the object stays."""
    return place(initial, state, entity)


@effect("settled", moves="rigid", mirror=(1.0, -1.0, 1.0, -1.0), settles=True)
def _settled(initial: State, state: State, entity: str) -> Array:
    """Displacement and turn after the gripper let go and left: what stays done."""
    return outcome(initial, state, entity)[..., :4] * [1.0, 1.0, 1.0, TURN]


@effect("turned", moves="rigid", mirror=(-1.0,), settles=True)
def _turned(initial: State, state: State, entity: str) -> Array:
    """Turn after the gripper let go and left, half a turn counting as the reach; none if it fell off the table."""
    found = outcome(initial, state, entity)
    return np.where(found[..., 2:3] > _FALLEN, found[..., 3:4] * (REACH / np.pi), 0.0)


@effect("drawer", moves="joint", mirror=(1.0,), settles=True, places=True, kinds=("drawer",))
def _drawer(initial: State, state: State, entity: str) -> Array:
    """Final fraction: an open drawer cannot be opened, so the place counts, not the change."""
    del initial
    return state.entity(entity, "fraction")[..., None] * REACH


@effect("button", moves="joint", mirror=(1.0,), settles=True, places=True, kinds=("button",))
def _button(initial: State, state: State, entity: str) -> Array:
    """Final fraction: down or up."""
    del initial
    return np.clip(state.entity(entity, "fraction"), 0.0, 1.0)[..., None] * REACH
