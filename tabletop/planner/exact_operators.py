"""Operators over exact skills: where a thing can be put, turned or opened to is forecast, and the skill asked for that.

What is to become of the entity is what an operator over scripted policies forecasts: on another thing, into a
container, to a side, on a mark, open. How it comes about is the discovered policy's own affair.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from tabletop.errors import TabletopError
from tabletop.logic.geometry import relative, twist
from tabletop.logic.trace import touched
from tabletop.logic.transition import follow_joint, park
from tabletop.planner.acting import ScriptedOperator, nowhere
from tabletop.planner.laying import PutAt, PutBefore, PutBeside, PutDown
from tabletop.planner.operator import Operator, movable
from tabletop.planner.placing import PlaceOn, PutInto
from tabletop.planner.pushing import Push, PushTo
from tabletop.planner.scripted_operators import Lift, Turn, outlined_operators
from tabletop.rollout.policy import Action, Policy
from tabletop.sim.cards import load_cards
from tabletop.sim.scene import Scene
from tabletop.sim.state import State
from tabletop.skills.library import Library
from tabletop.skills.skill_policy import SkillPolicy

__all__ = ["ExactOperator", "ExactOperators"]

Mask = npt.NDArray[np.bool_]
Array = npt.NDArray[np.float64]

_PUTTING: Final = (PlaceOn, PutInto, PutDown, PutAt, PutBeside, PutBefore, Push, PushTo)
"""What only says where a thing ends."""
_AT: Final = 0.1
"""Fraction within which a joint is where it is to be brought."""


@dataclass(frozen=True)
class ExactOperator:
    """An exact skill, asked for what another operator forecasts."""

    inner: ScriptedOperator
    """Whose forecast it is."""
    library: Library
    effect: str
    """Of the skill."""
    reliability: float

    @property
    def id(self) -> str:
        """What it is asked for, and by which effect."""
        return f"{self.inner.id} ({self.effect})"

    @property
    def begins(self) -> str:
        """Each is a case of its own."""
        return self.id

    @property
    def horizon(self) -> int:
        """Control steps of the skill."""
        return self.library.length(self.library.any_of(self.effect))

    @property
    def last(self) -> bool:
        """As the other one."""
        return self.inner.last

    @property
    def exact(self) -> bool:
        """The forecast is computed."""
        return True

    @property
    def ends(self) -> bool:
        """A learned policy does not know that it is done."""
        return False

    def applicable(self, state: State, entity: str) -> Mask:
        """Return where the other one makes sense."""
        return self.inner.applicable(state, entity)

    def predict(self, state: State, entity: str, draws: Array) -> State:
        """Return the state that is asked for."""
        return self.inner.predict(state, entity, draws)

    def policy(self, entity: str) -> Policy:
        """Return the policy that looks what is to come of it, and asks the skill for that."""
        return _Asking(self, entity)


class _Asking:
    """An exact skill whose target is read off the forecast when it begins."""

    def __init__(self, operator: ExactOperator, entity: str) -> None:
        self._operator, self._entity = operator, entity

    def reset(self, state: State, scene: Scene, rng: np.random.Generator) -> None:
        library, effect = self._operator.library, self._operator.effect
        after = self._operator.predict(state[None], self._entity, np.zeros(1))[0]
        target = _TARGETS[effect](state, after, self._entity)
        policy = library.policy(library.any_of(effect), self._entity, target=target)
        if not isinstance(policy, SkillPolicy):
            raise TabletopError(f"{effect} takes no target")
        self._policy = policy
        self._policy.reset(state, scene, rng)

    def act(self, state: State) -> Action | None:
        return self._policy.act(state)


def _place(state: State, after: State, entity: str) -> Sequence[float]:
    there, here = after.entity(entity, "position"), state.entity(entity, "position")
    return float(there[0]), float(there[1]), float(there[2] - here[2])


def _way(state: State, after: State, entity: str) -> Sequence[float]:
    there, here = after.entity(entity, "position"), state.entity(entity, "position")
    return float(there[0] - here[0]), float(there[1] - here[1])


def _turn(state: State, after: State, entity: str) -> Sequence[float]:
    return (float(twist(relative(after.entity(entity, "quaternion"), state.entity(entity, "quaternion")))),)


def _fraction(state: State, after: State, entity: str) -> Sequence[float]:
    return (float(np.clip(after.entity(entity, "fraction"), 0.0, 1.0)),)


_TARGETS: Final = {"placed": _place, "held_at": _place, "slid": _way, "turned": _turn, "joint": _fraction}
"""What an effect is asked for, in plain units, so that a state becomes another one."""


@dataclass(frozen=True)
class _Bring(ScriptedOperator):
    """A joint of some kind brought to one of its limits."""

    kind: str = ""
    fraction: float = 1.0

    def applicable(self, state: State, entity: str) -> Mask:
        layout = state.layout
        if layout.kind(entity) != self.kind or layout.body_type(entity) != "joint":
            return nowhere(state)
        apart = np.abs(state.entity(entity, "fraction") - self.fraction) > _AT
        return np.asarray(apart & movable(state, entity))

    def predict(self, state: State, entity: str, draws: Array) -> State:
        after = follow_joint(state, entity, np.full(state.values.shape[:-1], self.fraction))
        return touched(park(after, entity), entity)


@dataclass(frozen=True)
class ExactOperators:
    """Makes the operators for a scene: sampled ones as they are, and exact ones for what its things offer."""

    library: Library
    sampled: tuple[Operator, ...]
    reliability: Mapping[str, float]
    """Of each effect that may be asked for anything, and of joints by their kind."""

    def __call__(self, scene: Scene) -> tuple[Operator, ...]:
        """Return them."""
        out: list[Operator] = list(self.sampled)
        cards = load_cards()
        joints = sorted({e.kind for e in scene.entities if cards[e.kind].body_type == "joint"})
        wanted = [(effect, o) for o in outlined_operators(scene) for effect in _effects_of(o)]
        for kind in joints:
            for word, fraction in (("bring to the end", 1.0), ("bring back", 0.0)):
                wanted.append(("joint", _Bring(f"{word}: {kind}", kind=kind, fraction=fraction)))
        for effect, inner in wanted:
            if effect in self.reliability:
                kind = inner.kind if isinstance(inner, _Bring) else effect
                sure = self.reliability.get(kind, self.reliability[effect])
                out.append(ExactOperator(inner, self.library, effect, sure))
        return tuple(out)


def _effects_of(inner: ScriptedOperator) -> tuple[str, ...]:
    """Return the effects that can bring about what an operator forecasts."""
    if isinstance(inner, (Push, PushTo)):
        return "slid", "placed"
    if isinstance(inner, _PUTTING):
        return ("placed",)
    return ("held_at",) if isinstance(inner, Lift) else ("turned",) if isinstance(inner, Turn) else ()
