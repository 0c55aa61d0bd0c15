"""What the bodies on cards are made of: primitives, joints, moving parts, beads; their numbers may be expressions."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Final, Literal

from msgspec import Meta

from tabletop.errors import TabletopError, unknown
from tabletop.schema import Name, check_rising
from tabletop.sim.meshes import Mesh
from tabletop.sim.sums import added

__all__ = [
    "Angle",
    "Beads",
    "Expression",
    "ExpressionText",
    "Extent",
    "Extents",
    "Factor",
    "Joint",
    "Mass",
    "Mimic",
    "MovingPart",
    "Part",
    "Share",
    "number",
]

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
Extent = Annotated[float, Meta(gt=0, le=10)]
Extents = Annotated[tuple[Extent, ...], Meta(min_length=2, max_length=2)]
Angle = Annotated[float, Meta(ge=-1000, le=1000)]
ExpressionText = Annotated[str, Meta(min_length=1, max_length=100)]
Expression = _Metres | ExpressionText
"""A number (m), or arithmetic over w, d, h as `number` takes it."""
_Point = tuple[Expression, Expression, Expression]
_Direction = tuple[_Metres, _Metres, _Metres]
Share = Annotated[float, Meta(ge=0, le=1)]
Factor = Annotated[float, Meta(ge=0, le=100)]
_Force = Annotated[float, Meta(ge=0, le=1000)]
Mass = Annotated[float, Meta(ge=1e-4, le=1000)]
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
    yaw: Angle = 0.0
    """rad about z."""
    pitch: Angle = 0.0
    """rad about y, before the yaw: a quarter turn lays a cylinder along x."""
    tint: Factor = 1.0
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
    start: tuple[Share, Share] = (0.0, 0.0)
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
    latch: Factor = 2.0
    """Fraction beyond which it stays pressed; above 1 never."""

    def __post_init__(self) -> None:
        """Check that the axis points somewhere, and that ranges rise."""
        check_rising({"start": self.start}, "joint")
        if max(map(abs, self.axis)) < 1e-3:
            raise TabletopError(f"axis must be a direction, got {list(self.axis)}")
        length = math.sqrt(added(a * a for a in self.axis))
        if abs(length - 1.0) > 1e-6:
            # PyBullet slides by the axis' own length.
            x, y, z = (a / length for a in self.axis)
            object.__setattr__(self, "axis", (x, y, z))
        if self.continuous and self.type != "revolute":
            raise TabletopError("only a revolute joint can be continuous, this one is prismatic")


@dataclass(frozen=True)
class Mimic:
    """What makes a moving part follow another one."""

    part: Name
    """The one that it follows."""
    ratio: Annotated[float, Meta(gt=0, le=100)] = 1.0
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
    mass: tuple[Mass, Mass] | None = None
    friction: tuple[Factor, Factor] | None = None
    colors: Annotated[tuple[tuple[Share, Share, Share], ...], Meta(min_length=1)] | None = None
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
    curl: tuple[Angle, Angle] = (0.0, 0.0)
    """deg by which each half of a rope is bent at the start, to a side that chance decides."""

    def __post_init__(self) -> None:
        """Check that it can be simulated."""
        if self.grid[0] * self.grid[1] > _MOST_BEADS:
            raise TabletopError(f"grid may have at most {_MOST_BEADS} nodes, got {list(self.grid)}")
        check_rising({"curl": self.curl}, "beads")


_MOST_BEADS: Final = 400
