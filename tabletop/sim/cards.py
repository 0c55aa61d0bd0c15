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
from tabletop.yaml_files import read_yaml

__all__ = ["Beads", "Card", "GraspedPart", "Joint", "Part", "grasped_part", "load_cards", "number"]

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
    hinge: _Direction = (0.0, 0.0, 0.0)
    """Where the axis of a revolute joint passes: in half extents of the moving part, from its origin."""
    friction: _Force = 1.0
    """N or N m that hold it still."""
    spring: _Force = 0.0
    """N or N m that bring it back to fraction 0."""
    latch: _Factor = 2.0
    """Fraction beyond which it stays pressed; above 1 never."""

    def __post_init__(self) -> None:
        """Check that the axis points somewhere."""
        if max(map(abs, self.axis)) < 1e-3:
            raise TabletopError(f"axis must be a direction, got {list(self.axis)}")


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

    def __post_init__(self) -> None:
        """Check what no field says by itself: the things of the largest and of the smallest size can be built."""
        if {*self.size} != {"w", "d", "h"}:
            raise TabletopError(f"size must have w, d and h, got {', '.join(self.size) or 'none'}")
        if self.reach and not {*self.reach} <= {"x", "y", "yaw"}:
            raise TabletopError(f"reach may have x, y and yaw, got {', '.join(self.reach)}")
        check_rising(vars(self), "card")
        lacks = {"rigid": not self.parts, "static": not self.parts, "deformable": self.beads is None}
        if lacks.get(self.body_type, self.joint is None or not self.moving):
            raise TabletopError(
                "a body_type needs: rigid and static parts, deformable beads, joint both joint and moving;"
                f" {self.body_type} has not"
            )
        for which in itertools.product((0, -1), repeat=3):
            size: list[float] = []
            for axis, end in zip("wdh", which, strict=True):
                given = self.size[axis]
                size.append(number(given[end] if isinstance(given, tuple) else given, _names(size)))
            self.check_size(size)

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


def _card(path: Path) -> Card:
    where = f"card {path.parent.name}/{path.name}"
    raw = read_yaml(path, where)
    if not isinstance(raw, dict):
        raise TabletopError(f"{where} must be a mapping")
    if "moves" in raw:
        raise TabletopError(f"{where}: the field moves is now body_type, as in 'body_type: {raw['moves']}'")
    if raw.get("kind", path.stem) != path.stem:
        raise TabletopError(f"{where}: kind must be as in the path, {path.stem!r}, got {raw['kind']!r}")
    return fill(Card, {**raw, "kind": path.stem}, where)


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
    return cards
