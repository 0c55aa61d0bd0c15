"""Taking hold of a node of a rope or cloth, and bringing it along a path: what their primitives are made of."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Final

import numpy as np

from tabletop.control.grasps import unwound_yaw, wrist_middle, yaw_for
from tabletop.control.handling import holds
from tabletop.control.motion import (
    Array,
    Motion,
    act,
    gripper_yaw,
    here,
    hold_still,
    hover,
    servo,
    tip_of,
    width_command,
)
from tabletop.sim.state import State

__all__ = ["REACH", "Node", "across", "corners", "follow", "hold", "line", "node_at", "pinch_node", "rise", "within"]

Node = tuple[int, int]

_GRIP: Final = 0.044
"""m. Wide enough to come down around a bead, too narrow to come down on the next one."""
_HOLD: Final = 0.0130
"""m. Beads are 15 to 17 mm wide: a harder squeeze pops them out sideways, or into a finger."""
_STRIDE: Final = 0.022
"""m that a path goes on in one control step."""
_ASKEW: Final = 0.6
"""rad, and the steps in which a yaw that is more than that off is waited for."""
_PATIENCE: Final = 6
REACH: Final = ((0.31, 0.69), (-0.36, 0.36))
"""m, world: x and y."""
_UP: Final = np.array([0.0, 0.0, 1.0])


def hold(state: State) -> float:
    """Return the grip action that holds a bead."""
    return width_command(state, _HOLD)


def within(point: Array) -> Array:
    """Return the point (3,) moved into what the gripper reaches with room to spare."""
    (x0, x1), (y0, y1) = REACH
    return np.array([min(max(point[0], x0), x1), min(max(point[1], y0), y1), point[2]])


def corners(state: State, entity: str) -> list[Node]:
    """Return the ends of a rope or the corners of a cloth."""
    n, m = state.layout.grid(entity)
    return [(i, j) for i in (0, n - 1) for j in sorted({0, m - 1})]


def node_at(state: State, entity: str, node: Node) -> Array:
    """Return where a node is, (3,), m, world.

    Args:
        state: now; no batch shape.
        entity: a rope or a cloth.
        node: (i, j), along its own x and y.
    """
    return np.asarray(state.nodes(entity)[node])


def across(state: State, entity: str, node: Node) -> Array:
    """Return the horizontal direction (2,) in which the fingers close on a node: across what leads away from it.

    Args:
        state: now; no batch shape.
        entity: a rope or a cloth.
        node: (i, j), an end or a corner.

    Returns:
        (2,), world x and y; not of unit length.
    """
    nodes = state.nodes(entity)
    m = nodes.shape[1]
    i, j = node
    inner = nodes[i + (1 if i == 0 else -1), j] - nodes[i, j]
    if m > 1:
        inner = inner + nodes[i, j + (1 if j == 0 else -1)] - nodes[i, j]
    return np.array([-inner[1], inner[0]])


def _yaw_before(turn: float, to: Array, direction: Array, state: State) -> float:
    """Return the yaw at which the fingers open along a direction (2,) and can still be turned by so much (rad) on the
    way to a point (2,)."""
    middle, last = wrist_middle(here(state), state), wrist_middle(to, state)
    now = unwound_yaw(state)
    first = math.atan2(direction[1], direction[0]) - math.pi / 2
    options = [first + math.pi * k for k in range(-4, 5)]
    # The shorter way round has to be the one that is meant.
    options = [o for o in options if abs(o - now) < math.pi]
    return min(options, key=lambda o: max(abs(o - middle), abs(o + turn - last)))


def pinch_node(state: State, entity: str, node: Node, turn: float = 0.0, to: Array | None = None) -> Motion:
    """Come down around a node and close the fingers; three attempts.

    Args:
        state: now; no batch shape.
        entity: a rope or a cloth.
        node: (i, j), along its own x and y.
        turn: rad, counter-clockwise, that the fingers are to be turned by on the way to `to`.
        to: (2,), m, world; None where they need not turn.

    Returns:
        A motion. It succeeds where both fingers press on the rope or cloth.
    """
    floor = float(state.robot("table_height")) + tip_of(state)
    grip = width_command(state, _GRIP)
    for _ in range(3):
        direction = across(state, entity, node)
        yaw = yaw_for(direction, state) if to is None else _yaw_before(turn, to, direction, state)

        def goal(now: State, above: float = 0.0, yaw: float = yaw) -> tuple[Array, float]:
            x, y, z = node_at(now, entity, node)
            return np.array([x, y, max(z + 0.005 if z > floor else z, floor) + above]), yaw

        state, _ = yield from hover(state, lambda now: goal(now, 0.035), grip, held=(entity,), tolerance=0.015)
        state, _ = yield from servo(state, goal, grip, tolerance=0.0025, limit=15)
        position = here(state).copy()
        for _ in range(5):
            state = yield act(state, position, None, hold(state))
            if holds(state, entity):
                break
        if holds(state, entity):
            state = yield act(state, position, None, hold(state))
            return state, True
        state, _ = yield from rise(state)
    return state, False


def rise(state: State) -> Motion:
    """Open the fingers and go up."""
    state, _ = yield from hold_still(state, width_command(state, _GRIP), 3)
    goal = here(state) + 0.06 * _UP
    return (yield from servo(state, lambda _: (goal, None), width_command(state, _GRIP), tolerance=0.02, limit=10))


def follow(
    state: State,
    entity: str,
    path: Iterable[Array],
    until: Callable[[State], bool] | None = None,
    yaw: Callable[[State], float] | None = None,
    patient: bool = False,
) -> Motion:
    """Bring what is pinched along points (3,), turned to a yaw (rad); stop at the last one, or when `until` holds.

    Args:
        state: now, with a node between the fingers; no batch shape.
        entity: the rope or cloth.
        path: points (3,) for the gripper, m, world, one a control step.
        until: ends it early, as a success.
        yaw: of a state, the yaw (rad) that is wanted; None leaves it.
        patient: wait, up to 6 control steps a point, wherever the yaw is more than 0.6 rad off.

    Returns:
        A motion. It fails where the hold is lost.
    """
    point = here(state).copy()
    for point in path:
        if not holds(state, entity):
            return state, False
        if until is not None and until(state):
            return state, True
        for _ in range(_PATIENCE if patient and yaw else 0):
            if yaw is None or abs(yaw(state) - gripper_yaw(state)) < _ASKEW:
                break
            state = yield act(state, here(state), yaw(state), hold(state))
        state = yield act(state, point + 0.4 * (point - here(state)), yaw and yaw(state), hold(state))
    state, _ = yield from servo(
        state, lambda now: (point, yaw and yaw(now)), hold(state), tolerance=0.006, limit=12, until=until
    )
    return state, holds(state, entity)


def line(start: Array, end: Array, arc: float = 0.0, stride: float = _STRIDE) -> list[Array]:
    """Return the points of a straight path, `stride` (m) a step, raised in the middle by `arc` (m).

    Args:
        start: (3,), m; not among the points.
        end: (3,), m; the last of them.
        arc: m that the middle is raised by.
        stride: m from one point to the next, about.

    Returns:
        Two or more points (3,), m.
    """
    count = max(2, math.ceil((float(np.linalg.norm(end - start)) + arc) / stride))
    shares = np.arange(1, count + 1) / count
    return [start + u * (end - start) + arc * math.sin(math.pi * u) * _UP for u in shares]
