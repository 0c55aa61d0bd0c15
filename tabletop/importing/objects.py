"""A mesh becomes an object's card: units, upright, hulls, mass, where it rests and where it is held."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tabletop.errors import TabletopError
from tabletop.importing.geometry import Source, read_mesh
from tabletop.importing.grasping import FoundGrip, grips
from tabletop.importing.hulls import Hull, convex_hulls, fewer, hull_of, inside, shrunk
from tabletop.importing.mass import Spread, spread_of
from tabletop.importing.mending import mended
from tabletop.importing.obj_files import hulls_text, looks_text
from tabletop.importing.resting import Rest, resting_poses, upright
from tabletop.importing.units import metres_of
from tabletop.schema import is_name, is_number
from tabletop.sim.rotations import quaternion_of

__all__ = ["ImportedObject", "Options", "name_of", "object_from", "object_of", "one_line", "row", "words"]

Array = npt.NDArray[np.float64]

DENSITY: Final = 400.0
"""kg/m^3 of what says nothing of its mass: light wood, or plastic with air in it."""
_LIGHTEST: Final = 0.002
_HEAVIEST: Final = 5.0
"""kg that an object may weigh."""
_SIZES: Final = {"box": "w, d, h", "cylinder": "w / 2, h", "sphere": "w / 2"}
"""Of a shape, in a card."""
_ROLLING: Final = 0.004
"""Rolling friction coefficient of a ball, by which it comes to rest."""


@dataclass(frozen=True)
class Options:
    """What the one who imports may say."""

    name: str | None = None
    units: str | None = None
    scale: float = 1.0
    up: str | None = None
    density: float | None = None
    """kg/m^3."""
    mass: float | None = None
    """kg."""
    friction: tuple[float, float] = (0.6, 0.9)
    fixed: bool = False
    """Whether it is a fixture, which stands fast."""

    def __post_init__(self) -> None:
        """Check the numbers."""
        for what, value, least, most in (
            ("scale", self.scale, 1e-6, 1e6),
            ("density in kg/m^3", self.density, 1.0, 30_000.0),
            ("mass in kg", self.mass, 1e-4, 1000.0),
        ):
            if value is not None and not is_number(value, least, most):
                raise TabletopError(f"a {what} must be a number from {least:g} to {most:g}, got {value!r}")


@dataclass(frozen=True)
class ImportedObject:
    """An object as read, in its final frame: upright, about the middle of its bounding box, m."""

    name: str
    hulls: tuple[Hull, ...]
    vertices: Array
    faces: npt.NDArray[np.int64]
    size: tuple[float, float, float]
    mass: float
    spread: Spread
    rests: tuple[Rest, ...]
    grips: tuple[FoundGrip, ...]
    floor: float | None
    color: tuple[float, float, float]
    notes: Mapping[str, str]
    """What was guessed, and why, by what it is about."""
    options: Options
    shape: str | None = None
    """What it is exactly, if it is just that: "box", "cylinder" (upright) or "sphere"."""

    @property
    def graspable(self) -> bool:
        """Whether two fingers can hold it."""
        return bool(self.grips) and not self.options.fixed

    def files(self) -> dict[str, str]:
        """Return the card and its meshes: texts by path below assets/objects (or fixtures)."""
        if self.shape is not None:
            return {f"{self.name}.yaml": self.card()}
        looks, _ = looks_text(self.vertices, self.faces)
        return {
            f"{self.name}/collision.obj": hulls_text([shrunk(h) for h in self.hulls]),
            f"{self.name}/visual.obj": looks,
            f"{self.name}.yaml": self.card(),
        }

    def card(self) -> str:
        """Return its card's text."""
        w, d, h = self.size
        lines = [f"# {what}: {why}" for what, why in self.notes.items()]
        lines += [
            f"description: {words(self.name)}",
            f"body_type: {'static' if self.options.fixed else 'rigid'}",
            f"graspable: {'true' if self.graspable else 'false'}",
            f"size: {{w: {w:.5g}, d: w * {d / w:.5g}, h: w * {h / w:.5g}}}"
            f"  # w may be a range, as [{0.9 * w:.3g}, {1.1 * w:.3g}]",
        ]
        if not self.options.fixed:
            lines.append(f"mass: [{self.mass:.4g}, {self.mass:.4g}]")
        lines.append(f"friction: {row(self.options.friction)}")
        lines.append(f"colors: [{row(self.color)}]")
        if self.shape is None:
            lines += ["mesh:", *("  " + line for line in self.mesh_lines(f"{self.name}/"))]
        else:
            up = ", at: [0, 0, h / 2]" if self.options.fixed else ""
            lines += ["parts:", f"  - {{shape: {self.shape}, size: [{_SIZES[self.shape]}]{up}}}"]
            lines += [f"rolling: {_ROLLING}"] * (self.shape == "sphere")
        return "\n".join(lines) + "\n"

    def mesh_lines(self, folder: str) -> list[str]:
        """Return the fields of `mesh` in a card."""
        inertia = self.spread.inertia
        lines = [
            f"collision: {folder}collision.obj",
            f"visual: {folder}visual.obj",
            f"size: {row(self.size)}",
            f"centre_of_mass: {row(self.spread.centre)}",
            f"inertia: {row([*np.diag(inertia), inertia[0, 1], inertia[0, 2], inertia[1, 2]])}",
        ]
        if self.floor is not None:
            lines.append(f"floor: {self.floor:.5g}")
        if self.graspable:
            best = self.grips[0]
            lines.append(f"grasp: {{at: {row(best.at)}, closing: y, width: {best.width:.5g}}}")
        if self.rests:
            lines.append("resting:")
            for rest in self.rests:
                height = -float(min((h.vertices @ rest.up).min() for h in self.hulls))
                turn, share = row(quaternion_of(rest.turn)), min(1.0, rest.share)
                lines.append(f"  - {{quaternion: {turn}, height: {height:.5g}, share: {share:.3f}}}")
        return lines


def one_line(text: str) -> str:
    """Return a text that can stand in a comment: a file's name may have ends of lines in it."""
    return "".join(c if c.isprintable() else "?" for c in text)


def row(values: Any) -> str:
    """Return numbers as a list in YAML."""
    # YAML takes 5e-05 for text: it wants a dot.
    texts = (f"{float(v):.6g}" if abs(v) > 1e-12 else "0" for v in values)
    return "[" + ", ".join(t if "e" not in t or "." in t else t.replace("e", ".0e") for t in texts) + "]"


def words(name: str) -> str:
    """Return a name as a thing is spoken of: "a mug"."""
    text = name.replace("_", " ").replace("-", " ").strip()
    return f"{'an' if text[:1].lower() in 'aeiou' else 'a'} {text}"


def name_of(path: Path, asked: str | None) -> str:
    """Return the name of a thing: what is asked for, or else the file's, as far as it is one.

    Raises:
        TabletopError: what is asked for is no name.
    """
    if asked is not None:
        if not is_name(asked):
            raise TabletopError(
                f"a thing's name must be letters, digits, _ and -, beginning with a letter, got {asked!r}"
            )
        return asked
    stem = re.sub(r"[^A-Za-z0-9_]+", "_", path.stem).strip("_").lower() or "thing"
    return (stem if not stem[0].isdigit() else f"thing_{stem}")[:60]


def object_of(path: Path, options: Options) -> ImportedObject:
    """Return the object of a mesh file.

    Args:
        path: of the mesh.
        options: what is asked for.

    Raises:
        TabletopError: as `read_mesh`, or it has no volume, or does not fit on the table.
    """
    what = f"mesh {path.name!r}"
    return object_from(read_mesh(path, what), name_of(path, options.name), options, what, {"from": path.name})


def object_from(
    source: Source,
    name: str,
    options: Options,
    what: str,
    notes: Mapping[str, str] | None = None,
    mass: float | None = None,
    touches: Sequence[Hull] | None = None,
) -> ImportedObject:
    """Return the object of a mesh.

    Args:
        source: the mesh.
        name: of the object.
        options: what is asked for.
        what: it is, for the message.
        notes: what is known of it already.
        mass: kg, as another file says.
        touches: its hulls in the mesh's frame, m, where they are known; the unit is then m.

    Raises:
        TabletopError: it has no volume, or does not fit on the table.
    """
    used, faces = np.unique(source.faces, return_inverse=True)
    faces = faces.reshape(-1, 3)
    vertices = source.vertices[used]
    extent = np.ptp(vertices, axis=0)
    if not extent.min() > 1e-4 * extent.max() > 0:
        raise TabletopError(f"{what}: it must have a volume, its sides are {row(extent)}")
    metres, why = metres_of(float(extent.max()), options.units, source.metres, options.scale, what)
    vertices, faces = mended(vertices * metres, faces)
    hulls = convex_hulls(vertices, faces, what) if touches is None else fewer(touches)
    spread = spread_of(vertices, faces, hulls)
    # By the mesh itself: its hulls have lost some of the rim that it stands on.
    rests = resting_poses(np.vstack([h.vertices for h in hulls]), spread.centre)
    turn, stands = upright(vertices, spread.centre, rests, options.up, source.up, what)
    hulls, vertices, spread = _turned(hulls, vertices, spread, turn)
    found = grips(hulls, spread.centre)
    yaw = found[0].yaw if found else _squarest(vertices)
    c, s = math.cos(-yaw), math.sin(-yaw)
    about = np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
    hulls, vertices, spread = _turned(hulls, vertices, spread, about)
    corners = np.vstack([h.vertices for h in hulls])
    low = np.minimum(corners.min(axis=0), vertices.min(axis=0))
    high = np.maximum(corners.max(axis=0), vertices.max(axis=0))
    middle = (low + high) / 2
    hulls = [_moved(h, -middle) for h in hulls]
    spread = replace(spread, centre=spread.centre - middle)
    held = [replace(g, at=about @ g.at - middle, yaw=g.yaw - yaw) for g in found]
    size = tuple(float(v) for v in high - low)
    weight, heavy = _weight(options, spread, mass)
    told = {**(notes or {}), "units": why, "upright": stands, "mass": heavy}
    if source.missing:
        told["colour"] = f"grey, as {source.missing[0]} is not there"
    if not held:
        told["grasp"] = "two fingers from above fit nowhere"
    return ImportedObject(
        name,
        tuple(hulls),
        vertices - middle,
        faces,
        size,  # type: ignore[arg-type]
        weight,
        spread,
        tuple(resting_poses(np.vstack([h.vertices for h in hulls]), spread.centre)),
        tuple(held),
        _floor(hulls, size),
        source.color,
        {about: one_line(why) for about, why in told.items()},
        options,
    )


def _weight(options: Options, spread: Spread, said: float | None) -> tuple[float, str]:
    """Return the mass (kg), and what decided it."""
    if options.mass is not None:
        return options.mass, "as asked for"
    if said is not None and options.density is None:
        mass, why = said, "as the file says"
    else:
        density = options.density or DENSITY
        kind = "its volume" if spread.is_exact else "the volume of its hulls"
        mass, why = density * spread.volume, f"{density:g} kg/m^3 times {kind}, {spread.volume * 1e6:.3g} cm^3"
    if _LIGHTEST <= mass <= _HEAVIEST:
        return mass, why
    return min(max(mass, _LIGHTEST), _HEAVIEST), f"{why}; brought to {_LIGHTEST:g} to {_HEAVIEST:g} kg"


def _turned(hulls: Sequence[Hull], vertices: Array, spread: Spread, turn: Array) -> tuple[list[Hull], Array, Spread]:
    out = []
    for hull in hulls:
        found = hull_of(hull.vertices @ turn.T)
        if found is not None:
            out.append(found)
    moved = replace(spread, centre=turn @ spread.centre, inertia=turn @ spread.inertia @ turn.T)
    return out, vertices @ turn.T, moved


def _moved(hull: Hull, by: Array) -> Hull:
    hull.vertices = hull.vertices + by
    hull.planes = hull.planes.copy()
    hull.planes[:, 3] -= hull.planes[:, :3] @ by
    return hull


def _squarest(vertices: Array) -> float:
    """Return the yaw (rad) at which the footprint's rectangle is the smallest."""
    yaws = np.arange(36) * math.pi / 72
    areas = []
    for yaw in yaws:
        x = vertices[:, 0] * math.cos(yaw) + vertices[:, 1] * math.sin(yaw)
        y = vertices[:, 1] * math.cos(yaw) - vertices[:, 0] * math.sin(yaw)
        areas.append(float(np.ptp(x) * np.ptp(y)))
    return float(yaws[int(np.argmin(areas))])


def _floor(hulls: Sequence[Hull], size: Sequence[float]) -> float | None:
    """Return how high (m) above its underside things stand in the middle of it; None where that is its top."""
    spots = np.array([(x, y) for x in (-0.06, 0.0, 0.06) for y in (-0.06, 0.0, 0.06)]) * min(size[:2])
    heights = np.linspace(-size[2] / 2, size[2] / 2, 81)
    points = np.array([(x, y, z) for x, y in spots for z in heights])
    there = np.zeros(len(points), dtype=bool)
    for hull in hulls:
        there |= inside(hull, points, 1e-6)
    column = there.reshape(len(spots), len(heights))
    if not column.any(axis=1).all():
        return None
    tops = [float(heights[np.flatnonzero(row)[-1]]) for row in column]
    floor = max(tops) + size[2] / 2
    return floor if floor < 0.9 * size[2] else None
