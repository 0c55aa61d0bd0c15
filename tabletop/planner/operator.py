"""What a skill does to a state, as the planner sees it: operators, and those made of measured outcomes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from tabletop.errors import TabletopError
from tabletop.planner.change import drop_off, follow_joint, hold, park, put, turn
from tabletop.rollout.policy import Policy
from tabletop.sim.state import State
from tabletop.skills.effects import partner_of, related

__all__ = ["Operator", "Outcome", "SampledOperator"]

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

_BELOW_TABLE: Final = 0.02
_OFF_TABLE: Final = -0.1


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
    moves: str
    """Entities it is about: "rigid" or "joint"."""
    kinds: tuple[str, ...] | None
    """Kinds of entity it is limited to; None for all that move so."""
    outcomes: tuple[Outcome, ...]
    horizon: int
    make_policy: Callable[[str], Policy]
    """The policy for an entity; must pickle."""
    last: bool = False
    reliability: float = 1.0
    relation: str | None = None
    """Kind of effect that relates the entity to another one, which must then be there."""

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

    @cached_property
    def exact(self) -> bool:
        """Whether all outcomes are the same."""
        return len(set(self.outcomes)) == 1

    @cached_property
    def _columns(self) -> tuple[Array, Array, Array, Array, Mask]:
        """Displacements (n, 3), places (n, 2), yaws (n,), fractions (n,) with nan for none, whether held (n,)."""
        return (
            np.array([o.displacement for o in self.outcomes]),
            np.array([o.place or (np.nan, np.nan) for o in self.outcomes]),
            np.array([o.yaw for o in self.outcomes]),
            np.array([np.nan if o.fraction is None else o.fraction for o in self.outcomes]),
            np.array([o.held for o in self.outcomes]),
        )

    @cached_property
    def _offsets(self) -> Array:
        """Offsets from where the relation holds, (n, 3), nan where it was not brought about."""
        return np.array([o.related or (np.nan,) * 3 for o in self.outcomes])

    def applicable(self, state: State, entity: str) -> Mask:
        """Return where the entity is of a fitting kind, on the table and, if a button, not down already."""
        layout, shape = state.layout, state.values.shape[:-1]
        kind = layout.kind(entity)
        if layout.move(entity) != self.moves or (self.kinds is not None and kind not in self.kinds):
            return np.zeros(shape, dtype=bool)
        if kind == "button":
            return np.asarray(state.entity(entity, "fraction") < 0.5)
        if self.moves == "joint":
            return np.ones(shape, dtype=bool)
        height = state.entity(entity, "position")[..., 2] - state.robot("table_height")
        with_another = True if self.relation is None else partner_of(self.relation, state, entity) >= 0
        return np.asarray((height > -_BELOW_TABLE) & with_another)

    def predict(self, state: State, entity: str, draws: Array) -> State:
        """Return the state after the outcomes that the draws choose."""
        moved, place, yaw, fraction, held = self._columns
        chosen = np.minimum((draws * len(yaw)).astype(int), len(yaw) - 1)
        if self.moves == "joint":
            kept = np.isnan(fraction[chosen])
            return follow_joint(
                park(state, entity),
                entity,
                np.where(kept, state.entity(entity, "fraction"), fraction[chosen]),
            )
        there = state.entity(entity, "position") + moved[chosen]
        # What fell off the table did not get to the place it was brought to.
        placed = ~np.isnan(place[chosen]) & (moved[chosen][:, 2:] > _OFF_TABLE)
        there[..., :2] = np.where(placed, place[chosen], there[..., :2])
        if self.relation is not None:
            offset = self._offsets[chosen]
            there = np.where(np.isnan(offset), there, related(self.relation, state, entity, offset))
        out = put(state, entity, there)
        if yaw.any():
            out = turn(out, entity, yaw[chosen])
        out = park(drop_off(out, entity), entity)
        return hold(out, entity, held[chosen]) if held.any() else out

    def policy(self, entity: str) -> Policy:
        """Return the policy that runs the skill on an entity."""
        return self.make_policy(entity)
