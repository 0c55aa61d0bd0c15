"""The protocol of everything that can drive the robot, and the two simplest of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from tabletop.sim.action import ACTION_SIZE
from tabletop.sim.scene import Scene
from tabletop.sim.state import State

__all__ = ["ACTION_SIZE", "Action", "Nothing", "Policy", "Random"]

Action = npt.NDArray[np.floating[Any]]


class Policy(Protocol):
    """Drives the robot for one episode at a time. Instances cross process borders, so they must pickle."""

    def reset(self, state: State, scene: Scene, rng: np.random.Generator) -> None:
        """Begin an episode.

        Args:
            state: the first state, as observed.
            scene: the scene, for sizes and kinds.
            rng: all of this episode's randomness.
        """

    def act(self, state: State) -> Action | None:
        """Return the next action, (5,) in [-1, 1], or None where the policy has finished."""


@dataclass
class Nothing:
    """Does nothing: zero motion, fingers open."""

    def reset(self, state: State, scene: Scene, rng: np.random.Generator) -> None:
        """Begin an episode."""

    def act(self, state: State) -> Action | None:
        """Return the action that keeps the gripper where it is, open."""
        return np.array([0.0, 0.0, 0.0, 0.0, 1.0])


class Random:
    """Uniform random actions."""

    def reset(self, state: State, scene: Scene, rng: np.random.Generator) -> None:
        """Begin an episode."""
        self._rng = rng

    def act(self, state: State) -> Action | None:
        """Return a uniform draw from [-1, 1]^5."""
        return self._rng.uniform(-1.0, 1.0, ACTION_SIZE)
