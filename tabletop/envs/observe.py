"""Observations of fixed size: the robot, the attended entity, then the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from tabletop.errors import TabletopError
from tabletop.schema import is_whole
from tabletop.sim.state import ENTITY_FIELDS, ROBOT_FIELDS, Layout, numbered

__all__ = [
    "LIMIT",
    "MOST_NODES",
    "SLOTS",
    "SLOT_WIDTH",
    "STATE_WIDTH",
    "StateObserver",
    "nodes_of_width",
    "slots",
    "state_names",
    "state_width",
]

SLOTS: Final = 8
"""Entities that fit in; further ones are not seen."""
LIMIT: Final = 100.0
"""No number of an observation is larger: m, m/s, rad/s, s or N."""
_BODY_TYPES: Final = ("rigid", "joint", "static")
_ENTITY_WIDTH: Final = sum(ENTITY_FIELDS.values())
_ROBOT_WIDTH: Final = sum(ROBOT_FIELDS.values())
_JOINTS: Final = ROBOT_FIELDS["joints"]
SLOT_WIDTH: Final = 1 + len(_BODY_TYPES) + _ENTITY_WIDTH
"""Presence (0 or 1), one of rigid, joint, static (0 or 1 each; 0 for what is deformable), then the columns of
ENTITY_FIELDS."""
STATE_WIDTH: Final = _ROBOT_WIDTH + SLOTS * SLOT_WIDTH
"""The columns of ROBOT_FIELDS, with seven joints, then SLOTS entities; what is not there is 0. Nodes follow, where
asked for."""
MOST_NODES: Final = 256
"""Nodes of a slot at most."""


def state_width(nodes: int = 0) -> int:
    """Return how many numbers an observation "state" has, with so many nodes a slot.

    Raises:
        TabletopError: the nodes are no whole number from 0 to MOST_NODES.

    >>> state_width(), state_width(16)
    (270, 654)
    """
    if not is_whole(nodes, 0, MOST_NODES):
        raise TabletopError(f"nodes must be a whole number from 0 to {MOST_NODES}, got {nodes!r}")
    return STATE_WIDTH + SLOTS * nodes * 3


def nodes_of_width(width: int) -> int | None:
    """Return how many nodes a slot an observation of so many numbers has; None where none has that width."""
    nodes, rest = divmod(width - STATE_WIDTH, SLOTS * 3)
    return nodes if rest == 0 and 0 <= nodes <= MOST_NODES else None


def slots(layout: Layout, first: Sequence[str], without: str | None = None) -> tuple[str | None, ...]:
    """Return who is seen in which slot.

    Args:
        layout: of the scene.
        first: names in the order of the first slots; who is absent leaves theirs empty.
        without: who is not seen.
    """
    named = [n for n in dict.fromkeys(first) if n != without]
    rest = [n for n in layout.names if n not in named and n != without]
    seen: list[str | None] = [n if n in layout.names else None for n in named]
    return tuple([*seen, *rest, *[None] * SLOTS][:SLOTS])


class StateObserver:
    """Turns rows of one layout into observations; one gather each."""

    def __init__(self, layout: Layout, names: Sequence[str | None], nodes: int = 0) -> None:
        """Prepare for entities in these slots (None: empty), with so many nodes each."""
        # Two columns more than a state has: a 0 and a 1.
        zero, one = layout.width, layout.width + 1
        joints = layout.robot_slice("joints")
        own = list(range(joints.start, joints.stop))
        # As wide for every arm: what it lacks is 0, an eighth joint is not seen.
        own = [*own, *[zero] * _JOINTS][:_JOINTS]
        columns = [*range(joints.start), *own, *range(joints.stop, layout.robot_width)]
        for name in names:
            if name is None:
                columns += [zero] * SLOT_WIDTH
                continue
            body_type = layout.body_type(name)
            start = layout.entity_slice(name, next(iter(ENTITY_FIELDS))).start
            columns += [one, *(one if body_type == b else zero for b in _BODY_TYPES)]
            columns += range(start, start + _ENTITY_WIDTH)
        for name in names:
            own = _node_columns(layout, name, nodes) if name is not None and nodes else []
            columns += own + [zero] * (3 * nodes - len(own))
        self.width = len(columns)
        self._columns = np.array(columns)

    def __call__(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
        """Return (..., state_width(nodes)) of (..., layout.width), clipped to +-LIMIT."""
        constants = np.broadcast_to((0.0, 1.0), (*values.shape[:-1], 2))
        whole = np.concatenate([values, constants], axis=-1)
        return whole[..., self._columns].clip(-LIMIT, LIMIT).astype(np.float32)


def _node_columns(layout: Layout, name: str, most: int) -> list[int]:
    """Return the columns of an entity's nodes; of more than `most`, those of a coarser grid with the same corners."""
    n, m = layout.grid(name)
    if not n:
        return []
    # As many as fit; of equally many the squarest.
    _, _, rows = max((a * b, min(a, b), a) for a in range(1, n + 1) for b in range(1, m + 1) if a * b <= most)
    chosen = [i * m + j for i in _spread(n, rows) for j in _spread(m, min(m, most // rows))]
    start = layout.nodes_slice(name).start
    return [start + 3 * i + axis for i in chosen for axis in range(3)]


def _spread(count: int, chosen: int) -> list[int]:
    """Return `chosen` of the numbers 0 to count - 1, evenly spread, both ends among them."""
    return [int(i) for i in np.linspace(0, count - 1, chosen).round()]


def state_names(nodes: int = 0) -> tuple[str, ...]:
    """Return the name of each number of an observation "state": (state_width(nodes),).

    Args:
        nodes: of a slot, as the environment's argument.

    Raises:
        TabletopError: the nodes are no whole number from 0 to MOST_NODES.

    >>> state_names()[0], state_names()[-1], state_names(16)[-1]
    ('robot.time', 'entity7.free_distance', 'entity7.nodes.15.2')
    """
    state_width(nodes)
    entity = ["present", *_BODY_TYPES, *numbered(ENTITY_FIELDS)]
    slots_of = [f"entity{i}.{name}" for i in range(SLOTS) for name in entity]
    soft = [f"entity{i}.nodes.{j}.{axis}" for i in range(SLOTS) for j in range(nodes) for axis in range(3)]
    return (*(f"robot.{name}" for name in numbered(ROBOT_FIELDS)), *slots_of, *soft)
