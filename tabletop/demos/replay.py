"""Stored actions run again: the same states, bit for bit, on the same machine."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tabletop.errors import TabletopError
from tabletop.rollout.episode import Trajectory, episode
from tabletop.rollout.policy import Action
from tabletop.sim.scene import Scene, read_scene
from tabletop.sim.state import State

__all__ = ["Playback", "replay"]


@dataclass
class Playback:
    """Gives stored actions one after another, then finishes."""

    actions: npt.NDArray[np.float32]
    """(T, 5)."""

    def reset(self, state: State, scene: Scene, rng: np.random.Generator) -> None:
        """Begin with the first action."""
        self._next = iter(self.actions)

    def act(self, state: State) -> Action | None:
        """Return the next action, or None after the last."""
        return next(self._next, None)


def replay(scene: str, actions: npt.ArrayLike) -> Trajectory:
    """Run actions (T, 5) in a scene that is given as YAML.

    Raises:
        TabletopError: no scene, or no actions of 5 numbers.
    """
    given = np.asarray(actions, dtype=np.float32)
    if given.ndim != 2 or not len(given):
        raise TabletopError(f"actions to run again must be of shape (T, 5) with T >= 1, got {given.shape}")
    return episode(Playback(given), read_scene(scene), 0, len(given))
