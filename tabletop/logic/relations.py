"""The predicates. Each takes the state and the one at reset, and returns a signed margin, positive = true.

Tolerances are constants here so that a formula's arguments are only what a task would vary.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from tabletop.logic.containers import floor_of
from tabletop.logic.geometry import Solid, apart_axes, footprint_gap, relative, tilt, twist, wrap
from tabletop.logic.predicate import (
    DIRECTIONS,
    Angle,
    Direction,
    Entity,
    Force,
    Fraction,
    Length,
    Turn,
    predicate,
)
from tabletop.sim.state import State

__all__: list[str] = []  # Reached by name through the registry, not imported.

Array = npt.NDArray[np.float64]

TABLE_EDGE: Final = 0.2  # m, world x of the table's near edge (sim.scene.Table)
REST_BELOW: Final = 0.015  # m: a block on a plate stands this far below the plate's rim
ON_TABLE: Final = 0.005  # m: less than the thickness of a plate
REST_ABOVE: Final = 0.010  # m: a gap that still counts as lying on
WALL: Final = 0.010  # m: a container's wall
OUT: Final = 0.010  # m that what is inside may stand out of a container's sides
SUNK: Final = 0.004  # m that a thing may lie below the floor it lies on
RIM: Final = 0.005  # m below the rim that the bottom of what is inside must be
LEVEL: Final = 0.020  # m: bottoms of things that stand side by side
FALLEN: Final = 0.030  # m below the table's surface
TOUCH: Final = 0.1  # N: less is not felt
STILL: Final = 0.02  # m/s
THREADED: Final = 0.010  # m that a ring must be down on a post
PARALLEL: Final = math.radians(10.0)
FLAT: Final = math.radians(10.0)  # a ring's tilt against its post
STRAIGHT: Final = math.radians(8.0)  # a rod's angle with its hole
LEAST_TURN: Final = math.radians(45.0)
UPRIGHT: Final = math.radians(15.0)
TOPPLED: Final = math.radians(60.0)
SPRING: Final = 10.0  # N/m: counts a distance to a contact as a missing force
COMPLIANCE: Final = 0.01  # m/N: counts a force that should not be as a missing distance
PER_ANGLE: Final = 0.1  # m/rad: counts an angle as a distance


def _rests(gap: Array) -> Array:
    middle = (REST_ABOVE - REST_BELOW) / 2
    return np.asarray((REST_ABOVE + REST_BELOW) / 2 - np.abs(gap - middle))


def _displacement(state: State, initial: State, a: str) -> Array:
    return state.entity(a, "position") - initial.entity(a, "position")


def _along(vector: Array, direction: str) -> tuple[Array, Array]:
    """Split vectors into the part along a direction and the size of the rest (of the horizontal rest for
    a horizontal direction: what is carried to the left may also be lifted)."""
    unit = np.array(DIRECTIONS[direction])
    along = vector @ unit
    rest = vector - along[..., None] * unit
    if unit[2] == 0.0:
        rest = rest[..., :2]
    return along, np.linalg.norm(rest, axis=-1)


def _separation(state: State, a: str, b: str) -> Array:
    """Return the horizontal distance of the centres combined with the vertical gap between the extents.

    Heights that overlap add nothing, so a block standing on a flat target is as near as can be.
    """
    one, two = Solid.of(state, a), Solid.of(state, b)
    offset = one.position - two.position
    x, y, z = (offset[..., i] for i in range(3))
    gap = np.maximum(np.abs(z) - one.rise - two.rise, 0.0)
    return np.asarray(np.sqrt(x * x + y * y + gap * gap))


def _gripper_distance(state: State, a: str) -> Array:
    return Solid.of(state, a).distance(state.robot("gripper_position"))


@predicate(phrase="{a} on {b}", negated="{a} not on {b}", scale=0.05)
def on(state: State, initial: State, a: Entity, b: Entity) -> Array:
    """The bottom of a is at the top of b (1 cm above to 1.5 cm below), its centre over b's footprint."""
    one, two = Solid.of(state, a), Solid.of(state, b)
    return np.minimum(_rests(one.bottom - two.top), two.footprint_margin(one.position))


@predicate(phrase="{a} on the table", negated="{a} not on the table", scale=0.05)
def on_table(state: State, initial: State, a: Entity) -> Array:
    """The bottom of a lies at the table's surface (within 5 mm), its centre over the table."""
    solid = Solid.of(state, a)
    height = ON_TABLE - np.abs(solid.bottom - state.robot("table_height"))
    size, x, y = state.robot("table_size"), solid.position[..., 0], solid.position[..., 1]
    within_x = size[..., 0] / 2 - np.abs(x - TABLE_EDGE - size[..., 0] / 2)
    return np.minimum(height, np.minimum(within_x, size[..., 1] / 2 - np.abs(y)))


@predicate(phrase="{a} off the table", negated="{a} not off the table", scale=0.05)
def off_table(state: State, initial: State, a: Entity) -> Array:
    """The centre of a is 3 cm or more below the table's surface."""
    return np.asarray(state.robot("table_height") - state.entity(a, "position")[..., 2] - FALLEN)


@predicate(phrase="{a} inside {b}", negated="{a} not inside {b}", scale=0.05)
def inside(state: State, initial: State, a: Entity, b: Entity) -> Array:
    """a lies in the upright container b, within its walls and borne by its floor.

    The centre of a is over b's footprint without its 1 cm wall, and a stands out of b's sides by 1 cm at most.
    The bottom of a is above b's floor (at most 4 mm sunk) and 5 mm or more below its rim.
    The own z axis of b is within 15 deg of the vertical.
    What has no floor (a goal, a shelf) holds what stands on the table. A drawer's columns describe its tray.
    """
    one, two = Solid.of(state, a), Solid.of(state, b)
    floor = two.bottom + floor_of(state.layout.kind(b))
    height = np.minimum(two.top - RIM - one.bottom, one.bottom - floor + SUNK)
    within = np.minimum(two.footprint_margin(one.position) - WALL, OUT - two.overhang(one))
    upward = PER_ANGLE * (UPRIGHT - tilt(two.quaternion))
    return np.minimum(np.minimum(height, within), upward)


@predicate(phrase="{a} within {distance} of {b}", negated="{a} not within {distance} of {b}", scale=0.1)
def near(state: State, initial: State, a: Entity, b: Entity, distance: Length = 0.05) -> Array:
    """Horizontal distance of the centres, combined with the vertical gap (0 where heights overlap), is at
    most `distance`. So a block that covers a flat target is near it, on the table or floating."""
    return np.asarray(distance - _separation(state, a, b))


@predicate(phrase="{a} at {b}", negated="{a} not at {b}", scale=0.1)
def at(state: State, initial: State, a: Entity, b: Entity, tolerance: Length = 0.03) -> Array:
    """As `near`, for a place: within 3 cm by default."""
    return np.asarray(tolerance - _separation(state, a, b))


@predicate(phrase="{a} at least {distance} from {b}", negated="{a} not at least {distance} from {b}", scale=0.1)
def apart(state: State, initial: State, a: Entity, b: Entity, distance: Length = 0.15) -> Array:
    """The opposite of `near`: the same distance is at least `distance`."""
    return np.asarray(_separation(state, a, b) - distance)


@predicate(phrase="{a} beside {b}", negated="{a} not beside {b}", scale=0.05)
def beside(state: State, initial: State, a: Entity, b: Entity, distance: Length = 0.03) -> Array:
    """Both stand at one level (bottoms within 2 cm), at most `distance` of free space between their sides."""
    one, two = Solid.of(state, a), Solid.of(state, b)
    level = LEVEL - np.abs(one.bottom - two.bottom)
    return np.minimum(distance - footprint_gap(one, two), level)


@predicate(phrase="{a} {direction:of} {b}", negated="{a} not {direction:of} {b}", scale=0.1)
def side(state: State, initial: State, a: Entity, b: Entity, direction: Direction, distance: Length = 0.02) -> Array:
    """The centre of a lies at least `distance` to that side of b's, within 45 deg of the direction."""
    along, rest = _along(state.entity(a, "position") - state.entity(b, "position"), direction)
    return np.minimum(along - distance, along - rest)


@predicate(phrase="{a} aligned with {b}", negated="{a} not aligned with {b}", scale=0.3, unit="rad")
def aligned(state: State, initial: State, a: Entity, b: Entity, angle: Angle = PARALLEL) -> Array:
    """Sides are parallel: the headings agree up to quarter turns, within `angle`."""
    turn = twist(relative(state.entity(a, "quaternion"), state.entity(b, "quaternion")))
    return np.asarray(angle - np.abs(wrap(turn, np.pi / 2)))


@predicate(phrase="{a} around {b}", negated="{a} not around {b}", scale=0.05)
def around(state: State, initial: State, a: Entity, b: Entity, tolerance: Length = 0.025) -> Array:
    """The ring a is down on the post b: their centres, seen from above, are within `tolerance`.

    The bottom of a is 1 cm or more below the top of b, and its axis within 10 deg of b's: a ring that leans on its
    post is not around it.
    """
    one, two = Solid.of(state, a), Solid.of(state, b)
    off = np.linalg.norm((one.position - two.position)[..., :2], axis=-1)
    askew = apart_axes(one.axes[..., :, 2], two.axes[..., :, 2])
    down = np.minimum(tolerance - off, two.top - one.bottom - THREADED)
    return np.asarray(np.minimum(down, PER_ANGLE * (FLAT - askew)))


@predicate(phrase="{a} inserted in {b}", negated="{a} not inserted in {b}", scale=0.05)
def inserted(state: State, initial: State, a: Entity, b: Entity, depth: Length = 0.02) -> Array:
    """The middle of an end of a, along its longest side, is `depth` or more below all sides of b's box.

    That side of a is within 8 deg of the hole, which goes along b's x axis.
    """
    one, two = Solid.of(state, a), Solid.of(state, b)
    longest = one.half == np.max(one.half, axis=-1, keepdims=True)
    tip = np.where(longest, one.half, 0.0)
    deep = np.minimum(two.distance(one.world(tip)), two.distance(one.world(-tip)))
    askew = apart_axes(one.world(tip) - one.position, two.axes[..., :, 0])
    return np.minimum(-deep - depth, PER_ANGLE * (STRAIGHT - askew))


@predicate(phrase="{a} clear of {b}", negated="{a} not clear of {b}", scale=0.05)
def clear_of(state: State, initial: State, a: Entity, b: Entity, distance: Length = 0.005) -> Array:
    """Seen from above there are `distance` or more of free space between the sides of a and b."""
    return np.asarray(footprint_gap(Solid.of(state, a), Solid.of(state, b)) - distance)


@predicate(
    phrase="{a} moved {direction} by {distance}",
    negated="{a} not moved {direction} by {distance}",
    scale=0.05,
)
def moved(state: State, initial: State, a: Entity, direction: Direction, distance: Length = 0.05) -> Array:
    """Since reset the centre of a went at least `distance` that way, within 45 deg of the direction
    (of its horizontal part, for a horizontal direction)."""
    along, rest = _along(_displacement(state, initial, a), direction)
    return np.minimum(along - distance, along - rest)


@predicate(phrase="{a} undisturbed", negated="{a} disturbed", scale=0.05)
def undisturbed(state: State, initial: State, a: Entity, distance: Length = 0.02) -> Array:
    """Since reset the centre of a moved at most `distance`."""
    return np.asarray(distance - np.linalg.norm(_displacement(state, initial, a), axis=-1))


@predicate(phrase="{a} lifted by {height}", negated="{a} not lifted by {height}", scale=0.05)
def lifted(state: State, initial: State, a: Entity, height: Length = 0.05) -> Array:
    """The bottom of a is at least `height` above where it was at reset."""
    return np.asarray(Solid.of(state, a).bottom - Solid.of(initial, a).bottom - height)


@predicate(
    phrase="{a} raised {height} above the table",
    negated="{a} not raised {height} above the table",
    scale=0.05,
)
def raised(state: State, initial: State, a: Entity, height: Length = 0.05) -> Array:
    """The bottom of a is at least `height` above the table's surface."""
    return np.asarray(Solid.of(state, a).bottom - state.robot("table_height") - height)


@predicate(phrase="{a} turned by {angle}", negated="{a} not turned by {angle}", scale=0.3, unit="rad")
def turned(state: State, initial: State, a: Entity, angle: Turn) -> Array:
    """Since reset a turned about the vertical by at least `angle`, counter-clockwise where it is positive."""
    turn = twist(relative(state.entity(a, "quaternion"), initial.entity(a, "quaternion")))
    return np.asarray(turn - angle if angle >= 0 else angle - turn)


@predicate(phrase="{a} rotated by {angle}", negated="{a} not rotated by {angle}", scale=0.3, unit="rad")
def rotated(state: State, initial: State, a: Entity, angle: Angle = LEAST_TURN) -> Array:
    """Since reset a turned about the vertical by at least `angle`, either way."""
    turn = twist(relative(state.entity(a, "quaternion"), initial.entity(a, "quaternion")))
    return np.asarray(np.abs(turn) - angle)


@predicate(phrase="{a} upright", negated="{a} not upright", scale=0.3, unit="rad")
def upright(state: State, initial: State, a: Entity, angle: Angle = UPRIGHT) -> Array:
    """The own z axis of a is within `angle` of the vertical."""
    return np.asarray(angle - tilt(state.entity(a, "quaternion")))


@predicate(phrase="{a} toppled", negated="{a} not toppled", scale=0.3, unit="rad")
def toppled(state: State, initial: State, a: Entity) -> Array:
    """The own z axis of a is 60 deg or more off the vertical."""
    return np.asarray(tilt(state.entity(a, "quaternion")) - TOPPLED)


@predicate(phrase="{a} still", negated="{a} moving", scale=0.05, unit="m/s")
def still(state: State, initial: State, a: Entity) -> Array:
    """The centre of a is slower than 2 cm/s."""
    return np.asarray(STILL - np.linalg.norm(state.entity(a, "velocity"), axis=-1))


@predicate(phrase="{a} held", negated="{a} not held", scale=1.0, unit="N")
def held(state: State, initial: State, a: Entity, force: Force = 0.5) -> Array:
    """Both fingers press on a with at least `force`; where neither does, farther away counts as less."""
    weaker = np.min(state.entity(a, "finger_force"), axis=-1)
    away = np.maximum(_gripper_distance(state, a), 0.0)
    return np.asarray(weaker - force - np.where(weaker > 0.0, 0.0, SPRING * away))


@predicate(phrase="{a} released", negated="{a} not released", scale=0.05)
def released(state: State, initial: State, a: Entity, distance: Length = 0.03) -> Array:
    """No finger touches a (under 0.1 N), and the gripper's centre is `distance` or more off its surface."""
    force = np.max(state.entity(a, "finger_force"), axis=-1)
    free = _gripper_distance(state, a) - distance
    pressed_away = (TOUCH - force) * COMPLIANCE
    return np.where(force >= TOUCH, np.minimum(free, pressed_away - 1e-6), free)


@predicate(phrase="gripper at {a}", negated="gripper not at {a}", scale=0.1)
def reached(state: State, initial: State, a: Entity, distance: Length = 0.03) -> Array:
    """The gripper's centre is within `distance` of where a is grasped: a handle, or else the centre."""
    point = Solid.of(state, a).world(state.entity(a, "grasp"))
    return np.asarray(distance - np.linalg.norm(state.robot("gripper_position") - point, axis=-1))


@predicate(phrase="gripper open", negated="gripper not open", scale=0.02)
def gripper_open(state: State, initial: State, width: Length = 0.06) -> Array:
    """The fingers are at least `width` apart."""
    return np.asarray(state.robot("gripper_width") - width)


@predicate(name="open", phrase="{a} open", negated="{a} not open", scale=0.2, unit="")
def is_open(state: State, initial: State, a: Entity, fraction: Fraction = 0.8) -> Array:
    """The joint of a is open by at least `fraction`."""
    return np.asarray(state.entity(a, "fraction") - fraction)


@predicate(phrase="{a} closed", negated="{a} not closed", scale=0.2, unit="")
def closed(state: State, initial: State, a: Entity, fraction: Fraction = 0.1) -> Array:
    """The joint of a is open by at most `fraction`."""
    return np.asarray(fraction - state.entity(a, "fraction"))


@predicate(phrase="{a} pressed", negated="{a} not pressed", scale=0.2, unit="")
def pressed(state: State, initial: State, a: Entity, fraction: Fraction = 0.8) -> Array:
    """The joint of a is pressed by at least `fraction`."""
    return np.asarray(state.entity(a, "fraction") - fraction)


@predicate(phrase="{a} locked", negated="{a} not locked", scale=0.2, unit="")
def locked(state: State, initial: State, a: Entity, fraction: Fraction = 0.8) -> Array:
    """The bolt of a is shot by at least `fraction`."""
    return np.asarray(state.entity(a, "fraction") - fraction)


@predicate(phrase="{a} unlocked", negated="{a} not unlocked", scale=0.2, unit="")
def unlocked(state: State, initial: State, a: Entity, fraction: Fraction = 0.1) -> Array:
    """The bolt of a is shot by at most `fraction`."""
    return np.asarray(fraction - state.entity(a, "fraction"))
