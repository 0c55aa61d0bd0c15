"""Robots' cards: what assets/robots says of an arm, checked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Final

from msgspec import Meta

from tabletop.errors import TabletopError, unknown
from tabletop.files import read_text
from tabletop.projects import find
from tabletop.schema import InFolder, convert, fill, is_name
from tabletop.yaml_files import read_yaml

__all__ = ["RobotCard", "Workspace", "load_robot_card", "robot_file"]

_Metres = Annotated[float, Meta(ge=-10, le=10)]
_Positive = Annotated[float, Meta(gt=0, le=10_000)]
_Angle = Annotated[float, Meta(ge=-7, le=7)]
_Point = tuple[_Metres, _Metres, _Metres]
_Seven = Meta(min_length=7, max_length=7)
_MESH: Final = re.compile(r"""filename\s*=\s*["']([^"']*)["']""")


@dataclass(frozen=True)
class Workspace:
    """Where the point between the fingertips may go, in the base's frame, m; z counts from the table's surface."""

    lower: _Point
    upper: _Point

    def __post_init__(self) -> None:
        """Check that there is room in it."""
        if any(low >= high for low, high in zip(self.lower, self.upper, strict=True)):
            raise TabletopError(f"lower must be below upper, got {list(self.lower)} and {list(self.upper)}")


@dataclass(frozen=True)
class RobotCard:
    """An arm with a parallel-jaw gripper. Lengths in m, angles in rad, forces in N (Nm for turning joints)."""

    name: str
    urdf: InFolder
    """The file beside the card."""
    arm_joints: Annotated[tuple[str, ...], _Seven]
    finger_joints: tuple[str, str]
    finger_links: tuple[str, str]
    hand_link: str
    tcp: _Point
    """In the frame of hand_link: the point midway between the fingertips."""
    max_width: Annotated[float, Meta(gt=0, le=1)]
    """Between the fingers."""
    home: Annotated[tuple[_Angle, ...], _Seven]
    lower: Annotated[tuple[_Angle, ...], _Seven]
    upper: Annotated[tuple[_Angle, ...], _Seven]
    velocity: Annotated[tuple[_Positive, ...], _Seven]
    """rad/s."""
    force: Annotated[tuple[_Positive, ...], _Seven]
    finger_velocity: _Positive
    """m/s."""
    finger_force: _Positive
    """Of each finger's motor."""
    finger_friction: Annotated[float, Meta(ge=0, le=100)]
    gear_force: _Positive
    """Of the gear that keeps the fingers' joints equal, at most."""
    workspace: Workspace
    dh: Annotated[tuple[tuple[_Metres, _Angle, _Metres], ...], _Seven]
    """Modified Denavit-Hartenberg rows [a, alpha, d] of the joints."""
    flange: _Metres
    """From the seventh joint to the hand."""
    hand_yaw: _Angle

    def __post_init__(self) -> None:
        """Check that each joint has a range."""
        if any(low >= high for low, high in zip(self.lower, self.upper, strict=True)):
            raise TabletopError(f"lower must be below upper, got {list(self.lower)} and {list(self.upper)}")


@lru_cache
def robot_file(name: str) -> Path:
    """Return the file of a card of assets/robots, a project's own among them; its URDF lies beside it.

    Raises:
        TabletopError: there is none of that name.
    """
    found = find("assets/robots")
    if not is_name(name) or name not in found:
        raise unknown("robot", name, found)
    return found[name]


@lru_cache
def load_robot_card(name: str) -> RobotCard:
    """Return a card of assets/robots.

    Raises:
        TabletopError: there is none of that name, a field is missing, of another type or out of its range, or its URDF
            is missing or takes meshes from elsewhere.
    """
    where = f"robot card {name!r}"
    card = fill(RobotCard, read_yaml(robot_file(name), where), where)
    for mesh in _MESH.findall(read_text(robot_file(name).parent / card.urdf, f"{where}: urdf")):
        convert(mesh, InFolder, f"{where}: urdf: mesh")
    return card
