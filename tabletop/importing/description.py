"""What a URDF or an SDF file says of links and joints, as one value, checked."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Final

import numpy as np
import numpy.typing as npt

from tabletop.errors import TabletopError
from tabletop.files import read_text

__all__ = ["Description", "Geometry", "JointOf", "Link", "Mimicked", "read_description", "transform"]

Array = npt.NDArray[np.float64]

_MOST_BYTES: Final = 20_000_000
_MOST: Final = 500
"""Links at most."""
_MOVING: Final = ("revolute", "prismatic", "continuous")
_REFUSED: Final = ("planar", "floating", "ball", "universal", "screw", "gearbox", "revolute2")


@dataclass(frozen=True)
class Geometry:
    """One shape of a link."""

    shape: str
    """ "box", "cylinder" (along z), "sphere", "capsule" (along z) or "mesh"."""
    size: tuple[float, ...]
    """box: full extents; cylinder and capsule: radius, length; sphere: radius; mesh: scale along x, y, z. m."""
    pose: Array
    """(4, 4), in the link's frame."""
    color: tuple[float, float, float] | None = None
    file: Path | None = None


@dataclass(frozen=True)
class Link:
    """One rigid body."""

    name: str
    looks: tuple[Geometry, ...] = ()
    touches: tuple[Geometry, ...] = ()
    mass: float | None = None
    """kg."""
    friction: float | None = None


@dataclass(frozen=True)
class Mimicked:
    """A joint that follows another one."""

    joint: str
    ratio: float
    offset: float


@dataclass(frozen=True)
class JointOf:
    """What joins two links."""

    name: str
    type: str
    """ "fixed", "revolute", "prismatic" or "continuous"."""
    parent: str
    child: str
    pose: Array
    """(4, 4), of the child in the parent's frame while the joint is at 0."""
    axis: Array
    """(3,), unit, in the child's frame."""
    lower: float = 0.0
    upper: float = 0.0
    friction: float | None = None
    damping: float | None = None
    mimic: Mimicked | None = None


@dataclass(frozen=True)
class Description:
    """Links by name, joints by name, and the link that all others hang on."""

    name: str
    links: Mapping[str, Link]
    joints: Mapping[str, JointOf]
    root: str
    is_static: bool = False
    """Whether the file says that it stands fast."""
    children: Mapping[str, tuple[JointOf, ...]] = field(default_factory=dict)


def transform(position: Sequence[float], rpy: Sequence[float]) -> Array:
    """Return a pose (4, 4) of a position (m) and roll, pitch, yaw (rad) about fixed axes."""
    (cr, cp, cy), (sr, sp, sy) = np.cos(rpy), np.sin(rpy)
    out = np.eye(4)
    out[:3, :3] = [
        [cy * cp, cy * sp * sr - sy * cr, cy * sp * cr + sy * sr],
        [sy * cp, sy * sp * sr + cy * cr, sy * sp * cr - cy * sr],
        [-sp, cp * sr, cp * cr],
    ]
    out[:3, 3] = position
    return out


def read_description(path: Path, what: str) -> Description:
    """Read a URDF or an SDF file.

    Args:
        path: of the file.
        what: it is, for the message.

    Raises:
        TabletopError: it is none, its links do not hang together as one tree, a joint is of a kind that a table has
            not, or a mesh that it names is not there or lies elsewhere.
    """
    text = read_text(path, what, _MOST_BYTES)
    if re.search(r"<!\s*(DOCTYPE|ENTITY)", text, re.I):
        raise TabletopError(f"{what}: it may not have a DOCTYPE or entities of its own")
    try:
        # Some say that they are of version 0.0, which no reader takes.
        tree = ElementTree.fromstring(re.sub(r"^\s*<\?xml[^>]*\?>", "", text.lstrip("\ufeff")))
    except (ElementTree.ParseError, RecursionError, ValueError) as error:
        raise TabletopError(f"{what}: it must be XML: {error}") from None
    reader = _Reader(path, what)
    if _tag(tree) == "robot":
        found = reader.urdf(tree)
    elif _tag(tree) in {"sdf", "gazebo", "model"}:
        found = reader.sdf(tree)
    else:
        raise TabletopError(f"{what}: it must have <robot> (URDF) or <sdf> at the top, got <{_tag(tree)[:40]}>")
    return _whole(found, what)


def _tag(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def _whole(found: Description, what: str) -> Description:
    """Return a description with its root and children, checked to be one tree."""
    if not 1 <= len(found.links) <= _MOST:
        raise TabletopError(f"{what}: it must have 1 to {_MOST} links, got {len(found.links)}")
    parents: dict[str, JointOf] = {}
    children: dict[str, tuple[JointOf, ...]] = {}
    for joint in found.joints.values():
        for link in (joint.parent, joint.child):
            if link not in found.links:
                raise TabletopError(f"{what}: joint {joint.name!r} speaks of link {link!r}, which is not there")
        if joint.child in parents:
            raise TabletopError(f"{what}: link {joint.child!r} hangs on two joints; links must form a tree")
        parents[joint.child] = joint
        children[joint.parent] = (*children.get(joint.parent, ()), joint)
    roots = [name for name in found.links if name not in parents]
    if len(roots) != 1:
        raise TabletopError(f"{what}: links must form one tree, {len(roots)} of them hang on nothing")
    for joint in found.joints.values():
        if joint.mimic is not None:
            leader = found.joints.get(joint.mimic.joint)
            if leader is None or leader.type == "fixed" or joint.type == "fixed" or leader is joint:
                raise TabletopError(
                    f"{what}: joint {joint.name!r} follows {joint.mimic.joint!r}, which must be another one that moves"
                )
    reached, left = set[str](), [roots[0]]
    while left:
        name = left.pop()
        reached.add(name)
        left += [joint.child for joint in children.get(name, ())]
    if len(reached) < len(found.links):
        raise TabletopError(
            f"{what}: links must form one tree, {sorted(set(found.links) - reached)[0]!r} hangs in a circle"
        )
    return replace(found, root=roots[0], children=children)


class _Reader:
    """Reads the elements of one file."""

    def __init__(self, path: Path, what: str) -> None:
        self.folder, self.what, self.name = path.parent, what, path.stem
        self.materials: dict[str, tuple[float, float, float]] = {}

    def wrong(self, rule: str) -> TabletopError:
        return TabletopError(f"{self.what}: {rule}")

    # --- numbers and files ---------------------------------------------------------------------

    def numbers(self, text: str | None, count: int, where: str, default: Sequence[float]) -> tuple[float, ...]:
        if text is None or not text.strip():
            return tuple(default)
        words = text.replace(",", " ").split()
        try:
            found = tuple(float(word) for word in words)
        except ValueError:
            found = ()
        if len(found) != count or not all(math.isfinite(v) and abs(v) < 1e6 for v in found):
            raise self.wrong(f"{where} must be {count} finite numbers, got {text.strip()[:60]!r}")
        return found

    def number(self, text: str | None, where: str, default: float) -> float:
        return self.numbers(text, 1, where, (default,))[0]

    def file(self, name: str) -> Path:
        """Return the path of a mesh: in the file's folder, in the one above, or below these."""
        stripped = re.sub(r"^(package|model|file)://", "", name.strip())
        places = [stripped]
        if stripped != name.strip():
            places.append(stripped.partition("/")[2])
        above = self.folder.resolve().parent
        # Some write a path from their own root.
        places.append(stripped.lstrip("/"))
        for place in places:
            if PurePosixPath(place).is_absolute() or "\0" in place or not place:
                continue
            for start in (self.folder, self.folder.parent):
                path = start / place
                if not path.resolve().is_relative_to(above):
                    raise self.wrong(f"a mesh must lie in its folder or the one above, got {name!r}")
                with suppress(OSError):  # A name that is too long.
                    if path.is_file():
                        return path
        if PurePosixPath(stripped).is_absolute():
            raise self.wrong(f"a mesh must lie in its folder or the one above, got {name!r}")
        raise self.wrong(f"it names a mesh that is not there, {name!r}")

    # --- URDF ------------------------------------------------------------------------------------

    def urdf(self, tree: ElementTree.Element) -> Description:
        for material in tree.findall("material"):
            self.material(material)
        links = {link.name: link for link in (self.urdf_link(e) for e in tree.findall("link"))}
        joints = {joint.name: joint for joint in (self.urdf_joint(e) for e in tree.findall("joint"))}
        for what, given, kept in (("link", tree.findall("link"), links), ("joint", tree.findall("joint"), joints)):
            if len(given) > len(kept):
                raise self.wrong(f"two {what}s have one name")
        return Description(tree.get("name") or self.name, links, joints, "")

    def material(self, element: ElementTree.Element) -> tuple[float, float, float] | None:
        color = element.find("color")
        name = element.get("name", "")
        if color is not None:
            red, green, blue, _ = self.numbers(color.get("rgba"), 4, "a colour", (0.7, 0.7, 0.7, 1))
            self.materials[name] = (_share(red), _share(green), _share(blue))
        return self.materials.get(name)

    def urdf_origin(self, element: ElementTree.Element) -> Array:
        origin = element.find("origin")
        if origin is None:
            return np.eye(4)
        where = f"the origin in <{_tag(element)}>"
        return transform(
            self.numbers(origin.get("xyz"), 3, where, (0, 0, 0)), self.numbers(origin.get("rpy"), 3, where, (0, 0, 0))
        )

    def urdf_link(self, element: ElementTree.Element) -> Link:
        name = element.get("name", "")
        mass = element.find("inertial/mass")
        friction = element.find("contact/lateral_friction")
        return Link(
            name,
            tuple(g for e in element.findall("visual") for g in self.urdf_geometry(e)),
            tuple(g for e in element.findall("collision") for g in self.urdf_geometry(e)),
            None if mass is None else self.number(mass.get("value"), f"the mass of link {name!r}", 0.0),
            None if friction is None else self.number(friction.get("value"), f"the friction of link {name!r}", 0.5),
        )

    def urdf_geometry(self, element: ElementTree.Element) -> Iterator[Geometry]:
        pose = self.urdf_origin(element)
        material = element.find("material")
        color = None if material is None else self.material(material)
        geometry = element.find("geometry")
        for shape in () if geometry is None else geometry:
            yield self.shape(
                _tag(shape),
                {
                    "size": shape.get("size"),
                    "radius": shape.get("radius"),
                    "length": shape.get("length"),
                    "scale": shape.get("scale"),
                    "file": shape.get("filename"),
                },
                pose,
                color,
            )

    def shape(
        self, kind: str, given: Mapping[str, str | None], pose: Array, color: tuple[float, float, float] | None
    ) -> Geometry:
        if kind == "box":
            size = self.numbers(given["size"], 3, "the size of a box", (0, 0, 0))
        elif kind in {"cylinder", "capsule"}:
            size = (
                self.number(given["radius"], f"the radius of a {kind}", 0.0),
                self.number(given["length"], f"the length of a {kind}", 0.0),
            )
        elif kind == "sphere":
            size = (self.number(given["radius"], "the radius of a sphere", 0.0),)
        elif kind == "mesh":
            text = given["scale"]
            count = len(text.split()) if text else 3
            scale = self.numbers(text, 1 if count == 1 else 3, "the scale of a mesh", (1, 1, 1))
            size = scale * 3 if len(scale) == 1 else scale
            if not all(size):
                raise self.wrong(f"the scale of a mesh must not be 0, got {list(size)}")
            return Geometry("mesh", size, pose, color, self.file(given["file"] or ""))
        else:
            raise self.wrong(f"a shape is a box, cylinder, capsule, sphere or mesh, got <{kind[:40]}>")
        if min(size) <= 0:
            raise self.wrong(f"the size of a {kind} must be above 0, got {list(size)}")
        return Geometry(kind, size, pose, color)

    def urdf_joint(self, element: ElementTree.Element) -> JointOf:
        name, kind = element.get("name", ""), element.get("type", "")
        self.check_type(name, kind)
        ends = [element.find(end) for end in ("parent", "child")]
        parent, child = ("" if e is None else e.get("link", "") for e in ends)
        axis, limit, dynamics = element.find("axis"), element.find("limit"), element.find("dynamics")
        mimic = element.find("mimic")
        way = self.numbers(None if axis is None else axis.get("xyz"), 3, f"the axis of joint {name!r}", (1, 0, 0))
        low, high = (
            0.0 if limit is None else self.number(limit.get(end), f"the limit of joint {name!r}", 0.0)
            for end in ("lower", "upper")
        )
        told = [
            None
            if dynamics is None or dynamics.get(k) is None
            else self.number(dynamics.get(k), f"{k} of {name!r}", 0.0)
            for k in ("friction", "damping")
        ]
        follows = None
        if mimic is not None:
            follows = Mimicked(
                mimic.get("joint", ""),
                self.number(mimic.get("multiplier"), f"the multiplier of joint {name!r}", 1.0),
                self.number(mimic.get("offset"), f"the offset of joint {name!r}", 0.0),
            )
        return self.joint(name, kind, parent, child, self.urdf_origin(element), way, (low, high), told, follows)

    def check_type(self, name: str, kind: str) -> None:
        if kind in _REFUSED:
            raise self.wrong(f"joint {name!r} is {kind}; a joint is fixed, revolute, prismatic or continuous")
        if kind not in {"fixed", *_MOVING}:
            raise self.wrong(f"joint {name!r} must be fixed, revolute, prismatic or continuous, got {kind[:40]!r}")

    def joint(
        self,
        name: str,
        kind: str,
        parent: str,
        child: str,
        pose: Array,
        way: Sequence[float],
        limits: tuple[float, float],
        told: Sequence[float | None],
        mimic: Mimicked | None,
    ) -> JointOf:
        length = math.sqrt(sum(v * v for v in way))
        if kind in _MOVING and length < 1e-9:
            raise self.wrong(f"the axis of joint {name!r} must be a direction, got {list(way)}")
        low, high = limits
        if kind in {"revolute", "prismatic"} and not low < high:
            raise self.wrong(f"joint {name!r} must have a lower limit below its upper one, got {low:g} and {high:g}")
        axis = np.array(way) / max(length, 1e-9)
        return JointOf(name, kind, parent, child, pose, axis, low, high, told[0], told[1], mimic)

    # --- SDF -------------------------------------------------------------------------------------

    def sdf(self, tree: ElementTree.Element) -> Description:
        model = tree if _tag(tree) == "model" else tree.find(".//model")
        if model is None:
            raise self.wrong("it must have a <model>")
        if model.find("include") is not None:
            raise self.wrong("a <model> may not include others; write them out")
        for element in model.iter():
            for word in ("relative_to", "expressed_in", "degrees"):
                if element.get(word, "") not in {"", "__model__", "false", "0"}:
                    raise self.wrong(
                        f"<{_tag(element)} {word}={element.get(word)!r}> is not read; poses are in the model's frame"
                    )
        for word in ("frame", "mimic"):
            if model.find(f".//{word}") is not None:
                raise self.wrong(f"<{word}> is not read in SDF; write it as URDF")
        poses: dict[str, Array] = {}
        links: dict[str, Link] = {}
        for element in model.findall("link"):
            name = element.get("name", "")
            if name in links:
                raise self.wrong("two links have one name")
            poses[name] = self.sdf_pose(element)
            mass = element.find("inertial/mass")
            links[name] = Link(
                name,
                tuple(g for e in element.findall("visual") for g in self.sdf_geometry(e)),
                tuple(g for e in element.findall("collision") for g in self.sdf_geometry(e)),
                None if mass is None else self.number(mass.text, f"the mass of link {name!r}", 0.0),
            )
        joints: dict[str, JointOf] = {}
        for element in model.findall("joint"):
            joint = self.sdf_joint(element, poses)
            if joint is not None and joint.name in joints:
                raise self.wrong("two joints have one name")
            if joint is not None:
                joints[joint.name] = joint
        static = (model.findtext("static") or "").strip().lower() in {"1", "true"}
        return Description(model.get("name") or self.name, links, joints, "", static)

    def sdf_pose(self, element: ElementTree.Element) -> Array:
        found = self.numbers(element.findtext("pose"), 6, f"the pose in <{_tag(element)}>", (0,) * 6)
        return transform(found[:3], found[3:])

    def sdf_geometry(self, element: ElementTree.Element) -> Iterator[Geometry]:
        color = None
        diffuse = element.findtext("material/diffuse")
        if diffuse is not None:
            red, green, blue, *_ = (*self.numbers(diffuse, len(diffuse.split()), "a colour", ()), 0.7, 0.7, 0.7)
            color = (_share(red), _share(green), _share(blue))
        geometry = element.find("geometry")
        for shape in () if geometry is None else geometry:
            given = {
                "size": shape.findtext("size"),
                "radius": shape.findtext("radius"),
                "length": shape.findtext("length"),
                "scale": shape.findtext("scale"),
                "file": shape.findtext("uri"),
            }
            yield self.shape(_tag(shape), given, self.sdf_pose(element), color)

    def sdf_joint(self, element: ElementTree.Element, poses: Mapping[str, Array]) -> JointOf | None:
        name, kind = element.get("name", ""), element.get("type", "")
        self.check_type(name, kind)
        parent, child = (element.findtext("parent") or "").strip(), (element.findtext("child") or "").strip()
        if parent == "world":
            return None
        for link in (parent, child):
            if link not in poses:
                raise self.wrong(f"joint {name!r} speaks of link {link!r}, which is not there")
        own = self.sdf_pose(element)
        axis = element.find("axis")
        way = self.numbers(None if axis is None else axis.findtext("xyz"), 3, f"the axis of joint {name!r}", (1, 0, 0))
        in_model = axis is not None and (axis.findtext("use_parent_model_frame") or "").strip() in {"1", "true"}
        turned = np.array(way) if not in_model else (poses[child] @ own)[:3, :3].T @ np.array(way)
        low, high = (
            self.number(None if axis is None else axis.findtext(f"limit/{end}"), f"the limit of joint {name!r}", v)
            for end, v in (("lower", -1e5), ("upper", 1e5))
        )
        if kind == "revolute" and high - low > 4 * math.pi:
            kind = "continuous"
        told = [
            None
            if axis is None or axis.findtext(f"dynamics/{k}") is None
            else self.number(axis.findtext(f"dynamics/{k}"), k, 0.0)
            for k in ("friction", "damping")
        ]
        # The joint's own frame becomes the child's: what the link has moves along.
        pose = np.linalg.inv(poses[parent]) @ poses[child]
        axis_in_child = own[:3, :3] @ turned
        if np.abs(own[:3, 3]).max() > 1e-9:
            raise self.wrong(f"joint {name!r} may not have a place of its own; its link's is taken")
        return self.joint(name, kind, parent, child, pose, tuple(axis_in_child), (low, high), told, None)


def _share(value: float) -> float:
    return min(1.0, max(0.0, value))
