"""A URDF or SDF file becomes a card: of an object where nothing moves on it, else of a fixture with moving parts."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tabletop.errors import TabletopError
from tabletop.importing.description import Description, Geometry, JointOf, read_description
from tabletop.importing.geometry import Source, read_mesh, trimesh
from tabletop.importing.grasping import Fingers, FoundGrip, grips
from tabletop.importing.hulls import Hull, convex_hulls, hull_of, shrunk
from tabletop.importing.mass import Spread, spread_of
from tabletop.importing.obj_files import hulls_text, looks_text
from tabletop.importing.objects import ImportedObject, Options, name_of, object_from, row, words
from tabletop.importing.resting import UPS, onto

__all__ = ["ImportedFixture", "thing_of"]

Array = npt.NDArray[np.float64]

_LARGEST: Final = 0.6
"""m that a side of a fixture may have."""
_FRONT: Final = 0.575
"""m, world x of the front of a fixture: the robot reaches it, and what is drawn out of it."""
_REACH: Final = 0.68
"""m, world x that a handle may come to."""
_DENSITY: Final = 500.0
_ROUND: Final = 24
"""Corners of a round shape's outline."""
_FRICTION: Final = {"prismatic": 1.0, "revolute": 0.15}
"""N or N m that hold a joint still where the file says nothing."""
_STRAIGHT: Final = 2e-3
"""Less of an axis is rounding."""
_FAR: Final = 1.5
"""Of a part's own length along its way, that it may slide; files say 100 m where they mean no limit."""
_DRAWN: Final = 0.75
"""Of that length, that it then slides."""
_AJAR: Final = 0.06
"""m by which a part that lies flush stands open at the start, so that a finger fits behind its edge."""
_OPENINGS: Final = {0.080: 1.0, 0.050: 0.9, 0.036: 0.7}
"""m between the fingers on the way to a handle, and what each is worth: wider is surer."""
_WORDS: Final = re.compile(r"[^A-Za-z0-9_]+")


@dataclass(frozen=True)
class _Body:
    """What is rigid together, in the fixture's frame with all joints shut."""

    hulls: tuple[Hull, ...]
    vertices: Array
    faces: npt.NDArray[np.int64]
    mass: float | None
    friction: float | None
    color: tuple[float, float, float]


@dataclass(frozen=True)
class ImportedPart:
    """One moving part."""

    name: str
    body: _Body
    spread: Spread
    middle: Array
    extent: Array
    type: str
    axis: Array
    travel: float
    point: Array
    """(3,), m: on the axis, in the fixture's frame."""
    friction: float
    damping: float
    parent: str | None
    mimic: tuple[str, float] | None
    grip: FoundGrip | None
    opening: float
    """m between the fingers on the way to the grip."""
    flush: bool
    """Whether the grip has room only once the part is ajar."""
    edge: Array
    """(3,), m, where it is pushed if it cannot be held; in the fixture's frame."""
    mass: float

    def way(self) -> list[Array]:
        """Return the places (3,), m, in the fixture's frame, through which the point to act on goes."""
        point = self.edge if self.grip is None else self.grip.at
        if self.type == "prismatic":
            return [point + self.axis * self.travel * share for share in np.linspace(0, 1, 5)]
        out = []
        for angle in np.linspace(0.0, self.travel, 9):
            x, y, z = self.axis
            skew = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
            turn = np.eye(3) + math.sin(angle) * skew + (1 - math.cos(angle)) * skew @ skew
            out.append(self.point + turn @ (point - self.point))
        return out


@dataclass(frozen=True)
class ImportedFixture:
    """A fixture as read: its front towards the robot, on the ground, about the middle of its footprint; m."""

    name: str
    base: _Body | None
    parts: tuple[ImportedPart, ...]
    size: tuple[float, float, float]
    notes: Mapping[str, str]
    options: Options

    def files(self) -> dict[str, str]:
        """Return the card and its meshes: texts by path below assets/fixtures."""
        up = np.array([0.0, 0.0, self.size[2] / 2])
        out = {f"{self.name}.yaml": self.card()}
        bodies = [("base", self.base, up)] + [(p.name, p.body, p.middle) for p in self.parts]
        for name, body, middle in bodies:
            if body is not None:
                hulls = [shrunk(_shifted(h, -middle)) for h in body.hulls]
                out[f"{self.name}/{name}_collision.obj"] = hulls_text(hulls)
                out[f"{self.name}/{name}_visual.obj"] = looks_text(body.vertices - middle, body.faces)[0]
        return out

    def card(self) -> str:
        """Return its card's text."""
        w, d, h = self.size
        lines = [f"# {what}: {why}" for what, why in self.notes.items()]
        lines += [
            f"description: {words(self.name)} with {len(self.parts)} moving part{'s' * (len(self.parts) > 1)}",
            "body_type: static",
            f"size: {{w: {w:.6g}, d: w * {d / w:.6g}, h: w * {h / w:.6g}}}",
            f"friction: {row(self.options.friction)}",
            f"reach: {{x: {row(self._reach())}, y: [-0.12, 0.12], yaw: [-8, 8]}}",
        ]
        if self.base is None:
            lines.append("parts: [{shape: box, size: [0.005, 0.005, 0.005], at: [0, 0, 0.0025]}]")
        else:
            lines.append(f"colors: [{row(self.base.color)}]")
            lines += ["mesh:", *self._mesh("base", self.size, "  ")]
        lines.append("moving_parts:")
        for part in self.parts:
            lines += [f"  {part.name}:", *("    " + line for line in self._part(part))]
        return "\n".join(lines) + "\n"

    def _reach(self) -> tuple[float, float]:
        """Return where along x it may stand: far away, with the way of each handle within the arm's reach."""
        ways = [place[0] for part in self.parts for place in part.way()]
        most = min(_FRONT + self.size[0] / 2, _REACH - max(ways))
        return most - 0.02, most

    def _mesh(self, name: str, size: Sequence[float], indent: str) -> list[str]:
        files = (f"collision: {self.name}/{name}_collision.obj", f"visual: {self.name}/{name}_visual.obj")
        return [indent + line for line in (*files, f"size: {row(size)}")]

    def _part(self, part: ImportedPart) -> list[str]:
        inertia, size = part.spread.inertia, np.array(self.size)
        point = part.edge if part.grip is None else part.grip.at
        half = np.maximum(part.extent / 2, 1e-9)
        along = float(np.abs(part.axis) @ size)
        travel = (
            f"{part.travel:.6g}"
            if part.type != "prismatic"
            else _of("wdh"[int(np.argmax(np.abs(part.axis)))], part.travel, size)
        )
        del along
        lines = [
            f"mass: [{part.mass:.4g}, {part.mass:.4g}]",
            f"colors: [{row(part.body.color)}]",
            "mesh:",
            *self._mesh(part.name, part.extent.tolist(), "  "),
            f"  centre_of_mass: {row(part.spread.centre - part.middle)}",
            f"  inertia: {row([*np.diag(inertia), inertia[0, 1], inertia[0, 2], inertia[1, 2]])}",
        ]
        floor = _tray(part.body.hulls)
        if floor is not None:
            lines.append(f"  floor: {floor:.5g}")
        lines += [
            "joint:",
            f"  type: {'prismatic' if part.type == 'prismatic' else 'revolute'}",
            f"  axis: {row(part.axis)}",
            f"  travel: {travel}",
            f"  origin: {_scaled(part.middle, size)}",
            f"  extent: {_scaled(part.extent, size)}",
            f"  grasp: {_scaled(point - part.middle, size)}",
            f"  closing: {'x' if part.grip is not None and abs(math.sin(part.grip.yaw)) > 0.7 else 'y'}",
            f"  width: {0.0 if part.grip is None else part.grip.width:.5g}",
            f"  opening: {part.opening:.4g}",
            f"  hinge: {row((part.point - part.middle) / half)}",
            f"  friction: {part.friction:.4g}",
        ]
        if part.flush:
            share = min(0.5, _AJAR / part.travel)
            lines.append(
                f"  start: [{share:.3g}, {min(0.6, 1.3 * share):.3g}]  # shut it lies flush, where nothing can hold it"
            )
        if part.damping > 0:
            lines.append(f"  damping: {part.damping:.4g}")
        if part.type == "continuous":
            lines.append("  continuous: true")
        if part.parent is not None:
            lines.append(f"parent: {part.parent}")
        if part.mimic is not None:
            lines.append(f"mimic: {{part: {part.mimic[0]}, ratio: {part.mimic[1]:.6g}}}")
        return lines


def _of(axis: str, value: float, size: Array) -> str:
    """Return a length as an expression of the fixture's size, so that it grows with it."""
    own = float(size["wdh".index(axis)])
    return "0" if abs(value) < 1e-9 else f"{axis} * {value / own:.6g}"


def _scaled(values: Array, size: Array) -> str:
    return "[" + ", ".join(_of(axis, float(v), size) for axis, v in zip("wdh", values, strict=True)) + "]"


def _shifted(hull: Hull, by: Array) -> Hull:
    return hull_of(hull.vertices + by) or hull


def _tray(hulls: Sequence[Hull]) -> float | None:
    """Return how high above a part's underside things stand in it (m); None where it takes nothing in."""
    corners = np.vstack([h.vertices for h in hulls])
    low, high = corners.min(axis=0), corners.max(axis=0)
    middle = (low + high) / 2
    tops = [
        float(h.vertices[:, 2].max())
        for h in hulls
        if (h.vertices.min(axis=0)[:2] < middle[:2]).all() and (h.vertices.max(axis=0)[:2] > middle[:2]).all()
    ]
    floor = max(tops, default=float(low[2])) - float(low[2])
    return floor if tops and floor < 0.6 * float(high[2] - low[2]) else None


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
    notes = {"from": path.name}
    moving = [joint for joint in found.joints.values() if joint.type != "fixed"]
    turn = onto(np.array(UPS[options.up], dtype=float)) if options.up in UPS else np.eye(3)
    scale = options.scale * (0.01 if options.units == "cm" else 0.001 if options.units == "mm" else 1.0)
    if not moving:
        body = _body(found, [(found.root, np.eye(4))], scale, turn, what)
        if body is None:
            raise TabletopError(f"{what}: it must have a shape that is seen or touched")
        source = Source(body.vertices, body.faces, body.color, 1.0)
        return object_from(
            source,
            name,
            replace(options, units="m", scale=1.0, up=options.up if options.up not in UPS else "z"),
            what,
            notes,
            body.mass,
            body.hulls,
        )
    return _fixture(found, moving, name, scale, turn, notes, options, what)


# --- what is rigid together ----------------------------------------------------------------------


def _rigid(found: Description, root: str) -> list[tuple[str, Array]]:
    """Return the links that hang on one by fixed joints, itself among them, each with its pose in that one's frame."""
    out = [(root, np.eye(4))]
    for link, pose in out:
        out += [(j.child, pose @ j.pose) for j in found.children.get(link, ()) if j.type == "fixed"]
    return out


def _body(found: Description, roots: Sequence[tuple[str, Array]], scale: float, turn: Array, what: str) -> _Body | None:
    """Return what hangs on links by fixed joints, with the links' poses, as one body; None where it has no shape."""
    hulls: list[Hull] = []
    corners: list[Array] = []
    faces: list[npt.NDArray[np.int64]] = []
    colors: list[tuple[float, tuple[float, float, float]]] = []
    masses, frictions, count = [], [], 0
    for root, start in roots:
        for link, pose in _rigid(found, root):
            own = found.links[link]
            masses += [own.mass] if own.mass else []
            frictions += [own.friction] if own.friction else []
            for geometry in own.touches or own.looks:
                hulls += _hulls(geometry, start @ pose, scale, turn, what)
            for geometry in own.looks or own.touches:
                for vertices, own_faces, color in _surfaces(geometry, start @ pose, scale, turn, what):
                    corners.append(vertices)
                    faces.append(own_faces + count)
                    count += len(vertices)
                    colors.append((float(np.ptp(vertices, axis=0).prod()), color))
    if not hulls or not corners:
        return None
    hulls = [h for h in hulls if h.volume > 0]
    total = sum(masses) * scale**3 if masses else None
    color = max(colors, key=lambda pair: pair[0])[1]
    return _Body(tuple(hulls), np.vstack(corners), np.vstack(faces), total, frictions[0] if frictions else None, color)


def _placed(points: Array, pose: Array, scale: float, turn: Array) -> Array:
    return np.asarray((points @ pose[:3, :3].T + pose[:3, 3]) @ turn.T * scale)


def _hulls(geometry: Geometry, pose: Array, scale: float, turn: Array, what: str) -> list[Hull]:
    out = []
    for vertices, faces, _ in _surfaces(geometry, pose, scale, turn, what):
        pieces = convex_hulls(vertices, faces, what) if geometry.shape == "mesh" else [hull_of(vertices)]
        out += [p for p in pieces if p is not None]
    return out


def _surfaces(
    geometry: Geometry, pose: Array, scale: float, turn: Array, what: str
) -> Iterator[tuple[Array, npt.NDArray[np.int64], tuple[float, float, float]]]:
    """Yield corners, faces and colour of a shape in the fixture's frame."""
    library: Any = trimesh()
    grey = (0.7, 0.7, 0.7)
    if geometry.shape == "mesh":
        if geometry.file is None:
            return
        source = read_mesh(geometry.file, f"{what}: mesh {geometry.file.name!r}")
        points = source.vertices * np.array(geometry.size)
        used, faces = np.unique(source.faces, return_inverse=True)
        yield (
            _placed(points[used], pose @ geometry.pose, scale, turn),
            faces.reshape(-1, 3),
            geometry.color or source.color,
        )
        return
    size = geometry.size
    if geometry.shape == "box":
        made = library.creation.box(extents=size)
    elif geometry.shape == "cylinder":
        made = library.creation.cylinder(radius=size[0], height=size[1], sections=_ROUND)
    elif geometry.shape == "sphere":
        made = library.creation.icosphere(subdivisions=2, radius=size[0])
    else:
        made = library.creation.capsule(radius=size[0], height=size[1], count=[_ROUND // 2, _ROUND // 2])
        made.apply_translation(-made.bounds.mean(axis=0))
    vertices = np.asarray(made.vertices, dtype=float)
    yield (
        _placed(vertices, pose @ geometry.pose, scale, turn),
        np.asarray(made.faces, dtype=np.int64),
        geometry.color or grey,
    )


# --- fixtures ----------------------------------------------------------------------------------------


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
    bodies: dict[str, _Body] = {}
    for joint in drawn:
        body = _body(found, [(joint.child, poses[joint.child])], scale, turn, what)
        if body is not None:
            bodies[joint.name] = body
    empty = [joint.name for joint in drawn if joint.name not in bodies]
    if empty:
        raise TabletopError(f"{what}: joint {empty[0]!r} moves nothing that is seen or touched")
    base = _body(found, [(found.root, np.eye(4))], scale, turn, what)
    axes = {j.name: turn @ poses[j.child][:3, :3] @ j.axis * _shut(j)[1] for j in drawn}
    points = {j.name: _placed(poses[j.child][None, :3, 3], np.eye(4), scale, turn)[0] for j in drawn}
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

    def final(body: _Body) -> _Body:
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
    bodies: Mapping[str, _Body],
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
    body: _Body,
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
    held = _handle(body.hulls, middle, axis, nearest, kind, others)
    flush = held is None and kind == "prismatic" and abs(float(axis[2])) < 0.5
    if flush:
        held = _handle(body.hulls, middle, axis, nearest, kind, ())
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
        max(_OPENINGS) if held is None else held[1],
        flush,
        _far_edge(low, high, axis, nearest, kind),
        min(max(mass, 0.02), 3.0),
    )


def _handle(
    hulls: Sequence[Hull], middle: Array, axis: Array, point: Array, kind: str, others: Sequence[Hull]
) -> tuple[FoundGrip, float] | None:
    """Return where two fingers from above hold a part, and how far (m) they open to get there; None if nowhere.

    What sticks out of it and fits between them is held.

    About an axis that lies, the fingers close along it, so that what they hold can turn between them.
    """
    lying = kind == "revolute" and abs(axis[2]) < 0.5
    yaws = [0.0, math.pi / 2]
    if lying:
        yaws = [0.0] if abs(axis[1]) > abs(axis[0]) else [math.pi / 2]
    best: tuple[FoundGrip, float] | None = None
    top = max(float(h.vertices[:, 2].max()) for h in hulls)
    for opening, worth in _OPENINGS.items():
        fingers = Fingers(opening=opening)
        for grip in grips(hulls, middle, fingers, around=others, yaws=yaws, everywhere=True):
            value = worth * _worth(grip, axis, point, kind, middle) * math.exp((float(grip.at[2]) - top) / 0.05)
            if best is None or value > best[0].score:
                best = replace(grip, score=value), opening
    return best


def _worth(grip: FoundGrip, axis: Array, point: Array, kind: str, middle: Array) -> float:
    """Return how good a grip is to move a part: firm, far from the hinge, towards the robot, near its middle line."""
    firm = grip.score / math.exp(-float(np.hypot(*(grip.at - middle)[:2])) / 0.03)
    if kind == "prismatic":
        aside = (grip.at - middle) - axis * ((grip.at - middle) @ axis)
        way = np.array([-math.sin(grip.yaw), math.cos(grip.yaw), 0.0])
        firm *= 0.4 + 0.6 * abs(float(way @ axis))
        return firm * math.exp(-float(np.linalg.norm(aside)) / 0.08) * math.exp(5 * float((grip.at - middle) @ axis))
    arm = grip.at - point
    arm = arm - axis * (arm @ axis)
    along = float((grip.at - middle) @ axis)
    return firm * (0.1 + float(np.linalg.norm(arm))) * math.exp(-abs(along) / 0.1)


def _far_edge(low: Array, high: Array, axis: Array, point: Array, kind: str) -> Array:
    """Return where a part is pushed that cannot be held: the middle of the edge that is farthest from its hinge."""
    middle = (low + high) / 2
    out = middle.copy()
    if kind == "prismatic":
        lead = int(np.argmax(np.abs(axis)))
        out[lead] = high[lead] if axis[lead] > 0 else low[lead]
        return out
    arm = middle - point
    arm = arm - axis * (arm @ axis)
    far = int(np.argmax(np.abs(arm)))
    out[far] = high[far] if arm[far] > 0 else low[far]
    return out
