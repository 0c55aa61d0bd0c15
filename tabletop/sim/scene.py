"""A scene as a value: everything needed to build a world, saved to YAML and back exactly."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Final, Literal

from msgspec import Meta

from tabletop.errors import TabletopError, unknown
from tabletop.files import read_text, write_whole
from tabletop.schema import Name, PartName, fill, plain
from tabletop.sim.cards import PART_MARK, Card, base_of, load_cards
from tabletop.sim.robot_card import PANDA
from tabletop.sim.state import Layout
from tabletop.yaml_files import parse_yaml, yaml_text

__all__ = [
    "TABLE_NEAR_EDGE",
    "VIEWS",
    "Camera",
    "Entity",
    "Light",
    "Robot",
    "Scene",
    "SceneCamera",
    "Table",
    "TiltedCamera",
    "check_camera",
    "check_scene",
    "check_scene_camera",
    "load_scene",
    "read_scene",
    "save_scene",
    "scene_layout",
    "scene_text",
    "with_parts",
]

Vector = tuple[float, ...]
_Metres = Annotated[float, Meta(ge=-100, le=100)]
Point = Annotated[tuple[_Metres, ...], Meta(min_length=3, max_length=3)]
"""m, x, y and z."""
_Size = Annotated[float, Meta(gt=0, le=10)]
_Angle = Annotated[float, Meta(ge=-1000, le=1000)]
_Share = Annotated[float, Meta(ge=0, le=1)]
_Factor = Annotated[float, Meta(ge=0, le=100)]
_Color = tuple[_Share, _Share, _Share, _Share]
_Fov = Annotated[float, Meta(gt=0, lt=180)]
_NEAREST: Final = 1e-6
"""m from a camera to what it looks at, at least; also how far, as a sine, its view is off its up."""

VIEWS: Final = ("scene", "wrist", "top")
"""Cameras that every world has by name; a scene may have further ones."""

TABLE_NEAR_EDGE: Final = 0.2
"""m, world x of the table's edge before the robot."""


@dataclass(frozen=True)
class Entity:
    """One thing on the table."""

    name: PartName
    """Of something that moves on a fixture with several such parts: FIXTURE/PART."""
    kind: PartName
    """The card's name in assets/objects or assets/fixtures; of a moving part, KIND/PART."""
    position: Point
    """m, world. Rigid: centre of the bounding box. Fixture: centre of its base's footprint, on the table."""
    yaw: _Angle = 0.0
    """rad about +z."""
    size: Annotated[tuple[_Size, ...], Meta(min_length=3, max_length=3)] = (0.05, 0.05, 0.05)
    """m, full extents in its own frame."""
    mass: Annotated[float, Meta(gt=0, le=1000)] = 0.1
    """kg of the rigid body or of the moving part."""
    friction: _Factor = 0.8
    """Lateral friction coefficient."""
    color: _Color = (0.7, 0.7, 0.7, 1.0)
    """RGBA in [0, 1]."""
    fraction: _Share = 0.0
    """Initial joint fraction of a fixture."""
    held: bool = False
    """Starts between the fingers; the position is then ignored."""
    bends: tuple[_Angle, ...] = ()
    """rad by which each link of a rope starts turned from the one before it; () is straight."""


@dataclass(frozen=True)
class Table:
    """The table: a slab whose surface lies at `height` in the robot's base frame."""

    size: Annotated[tuple[_Size, ...], Meta(min_length=2, max_length=2)] = (0.6, 0.8)
    """m along world x and y; its near edge is at x = 0.2, centred on y = 0."""
    height: Annotated[float, Meta(ge=-10, le=10)] = 0.0
    """m, z of the surface."""
    friction: _Factor = 0.8
    color: _Color = (0.8, 0.75, 0.68, 1.0)
    texture: Name = "plain"
    """A picture's name in assets/textures, or "plain"."""


@dataclass(frozen=True)
class Light:
    """The light of the cameras."""

    direction: Point = (0.4, 0.3, 1.0)
    color: tuple[_Share, _Share, _Share] = (1.0, 1.0, 1.0)
    ambient: _Factor = 0.6
    diffuse: _Factor = 0.5


@dataclass(frozen=True)
class Camera:
    """A pinhole camera that looks at a point."""

    position: Point = (-0.22, 0.98, 0.82)
    """m, world."""
    target: Point = (0.37, -0.02, 0.18)
    """m, world."""
    fov: _Fov = 47.0
    """deg, vertical."""


@dataclass(frozen=True)
class TiltedCamera(Camera):
    """A camera that says what is up in its picture."""

    up: Point = (0.0, 0.0, 1.0)
    """World direction; its length does not count."""


@dataclass(frozen=True)
class SceneCamera:
    """A further camera of a scene, by name: one that stays where it is, or one on the gripper."""

    name: Name
    """None of VIEWS."""
    position: Point
    """m, in `frame`."""
    target: Point
    """m, in the same frame: what it looks at."""
    fov: _Fov = 47.0
    """deg, vertical."""
    frame: Literal["world", "gripper"] = "world"
    """The gripper's frame begins midway between the fingertips. Its z is the way that the gripper points, and the
    fingers open along its y."""
    up: Point | None = None
    """Direction that is up in the picture. None: the world's z, or its x for a view straight up or down. On the
    gripper: its x, or against its z for a view along x."""


@dataclass(frozen=True)
class Robot:
    """Where the robot's gripper starts."""

    name: Name = PANDA
    """The card's name in assets/robots."""
    position: Point = (0.45, 0.0, 0.25)
    """m, world; the point midway between the fingertips."""
    yaw: _Angle = 0.0
    """rad."""
    width: _Factor = 0.08
    """m between the fingers (ignored where an entity is held)."""


@dataclass(frozen=True)
class Scene:
    """All that `World.load` needs."""

    entities: tuple[Entity, ...] = ()
    table: Table = field(default_factory=Table)
    light: Light = field(default_factory=Light)
    camera: Camera = field(default_factory=Camera)
    robot: Robot = field(default_factory=Robot)
    seed: Annotated[int, Meta(ge=0)] = 0
    """The seed it was generated from, for the record."""
    cameras: Annotated[tuple[SceneCamera, ...], Meta(max_length=20)] = ()
    """Further cameras, by name."""

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


def save_scene(scene: Scene, path: str | os.PathLike[str]) -> None:
    """Write a scene as YAML (floats keep every bit). The file appears whole or not at all."""
    write_whole(Path(path), scene_text(scene))


def scene_text(scene: Scene) -> str:
    """Return a scene as YAML (floats keep every bit)."""
    fields = plain(scene)
    if not scene.cameras:  # So that scenes without any keep their bytes.
        fields.pop("cameras", None)
    return yaml_text(fields)


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
        TabletopError: not YAML, not a scene, or one that cannot be.
    """
    scene = fill(Scene, parse_yaml(text, f"scene {where!r}"), f"scene {where!r}")
    _check_whole(scene)
    return scene


def check_scene(scene: Scene) -> None:
    """Check a scene before it is built.

    Raises:
        TabletopError: a field is of another type or out of its range, an entity is of an unknown kind, two have one
            name, more than one is held, a camera cannot see, or two cameras have one name.
    """
    if not isinstance(scene, Scene):
        raise TabletopError(f"a scene must be a Scene, as make_scene returns, got {type(scene).__name__}")
    fill(Scene, plain(scene), "scene")
    _check_whole(scene)


def _check_whole(scene: Scene) -> None:
    """Check what no field says by itself."""
    cards = load_cards()
    names = [e.name for e in scene.entities]
    for entity in scene.entities:
        if entity.kind not in cards:
            raise unknown("kind of entity", entity.kind, cards)
        try:
            cards[entity.kind].check_size(entity.size)
        except TabletopError as error:
            raise TabletopError(f"entity {entity.name!r} of kind {entity.kind!r}: {error}") from None
        if names.count(entity.name) > 1:
            raise TabletopError(f"entity names must be unique, {entity.name!r} stands {names.count(entity.name)} times")
    _check_parts(scene.entities)
    held = [e.name for e in scene.entities if e.held]
    if len(held) > 1:
        raise TabletopError(f"at most one entity starts between the fingers, got {', '.join(held)}")
    _check_view(scene.camera)
    views = [camera.name for camera in scene.cameras]
    for camera in scene.cameras:
        check_scene_camera(camera)
        if views.count(camera.name) > 1:
            raise TabletopError(f"camera names must be unique, {camera.name!r} stands {views.count(camera.name)} times")


def check_scene_camera(camera: SceneCamera) -> SceneCamera:
    """Check that a scene's camera can see, and that its name is its own; return it with tuples in place of lists.

    Raises:
        TabletopError: a field is of another type or out of its range, it looks at where it stands or along its up, or
            it is called as one that every world has.
    """
    found = fill(SceneCamera, plain(camera), "camera")
    try:
        if camera.name in VIEWS:
            raise TabletopError(f"the name must be none of {', '.join(VIEWS)}, which every world has")
        _check_view(found)
    except TabletopError as error:
        raise TabletopError(f"camera {camera.name!r}: {error}") from None
    return found


def with_parts(entity: Entity, card: Card) -> list[Entity]:
    """Return an entity and what moves on it, each at fraction 0 and with the middle of its ranges."""
    out = [entity]
    for name in card.moving_parts or {}:
        part = card.of_part(name)
        out.append(
            replace(
                entity,
                name=f"{entity.name}{PART_MARK}{name}",
                kind=part.kind,
                mass=sum(part.mass) / 2,
                friction=sum(part.friction) / 2,
                color=(*part.colors[0], entity.color[3]),
                fraction=0.0,
                held=False,
            )
        )
    return out


def _check_parts(entities: Sequence[Entity]) -> None:
    """Check that a fixture with moving parts has all of them behind it, at its own place."""
    cards = load_cards()
    left = list(entities)
    while left:
        base = left.pop(0)
        if base_of(base.name) is not None or base_of(base.kind) is not None:
            raise TabletopError(f"entity {base.name!r} of kind {base.kind!r} must stand behind what it moves on")
        for expected in with_parts(base, cards[base.kind])[1:]:
            found = left.pop(0) if left else None
            if found is None or (found.name, found.kind) != (expected.name, expected.kind):
                raise TabletopError(f"behind {base.name!r} must stand {expected.name!r} of kind {expected.kind!r}")
            if (found.position, found.yaw, found.size) != (base.position, base.yaw, base.size):
                raise TabletopError(f"{found.name!r} must have position, yaw and size of {base.name!r}")


def check_camera(camera: Camera) -> Camera:
    """Check that a camera can see; return it with tuples in place of lists and arrays.

    Raises:
        TabletopError: a field is of another type or out of its range, or it looks at where it stands or along its up.
    """
    found = fill(type(camera), plain(camera), "camera")
    _check_view(found)
    return found


def _check_view(camera: Camera | SceneCamera) -> None:
    """Check that a camera looks away from where it stands, and not along what is up."""
    far = math.dist(camera.position, camera.target)
    if far < _NEAREST:
        raise TabletopError(f"a camera must look at another place than its own, got {camera.position} for both")
    up = camera.up if isinstance(camera, (TiltedCamera, SceneCamera)) else None
    if up is None:
        return
    x, y, z = (t - c for t, c in zip(camera.target, camera.position, strict=True))
    across = math.hypot(y * up[2] - z * up[1], z * up[0] - x * up[2], x * up[1] - y * up[0])
    if across <= _NEAREST * far * math.hypot(*up):
        raise TabletopError(f"a camera's up must point to another side than its view, got up {up}")


def scene_layout(scene: Scene) -> Layout:
    """Return the layout of a scene's states, without a world."""
    return layout_of(scene.entities, load_cards(), scene.robot.name)


def layout_of(entities: Sequence[Entity], cards: Mapping[str, Card], robot: str) -> Layout:
    """Return the layout of the states of a scene with these entities and that robot, given the cards of their kinds."""
    kinds = tuple(e.kind for e in entities)
    grids = tuple(b.grid if (b := cards[k].beads) else (0, 0) for k in kinds)
    body_types = tuple(cards[k].body_type for k in kinds)
    return Layout(tuple(e.name for e in entities), kinds, body_types, grids if any(map(any, grids)) else (), robot)
