"""Where the entities of a scene stand: poses that the card allows and that are free of others."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from tabletop.errors import TabletopError
from tabletop.sim import deformable_beads
from tabletop.sim.card_parts import Part, number
from tabletop.sim.cards import Card, base_of, load_cards
from tabletop.sim.held_part import grasped_part
from tabletop.sim.joints import corners, hinge, moving_point
from tabletop.sim.meshes import Mesh
from tabletop.sim.scene import TABLE_NEAR_EDGE, Entity, Table

__all__ = [
    "Rectangle",
    "Spec",
    "apart",
    "draw",
    "footprint",
    "grasp_point",
    "heights",
    "place",
]

_REACH_X = (0.36, 0.64)
_REACH_Y = (-0.25, 0.25)
_GAP = 0.012
_TRIES = 60


@dataclass(frozen=True)
class Spec:
    """One entity that a scene card asks for."""

    name: str
    kind: str
    raw: Mapping[str, Any]
    """The card's own fields."""


_ROOM: Final = 0.04
"""m around a mark: a finger's breadth and a half."""
_ROOM_ABOVE: Final = 0.3
"""m above the table."""


def draw(value: object, rng: np.random.Generator, what: str) -> float:
    """Return a number, or one drawn from a [low, high] range; nothing is drawn for a plain number.

    Args:
        value: a number or [low, high].
        rng: draws.
        what: it is, for the error.

    Raises:
        TabletopError: neither of both.
    """
    if _finite(value):
        return float(value)  # type: ignore[arg-type]
    if isinstance(value, Sequence) and len(value) == 2 and all(_finite(v) for v in value):
        low, high = value
        if low <= high:
            return float(rng.uniform(low, high))
    raise TabletopError(f"{what} must be a number or [low, high], got {value!r}")


def _finite(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


# --- what is free ------------------------------------------------------------------------------

Rectangle = tuple[float, float, float, float, float]
"""Centre x, y, half extents, yaw: m and rad, world."""


def footprint(entity: Entity) -> Rectangle:
    """Return the rectangle an entity takes up on the table.

    What slides out of a fixture is kept free too, as wide as the body and as long as the travel, and what
    a hinged part sweeps over.
    """
    w, d, h = entity.size
    x, y = entity.position[:2]
    card = load_cards()[entity.kind]
    if card.beads is not None:
        half = deformable_beads.footprint(entity, card.beads.grid)
        return x, y, half[0], half[1], entity.yaw
    if card.moving_parts:
        return _swept(entity, card)
    joint = card.joint
    if joint is None or (joint.type == "prismatic" and abs(joint.axis[2]) > 0.5):
        return x, y, w / 2, d / 2, entity.yaw
    if joint.type == "revolute":
        left, right, low, high = corners(joint, entity.size)
        dx, dy = _turned((left + right) / 2, (low + high) / 2, entity.yaw)
        return x + dx, y + dy, (right - left) / 2, (high - low) / 2, entity.yaw
    ahead = number(joint.travel, {"w": w, "d": d, "h": h}) + 0.05
    ax, ay = joint.axis[0] * ahead / 2, joint.axis[1] * ahead / 2
    half_w, half_d = w / 2 + abs(ax), d / 2 + abs(ay)
    dx, dy = _turned(ax, ay, entity.yaw)
    return x + dx, y + dy, half_w, half_d, entity.yaw


def _swept(entity: Entity, card: Card) -> Rectangle:
    """Return the rectangle of a fixture with all that its moving parts ever take up."""
    ends = [_ways(name, card, entity.size) for name in card.moving_parts or {}]
    left, right = min(e[0] for e in ends), max(e[1] for e in ends)
    low, high = min(e[2] for e in ends), max(e[3] for e in ends)
    dx, dy = _turned((left + right) / 2, (low + high) / 2, entity.yaw)
    return entity.position[0] + dx, entity.position[1] + dy, (right - left) / 2, (high - low) / 2, entity.yaw


def _ways(name: str, card: Card, size: Sequence[float]) -> tuple[float, float, float, float]:
    """Return least x, most x, least y, most y (m, fixture's frame) that a part takes up, with what it moves on."""
    known = card.moving_parts or {}
    part = known[name]
    left, right, low, high = corners(part.joint, size)
    while part.parent is not None:
        part = known[part.parent]
        joint = part.joint
        way = number(joint.travel, dict(zip("wdh", size, strict=True)))
        if joint.type == "prismatic":
            x, y = (way * a for a in joint.axis[:2])
            left, right, low, high = left + min(x, 0.0), right + max(x, 0.0), low + min(y, 0.0), high + max(y, 0.0)
        else:
            # Anywhere around its axis.
            x, y, _ = moving_point(joint, size, 0.0, hinge(joint, size))
            far = max(math.dist((x, y), corner) for corner in itertools.product((left, right), (low, high)))
            left, right, low, high = x - far, x + far, y - far, y + far
    return left, right, low, high


def _turned(x: float, y: float, yaw: float) -> tuple[float, float]:
    c, s = math.cos(yaw), math.sin(yaw)
    return c * x - s * y, s * x + c * y


def apart(one: Rectangle, two: Rectangle, gap: float) -> bool:
    """Return whether two rectangles are more than a gap apart (separating axes).

    Args:
        one: a rectangle.
        two: another one.
        gap: m.
    """
    ax, ay, aw, ad, at = one
    bx, by, bw, bd, bt = two
    dx, dy, turn = bx - ax, by - ay, bt - at
    cos, sin = abs(math.cos(turn)), abs(math.sin(turn))
    axes = (
        (at, aw, bw * cos + bd * sin),
        (at + math.pi / 2, ad, bw * sin + bd * cos),
        (bt, bw, aw * cos + ad * sin),
        (bt + math.pi / 2, bd, aw * sin + ad * cos),
    )
    return any(abs(dx * math.cos(angle) + dy * math.sin(angle)) > own + far + gap for angle, own, far in axes)


def heights(entity: Entity) -> tuple[float, float]:
    """Return the z of an entity's underside and top, m."""
    z, h = entity.position[2], entity.size[2]
    card = load_cards()[entity.kind]
    if card.loose:
        return z - h / 2, z + h / 2
    # A button's cap stands above its housing.
    return z, max(z + h, grasp_point(entity)[2])


def _around(mark: Entity) -> Rectangle:
    """Return the rectangle that is to stay free around a mark."""
    x, y, half_w, half_d, yaw = footprint(mark)
    return x, y, half_w + _ROOM, half_d + _ROOM, yaw


def _clear(entity: Entity, obstacles: Sequence[tuple[float, float, Rectangle]]) -> bool:
    """Return whether an entity is apart from obstacles, each an underside, a top (z, m) and a rectangle."""
    low, high = heights(entity)
    own = footprint(entity)
    return all(low >= top or bottom >= high or apart(own, there, _GAP) for bottom, top, there in obstacles)


def _moving_origin(entity: Entity) -> tuple[float, float, float]:
    """Return the moving part's origin at the initial joint fraction, from the entity's position; m."""
    joint = load_cards()[entity.kind].joint
    if joint is None:
        return 0.0, 0.0, 0.0
    local = moving_point(joint, entity.size, entity.fraction)
    dx, dy = _turned(local[0], local[1], entity.yaw)
    return dx, dy, local[2]


def grasp_point(entity: Entity) -> tuple[float, float, float]:
    """Return where a gripper would act on an entity, at its initial joint fraction; m, world."""
    card = load_cards()[entity.kind]
    x, y, z = entity.position
    if card.joint is None:
        if card.body_type != "rigid":
            return x, y, z + (entity.size[2] if card.body_type == "static" else 0.0)
        cx, cy, cz = grasped_part(card, entity.size).centre
        dx, dy = _turned(cx, cy, entity.yaw)
        return x + dx, y + dy, z + cz
    names = dict(zip(("w", "d", "h"), entity.size, strict=True))
    grasp = [number(g, names) for g in card.joint.grasp]
    gx, gy, gz = moving_point(card.joint, entity.size, entity.fraction, grasp)
    dx, dy = _turned(gx, gy, entity.yaw)
    return x + dx, y + dy, z + gz


# --- entities ----------------------------------------------------------------------------------


def place(
    spec: Spec, entity: Entity, placed: Sequence[Entity], table: Table, rng: np.random.Generator
) -> Entity | None:
    """Return the entity at a free place, or None where this draw found none.

    Args:
        spec: what the card says about it.
        entity: its body, at no place yet.
        placed: what stands already.
        table: what they stand on.
        rng: of the pose.

    Raises:
        TabletopError: a malformed field, or a reference to what is not placed before it.
    """
    card = load_cards()[spec.kind]
    raw = spec.raw
    where = f"scene entity {spec.name!r}"
    yaw_range = raw.get("yaw", (card.reach or {}).get("yaw", (-180.0, 180.0)))
    held = raw.get("held", False)
    if held and not card.graspable:
        graspable = sorted(c.kind for c in load_cards().values() if c.graspable)
        raise TabletopError(f"{where}: held needs something to grasp, got {spec.kind!r}; {graspable} are")
    ways = sorted({"on", "inside", "offset", "at", "fit"} & set(raw))
    entity = replace(
        entity,
        yaw=math.radians(draw(yaw_range, rng, f"{where}: yaw")),
        fraction=min(1.0, max(0.0, draw(_begins(card, raw), rng, f"{where}: fraction"))),
        held=held,
    )
    if "curl" in raw and (card.beads is None or card.beads.grid[1] > 1):
        raise TabletopError(f"{where}: curl needs a rope, got {spec.kind!r}")
    if card.beads is not None:
        curl = raw.get("curl", card.beads.curl)
        bends = deformable_beads.bends(card.beads.grid, lambda: draw(curl, rng, f"{where}: curl"), rng)
        entity = replace(entity, bends=bends)
    base = raw.get("on", raw.get("inside", raw["fit"].get("with") if isinstance(raw.get("fit"), Mapping) else None))
    own = {base, base_of(base)} if isinstance(base, str) else {base}
    solid = [
        e for e in placed if load_cards()[e.kind].solid and not e.held and e.name not in own and base_of(e.name) is None
    ]
    obstacles = [(*heights(e), footprint(e)) for e in solid]
    if not ways:
        # What stands just anywhere leaves room around a mark for what is brought there, whichever comes first.
        marks = (e for e in placed if not load_cards()[e.kind].solid)
        obstacles += [(table.height, table.height + _ROOM_ABOVE, _around(e)) for e in marks]
    for _ in range(_TRIES):
        candidate = _candidate(spec, entity, placed, table, rng)
        if candidate is not None:
            if held:
                return candidate
            if card.solid:
                if _clear(candidate, obstacles):
                    return candidate
            elif _marks(spec, candidate, table) and all(
                apart(_around(candidate), footprint(e), _GAP) for e in solid if e.name.startswith("extra")
            ):
                return candidate
        entity = replace(entity, yaw=math.radians(draw(yaw_range, rng, f"{where}: yaw")))
    return None


def _begins(card: Card, raw: Mapping[str, Any]) -> object:
    """Return the fraction, or a range of them, at which something is placed."""
    if card.moving_parts:
        return 0.0
    start = (0.0, 0.0) if card.joint is None else card.joint.start
    return raw.get("fraction", 0.0 if start == (0.0, 0.0) else list(start))


def _candidate(
    spec: Spec, entity: Entity, placed: Sequence[Entity], table: Table, rng: np.random.Generator
) -> Entity | None:
    raw, where = spec.raw, f"scene entity {spec.name!r}"
    card = load_cards()[spec.kind]
    half = entity.size[2] / 2 if card.loose else 0.0
    z = table.height + half + (0.0005 if card.loose else 0.0)
    if "on" in raw or "inside" in raw:
        return _resting(spec, entity, placed, half, rng)
    if "fit" in raw:
        return _fitted(spec, entity, placed, half, rng)
    if "offset" in raw:
        offset = raw["offset"]
        origin = _other(offset.get("from"), placed, f"{where}: offset: from")
        if "distance" in offset:
            far = draw(offset["distance"], rng, f"{where}: distance")
            angle = math.radians(draw(offset.get("direction", [-180, 180]), rng, f"{where}: direction"))
            dx, dy = far * math.cos(angle), far * math.sin(angle)
        else:
            dx = draw(offset.get("x", 0.0), rng, f"{where}: offset x")
            dy = draw(offset.get("y", 0.0), rng, f"{where}: offset y")
        x, y = origin.position[0] + dx, origin.position[1] + dy
        if "z" in offset:
            z = origin.position[2] + draw(offset["z"], rng, f"{where}: offset z")
    else:
        at = raw.get("at", {})
        reach = card.reach or {}
        x = draw(at.get("x", reach.get("x", _REACH_X)), rng, f"{where}: x")
        y = draw(at.get("y", reach.get("y", _REACH_Y)), rng, f"{where}: y")
        if "z" in at:
            z = table.height + draw(at["z"], rng, f"{where}: z")
    return replace(entity, position=(float(x), float(y), float(z)))


def _other(name: object, placed: Sequence[Entity], where: str) -> Entity:
    for e in placed:
        if e.name == name:
            return e
    names = ", ".join(e.name for e in placed) or "none"
    raise TabletopError(f"{where} refers to {name!r}, which is not placed before it; there are: {names}")


def _fitted(spec: Spec, entity: Entity, placed: Sequence[Entity], half: float, rng: np.random.Generator) -> Entity:
    """Return the entity at a pose in another's own frame: in its hole, around it."""
    fit, where = spec.raw["fit"], f"scene entity {spec.name!r}: fit"
    base = _other(fit.get("with"), placed, f"{where}: with")
    x, y, z = (draw(fit.get(axis, 0.0), rng, f"{where}: {axis}") for axis in ("x", "y", "z"))
    yaw = base.yaw + math.radians(draw(fit.get("yaw", 0.0), rng, f"{where}: yaw"))
    dx, dy = _turned(x, y, base.yaw)
    bottom = heights(base)[0] + z + (0.0005 if half else 0.0)
    return replace(entity, yaw=yaw, position=(base.position[0] + dx, base.position[1] + dy, bottom + half))


def _resting(
    spec: Spec, entity: Entity, placed: Sequence[Entity], half: float, rng: np.random.Generator
) -> Entity | None:
    """Return the entity on top of another or inside it, or None where it does not fit in at this yaw."""
    key = "on" if "on" in spec.raw else "inside"
    base = _other(spec.raw[key], placed, f"scene entity {spec.name!r}: {key}")
    card = load_cards()[base.kind]
    x, y, bottom = base.position
    size: tuple[float, ...] = base.size
    names = dict(zip(("w", "d", "h"), base.size, strict=True))
    parts, mesh = card.parts, card.mesh
    if card.joint is not None and (key == "inside" or base_of(base.name)):
        parts = card.moving
        size = tuple(number(v, names) for v in card.joint.extent)
        dx, dy, dz = _moving_origin(base)
        x, y, bottom = x + dx, y + dy, bottom + dz
    turn = entity.yaw - base.yaw
    c, s = abs(math.cos(turn)), abs(math.sin(turn))
    w, d = entity.size[:2]
    rooms = (size[0] - w * c - d * s, size[1] - w * s - d * c)
    if key == "inside":
        if min(rooms) < 0.03:
            return None
        z = bottom + (_floor(mesh, size, card) if mesh else min(_levels(parts, names))) + half + 0.002
        slack = [(r - 0.03) / 2 for r in rooms]
    else:
        z = bottom + (_floor(mesh, size, card) if mesh else max(_levels(parts, names))) + half + 0.001
        slack = [max(0.0, r / 2 - 0.015) * (0.2 if card.body_type == "rigid" else 1.0) for r in rooms]
    a, b = (float(rng.uniform(-0.5 * room, 0.5 * room)) for room in slack)
    dx, dy = _turned(a, b, base.yaw)
    return replace(entity, position=(x + dx, y + dy, z))


def _floor(mesh: Mesh, size: Sequence[float], card: Card) -> float:
    """Return how high (m) things stand in or on a mesh, from its underside if it is static, else from its middle."""
    height = size[2] if mesh.floor is None else mesh.floor * mesh.scales(size)[2]
    return height if card.body_type == "static" else height - size[2] / 2


def _levels(parts: Sequence[Part], names: Mapping[str, float]) -> list[float]:
    """Return the heights of the tops above a body's middle, in its frame, m: a container's floor, a roof."""
    tops = []
    for part in parts:
        size = [number(v, names) for v in part.size]
        ax, ay, az = (number(v, names) for v in part.at)
        reach = size[:2] if part.shape == "box" else [2 * size[0], 2 * size[0]]
        tall = {"box": size[-1], "cylinder": size[-1], "sphere": 2 * size[0]}[part.shape]
        if abs(ax) <= reach[0] / 2 and abs(ay) <= reach[1] / 2:
            tops.append(az + tall / 2)
    return tops or [0.0]


def _marks(spec: Spec, entity: Entity, table: Table) -> bool:
    """Return whether a mark without collision lies on the table within reach, or where the card puts it."""
    offset: Mapping[str, object] = spec.raw.get("offset", {})
    given = bool(offset) and ("distance" not in offset or "direction" in offset)
    if given and not any(isinstance(v, (list, tuple)) for v in offset.values()):
        return True
    x, y = entity.position[:2]
    edge_x, edge_y = TABLE_NEAR_EDGE + table.size[0] - 0.05, table.size[1] / 2 - 0.05
    return 0.33 <= x <= min(0.68, edge_x) and abs(y) <= min(0.32, edge_y)
