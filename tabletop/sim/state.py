"""What matters in the world at one moment, or at many: named columns over any leading batch shape.

A state is one row of float64 numbers. A trajectory is a stack of rows, a batch of trajectories a
stack of those; every accessor below works on all of them alike, without copying.

The last columns of an entity say how it got where it is. They add up from World.load on.

What is deformable has the columns of every entity, for the box around it, and its nodes besides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from tabletop.errors import unknown
from tabletop.projects import kept
from tabletop.sim.robot_card import PANDA, load_robot_card
from tabletop.sim.roles import role_of

__all__ = ["ENTITY_FIELDS", "ROBOT_FIELDS", "Layout", "State", "numbered"]

Array = npt.NDArray[np.float64]

ROBOT_FIELDS: Final[dict[str, int]] = {
    "time": 1,  # s since reset
    "gripper_position": 3,  # m, world; the point midway between the fingertips
    "gripper_quaternion": 4,  # xyzw, world
    "gripper_width": 1,  # m between the fingers
    "gripper_velocity": 3,  # m/s, world
    "joints": 7,  # rad; as many as the robot's arm has
    "table_height": 1,  # m, world; z of the table's surface
    "table_size": 2,  # m, full extents of the table along world x and y; its near edge is at x = 0.2
}
"""Columns of the robot and the table, with their widths for an arm of seven joints."""

ENTITY_FIELDS: Final[dict[str, int]] = {
    "position": 3,  # m, world; loose: centre of the bounding box; fixture: centre of its moving part
    "quaternion": 4,  # xyzw, world; deformable: upright, x from its first (row of) nodes to the last
    "velocity": 3,  # m/s, world; deformable: mean of its nodes
    "spin": 3,  # rad/s, world
    "size": 3,  # m, full extents of the bounding box in the entity's own frame
    "grasp": 3,  # m, in the entity's own frame: where a gripper would act (a handle); 0 for rigid
    "fraction": 1,  # [-]: 0 closed / unpressed .. 1 open / pressed; 0 for what has no joint
    "finger_force": 2,  # N: normal force from the left and the right finger
    # What adds up, so that a formula can say how a thing got there (sim/way.py):
    "highest": 1,  # m, world: greatest z of `position` so far
    "steepest": 1,  # rad: greatest angle between its own z axis and the vertical so far, while over the table
    "touch": 1,  # N: greatest force so far with which the robot touched it (its moving part), all links together
    "carried_distance": 1,  # m: horizontal path so far while both fingers held it, 5 mm or more off all else
    "free_distance": 1,  # m: horizontal path over the table since the robot last touched it, or since reset
}
"""Columns of each entity, with their widths."""


def numbered(fields: Mapping[str, int]) -> list[str]:
    """Return the name of each column of fields with these widths.

    >>> numbered({"time": 1, "spin": 2})
    ['time', 'spin.0', 'spin.1']
    """
    return [name if width == 1 else f"{name}.{i}" for name, width in fields.items() for i in range(width)]


_ENTITY_WIDTH = sum(ENTITY_FIELDS.values())


def _offsets(fields: dict[str, int]) -> dict[str, slice]:
    start, out = 0, {}
    for name, width in fields.items():
        out[name] = slice(start, start + width)
        start += width
    return out


_ENTITY_SLICES = _offsets(ENTITY_FIELDS)


def _robot_fields(robot: str) -> dict[str, int]:
    return {**ROBOT_FIELDS, "joints": len(load_robot_card(robot).arm_joints)}


@kept
def _robot_slices(robot: str) -> tuple[dict[str, slice], int]:
    """Return the columns of a robot's fields, and how many these are."""
    slices = _offsets(_robot_fields(robot))
    return slices, max(part.stop for part in slices.values())


@dataclass(frozen=True)
class Layout:
    """Which entities a state's columns describe, in order."""

    names: tuple[str, ...]
    """Unique names: what formulas refer to."""
    kinds: tuple[str, ...]
    """Kind of each: the card's name in assets/objects or assets/fixtures ("block", "drawer")."""
    body_types: tuple[str, ...]
    """Body type of each: "rigid" (free), "deformable" (free), "joint" (a fixture with one joint) or "static"."""
    grids: tuple[tuple[int, int], ...] = ()
    """Nodes of each along its own x and y, (0, 0) for what is not deformable; () where nothing is."""
    robot: str = PANDA
    """Name of the robot's card in assets/robots."""

    @cached_property
    def width(self) -> int:
        """Number of columns of a state."""
        return self._nodes_from + 3 * sum(n * m for n, m in self.grids)

    @property
    def _nodes_from(self) -> int:
        """Column at which the nodes begin, behind those of all entities."""
        return self.robot_width + _ENTITY_WIDTH * len(self.names)

    @cached_property
    def robot_width(self) -> int:
        """Number of columns of the robot and the table, which come first."""
        return _robot_slices(self.robot)[1]

    @cached_property
    def _robot(self) -> dict[str, slice]:
        return _robot_slices(self.robot)[0]

    @cached_property
    def _index(self) -> dict[str, int]:
        return {name: i for i, name in enumerate(self.names)}

    def index(self, name: str) -> int:
        """Return the position of an entity in `names`.

        Raises:
            TabletopError: no entity has that name.
        """
        try:
            return self._index[name]
        except KeyError:
            raise unknown("entity", name, self.names) from None

    def kind(self, name: str) -> str:
        """Return the kind of an entity."""
        return self.kinds[self.index(name)]

    @cached_property
    def roles(self) -> tuple[str, ...]:
        """Kind of each whose part it plays (sim/roles.py): its own, or what its card is like."""
        return tuple(map(role_of, self.kinds))

    def role(self, name: str) -> str:
        """Return the kind whose part an entity plays: its own, or what its card is like."""
        return self.roles[self.index(name)]

    def body_type(self, name: str) -> str:
        """Return the body type of an entity: "rigid", "deformable", "joint" or "static"."""
        return self.body_types[self.index(name)]

    def grid(self, name: str) -> tuple[int, int]:
        """Return how many nodes an entity has along its own x and y: (0, 0) where it is not deformable."""
        index = self.index(name)
        return self.grids[index] if self.grids else (0, 0)

    @property
    def columns(self) -> tuple[str, ...]:
        """The name of each column of a state.

        >>> Layout(("cup",), ("mug",), ("rigid",)).columns[:23:22]
        ('robot.time', 'cup.position.0')
        """
        entities = [f"{name}.{c}" for name in self.names for c in numbered(ENTITY_FIELDS)]
        grids = zip(self.names, self.grids or [(0, 0)] * len(self.names), strict=True)
        nodes = [f"{e}.nodes.{i}.{j}.{a}" for e, (n, m) in grids for i in range(n) for j in range(m) for a in range(3)]
        return (*(f"robot.{c}" for c in numbered(_robot_fields(self.robot))), *entities, *nodes)

    def robot_slice(self, field: str) -> slice:
        """Return the columns of one of ROBOT_FIELDS."""
        return self._robot[field]

    def entity_slice(self, name: str, field: str) -> slice:
        """Return the columns of one field of one entity."""
        base = self.robot_width + _ENTITY_WIDTH * self.index(name)
        part = _ENTITY_SLICES[field]
        return slice(base + part.start, base + part.stop)

    def nodes_slice(self, name: str) -> slice:
        """Return the columns of an entity's nodes: x, y, z (m, world) of each, its own y running fastest."""
        n, m = self.grid(name)
        start = self._nodes_from + 3 * sum(a * b for a, b in self.grids[: self.index(name)])
        return slice(start, start + 3 * n * m)


@dataclass(frozen=True)
class State:
    """Rows of numbers with their layout. Vectors keep their last axis, scalars drop it."""

    layout: Layout
    values: Array
    """Shape (..., layout.width)."""

    def robot(self, field: str) -> Array:
        """Return one of ROBOT_FIELDS: shape (..., width), or (...,) where the width is 1."""
        part = self.values[..., self.layout.robot_slice(field)]
        return part[..., 0] if ROBOT_FIELDS[field] == 1 else part

    def entity(self, name: str, field: str) -> Array:
        """Return one of ENTITY_FIELDS of one entity: shape (..., width), or (...,) where it is 1."""
        part = self.values[..., self.layout.entity_slice(name, field)]
        return part[..., 0] if ENTITY_FIELDS[field] == 1 else part

    def nodes(self, name: str) -> Array:
        """Return the nodes of something deformable, (..., n, m, 3) in m, world.

        Raises:
            TabletopError: there is no such entity, or it has no nodes.
        """
        n, m = self.layout.grid(name)
        if not n:
            soft = [e for e in self.layout.names if any(self.layout.grid(e))]
            raise unknown("deformable entity", name, soft)
        part = self.values[..., self.layout.nodes_slice(name)]
        return part.reshape(*part.shape[:-1], n, m, 3)

    def entities(self) -> Array:
        """Return all entities' columns: shape (..., E, sum of ENTITY_FIELDS)."""
        start = self.layout.robot_width
        block = self.values[..., start : start + _ENTITY_WIDTH * len(self.layout.names)]
        return block.reshape(*block.shape[:-1], len(self.layout.names), _ENTITY_WIDTH)

    def field(self, field: str) -> Array:
        """Return one of ENTITY_FIELDS of all entities: (..., E, width), or (..., E) where it is 1."""
        part = self.entities()[..., _ENTITY_SLICES[field]]
        return part[..., 0] if ENTITY_FIELDS[field] == 1 else part

    def __getitem__(self, index: object) -> State:
        """Index the leading batch axes."""
        return State(self.layout, self.values[index])  # type: ignore[call-overload]

    @classmethod
    def stack(cls, states: Sequence[State]) -> State:
        """Stack states of one layout along a new first axis."""
        return cls(states[0].layout, np.stack([s.values for s in states]))
