"""A fixture with moving parts as read from a file, and the card that it becomes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from tabletop.importing.grasping import FoundGrip
from tabletop.importing.hulls import Hull, hull_of, shrunk
from tabletop.importing.mass import Spread
from tabletop.importing.obj_files import hulls_text, looks_text
from tabletop.importing.objects import Options, row, words
from tabletop.importing.rigid import RigidBody
from tabletop.sim.rotations import turn_of

__all__ = ["ImportedFixture", "ImportedPart"]

Array = npt.NDArray[np.float64]

_FRONT: Final = 0.575
"""m, world x of the front of a fixture: the robot reaches it, and what is drawn out of it."""
_REACH: Final = 0.68
"""m, world x that a handle may come to."""
_AJAR: Final = 0.06
"""m by which a part that lies flush stands open at the start, so that a finger fits behind its edge."""


@dataclass(frozen=True)
class ImportedPart:
    """One moving part."""

    name: str
    body: RigidBody
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
        angles = np.linspace(0.0, self.travel, 9)
        return [self.point + turn_of(self.axis * angle) @ (point - self.point) for angle in angles]


@dataclass(frozen=True)
class ImportedFixture:
    """A fixture as read: its front towards the robot, on the ground, about the middle of its footprint; m."""

    name: str
    base: RigidBody | None
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
        travel = (
            f"{part.travel:.6g}"
            if part.type != "prismatic"
            else _of("wdh"[int(np.argmax(np.abs(part.axis)))], part.travel, size)
        )
        lines = [
            f"mass: [{part.mass:.4g}, {part.mass:.4g}]",
            f"colors: [{row(part.body.color)}]",
            f"friction: {row([part.body.friction] * 2 if part.body.friction else self.options.friction)}",
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
