"""Cards of objects and fixtures: what a kind of thing is made of, and how much of it is random."""

from __future__ import annotations

import ast
import itertools
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Final, Literal

from msgspec import Meta

from tabletop.errors import TabletopError, unknown
from tabletop.projects import find, version
from tabletop.schema import Name, check_rising, fill
from tabletop.sim.meshes import Mesh
from tabletop.yaml_files import read_yaml

__all__ = [
    "PART_MARK",
    "Beads",
    "Card",
    "GraspedPart",
    "Joint",
    "Mimic",
    "MovingPart",
    "Part",
    "base_of",
    "card_of",
    "grasped_part",
    "is_entity_name",
    "load_cards",
    "mesh_file",
    "number",
]

PART_MARK: Final = "/"
"""Between the name of a fixture and that of what moves on it: cabinet/left_door."""

_OPERATORS: Final[dict[type, Callable[[float, float], float]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


@lru_cache(maxsize=1024)
def _tree(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def number(text: object, names: Mapping[str, float]) -> float:
    """Return the value of a number or of arithmetic over named numbers ("w / 2 - 0.01").

    Raises:
        TabletopError: anything but + - * /, numbers and known names.
    """
    if isinstance(text, (int, float)) and not isinstance(text, bool):
        return float(text)

    def value(node: ast.expr) -> float:
        if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
            return float(node.value)
        if isinstance(node, ast.Name):
            if node.id not in names:
                raise unknown("name in a card's expression", node.id, names)
            return names[node.id]
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            return -value(node.operand)
        if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
            return _OPERATORS[type(node.op)](value(node.left), value(node.right))
        raise TabletopError(f"a card's expression takes numbers, names and + - * /, got {text!r}")

    try:
        return value(_tree(str(text)))
    except (SyntaxError, ZeroDivisionError, OverflowError, RecursionError, MemoryError):
        raise TabletopError(f"a card's expression takes numbers, names and + - * /, got {text!r}") from None


_Metres = Annotated[float, Meta(ge=-10, le=10)]
_Extent = Annotated[float, Meta(gt=0, le=10)]
_Extents = Annotated[tuple[_Extent, ...], Meta(min_length=2, max_length=2)]
_Angle = Annotated[float, Meta(ge=-1000, le=1000)]
_Expression = Annotated[str, Meta(min_length=1, max_length=100)]
Expression = _Metres | _Expression
"""A number (m), or arithmetic over w, d, h as `number` takes it."""
_Point = tuple[Expression, Expression, Expression]
_Direction = tuple[_Metres, _Metres, _Metres]
_Share = Annotated[float, Meta(ge=0, le=1)]
_Factor = Annotated[float, Meta(ge=0, le=100)]
_Force = Annotated[float, Meta(ge=0, le=1000)]
_Mass = Annotated[float, Meta(ge=1e-4, le=1000)]
_SIZES: Final = {"box": 3, "cylinder": 2, "sphere": 1}
"""Numbers that say how large a shape is."""


@dataclass(frozen=True)
class Part:
    """One primitive of a body. Numbers may be expressions over w, d, h (the entity's size)."""

    shape: Literal["box", "cylinder", "sphere"]
    """A cylinder is along z."""
    size: Annotated[tuple[Expression, ...], Meta(min_length=1, max_length=3)]
    """box: full extents x, y, z; cylinder: radius, height; sphere: radius. m."""
    at: _Point = (0, 0, 0)
    """Centre in the body's frame, m."""
    yaw: _Angle = 0.0
    """rad about z."""
    pitch: _Angle = 0.0
    """rad about y, before the yaw: a quarter turn lays a cylinder along x."""
    tint: _Factor = 1.0
    """Factor on the entity's colour."""

    def __post_init__(self) -> None:
        """Check that the size is the shape's."""
        if len(self.size) != _SIZES[self.shape]:
            raise TabletopError(f"the size of a {self.shape} is {_SIZES[self.shape]} numbers, got {list(self.size)}")


@dataclass(frozen=True)
class Joint:
    """The one joint of a fixture."""

    type: Literal["prismatic", "revolute"]
    axis: _Direction
    """In the fixture's frame."""
    travel: Expression
    """m or rad between fraction 0 and 1 (may be an expression)."""
    origin: _Point
    """Of the moving part at fraction 0, in the fixture's frame; m."""
    extent: _Point
    """Full extents of the moving part's bounding box, centred on its origin; m."""
    grasp: _Point = (0, 0, 0)
    """Where to act on it, in the moving part's frame; m."""
    closing: Literal["x", "y"] = "x"
    """Axis of the moving part along which two fingers close there."""
    width: Annotated[float, Meta(ge=0, le=1)] = 0.012
    """m between the fingers once they touch; 0 where they can only push."""
    opening: Annotated[float, Meta(ge=0, le=1)] = 0.050
    """m between the fingers on the way there."""
    start: tuple[_Share, _Share] = (0.0, 0.0)
    """Range of fractions at which it stands in a scene that says nothing of it. What lies flush when it is shut, so
    that nothing can open it again, starts ajar."""
    hinge: _Direction = (0.0, 0.0, 0.0)
    """Where the axis of a revolute joint passes: in half extents of the moving part, from its origin."""
    friction: _Force = 1.0
    """N or N m that hold it still."""
    damping: _Force = 0.0
    """N s/m or N m s/rad that slow it down."""
    continuous: bool = False
    """Whether a revolute one turns without end: each turn adds `travel` of fraction 1."""
    spring: _Force = 0.0
    """N or N m that bring it back to fraction 0."""
    latch: _Factor = 2.0
    """Fraction beyond which it stays pressed; above 1 never."""

    def __post_init__(self) -> None:
        """Check that the axis points somewhere, and that ranges rise."""
        check_rising({"start": self.start}, "joint")
        if max(map(abs, self.axis)) < 1e-3:
            raise TabletopError(f"axis must be a direction, got {list(self.axis)}")
        if self.continuous and self.type != "revolute":
            raise TabletopError("only a revolute joint can be continuous, this one is prismatic")


@dataclass(frozen=True)
class Mimic:
    """What makes a moving part follow another one."""

    part: Name
    """The one that it follows."""
    ratio: Annotated[float, Meta(ge=-100, le=100)] = 1.0
    """m or rad of its own way for each m or rad of the other's."""


@dataclass(frozen=True)
class MovingPart:
    """One of several things that move on a fixture: an entity of its own, called FIXTURE/PART."""

    joint: Joint
    """In the fixture's frame, with all parts at fraction 0."""
    description: str = ""
    parts: tuple[Part, ...] = ()
    """About the middle of its bounding box."""
    mesh: Mesh | None = None
    """Instead of parts."""
    mass: tuple[_Mass, _Mass] | None = None
    friction: tuple[_Factor, _Factor] | None = None
    colors: Annotated[tuple[tuple[_Share, _Share, _Share], ...], Meta(min_length=1)] | None = None
    """Where there is none, mass, friction and colours are the fixture's."""
    parent: Name | None = None
    """The moving part that it moves on; None: the fixture's base."""
    mimic: Mimic | None = None
    like: Name | None = None
    """The kind whose part it plays, as of a card."""


@dataclass(frozen=True)
class Beads:
    """What something deformable is made of: balls, as wide as it is thick, at the nodes of a grid."""

    grid: tuple[Annotated[int, Meta(ge=3, le=64)], Annotated[int, Meta(ge=1, le=64)]]
    """Nodes along its own x and y; [n, 1] is a rope."""
    curl: tuple[_Angle, _Angle] = (0.0, 0.0)
    """deg by which each half of a rope is bent at the start, to a side that chance decides."""

    def __post_init__(self) -> None:
        """Check that it can be simulated."""
        if self.grid[0] * self.grid[1] > _MOST_BEADS:
            raise TabletopError(f"grid may have at most {_MOST_BEADS} nodes, got {list(self.grid)}")
        check_rising({"curl": self.curl}, "beads")


_MOST_BEADS: Final = 400


@dataclass(frozen=True)
class Card:
    """A kind of object or fixture."""

    kind: Name
    description: str
    body_type: Literal["rigid", "deformable", "joint", "static"]
    size: Mapping[str, _Extent | _Extents | _Expression]
    """w, d, h (full extents along its own x, y, z): a number, a [low, high] range, or an expression over
    those before it."""
    parts: tuple[Part, ...] = ()
    """The rigid body, or the fixed base of a fixture."""
    mesh: Mesh | None = None
    """Instead of parts, of what is rigid or static."""
    moving_parts: Mapping[Name, MovingPart] | None = None
    """Of a static fixture: what moves on it, each with a joint."""
    mass: tuple[_Mass, _Mass] = (0.1, 0.1)
    friction: tuple[_Factor, _Factor] = (0.8, 0.8)
    colors: Annotated[tuple[tuple[_Share, _Share, _Share], ...], Meta(min_length=1)] = ((0.7, 0.7, 0.7),)
    moving: tuple[Part, ...] = ()
    joint: Joint | None = None
    beads: Beads | None = None
    """Of what is deformable."""
    solid: bool = True
    """Whether it collides."""
    rolling: _Factor = 0.0
    """Rolling friction coefficient (balls come to rest)."""
    graspable: bool = False
    """Whether the gripper's 8 cm fit around it."""
    reach: Mapping[str, tuple[_Angle, _Angle]] | None = None
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
            chain, lead = [name], part.mimic
            while lead is not None:
                if lead.part in chain:
                    raise TabletopError(f"moving parts follow each other in a circle: {', '.join(chain)}")
                chain.append(lead.part)
                lead = parts[lead.part].mimic if lead.part in parts else None

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


@dataclass(frozen=True)
class GraspedPart:
    """The part by which a kind is held: the first one of its card. In the entity's own frame."""

    centre: tuple[float, ...]
    """(3,), m."""
    extents: tuple[float, ...]
    """(3,), full, m."""
    shape: str
    """ "box", "cylinder" or "sphere"."""
    axes: tuple[int, ...]
    """Own axes (0 x, 1 y, 2 z) along which two fingers can close: no other part is where they would be."""
    alone: bool
    """Whether it is the only part."""

    @property
    def closing(self) -> int:
        """The own horizontal axis (0 x, 1 y) along which it is narrowest, of those that are free."""
        return min((i for i in (0, 1) if i in self.axes), key=lambda i: self.extents[i], default=0)


_FINGERS: Final = 0.010
"""m, how thick a finger is."""
_SUNK: Final = 0.004
"""m by which parts may overlap, or a finger another part, and not be in each other's way."""


def _extents(part: Part, names: Mapping[str, float]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return centre and full extents (m) of a part, its own turn left out."""
    centre = tuple(number(a, names) for a in part.at)
    given = tuple(number(s, names) for s in part.size)
    if part.shape == "box":
        return centre, given
    wide = 2 * given[0]
    return centre, (wide, wide, given[1] if part.shape == "cylinder" else wide)


def grasped_part(card: Card, size: Sequence[float]) -> GraspedPart:
    """Return the part by which an entity of a kind is held.

    Args:
        card: of the kind.
        size: full extents of the entity, m.

    Raises:
        TabletopError: the card's numbers are malformed.
    """
    if card.mesh is not None:
        return _held_mesh(card.mesh, size)
    names = _names(size)
    centre, extents = _extents(card.parts[0], names)

    def blocked(axis: int) -> bool:
        """Whether another part lies against one of the faces that two fingers would close on."""
        for part in card.parts[1:]:
            at, full = _extents(part, names)
            gaps = [abs(a - c) - (f + e) / 2 for a, c, f, e in zip(at, centre, full, extents, strict=True)]
            beside = [gap < -_SUNK for i, gap in enumerate(gaps) if i != axis]
            if all(beside) and gaps[axis] < _FINGERS:
                return True
        return False

    axes = tuple(i for i in range(3) if not blocked(i))
    return GraspedPart(centre, extents, card.parts[0].shape, axes, len(card.parts) == 1)


def _held_mesh(mesh: Mesh, size: Sequence[float]) -> GraspedPart:
    """Return where a mesh is held, as if that were a box."""
    scales = mesh.scales(size)
    if mesh.grasp is None:
        return GraspedPart((0.0, 0.0, 0.0), tuple(size), "box", (), False)
    closing = "xy".index(mesh.grasp.closing)
    extents = [float(s) for s in size]
    extents[closing] = mesh.grasp.width * scales[closing]
    centre = tuple(a * s for a, s in zip(mesh.grasp.at, scales, strict=True))
    return GraspedPart(centre, tuple(extents), "box", (closing,), False)


def base_of(kind: str) -> str | None:
    """Return the fixture that a moving part is of, by kinds or by names; None of what is no moving part."""
    base, mark, _ = kind.rpartition(PART_MARK)
    return base if mark else None


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
