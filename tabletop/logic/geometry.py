"""Solids and quaternions over any leading batch shape (xyzw, world frame, m, rad)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
import numpy.typing as npt

from tabletop.sim.cards import load_cards
from tabletop.sim.state import State

__all__ = ["Solid", "footprint_gap", "relative", "rotation", "shape_of", "tilt", "twist", "wrap"]

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

_TINY = 1e-9


def rotation(quaternion: Array) -> Array:
    """Return rotation matrices (..., 3, 3) of quaternions (..., 4), which need not have unit norm."""
    norm = np.linalg.norm(quaternion, axis=-1, keepdims=True)
    q = quaternion / np.maximum(norm, _TINY)
    x, y, z, w = q[..., 0], q[..., 1], q[..., 2], q[..., 3]
    out = np.empty((*quaternion.shape[:-1], 3, 3))
    out[..., 0, 0] = 1 - 2 * (y * y + z * z)
    out[..., 0, 1] = 2 * (x * y - z * w)
    out[..., 0, 2] = 2 * (x * z + y * w)
    out[..., 1, 0] = 2 * (x * y + z * w)
    out[..., 1, 1] = 1 - 2 * (x * x + z * z)
    out[..., 1, 2] = 2 * (y * z - x * w)
    out[..., 2, 0] = 2 * (x * z - y * w)
    out[..., 2, 1] = 2 * (y * z + x * w)
    out[..., 2, 2] = 1 - 2 * (x * x + y * y)
    return out


def relative(q: Array, base: Array) -> Array:
    """Return q * conjugate(base), (..., 4): the world-frame rotation that takes `base` to `q`."""
    v, w = q[..., :3], q[..., 3:]
    u, s = -base[..., :3], base[..., 3:]
    vector = w * u + s * v + np.cross(v, u)
    scalar = w * s - np.sum(v * u, axis=-1, keepdims=True)
    return np.concatenate([vector, scalar], axis=-1)


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


@cache
def shape_of(kind: str) -> str:
    """Return how a kind's extent is computed: "sphere", "cylinder" or, for all else, "box".

    A rolled ball's bounding box sticks out of the ball, so that boxes alone would call it sunk.
    """
    card = load_cards().get(kind)
    parts = (card.moving or card.parts) if card is not None else ()
    return parts[0].shape if len(parts) == 1 else "box"


def _horizontal_unit(vector: Array) -> tuple[Array, Mask]:
    length = np.sqrt(vector[..., 0] ** 2 + vector[..., 1] ** 2)
    return vector[..., :2] / np.maximum(length, _TINY)[..., None], length > 1e-6


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
        position = state.entity(name, "position")
        half = state.entity(name, "size") / 2
        return cls(position, state.entity(name, "quaternion"), half, shape_of(state.layout.kind(name)))

    @cached_property
    def axes(self) -> Array:
        """Own axes in the world frame as columns, (..., 3, 3)."""
        return rotation(self.quaternion)

    def _support(self, along: Array) -> Array:
        """Return half of the extent (...,) along unit vectors whose own-frame components are (..., 3)."""
        if self.shape == "sphere":
            return self.half[..., 0] + 0 * along[..., 0]
        if self.shape == "cylinder":
            axial = np.minimum(np.abs(along[..., 2]), 1.0)
            return np.asarray(self.half[..., 2] * axial + self.half[..., 0] * np.sqrt(1 - axial**2))
        return np.asarray(np.sum(np.abs(along) * self.half, axis=-1))

    @cached_property
    def rise(self) -> Array:
        """Half of the vertical extent, (...,)."""
        return self._support(self.axes[..., 2, :])

    @property
    def bottom(self) -> Array:
        """World z of the lowest point, (...,)."""
        return np.asarray(self.position[..., 2] - self.rise)

    @property
    def top(self) -> Array:
        """World z of the highest point, (...,)."""
        return np.asarray(self.position[..., 2] + self.rise)

    def world(self, point: Array) -> Array:
        """Return points (..., 3) of the own frame in the world frame."""
        return np.asarray(self.position + np.einsum("...ij,...j->...i", self.axes, point))

    def reach(self, normal: Array) -> Array:
        """Return half of the horizontal extent, (...,), along horizontal unit vectors (..., 2)."""
        axes = self.axes
        return self._support(normal[..., 0, None] * axes[..., 0, :] + normal[..., 1, None] * axes[..., 1, :])

    def normals(self) -> list[tuple[Array, Mask]]:
        """Return the horizontal unit normals (..., 2) of the footprint's edges, and where each is defined.

        Seen from above a box is a polygon whose edges run along its three axes, however it lies.
        """
        out: list[tuple[Array, Mask]] = []
        columns = {"box": (0, 1, 2), "cylinder": (2,), "sphere": ()}[self.shape]
        for i in columns:
            unit, defined = _horizontal_unit(self.axes[..., i])
            out.append((np.stack([-unit[..., 1], unit[..., 0]], axis=-1), defined))
            if self.shape == "cylinder":
                out.append((unit, defined))
        return out

    def footprint_margin(self, point: Array) -> Array:
        """Return how far inside the footprint points (..., >=2) lie horizontally, (...,).

        Inside a polygon or a circle it is the distance to the edge; outside it is minus a lower
        bound of that.
        """
        offset = point[..., :2] - self.position[..., :2]
        normals = self.normals()
        if self.shape != "box":
            normals.append((_horizontal_unit(offset + 1e-12)[0], np.asarray(True)))
        margin: Array = np.asarray(np.inf)
        for normal, defined in normals:
            inside = self.reach(normal) - np.abs(np.sum(normal * offset, axis=-1))
            margin = np.minimum(margin, np.where(defined, inside, np.inf))
        return margin

    def distance(self, point: Array) -> Array:
        """Return the signed distance (...,) from points (..., 3) to the surface; negative inside."""
        local = np.einsum("...ji,...j->...i", self.axes, point - self.position)
        if self.shape == "sphere":
            return np.asarray(np.linalg.norm(local, axis=-1) - self.half[..., 0])
        excess = np.abs(local) - self.half
        if self.shape == "cylinder":
            radial = np.hypot(local[..., 0], local[..., 1]) - self.half[..., 0]
            excess = np.stack([radial, excess[..., 2]], axis=-1)
        outside = np.linalg.norm(np.maximum(excess, 0.0), axis=-1)
        return np.asarray(outside + np.minimum(np.max(excess, axis=-1), 0.0))


def footprint_gap(a: Solid, b: Solid) -> Array:
    """Return the horizontal gap (...,) between two footprints; negative where they overlap.

    It is the largest separation over the edges' normals and the line of centres: exact face to
    face, and a lower bound corner to corner.
    """
    offset = b.position[..., :2] - a.position[..., :2]
    # Concentric round footprints have no other direction; any one serves them.
    line = _horizontal_unit(offset + 1e-12)[0]
    gap: Array = np.asarray(-np.inf)
    for normal, defined in [*a.normals(), *b.normals(), (line, np.asarray(True))]:
        apart = np.abs(np.sum(normal * offset, axis=-1)) - a.reach(normal) - b.reach(normal)
        gap = np.maximum(gap, np.where(defined, apart, -np.inf))
    return gap
