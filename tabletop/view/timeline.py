"""The moments of a view that can be gone back to."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from tabletop.errors import TabletopError
from tabletop.sim.state import State

__all__ = ["Moment", "Timeline"]

KEPT: Final = 3000
"""Moments that are kept: five minutes of control steps. What is older is forgotten, so that memory does not grow."""


@dataclass(frozen=True)
class Moment:
    """The world after a control step."""

    step: int
    """Control steps since its scene was loaded."""
    events: int
    """`World.events` then."""
    poses: npt.NDArray[np.float32]
    """(F, 7), as of `World.poses`."""
    state: State


class Timeline:
    """The last moments of a scene, one a control step."""

    def __init__(self, kept: int = KEPT) -> None:
        """Begin with none.

        Args:
            kept: how many are kept at most.
        """
        self._moments: deque[Moment] = deque(maxlen=kept)

    @property
    def ends(self) -> tuple[int, int]:
        """The steps of the oldest moment and of the newest; (0, -1) where there is none."""
        return (self._moments[0].step, self._moments[-1].step) if self._moments else (0, -1)

    def add(self, moment: Moment) -> None:
        """Add the present moment."""
        self._moments.append(moment)

    def at(self, step: int) -> Moment:
        """Return the moment after a control step of the scene.

        Raises:
            TabletopError: it is not kept.
        """
        first, last = self.ends
        if not first <= step <= last:
            raise TabletopError(f"a moment that can be gone back to is step {first} to {last}, got {step}")
        return self._moments[step - first]

    def cut(self, step: int) -> None:
        """Forget all after a moment.

        Raises:
            TabletopError: it is not kept.
        """
        self.at(step)
        while self._moments[-1].step > step:
            self._moments.pop()

    def clear(self) -> None:
        """Forget all."""
        self._moments.clear()
