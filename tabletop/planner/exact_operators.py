"""Operators over exact skills: where a thing can be put, turned or opened to is forecast, and the skill asked for that.

What is to become of the entity is what an operator over scripted policies forecasts: on another thing, into a
container, to a side, on a mark, open. How it comes about is the discovered policy's own affair, but for one case: what
is to stand on or in something is held above it by a skill, and set down from there by the script of "set down".
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
from tabletop.planner.acting import Line, ScriptedOperator, nowhere
from tabletop.planner.laying import PutAt, PutBefore, PutBeside, PutDown
from tabletop.planner.operator import Operator, movable
from tabletop.planner.placing import PlaceOn, PutInto, SetDown, in_hand
from tabletop.planner.pushing import Push, PushTo
from tabletop.planner.scripted_operators import Lift, Turn, outlined_operators
from tabletop.rollout.policy import Action, Policy
from tabletop.sim.cards import load_cards
from tabletop.sim.scene import Scene
from tabletop.sim.state import State
from tabletop.skills.library import Library
from tabletop.skills.skill_policy import SkillPolicy

__all__ = ["ExactOperator", "ExactOperators", "LoweredOperator"]

Mask = npt.NDArray[np.bool_]
Array = npt.NDArray[np.float64]

_PUTTING: Final = (PlaceOn, PutInto, PutDown, PutAt, PutBeside, PutBefore, Push, PushTo)
"""What only says where a thing ends."""
_AT: Final = 0.1
"""Fraction within which a joint is where it is to be brought."""
_ABOVE: Final = 0.12
"""m that a thing is held above where it is to stand: lower ones are not held as surely (docs/lab-notes.md)."""
_NEAR: Final = ((40, 0.02), (10**6, 0.03))
"""Until which control step it is there within how many m across; twice that in height. Some are held 2 to 3 cm off."""
_STEADY: Final = 2
"""Control steps on end for which it is there."""
_LOWERING: Final = 40
"""Control steps for the script."""


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

    @property
    def raised(self) -> bool:
        """A learned policy has begun with the hand away from everything."""
        return True

    def applicable(self, state: State, entity: str) -> Mask:
        """Return where the other one makes sense."""
        return self.inner.applicable(state, entity)

    def predict(self, state: State, entity: str, draws: Array) -> State:
        """Return the state that is asked for."""
        return self.inner.predict(state, entity, draws)

    def policy(self, entity: str) -> Policy:
        """Return the policy that looks what is to come of it, and asks the skill for that."""
        return _Asking(self, entity)

    def asked(self, entity: str, target: Sequence[float]) -> SkillPolicy:
        """Return the skill, asked for a target.

        Raises:
            TabletopError: it takes none.
        """
        policy = self.library.policy(self.library.any_of(self.effect), entity, target=target)
        if not isinstance(policy, SkillPolicy):
            raise TabletopError(f"{self.effect} takes no target")
        return policy


class _Asking:
    """An exact skill whose target is read off the forecast when it begins."""

    def __init__(self, operator: ExactOperator, entity: str) -> None:
        self._operator, self._entity = operator, entity

    def reset(self, state: State, scene: Scene, rng: np.random.Generator) -> None:
        after = self._operator.predict(state[None], self._entity, np.zeros(1))[0]
        target = _TARGETS[self._operator.effect](state, after, self._entity)
        self._policy = self._operator.asked(self._entity, target)
        self._policy.reset(state, scene, rng)

    def act(self, state: State) -> Action | None:
        return self._policy.act(state)


@dataclass(frozen=True, kw_only=True)
class _SetDownAs(SetDown):
    """What is held, where another operator puts it."""

    inner: PlaceOn | PutInto

    def lines(self, state: State, entity: str) -> Sequence[Line]:
        return self.inner.lines(state, entity)[-1:]


@dataclass(frozen=True)
class LoweredOperator(ExactOperator):
    """A thing held above its place by an exact skill, and set down from there by a script."""

    inner: PlaceOn | PutInto

    @property
    def id(self) -> str:
        """What it is asked for, by which effect, and by what script it ends."""
        return f"{self.inner.id} ({self.effect}, set down)"

    @property
    def horizon(self) -> int:
        """Control steps of both."""
        return super().horizon + _LOWERING

    @property
    def ends(self) -> bool:
        """With the script."""
        return True

    def policy(self, entity: str) -> Policy:
        """Return the policy that does both, one after the other."""
        return _Lowering(self, entity)


class _Lowering:
    """Held above the forecast place, then set down; given up where it is not there once the skill's time is over.

    The place is looked up again at each step: what it is on may have been moved meanwhile.
    """

    def __init__(self, operator: LoweredOperator, entity: str) -> None:
        self._operator, self._entity = operator, entity

    def reset(self, state: State, scene: Scene, rng: np.random.Generator) -> None:
        self._first, self._scene, self._rng, self._time, self._steady = state, scene, rng, 0, 0
        self._script: Policy | None = None
        self._skill = self._operator.asked(self._entity, self._aim(state))
        self._skill.reset(state, scene, rng)

    def act(self, state: State) -> Action | None:
        if self._script is not None:
            return self._script.act(state)
        above = self._aim(state)
        self._steady = self._steady + 1 if self._is_there(state, above) else 0
        self._time += 1
        self._skill.aim(above)
        action = None if self._steady >= _STEADY else self._skill.act(state)
        if action is None and self._steady:
            self._script = _SetDownAs(inner=self._operator.inner).policy(self._entity)
            self._script.reset(state, self._scene, self._rng)
            return self._script.act(state)
        return action

    def _aim(self, state: State) -> Sequence[float]:
        after = self._operator.predict(state[None], self._entity, np.zeros(1))[0]
        x, y, up = _place(self._first, after, self._entity)
        return x, y, up + _ABOVE

    def _is_there(self, state: State, above: Sequence[float]) -> bool:
        x, y, up = above
        gap = state.entity(self._entity, "position") - (x, y, self._first.entity(self._entity, "position")[2] + up)
        near = next(most for until, most in _NEAR if self._time < until)
        return bool(in_hand(state, self._entity) and np.hypot(*gap[:2]) < near and abs(gap[2]) < 2 * near)


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
        joints = {e.kind for e in scene.entities if cards[e.kind].body_type == "joint"}
        for kind in sorted(joints) if "joint" in self.reliability else ():
            sure = self.reliability.get(kind, self.reliability["joint"])
            for word, fraction in (("bring to the end", 1.0), ("bring back", 0.0)):
                bring = _Bring(f"{word}: {kind}", kind=kind, fraction=fraction)
                out.append(ExactOperator(bring, self.library, "joint", sure))
        for inner in outlined_operators(scene):
            held = self.reliability.get("held_at")
            if held is not None and isinstance(inner, (PlaceOn, PutInto)) and _is_solid(scene, inner.other):
                out.append(LoweredOperator(inner, self.library, "held_at", held))
                continue
            known = [effect for effect in _effects_of(inner) if effect in self.reliability]
            out += [ExactOperator(inner, self.library, effect, self.reliability[effect]) for effect in known]
        return tuple(out)


def _is_solid(scene: Scene, name: str) -> bool:
    """Return whether something can bump into an entity: a mark is only painted on the table."""
    return load_cards()[scene.entity(name).kind].solid


def _effects_of(inner: ScriptedOperator) -> tuple[str, ...]:
    """Return the effects that can bring about what an operator forecasts."""
    if isinstance(inner, (Push, PushTo)):
        return "slid", "placed"
    if isinstance(inner, _PUTTING):
        return ("placed",)
    return ("held_at",) if isinstance(inner, Lift) else ("turned",) if isinstance(inner, Turn) else ()
