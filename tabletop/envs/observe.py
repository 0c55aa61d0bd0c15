"""Observations of fixed size: the robot, the attended entity, then the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from tabletop.sim.state import ENTITY_FIELDS, ROBOT_FIELDS, Layout

__all__ = ["LIMIT", "SLOTS", "SLOT_WIDTH", "STATE_WIDTH", "StateObserver", "slots", "state_names"]

SLOTS: Final = 8
"""Entities that fit in; further ones are not seen."""
LIMIT: Final = 100.0
"""No number of an observation is larger: m, m/s, rad/s, s or N."""
_BODY_TYPES: Final = ("rigid", "joint", "static")
_ENTITY_WIDTH: Final = sum(ENTITY_FIELDS.values())
_ROBOT_WIDTH: Final = sum(ROBOT_FIELDS.values())
SLOT_WIDTH: Final = 1 + len(_BODY_TYPES) + _ENTITY_WIDTH
"""Presence (0 or 1), one of rigid, joint, static (0 or 1 each; 0 for what is deformable, whose nodes are not
seen), then the columns of ENTITY_FIELDS."""
STATE_WIDTH: Final = _ROBOT_WIDTH + SLOTS * SLOT_WIDTH
"""The columns of ROBOT_FIELDS, then SLOTS entities; what is not there is 0."""


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

    def __init__(self, layout: Layout, names: Sequence[str | None]) -> None:
        """Prepare for entities in these slots (None: empty)."""
        # Two columns more than a state has: a 0 and a 1.
        zero, one = layout.width, layout.width + 1
        columns = list(range(_ROBOT_WIDTH))
        for name in names:
            if name is None:
                columns += [zero] * SLOT_WIDTH
                continue
            body_type = layout.body_type(name)
            start = layout.entity_slice(name, next(iter(ENTITY_FIELDS))).start
            columns += [one, *(one if body_type == b else zero for b in _BODY_TYPES)]
            columns += range(start, start + _ENTITY_WIDTH)
        self._columns = np.array(columns)

    def __call__(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
        """Return (..., STATE_WIDTH) of (..., layout.width), clipped to +-LIMIT."""
        constants = np.broadcast_to((0.0, 1.0), (*values.shape[:-1], 2))
        whole = np.concatenate([values, constants], axis=-1)
        return whole[..., self._columns].clip(-LIMIT, LIMIT).astype(np.float32)


def state_names() -> tuple[str, ...]:
    """Return the name of each number of an observation "state": (STATE_WIDTH,).

    >>> state_names()[0], state_names()[-1]
    ('robot.time', 'entity7.finger_force.1')
    """
    entity = ["present", *_BODY_TYPES, *_numbered(ENTITY_FIELDS)]
    slots_of = [f"entity{i}.{name}" for i in range(SLOTS) for name in entity]
    return (*(f"robot.{name}" for name in _numbered(ROBOT_FIELDS)), *slots_of)


def _numbered(fields: Mapping[str, int]) -> list[str]:
    return [name if width == 1 else f"{name}.{i}" for name, width in fields.items() for i in range(width)]
