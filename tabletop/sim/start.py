"""Where the gripper of a scene starts: away from everything, or at the entity the robot attends to."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from tabletop.errors import unknown
from tabletop.sim.cards import load_cards
from tabletop.sim.held_part import grasped_part
from tabletop.sim.placement import Rectangle, apart, footprint, grasp_point, heights
from tabletop.sim.robot_card import PANDA, RobotCard, load_robot_card
from tabletop.sim.scene import Entity, Robot, Table

__all__ = ["GRIPPER_STARTS", "start"]

GRIPPER_STARTS: Final = ("nominal", "near", "above", "around", "holding", "bearing", "anywhere")
"""Where the gripper may start: away from everything (nominal), or relative to the attended entity; bearing is
holding it above another one."""

_AROUND_HANDLE = 0.04
"""m between the fingers around a fixture's handle."""
_SLACK: Final = 0.001
"""m that the hand is taken for broader, and shorter, than it is."""
_CALMER: Final = {"around": "above", "above": "near", "near": "nominal"}
_TRIES = 30

_Pose = tuple[tuple[float, float, float], float, float]
"""Position (m), yaw (rad), width (m) of the gripper."""


def start(
    mode: str,
    entities: Sequence[Entity],
    attend: str | None,
    table: Table,
    rng: np.random.Generator,
    robot: str = PANDA,
) -> tuple[Robot, tuple[Entity, ...]]:
    """Return where the gripper starts, and the entities (one of them held where the mode says so).

    Where a mode does not suit the attended entity, or other things are in the way, a calmer one is taken:
    holding instead of bearing, above instead of holding or around, near instead of above, nominal instead of near.

    Args:
        mode: one of GRIPPER_STARTS; an entity that the card holds comes before it.
        entities: what stands where.
        attend: name of the entity that the mode refers to.
        table: under them.
        rng: of the pose.
        robot: name of its card.

    Raises:
        TabletopError: an unknown mode, or no such robot.
    """
    if mode not in GRIPPER_STARTS:
        raise unknown("gripper start", mode, GRIPPER_STARTS)
    arm = load_robot_card(robot)
    held = next((e for e in entities if e.held), None)
    entity = held or next((e for e in entities if e.name == attend), None)
    if held is not None:
        mode = "holding"
    elif entity is None and mode not in {"nominal", "anywhere"}:
        mode = "nominal"
    card = load_cards()[entity.kind] if entity else None
    if mode in {"holding", "bearing"} and held is None and not (card and card.graspable):
        mode = "above"
    if mode == "around" and not (card and (card.graspable or card.joint)):
        mode = "above"
    tall = max([0.10, *(e.size[2] for e in entities)])
    if entity is not None and mode in {"holding", "bearing"}:
        at = _bearing(entity, entities, table, rng) if mode == "bearing" else None
        at = at or _over(table, tall + 0.05, 0.30, rng, (0.38, 0.64), 0.24)
        begun = Robot(robot, position=at, yaw=float(rng.uniform(-1.2, 1.2)), width=arm.max_width)
        return begun, tuple(replace(e, held=e.name == entity.name) for e in entities)
    solid = [e for e in entities if load_cards()[e.kind].solid]
    while entity is not None and mode in _CALMER:
        draw = {"around": _around, "above": _above, "near": _near}[mode]
        pose = _free(draw, entity, solid, table, rng, arm)
        if pose is not None:
            position, yaw, width = pose
            return Robot(robot, position=position, yaw=yaw, width=width), tuple(entities)
        mode = _CALMER[mode]
    if mode == "anywhere":
        at = _over(table, tall + 0.06, 0.30, rng, (0.32, 0.68), 0.30)
    else:
        at = _over(table, tall + 0.12, 0.30, rng, (0.38, 0.55), 0.15)
    return Robot(robot, position=at, yaw=float(rng.uniform(-0.3, 0.3)), width=arm.max_width), tuple(entities)


def _over(
    table: Table, low: float, high: float, rng: np.random.Generator, x: tuple[float, float], y: float
) -> tuple[float, float, float]:
    """Return a point above the table; what stands there is lower than `low`."""
    height = table.height + rng.uniform(low, max(low + 0.02, high))
    return float(rng.uniform(*x)), float(rng.uniform(-y, y)), float(height)


def _bearing(
    entity: Entity, entities: Sequence[Entity], table: Table, rng: np.random.Generator
) -> tuple[float, float, float] | None:
    """Return a point for what is held about above another thing, with nothing else as high near it, or None."""
    below = [e for e in entities if e.name != entity.name and load_cards()[e.kind].solid]
    if not below:
        return None
    under = below[int(rng.integers(len(below)))]
    x, y = (float(v + rng.normal(0, 0.02)) for v in under.position[:2])
    z = heights(under)[1] + entity.size[2] / 2 + float(rng.uniform(0.02, 0.12))
    if not (0.34 <= x <= 0.68 and abs(y) <= 0.30):
        return None
    hand: Rectangle = (x, y, 0.10, 0.10, 0.0)
    high = [e for e in below if e is not under and heights(e)[1] > z - entity.size[2] / 2 - 0.02]
    return (x, y, z) if all(apart(hand, footprint(e), 0.0) for e in high) else None


def _around(entity: Entity, table: Table, rng: np.random.Generator, arm: RobotCard) -> _Pose:
    card = load_cards()[entity.kind]
    x, y, z = grasp_point(entity)
    z = max(z, table.height + (arm.hand.tip + 0.002))
    # The palm is close above the fingers' middle: what is taller is taken nearer to its top.
    z = max(z, heights(entity)[1] - arm.hand.deepest)
    if card.body_type == "rigid":
        return (x, y, z), _across(entity), arm.max_width
    upright = card.joint is not None and abs(card.joint.axis[2]) > 0.5
    if upright:
        return (x, y, z), _aligned(entity.yaw), arm.max_width
    return (x, y, z), _aligned(entity.yaw + math.pi / 2), _AROUND_HANDLE


def _above(entity: Entity, table: Table, rng: np.random.Generator, arm: RobotCard) -> _Pose:
    x, y, z = grasp_point(entity)
    at = (
        x + rng.normal(0, 0.01),
        y + rng.normal(0, 0.01),
        max(z, heights(entity)[1]) + rng.uniform(0.02, 0.12),
    )
    return (float(at[0]), float(at[1]), float(at[2])), _across(entity), arm.max_width


def _near(entity: Entity, table: Table, rng: np.random.Generator, arm: RobotCard) -> _Pose:
    x, y, z = grasp_point(entity)
    angle, far = rng.uniform(-math.pi, math.pi), rng.uniform(0.06, 0.14)
    x, y = float(x + far * math.cos(angle)), float(y + far * math.sin(angle))
    top = max(z, heights(entity)[1]) + float(rng.uniform(0.03, 0.12))
    return (x, y, top), float(rng.uniform(-0.3, 0.3)), arm.max_width


def _across(entity: Entity) -> float:
    """Return the yaw at which the fingers close on the part by which an entity is held, where it is narrowest."""
    card = load_cards()[entity.kind]
    along_x = card.body_type == "rigid" and grasped_part(card, entity.size).closing == 0
    return _aligned(entity.yaw + (math.pi / 2 if along_x else 0.0))


def _aligned(yaw: float) -> float:
    """Return the same direction of the fingers within half a turn: [-90, 90] deg."""
    return float((yaw + math.pi / 2) % math.pi - math.pi / 2)


def _free(
    draw: Callable[[Entity, Table, np.random.Generator, RobotCard], _Pose],
    entity: Entity,
    solid: Sequence[Entity],
    table: Table,
    rng: np.random.Generator,
    arm: RobotCard,
) -> _Pose | None:
    """Return a drawn pose at which fingers and hand are clear of everything, or None.

    Around an entity the fingers may be beside it and the hand above it.
    """
    for _ in range(_TRIES):
        (x, y, z), yaw, width = pose = draw(entity, table, rng, arm)
        if not (0.30 <= x <= 0.72 and abs(y) <= 0.38):
            continue
        around = draw is _around
        others = [e for e in solid if not (around and e.name == entity.name)]
        own = arm.hand
        hand: Rectangle = (x, y, own.half[1] + _SLACK, own.half[0] - _SLACK, yaw)
        fingers: Rectangle = (x, y, own.breadth / 2 + 0.003, width / 2 + own.thickness, yaw)
        low = [e for e in others if heights(e)[1] > z - own.tip - 0.002]
        high = [e for e in others if heights(e)[1] > z + own.palm - 0.002]
        if all(apart(fingers, footprint(e), 0.0) for e in low) and all(apart(hand, footprint(e), 0.0) for e in high):
            return pose
    return None
