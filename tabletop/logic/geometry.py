"""Solids and quaternions over any leading batch shape (xyzw, world frame, m, rad)."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property, reduce

import numpy as np
import numpy.typing as npt

from tabletop.projects import kept
from tabletop.sim.cards import load_cards
from tabletop.sim.state import State

__all__ = [
    "Remembering",
    "Solid",
    "apart_axes",
    "footprint_gap",
    "relative",
    "rotation",
    "shape_of",
    "tilt",
    "twist",
    "wrap",
]

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

_TINY = 1e-9


def _first(vectors: Array) -> Array:
    """Return vectors (..., n) as contiguous components (n, ...): arithmetic on those is much faster."""
    # np.moveaxis takes four times as long to say the same.
    return np.ascontiguousarray(vectors.transpose(-1, *range(vectors.ndim - 1)))


def _rotation(quaternion: Array) -> Array:
    """Return rotation matrices, components first: (3, 3, ...)."""
    x, y, z, w = _first(quaternion)
    xx, yy, zz = x * x, y * y, z * z
    scale = 2 / np.maximum(xx + yy + zz + w * w, _TINY)
    xy, xz, yz, wx, wy, wz = x * y, x * z, y * z, w * x, w * y, w * z
    out = np.empty((3, 3, *x.shape))
    out[0, 0], out[0, 1], out[0, 2] = 1 - scale * (yy + zz), scale * (xy - wz), scale * (xz + wy)
    out[1, 0], out[1, 1], out[1, 2] = scale * (xy + wz), 1 - scale * (xx + zz), scale * (yz - wx)
    out[2, 0], out[2, 1], out[2, 2] = scale * (xz - wy), scale * (yz + wx), 1 - scale * (xx + yy)
    return out


def rotation(quaternion: Array) -> Array:
    """Return rotation matrices (..., 3, 3) of quaternions (..., 4), which need not have unit norm."""
    return np.moveaxis(_rotation(quaternion), (0, 1), (-2, -1))


def relative(q: Array, base: Array) -> Array:
    """Return q * conjugate(base), (..., 4): the world-frame rotation that takes `base` to `q`."""
    x, y, z, w = _first(q)
    a, b, c, s = _first(base)
    product = (
        s * x - w * a - (y * c - z * b),
        s * y - w * b - (z * a - x * c),
        s * z - w * c - (x * b - y * a),
        w * s + x * a + y * b + z * c,
    )
    return np.stack(product, axis=-1)


def wrap(angle: Array, period: float = 2 * np.pi) -> Array:
    """Return angles shifted by whole periods into [-period/2, period/2)."""
    return np.asarray((angle + period / 2) % period - period / 2)


def twist(quaternion: Array) -> Array:
    """Return the turn about world z, [-pi, pi), that is left when the tilt is taken off (swing-twist)."""
    return wrap(2 * np.arctan2(quaternion[..., 2], quaternion[..., 3]))


def tilt(quaternion: Array) -> Array:
    """Return the angle between the own z axis and the world's, in [0, pi]."""
    x, y, z, w = (quaternion[..., i] for i in range(4))
    # arccos of the matrix entry would lose half of the digits near upright.
    return np.asarray(2 * np.arctan2(np.hypot(x, y), np.hypot(z, w)))


def apart_axes(one: Array, two: Array) -> Array:
    """Return the angle between the lines along two vectors (..., 3), in [0, pi / 2]; neither way along counts."""
    across = np.linalg.norm(np.cross(one, two), axis=-1)
    return np.asarray(np.arctan2(across, np.abs(np.sum(one * two, axis=-1))))


@kept
def shape_of(kind: str) -> str:
    """Return how a kind's extent is computed: "sphere", "cylinder" or, for all else, "box".

    A rolled ball's bounding box sticks out of the ball, so that boxes alone would call it sunk.
    """
    card = load_cards().get(kind)
    parts = (card.moving or card.parts) if card is not None else ()
    return parts[0].shape if len(parts) == 1 else "box"


@dataclass(frozen=True)
class Solid:
    """One entity as a box, a cylinder along its own z, or a sphere."""

    position: Array
    """(..., 3), centre."""
    quaternion: Array
    """(..., 4)."""
    half: Array
    """(..., 3), half extents in its own frame."""
    shape: str = "box"
    """ "box", "cylinder" or "sphere"; a round one's radius is half[0]."""

    @classmethod
    def of(cls, state: State, name: str) -> Solid:
        """Return the solid of an entity.

        Raises:
            TabletopError: no entity has that name.
        """
        known = state.solids if isinstance(state, Remembering) else {}
        if name not in known:
            known[name] = cls(
                state.entity(name, "position"),
                state.entity(name, "quaternion"),
                state.entity(name, "size") / 2,
                shape_of(state.layout.kind(name)),
            )
        return known[name]

    @cached_property
    def _axes(self) -> Array:
        """Own axes in the world frame as columns, components first: (3, 3, ...)."""
        return _rotation(self.quaternion)

    @cached_property
    def _at(self) -> Array:
        return _first(self.position)

    @cached_property
    def _half(self) -> Array:
        return _first(self.half)

    @property
    def axes(self) -> Array:
        """Own axes in the world frame as columns, (..., 3, 3)."""
        return np.moveaxis(self._axes, (0, 1), (-2, -1))

    def _support(self, x: Array, y: Array, z: Array) -> Array:
        """Return half of the extent (...,) along unit vectors given by their own-frame components."""
        a, b, c = self._half
        if self.shape == "sphere":
            return np.asarray(a + 0 * x)
        if self.shape == "cylinder":
            axial = np.minimum(np.abs(z), 1.0)
            return np.asarray(c * axial + a * np.sqrt(1 - axial**2))
        return np.asarray(a * np.abs(x) + b * np.abs(y) + c * np.abs(z))

    @cached_property
    def rise(self) -> Array:
        """Half of the vertical extent, (...,)."""
        return self._support(*self._axes[2])

    @property
    def bottom(self) -> Array:
        """World z of the lowest point, (...,)."""
        return np.asarray(self._at[2] - self.rise)

    @property
    def top(self) -> Array:
        """World z of the highest point, (...,)."""
        return np.asarray(self._at[2] + self.rise)

    def world(self, point: Array) -> Array:
        """Return points (..., 3) of the own frame in the world frame."""
        x, y, z = _first(point)
        rows = [at + r[0] * x + r[1] * y + r[2] * z for at, r in zip(self._at, self._axes, strict=True)]
        return np.stack(rows, axis=-1)

    def _local(self, point: Array) -> list[Array]:
        """Return the own-frame components of world points (..., 3)."""
        x, y, z = (p - at for p, at in zip(_first(point), self._at, strict=True))
        r = self._axes
        return [r[0, i] * x + r[1, i] * y + r[2, i] * z for i in range(3)]

    def reach(self, x: Array, y: Array) -> Array:
        """Return half of the horizontal extent, (...,), along unit vectors (x, y, 0)."""
        r = self._axes
        return self._support(x * r[0, 0] + y * r[1, 0], x * r[0, 1] + y * r[1, 1], x * r[0, 2] + y * r[1, 2])

    def normals(self) -> list[tuple[Array, Array, Mask]]:
        """Return the horizontal unit normals (x, y) of the footprint's edges, and where each is defined.

        Seen from above a box is a polygon whose edges run along its three axes, however it lies.
        """
        out: list[tuple[Array, Array, Mask]] = []
        for i in {"box": (0, 1, 2), "cylinder": (2,), "sphere": ()}[self.shape]:
            x, y, defined = _unit(self._axes[0, i], self._axes[1, i])
            out.append((-y, x, defined))
            if self.shape == "cylinder":
                out.append((x, y, defined))
        return out

    def footprint_margin(self, point: Array) -> Array:
        """Return how far inside the footprint points (..., >=2) lie horizontally, (...,).

        Inside a polygon or a circle it is the distance to the edge; outside it is minus a lower
        bound of that.
        """
        dx, dy = point[..., 0] - self._at[0], point[..., 1] - self._at[1]
        normals = self.normals()
        if self.shape != "box":
            normals.append(_any_unit(dx, dy))
        margin: Array = np.asarray(np.inf)
        for x, y, defined in normals:
            inside = self.reach(x, y) - np.abs(x * dx + y * dy)
            margin = np.minimum(margin, np.where(defined, inside, np.inf))
        return margin

    def overhang(self, other: Solid) -> Array:
        """Return how far (...,) another solid stands out of this one's sides, seen from above; negative inside."""
        dx, dy = (other.position[..., i] - self._at[i] for i in (0, 1))
        normals = self.normals() or [_any_unit(dx, dy)]
        out: Array = np.asarray(-np.inf)
        for x, y, defined in normals:
            beyond = np.abs(x * dx + y * dy) + other.reach(x, y) - self.reach(x, y)
            out = np.maximum(out, np.where(defined, beyond, -np.inf))
        return out

    def distance(self, point: Array) -> Array:
        """Return the signed distance (...,) from points (..., 3) to the surface; negative inside."""
        x, y, z = self._local(point)
        a, b, c = self._half
        if self.shape == "sphere":
            return np.asarray(np.sqrt(x * x + y * y + z * z) - a)
        flat = [np.abs(x) - a, np.abs(y) - b] if self.shape == "box" else [np.sqrt(x * x + y * y) - a]
        excess = [*flat, np.abs(z) - c]
        outside = np.sqrt(sum(np.maximum(e, 0.0) ** 2 for e in excess))
        return np.asarray(outside + np.minimum(reduce(np.maximum, excess), 0.0))


@dataclass(frozen=True)
class Remembering(State):
    """A state that keeps its solids, for as long as one formula is evaluated: its literals share them."""

    solids: dict[str, Solid] = field(default_factory=dict)
    """Those made so far, by entity."""


def _unit(x: Array, y: Array) -> tuple[Array, Array, Mask]:
    length = np.sqrt(x * x + y * y)
    safe = np.maximum(length, _TINY)
    return x / safe, y / safe, np.asarray(length > 1e-6)


def _any_unit(x: Array, y: Array) -> tuple[Array, Array, Mask]:
    """As `_unit`, but defined everywhere: round footprints that share a centre need some direction."""
    ux, uy, defined = _unit(x, y)
    return np.where(defined, ux, 1.0), np.where(defined, uy, 0.0), np.asarray(True)


def footprint_gap(a: Solid, b: Solid) -> Array:
    """Return the horizontal gap (...,) between two footprints; negative where they overlap.

    It is the largest separation over the edges' normals and the line of centres: exact face to
    face, and a lower bound corner to corner.
    """
    dx, dy = (b.position[..., i] - a.position[..., i] for i in (0, 1))
    gap: Array = np.asarray(-np.inf)
    for x, y, defined in [*a.normals(), *b.normals(), _any_unit(dx, dy)]:
        apart = np.abs(x * dx + y * dy) - a.reach(x, y) - b.reach(x, y)
        gap = np.maximum(gap, np.where(defined, apart, -np.inf))
    return gap
