"""A URDF or SDF file becomes an object where nothing moves on it, else a fixture with moving parts."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from tabletop.errors import TabletopError, unknown
from tabletop.importing.description import Description, JointOf, read_description
from tabletop.importing.fixtures import ImportedFixture, ImportedPart
from tabletop.importing.geometry import Source
from tabletop.importing.handles import OPEN, far_edge, handle_of
from tabletop.importing.hulls import Hull, hull_of
from tabletop.importing.mass import spread_of
from tabletop.importing.objects import ImportedObject, Options, name_of, object_from, one_line, row
from tabletop.importing.resting import UPS, onto
from tabletop.importing.rigid import RigidBody, body_of, placed
from tabletop.importing.units import UNITS

__all__ = ["thing_of"]

Array = npt.NDArray[np.float64]

_LARGEST: Final = 0.6
"""m that a side of a fixture may have."""
_DENSITY: Final = 500.0
_FRICTION: Final = {"prismatic": 1.0, "revolute": 0.15}
"""N or N m that hold a joint still where the file says nothing."""
_STRAIGHT: Final = 2e-3
"""Less of an axis is rounding."""
_FAR: Final = 1.5
"""Of a part's own length along its way, that it may slide; files say 100 m where they mean no limit."""
_DRAWN: Final = 0.75
"""Of that length, that it then slides."""
_WORDS: Final = re.compile(r"[^A-Za-z0-9_]+")


def thing_of(path: Path, options: Options) -> ImportedObject | ImportedFixture:
    """Return what a URDF or SDF file describes: an object where nothing moves on it, else a fixture.

    Args:
        path: of the file.
        options: what is asked for.

    Raises:
        TabletopError: the file is none that can be had, or what it describes does not fit on the table.
    """
    what = f"{path.suffix.lower().removeprefix('.').upper()} {path.name!r}"
    found = read_description(path, what)
    name = name_of(path, options.name)
    notes = {"from": one_line(path.name)}
    moving = [joint for joint in found.joints.values() if joint.type != "fixed"]
    turn = onto(np.array(UPS[options.up], dtype=float)) if options.up in UPS else np.eye(3)
    unit = options.units or "m"
    if unit not in UNITS:
        raise unknown("unit", unit, UNITS)
    scale = options.scale * UNITS[unit]
    if not moving:
        body = body_of(found, found.root, np.eye(4), scale, turn, what)
        if body is None:
            raise TabletopError(f"{what}: it must have a shape that is seen or touched")
        source = Source(body.vertices, body.faces, body.color, 1.0)
        thing = object_from(
            source,
            name,
            replace(
                options,
                units="m",
                scale=1.0,
                up="z" if options.up in UPS else options.up,
                friction=options.friction if body.friction is None else (body.friction, body.friction),
            ),
            what,
            notes,
            body.mass,
            body.hulls,
        )
        return _as_primitive(thing, found, scale)
    return _fixture(found, moving, name, scale, turn, notes, options, what)


def _as_primitive(thing: ImportedObject, found: Description, scale: float) -> ImportedObject:
    """Return an object as the one primitive that it is, which physics knows exactly; else as it was."""
    touches = [g for link in found.links.values() for g in link.touches or link.looks]
    looks = [g for link in found.links.values() for g in link.looks or link.touches]
    if len(touches) != 1 or len(looks) != 1 or (touches[0].shape, touches[0].size) != (looks[0].shape, looks[0].size):
        return thing
    shape, own = touches[0].shape, [v * scale for v in touches[0].size]
    if shape == "sphere":
        return replace(thing, shape=shape, size=(2 * own[0],) * 3)
    if shape == "cylinder" and np.allclose((2 * own[0], 2 * own[0], own[1]), thing.size, rtol=2e-2):
        return replace(thing, shape=shape, size=(2 * own[0], 2 * own[0], own[1]))
    if shape == "box" and np.allclose(sorted(own), sorted(thing.size), rtol=1e-3):
        return replace(thing, shape=shape)
    return thing


def _shut(joint: JointOf) -> tuple[float, float, float]:
    """Return the joint's position when shut, the sign of its opening, and its travel.

    It is shut at the limit that is nearer to the position 0 in which the file draws it.
    """
    if joint.type == "continuous":
        return 0.0, 1.0, 2 * math.pi
    if abs(joint.upper) < abs(joint.lower):
        return joint.upper, -1.0, joint.upper - joint.lower
    return joint.lower, 1.0, joint.upper - joint.lower


def _moved(joint: JointOf, position: float) -> Array:
    """Return the pose (4, 4) of a joint's child in the parent's frame at a position."""
    out = np.eye(4)
    if joint.type == "prismatic":
        out[:3, 3] = joint.axis * position
    else:
        x, y, z = joint.axis
        skew = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
        out[:3, :3] = np.eye(3) + math.sin(position) * skew + (1 - math.cos(position)) * skew @ skew
    return np.asarray(joint.pose @ out)


def _fixture(
    found: Description,
    moving: Sequence[JointOf],
    name: str,
    scale: float,
    turn: Array,
    notes: dict[str, str],
    options: Options,
    what: str,
) -> ImportedFixture:
    order, poses, parents = _tree(found)
    drawn = [joint for joint in order if joint.type != "fixed"]
    bodies: dict[str, RigidBody] = {}
    for joint in drawn:
        body = body_of(found, joint.child, poses[joint.child], scale, turn, what)
        if body is not None:
            bodies[joint.name] = body
    empty = [joint.name for joint in drawn if joint.name not in bodies]
    if empty:
        raise TabletopError(f"{what}: joint {empty[0]!r} moves nothing that is seen or touched")
    base = body_of(found, found.root, np.eye(4), scale, turn, what)
    axes = {j.name: turn @ poses[j.child][:3, :3] @ j.axis * _shut(j)[1] for j in drawn}
    points = {j.name: placed(poses[j.child][None, :3, 3], np.eye(4), scale, turn)[0] for j in drawn}
    whole = [b for b in (base, *bodies.values()) if b is not None]
    yaw = _facing(drawn, bodies, axes, points, np.vstack([b.vertices for b in whole]))
    c, s = math.cos(yaw), math.sin(yaw)
    about = np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
    corners = np.vstack([np.vstack([h.vertices for h in b.hulls] + [b.vertices]) for b in whole]) @ about.T
    low, high = corners.min(axis=0), corners.max(axis=0)
    size = high - low
    if not size.max() <= _LARGEST:
        raise TabletopError(
            f"{what}: a fixture's sides must be at most {_LARGEST:g} m, got {row(size)}; give --scale"
            f" {math.floor(100 * 0.25 / size.max()) / 100 or 0.01:g}, for example"
        )
    away = np.array([-(low[0] + high[0]) / 2, -(low[1] + high[1]) / 2, -low[2]])

    def final(body: RigidBody) -> RigidBody:
        hulls = tuple(h for h in (hull_of(x.vertices @ about.T + away) for x in body.hulls) if h is not None)
        return replace(body, hulls=hulls, vertices=body.vertices @ about.T + away)

    ready = {joint: final(body) for joint, body in bodies.items()}
    still = None if base is None else final(base)
    names = _names(drawn)
    parts = []
    for joint in drawn:
        others = [h for n, b in ready.items() if n != joint.name for h in b.hulls]
        others += [] if still is None else list(still.hulls)
        above = parents[joint.name]
        parts.append(
            _part(
                joint,
                names,
                ready[joint.name],
                about @ axes[joint.name],
                about @ points[joint.name] + away,
                others,
                names.get(above) if above is not None else None,
                scale,
                options,
            )
        )
    lost = [part.name for part in parts if part.grip is None]
    flush = [part.name for part in parts if part.flush]
    told = {
        **notes,
        "upright": f"{options.up or 'z'} up",
        "front": f"turned by {math.degrees(yaw):.0f} deg, so that it opens towards the robot",
    }
    if scale != 1.0:
        told["scale"] = f"{scale:g}; masses by its third power"
    if flush:
        told["ajar"] = f"{', '.join(flush)}: shut, no finger fits behind it; so it starts ajar"
    if lost:
        told["grasp"] = f"two fingers fit nowhere on {', '.join(lost)}: pushed at the far edge"
    return ImportedFixture(name, still, tuple(parts), (float(size[0]), float(size[1]), float(size[2])), told, options)


def _tree(found: Description) -> tuple[list[JointOf], dict[str, Array], dict[str, str | None]]:
    """Return the joints from the root on, the links' poses with all joints shut, and the moving joint above each."""
    order: list[JointOf] = []
    poses, above = {found.root: np.eye(4)}, {found.root: None}
    parents: dict[str, str | None] = {}
    left = [found.root]
    carried: dict[str, str | None] = {**above}
    while left:
        link = left.pop(0)
        for joint in found.children.get(link, ()):
            order.append(joint)
            parents[joint.name] = carried[link]
            poses[joint.child] = poses[link] @ _moved(joint, 0.0 if joint.type == "fixed" else _shut(joint)[0])
            carried[joint.child] = carried[link] if joint.type == "fixed" else joint.name
            left.append(joint.child)
    return order, poses, parents


def _names(joints: Sequence[JointOf]) -> dict[str, str]:
    """Return the parts' names by the joints': those of the links that they move, where these are names."""
    out: dict[str, str] = {}
    for joint in joints:
        word = _WORDS.sub("_", joint.child).strip("_").lower() or "part"
        word = f"part_{word}" if word[0].isdigit() else word
        word = word.removesuffix("_link") or word
        taken = [w for w in out.values() if re.fullmatch(re.escape(word) + r"(_\d+)?", w)]
        out[joint.name] = f"{word}_{len(taken) + 1}" if taken else word
    return out


def _facing(
    joints: Sequence[JointOf],
    bodies: Mapping[str, RigidBody],
    axes: Mapping[str, Array],
    points: Mapping[str, Array],
    corners: Array,
) -> float:
    """Return the yaw (rad, in quarter turns) after which most of what opens comes towards -x, where the robot is."""
    middle = (corners.min(axis=0) + corners.max(axis=0)) / 2
    total = np.zeros(2)
    for joint in joints:
        axis = axes[joint.name]
        own = bodies[joint.name].vertices
        centre = (own.min(axis=0) + own.max(axis=0)) / 2
        if joint.type == "prismatic":
            way = axis[:2]
        else:
            arm = centre - points[joint.name]
            arm = arm - axis * (arm @ axis)
            way = np.cross(axis, arm)[:2] if abs(axis[2]) > 0.5 else arm[:2]
        length = float(np.hypot(*way))
        total += way / length if length > 1e-6 else (centre - middle)[:2]
    if float(np.hypot(*total)) < 1e-6:
        return 0.0
    yaw = math.pi - math.atan2(total[1], total[0])
    return round(yaw / (math.pi / 2)) * math.pi / 2


def _part(
    joint: JointOf,
    names: Mapping[str, str],
    body: RigidBody,
    axis: Array,
    point: Array,
    others: Sequence[Hull],
    parent: str | None,
    scale: float,
    options: Options,
) -> ImportedPart:
    spread = spread_of(body.vertices, body.faces, body.hulls)
    corners = np.vstack([h.vertices for h in body.hulls] + [body.vertices])
    low, high = corners.min(axis=0), corners.max(axis=0)
    middle = (low + high) / 2
    nearest = point + axis * ((middle - point) @ axis)
    axis = np.where(np.abs(axis) < _STRAIGHT, 0.0, axis)
    axis = axis / np.linalg.norm(axis)
    mimic = None
    if joint.mimic is not None:
        mimic = (names[joint.mimic.joint], joint.mimic.ratio)
    mass = options.mass if options.mass is not None else body.mass
    mass = spread.volume * (options.density or _DENSITY) if mass is None or options.density is not None else mass
    kind = "prismatic" if joint.type == "prismatic" else "revolute"
    held = handle_of(body.hulls, middle, axis, nearest, kind, others)
    flush = held is None and kind == "prismatic" and abs(float(axis[2])) < 0.5
    if flush:
        held = handle_of(body.hulls, middle, axis, nearest, kind, ())
        flush = held is not None
    travel = _shut(joint)[2] * (scale if kind == "prismatic" else 1.0)
    own = float(np.abs(axis) @ (high - low))
    if kind == "prismatic" and travel > _FAR * own:
        travel = _DRAWN * own
    return ImportedPart(
        names[joint.name],
        body,
        spread,
        middle,
        high - low,
        joint.type,
        axis,
        travel,
        nearest,
        _FRICTION[kind] if not joint.friction else joint.friction,
        joint.damping or 0.0,
        parent,
        mimic,
        None if held is None else held[0],
        OPEN if held is None else held[1],
        flush,
        far_edge(low, high, axis, nearest, kind),
        min(max(mass, 0.02), 3.0),
    )
