"""Cards of objects and fixtures: what a kind of thing is made of, and how much of it is random."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Final, Literal

from msgspec import Meta

from tabletop.errors import TabletopError, unknown
from tabletop.projects import find, version
from tabletop.schema import Name, check_rising, fill
from tabletop.sim.card_parts import (
    Angle,
    Beads,
    ExpressionText,
    Extent,
    Extents,
    Factor,
    Joint,
    Mass,
    MovingPart,
    Part,
    Share,
    number,
)
from tabletop.sim.meshes import Mesh
from tabletop.yaml_files import read_yaml

__all__ = ["PART_MARK", "Card", "base_of", "card_of", "is_entity_name", "load_cards", "mesh_file", "part_of"]

PART_MARK: Final = "/"
"""Between the name of a fixture and that of what moves on it: cabinet/left_door."""


@dataclass(frozen=True)
class Card:
    """A kind of object or fixture."""

    kind: Name
    description: str
    body_type: Literal["rigid", "deformable", "joint", "static"]
    size: Mapping[str, Extent | Extents | ExpressionText]
    """w, d, h (full extents along its own x, y, z): a number, a [low, high] range, or an expression over
    those before it."""
    parts: tuple[Part, ...] = ()
    """The rigid body, or the fixed base of a fixture."""
    mesh: Mesh | None = None
    """Instead of parts, of what is rigid or static."""
    moving_parts: Mapping[Name, MovingPart] | None = None
    """Of a static fixture: what moves on it, each with a joint."""
    mass: tuple[Mass, Mass] = (0.1, 0.1)
    friction: tuple[Factor, Factor] = (0.8, 0.8)
    colors: Annotated[tuple[tuple[Share, Share, Share], ...], Meta(min_length=1)] = ((0.7, 0.7, 0.7),)
    moving: tuple[Part, ...] = ()
    joint: Joint | None = None
    beads: Beads | None = None
    """Of what is deformable."""
    solid: bool = True
    """Whether it collides."""
    rolling: Factor = 0.0
    """Rolling friction coefficient (balls come to rest)."""
    graspable: bool = False
    """Whether the gripper's 8 cm fit around it."""
    reach: Mapping[str, tuple[Angle, Angle]] | None = None
    """Where on the table it may stand: ranges of x and y (m) and yaw (deg)."""
    like: Name | None = None
    """Another kind whose part it plays in plans, effects and goals: things are put into a tray that is like a bin."""

    def __post_init__(self) -> None:
        """Check what no field says by itself: the things of the largest and of the smallest size can be built."""
        if {*self.size} != {"w", "d", "h"}:
            raise TabletopError(f"size must have w, d and h, got {', '.join(self.size) or 'none'}")
        if self.reach and not {*self.reach} <= {"x", "y", "yaw"}:
            raise TabletopError(f"reach may have x, y and yaw, got {', '.join(self.reach)}")
        check_rising(vars(self), "card")
        if self.mesh is not None and (self.parts or self.moving or (self.joint and base_of(self.kind) is None)):
            raise TabletopError("a mesh stands in place of parts, of what is rigid or static; see also moving_parts")
        bodiless = not self.parts and self.mesh is None
        lacks = {"rigid": bodiless, "static": bodiless, "deformable": self.beads is None}
        part = base_of(self.kind) is not None
        if lacks.get(self.body_type, self.joint is None or not (self.moving or (part and self.mesh))):
            raise TabletopError(
                "a body_type needs: rigid and static parts (or a mesh), deformable beads, joint both joint and moving;"
                f" {self.body_type} has not"
            )
        self._check_moving_parts()
        for which in itertools.product((0, -1), repeat=3):
            size: list[float] = []
            for axis, end in zip("wdh", which, strict=True):
                given = self.size[axis]
                size.append(number(given[end] if isinstance(given, tuple) else given, _names(size)))
            self.check_size(size)

    def _check_moving_parts(self) -> None:
        """Check that the moving parts hang together."""
        if self.moving_parts and self.body_type != "static":
            raise TabletopError(f"only a static fixture has moving_parts, this one's body_type is {self.body_type}")
        parts = self.moving_parts or {}
        for name, part in parts.items():
            if not part.parts and part.mesh is None:
                raise TabletopError(f"moving part {name!r} needs parts or a mesh")
            for other in filter(None, (part.parent, part.mimic and part.mimic.part)):
                if other not in parts or other == name:
                    raise unknown(f"moving part (that {name!r} speaks of)", other, [p for p in parts if p != name])
            if part.parent is not None and [*parts].index(part.parent) > [*parts].index(name):
                raise TabletopError(f"moving part {name!r} must come after {part.parent!r}, on which it moves")
            if part.mimic is not None and [*parts].index(part.mimic.part) > [*parts].index(name):
                raise TabletopError(f"moving part {name!r} must come after {part.mimic.part!r}, which it follows")

    def of_part(self, name: str) -> Card:
        """Return the card of one of the moving parts, as of a fixture with one joint.

        Args:
            name: of the part.
        """
        part = (self.moving_parts or {})[name]
        return Card(
            f"{self.kind}{PART_MARK}{name}",
            part.description or f"{name.replace('_', ' ')} of {self.description}",
            "joint",
            self.size,
            mesh=part.mesh,
            mass=part.mass or self.mass,
            friction=part.friction or self.friction,
            colors=part.colors or self.colors,
            moving=part.parts,
            joint=part.joint,
            solid=self.solid,
            like=part.like,
        )

    def check_size(self, size: Sequence[float]) -> None:
        """Check that a thing of a size can be built: all that the card computes from it is in its range.

        Args:
            size: w, d, h, m.

        Raises:
            TabletopError: it cannot.
        """
        names = _names(size)
        for name, value in names.items():
            _within(value, names, name, 0.0)
        for part in (*self.parts, *self.moving):
            for given in part.size:
                _within(given, names, "the size of a part", 0.0)
            for given in part.at:
                _within(given, names, "the place of a part", -10.0)
        if self.joint is not None:
            for given in (self.joint.travel, *self.joint.extent):
                _within(given, names, "the joint's travel or extent", 0.0)
            for given in (*self.joint.origin, *self.joint.grasp):
                _within(given, names, "the joint's origin or grasp", -10.0)

    @property
    def loose(self) -> bool:
        """Whether it lies where it is put, as no fixture does; its position is then its middle."""
        return self.body_type in {"rigid", "deformable"}


def _names(size: Sequence[float]) -> dict[str, float]:
    """Return the numbers that an expression of a card may speak of: of w, d, h those that are known."""
    return dict(zip("wdh", map(float, size), strict=False))


def _within(given: float | str, names: Mapping[str, float], what: str, least: float) -> float:
    """Return the value of an expression, checked to be above `least` and at most 10."""
    value = number(given, names)
    if not least < value <= 10.0:
        raise TabletopError(f"{what} must be above {least:g} and at most 10, got {given!r} = {value:g} of {names}")
    return value


def base_of(kind: str) -> str | None:
    """Return the fixture that a moving part is of, by kinds or by names; None of what is no moving part."""
    base, mark, _ = kind.rpartition(PART_MARK)
    return base if mark else None


def part_of(name: str) -> str:
    """Return what a moving part is called on its fixture, by its kind or its name: left_door of cabinet/left_door."""
    return name.rpartition(PART_MARK)[2]


def is_entity_name(text: str) -> bool:
    """Return whether a text can stand for an entity in a formula: a name, or FIXTURE/PART."""
    words = text.split(PART_MARK)
    return len(words) <= 2 and all(word.isidentifier() for word in words)


def mesh_file(card: Card, name: str) -> Path:
    """Return the file of a mesh that a card speaks of.

    Args:
        card: of an object, a fixture or one of its moving parts.
        name: the file's path in the card's folder.

    Raises:
        TabletopError: the card is none of assets/.
    """
    kind = base_of(card.kind) or card.kind
    for folder in ("objects", "fixtures"):
        path = _paths(folder, version()).get(kind)
        if path is not None:
            return path.parent / name
    raise unknown("kind", kind, load_cards())


@lru_cache(maxsize=4)
def _paths(folder: str, _: int) -> Mapping[str, Path]:
    return find(f"assets/{folder}")


def _card(path: Path) -> Card:
    where = f"card {path.parent.name}/{path.name}"
    return card_of(read_yaml(path, where), path.stem, where)


def card_of(raw: object, kind: str, where: str) -> Card:
    """Return the card of an object or a fixture.

    Args:
        raw: as read from YAML.
        kind: its name.
        where: it comes from, for the message.

    Raises:
        TabletopError: it is malformed.
    """
    if not isinstance(raw, dict):
        raise TabletopError(f"{where} must be a mapping")
    if "moves" in raw:
        raise TabletopError(f"{where}: the field moves is now body_type, as in 'body_type: {raw['moves']}'")
    if raw.get("kind", kind) != kind:
        raise TabletopError(f"{where}: kind must be as in the path, {kind!r}, got {raw['kind']!r}")
    return fill(Card, {**raw, "kind": kind}, where)


def load_cards() -> Mapping[str, Card]:
    """Return the cards of all kinds in assets/objects and assets/fixtures, projects' own among them, by kind.

    Raises:
        TabletopError: a card is malformed, or a kind exists twice.
    """
    return _cards(version())


@lru_cache(maxsize=1)
def _cards(_: int) -> Mapping[str, Card]:
    cards: dict[str, Card] = {}
    for folder in ("objects", "fixtures"):
        for path in find(f"assets/{folder}").values():
            card = _card(path)
            if card.kind in cards:
                raise TabletopError(f"kind {card.kind!r} has two cards: in assets/objects and in fixtures")
            cards[card.kind] = card
            for name in card.moving_parts or {}:
                part = card.of_part(name)
                cards[part.kind] = part
    for card in cards.values():
        other = cards.get(card.like) if card.like is not None else None
        if card.like is not None and (other is None or other.like is not None or other.body_type != card.body_type):
            fitting = [c.kind for c in cards.values() if c.body_type == card.body_type and c.like is None]
            raise unknown(f"{card.body_type} kind that {card.kind!r} is like", card.like, fitting)
    return cards
