"""What a skill's policy sees: the attended entity first, then the others in any order."""

from __future__ import annotations

from functools import partial
from typing import Final

import numpy as np
import numpy.typing as npt

from tabletop.logic.geometry import shape_of
from tabletop.sim.card_parts import number
from tabletop.sim.cards import load_cards
from tabletop.sim.joints import hinge
from tabletop.sim.joints import travel as joint_travel
from tabletop.sim.robot_card import load_robot_card
from tabletop.sim.scene import Entity
from tabletop.sim.state import Layout, State
from tabletop.skills.effects.registry import symmetric
from tabletop.skills.effects.relative import partner_of

__all__ = [
    "EGO",
    "HAND",
    "NO_END",
    "OTHERS",
    "OTHER_WIDTH",
    "TANGENT",
    "TANGENT_SCALE",
    "TIME",
    "WRIST",
    "Observer",
    "mirrored",
]

OTHERS: Final = 4
"""Further things that are seen: ends of the attended one, if it is deformable; then the entities nearest to it at the
start."""
OTHER_WIDTH: Final = 16
EGO: Final = 66
"""Columns about the robot and the attended entity, code and effect left out."""


def _mirror() -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float32]]:
    """Return which column each column of the mirrored observation comes from, and its factor."""
    vector, spin = [1, -1, 1], [-1, 1, -1]
    robot = [1, -1, 1, *vector, 1]
    thing = [*vector, *vector, 1, -1, 1, 1, 1, 1, *vector, *spin, 1, 1, 1, 1, 1, 1, 1]
    curved = [*vector, 1, -1, 1, -1, -1, 1, -1, 1, 1, 1, 1]
    joint = [*vector, *spin, 1, -1, 1]
    wrist = [1, 1]
    hand = [1, -1, 1, -1, 1, 1, -1, 1, -1]
    other = [1, *vector, *vector, 1, 1, 1, 1, 1, 1, 1, -1, 1]
    signs = np.array([*robot, *thing, *curved, *joint, *wrist, *hand, *other * OTHERS], dtype=np.float32)
    order = np.arange(len(signs))
    # The table's edges to both sides, the forces on both fingers, and the wrist's room both ways change places.
    for a, b in ((_EDGES, _EDGES + 1), (_FORCES, _FORCES + 1), (WRIST, WRIST + 1)):
        order[[a, b]] = b, a
    return order, signs


_EDGES: Final = 27
"""Column of the distance to the table's edge at +y; the one at -y is the next."""
_FORCES: Final = 43
"""Column of the force on the left finger; the right one's is the next."""
TIME: Final = 45
"""Column of the time left."""
NO_END: Final = 1.0
"""What it is while the end is far."""
WRIST: Final = 55
"""Column of how far the arm's last joint can still turn one way, half turns; the other way is the next."""
HAND: Final = 57
"""Column from which on it says how the thing lies in the gripper's own frame, see `_Grip`."""
TANGENT: Final = 46
"""Column from which on it says how the handle of a joint goes: 3 columns, TANGENT_SCALE times m for its whole range."""
TANGENT_SCALE: Final = 8.0
_MIRROR: Final = _mirror()
_LATE: Final = 12
"""Control steps before the end from which on the time left is seen: until then what was lost is taken up again as if
the skill had just begun."""


def mirrored(observation: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return what would be seen if the world were mirrored left to right: y is -y, and yaw is -yaw.

    Args:
        observation: (..., EGO + OTHERS * OTHER_WIDTH) from an Observer.
    """
    order, signs = _MIRROR
    return observation[..., order] * signs


_GRIPPER: Final = 0
_THING: Final = 13
"""Columns of the gripper's and of the thing's x; y is the next."""
_SCALES: Final = np.array([4.0, 3.0], dtype=np.float32)
"""Of both."""
_NEAR: Final = 7
"""Column from which on it says where the thing is from the gripper."""
_HEADING: Final = 35
"""Column of the x of the gripper's horizontal direction; then come y, and the cosine and sine of its angle with the
thing's."""
_VECTORS: Final = np.array(
    [
        *(3, _NEAR, 10, 19, 22, _HEADING, TANGENT, TANGENT + 3),
        *(EGO + OTHER_WIDTH * i + j for i in range(OTHERS) for j in (1, 4)),
    ]
)
"""Columns of the x of all vectors, which turn with the world; y is the next."""


def positions(observation: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return where gripper and thing are, (..., 2) each: m, world x and y."""
    out = []
    for column in (_GRIPPER, _THING):
        at = observation[..., column : column + 2] / _SCALES
        at[..., 0] += 0.5
        out.append(at)
    return out[0], out[1]


def transformed(
    observation: npt.NDArray[np.float32], angle: npt.NDArray[np.floating], shift: npt.NDArray[np.floating]
) -> npt.NDArray[np.float32]:
    """Return what would be seen if all things and the gripper were turned about the robot's base, then shifted.

    The table stays: how far its edges are is seen anew.

    Args:
        observation: (B, EGO + OTHERS * OTHER_WIDTH) from an Observer.
        angle: (B,) rad, counter-clockwise.
        shift: (B, 2) m, world x and y.
    """
    out = observation.copy()
    vectors = np.stack([observation[:, _VECTORS], observation[:, _VECTORS + 1]], axis=-1)
    new = rotated(vectors, angle[:, None])
    out[:, _VECTORS], out[:, _VECTORS + 1] = new[..., 0], new[..., 1]
    # Rotating the gripper's place turns what it sees of things as well.
    for column, old in zip((_GRIPPER, _THING), positions(observation), strict=True):
        way = rotated(old, angle) + shift.astype(np.float32) - old
        out[:, column : column + 2] += way * _SCALES
        if column == _THING:
            out[:, _EDGES - 1] -= 3.0 * way[:, 0]
            out[:, _EDGES] -= 3.0 * way[:, 1]
            out[:, _EDGES + 1] += 3.0 * way[:, 1]
    out[:, _HEADING - 3 : _HEADING] = np.tanh(out[:, _NEAR : _NEAR + 3] * 3.0)
    return out


def half_turned(observation: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return what would be seen if the gripper were turned by half a turn, so that its two fingers change places.

    Args:
        observation: (..., EGO + OTHERS * OTHER_WIDTH) from an Observer.
    """
    out = observation.copy()
    out[..., _HEADING : _HEADING + 4] *= -1.0
    out[..., _FORCES : _FORCES + 2] = observation[..., [_FORCES + 1, _FORCES]]
    out[..., HAND : HAND + 4] *= -1.0
    return out


def rotated(vectors: npt.NDArray[np.floating], angle: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    """Return horizontal vectors (..., 2), turned counter-clockwise by angles in rad, broadcast to (...,)."""
    cos, sin = np.cos(angle).astype(np.float32), np.sin(angle).astype(np.float32)
    x, y = vectors[..., 0], vectors[..., 1]
    return np.stack([x * cos - y * sin, x * sin + y * cos], axis=-1)


class Observer:
    """Turns states into observations for one (layout, attended entity, initial state).

    Columns are scaled to about [-1, 1] and are relative to the attended entity where that helps, so that
    what is learned on one entity holds for the next. Most are linear in the state: one matrix product.
    """

    def __init__(self, layout: Layout, entity: Entity, initial: npt.NDArray[np.float64], horizon: int) -> None:
        """Prepare.

        Args:
            layout: of the states.
            entity: the attended one, as it stands in the scene.
            initial: (layout.width,), the first state.
            horizon: control steps of the skill, for the time left near its end.
        """
        self._handle, self._grip = _Handle(entity), _Grip(layout, entity)
        robot = load_robot_card(layout.robot)
        self._wrist = robot.lower[-1], robot.upper[-1]
        self._layout, self._entity, self._horizon = layout, entity.name, horizon
        self._prepare(State(layout, initial))

    def _prepare(self, state: State) -> None:
        layout, entity = state.layout, self._entity
        self._x_axis = _x_axis(state.entity(entity, "quaternion"))
        self._joint = layout.body_type(entity) == "joint"
        origin = state.entity(entity, "position")
        index = layout.index(entity)
        far = np.linalg.norm(state.field("position") - origin, axis=-1)
        solid = [i for i, k in enumerate(layout.kinds) if i != index and k != "target"]
        # What the thing may be laid on comes first: of all others it is the one that targets are relative to.
        partner = int(partner_of(state, entity)) if layout.body_type(entity) == "rigid" else -1
        others = sorted(solid, key=lambda i: (i != partner, far[i]))[:OTHERS]
        self._linear = np.zeros((layout.width, EGO + OTHERS * OTHER_WIDTH))
        self._constant = np.zeros(EGO + OTHERS * OTHER_WIDTH)
        column = 0

        def put(
            part: slice,
            scale: float,
            minus: slice | None = None,
            offset: float | npt.NDArray[np.float64] = 0.0,
        ) -> None:
            """Add (state[part] - state[minus] + offset) * scale as the next columns."""
            nonlocal column
            for i in range(part.stop - part.start):
                self._linear[part.start + i, column] += scale
                if minus is not None:
                    self._linear[minus.start + i, column] -= scale
                self._constant[column] = scale * np.broadcast_to(offset, part.stop - part.start)[i]
                column += 1

        gripper, table = layout.robot_slice("gripper_position"), layout.robot_slice("table_height")
        height = slice(gripper.stop - 1, gripper.stop)
        of = partial(layout.entity_slice, entity)
        position = of("position")
        z = slice(position.stop - 1, position.stop)
        put(slice(gripper.start, gripper.start + 1), 4.0, offset=-0.5)
        put(slice(gripper.start + 1, gripper.start + 2), 3.0)
        put(height, 4.0, table)
        put(layout.robot_slice("gripper_velocity"), 2.0)
        put(layout.robot_slice("gripper_width"), 12.5)
        put(position, 8.0, gripper)
        put(position, 6.0, offset=-origin)
        put(slice(position.start, position.start + 1), 4.0, offset=-0.5)
        put(slice(position.start + 1, position.start + 2), 3.0)
        put(z, 6.0, table)
        put(of("size"), 10.0)
        put(of("velocity"), 1.0)
        put(of("spin"), 0.1)
        put(of("fraction"), 1.0)
        width, depth = state.robot("table_size")
        put(slice(position.start, position.start + 1), -3.0, offset=-(width + 0.2) + 1 / 3)
        put(slice(position.start + 1, position.start + 2), -3.0, offset=-depth / 2 + 1 / 3)
        put(slice(position.start + 1, position.start + 2), 3.0, offset=depth / 2 - 1 / 3)
        for value in (float(state.entity(entity, "fraction")), float(self._joint), float(not self._joint)):
            self._constant[column] = value
            column += 1
        self._curved = column
        self._yaws: list[tuple[str, int]] = []
        column = EGO
        ends = _ends(layout, entity)
        for part in ends:
            self._constant[column] = 1.0
            column += 1
            put(part, 6.0, position)
            put(part, 6.0, gripper)
            # As small as they are; neither rigid nor jointed.
            self._constant[column : column + 3] = 8.0 * float(state.entity(entity, "size")[2])
            column += 9
        for i in others[: OTHERS - len(ends)]:
            name = layout.names[i]
            self._constant[column] = 1.0
            column += 1
            theirs = layout.entity_slice(name, "position")
            put(theirs, 6.0, position)
            put(theirs, 6.0, gripper)
            put(layout.entity_slice(name, "size"), 8.0)
            for body_type in ("rigid", "joint"):
                self._constant[column] = float(layout.body_types[i] == body_type)
                column += 1
            put(layout.entity_slice(name, "fraction"), 1.0)
            # Its yaw against the gripper's is put in by each call.
            self._yaws.append((name, column))
            column += 2
            self._constant[column] = float(i == partner)
            column += 1

    def __call__(
        self, values: npt.NDArray[np.float64], step: npt.NDArray[np.float64] | float
    ) -> npt.NDArray[np.float32]:
        """Return observations.

        Args:
            values: (..., layout.width) states.
            step: control steps since the skill began, broadcast to (...,).

        Returns:
            (..., EGO + OTHERS * OTHER_WIDTH)
        """
        state = State(self._layout, values)
        out = values @ self._linear + self._constant
        gx, gy = _x_axis(state.robot("gripper_quaternion"))
        q = state.entity(self._entity, "quaternion")
        ax, ay = _x_axis(q)
        bx, by = self._x_axis
        near = out[..., 7:10]
        if self._joint:
            near += 8.0 * _rotate(q, state.entity(self._entity, "grasp"))
        cosine, sine = gx * ax + gy * ay, gx * ay - gy * ax
        force = np.tanh(state.entity(self._entity, "finger_force") / 10.0)
        i = self._curved
        out[..., i : i + 3] = np.tanh(near * 3.0)
        curved = (
            *(gx, gy, cosine, sine, 2 * cosine * sine, bx * ax + by * ay, bx * ay - by * ax),
            1 - 2 * (q[..., 0] ** 2 + q[..., 1] ** 2),
            force[..., 0],
            force[..., 1],
            np.minimum((self._horizon - np.asarray(step)) / _LATE, 1.0) * (1.0 + NO_END) - 1.0,
        )
        for j, value in enumerate(curved):
            out[..., i + 3 + j] = value
        self._handle.see(out, q, gx, gy)
        self._grip.see(out, near, q, cosine, sine, gx, gy)
        wrist, (low, high) = state.robot("joints")[..., -1], self._wrist
        out[..., WRIST] = np.clip((wrist - low) / np.pi, 0.0, 1.0)
        out[..., WRIST + 1] = np.clip((high - wrist) / np.pi, 0.0, 1.0)
        for name, column in self._yaws:
            ox, oy = _x_axis(state.entity(name, "quaternion"))
            along, across = gx * ox + gy * oy, gx * oy - gy * ox
            out[..., column], out[..., column + 1] = along * along - across * across, 2 * along * across
        return out.astype(np.float32)


class _Handle:
    """How a joint's handle goes and is taken: the same few columns for all fixtures, 0 for what has no joint."""

    def __init__(self, entity: Entity) -> None:
        """Read the entity's card."""
        self._joint = joint = load_cards()[entity.kind].joint
        if joint is None:
            return
        self._travel = joint_travel(joint, entity.size)
        axis = np.array(joint.axis, dtype=float)
        self._axis = axis / np.linalg.norm(axis)
        names = dict(zip(("w", "d", "h"), entity.size, strict=True))
        grasp = np.array([number(g, names) for g in joint.grasp])
        self._arm = grasp - np.array(hinge(joint, entity.size))
        # A finger on each side needs such a width; 0 says that it can only be pushed.
        self._closing = np.array([1.0, 0.0, 0.0] if joint.closing == "x" else [0.0, 1.0, 0.0])
        self._width = 25.0 * joint.width

    def see(
        self,
        out: npt.NDArray[np.float64],
        q: npt.NDArray[np.float64],
        gx: npt.NDArray[np.float64],
        gy: npt.NDArray[np.float64],
    ) -> None:
        """Fill in the columns.

        Args:
            out: (..., columns) that are filled in.
            q: (..., 4) of the moving part.
            gx: (...,) x of the gripper's horizontal direction.
            gy: (...,) y of it.
        """
        if self._joint is None:
            return
        axis = _rotate(q, np.broadcast_to(self._axis, (*q.shape[:-1], 3)))
        i = TANGENT
        if self._joint.type == "prismatic":
            out[..., i : i + 3] = TANGENT_SCALE * self._travel * axis
        else:
            arm = _rotate(q, np.broadcast_to(self._arm, axis.shape))
            out[..., i : i + 3] = TANGENT_SCALE * self._travel * _cross(axis, arm)
            out[..., i + 3 : i + 6] = self._travel * axis
        closing = _rotate(q, np.broadcast_to(self._closing, axis.shape))
        cx, cy = closing[..., 0], closing[..., 1]
        along, across = gx * cx + gy * cy, gx * cy - gy * cx
        out[..., i + 6] = along * along - across * across
        out[..., i + 7] = 2 * along * across
        out[..., i + 8] = self._width


class _Grip:
    """How a thing, or a handle, lies in the gripper's frame, whose y axis the fingers close along.

    | columns | what | mirrored |
    | --- | --- | --- |
    | 2 | way to it along x and along y, 8 times m | y is -y |
    | 2 | the same near it: tanh of 40 times m | y is -y |
    | 1 | its extent along y, 10 times m | the same |
    | 2 | cosine and sine of twice the angle of its long axis, by how much it is longer | the sine is negative |
    | 2 | cosine and sine of four times its angle: which way its sides are nearest | the sine is negative |

    Only what is rigid has the last five. What looks the same from all sides has no last two.
    """

    def __init__(self, layout: Layout, entity: Entity) -> None:
        """Read what the entity is."""
        self._rigid = layout.body_type(entity.name) == "rigid"
        self._round = symmetric(entity.kind)
        self._ball = shape_of(entity.kind) == "sphere"
        self._size = np.array(entity.size)

    def see(
        self,
        out: npt.NDArray[np.float64],
        near: npt.NDArray[np.float64],
        q: npt.NDArray[np.float64],
        cosine: npt.NDArray[np.float64],
        sine: npt.NDArray[np.float64],
        gx: npt.NDArray[np.float64],
        gy: npt.NDArray[np.float64],
    ) -> None:
        """Fill in the columns.

        Args:
            out: (..., columns) that are filled in.
            near: (..., 3) way from the gripper to it, 8 times m, world axes.
            q: (..., 4) of it, xyzw.
            cosine: (...,) of its yaw in the gripper's frame.
            sine: (...,) of it.
            gx: (...,) x of the gripper's x axis.
            gy: (...,) y of it.
        """
        i = HAND
        out[..., i] = near[..., 0] * gx + near[..., 1] * gy
        out[..., i + 1] = near[..., 1] * gx - near[..., 0] * gy
        out[..., i + 2 : i + 4] = np.tanh(out[..., i : i + 2] * 5.0)
        if not self._rigid:
            return
        x, y, z, w = q[..., 0], q[..., 1], q[..., 2], q[..., 3]
        # Its own three axes seen from above, (..., 3) each.
        east = np.stack([1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)], axis=-1)
        north = np.stack([2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)], axis=-1)
        along = east * gx[..., None] + north * gy[..., None]
        across = north * gx[..., None] - east * gy[..., None]
        out[..., i + 4] = 10.0 * self._extent(across)
        p, r = along * self._size, across * self._size
        whole = (p * p + r * r).sum(-1)
        out[..., i + 5] = (p * p - r * r).sum(-1) / whole
        out[..., i + 6] = 2.0 * (p * r).sum(-1) / whole
        if not self._round:
            twice, sine_twice = cosine * cosine - sine * sine, 2.0 * cosine * sine
            upright = np.clip(1 - 2 * (x * x + y * y), 0.0, 1.0)
            out[..., i + 7] = upright * (twice * twice - sine_twice * sine_twice)
            out[..., i + 8] = upright * 2.0 * twice * sine_twice

    def _extent(self, across: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return how wide it is, (...,) m, along a direction that its own axes have (..., 3) shares of."""
        if self._ball:
            return np.full(across.shape[:-1], self._size[0])
        if self._round:
            standing = across[..., 2]
            lying = np.sqrt(1.0 - np.minimum(standing**2, 1.0))
            return np.asarray(np.abs(standing) * self._size[2] + lying * self._size[0])
        return np.asarray((np.abs(across) * self._size).sum(-1))


def _ends(layout: Layout, entity: str) -> list[slice]:
    """Return the columns of what a rope or cloth is taken by: ends and middle, or corners; [] for all else.

    They are seen as things beside it.
    """
    n, m = layout.grid(entity)
    start = layout.nodes_slice(entity).start if n else 0
    nodes = [0, n // 2, n - 1] if m == 1 else [0, m - 1, (n - 1) * m, n * m - 1]
    return [slice(start + 3 * i, start + 3 * i + 3) for i in nodes] if n else []


def _x_axis(q: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the horizontal direction (cos, sin of the yaw) of a quaternion's x axis."""
    x, y, z, w = q[..., 0], q[..., 1], q[..., 2], q[..., 3]
    a, b = 1 - 2 * (y * y + z * z), 2 * (x * y + z * w)
    norm = np.sqrt(a * a + b * b) + 1e-9
    return a / norm, b / norm


def _rotate(q: npt.NDArray[np.float64], v: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Rotate vectors (..., 3) by quaternions (..., 4) xyzw."""
    u, w = q[..., :3], q[..., 3:]
    t = 2 * _cross(u, v)
    out: npt.NDArray[np.float64] = v + w * t + _cross(u, t)
    return out


def _cross(one: npt.NDArray[np.float64], two: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the cross products of vectors (..., 3), of one shape: np.cross takes several times as long."""
    a, b, c = one[..., 0], one[..., 1], one[..., 2]
    x, y, z = two[..., 0], two[..., 1], two[..., 2]
    out = np.empty(one.shape)
    out[..., 0], out[..., 1], out[..., 2] = b * z - c * y, c * x - a * z, a * y - b * x
    return out
