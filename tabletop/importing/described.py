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
from tabletop.importing.description import Description, JointOf, Mimicked, read_description
from tabletop.importing.fixtures import ImportedFixture, ImportedPart
from tabletop.importing.geometry import Source
from tabletop.importing.handles import OPEN, far_edge, handle_of
from tabletop.importing.hulls import Hull, hull_of
from tabletop.importing.mass import spread_of
from tabletop.importing.objects import ImportedObject, Options, name_of, object_from, one_line, row
from tabletop.importing.resting import UPS, onto
from tabletop.importing.rigid import RigidBody, body_of, placed
from tabletop.importing.units import UNITS
from tabletop.sim.rotations import turn_of

__all__ = ["thing_of"]

Array = npt.NDArray[np.float64]

_LARGEST: Final = 0.6
"""m that a side of a fixture may have."""
_DENSITY: Final = 500.0
_FRICTION: Final = {"prismatic": 1.0, "revolute": 0.15}
"""N or N m that hold a joint still where the file says nothing."""
_STRAIGHT: Final = 2e-3
"""Less of an axis is rounding."""
_BEYOND: Final = 10.0
"""m or rad: a limit beyond it is none."""
_DRAWN: Final = 0.75
"""Of a part's own length, that it slides where the file's limit is beyond the table."""
_ENDS: Final = 1e-3
"""m or rad by which a follower may be off its end while the one that it follows is shut."""
_WEIGHTS: Final = (0.02, 3.0)
"""kg that a moving part may weigh."""
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
    turn = onto(np.array(UPS[options.up], dtype=float)) if options.up in UPS else np.eye(3)
    unit = options.units or "m"
    if unit not in UNITS:
        raise unknown("unit", unit, UNITS)
    scale = options.scale * UNITS[unit]
    options = replace(options, fixed=options.fixed or found.is_static)
    if all(joint.type == "fixed" for joint in found.joints.values()):
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
    return _fixture(found, name, scale, turn, notes, options, what)


def _as_primitive(thing: ImportedObject, found: Description, scale: float) -> ImportedObject:
    """Return an object as the one primitive that it is, which physics knows exactly; else as it was."""
    touches = [g for link in found.links.values() for g in link.touches or link.looks]
    looks = [g for link in found.links.values() for g in link.looks or link.touches]
    if len(touches) != 1 or len(looks) != 1 or (touches[0].shape, touches[0].size) != (looks[0].shape, looks[0].size):
        return thing
    if not np.allclose(touches[0].pose, looks[0].pose):
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
    """Return the joint's position when shut, the sign of its opening, and its travel; m (of the file) or rad.

    It is shut at the limit that is nearer to the position 0 in which the file draws it. Limits of 100 m, or of more
    than a turn, are none.
    """
    if joint.type == "continuous":
        return 0.0, 1.0, 2 * math.pi
    low = 0.0 if joint.lower < -_BEYOND else joint.lower
    high = _BEYOND if joint.upper > _BEYOND else joint.upper
    if abs(high) < abs(low):
        return high, -1.0, high - low
    return low, 1.0, high - low


def _moved(joint: JointOf, position: float) -> Array:
    """Return the pose (4, 4) of a joint's child in the parent's frame at a position."""
    out = np.eye(4)
    if joint.type == "prismatic":
        out[:3, 3] = joint.axis * position
    else:
        out[:3, :3] = turn_of(joint.axis * position)
    return np.asarray(joint.pose @ out)


def _fixture(
    found: Description,
    name: str,
    scale: float,
    turn: Array,
    notes: dict[str, str],
    options: Options,
    what: str,
) -> ImportedFixture:
    if options.up is not None and options.up not in UPS:
        raise TabletopError(f"{what}: up of a fixture must be one of {', '.join(UPS)}, got {options.up!r}")
    if options.mass is not None:
        raise TabletopError(f"{what}: a fixture takes no mass; those of its parts are the file's, or give a density")
    order, poses, parents = _tree(found)
    drawn = _in_order([joint for joint in order if joint.type != "fixed"], parents, what)
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
        mimic = None
        if joint.mimic is not None:
            leader = found.joints[joint.mimic.joint]
            mimic = (names[leader.name], _following(joint, joint.mimic, leader, scale, what))
        parts.append(
            _part(
                joint,
                names[joint.name],
                mimic,
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
    cut = [names[j.name] for j in drawn if j.type == "prismatic" and _shut(j)[2] * scale > _LARGEST]
    heavy = [part.name for part in parts if part.mass in _WEIGHTS]
    flush = [part.name for part in parts if part.flush]
    told = {
        **notes,
        "upright": f"{options.up or 'z'} up",
        "front": f"turned by {math.degrees(yaw):.0f} deg, so that it opens towards the robot",
    }
    if scale != 1.0:
        told["scale"] = f"{scale:g}; masses by its third power"
    if cut:
        told["travel"] = f"{', '.join(cut)}: the file's limit is beyond the table; {_DRAWN:g} of its own length"
    if heavy:
        told["mass"] = f"{', '.join(heavy)}: brought to {_WEIGHTS[0]:g} to {_WEIGHTS[1]:g} kg"
    if flush:
        told["ajar"] = f"{', '.join(flush)}: shut, no finger fits behind it; so it starts ajar"
    if lost:
        told["grasp"] = f"two fingers fit nowhere on {', '.join(lost)}: pushed at the far edge"
    return ImportedFixture(name, still, tuple(parts), (float(size[0]), float(size[1]), float(size[2])), told, options)


def _tree(found: Description) -> tuple[list[JointOf], dict[str, Array], dict[str, str | None]]:
    """Return the joints from the root on, the links' poses with all joints shut, and the moving joint above each."""
    order: list[JointOf] = []
    poses = {found.root: np.eye(4)}
    parents: dict[str, str | None] = {}
    carried: dict[str, str | None] = {found.root: None}
    left = [found.root]
    while left:
        link = left.pop(0)
        for joint in found.children.get(link, ()):
            order.append(joint)
            parents[joint.name] = carried[link]
            poses[joint.child] = poses[link] @ _moved(joint, 0.0 if joint.type == "fixed" else _shut(joint)[0])
            carried[joint.child] = carried[link] if joint.type == "fixed" else joint.name
            left.append(joint.child)
    return order, poses, parents


def _in_order(joints: Sequence[JointOf], parents: Mapping[str, str | None], what: str) -> list[JointOf]:
    """Return joints, each behind the one that it moves on and the one that it follows.

    Raises:
        TabletopError: some follow each other.
    """
    left, out = list(joints), list[JointOf]()
    while left:
        names = {j.name for j in left}
        ready = [j for j in left if parents[j.name] not in names and (j.mimic is None or j.mimic.joint not in names)]
        if not ready:
            raise TabletopError(f"{what}: joints may not follow each other, as {left[0].name!r} does")
        out.append(ready[0])
        left.remove(ready[0])
    return out


def _following(joint: JointOf, mimic: Mimicked, leader: JointOf, scale: float, what: str) -> float:
    """Return how far a joint goes for each m or rad of the one that it follows, both counted from shut.

    Raises:
        TabletopError: it would open as the other shuts, or is not shut when the other is.
    """
    (own, sign, _), (other, way, _) = _shut(joint), _shut(leader)
    off = mimic.ratio * other + mimic.offset - own
    ratio = mimic.ratio * sign * way
    if abs(off) > _ENDS or ratio <= 0:
        raise TabletopError(
            f"{what}: joint {joint.name!r} must be shut when {leader.name!r} is, which it follows, and open with it"
        )
    slides = [j.type == "prismatic" for j in (joint, leader)]
    return ratio * (scale if slides[0] else 1.0) / (scale if slides[1] else 1.0)


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
    name: str,
    mimic: tuple[str, float] | None,
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
    mass = body.mass
    mass = spread.volume * (options.density or _DENSITY) if mass is None or options.density is not None else mass
    kind = "prismatic" if joint.type == "prismatic" else "revolute"
    held = handle_of(body.hulls, middle, axis, nearest, kind, others)
    flush = held is None and kind == "prismatic" and abs(float(axis[2])) < 0.5
    if flush:
        held = handle_of(body.hulls, middle, axis, nearest, kind, ())
        flush = held is not None
    travel = _shut(joint)[2] * (scale if kind == "prismatic" else 1.0)
    if kind == "prismatic" and travel > _LARGEST:
        travel = _DRAWN * float(np.abs(axis) @ (high - low))
    return ImportedPart(
        name,
        body,
        spread,
        middle,
        high - low,
        joint.type,
        axis,
        travel,
        nearest,
        _FRICTION[kind] if joint.friction is None else joint.friction,
        joint.damping or 0.0,
        parent,
        mimic,
        None if held is None else held[0],
        OPEN if held is None else held[1],
        flush,
        far_edge(low, high, axis, nearest, kind),
        min(max(mass, _WEIGHTS[0]), _WEIGHTS[1]),
    )
