"""Goals that a reset asks for: checked, then put into the scene or into what counts as done."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt

from tabletop.envs.goals import NumberGoal
from tabletop.envs.reward import GoalReward
from tabletop.errors import TabletopError
from tabletop.logic.task import Task
from tabletop.sim.card_parts import number
from tabletop.sim.cards import load_cards
from tabletop.sim.placement import Rectangle, apart, grasp_point
from tabletop.sim.robot import within_reach
from tabletop.sim.robot_card import load_robot_card
from tabletop.sim.scene import TABLE_NEAR_EDGE, Entity, Scene, layout_of
from tabletop.sim.state import State

__all__ = ["ask_number", "move_mark"]

Array = npt.NDArray[np.float64]

_PLACES: Final = ("at", "near", "reached", "side", "moved", "apart")
"""Predicates that are settled by where things are, and were: what they say of a goal is known before it is tried."""
_FLAT: Final = 0.005
"""m that the height of a mark that lies on the table may be off."""
_LOWEST: Final = 0.01
"""m above the table that the gripper's middle comes down to."""
_TAKEN: Final = 0.02
"""m above the table where something on it is taken."""
_SAME: Final = 1e-4
_LEAST: Final = 1e-3
"""m or rad that may be asked for at least: less is done at once."""


def move_mark(task: Task, goal: GoalReward, asked: npt.ArrayLike, scene: Scene) -> Scene:
    """Return the scene with its mark where a goal says.

    Args:
        task: whose goal it is.
        goal: of the task.
        asked: x, y (m, world) of a mark that lies on the table; or x, y, z; or a whole desired goal (goal.width,), as
            observations have it: then its quaternion turns the mark, and must be upright, its size must be the
            mark's, and what follows must be 1.
        scene: with the mark.

    Raises:
        TabletopError: another shape, numbers that cannot be, or a place that is out of reach, off the table, in
            something that stands fast, or at odds with the rest of what the task asks for.
    """
    given, mark = _numbers(asked), scene.entity(goal.mark)
    on_table = goal.thing is not None
    widths = [2, 3, goal.width] if on_table else [3, goal.width]
    if given.shape not in {(w,) for w in widths}:
        shapes = ", ".join(str(w) for w in dict.fromkeys(widths))
        raise TabletopError(f"option goal of task {task.name!r} must be {shapes} numbers, got shape {given.shape}")
    half = mark.size[2] / 2
    x, y = float(given[0]), float(given[1])
    z = mark.position[2] + half if given.size == 2 else float(given[2])
    yaw = _yaw(goal, given[3:], mark) if given.size == goal.width and on_table else mark.yaw
    rest = given[goal.pose_width :]
    if not np.allclose(rest, 1.0, rtol=0, atol=_SAME):
        raise TabletopError(f"option goal: the numbers after the pose must be 1, got {rest.tolist()}")
    if on_table and abs(z - mark.position[2] - half) > _FLAT:
        raise TabletopError(
            f"option goal: the mark lies on the table at z = {mark.position[2] + half:.4f} m in this scene, got {z:g};"
            " x and y alone take the scene's"
        )
    # A mark on the table stays there to the last bit.
    bottom = mark.position[2] if on_table else z - half
    moved = replace(mark, position=(x, y, bottom), yaw=yaw)
    _check_place(moved, scene, (x, y, scene.table.height + _TAKEN) if on_table else (x, y, z), on_table)
    out = replace(scene, entities=tuple(moved if e.name == mark.name else e for e in scene.entities))
    _check_rest(task, goal, out)
    return out


def ask_number(task: Task, goal: NumberGoal, asked: npt.ArrayLike, scene: Scene) -> NumberGoal:
    """Return the task's goal with another number asked for.

    Args:
        task: whose goal it is.
        goal: of the task.
        asked: the number (fraction, rad or m); or a whole desired goal (goal.width,), whose other numbers must be 1.
        scene: in which it is to be reached.

    Raises:
        TabletopError: another shape, or a number that cannot be reached in this scene.
    """
    given = np.atleast_1d(_numbers(asked))
    if given.shape not in {(1,), (goal.width,)}:
        widths = "1 number" if goal.width == 1 else f"1 or {goal.width} numbers"
        raise TabletopError(f"option goal of task {task.name!r} must be {widths}, got shape {given.shape}")
    if not np.allclose(given[1:], 1.0, rtol=0, atol=_SAME):
        raise TabletopError(f"option goal: the numbers after the first must be 1, got {given[1:].tolist()}")
    wanted = float(given[0])
    low, high = _limits(goal, scene)
    if not low <= wanted <= high:
        text = str(goal.statement)
        raise TabletopError(f"option goal: the number of {text} must be {low:g} to {high:g} here, got {wanted:g}")
    return goal.asking(wanted)


def _numbers(asked: npt.ArrayLike) -> Array:
    try:
        given = np.asarray(asked, dtype=np.float64)
    except (TypeError, ValueError):
        raise TabletopError(f"option goal must be numbers, got {asked!r}") from None
    if not np.isfinite(given).all():
        raise TabletopError(f"option goal must be finite numbers, got {given.tolist()}")
    return given


def _yaw(goal: GoalReward, rest: Array, mark: Entity) -> float:
    """Return the yaw (rad) of a whole goal's quaternion; `rest` follows its place."""
    x, y, z, w = (float(v) for v in rest[:4])
    if math.hypot(x, y) > _SAME or abs(math.hypot(z, w) - 1.0) > 1e-3:
        raise TabletopError(f"option goal: the quaternion must be that of an upright mark, got {rest[:4].tolist()}")
    if not np.allclose(rest[4:7], mark.size, rtol=0, atol=_SAME):
        raise TabletopError(f"option goal: the size must be the mark's, {list(mark.size)}, got {rest[4:7].tolist()}")
    return 2 * math.atan2(z, w)


def _check_place(mark: Entity, scene: Scene, point: tuple[float, float, float], on_table: bool) -> None:
    """Raise TabletopError unless the gripper can be brought to a point, and the mark can be there."""
    x, y, z = point
    depth, width = scene.table.size
    where = f"x = {x:g}, y = {y:g}" + ("" if on_table else f", z = {z:g}")
    half = mark.size[0] / 2 if on_table else 0.0
    inside = TABLE_NEAR_EDGE + half <= x <= TABLE_NEAR_EDGE + depth - half and abs(y) <= width / 2 - half
    if on_table and not inside:
        far, side = TABLE_NEAR_EDGE + depth - half, width / 2 - half
        bounds = f"x is {TABLE_NEAR_EDGE + half:g} to {far:.3f} and y at most {side:.3f} to either side"
        raise TabletopError(f"option goal: the mark must lie on the table ({bounds}), got {where}")
    height = scene.table.height
    if not within_reach(scene.robot.name, point, height) or z < height + _LOWEST:
        space = load_robot_card(scene.robot.name).workspace
        (x0, y0, _), (x1, y1, up) = space.lower, space.upper
        bounds = f"at most x {x0:g} to {x1:g}, y {y0:g} to {y1:g}"
        bounds += "" if on_table else f", z {height + _LOWEST:.4f} to {height + up:.4f}"
        raise TabletopError(f"option goal: the gripper must reach it ({bounds} m), got {where}")
    own: Rectangle = (x, y, half, half, mark.yaw)
    for e in scene.entities:
        if any(low <= mark.position[2] <= high and not apart(own, body, 0.0) for body, low, high in _blocks(e)):
            raise TabletopError(f"option goal: {e.name!r} stands fast where the mark would be, got {where}")


def _blocks(entity: Entity) -> Iterator[tuple[Rectangle, float, float]]:
    """Yield the parts of what stands fast, each with its underside and top (m, world); nothing of what is loose."""
    card = load_cards()[entity.kind]
    if card.loose or not card.solid:
        return
    names = dict(zip(("w", "d", "h"), entity.size, strict=True))
    c, s = math.cos(entity.yaw), math.sin(entity.yaw)
    for part in card.parts:
        size = [number(v, names) for v in part.size]
        px, py, pz = (number(v, names) for v in part.at)
        w, d, h = size if part.shape == "box" else (2 * size[0], 2 * size[0], size[-1] * (1 + (part.shape == "sphere")))
        if part.pitch:
            w = h = max(w, h)
        at = (entity.position[0] + c * px - s * py, entity.position[1] + s * px + c * py)
        z = entity.position[2] + pz
        yield (*at, w / 2, d / 2, entity.yaw + part.yaw), z - h / 2, z + h / 2


def _check_rest(task: Task, goal: GoalReward, scene: Scene) -> None:
    """Raise TabletopError where what is brought to the mark would be where the task does not want it."""
    initial = _standing(scene)
    values = initial.values.copy()
    x, y, z = initial.entity(goal.mark, "position")
    if goal.thing is None:
        values[initial.layout.robot_slice("gripper_position")] = (x, y, z)
    else:
        half = initial.entity(goal.thing, "size")[2] / 2
        values[initial.layout.entity_slice(goal.thing, "position")] = (x, y, z + half)
    state = State(initial.layout, values)
    settled = {goal.mark, goal.thing, *(e.name for e in scene.entities if not load_cards()[e.kind].loose)}
    for literal in task.success.literals:
        known = literal.predicate in _PLACES and settled.issuperset(literal.names)
        if known and not literal.raw_margin(state, initial) >= 0.0:
            raise TabletopError(f"option goal: {literal} would be false there, so task {task.name!r} could not be done")


def _standing(scene: Scene) -> State:
    """Return a state with the entities' positions, sizes and turns only: as they stand before anything moves."""
    layout = layout_of(scene.entities, load_cards(), scene.robot.name)
    values = np.zeros(layout.width)
    for e in scene.entities:
        x, y, z = e.position
        up = 0.0 if load_cards()[e.kind].loose else e.size[2] / 2
        values[layout.entity_slice(e.name, "position")] = (x, y, z + up)
        values[layout.entity_slice(e.name, "quaternion")] = (0.0, 0.0, math.sin(e.yaw / 2), math.cos(e.yaw / 2))
        values[layout.entity_slice(e.name, "size")] = e.size
    return State(layout, values)


def _limits(goal: NumberGoal, scene: Scene) -> tuple[float, float]:
    """Return the least and the most that may be asked for: what the joint, or the arm, can do."""
    predicate = goal.statement.predicate
    if predicate not in {"lifted", "turned"}:
        return 0.0, 1.0
    entity = scene.entity(goal.statement.names[0])
    joint = load_cards()[entity.kind].joint
    if joint is not None:
        way = number(joint.travel, dict(zip(("w", "d", "h"), entity.size, strict=True))) * joint.axis[2]
        ends: Sequence[float] = (-way * entity.fraction, way * (1.0 - entity.fraction))
    elif predicate == "turned":
        ends = (-math.pi, math.pi)
    else:
        top = load_robot_card(scene.robot.name).workspace.upper[2]
        ends = (0.0, top - (grasp_point(entity)[2] - scene.table.height))
    # "At least" and "at most" stay as the formula has them.
    least, most = min(ends), max(ends)
    return (max(_LEAST, least), most) if goal.is_upward else (least, min(-_LEAST, most))
