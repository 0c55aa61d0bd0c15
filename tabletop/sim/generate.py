"""The scene generator: from a card (a distribution over scenes) and a seed to a scene."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from tabletop.errors import TabletopError, unknown
from tabletop.paths import ASSETS
from tabletop.sim.cards import Card, load_cards, number
from tabletop.sim.scene import Camera, Entity, Light, Robot, Scene, Table

__all__ = ["GRIPPER_STARTS", "generate", "load_scene_card"]

SceneCard = Mapping[str, Any]

GRIPPER_STARTS: Final = ("nominal", "near", "above", "around", "holding", "anywhere")
"""Where the gripper may start: away from everything (nominal), or relative to the attended entity."""

_REACH_X = (0.36, 0.64)
_REACH_Y = (-0.25, 0.25)
_GAP = 0.012
_TRIES = 60
_RESTARTS = 30
_NEAR_EDGE = 0.2

_CARD_FIELDS = {"entities", "extras", "table", "gripper", "attend"}
_ENTITY_FIELDS = {
    *("kind", "at", "on", "inside", "offset", "size", "mass", "friction", "color", "yaw", "fraction"),
    *("held", "optional"),
}


@dataclass(frozen=True)
class _Spec:
    name: str
    kind: str
    raw: Mapping[str, Any]


def load_scene_card(name: str) -> SceneCard:
    """Return the card of that name in assets/scenes.

    Raises:
        TabletopError: there is none, or it is not a mapping.
    """
    import yaml

    path = ASSETS / "scenes" / f"{name}.yaml"
    if not path.is_file():
        raise unknown("scene card", name, [f.stem for f in (ASSETS / "scenes").glob("*.yaml")])
    card = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(card, dict):
        raise TabletopError(f"scene card {name!r} must be a mapping")
    return card


def _range(value: object, rng: np.random.Generator, what: str) -> float:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    if (
        isinstance(value, Sequence)
        and len(value) == 2
        and all(isinstance(v, (int, float)) for v in value)
        and value[0] <= value[1]
    ):
        return float(rng.uniform(value[0], value[1]))
    raise TabletopError(f"{what} must be a number or [low, high], got {value!r}")


def _check(raw: Mapping[str, Any], known: set[str], where: str) -> None:
    for key in raw:
        if key not in known:
            raise TabletopError(f"{where} has no field {key!r}; there are: {', '.join(sorted(known))}")


def _pick_kind(value: object, rng: np.random.Generator, cards: Mapping[str, Card], where: str) -> str:
    kinds = [value] if isinstance(value, str) else value
    if not isinstance(kinds, Sequence) or not kinds:
        raise TabletopError(f"{where} needs a kind, or a list of kinds, got {value!r}")
    for kind in kinds:
        if kind not in cards:
            raise unknown("kind of entity", kind, cards)
    return str(kinds[int(rng.integers(len(kinds)))])


def _specs(card: SceneCard, rng: np.random.Generator) -> list[_Spec]:
    cards = load_cards()
    if not isinstance(card, Mapping):
        raise TabletopError(f"a scene card must be a mapping, got {card!r}")
    _check(card, _CARD_FIELDS, "scene card")
    entities = card.get("entities", {})
    if not isinstance(entities, Mapping):
        raise TabletopError("scene card: entities must map names to what they are")
    out = []
    for name, given in entities.items():
        raw = {"kind": given} if isinstance(given, str) else given
        where = f"scene entity {name!r}"
        if not isinstance(raw, Mapping):
            raise TabletopError(f"{where} must be a kind or a mapping, got {given!r}")
        _check(raw, _ENTITY_FIELDS, where)
        kind = _pick_kind(raw.get("kind"), rng, cards, where)
        if rng.uniform() >= 1.0 - float(raw.get("optional", 0.0)):
            continue
        out.append(_Spec(str(name), kind, raw))
    extras = card.get("extras")
    if extras:
        _check(extras, {"count", "kinds"}, "scene card: extras")
        low, high = extras.get("count", [0, 2])
        for i in range(int(rng.integers(low, high + 1))):
            kind = _pick_kind(extras.get("kinds"), rng, cards, "scene card: extras")
            out.append(_Spec(f"extra{i + 1}", kind, {}))
    return out


def _body(spec: _Spec, rng: np.random.Generator) -> Entity:
    card = load_cards()[spec.kind]
    where = f"scene entity {spec.name!r}"
    names: dict[str, float] = {}
    override = spec.raw.get("size", {})
    for axis in ("w", "d", "h"):
        given = override.get(axis, card.size[axis])
        draw = rng.uniform()
        if isinstance(given, str):
            names[axis] = number(given, names)
        elif isinstance(given, (int, float)):
            names[axis] = float(given)
        else:
            low, high = given
            names[axis] = float(low + (high - low) * draw)
    color = spec.raw.get("color")
    colors = [color] if color else card.colors
    r, g, b = colors[int(rng.integers(len(colors)))][:3]
    jitter = rng.uniform(-0.05, 0.05, 3)
    rgb = tuple(float(min(1.0, max(0.0, c + j))) for c, j in zip((r, g, b), jitter, strict=True))
    return Entity(
        name=spec.name,
        kind=spec.kind,
        position=(0.0, 0.0, 0.0),
        size=(names["w"], names["d"], names["h"]),
        mass=_range(spec.raw.get("mass", card.mass), rng, f"{where}: mass"),
        friction=_range(spec.raw.get("friction", card.friction), rng, f"{where}: friction"),
        color=(*rgb, 1.0),
    )


def _table(card: SceneCard, rng: np.random.Generator) -> Table:
    raw = card.get("table", {})
    _check(raw, {"width", "depth", "height", "friction"}, "scene card: table")
    tone = rng.uniform(0.55, 0.95)
    tint = rng.uniform(-0.08, 0.08, 3)
    textures = ["plain", *sorted(f.stem for f in (ASSETS / "textures").glob("*.png"))]
    return Table(
        size=(
            _range(raw.get("depth", [0.62, 0.72]), rng, "table depth"),
            _range(raw.get("width", [0.68, 0.80]), rng, "table width"),
        ),
        height=_range(raw.get("height", [-0.04, 0.04]), rng, "table height"),
        friction=_range(raw.get("friction", [0.6, 0.9]), rng, "table friction"),
        color=(*(float(min(1.0, max(0.0, tone + t))) for t in tint), 1.0),
        texture=textures[int(rng.integers(len(textures)))],
    )


def _view(rng: np.random.Generator) -> tuple[Light, Camera]:
    azimuth, distance = rng.uniform(-0.45, 0.45), rng.uniform(0.80, 0.95)
    height = rng.uniform(0.45, 0.65)
    camera = Camera(
        position=(
            float(0.48 + distance * math.cos(azimuth)),
            float(distance * math.sin(azimuth)),
            float(height),
        ),
        target=(0.48, 0.0, 0.04),
        fov=float(rng.uniform(40.0, 48.0)),
    )
    direction = (float(rng.uniform(-0.2, 0.8)), float(rng.uniform(-0.7, 0.7)), 1.0)
    light = Light(direction, (1.0, 1.0, 1.0), float(rng.uniform(0.5, 0.65)), float(rng.uniform(0.4, 0.55)))
    return light, camera


def _footprint(entity: Entity) -> tuple[float, float, float, float, float]:
    """Return the rectangle an entity takes up on the table: centre x, y, half extents, yaw.

    What slides out of a fixture is kept free too, as wide as the body and as long as the travel.
    """
    card = load_cards()[entity.kind]
    w, d, h = entity.size
    x, y = entity.position[:2]
    joint = card.joint
    if joint is None or joint.type != "prismatic" or abs(joint.axis[2]) > 0.5:
        return x, y, w / 2, d / 2, entity.yaw
    ahead = number(joint.travel, {"w": w, "d": d, "h": h}) + 0.05
    c, s = math.cos(entity.yaw), math.sin(entity.yaw)
    ax, ay = joint.axis[0] * ahead / 2, joint.axis[1] * ahead / 2
    half_w, half_d = w / 2 + abs(ax), d / 2 + abs(ay)
    return x + c * ax - s * ay, y + s * ax + c * ay, half_w, half_d, entity.yaw


def _clear(entity: Entity, others: Sequence[Entity]) -> bool:
    """Return whether an entity's rectangle is apart from all others' (separating axes)."""
    ax, ay, aw, ad, at = _footprint(entity)
    for other in others:
        bx, by, bw, bd, bt = _footprint(other)
        dx, dy, turn = bx - ax, by - ay, bt - at
        cos, sin = abs(math.cos(turn)), abs(math.sin(turn))
        apart = False
        for angle, own, far in (
            (at, aw, bw * cos + bd * sin),
            (at + math.pi / 2, ad, bw * sin + bd * cos),
            (bt, bw, aw * cos + ad * sin),
            (bt + math.pi / 2, bd, aw * sin + ad * cos),
        ):
            apart = apart or abs(dx * math.cos(angle) + dy * math.sin(angle)) > own + far + _GAP
        if not apart:
            return False
    return True


def _place_one(
    spec: _Spec, entity: Entity, placed: Sequence[Entity], table: Table, rng: np.random.Generator
) -> Entity | None:
    """Return the entity at a free place, or None where this draw found none."""
    card = load_cards()[spec.kind]
    raw = spec.raw
    where = f"scene entity {spec.name!r}"
    rigid = card.moves == "rigid"
    half = entity.size[2] / 2 if rigid else 0.0
    reach = card.reach or {}
    yaw_range = raw.get("yaw", reach.get("yaw", (-180.0, 180.0)))
    yaw = math.radians(_range(yaw_range, rng, f"{where}: yaw"))
    fraction = _range(raw.get("fraction", 0.0), rng, f"{where}: fraction")
    held = bool(raw.get("held", False))
    entity = replace(entity, yaw=yaw, fraction=fraction, held=held)
    by_name = {e.name: e for e in placed}

    def other(key: str) -> Entity:
        name = raw[key]["from"] if key == "offset" else raw[key]
        if name not in by_name:
            raise TabletopError(f"{where}: {key} refers to {name!r}, which is not placed before it")
        return by_name[name]

    if "on" in raw or "inside" in raw:
        base = other("on" if "on" in raw else "inside")
        base_card = load_cards()[base.kind]
        top = base.position[2] + (base.size[2] / 2 if base_card.moves == "rigid" else base.size[2])
        bottom = base.position[2] - (base.size[2] / 2 if base_card.moves == "rigid" else 0.0)
        slack = [max(0.0, (s - max(entity.size[:2])) / 2 - 0.015) for s in base.size[:2]]
        z = top if "on" in raw else bottom + 0.014
        a, b = (float(rng.uniform(-0.5 * s, 0.5 * s)) for s in slack)
        if "on" in raw and base_card.moves == "rigid":
            a, b = 0.2 * a, 0.2 * b
        c, s = math.cos(base.yaw), math.sin(base.yaw)
        at = (base.position[0] + c * a - s * b, base.position[1] + s * a + c * b, z + half + 0.001)
        return replace(entity, position=at)
    solid = [e for e in placed if load_cards()[e.kind].solid and not e.held]
    for _ in range(_TRIES):
        z = table.height + half + (0.0005 if rigid else 0.0)
        if "offset" in raw:
            offset = raw["offset"]
            _check(offset, {"from", "x", "y", "z", "distance", "direction"}, f"{where}: offset")
            origin = other("offset")
            if "distance" in offset:
                far = _range(offset["distance"], rng, f"{where}: distance")
                angle = math.radians(_range(offset.get("direction", [-180, 180]), rng, f"{where}: direction"))
                dx, dy = far * math.cos(angle), far * math.sin(angle)
            else:
                dx = _range(offset.get("x", 0.0), rng, f"{where}: offset x")
                dy = _range(offset.get("y", 0.0), rng, f"{where}: offset y")
            x, y = origin.position[0] + dx, origin.position[1] + dy
            if "z" in offset:
                z = origin.position[2] + _range(offset["z"], rng, f"{where}: offset z")
        else:
            at_range = raw.get("at", {})
            _check(at_range, {"x", "y", "z"}, f"{where}: at")
            x = _range(at_range.get("x", reach.get("x", _REACH_X)), rng, f"{where}: x")
            y = _range(at_range.get("y", reach.get("y", _REACH_Y)), rng, f"{where}: y")
            if "z" in at_range:
                z = table.height + _range(at_range["z"], rng, f"{where}: z")
        candidate = replace(entity, position=(float(x), float(y), float(z)))
        if held:
            return candidate
        if not card.solid:
            edge_x, edge_y = _NEAR_EDGE + table.size[0] - 0.05, table.size[1] / 2 - 0.05
            fixed = "offset" in raw and all(not isinstance(v, Sequence) for v in raw["offset"].values())
            if fixed or (0.33 <= x <= min(0.68, edge_x) and abs(y) <= min(0.32, edge_y)):
                return candidate
            continue
        if _clear(candidate, solid):
            return candidate
        fresh = math.radians(_range(yaw_range, rng, f"{where}: yaw"))
        entity = replace(entity, yaw=fresh)
    return None


def _start(
    mode: str, entities: Sequence[Entity], attend: str | None, table: Table, rng: np.random.Generator
) -> tuple[Robot, tuple[Entity, ...]]:
    """Return where the gripper starts, and the entities (one of them held where mode says so)."""
    if mode not in GRIPPER_STARTS:
        raise unknown("gripper start", mode, GRIPPER_STARTS)
    kept = tuple(entities)
    held = next((e for e in kept if e.held), None)
    by_name = {e.name: e for e in kept}
    entity = by_name.get(attend) if attend else None
    floor = table.height
    yaw = float(rng.uniform(-0.3, 0.3))
    width = 0.08
    card = load_cards()[entity.kind] if entity else None
    tall = max([0.10, *(e.size[2] for e in kept)])
    if held is not None:
        mode, entity = "holding", held
    elif entity is None and mode not in {"nominal", "anywhere"}:
        mode = "nominal"
    if mode == "holding" and held is None and (card is None or not card.graspable):
        mode = "above"
    if mode == "nominal":
        at = (rng.uniform(0.38, 0.55), rng.uniform(-0.15, 0.15), floor + rng.uniform(tall + 0.12, 0.30))
    elif mode == "anywhere" or entity is None:
        at = (rng.uniform(0.32, 0.68), rng.uniform(-0.30, 0.30), floor + rng.uniform(tall + 0.06, 0.30))
    elif mode == "holding":
        at = (rng.uniform(0.38, 0.64), rng.uniform(-0.24, 0.24), floor + rng.uniform(tall + 0.05, 0.28))
        yaw = float(rng.uniform(-1.2, 1.2))
        kept = tuple(replace(e, held=True) if e.name == entity.name else e for e in kept)
    else:
        x, y, z = _grasp_point(entity)
        top = z + (entity.size[2] / 2 if card and card.moves == "rigid" else 0.0)
        if mode == "near":
            angle, far = rng.uniform(-math.pi, math.pi), rng.uniform(0.06, 0.14)
            at = (
                x + far * math.cos(angle),
                y + far * math.sin(angle),
                max(top + rng.uniform(0.03, 0.12), floor + tall + 0.02),
            )
        elif mode == "above":
            at = (x + rng.normal(0, 0.01), y + rng.normal(0, 0.01), top + rng.uniform(0.02, 0.12))
            yaw = _aligned(entity.yaw)
        else:
            at = (x, y, max(z, floor + 0.012))
            yaw = _aligned(entity.yaw)
            if not (card and (card.graspable or card.joint)):
                at = (x, y, top + 0.03)
    robot = Robot(position=tuple(float(v) for v in at), yaw=yaw, width=width)
    return robot, kept


def _aligned(yaw: float) -> float:
    """Return the same direction of the fingers within half a turn: [-90, 90] deg."""
    return float((yaw + math.pi / 2) % math.pi - math.pi / 2)


def _grasp_point(entity: Entity) -> tuple[float, float, float]:
    """Return where a gripper would act on an entity, at its initial joint fraction; m, world."""
    card = load_cards()[entity.kind]
    x, y, z = entity.position
    if card.joint is None:
        return x, y, z + (entity.size[2] if card.moves == "static" else 0.0)
    names = dict(zip(("w", "d", "h"), entity.size, strict=True))
    local = [number(o, names) + number(g, names) for o, g in zip(card.joint.origin, card.joint.grasp, strict=True)]
    if card.joint.type == "prismatic":
        along = number(card.joint.travel, names) * entity.fraction
        local = [v + along * a for v, a in zip(local, card.joint.axis, strict=True)]
    c, s = math.cos(entity.yaw), math.sin(entity.yaw)
    return x + c * local[0] - s * local[1], y + s * local[0] + c * local[1], z + local[2]


def generate(
    card: SceneCard,
    seed: int | Sequence[int],
    *,
    inventory_seed: int | Sequence[int] | None = None,
    gripper: str | None = None,
    attend: str | None = None,
    offsets: Mapping[str, Mapping[str, float]] | None = None,
) -> Scene:
    """Draw a scene.

    Args:
        card: what may be in it (docs/scenes in CONTRIBUTING.md gives the fields).
        seed: of the poses, the gripper, the light and the camera; and of the rest too without inventory_seed.
        inventory_seed: of the kinds, sizes, masses, frictions and colours.
        gripper: one of GRIPPER_STARTS; otherwise the card's, or nominal.
        attend: the entity that the gripper's start refers to; otherwise the card's, or the first.
        offsets: for entities placed at an offset from another: the offset (x, y, z in m) to use instead of a
            random one.

    Raises:
        TabletopError: a malformed card, or no room found for all entities.
    """
    base = seed if isinstance(seed, Sequence) else [seed]
    inventory = inventory_seed if inventory_seed is not None else seed
    things = np.random.default_rng([1, *(inventory if isinstance(inventory, Sequence) else [inventory])])
    specs = _specs(card, things)
    bodies = [_body(s, things) for s in specs]
    table = _table(card, things)
    if offsets:
        for name in offsets:
            if not any(s.name == name and "offset" in s.raw for s in specs):
                placed_by = [s.name for s in specs if "offset" in s.raw]
                raise unknown("entity placed at an offset", name, placed_by)
        specs = [
            replace(s, raw={**s.raw, "offset": {"from": s.raw["offset"]["from"], **offsets[s.name]}})
            if s.name in offsets
            else s
            for s in specs
        ]
    poses = np.random.default_rng([2, *base])
    # Fixtures are large: they go first, then what depends on nothing, in the card's order otherwise.
    cards = load_cards()
    order = sorted(
        range(len(specs)),
        key=lambda i: (
            bool({"on", "inside", "offset"} & set(specs[i].raw)),
            cards[specs[i].kind].moves == "rigid",
            i,
        ),
    )
    for _ in range(_RESTARTS):
        placed: list[Entity] = []
        for i in order:
            found = _place_one(specs[i], bodies[i], placed, table, poses)
            if found is None:
                break
            placed.append(found)
        else:
            break
    else:
        raise TabletopError(
            f"impossible scene card: no room for {', '.join(s.name for s in specs)} without overlap"
            f" after {_RESTARTS} tries; use fewer or smaller entities, or wider ranges"
        )
    by_name = {e.name: e for e in placed}
    entities = [by_name[s.name] for s in specs]
    mode = gripper or str(card.get("gripper", "nominal"))
    target = attend or card.get("attend") or (specs[0].name if specs else None)
    robot, kept = _start(mode, entities, target, table, poses)
    light, camera = _view(poses)
    number_seed = base[-1] if len(base) == 1 else int(np.random.SeedSequence(list(base)).generate_state(1)[0])
    return Scene(kept, table, light, camera, robot, int(number_seed))
