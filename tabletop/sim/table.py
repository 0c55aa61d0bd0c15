"""The table and the floor: what never moves."""

from __future__ import annotations

from typing import Final

from tabletop.errors import unknown
from tabletop.sim.bodies import set_dynamics
from tabletop.sim.bullet import p
from tabletop.sim.camera import BACKGROUND, TABLE, Slab
from tabletop.sim.generate import textures
from tabletop.sim.scene import TABLE_NEAR_EDGE, Table

__all__ = ["build_slab", "slabs"]

_THICKNESS: Final = 0.04
_FLOOR: Final = -0.45


def slabs(table: Table) -> tuple[Slab, Slab]:
    """Return the table, with its picture where it bears one, and the floor.

    Raises:
        TabletopError: there is no picture of that name.
    """
    pictures = textures()
    if table.texture != "plain" and table.texture not in pictures:
        raise unknown("texture", table.texture, [*pictures, "plain"])
    size = (table.size[0], table.size[1], _THICKNESS)
    centre = (TABLE_NEAR_EDGE + size[0] / 2, 0.0, table.height - _THICKNESS / 2)
    floor = Slab((2.4, 2.4, 0.04), (0.3, 0.0, _FLOOR - 0.02), (0.42, 0.44, 0.48, 1.0), BACKGROUND)
    return Slab(size, centre, table.color, TABLE, pictures.get(table.texture)), floor


def build_slab(slab: Slab, friction: float, rolling: float, client: int) -> int:
    """Add a slab to collide with and return its id. Its looks are the backdrop's (camera.py): here it is a speck.

    Args:
        slab: where it is, and its size.
        friction: lateral friction coefficient.
        rolling: rolling friction coefficient.
        client: PyBullet's client.
    """
    speck = p.createVisualShape(p.GEOM_BOX, halfExtents=[1e-6] * 3, physicsClientId=client)
    half = [s / 2 for s in slab.size]
    shape = p.createCollisionShape(p.GEOM_BOX, halfExtents=half, physicsClientId=client)
    body: int = p.createMultiBody(0, shape, speck, slab.centre, physicsClientId=client)
    set_dynamics(body, [-1], friction, client, rolling=rolling)
    return body
