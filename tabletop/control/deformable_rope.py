"""Primitives that give a rope a shape: look at how it lies, draw an end to where it belongs, and look again."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Final

import numpy as np

from tabletop.control.deformable_pinching import REACH, follow, hold, line, pinch_node, rise, within
from tabletop.control.grasps import unwound_yaw, wrist_middle
from tabletop.control.motion import Array, Motion, gripper_yaw, here, servo
from tabletop.control.primitive import Name, primitive
from tabletop.logic.predicate import get_predicate
from tabletop.sim.state import State

__all__ = ["bend", "straighten"]

_ROUNDS: Final = 4
"""Ends that are drawn before it is given up."""
_TIMES: Final = 8
"""Ends that are taken to make an L."""
_NEAR: Final = 0.008
"""m that `l_shaped` may miss for a shape to be mended and not begun anew."""
_MENDS: Final = 2
"""Ends that are mended in a row: more of it crumples an arm."""
_SURE: Final = 0.0005
"""Margin (m) of `l_shaped` that is enough: the hand still leaves."""
_WORSE: Final = 0.0015
"""m of `l_shaped` lost since the best at which it is bent too far."""
_WRIST: Final = 0.2
_WIDE: Final = 2.2
"""Weight (m/rad) of a wrist turned further from its middle than that (rad); its end is at 2.9."""
_ASIDE: Final = 0.10
"""m of room that count as much as a radian between the way an end points and the way it is drawn."""
_SHORT: Final = 3.0
"""What a metre of missing room counts for, in metres of room."""
_FREE: Final = 0.10
"""m of room that the last bead is worth more than the first: it turns freely between the fingers."""
_SPARE: Final = 0.01
"""Margin of `straight` beyond which drawing stops: a rope springs back a little when it is let go of."""
_TAUT: Final = 0.01
"""m that an arm of an L is drawn beyond its length, for its slack to come out."""
_INSIDE: Final = 0.96
"""Radius at which an end is swept around the middle, in halves of the rope: it must not take the middle along."""
_LIFT: Final = 0.04
"""m that it is lifted there: what hangs does not drag."""
_ENOUGH: Final = 0.004
"""Margin (m) of `l_shaped` at which sweeping stops."""
_HASTE: Final = 1.5
"""Turn that is asked for, in turns that are wanted: the fingers come after the rope."""
_STRIDE: Final = 0.03
"""m that an end goes on in one control step while it is swept."""


def _margin(state: State, entity: str, name: str) -> float:
    predicate = get_predicate(name)
    return float(predicate.margin(state, state, predicate.bind((entity,))))


def _line(state: State, entity: str) -> Array:
    """Return the nodes of a rope as seen from above, (n, 2), m, world."""
    return np.asarray(state.nodes(entity)[:, 0, :2])


def _length(points: Array) -> float:
    return float(np.linalg.norm(np.diff(points, axis=0), axis=1).sum())


def _bent(entity: str) -> Callable[[State], bool]:
    """Return a function that says of one state after another whether a rope is an L, or was nearer to one before."""
    best = -math.inf

    def enough(state: State) -> bool:
        nonlocal best
        margin = _margin(state, entity, "l_shaped")
        best = max(best, margin)
        return margin > _ENOUGH or (best > -_NEAR and margin < best - _WORSE)

    return enough


def _along(entity: str, end: int) -> Callable[[State], float]:
    """Return the yaw (rad), of a state, at which the rope leaves the end (0 or -1) through the gap between the
    fingers. Drawn across a finger, two beads wedge themselves around it."""

    def yaw(state: State) -> float:
        points = _line(state, entity)
        # The first link turns with the fingers, as does one that is caught on them: beads further on show the way.
        x, y = points[3] - points[1] if end == 0 else points[-4] - points[-1]
        now = gripper_yaw(state)
        return now + _HASTE * math.remainder(math.atan2(float(y), float(x)) - now, math.pi)

    return yaw


def _leave(state: State, entity: str, end: int) -> Motion:
    """Turn the fingers along the rope, open them and go up: a rope across a finger would stay on it."""
    position, yaw = here(state).copy(), _along(entity, end)
    state, _ = yield from servo(state, lambda now: (position, yaw(now)), hold(state), tolerance=0.02, limit=10)
    return (yield from rise(state))


def _turned(unit: Array, angle: float) -> Array:
    c, s = math.cos(angle), math.sin(angle)
    return np.array([c * unit[0] - s * unit[1], s * unit[0] + c * unit[1]])


def _beyond(point: Array) -> float:
    """Return how far (m) a point (2,) is out of reach."""
    return float(np.linalg.norm(within(np.array([*point, 0.0]))[:2] - point))


def _room(point: Array, unit: Array) -> float:
    """Return how far (m) a point (2,) can go in a direction (2,) before the end of the reach."""
    ways = [
        ((high if u > 0 else low) - x) / u
        for x, u, (low, high) in zip(point, unit, REACH, strict=True)
        if abs(u) > 1e-6
    ]
    return max(0.0, float(min(ways)))


def _pull(points: Array) -> tuple[int, Array]:
    """Return the end (0 or -1) of a rope (n, 2) to draw for it to be straight, and where to (2,)."""
    options = []
    for end in (0, -1):
        chord = points[end] - points[-1 - end]
        # Drawn on by its own length it is straight for certain; by what is missing, it may be.
        missing = _length(points) - float(np.linalg.norm(chord)) + _TAUT
        for turn in np.radians([-60, -30, 0, 30, 60]):
            unit = _turned(chord / np.linalg.norm(chord), turn)
            way = min(_room(points[end], unit), _length(points))
            short = max(0.0, missing - way)
            worth = way - _SHORT * short - _ASIDE * abs(turn) + _FREE * (end == -1)
            options.append((worth, end, points[end] + way * unit))
    _, end, to = max(options, key=lambda o: o[0])
    return end, to


def _take(state: State, entity: str, end: int, to: Array) -> Motion:
    """Pinch an end (0 or -1) that is to be drawn to a point (2,): the rope turns the fingers on the way."""
    points = _line(state, entity)
    out = points[end] - points[2 if end == 0 else -3]
    way = to - points[end]
    turn = math.atan2(float(out[0] * way[1] - out[1] * way[0]), float(out @ way))
    node = (end % len(points), 0)
    return (yield from pinch_node(state, entity, node, turn, to))


def _guide(state: State, entity: str, end: int, path: Iterable[Array], until: Callable[[State], bool]) -> Motion:
    """Bring the pinched end (0 or -1) along points (3,), the fingers keeping along the rope, or until `until` holds."""
    return (yield from follow(state, entity, path, until, _along(entity, end), patient=True))


def _draw(state: State, entity: str, end: int, to: Array, until: Callable[[State], bool]) -> Motion:
    """Draw the pinched end (0 or -1) to a point (2,) or until `until` holds."""
    start = here(state).copy()
    goal = within(np.array([to[0], to[1], start[2] + 0.004]))
    return (yield from _guide(state, entity, end, line(start, goal), until))


def _sweep(state: State, entity: str, end: int) -> Motion:
    """Bring the pinched end of a straight rope a quarter of a circle around the middle, and draw its half taut."""
    points = _line(state, entity)
    middle = (points[(len(points) - 1) // 2] + points[len(points) // 2]) / 2
    half = _length(points) / 2
    ahead = (points[end] - middle) / np.linalg.norm(points[end] - middle)

    now = unwound_yaw(state)

    def cost(side: float) -> float:
        """Return how far (m) the end is out of reach; a radian off the wrist's middle counts as a centimetre, and
        more where its turn nears the end: the fingers must keep along the rope."""
        at = middle + half * _turned(ahead, side * math.pi / 2)
        off = abs(now + side * math.pi / 2 - wrist_middle(at, state))
        return _beyond(at) + 0.01 * off + _WRIST * max(0.0, off - _WIDE)

    side = min((1.0, -1.0), key=cost)
    start = here(state).copy()
    offset = start - np.array([*points[end], 0.0])
    path = []
    for u in np.linspace(0.0, 1.0, math.ceil(0.5 * math.pi * half / _STRIDE) + 1)[1:]:
        at = middle + _INSIDE * half * _turned(ahead, side * u * math.pi / 2)
        path.append(np.array([*at, _LIFT * math.sin(math.pi * u)]) + offset)
    # A rope that trails behind is not an L yet: on, at the length that keeps the arm taut.
    for more in (0.0, 0.15, 0.3, 0.45):
        path.append(np.array([*(middle + (half + _TAUT) * _turned(ahead, side * (math.pi / 2 + more))), 0.0]) + offset)
    return (yield from _guide(state, entity, end, path, _bent(entity)))


def _fitted(points: Array) -> Array:
    """Return the nodes (n, 2) of the L, of the length of these (n, 2), that lies nearest to them."""
    along = np.linspace(-0.5, 0.5, len(points))
    model = (np.where(along < 0, -along, 0) + 1j * np.where(along > 0, along, 0)) * _length(points)
    line = points[:, 0] + 1j * points[:, 1]
    middle = line.mean()
    options = []
    for w in (model - model.mean(), (model - model.mean()).conj()):
        turn = ((line - middle) * w.conj()).sum()
        options.append((abs(turn), w * turn / abs(turn)))
    out = middle + max(options, key=lambda o: o[0])[1]
    return np.stack([out.real, out.imag], axis=-1)


def _mend(state: State, entity: str) -> Motion:
    """Take the end of a bent rope that is farther from where it belongs in an L, and bring it there."""
    points = _line(state, entity)
    wanted = _fitted(points)
    far = np.linalg.norm(wanted - points, axis=1)
    end = 0 if far[0] > far[-1] else -1
    state, ok = yield from pinch_node(state, entity, (end % len(points), 0))
    if ok:
        points = _line(state, entity)
        wanted = _fitted(points)
        start = here(state).copy()
        corner = (wanted[(len(points) - 1) // 2] + wanted[len(points) // 2]) / 2
        out = (wanted[end] - corner) / np.linalg.norm(wanted[end] - corner)
        way = wanted[end] - points[end]
        goal = within(start + np.array([*(1.2 * way + 0.5 * _TAUT * out), 0.004]))
        state, ok = yield from _guide(state, entity, end, line(start, goal), _bent(entity))
        state, _ = yield from _leave(state, entity, end)
    return state, ok


@primitive
def straighten(state: State, entity: Name) -> Motion:
    """Draw an end of a rope away from the other one until it is straight; where there is no room, the other end."""
    for _ in range(_ROUNDS):
        if _margin(state, entity, "straight") > 0.0:
            return state, True
        end, to = _pull(_line(state, entity))
        state, ok = yield from _take(state, entity, end, to)
        if ok:
            state, _ = yield from _draw(state, entity, end, to, lambda now: _margin(now, entity, "straight") > _SPARE)
            state, _ = yield from _leave(state, entity, end)
    return state, _margin(state, entity, "straight") > 0.0


@primitive
def bend(state: State, entity: Name) -> Motion:
    """Make a rope an L: draw it straight by an end, bring that end around the middle, and mend what is left."""
    mended = 0
    for _ in range(_TIMES):
        margin = _margin(state, entity, "l_shaped")
        if margin > _SURE:
            return state, True
        if margin > -_NEAR and mended < _MENDS:
            state, _ = yield from _mend(state, entity)
            mended += 1
            continue
        mended = 0
        end, to = _pull(_line(state, entity))
        state, ok = yield from _take(state, entity, end, to)
        if not ok:
            continue
        state, ok = yield from _draw(state, entity, end, to, lambda now: _margin(now, entity, "straight") > _SPARE)
        if ok:
            state, ok = yield from _sweep(state, entity, end)
        state, _ = yield from _leave(state, entity, end)
    return state, _margin(state, entity, "l_shaped") > 0.0
