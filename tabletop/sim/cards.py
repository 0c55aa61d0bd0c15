"""Cards of objects and fixtures: what a kind of thing is made of, and how much of it is random."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from tabletop.errors import TabletopError, unknown
from tabletop.paths import ASSETS
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
    except SyntaxError:
        raise TabletopError(f"a card's expression takes numbers, names and + - * /, got {text!r}") from None


@dataclass(frozen=True)
class Part:
    """One primitive of a body. Numbers may be expressions over w, d, h (the entity's size)."""

    shape: str
    """ "box", "cylinder" (along z) or "sphere"."""
    size: tuple[Any, ...]
    """box: full extents x, y, z; cylinder: radius, height; sphere: radius. m."""
    at: tuple[Any, ...] = (0, 0, 0)
    """Centre in the body's frame, m."""
    yaw: float = 0.0
    """rad about z."""
    pitch: float = 0.0
    """rad about y, before the yaw: a quarter turn lays a cylinder along x."""
    tint: float = 1.0
    """Factor on the entity's colour."""


@dataclass(frozen=True)
class Joint:
    """The one joint of a fixture."""

    type: str
    """ "prismatic" or "revolute"."""
    axis: tuple[float, ...]
    """In the fixture's frame."""
    travel: Any
    """m or rad between fraction 0 and 1 (may be an expression)."""
    origin: tuple[Any, ...]
    """Of the moving part at fraction 0, in the fixture's frame; m."""
    extent: tuple[Any, ...]
    """Full extents of the moving part's bounding box, centred on its origin; m."""
    grasp: tuple[Any, ...] = (0, 0, 0)
    """Where to act on it, in the moving part's frame; m."""
    hinge: tuple[float, ...] = (0.0, 0.0, 0.0)
    """Where the axis of a revolute joint passes: in half extents of the moving part, from its origin."""
    friction: float = 1.0
    """N or N m that hold it still."""
    spring: float = 0.0
    """N or N m that bring it back to fraction 0."""
    latch: float = 2.0
    """Fraction beyond which it stays pressed; above 1 never."""


@dataclass(frozen=True)
class Beads:
    """What something deformable is made of: balls, as wide as it is thick, at the nodes of a grid."""

    grid: tuple[int, int]
    """Nodes along its own x and y; [n, 1] is a rope."""
    curl: tuple[float, float] = (0.0, 0.0)
    """deg by which each half of a rope is bent at the start, to a side that chance decides."""


@dataclass(frozen=True)
class Card:
    """A kind of object or fixture."""

    kind: str
    description: str
    body_type: str
    """ "rigid", "deformable", "joint" or "static"."""
    size: Mapping[str, Any]
    """w, d, h (full extents along its own x, y, z): a number, a [low, high] range, or an expression over
    those before it."""
    parts: tuple[Part, ...]
    """The rigid body, or the fixed base of a fixture."""
    mass: tuple[float, float] = (0.1, 0.1)
    friction: tuple[float, float] = (0.8, 0.8)
    colors: tuple[tuple[float, ...], ...] = ((0.7, 0.7, 0.7),)
    moving: tuple[Part, ...] = ()
    joint: Joint | None = None
    beads: Beads | None = None
    """Of what is deformable."""
    solid: bool = True
    """Whether it collides."""
    rolling: float = 0.0
    """Rolling friction coefficient (balls come to rest)."""
    graspable: bool = False
    """Whether the gripper's 8 cm fit around it."""
    reach: Mapping[str, tuple[float, float]] | None = None
    """Where on the table it may stand: ranges of x and y (m) and yaw (deg)."""

    @property
    def loose(self) -> bool:
        """Whether it lies where it is put, as no fixture does; its position is then its middle."""
        return self.body_type in {"rigid", "deformable"}


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
    names = dict(zip(("w", "d", "h"), (float(s) for s in size), strict=True))
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


def _tuple(value: object) -> Any:
    return tuple(_tuple(v) for v in value) if isinstance(value, list) else value


def _parts(raw: object, where: str) -> tuple[Part, ...]:
    if not isinstance(raw, list):
        raise TabletopError(f"{where}: parts must be a list")
    out = []
    for item in raw:
        try:
            part = Part(**{k: _tuple(v) for k, v in item.items()})
        except (TypeError, AttributeError) as error:
            raise TabletopError(f"{where}: bad part {item!r} ({error})") from None
        if part.shape not in {"box", "cylinder", "sphere"}:
            raise TabletopError(f"{where}: shape {part.shape!r}; there are: box, cylinder, sphere")
        out.append(part)
    return tuple(out)


def _card(path: Path) -> Card:
    where = f"card {path.parent.name}/{path.name}"
    raw = read_yaml(path, where)
    if not isinstance(raw, dict):
        raise TabletopError(f"{where} must be a mapping")
    if "moves" in raw:
        raise TabletopError(f"{where}: the field moves is now body_type, as in 'body_type: {raw['moves']}'")
    data = dict(raw)
    parts = _parts(data.pop("parts", []), where)
    moving = _parts(data.pop("moving", []), where)
    try:
        joint = Joint(**{k: _tuple(v) for k, v in data.pop("joint").items()}) if "joint" in data else None
        beads = Beads(**{k: _tuple(v) for k, v in data.pop("beads").items()}) if "beads" in data else None
        data = {k: _tuple(v) if isinstance(v, list) else v for k, v in data.items()}
        if isinstance(data.get("reach"), dict):
            data["reach"] = {k: _tuple(v) for k, v in data["reach"].items()}
        if isinstance(data.get("size"), dict):
            data["size"] = {k: _tuple(v) for k, v in data["size"].items()}
        return Card(kind=path.stem, parts=parts, moving=moving, joint=joint, beads=beads, **data)
    except TypeError as error:
        raise TabletopError(f"{where}: {error}") from None


@lru_cache(maxsize=1)
def load_cards() -> Mapping[str, Card]:
    """Return the cards of all kinds in assets/objects and assets/fixtures, by kind.

    Raises:
        TabletopError: a card is malformed, or a kind exists twice.
    """
    cards: dict[str, Card] = {}
    for folder in ("objects", "fixtures"):
        for path in sorted((ASSETS / folder).glob("*.yaml")):
            card = _card(path)
            if card.kind in cards:
                raise TabletopError(f"kind {card.kind!r} has two cards: in assets/objects and in fixtures")
            cards[card.kind] = card
    return cards
