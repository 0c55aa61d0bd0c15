"""Ropes and cloths in PyBullet: beads, each joined to the next by a point-to-point constraint.

A bead carries a stiff arm to the next one along x, and one along y, which ends at the next one's middle. So
neighbours keep their distance, and everything else gives. PyBullet's own soft bodies are not deterministic
enough to be of use, and a chain of links as one multibody was slower.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from tabletop.errors import TabletopError
from tabletop.sim.bodies import Body, set_dynamics
from tabletop.sim.bullet import p
from tabletop.sim.cards import Card
from tabletop.sim.deformable_beads import box, heading, rest, spacing
from tabletop.sim.scene import Entity

__all__ = ["ANCHORING", "FINER", "ITERATIONS", "PINCH", "beads_at", "build_deformable", "columns", "place_deformable"]

FINER: Final = 2
"""Physics steps that replace one in a scene with something deformable: at 1/120 s beads fly apart."""
ITERATIONS: Final = 50
"""Iterations of the constraint solver there, while the robot touches nothing."""
PINCH: Final = 0.1
"""N of a contact of the robot's from which there are more: with 50 the fingers sink 4 mm into a bead."""
ANCHORING: Final = 0.8
"""Share of a drift between fingers and bead that friction makes good in a physics step."""
_FAR: Final = -50.0
_PULL: Final = 5.0
"""N that a constraint pulls with at most: what is stretched between fingers and table gives way."""
_DAMPING: Final = 1.0
"""1/s: air slows a cloth down."""


def build_deformable(entity: Entity, card: Card, client: int) -> Body:
    """Create an entity's beads and what joins them, parked far below the table. They have no looks.

    Args:
        entity: its size, mass and friction.
        card: of its kind, with the grid of its beads.
        client: PyBullet's client.

    Raises:
        TabletopError: the card has no beads, or they have no room.
    """
    if card.beads is None:
        raise TabletopError(f"kind {card.kind!r} is deformable and needs `beads`")
    n, m = card.beads.grid
    along, across = spacing(entity, card.beads.grid)
    shape = p.createCollisionShape(p.GEOM_SPHERE, radius=entity.size[2] / 2, physicsClientId=client)
    speck = p.createVisualShape(p.GEOM_BOX, halfExtents=[1e-6] * 3, physicsClientId=client)
    ids = []
    for i in range(n):
        for j in range(m):
            at = [i * along, j * across, _FAR]
            bead: int = p.createMultiBody(entity.mass / (n * m), shape, speck, at, physicsClientId=client)
            set_dynamics(bead, [-1], entity.friction, client, rolling=card.rolling, damping=_DAMPING)
            ids.append(bead)
    for i in range(n):
        for j in range(m):
            if i + 1 < n:
                _join(ids[i * m + j], ids[(i + 1) * m + j], (along, 0.0, 0.0), client)
            if j + 1 < m:
                _join(ids[i * m + j], ids[i * m + j + 1], (0.0, across, 0.0), client)
    return Body(ids[0], "deformable", entity.size, (0.0, 0.0, 0.0), 0.0, beads=tuple(ids))


def _join(one: int, two: int, arm: tuple[float, float, float], client: int) -> None:
    joint_type = p.JOINT_POINT2POINT
    joint = p.createConstraint(one, -1, two, -1, joint_type, [0, 0, 0], list(arm), [0, 0, 0], physicsClientId=client)
    p.changeConstraint(joint, maxForce=_PULL, physicsClientId=client)


def place_deformable(entity: Entity, body: Body, grid: tuple[int, int], client: int) -> None:
    """Put the beads where the entity starts, at rest.

    Args:
        entity: its position, yaw and bends.
        body: what was built of it.
        grid: (n, m) nodes along its own x and y.
        client: PyBullet's client.

    Raises:
        TabletopError: the beads have no room, or it takes another number of bends.
    """
    nodes, yaws = rest(entity, grid)
    c, s = math.cos(entity.yaw), math.sin(entity.yaw)
    world = nodes.reshape(-1, 3) @ np.array([[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]]) + entity.position
    for bead, at, yaw in zip(body.beads, world, yaws.ravel() + entity.yaw, strict=True):
        turn = [0.0, 0.0, math.sin(yaw / 2), math.cos(yaw / 2)]
        p.resetBasePositionAndOrientation(bead, at.tolist(), turn, physicsClientId=client)
        p.resetBaseVelocity(bead, [0, 0, 0], [0, 0, 0], physicsClientId=client)


def beads_at(body: Body, grid: tuple[int, int], client: int) -> npt.NDArray[np.float64]:
    """Return where the beads are, (n, m, 3), m, world.

    Args:
        body: something deformable.
        grid: (n, m) nodes along its own x and y.
        client: PyBullet's client.
    """
    rows = [p.getBasePositionAndOrientation(b, client)[0] for b in body.beads]
    return np.array(rows).reshape(*grid, 3)


def columns(body: Body, nodes: npt.NDArray[np.float64], client: int) -> list[float]:
    """Return the columns of ENTITY_FIELDS up to `fraction`, given the nodes (n, m, 3).

    Args:
        body: something deformable.
        nodes: (n, m, 3), m, world.
        client: PyBullet's client.
    """
    yaw = heading(nodes)
    middle, extents = box(nodes, body.size[2], yaw)
    speed = np.mean([p.getBaseVelocity(b, client)[0] for b in body.beads], axis=0)
    turn = (0.0, 0.0, math.sin(yaw / 2), math.cos(yaw / 2))
    return [*middle.tolist(), *turn, *speed.tolist(), 0.0, 0.0, 0.0, *extents.tolist(), *body.grasp, 0.0]
