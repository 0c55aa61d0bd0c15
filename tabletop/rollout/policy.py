"""The protocol of everything that can drive the robot, and the simplest of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from tabletop.sim.action import ACTION_SIZE
from tabletop.sim.scene import Scene
from tabletop.sim.state import State

__all__ = ["ACTION_SIZE", "Action", "Exploration", "Nothing", "Policy", "Random"]

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
    """Uniform random actions, each drawn by itself: white noise."""

    def reset(self, state: State, scene: Scene, rng: np.random.Generator) -> None:
        """Begin an episode."""
        self._rng = rng

    def act(self, state: State) -> Action | None:
        """Return a uniform draw from [-1, 1]^5."""
        return self._rng.uniform(-1.0, 1.0, ACTION_SIZE)


class Exploration:
    """Random actions that are correlated in time: what a discovery explores with before it has learned anything.

    White noise stays where it began and drops what it holds. This goes one way for some steps, with noise, and now and
    then takes another way or opens and closes the fingers.

    DDPG explores with correlated noise as well, an Ornstein-Uhlenbeck process (Lillicrap et al. 2016).
    """

    def reset(self, state: State, scene: Scene, rng: np.random.Generator) -> None:
        """Begin an episode, with a way and a grip."""
        self._rng = rng
        self._way = rng.uniform(-1.0, 1.0, ACTION_SIZE)
        self._way[4] = rng.choice([-1.0, 1.0])

    def act(self, state: State) -> Action | None:
        """Return the way that it goes, with noise; (5,) in [-1, 1]."""
        if self._rng.uniform() < _OTHER_WAY:
            self._way[:4] = self._rng.uniform(-1.0, 1.0, 4)
        if self._rng.uniform() < _OTHER_GRIP:
            self._way[4] = -self._way[4]
        return np.clip(self._way + self._rng.normal(0.0, _NOISE, ACTION_SIZE) * _SHARES, -1.0, 1.0)


_OTHER_WAY: Final = 0.15
"""Chance a step of another way."""
_OTHER_GRIP: Final = 0.03
"""Chance a step of opening fingers that are closed, and of closing open ones."""
_NOISE: Final = 0.4
"""Standard deviation of an action's numbers."""
_SHARES: Final = (1.0, 1.0, 1.0, 1.0, 0.3)
"""Of that, by number: the fingers' is less, or they would not hold."""
