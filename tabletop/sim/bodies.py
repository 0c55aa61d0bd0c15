"""PyBullet's bodies of entities: where they are, how they touch, and building those without a joint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from tabletop.sim.bullet import p
from tabletop.sim.cards import Card
from tabletop.sim.meshes import moments
from tabletop.sim.scene import Entity
from tabletop.sim.shapes import body_shapes

__all__ = ["AIR", "FAR", "Body", "build_body", "gear", "set_dynamics", "set_inertia"]

_SPINNING: Final = 0.002
"""Spinning friction coefficient of everything, m."""
FAR: Final = (0.0, 0.0, -50.0)
"""m, where bodies are built."""
_GEAR_ERP: Final = 0.1
"""Share of what geared joints are out of step that is made good in a physics step."""
AIR: Final = 0.04
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
    link: int = -1
    """Of the body, what moves; -1 is its base."""
    frame: tuple[tuple[float, ...], tuple[float, ...]] | None = None
    """Its own frame's position and turn in that of its mass, by which PyBullet goes; None: they are the same."""

    def pose(self, client: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Return the position (m) and turn (xyzw) of its own frame, world; of what moves, where there is a joint."""
        if self.link < 0:
            found = p.getBasePositionAndOrientation(self.id, client)
        else:
            found = p.getLinkState(self.id, self.link, 0, 1, client)[:2]
        position, turn = found if self.frame is None else p.multiplyTransforms(*found, *self.frame)
        return position, turn

    def motion(self, client: int) -> tuple[tuple[float, ...], ...]:
        """Return position (m), turn (xyzw), velocity (m/s) and spin (rad/s) of its own frame, world."""
        if self.link < 0:
            found = (*p.getBasePositionAndOrientation(self.id, client), *p.getBaseVelocity(self.id, client))
        else:
            link = p.getLinkState(self.id, self.link, 1, 1, client)
            found = (link[0], link[1], link[6], link[7])
        if self.frame is None:
            return found
        middle, turn, (vx, vy, vz), (wx, wy, wz) = found
        position, turn = p.multiplyTransforms(middle, turn, *self.frame)
        x, y, z = (a - b for a, b in zip(position, middle, strict=True))
        return position, turn, (vx + wy * z - wz * y, vy + wz * x - wx * z, vz + wx * y - wy * x), (wx, wy, wz)

    def place(self, position: Sequence[float], turn: Sequence[float], client: int) -> None:
        """Put a body's own frame at a position (m) and turn (xyzw), world."""
        if self.frame is not None:
            position, turn = p.multiplyTransforms(position, turn, *p.invertTransform(*self.frame))
        p.resetBasePositionAndOrientation(self.id, position, turn, physicsClientId=client)


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
        card: of its kind, rigid or static.
        client: PyBullet's client.

    Raises:
        TabletopError: its mesh cannot be read.
    """
    inertial: dict[str, Any] = {}
    frame = None
    collision, visual = body_shapes(card, entity, client)
    if card.mesh is not None and card.body_type == "rigid":
        centre, turn, principal = moments(card.mesh, entity.size)
        inertial = {"baseInertialFramePosition": centre, "baseInertialFrameOrientation": turn}
        frame = p.invertTransform(centre, turn)
    body = p.createMultiBody(
        baseMass=entity.mass if card.body_type == "rigid" else 0.0,
        baseCollisionShapeIndex=collision,
        baseVisualShapeIndex=visual,
        basePosition=FAR,
        physicsClientId=client,
        **inertial,
    )
    set_dynamics(body, [-1], entity.friction, client, rolling=card.rolling, damping=AIR)
    if frame is not None:
        set_inertia(body, -1, [entity.mass * v for v in principal], client)
    offset = entity.size[2] / 2 if card.body_type == "static" else 0.0
    return Body(body, card.body_type, entity.size, (0.0, 0.0, 0.0), offset, frame=frame)


def gear(body: int, one: int, two: int, ratio: float, force: float, client: int) -> None:
    """Gear two links of a body together: the first one's joint goes `ratio` times as far as the second one's.

    Args:
        body: PyBullet's id.
        one: link that follows.
        two: link that it follows.
        ratio: m or rad for each m or rad.
        force: N or N m that the gear bears at most.
        client: PyBullet's client.
    """
    made = p.createConstraint(
        body,
        one,
        body,
        two,
        jointType=p.JOINT_GEAR,
        jointAxis=[0, 1, 0],
        parentFramePosition=[0, 0, 0],
        childFramePosition=[0, 0, 0],
        physicsClientId=client,
    )
    # PyBullet's gear of ratio -1 keeps joints equal.
    p.changeConstraint(made, gearRatio=-ratio, erp=_GEAR_ERP, maxForce=force, physicsClientId=client)


def set_inertia(body: int, link: int, principal: Sequence[float], client: int) -> None:
    """Set a link's principal moments of inertia (3,), kg m^2."""
    p.changeDynamics(body, link, localInertiaDiagonal=list(principal), physicsClientId=client)
