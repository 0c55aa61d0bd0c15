"""A scene as a value: everything needed to build a world, saved to YAML and back exactly."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tabletop.errors import TabletopError, unknown
from tabletop.files import read_text, write_whole
from tabletop.sim.cards import Card
from tabletop.sim.state import Layout
from tabletop.yaml_files import parse_yaml, yaml_text

__all__ = [
    "TABLE_NEAR_EDGE",
    "Camera",
    "Entity",
    "Light",
    "Robot",
    "Scene",
    "Table",
    "load_scene",
    "read_scene",
    "save_scene",
    "scene_text",
]

Vector = tuple[float, ...]

TABLE_NEAR_EDGE: Final = 0.2
"""m, world x of the table's edge before the robot."""


@dataclass(frozen=True)
class Entity:
    """One thing on the table."""

    name: str
    kind: str
    """The card's name in assets/objects or assets/fixtures."""
    position: Vector
    """m, world. Rigid: centre of the bounding box. Fixture: centre of its base's footprint, on the table."""
    yaw: float = 0.0
    """rad about +z."""
    size: Vector = (0.05, 0.05, 0.05)
    """m, full extents in its own frame."""
    mass: float = 0.1
    """kg of the rigid body or of the moving part."""
    friction: float = 0.8
    """Lateral friction coefficient."""
    color: Vector = (0.7, 0.7, 0.7, 1.0)
    """RGBA in [0, 1]."""
    fraction: float = 0.0
    """Initial joint fraction of a fixture."""
    held: bool = False
    """Starts between the fingers; the position is then ignored."""
    bends: Vector = ()
    """rad by which each link of a rope starts turned from the one before it; () is straight."""


@dataclass(frozen=True)
class Table:
    """The table: a slab whose surface lies at `height` in the robot's base frame."""

    size: Vector = (0.6, 0.8)
    """m along world x and y; its near edge is at x = 0.2, centred on y = 0."""
    height: float = 0.0
    """m, z of the surface."""
    friction: float = 0.8
    color: Vector = (0.8, 0.75, 0.68, 1.0)
    texture: str = "plain"
    """A picture's name in assets/textures, or "plain"."""


@dataclass(frozen=True)
class Light:
    """The light of the cameras."""

    direction: Vector = (0.4, 0.3, 1.0)
    color: Vector = (1.0, 1.0, 1.0)
    ambient: float = 0.6
    diffuse: float = 0.5


@dataclass(frozen=True)
class Camera:
    """A pinhole camera that looks at a point."""

    position: Vector = (-0.22, 0.98, 0.82)
    """m, world."""
    target: Vector = (0.37, -0.02, 0.18)
    """m, world."""
    fov: float = 47.0
    """deg, vertical."""


@dataclass(frozen=True)
class Robot:
    """Where the robot's gripper starts."""

    name: str = "panda"
    position: Vector = (0.45, 0.0, 0.25)
    """m, world; the point midway between the fingertips."""
    yaw: float = 0.0
    """rad."""
    width: float = 0.08
    """m between the fingers (ignored where an entity is held)."""


@dataclass(frozen=True)
class Scene:
    """All that `World.load` needs."""

    entities: tuple[Entity, ...] = ()
    table: Table = field(default_factory=Table)
    light: Light = field(default_factory=Light)
    camera: Camera = field(default_factory=Camera)
    robot: Robot = field(default_factory=Robot)
    seed: int = 0
    """The seed it was generated from, for the record."""

    def entity(self, name: str) -> Entity:
        """Return the entity of that name.

        Raises:
            TabletopError: there is none.
        """
        for e in self.entities:
            if e.name == name:
                return e
        raise unknown("entity", name, [e.name for e in self.entities])

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the entities, in the order of the layout."""
        return tuple(e.name for e in self.entities)


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(v) for v in value]
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    return value


def _tuples(value: Any) -> Any:
    return tuple(_tuples(v) for v in value) if isinstance(value, list) else value


def _build(cls: type, data: object, where: str) -> Any:
    if not isinstance(data, Mapping):
        raise TabletopError(f"{where} must be a mapping, got {data!r}")
    known = [f.name for f in dataclasses.fields(cls)]
    for key in data:
        if key not in known:
            raise TabletopError(f"{where} has no field {key!r}; there are: {', '.join(known)}")
    try:
        return cls(**{k: _tuples(v) for k, v in data.items()})
    except TypeError as error:
        raise TabletopError(f"{where}: {error}") from None


def save_scene(scene: Scene, path: str | os.PathLike[str]) -> None:
    """Write a scene as YAML (floats keep every bit). The file appears whole or not at all."""
    write_whole(Path(path), scene_text(scene))


def scene_text(scene: Scene) -> str:
    """Return a scene as YAML (floats keep every bit)."""
    return yaml_text(_plain(dataclasses.asdict(scene)))


def load_scene(path: str | os.PathLike[str]) -> Scene:
    """Read what `save_scene` wrote.

    Raises:
        TabletopError: no such file, not YAML, or not a scene.
    """
    return read_scene(read_text(Path(path), f"scene {os.fspath(path)!r}"), os.fspath(path))


def read_scene(text: str, where: str = "scene") -> Scene:
    """Read what `scene_text` returned.

    Args:
        text: YAML.
        where: it comes from, for the errors.

    Raises:
        TabletopError: not YAML, or not a scene.
    """
    data = parse_yaml(text, f"scene {where!r}")
    if not isinstance(data, Mapping):
        raise TabletopError(f"{where!r} is not a scene: it must be a mapping")
    rest = dict(data)
    entities = rest.pop("entities", [])
    if not isinstance(entities, list):
        raise TabletopError("scene entities must be a list")
    parts = {"table": Table, "light": Light, "camera": Camera, "robot": Robot}
    built = {k: _build(c, rest.pop(k), f"scene {k}") for k, c in parts.items() if k in rest}
    listed = tuple(_build(Entity, e, f"scene entity {i}") for i, e in enumerate(entities))
    scene: Scene = _build(Scene, {**rest, **built, "entities": list(listed)}, "scene")
    return scene


def layout_of(entities: Sequence[Entity], cards: Mapping[str, Card]) -> Layout:
    """Return the layout of the states of a scene with these entities, given the cards of their kinds."""
    kinds = tuple(e.kind for e in entities)
    grids = tuple(b.grid if (b := cards[k].beads) else (0, 0) for k in kinds)
    body_types = tuple(cards[k].body_type for k in kinds)
    return Layout(tuple(e.name for e in entities), kinds, body_types, grids if any(map(any, grids)) else ())
