"""PyBullet's shapes for collision and looks, from the primitives or the mesh of a card."""

from __future__ import annotations

import math
from typing import Any, Final

from tabletop.errors import TabletopError
from tabletop.sim.bullet import p
from tabletop.sim.card_parts import Part, number
from tabletop.sim.cards import Card, mesh_file
from tabletop.sim.meshes import Mesh, check_mesh_file
from tabletop.sim.scene import Entity

__all__ = ["body_shapes", "mesh_shapes", "numbers_of", "part_shapes"]

_INSET: Final = 0.0005
"""m by which a cylinder's end lies behind the face of the box inside it."""
_SQUARE: Final = 0.98 * math.sqrt(0.5)
"""Half side of that box, in radii."""


def numbers_of(entity: Entity) -> dict[str, float]:
    """Return w, d, h (m), of which the expressions of a card speak."""
    w, d, h = entity.size
    return {"w": w, "d": d, "h": h}


def _quaternion(part: Part) -> list[float]:
    """Return the turn (xyzw) of a part: its pitch about y, then its yaw about z."""
    sy, cy = math.sin(part.yaw / 2), math.cos(part.yaw / 2)
    sp, cp = math.sin(part.pitch / 2), math.cos(part.pitch / 2)
    return [-sy * sp, cy * sp, sy * cp, cy * cp]


def part_shapes(
    parts: tuple[Part, ...], entity: Entity, solid: bool, client: int, shift: tuple[float, ...] = (0.0, 0.0, 0.0)
) -> tuple[int, int]:
    """Return (collision shape, visual shape) ids of a list of parts, shifted (m) as a whole; -1 for none."""
    if not parts:
        return -1, -1
    names = numbers_of(entity)
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
    """Return the visual shape of parts, as `part_shapes` describes them."""
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


def body_shapes(card: Card, entity: Entity, client: int) -> tuple[int, int]:
    """Return (collision shape, visual shape) ids of what of an entity does not move, a mesh or primitives."""
    if card.mesh is None:
        return part_shapes(card.parts, entity, card.solid, client)
    # What is static counts from its underside.
    up = entity.size[2] / 2 if card.body_type == "static" else 0.0
    return mesh_shapes(card.mesh, card, entity, client, (0.0, 0.0, up))


def mesh_shapes(mesh: Mesh, card: Card, entity: Entity, client: int, at: tuple[float, ...]) -> tuple[int, int]:
    """Return (collision shape, visual shape) ids of a card's mesh, its middle at a place (m); -1 for none."""
    scale = mesh.scales(entity.size)
    files = []
    for name in (mesh.visual, mesh.collision):
        path = mesh_file(card, name)
        check_mesh_file(path, f"mesh {name!r} of kind {card.kind!r}")
        files.append(str(path))
    # PyBullet keeps files by their names, and would not see that a thing was imported anew.
    p.setPhysicsEngineParameter(enableFileCaching=0, physicsClientId=client)
    visual: int = p.createVisualShape(
        p.GEOM_MESH,
        fileName=files[0],
        meshScale=scale,
        visualFramePosition=at,
        rgbaColor=entity.color,
        physicsClientId=client,
    )
    collision = -1
    if card.solid:
        collision = p.createCollisionShape(
            p.GEOM_MESH, fileName=files[1], meshScale=scale, collisionFramePosition=at, physicsClientId=client
        )
    p.setPhysicsEngineParameter(enableFileCaching=1, physicsClientId=client)
    if visual < 0 or (card.solid and collision < 0):
        raise TabletopError(f"kind {card.kind!r}: PyBullet cannot read its mesh {mesh.collision!r}; import it anew")
    return collision, visual
