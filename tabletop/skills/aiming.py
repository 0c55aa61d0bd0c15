"""What to ask an exact skill for, so that a formula comes to hold.

Targets are laid out over what an effect can be, each is forecast (logic/transition.py), and the formula says whether it
holds there. The best target is the one that does even where it is missed by as much as skills usually miss. Nothing is
known of predicates or tasks: a formula over a new predicate is aimed at in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from tabletop.errors import TabletopError, unknown
from tabletop.logic.formula import Formula
from tabletop.logic.geometry import Solid
from tabletop.logic.trace import touched
from tabletop.logic.transition import carry, hold, park, put, swung, turn
from tabletop.rollout.policy import Action
from tabletop.sim.scene import Scene
from tabletop.sim.state import State
from tabletop.skills.effects import get_effect
from tabletop.skills.effects.relative import standing_height
from tabletop.skills.skill_policy import SkillPolicy

__all__ = ["AIMED", "Aim", "AimedPolicy", "aim"]

Array = npt.NDArray[np.float64]

_COST: Final = 0.1
"""Chance that a metre of way, or a radian, is worth: of targets that do as well the nearest is taken."""
_CLEAR: Final = 0.05
"""Chance that the whole margin of a formula is worth."""
_MISS: Final = 0.02
"""m: standard deviation by which a place may be missed."""
_MISS_TURN: Final = np.radians(8.0)
_MISS_FRACTION: Final = 0.05
"""The same of a turn (rad) and of a joint's fraction."""
_X: Final = (0.34, 0.68)
_Y: Final = (-0.33, 0.33)
"""m, world: where things are put."""
_STEP: Final = 0.01
"""m between two places."""
_HEIGHTS: Final = (0.06, 0.10, 0.14, 0.18, 0.24)
"""m above where it began that a thing is held at."""
_WAY_STEP: Final = 0.02
_WAYS: Final = np.arange(-8, 9) * _WAY_STEP
"""m that a thing is moved by."""
_TURN_STEP: Final = np.radians(5.0)
_TURNS: Final = np.arange(-18, 19) * _TURN_STEP
"""rad that a thing is turned by."""
_FRACTIONS: Final = np.linspace(0.0, 1.0, 21)


@dataclass(frozen=True)
class Aim:
    """A target, and how well it would do."""

    target: tuple[float, ...]
    """In plain units, as `Effect.aim` takes it."""
    chance: float
    """Share of what is hit around the target, as it is usually missed, where the formula holds."""


@dataclass(frozen=True)
class _Laid:
    """Targets laid out on a grid, and what comes of each."""

    shape: tuple[int, ...]
    """Of the grid, the axes along which targets are missed last."""
    miss: tuple[float, ...]
    """Standard deviation of a miss along the last axes, in steps of the grid."""
    targets: Array
    """(n, numbers) in plain units, n the size of the grid."""
    after: tuple[State, ...]
    """(n,) states after them, one for each manner that it may come about in."""
    way: Array
    """(n,) m or rad from where it is."""


def _grid(*axes: npt.ArrayLike) -> Array:
    """Return all combinations, (n, len(axes))."""
    return np.stack([a.ravel() for a in np.meshgrid(*axes, indexing="ij")], axis=-1)


def _many(state: State, count: int) -> State:
    return State(state.layout, np.broadcast_to(state.values, (count, state.layout.width)).copy())


def _resting(state: State, entity: str, place: Array) -> Array:
    """Return places (n, 3), m, world, where an entity rests with its centre over places (n, 2)."""
    one = Solid.of(state, entity)
    base = np.broadcast_to(state.robot("table_height"), len(place)).copy()
    points = np.concatenate([place, np.zeros((len(place), 1))], axis=-1)
    for name, kind, body in zip(state.layout.names, state.layout.kinds, state.layout.body_types, strict=True):
        if name == entity or body == "deformable" or kind == "target":
            continue
        two = Solid.of(state, name)
        higher = np.maximum(base, standing_height(two, kind))
        base = np.where(two.footprint_margin(points) > 0.0, higher, base)
    return np.concatenate([place, (base + one.position[..., 2] - one.bottom)[:, None]], axis=-1)


def _moved(state: State, entity: str, there: Array, held: bool = False) -> tuple[State, ...]:
    """Return states (n,) with an entity at places (n, 3), pushed there and carried there."""
    before = _many(state, len(there))
    both = put(before, entity, there), carry(before, entity, there)
    if held:
        return tuple(hold(after, entity, np.ones(len(there), dtype=bool)) for after in both)
    return tuple(park(after, entity) for after in both)


def _placed(state: State, entity: str) -> _Laid:
    x, y = (np.arange(low, high + _STEP / 2, _STEP) for low, high in (_X, _Y))
    there = _resting(state, entity, _grid(x, y))
    way = there - state.entity(entity, "position")
    targets = np.concatenate([there[:, :2], way[:, 2:]], axis=-1)
    miss = (_MISS / _STEP, _MISS / _STEP)
    return _Laid((len(x), len(y)), miss, targets, _moved(state, entity, there), np.linalg.norm(way, axis=-1))


def _held(state: State, entity: str) -> _Laid:
    here = state.entity(entity, "position")
    step = 3 * _STEP
    # The grid is laid so that the thing's own place is on it.
    x, y = (
        here[i] + step * np.arange(np.ceil((low - here[i]) / step), (high - here[i]) / step)
        for i, (low, high) in enumerate((_X, _Y))
    )
    targets = _grid(_HEIGHTS, x, y)[:, [1, 2, 0]]
    there = targets + np.array([0.0, 0.0, here[2]])
    way = np.linalg.norm(there - here, axis=-1)
    miss = (_MISS / step, _MISS / step)
    return _Laid((len(_HEIGHTS), len(x), len(y)), miss, targets, _moved(state, entity, there, held=True), way)


def _displaced(state: State, entity: str) -> _Laid:
    ways = _grid(_WAYS, _WAYS)
    there = _resting(state, entity, ways + state.entity(entity, "position")[:2])
    way = there - state.entity(entity, "position")
    targets = np.concatenate([ways, way[:, 2:], np.zeros((len(ways), 1))], axis=-1)
    miss = (_MISS / _WAY_STEP, _MISS / _WAY_STEP)
    shape = (len(_WAYS), len(_WAYS))
    return _Laid(shape, miss, targets, _moved(state, entity, there), np.linalg.norm(way, axis=-1))


def _slid(state: State, entity: str) -> _Laid:
    ways = _grid(_WAYS, _WAYS)
    here = state.entity(entity, "position")
    there = here + np.concatenate([ways, np.zeros((len(ways), 1))], axis=-1)
    miss = (_MISS / _WAY_STEP, _MISS / _WAY_STEP)
    after = (park(put(_many(state, len(there)), entity, there), entity),)
    return _Laid((len(_WAYS), len(_WAYS)), miss, ways, after, np.linalg.norm(ways, axis=-1))


def _turned(state: State, entity: str) -> _Laid:
    after = park(turn(_many(state, len(_TURNS)), entity, _TURNS), entity)
    miss = (_MISS_TURN / _TURN_STEP,)
    return _Laid((len(_TURNS),), miss, _TURNS[:, None], (touched(after, entity),), np.abs(_TURNS))


def _joint(state: State, entity: str) -> _Laid:
    after = park(swung(_many(state, len(_FRACTIONS)), entity, _FRACTIONS), entity)
    way = np.abs(_FRACTIONS - state.entity(entity, "fraction"))
    miss = (_MISS_FRACTION / (_FRACTIONS[1] - _FRACTIONS[0]),)
    return _Laid((len(_FRACTIONS),), miss, _FRACTIONS[:, None], (touched(after, entity),), way)


def _blurred(values: Array, miss: Sequence[float], beyond: Literal["constant", "edge"]) -> Array:
    """Return values on a grid, averaged with a normal along the last axes.

    Args:
        values: (..., n) or (..., n, m).
        miss: standard deviation along each of the last axes, in steps.
        beyond: what lies beyond the grid: 0 ("constant") or what is at its edge.
    """
    out = values
    for axis, sigma in zip(range(-len(miss), 0), miss, strict=True):
        reach = max(1, int(np.ceil(2.5 * sigma)))
        weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
        padding = [(0, 0)] * out.ndim
        padding[axis] = (reach, reach)
        windows = np.lib.stride_tricks.sliding_window_view(np.pad(out, padding, mode=beyond), len(weights), axis=axis)
        out = windows @ (weights / weights.sum())
    return out


AIMED: Final[Mapping[str, Callable[[State, str], _Laid]]] = {
    "placed": _placed,
    "held_at": _held,
    "displaced": _displaced,
    "slid": _slid,
    "turned": _turned,
    "joint": _joint,
}
"""Effects that have a forecast: (state, entity) -> targets and what comes of them."""


def aim(effect: str, state: State, entity: str, formula: Formula, initial: State | None = None) -> Aim:
    """Return the target of an effect on an entity by which a formula most likely comes to hold.

    Args:
        effect: one of AIMED.
        state: now; one row.
        entity: that is acted on.
        formula: over the state's entities.
        initial: the state at reset; None: now.

    Raises:
        TabletopError: an effect that has no forecast, or an entity without its columns.
    """
    if effect not in AIMED:
        raise unknown("effect with a forecast", effect, AIMED)
    wanted = get_effect(effect).body_type
    if state.layout.body_type(entity) != wanted:
        raise TabletopError(f"{effect} is of what is {wanted}; {entity!r} is {state.layout.body_type(entity)}")
    laid = AIMED[effect](state, entity)
    margins = np.max([formula.margin(after, initial or state) for after in laid.after], axis=0)
    # A joint cannot be taken past its limits.
    beyond: Literal["constant", "edge"] = "edge" if effect == "joint" else "constant"
    chance = _blurred((margins >= 0.0).astype(float).reshape(laid.shape), laid.miss, beyond).ravel()
    best = int(np.argmax(chance + _CLEAR * margins - _COST * laid.way))
    return Aim(tuple(float(v) for v in laid.targets[best]), float(chance[best]))


@dataclass
class AimedPolicy:
    """An exact skill that is asked for what makes a formula hold, found in the first state of an episode."""

    skill: SkillPolicy
    """Its target is put in place of the code's."""
    formula: Formula

    @property
    def length(self) -> int:
        """Control steps an episode takes."""
        return self.skill.length

    @property
    def entity(self) -> str:
        """The one that it acts on."""
        return self.skill.entity

    def reset(self, state: State, scene: Scene, rng: np.random.Generator) -> None:
        """Find the target and begin."""
        found = aim(self.skill.effect, state, self.skill.entity, self.formula)
        self.skill = self.skill.aimed_at(found.target)
        self.skill.reset(state, scene, rng)

    def act(self, state: State) -> Action | None:
        """Return the skill's action."""
        return self.skill.act(state)
