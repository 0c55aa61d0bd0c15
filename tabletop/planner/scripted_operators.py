"""Operators over the scripted motion primitives, with outcomes computed instead of measured."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from tabletop.logic.geometry import Solid, relative, twist, wrap
from tabletop.logic.trace import risen, touched
from tabletop.logic.transition import hold, park, put, turn
from tabletop.planner.acting import SIDES, Careful, Line, ScriptedOperator, Taking, line, nowhere
from tabletop.planner.dragging import Drag, Wield
from tabletop.planner.fitting import fitting_operators
from tabletop.planner.fixtures import MoveJoint, Swing, fixture_operators
from tabletop.planner.gliding import Flick, Glide
from tabletop.planner.hand import graspable
from tabletop.planner.laying import PLACES, Dump, PutAt, PutBefore, PutBeside, PutDown
from tabletop.planner.placing import PlaceOn, PutInto
from tabletop.planner.pushing import Push, PushTo, Sweep, Topple
from tabletop.planner.shaping import shaping_operators
from tabletop.planner.space import CONTAINERS, reachable
from tabletop.sim.cards import load_cards
from tabletop.sim.scene import Scene, layout_of
from tabletop.sim.state import Layout, State

__all__ = [
    "SIDES",
    "Lift",
    "ScriptedOperator",
    "Turn",
    "basic_operators",
    "outlined_operators",
    "scripted_operators",
]

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

_SUPPORTS: Final = frozenset({"block", "brick", "plate", "target", "shelf"})
_PENS: Final = frozenset({"goal", "shelf"})
"""Kinds that things are sent into from before them."""
_TURN: Final = math.radians(50.0)
_SECOND: Final = 0.92
"""Reliability of what is done where nothing plainer does it: less than it is, as it leaves things anywhere."""
_FAR: Final = 0.20
"""m that things are carried far."""
_RAISED: Final = 0.015
"""m by which a thing is raised to be turned, at most."""
_HEIGHTS: Final = {"lift": 0.12, "lift high": 0.22}
"""m."""


@dataclass(frozen=True)
class Lift(Taking):
    last: bool = True
    height: float = 0.12

    def applicable(self, state: State, entity: str) -> Mask:
        return graspable(state, entity)

    def predict(self, state: State, entity: str, draws: Array) -> State:
        raised = state.entity(entity, "position") + np.array([0.0, 0.0, self.height])
        every = np.ones(state.values.shape[:-1], dtype=bool)
        return hold(put(park(state, entity), entity, raised), entity, every)

    def lines(self, state: State, entity: str) -> Sequence[Line]:
        return (
            *self.approach(state, entity),
            line("grasp", entity=entity),
            line("lift", height=self.height),
        )


@dataclass(frozen=True)
class _Reach(ScriptedOperator):
    """The open gripper brought to a thing, or to a mark."""

    last: bool = True

    def applicable(self, state: State, entity: str) -> Mask:
        if state.layout.body_type(entity) == "rigid" and load_cards()[state.layout.kind(entity)].graspable:
            return graspable(state, entity)
        if state.layout.role(entity) == "target":
            return reachable(state, state.entity(entity, "position")[..., :2], 0.03)
        return nowhere(state)

    def predict(self, state: State, entity: str, draws: Array) -> State:
        values = park(state, entity).values
        point = Solid.of(state, entity).world(state.entity(entity, "grasp"))
        values[..., state.layout.robot_slice("gripper_position")] = point
        return State(state.layout, values)

    def lines(self, state: State, entity: str) -> Sequence[Line]:
        return (line("move", to=entity),)


@dataclass(frozen=True)
class Turn(Taking):
    """Turned in place by an angle, or until its sides are parallel to another's."""

    angle: float = _TURN
    """rad; positive is counter-clockwise."""
    other: str | None = None

    def applicable(self, state: State, entity: str) -> Mask:
        return nowhere(state) if entity == self.other else graspable(state, entity)

    def predict(self, state: State, entity: str, draws: Array) -> State:
        angle = np.full(state.values.shape[:-1], self.angle)
        if self.other is not None:
            apart = relative(state.entity(entity, "quaternion"), state.entity(self.other, "quaternion"))
            angle = -wrap(twist(apart), math.pi / 2)
        raised = state.entity(entity, "position")[..., 2] + _RAISED
        return park(risen(touched(turn(state, entity, angle), entity), entity, raised), entity)

    def lines(self, state: State, entity: str) -> Sequence[Line]:
        how = {"by": self.angle} if self.other is None else {"like": self.other}
        return (
            *self.approach(state, entity),
            line("grasp", entity=entity),
            line("turn", entity=entity, **how),
            line("release"),
            line("retreat", entity=entity),
        )


def scripted_operators(scene: Scene | Layout) -> tuple[ScriptedOperator, ...]:
    """Return all that the scripted policies can do in a scene, where the hand has room for it."""
    return tuple(Careful.of(o) for o in outlined_operators(scene))


def _layout(scene: Scene | Layout) -> Layout:
    return scene if isinstance(scene, Layout) else layout_of(scene.entities, load_cards(), scene.robot.name)


def outlined_operators(scene: Scene | Layout) -> tuple[ScriptedOperator, ...]:
    """Return the same without a look at the room that the hand has."""
    layout = _layout(scene)
    out: list[ScriptedOperator] = []
    if "rigid" in layout.body_types:
        out += _towards_others(layout)
        for side in SIDES:
            out.append(Push(f"push {side}", direction=side))
            out.append(Drag(f"drag {side}", direction=side))
            out.append(PutDown(f"carry {side}", direction=side))
            out.append(PutDown(f"carry far {side}", direction=side, distance=_FAR, reliability=_SECOND))
        out.extend(PutAt(f"put {name}", place=place, reliability=_SECOND) for name, place in PLACES.items())
        out += [Turn("turn left"), Turn("turn right", angle=-_TURN), Dump(), Sweep()]
        out.extend(Lift(id, height=height) for id, height in _HEIGHTS.items())
    if "puck" in layout.roles:
        out.extend(Glide(f"flick {side}", direction=side) for side in SIDES)
    if "can" in layout.roles:
        out.extend(Topple(f"topple {side}", direction=side) for side in SIDES)
    out.append(_Reach("reach for"))
    return (*out, *fixture_operators(layout), *fitting_operators(layout), *shaping_operators(layout))


def basic_operators(scene: Scene | Layout) -> tuple[ScriptedOperator, ...]:
    """Return the few that chains of goals are drawn by.

    They stay as they are, so that what is added to the others does not change the benchmark. So does where they can be
    done: a finer look at the hand's room would leave out goals that a policy finds hard.
    """
    layout = _layout(scene)
    return tuple(o for o in outlined_operators(layout) if _basic(o, layout))


def _basic(operator: ScriptedOperator, layout: Layout) -> bool:
    if isinstance(operator, PutDown):
        return operator.distance < _FAR if operator.other is None else layout.body_type(operator.other) == "rigid"
    if isinstance(operator, PutInto):
        return operator.direction is None
    return isinstance(operator, (PlaceOn, Push, MoveJoint, Swing)) or operator.id == "lift"


def _towards_others(layout: Layout) -> list[ScriptedOperator]:
    """Return what brings a thing onto, into or beside another one."""
    out: list[ScriptedOperator] = []
    for name, kind, body_type in zip(layout.names, layout.roles, layout.body_types, strict=True):
        if kind in _SUPPORTS:
            out.append(PlaceOn(f"place on {name}", other=name))
        if kind in CONTAINERS:
            out.append(PutInto(f"put into {name}", other=name))
            sides = SIDES if kind == "bin" else ("left", "right")
            out.extend(PutInto(f"put {side} in {name}", other=name, direction=side) for side in sides)
        if kind in {"target", "goal"}:
            out.append(PushTo(f"push to {name}", other=name))
        if kind == "target":
            out.append(Drag(f"drag to {name}", other=name))
            sticks = [n for n, k in zip(layout.names, layout.roles, strict=True) if k == "stick"]
            ends = [(n, end) for n in sticks for end in ("left", "right")]
            out.extend(Wield(f"push with {end} end of {n} to {name}", tool=n, other=name, end=end) for n, end in ends)
        if kind == "shelf":
            out.append(Flick(f"flick under {name}", other=name))
        if kind in _PENS:
            out.append(PutBefore(f"put before {name}", other=name))
        if body_type != "deformable":
            sure = 0.97 if body_type == "rigid" else _SECOND
            out.extend(PutDown(f"put {side} of {name}", direction=side, other=name, reliability=sure) for side in SIDES)
        if body_type == "rigid":
            out.append(PutBeside(f"put beside {name}", other=name))
            out.append(Turn(f"turn like {name}", other=name))
    return out
