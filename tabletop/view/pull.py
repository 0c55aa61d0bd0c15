"""A pull with the mouse: the force that brings a thing to where a pointer is, as a hand would."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = ["GRIPPER", "Pull"]

Vector = npt.NDArray[np.float64]

GRIPPER: Final = "gripper"
"""What `World.push` calls the robot's hand."""
_SOON: Final = 0.2
"""s in which a thing is to come to the pointer."""
_PATIENCE: Final = 60.0
"""N each second and metre that the pull grows by while the thing stays behind: what holds it is overcome, not known."""
_MOST: Final = 30.0
"""N on a thing at most: enough for what stands on the table, too little to throw it through a wall."""
_NEAR: Final = 0.004
"""m between thing and pointer from which all of the friction is made up for."""
_STIFFNESS: Final = 1500.0
"""N for each metre that the pointer is away from the hand. The arm holds against it, and gives way by some."""
_MOST_ON_ARM: Final = 250.0
"""N. `tabletop perturb` pushes the arm with up to 600 N."""


@dataclass
class Pull:
    """Something that is being dragged. Positions are in m, world."""

    name: str
    """An entity, or GRIPPER."""
    mass: float
    """kg; of the gripper it does not matter."""
    offset: Vector
    """From the thing's position to where it was taken."""
    pointer: Vector
    """Where the mouse is now."""
    friction: float = 0.0
    """N with which the table holds it."""
    begun: bool = False
    """Whether the pointer has left the place where it took hold."""
    _grown: Vector = field(default_factory=lambda: np.zeros(3))

    def force(self, position: Vector, velocity: Vector, period: float) -> tuple[float, float, float]:
        """Return the force of the coming control step, N.

        Args:
            position: of the thing, m.
            velocity: of the thing, m/s.
            period: of a control step, s.
        """
        gap = self.pointer - (position + self.offset)
        if self.name == GRIPPER:
            return _capped(_STIFFNESS * gap, _MOST_ON_ARM)
        self._grown = np.asarray(self._grown + _PATIENCE * period * gap)
        if float(self._grown @ gap) < 0:
            # It has gone past the pointer.
            self._grown = np.zeros(3)
        against = self.friction * gap / max(float(np.linalg.norm(gap)), _NEAR)
        return _capped(self.mass * (gap / _SOON - velocity) / period + against + self._grown, _MOST)


def _capped(force: Vector, most: float) -> tuple[float, float, float]:
    size = float(np.linalg.norm(force))
    x, y, z = (force * min(1.0, most / max(size, 1e-9))).tolist()
    return x, y, z
