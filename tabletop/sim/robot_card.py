"""Robots' cards: what assets/robots says of an arm, checked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Annotated, Final

from msgspec import Meta

from tabletop.errors import TabletopError, unknown
from tabletop.files import read_text
from tabletop.projects import find, kept
from tabletop.schema import InFolder, convert, fill, is_name
from tabletop.yaml_files import read_yaml

__all__ = [
    "PANDA",
    "Follower",
    "Hand",
    "RobotCard",
    "Workspace",
    "load_robot_card",
    "mesh_names",
    "robot_file",
    "robot_in_use",
    "use_robot",
    "using_robot",
]

PANDA: Final = "panda"
"""The robot that scenes have where nothing else is said."""

_Metres = Annotated[float, Meta(ge=-10, le=10)]
_Positive = Annotated[float, Meta(gt=0, le=10_000)]
_Angle = Annotated[float, Meta(ge=-7, le=7)]
_Point = tuple[_Metres, _Metres, _Metres]
_Turns = tuple[_Angle, _Angle, _Angle]
_Share = Annotated[float, Meta(gt=0, le=1)]
_Arm = Meta(min_length=5, max_length=8)
_Two = Meta(min_length=2, max_length=2)
_MESH: Final = re.compile(r"""filename\s*=\s*["']([^"']*)["']|<uri>\s*([^<]*?)\s*</uri>""")
_PACKAGE: Final = "package://"
"""Before the path of a mesh from the URDF's folder on."""


@dataclass(frozen=True)
class Workspace:
    """Where the point between the fingertips may go, in the world's frame, m; z counts from the table's surface."""

    lower: _Point
    upper: _Point

    def __post_init__(self) -> None:
        """Check that there is room in it."""
        if any(low >= high for low, high in zip(self.lower, self.upper, strict=True)):
            raise TabletopError(f"lower must be below upper, got {list(self.lower)} and {list(self.upper)}")


@dataclass(frozen=True)
class Hand:
    """How the gripper is shaped around the point between the fingertips, m: what plans with it keeps that free."""

    tip: _Share = 0.010
    """From that point down to the fingertips."""
    palm: _Share = 0.036
    """From that point up to the palm."""
    breadth: _Share = 0.018
    """Of a finger across the way in which it closes."""
    thickness: _Share = 0.010
    """Of a finger along that way."""
    half: Annotated[tuple[_Share, ...], _Two] = (0.106, 0.029)
    """Half extents of the hand above the palm: along the way in which the fingers close, and across."""

    @cached_property
    def deepest(self) -> float:
        """Return how far, m, what is held may rise above the point between the fingertips: the palm is close above."""
        return round(self.palm - 0.003, 6)


@dataclass(frozen=True)
class Follower:
    """A joint of the gripper that goes with one of the two that are driven: a geared or mimic joint."""

    joint: str
    """The driven one."""
    ratio: Annotated[float, Meta(ge=-100, le=100)] = 1.0
    """Of its position to that of the driven one."""
    offset: _Angle = 0.0
    """Of its position where that of the driven one is 0."""


@dataclass(frozen=True)
class RobotCard:
    """An arm with a gripper of two fingers. Lengths in m, angles in rad, forces in N (Nm for turning joints)."""

    name: str
    urdf: InFolder
    """The file beside the card: a URDF, or an SDF with one model."""
    arm_joints: Annotated[tuple[str, ...], _Arm]
    """5 to 8 turning joints, from the base to the hand."""
    finger_joints: tuple[str, str]
    """That drive the left finger and the right one."""
    finger_links: tuple[str, str]
    """That touch what is held. What moves with a driven joint counts as its finger, too."""
    hand_link: str
    tcp: _Point
    """In the frame of hand_link: the point midway between the fingertips."""
    max_width: Annotated[float, Meta(gt=0, le=1)]
    """Between the fingers."""
    home: Annotated[tuple[_Angle, ...], _Arm]
    """At rest: the gripper points down. The arm's other postures are on its side of the singular ones."""
    lower: Annotated[tuple[_Angle, ...], _Arm]
    upper: Annotated[tuple[_Angle, ...], _Arm]
    velocity: Annotated[tuple[_Positive, ...], _Arm]
    """rad/s."""
    force: Annotated[tuple[_Positive, ...], _Arm]
    finger_velocity: _Positive
    """m/s, or rad/s."""
    finger_force: _Positive
    """Of each finger's motor."""
    finger_friction: Annotated[float, Meta(ge=0, le=100)]
    gear_force: _Positive
    """Of the gears that keep the fingers' joints together, at most."""
    workspace: Workspace
    hand: Hand = field(default_factory=Hand)
    base: _Point = (0.0, 0.0, 0.0)
    """Where the arm's base stands, in the world's frame; the table's near edge is at x = 0.2."""
    base_yaw: _Angle = 0.0
    tool_rotation: _Turns = (0.0, 0.0, 0.0)
    """Roll, pitch and yaw from the frame of hand_link to the tool's: its z points along the gripper, and the fingers
    open along its y, the left one on the side of -y."""
    finger_open: tuple[_Metres, _Metres] | None = None
    """Positions of the driven joints where the fingers are open. None: half of max_width each."""
    finger_closed: tuple[_Metres, _Metres] = (0.0, 0.0)
    """The same where they are closed."""
    followers: dict[str, Follower] = field(default_factory=dict)
    """Other joints of the gripper, by name."""
    inertia_from_file: bool = True
    """False: links take their inertia from their collision shapes, where the file's cannot be."""
    dh: Annotated[tuple[tuple[_Metres, _Angle, _Metres], ...], Meta(max_length=8)] = ()
    """Modified Denavit-Hartenberg rows [a, alpha, d] of the joints, for an arm of the Panda's build: it is then solved
    in closed form."""
    flange: _Metres = 0.0
    """With dh: from the seventh joint to the hand."""
    hand_yaw: _Angle = 0.0
    """With dh: from the seventh joint's frame to the hand's."""

    def __post_init__(self) -> None:
        """Check that all that is said of joints is said of each, and that each has a range."""
        count = len(self.arm_joints)
        for name in ("home", "lower", "upper", "velocity", "force"):
            if len(getattr(self, name)) != count:
                raise TabletopError(f"{name} must have a number for each of the {count} arm_joints")
        if any(low >= high for low, high in zip(self.lower, self.upper, strict=True)):
            raise TabletopError(f"lower must be below upper, got {list(self.lower)} and {list(self.upper)}")
        outside = [i for i in range(count) if not self.lower[i] <= self.home[i] <= self.upper[i]]
        if outside:
            first = outside[0]
            raise TabletopError(
                f"home must be within lower and upper, got {self.home[first]:g} for {self.arm_joints[first]!r}"
            )
        joints = (*self.arm_joints, *self.finger_joints, *self.followers)
        if len(set(joints)) != len(joints):
            raise TabletopError("arm_joints, finger_joints and followers must be different joints")
        for follower in self.followers.values():
            if follower.joint not in self.finger_joints:
                raise unknown("driven joint of a follower", follower.joint, self.finger_joints)
        if self.dh and (len(self.dh) != count or any(self.base) or self.base_yaw or any(self.tool_rotation)):
            raise TabletopError("dh must have a row for each joint, and goes with no base, base_yaw or tool_rotation")


@kept
def robot_file(name: str) -> Path:
    """Return the file of a card of assets/robots, a project's own among them; its URDF lies beside it.

    Raises:
        TabletopError: there is none of that name.
    """
    found = find("assets/robots")
    if not is_name(name) or name not in found:
        raise unknown("robot", name, found)
    return found[name]


def load_robot_card(name: str) -> RobotCard:
    """Return a card of assets/robots.

    Raises:
        TabletopError: there is none of that name, a field is missing, of another type or out of its range, or its URDF
            is missing or takes meshes from elsewhere.
    """
    if not isinstance(name, str):
        raise TabletopError(f"robot must be the name of a card in assets/robots, got {name!r}")
    return _card(name)


@kept
def _card(name: str) -> RobotCard:
    where = f"robot card {name!r}"
    card = fill(RobotCard, read_yaml(robot_file(name), where), where)
    for mesh in mesh_names(read_text(robot_file(name).parent / card.urdf, f"{where}: urdf")):
        convert(mesh.removeprefix(_PACKAGE), InFolder, f"{where}: urdf: mesh")
    return card


def mesh_names(text: str) -> tuple[str, ...]:
    """Return the files that a URDF or an SDF names, as it names them, each once."""
    return tuple(dict.fromkeys(one or two for one, two in _MESH.findall(text)))


_in_use = PANDA


def robot_in_use() -> str:
    """Return the robot that scenes are drawn with: what `use_robot` said last, else the Panda."""
    return _in_use


def use_robot(name: str) -> None:
    """Draw scenes with a robot from now on, in this process and in the workers that it starts.

    Args:
        name: of a card in assets/robots.

    Raises:
        TabletopError: there is none of that name, or it is malformed.
    """
    global _in_use
    load_robot_card(name)
    _in_use = name


@contextmanager
def using_robot(name: str | None) -> Iterator[None]:
    """Draw scenes with a robot meanwhile, as `use_robot` does; None changes nothing."""
    before = _in_use
    use_robot(before if name is None else name)
    try:
        yield
    finally:
        use_robot(before)
