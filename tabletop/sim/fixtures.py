"""Building what has joints: fixtures with one moving part, and with several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from tabletop.errors import TabletopError
from tabletop.sim.bodies import AIR, FAR, Body, gear, set_dynamics, set_inertia
from tabletop.sim.bullet import p
from tabletop.sim.card_parts import Joint, number
from tabletop.sim.cards import Card, load_cards, part_of
from tabletop.sim.joints import hinge
from tabletop.sim.meshes import moments
from tabletop.sim.scene import Entity
from tabletop.sim.shapes import body_shapes, mesh_shapes, numbers_of, part_shapes

__all__ = ["build_joint", "build_parts"]

_JOINTS: Final = {"prismatic": p.JOINT_PRISMATIC, "revolute": p.JOINT_REVOLUTE}
_STRAIGHT: Final[tuple[float, ...]] = (0.0, 0.0, 0.0, 1.0)
_GEAR_FORCE: Final = 50.0
"""N or N m with which a part follows another one, at most."""


def build_joint(entity: Entity, card: Card, client: int) -> Body:
    """Create a fixture with one joint."""
    joint = card.joint
    if joint is None or not card.moving:
        raise TabletopError(f"kind {card.kind!r}: body_type is rigid, static, or joint with `joint` and `moving`")
    collision, visual = part_shapes(card.parts, entity, card.solid, client)
    names = numbers_of(entity)
    # PyBullet's link frame is the joint's: on the axis, which need not pass through the part's middle.
    axle = hinge(joint, entity.size)
    middle = tuple(0.0 - a for a in axle)
    moving_collision, moving_visual = part_shapes(card.moving, entity, card.solid, client, middle)
    body = p.createMultiBody(
        baseMass=0.0,
        baseCollisionShapeIndex=collision,
        baseVisualShapeIndex=visual,
        basePosition=FAR,
        linkMasses=[entity.mass],
        linkCollisionShapeIndices=[moving_collision],
        linkVisualShapeIndices=[moving_visual],
        linkPositions=[[number(v, names) + a for v, a in zip(joint.origin, axle, strict=True)]],
        linkOrientations=[[0, 0, 0, 1]],
        linkInertialFramePositions=[list(middle)],
        linkInertialFrameOrientations=[[0, 0, 0, 1]],
        linkParentIndices=[0],
        linkJointTypes=[_JOINTS[joint.type]],
        linkJointAxis=[list(joint.axis)],
        physicsClientId=client,
    )
    set_dynamics(body, [-1, 0], entity.friction, client, rolling=card.rolling, damping=AIR)
    return _moving_body(body, 0, entity, joint, client)


def _moving_body(
    body: int,
    link: int,
    entity: Entity,
    joint: Joint,
    client: int,
    frame: tuple[tuple[float, ...], tuple[float, ...]] | None = None,
) -> Body:
    """Set up a link's joint and return the link as a body."""
    names = numbers_of(entity)
    travel = number(joint.travel, names)
    if joint.continuous:
        # A lower limit above the upper one is none.
        p.changeDynamics(body, link, jointLowerLimit=1.0, jointUpperLimit=-1.0, physicsClientId=client)
    else:
        p.changeDynamics(body, link, jointLowerLimit=0.0, jointUpperLimit=travel, physicsClientId=client)
    if joint.damping > 0:
        p.changeDynamics(body, link, jointDamping=joint.damping, physicsClientId=client)
    if joint.spring <= 0:
        p.setJointMotorControl2(
            body, link, p.VELOCITY_CONTROL, targetVelocity=0.0, force=joint.friction, physicsClientId=client
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
        link=link,
        frame=frame,
    )


def build_parts(base: Entity, entities: Sequence[Entity], client: int) -> list[Body]:
    """Create a fixture with several moving parts, parked far below the table.

    Args:
        base: the fixture.
        entities: its moving parts, each that moves on another after that one.
        client: PyBullet's client.

    Returns:
        A body each, of one id: the base, then the parts.

    Raises:
        TabletopError: a mesh cannot be read.
    """
    cards = load_cards()
    card = cards[base.kind]
    known = card.moving_parts or {}
    still = body_shapes(card, base, client)
    order = {part_of(e.kind): i for i, e in enumerate(entities)}
    names = numbers_of(base)
    axles: list[list[float]] = []
    links: dict[str, list[Any]] = {key: [] for key in ("mass", "solid", "looks", "at", "centre", "turn", "parent")}
    inertias: list[tuple[float, ...] | None] = []
    frames: list[tuple[tuple[float, ...], tuple[float, ...]] | None] = []
    for entity in entities:
        part = known[part_of(entity.kind)]
        joint, own = part.joint, cards[entity.kind]
        axle = hinge(joint, entity.size)
        shift = tuple(0.0 - a for a in axle)
        axles.append([number(v, names) + a for v, a in zip(joint.origin, axle, strict=True)])
        centre, turn = shift, _STRAIGHT
        frame, inertia = None, None
        if own.mesh is None:
            solid, looks = part_shapes(own.moving, entity, own.solid, client, shift)
        else:
            extent = tuple(number(v, names) for v in joint.extent)
            solid, looks = mesh_shapes(own.mesh, own, replace(entity, size=extent), client, shift)
            offset, turn, principal = moments(own.mesh, extent)
            centre = tuple(a + b for a, b in zip(shift, offset, strict=True))
            frame = p.invertTransform(offset, turn)
            inertia = tuple(entity.mass * v for v in principal)
        parent = 0 if part.parent is None else order[part.parent] + 1
        before = axles[parent - 1] if parent else [0.0, 0.0, 0.0]
        at = [a - b for a, b in zip(axles[-1], before, strict=True)]
        for key, value in zip(links, (entity.mass, solid, looks, at, centre, turn, parent), strict=True):
            links[key].append(value)
        inertias.append(inertia)
        frames.append(frame)
    body = p.createMultiBody(
        baseMass=0.0,
        baseCollisionShapeIndex=still[0],
        baseVisualShapeIndex=still[1],
        basePosition=FAR,
        linkMasses=links["mass"],
        linkCollisionShapeIndices=links["solid"],
        linkVisualShapeIndices=links["looks"],
        linkPositions=links["at"],
        linkOrientations=[[0, 0, 0, 1]] * len(entities),
        linkInertialFramePositions=links["centre"],
        linkInertialFrameOrientations=links["turn"],
        linkParentIndices=links["parent"],
        linkJointTypes=[_JOINTS[known[part_of(e.kind)].joint.type] for e in entities],
        linkJointAxis=[list(known[part_of(e.kind)].joint.axis) for e in entities],
        physicsClientId=client,
    )
    out = [Body(body, "static", base.size, (0.0, 0.0, 0.0), base.size[2] / 2)]
    set_dynamics(body, [-1], base.friction, client, damping=AIR)
    for i, entity in enumerate(entities):
        part = known[part_of(entity.kind)]
        set_dynamics(body, [i], entity.friction, client, damping=AIR)
        inertia = inertias[i]
        if inertia is not None:
            set_inertia(body, i, inertia, client)
        out.append(_moving_body(body, i, entity, part.joint, client, frames[i]))
        if part.mimic is not None:
            gear(body, i, order[part.mimic.part], part.mimic.ratio, _GEAR_FORCE, client)
    return out
