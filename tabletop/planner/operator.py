"""What a skill does to a state, as the planner sees it: operators, and those made of measured outcomes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from tabletop.errors import TabletopError
from tabletop.logic.trace import touched
from tabletop.logic.transition import drop_off, follow_joint, hold, park, put, turn
from tabletop.rollout.policy import Policy
from tabletop.sim.state import State
from tabletop.skills.effects import latches, partner_of, related

__all__ = ["Family", "Operator", "Outcome", "SampledOperator", "families", "movable"]

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

_BELOW_TABLE: Final = 0.02
_OFF_TABLE: Final = -0.1
_DOWN: Final = 0.5
"""Fraction from which what latches is down."""


class Operator(Protocol):
    """A skill with a forecast. An immutable value that pickles."""

    @property
    def id(self) -> str:
        """Unique among the operators of a plan."""

    @property
    def begins(self) -> str:
        """What it begins with: of operators that begin alike none gets farther where one has moved nothing at all."""

    @property
    def horizon(self) -> int:
        """Control steps after which the skill is stopped."""

    @property
    def reliability(self) -> float:
        """Chance in (0, 1] that the skill does what is forecast; 1 where the outcomes include failures."""

    @property
    def last(self) -> bool:
        """Whether it ends holding something, so that nothing else may follow in a plan."""

    @property
    def exact(self) -> bool:
        """Whether the forecast does not depend on the draws."""

    @property
    def ends(self) -> bool:
        """Whether its policy ends by itself once all is done; another one acts until its horizon."""

    @property
    def raised(self) -> bool:
        """Whether the hand is to be raised first: its episodes began with the hand away from everything."""

    def applicable(self, state: State, entity: str) -> Mask:
        """Return whether the skill makes sense on an entity, of the state's batch shape."""

    def predict(self, state: State, entity: str, draws: Array) -> State:
        """Return the state afterwards.

        Args:
            state: before, batch shape (K,).
            entity: that the skill attends to.
            draws: (K,) in [0, 1): which outcome each of the K states gets.
        """

    def policy(self, entity: str) -> Policy:
        """Return the policy that runs the skill on an entity."""


@dataclass(frozen=True)
class Outcome:
    """What one episode of a skill did to the entity it attended to."""

    displacement: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """m, world axes."""
    yaw: float = 0.0
    """rad turned about +z."""
    place: tuple[float, float] | None = None
    """m, world: where it ended, if the skill brings things to a place and does not move them by a distance."""
    related: tuple[float, float, float] | None = None
    """m, world axes: how far from where a relation with another thing holds, if it was brought about."""
    fraction: float | None = None
    """Final joint fraction; None for what has no joint."""
    held: bool = False
    """Whether the gripper still held it at the end."""

    def __post_init__(self) -> None:
        """Raises TabletopError: a number is not finite."""
        numbers = [*self.displacement, *(self.place or ()), *(self.related or ()), self.yaw, self.fraction or 0.0]
        if not np.isfinite(numbers).all():
            raise TabletopError(f"an outcome takes finite numbers, got {self!r}")


@dataclass(frozen=True)
class SampledOperator:
    """A skill known by what came of it in some episodes, each as likely as the others.

    The outcome is taken to be independent of the state and to leave other entities alone: what stands on a
    moved entity does not follow it, and nothing is hit. Things in a drawer go with it.
    """

    id: str
    body_type: str
    """Body type of the entities it is about: "rigid" or "joint"."""
    kinds: tuple[str, ...] | None
    """Kinds of entity it is limited to; None for all of that body type."""
    outcomes: tuple[Outcome, ...]
    horizon: int
    make_policy: Callable[[str], Policy]
    """The policy for an entity; must pickle."""
    last: bool = False
    reliability: float = 1.0
    relative: bool = False
    """Whether it brings the entity into a relation with another one, which must then be there."""

    def __post_init__(self) -> None:
        """Raises TabletopError: no outcomes, or a reliability outside (0, 1]."""
        if not self.outcomes:
            raise TabletopError(f"operator {self.id!r} needs at least one outcome, got none")
        if not 0.0 < self.reliability <= 1.0:
            raise TabletopError(f"reliability must be in (0, 1], got {self.reliability!r}")

    @property
    def begins(self) -> str:
        """Each is a case of its own."""
        return self.id

    @property
    def ends(self) -> bool:
        """A learned policy does not know that it is done."""
        return False

    @property
    def raised(self) -> bool:
        """As its outcomes were measured."""
        return True

    @property
    def family(self) -> tuple[str, tuple[str, ...] | None, bool]:
        """What decides where it makes sense: the body type, the kinds, and whether another thing is needed."""
        return self.body_type, self.kinds, self.relative

    @cached_property
    def exact(self) -> bool:
        """Whether all outcomes are the same."""
        return len(set(self.outcomes)) == 1

    def applicable(self, state: State, entity: str) -> Mask:
        """Return where the entity is of a fitting kind, on the table and, if it latches, not down already."""
        layout, shape = state.layout, state.values.shape[:-1]
        role, kind = layout.role(entity), layout.kind(entity)
        known = self.kinds is None or role in self.kinds or kind in self.kinds
        if layout.body_type(entity) != self.body_type or not known:
            return np.zeros(shape, dtype=bool)
        if self.body_type == "joint":
            return movable(state, entity)
        height = state.entity(entity, "position")[..., 2] - state.robot("table_height")
        with_another = partner_of(state, entity) >= 0 if self.relative else True
        return np.asarray((height > -_BELOW_TABLE) & with_another)

    def predict(self, state: State, entity: str, draws: Array) -> State:
        """Return the state after the outcomes that the draws choose."""
        return Family((self,)).predict(state, entity, draws)[0]

    def policy(self, entity: str) -> Policy:
        """Return the policy that runs the skill on an entity."""
        return self.make_policy(entity)


def movable(state: State, entity: str) -> Mask:
    """Return where a joint can still be moved, of the state's batch shape: what latches stays down."""
    down = state.entity(entity, "fraction") >= _DOWN
    return ~down if latches(state.layout.kind(entity)) else np.ones(down.shape, dtype=bool)


class Family:
    """Sampled operators for the same entities, forecast all at once: as many at a time take hardly longer than one."""

    def __init__(self, operators: Sequence[SampledOperator]) -> None:
        """Keep operators whose `family` is the same."""
        self.operators = tuple(operators)
        self._first = self.operators[0]
        outcomes = [o for operator in operators for o in operator.outcomes]
        self._count = np.array([len(o.outcomes) for o in operators])
        self._begin = np.cumsum(self._count) - self._count
        self._moved = np.array([o.displacement for o in outcomes])
        self._place = np.array([o.place or (np.nan, np.nan) for o in outcomes])
        self._offset = np.array([o.related or (np.nan,) * 3 for o in outcomes])
        self._yaw = np.array([o.yaw for o in outcomes])
        self._fraction = np.array([np.nan if o.fraction is None else o.fraction for o in outcomes])
        self._held = np.array([o.held for o in outcomes])

    def applicable(self, state: State, entity: str) -> Mask:
        """Return where each of them makes sense on an entity, of the state's batch shape."""
        return self._first.applicable(state, entity)

    def predict(self, state: State, entity: str, draws: Array) -> State:
        """Return the states (operators, K) after the outcomes that draws (K,) choose of each.

        Args:
            state: before, batch shape (K,).
            entity: that the skills attend to.
            draws: (K,) in [0, 1): which outcome each of the K states gets.
        """
        count = self._count[:, None]
        chosen = self._begin[:, None] + np.minimum((draws * count).astype(int), count - 1)
        state = State(state.layout, np.broadcast_to(state.values, (*chosen.shape, state.values.shape[-1])))
        if self._first.body_type == "joint":
            kept = np.isnan(self._fraction[chosen])
            fraction = np.where(kept, state.entity(entity, "fraction"), self._fraction[chosen])
            return touched(follow_joint(park(state, entity), entity, fraction), entity)
        moved = self._moved[chosen]
        there = state.entity(entity, "position") + moved
        # What fell off the table did not get to the place it was brought to.
        placed = ~np.isnan(self._place[chosen]) & (moved[..., 2:] > _OFF_TABLE)
        there[..., :2] = np.where(placed, self._place[chosen], there[..., :2])
        if self._first.relative:
            offset = self._offset[chosen]
            there = np.where(np.isnan(offset), there, related(state, entity, offset))
        out = put(state, entity, there)
        if self._yaw.any():
            out = turn(out, entity, self._yaw[chosen])
        out = park(drop_off(out, entity), entity)
        held = self._held[chosen]
        return hold(out, entity, held) if held.any() else out


def families(operators: Sequence[Operator]) -> list[Family | Operator]:
    """Return sampled operators by family, then all others as they are."""
    out: list[Family | Operator] = []
    found: dict[object, list[SampledOperator]] = {}
    for operator in operators:
        if isinstance(operator, SampledOperator):
            found.setdefault(operator.family, []).append(operator)
        else:
            out.append(operator)
    return [*map(Family, found.values()), *out]
