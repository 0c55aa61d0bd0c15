"""Building PyBullet bodies from cards, and reading and teleporting them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from tabletop.errors import TabletopError
from tabletop.sim.bullet import p
from tabletop.sim.cards import Card, Part, number
from tabletop.sim.joints import hinge
from tabletop.sim.scene import Entity

__all__ = ["Body", "build_body", "set_dynamics"]

_SPINNING: Final = 0.002
"""Spinning friction coefficient of everything, m."""
_FAR: Final = (0.0, 0.0, -50.0)
_INSET: Final = 0.0005
"""m by which a cylinder's end lies behind the face of the box inside it."""
_SQUARE: Final = 0.98 * math.sqrt(0.5)
"""Half side of that box, in radii."""
_DAMPING: Final = 0.04
"""Share of its speed that a thing loses per second to the air."""


@dataclass
class Body:
    """A built entity: its PyBullet ids and what is constant about it."""

    id: int
    body_type: str
    size: tuple[float, ...]
    """Full extents of what moves (or of a static body), m."""
    grasp: tuple[float, ...]
    offset: float
    """Height of the reference point (see ENTITY_FIELDS) above the base frame, m; static bodies only."""
    travel: float = 0.0
    """m or rad between fraction 0 and 1."""
    spring: float = 0.0
    latch: float = 2.0
    latched: bool = False
    beads: tuple[int, ...] = ()
    """Ids of what is deformable, one a node; `id` is the first."""


def _names(entity: Entity) -> dict[str, float]:
    w, d, h = entity.size
    return {"w": w, "d": d, "h": h}


def _quaternion(part: Part) -> list[float]:
    """Return the turn (xyzw) of a part: its pitch about y, then its yaw about z."""
    sy, cy = math.sin(part.yaw / 2), math.cos(part.yaw / 2)
    sp, cp = math.sin(part.pitch / 2), math.cos(part.pitch / 2)
    return [-sy * sp, cy * sp, sy * cp, cy * cp]


def _shapes(
    parts: tuple[Part, ...], entity: Entity, solid: bool, client: int, shift: tuple[float, ...] = (0.0, 0.0, 0.0)
) -> tuple[int, int]:
    """Return (collision shape, visual shape) ids of a list of parts, shifted (m) as a whole; -1 for none."""
    if not parts:
        return -1, -1
    names = _names(entity)
    types: list[int] = []
    looks: list[int] = []
    extra: dict[str, list[Any]] = {"half": [], "radius": [], "length": [], "at": [], "turn": [], "color": []}
    extra |= {"file": [], "scale": []}
    for part in parts:
        size = [number(s, names) for s in part.size]
        shapes = {"box": p.GEOM_BOX, "cylinder": p.GEOM_CYLINDER, "sphere": p.GEOM_SPHERE}
        types.append(shapes[part.shape])
        # PyBullet's own round shapes have so many triangles that building them takes most of a load.
        looks.append(p.GEOM_BOX if part.shape == "box" else p.GEOM_MESH)
        extra["file"].append("" if part.shape == "box" else f"{part.shape}.obj")
        wide = 2 * size[0]
        extra["scale"].append([wide, wide, size[1] if part.shape == "cylinder" else wide])
        extra["half"].append([s / 2 for s in size] if part.shape == "box" else [0.01, 0.01, 0.01])
        extra["radius"].append(0.01 if part.shape == "box" else size[0])
        extra["length"].append(size[1] if part.shape == "cylinder" else 0.01)
        extra["at"].append([number(a, names) + s for a, s in zip(part.at, shift, strict=True)])
        extra["turn"].append(_quaternion(part))
        r, g, b, a = entity.color
        extra["color"].append([min(1.0, c * part.tint) for c in (r, g, b)] + [a])
    visual = _looks(looks, extra, client)
    if not solid:
        return -1, visual
    for i, part in enumerate(parts):
        if part.shape != "cylinder":
            continue
        # On a box PyBullet's cylinder stands on one point a step, and sinks. So a box inside it bears it.
        radius, length = extra["radius"][i], extra["length"][i]
        extra["length"][i] = length - 2 * _INSET
        types.append(p.GEOM_BOX)
        extra["half"].append([radius * _SQUARE, radius * _SQUARE, length / 2])
        for name in ("radius", "length"):
            extra[name].append(0.01)
        for name in ("at", "turn"):
            extra[name].append(extra[name][i])
    collision = p.createCollisionShapeArray(
        shapeTypes=types,
        halfExtents=extra["half"],
        radii=extra["radius"],
        lengths=extra["length"],
        collisionFramePositions=extra["at"],
        collisionFrameOrientations=extra["turn"],
        physicsClientId=client,
    )
    return collision, visual


def _looks(types: list[int], extra: dict[str, list[Any]], client: int) -> int:
    """Return the visual shape of parts, as `_shapes` describes them."""
    if len(types) == 1:
        # PyBullet never lets go of the names in a list of files, but of a single name it does.
        shape: int = p.createVisualShape(
            types[0],
            halfExtents=extra["half"][0],
            fileName=extra["file"][0],
            meshScale=extra["scale"][0],
            visualFramePosition=extra["at"][0],
            visualFrameOrientation=extra["turn"][0],
            rgbaColor=extra["color"][0],
            physicsClientId=client,
        )
        return shape
    shape = p.createVisualShapeArray(
        shapeTypes=types,
        halfExtents=extra["half"],
        fileNames=extra["file"],
        meshScales=extra["scale"],
        visualFramePositions=extra["at"],
        visualFrameOrientations=extra["turn"],
        rgbaColors=extra["color"],
        physicsClientId=client,
    )
    return shape


def set_dynamics(
    body: int, links: Sequence[int], friction: float, client: int, *, rolling: float = 0.0, damping: float = 0.0
) -> None:
    """Set how links of a body touch, and how the whole body loses speed.

    PyBullet applies a link's properties to the base where one call also sets damping or sleeping. So each has its own.

    Args:
        body: PyBullet's id.
        links: indices, -1 for the base.
        friction: lateral friction coefficient, multiplied by the other body's.
        client: PyBullet's client.
        rolling: rolling friction coefficient.
        damping: share of linear and angular speed lost per second.
    """
    for link in links:
        p.changeDynamics(
            body,
            link,
            lateralFriction=friction,
            rollingFriction=rolling,
            spinningFriction=_SPINNING,
            physicsClientId=client,
        )
    p.changeDynamics(body, -1, linearDamping=damping, angularDamping=damping, physicsClientId=client)
    p.changeDynamics(body, -1, activationState=p.ACTIVATION_STATE_DISABLE_SLEEPING, physicsClientId=client)


def build_body(entity: Entity, card: Card, client: int) -> Body:
    """Create an entity's body, parked far below the table.

    Args:
        entity: its size, mass, friction and colour.
        card: of its kind; not of a deformable one.
        client: PyBullet's client.

    Raises:
        TabletopError: the card lacks what its body type needs.
    """
    collision, visual = _shapes(card.parts, entity, card.solid, client)
    if card.body_type in {"rigid", "static"}:
        body = p.createMultiBody(
            baseMass=entity.mass if card.body_type == "rigid" else 0.0,
            baseCollisionShapeIndex=collision,
            baseVisualShapeIndex=visual,
            basePosition=_FAR,
            physicsClientId=client,
        )
        set_dynamics(body, [-1], entity.friction, client, rolling=card.rolling, damping=_DAMPING)
        offset = entity.size[2] / 2 if card.body_type == "static" else 0.0
        return Body(body, card.body_type, entity.size, (0.0, 0.0, 0.0), offset)
    joint = card.joint
    if card.body_type != "joint" or joint is None or not card.moving:
        raise TabletopError(f"kind {card.kind!r}: body_type is rigid, static, or joint with `joint` and `moving`")
    names = _names(entity)
    # PyBullet's link frame is the joint's: on the axis, which need not pass through the part's middle.
    axle = hinge(joint, entity.size)
    middle = tuple(0.0 - a for a in axle)
    moving_collision, moving_visual = _shapes(card.moving, entity, card.solid, client, middle)
    types = {"prismatic": p.JOINT_PRISMATIC, "revolute": p.JOINT_REVOLUTE}
    if joint.type not in types:
        raise TabletopError(f"kind {card.kind!r}: joint type {joint.type!r}; there are: prismatic, revolute")
    body = p.createMultiBody(
        baseMass=0.0,
        baseCollisionShapeIndex=collision,
        baseVisualShapeIndex=visual,
        basePosition=_FAR,
        linkMasses=[entity.mass],
        linkCollisionShapeIndices=[moving_collision],
        linkVisualShapeIndices=[moving_visual],
        linkPositions=[[number(v, names) + a for v, a in zip(joint.origin, axle, strict=True)]],
        linkOrientations=[[0, 0, 0, 1]],
        linkInertialFramePositions=[list(middle)],
        linkInertialFrameOrientations=[[0, 0, 0, 1]],
        linkParentIndices=[0],
        linkJointTypes=[types[joint.type]],
        linkJointAxis=[list(joint.axis)],
        physicsClientId=client,
    )
    travel = number(joint.travel, names)
    p.changeDynamics(body, 0, jointLowerLimit=0.0, jointUpperLimit=travel, physicsClientId=client)
    set_dynamics(body, [-1, 0], entity.friction, client, rolling=card.rolling, damping=_DAMPING)
    if joint.spring <= 0:
        p.setJointMotorControl2(
            body, 0, p.VELOCITY_CONTROL, targetVelocity=0.0, force=joint.friction, physicsClientId=client
        )
    return Body(
        body,
        "joint",
        tuple(number(v, names) for v in joint.extent),
        tuple(number(v, names) for v in joint.grasp),
        0.0,
        travel,
        joint.spring,
        joint.latch,
    )
