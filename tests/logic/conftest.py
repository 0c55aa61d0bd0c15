"""States made by hand: entities given by their fields, everything else at rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import settings

from tabletop.sim.state import ENTITY_FIELDS, ROBOT_FIELDS, Layout, State

Build = Callable[..., State]

# A busy machine is no failure.
settings.register_profile("logic", deadline=None)
settings.load_profile("logic")

ROBOT: dict[str, Any] = {
    "gripper_position": (0.45, 0.0, 0.3),
    "gripper_quaternion": (1.0, 0.0, 0.0, 0.0),
    "gripper_width": 0.08,
    "table_size": (0.6, 0.8),
}
BLOCK: dict[str, Any] = {
    "position": (0.5, 0.0, 0.025),
    "quaternion": (0.0, 0.0, 0.0, 1.0),
    "size": (0.05, 0.05, 0.05),
}


def _columns(fields: Mapping[str, int], given: Mapping[str, Any]) -> list[npt.NDArray[np.float64]]:
    values = [np.asarray(given.get(f, 0.0 if w == 1 else np.zeros(w)), float) for f, w in fields.items()]
    return [v[..., None] if w == 1 else v for v, w in zip(values, fields.values(), strict=True)]


def build(robot: Mapping[str, Any] | None = None, /, **entities: Mapping[str, Any]) -> State:
    """Return the state of some entities; fields with leading axes make it a batch."""
    kinds = tuple(str(e.get("kind", "block")) for e in entities.values())
    columns = _columns(ROBOT_FIELDS, {**ROBOT, **(robot or {})})
    for entity in entities.values():
        columns += _columns(ENTITY_FIELDS, {**BLOCK, **entity})
    lead = np.broadcast_shapes(*(c.shape[:-1] for c in columns))
    values = np.concatenate([np.broadcast_to(c, (*lead, c.shape[-1])) for c in columns], axis=-1)
    return State(Layout(tuple(entities), kinds, ("rigid",) * len(entities)), values)


@pytest.fixture(scope="session")
def make() -> Build:
    """Return the function that builds states."""
    return build
