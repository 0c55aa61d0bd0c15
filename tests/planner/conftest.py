"""Tabletops made by hand: entities given by kind and place, everything at rest, the gripper away."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from tabletop.sim.cards import load_cards
from tabletop.sim.state import Layout, State

Build = Callable[..., State]

SIZES: dict[str, tuple[float, float, float]] = {
    "block": (0.05, 0.05, 0.05),
    "bin": (0.18, 0.18, 0.06),
    "drawer": (0.18, 0.17, 0.08),
    "button": (0.06, 0.06, 0.03),
    "puck": (0.055, 0.055, 0.025),
    "can": (0.05, 0.05, 0.08),
    "target": (0.06, 0.06, 0.002),
}


def build(**entities: Mapping[str, Any]) -> State:
    """Return a state; each entity has `kind` and `at` (x, y), and may have any column by name."""
    cards = load_cards()
    kinds = tuple(str(e.get("kind", "block")) for e in entities.values())
    layout = Layout(tuple(entities), kinds, tuple(cards[k].body_type for k in kinds))
    values = np.zeros(layout.width)
    robot = {
        "gripper_position": (0.45, 0.0, 0.3),
        "gripper_quaternion": (1.0, 0, 0, 0),
        "gripper_width": 0.08,
    }
    for field, value in {**robot, "table_size": (0.65, 0.7)}.items():
        values[layout.robot_slice(field)] = value
    for name, entity in entities.items():
        size = SIZES[layout.kind(name)]
        x, y = entity.get("at", (0.5, 0.0))
        columns = {"position": (x, y, size[2] / 2), "quaternion": (0, 0, 0, 1.0), "size": size}
        for field, value in {**columns, **entity}.items():
            if field not in {"kind", "at"}:
                values[layout.entity_slice(name, field)] = value
        if "highest" not in entity:
            values[layout.entity_slice(name, "highest")] = values[layout.entity_slice(name, "position")][2]
    return State(layout, values)


@pytest.fixture(scope="session")
def make() -> Build:
    """Return the function that builds states."""
    return build
