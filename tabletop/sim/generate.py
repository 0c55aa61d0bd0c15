"""The scene generator: from a card (a distribution over scenes) and a seed to a scene."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tabletop.errors import TabletopError, unknown
from tabletop.paths import ASSETS
from tabletop.projects import find
from tabletop.schema import is_name
from tabletop.seeds import cameras_rng, inventory_rng, scene_number, scene_rng
from tabletop.sim.card_fields import check_card
from tabletop.sim.card_parts import number
from tabletop.sim.cards import PART_MARK, Card, base_of, load_cards, part_of
from tabletop.sim.placement import Spec, draw, place
from tabletop.sim.robot_card import robot_in_use
from tabletop.sim.scene import Camera, Entity, Light, Scene, Table, with_parts
from tabletop.sim.scene_cameras import draw_cameras
from tabletop.sim.start import GRIPPER_STARTS, start
from tabletop.yaml_files import read_yaml

__all__ = ["GRIPPER_STARTS", "SceneCard", "generate", "inventory", "load_scene_card", "textures"]

SceneCard = Mapping[str, Any]
"""A distribution over scenes, as read from YAML."""

_RESTARTS = 30


def textures() -> Mapping[str, Path]:
    """Return the pictures that a table may bear, by name."""
    return {f.stem: f for f in sorted((ASSETS / "textures").glob("*.png"))}


def load_scene_card(name: str) -> SceneCard:
    """Return the card of that name in assets/scenes.

    Raises:
        TabletopError: there is none, or it is not a mapping in YAML.
    """
    found = find("assets/scenes")
    if not is_name(name) or name not in found:
        raise unknown("scene card", name, found)
    card = read_yaml(found[name], f"scene card {name!r}")
    if not isinstance(card, dict):
        raise TabletopError(f"scene card {name!r} must be a mapping")
    return card


def _pick_kind(value: str | Sequence[str], rng: np.random.Generator, cards: Mapping[str, Card], where: str) -> str:
    kinds = [value] if isinstance(value, str) else value
    if not kinds:
        raise TabletopError(f"{where} needs a kind, or a list of kinds, got {value!r}")
    for kind in kinds:
        if kind not in cards:
            raise unknown("kind of entity", kind, cards)
    return kinds[int(rng.integers(len(kinds)))]


def _specs(card: SceneCard, rng: np.random.Generator) -> list[Spec]:
    cards = load_cards()
    out = []
    for name, raw in check_card(card).items():
        kind = _pick_kind(raw["kind"], rng, cards, f"scene entity {name!r}")
        if rng.uniform() >= 1.0 - raw.get("optional", 0.0):
            continue
        out.append(Spec(name, kind, raw))
    extras = card.get("extras")
    if extras:
        count = extras.get("count", [0, 2])
        low, high = [count, count] if isinstance(count, int) else count
        for i in range(int(rng.integers(low, high + 1))):
            out.append(Spec(f"extra{i + 1}", _pick_kind(extras["kinds"], rng, cards, "scene card: extras"), {}))
    names = [s.name for s in out]
    for name in names:
        if names.count(name) > 1:
            raise TabletopError(f"scene card: entity names must be unique, {name!r} is also that of an extra")
    return out


def _body(spec: Spec, rng: np.random.Generator) -> Entity:
    card = load_cards()[spec.kind]
    where = f"scene entity {spec.name!r}"
    names: dict[str, float] = {}
    override = spec.raw.get("size", {})
    for axis in ("w", "d", "h"):
        given = override.get(axis, card.size.get(axis))
        chance = float(rng.uniform())
        if isinstance(given, str):
            names[axis] = number(given, names)
        else:
            low = high = given
            if isinstance(given, Sequence) and len(given) == 2:
                low, high = given
            # A draw of fixed place: an override moves no other number.
            names[axis] = float(low + (high - low) * chance)
        if not 0 < names[axis] <= 10:
            raise TabletopError(f"{where}: size {axis} must be above 0 and at most 10 m, got {names[axis]:g} m")
    color = spec.raw.get("color")
    red, green, blue = _color(card.colors if color is None else [color], rng, where)
    mass = draw(spec.raw.get("mass", card.mass), rng, f"{where}: mass")
    friction = draw(spec.raw.get("friction", card.friction), rng, f"{where}: friction")
    return Entity(
        name=spec.name,
        kind=spec.kind,
        position=(0.0, 0.0, 0.0),
        size=(names["w"], names["d"], names["h"]),
        mass=mass,
        friction=friction,
        color=(red, green, blue, 1.0),
    )


def _color(colors: Sequence[Sequence[Any]], rng: np.random.Generator, where: str) -> tuple[float, float, float]:
    chosen = colors[int(rng.integers(len(colors)))]
    given = [draw(c, rng, f"{where}: color") for c in chosen[:3]]
    jitter = rng.uniform(-0.05, 0.05, 3)
    red, green, blue = (_share(c + j) for c, j in zip(given, jitter, strict=True))
    return red, green, blue


def _moving(spec: Spec, base: Entity, rng: np.random.Generator) -> list[Entity]:
    """Return what moves on a fixture, at no place yet, as drawn from its card."""
    cards, out = load_cards(), []
    for part in with_parts(base, cards[base.kind])[1:]:
        card, where = cards[part.kind], f"scene entity {part.name!r}"
        color = (*_color(card.colors, rng, where), 1.0)
        mass, friction = (draw(v, rng, f"{where}: mass or friction") for v in (card.mass, card.friction))
        out.append(replace(part, mass=mass, friction=friction, color=color))
    names = [part_of(part.name) for part in out]
    for name in spec.raw.get("parts", {}):
        if name not in names:
            raise unknown(f"moving part of scene entity {spec.name!r}", name, names)
    return out


def _standing(spec: Spec, base: Entity, parts: Sequence[Entity], rng: np.random.Generator) -> list[Entity]:
    """Return a fixture's moving parts where it stands, each at the fraction that the scene card asks for."""
    out = []
    for part in parts:
        own = spec.raw.get("parts", {}).get(part_of(part.name), {})
        joint = load_cards()[part.kind].joint
        given = own.get("fraction", spec.raw.get("fraction", list(joint.start) if joint is not None else 0.0))
        fraction = draw(given, rng, f"scene entity {part.name!r}: fraction")
        out.append(replace(part, position=base.position, yaw=base.yaw, fraction=fraction))
    return _in_step(base, out)


def _in_step(base: Entity, parts: Sequence[Entity]) -> list[Entity]:
    """Return a fixture's moving parts, those that follow another one where it has them."""
    known = load_cards()[base.kind].moving_parts or {}
    names = dict(zip("wdh", base.size, strict=True))
    ways = {name: number(part.joint.travel, names) for name, part in known.items()}
    own = {part_of(part.name): part for part in parts}
    for name, part in known.items():
        if part.mimic is not None:
            lead = own[part.mimic.part].fraction * ways[part.mimic.part]
            own[name] = replace(own[name], fraction=min(1.0, max(0.0, part.mimic.ratio * lead / ways[name])))
    return list(own.values())


def _share(value: float) -> float:
    return float(min(1.0, max(0.0, value)))


def _table(card: SceneCard, rng: np.random.Generator) -> Table:
    raw = card.get("table", {})
    tone = rng.uniform(0.55, 0.95)
    tint = rng.uniform(-0.08, 0.08, 3)
    red, green, blue = (_share(tone + t) for t in tint)
    names = ["plain", *textures()]
    return Table(
        size=(
            draw(raw.get("depth", [0.62, 0.72]), rng, "table depth"),
            draw(raw.get("width", [0.68, 0.80]), rng, "table width"),
        ),
        height=draw(raw.get("height", [-0.04, 0.04]), rng, "table height"),
        friction=draw(raw.get("friction", [0.6, 0.9]), rng, "table friction"),
        color=(red, green, blue, 1.0),
        texture=names[int(rng.integers(len(names)))],
    )


def _view(rng: np.random.Generator) -> tuple[Light, Camera]:
    """Return a light, and a camera to the left behind: it sees the arm, the table and drawers' fronts."""
    bearing = rng.uniform(1.95, 2.25)
    distance, height = rng.uniform(1.10, 1.25), rng.uniform(0.72, 0.92)
    target = (0.37, -0.02, 0.18)
    camera = Camera(
        position=(
            float(target[0] + distance * math.cos(bearing)),
            float(target[1] + distance * math.sin(bearing)),
            float(height),
        ),
        target=target,
        fov=float(rng.uniform(44.0, 50.0)),
    )
    direction = (float(rng.uniform(-0.6, 0.2)), float(rng.uniform(0.0, 0.8)), 1.0)
    light = Light(direction, (1.0, 1.0, 1.0), float(rng.uniform(0.5, 0.65)), float(rng.uniform(0.4, 0.55)))
    return light, camera


def _seeds(seed: int | Sequence[int]) -> list[int]:
    seeds = list(seed) if isinstance(seed, Sequence) else [seed]
    if not seeds or any(not isinstance(s, (int, np.integer)) for s in seeds) or min(seeds) < 0:
        raise TabletopError(f"a seed must be a whole number from 0, or several, got {seed!r}")
    return [int(s) for s in seeds]


def _order(specs: Sequence[Spec]) -> list[int]:
    """Return who is placed when: fixtures first as they are large, what refers to another after it."""
    cards = load_cards()

    def origin(spec: Spec) -> object:
        given = named(spec)
        return base_of(given) or given if isinstance(given, str) else given

    def named(spec: Spec) -> object:
        offset = spec.raw.get("offset")
        given = offset.get("from") if isinstance(offset, Mapping) else None
        fit = spec.raw.get("fit")
        given = fit.get("with") if isinstance(fit, Mapping) else given
        return spec.raw.get("on", spec.raw.get("inside", given))

    left = sorted(
        range(len(specs)),
        key=lambda i: (origin(specs[i]) is not None, cards[specs[i].kind].loose, i),
    )
    out: list[int] = []
    done: set[object] = {None}
    while left:
        # Where all wait for another, the first is next: placing it says what it misses.
        i = next((i for i in left if origin(specs[i]) in done), left[0])
        left.remove(i)
        out.append(i)
        done.add(specs[i].name)
    return out


def inventory(card: SceneCard, seed: int | Sequence[int]) -> dict[str, str]:
    """Return the entities, name: kind, of the scenes that `generate` draws with this `inventory_seed`.

    Raises:
        TabletopError: a malformed card.
    """
    return {name: kind for s in _specs(card, _things(seed)) for name, kind in _names(s).items()}


def _names(spec: Spec) -> dict[str, str]:
    """Return the names of an entity and of what moves on it, each with its kind."""
    parts = load_cards()[spec.kind].moving_parts or {}
    own = {f"{spec.name}{PART_MARK}{part}": f"{spec.kind}{PART_MARK}{part}" for part in parts}
    return {spec.name: spec.kind, **own}


def _things(seed: int | Sequence[int]) -> np.random.Generator:
    return inventory_rng(_seeds(seed))


def generate(
    card: SceneCard,
    seed: int | Sequence[int],
    *,
    inventory_seed: int | Sequence[int] | None = None,
    gripper: str | None = None,
    attend: str | Callable[[Sequence[Entity]], str | None] | None = None,
    offsets: Mapping[str, Mapping[str, float]] | None = None,
    robot: str | None = None,
) -> Scene:
    """Draw a scene.

    Args:
        card: what may be in it (docs/how-to/scene.md gives the fields).
        seed: of the poses, the gripper, the light and the camera; and of the rest too without inventory_seed.
        inventory_seed: of the kinds, sizes, masses, frictions and colours.
        gripper: one of GRIPPER_STARTS; otherwise the card's, or nominal.
        attend: the entity that the gripper's start refers to, or what names it once all entities stand;
            otherwise the card's, or the first.
        offsets: for entities placed at an offset from another: the offset (x, y, z in m) to use instead of a
            random one.
        robot: name of a card in assets/robots; otherwise the one in use (`use_robot`).

    Raises:
        TabletopError: no such robot, a malformed card, or no room found for all entities.
    """
    base = _seeds(seed)
    things = _things(base if inventory_seed is None else inventory_seed)
    specs = _specs(card, things)
    bodies = [_body(s, things) for s in specs]
    moving = [_moving(s, b, things) for s, b in zip(specs, bodies, strict=True)]
    table = _table(card, things)
    for name, offset in (offsets or {}).items():
        found_at = [i for i, s in enumerate(specs) if s.name == name and isinstance(s.raw.get("offset"), Mapping)]
        if not found_at:
            raise unknown("entity placed at an offset", name, [s.name for s in specs if "offset" in s.raw])
        spec = specs[found_at[0]]
        fixed = {"from": spec.raw["offset"].get("from"), **{k: float(v) for k, v in offset.items()}}
        specs[found_at[0]] = replace(spec, raw={**spec.raw, "offset": fixed})
    mode = gripper if gripper is not None else str(card.get("gripper", "nominal"))
    named = None if callable(attend) else attend
    target = named if named is not None else card.get("attend", specs[0].name if specs else None)
    known = {*map(str, card.get("entities", {})), *(name for s in specs for name in _names(s))}
    if target is not None and target not in known:
        raise unknown("entity to attend to", target, known)
    poses = scene_rng(base)
    order = _order(specs)
    for _ in range(_RESTARTS):
        placed: list[Entity] = []
        for i in order:
            found = place(specs[i], bodies[i], placed, table, poses)
            if found is None:
                break
            placed.append(found)
            placed += _standing(specs[i], found, moving[i], poses)
        else:
            break
    else:
        raise TabletopError(
            f"impossible scene card: no room for {', '.join(s.name for s in specs)} without overlap"
            f" after {_RESTARTS} tries; use fewer or smaller entities, or wider ranges"
        )
    by_name = {e.name: e for e in placed}
    entities = [by_name[name] for s in specs for name in _names(s)]
    if callable(attend):
        target = attend(entities)
    arm, kept = start(mode, entities, target, table, poses, robot_in_use() if robot is None else robot)
    light, camera = _view(poses)
    cameras = draw_cameras(card, cameras_rng(base))
    return Scene(kept, table, light, camera, arm, scene_number(base), cameras)
