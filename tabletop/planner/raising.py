"""The hand raised before a learned skill begins, as it was when the skill was learned and measured."""

from __future__ import annotations

from typing import Final

import numpy as np

from tabletop.rollout.policy import Action, Policy
from tabletop.sim.scene import Scene
from tabletop.sim.state import State
from tabletop.skills.skill_policy import SAFE_HEIGHT

__all__ = ["RAISING", "Raised"]

RAISING: Final = 10
"""Control steps that it takes at most."""
_ENOUGH: Final = 0.04
"""m below SAFE_HEIGHT that are high enough: a control step goes up so far."""


class Raised:
    """Opens the fingers and goes up, then lets a policy begin: from low down that would run into what is in its way."""

    def __init__(self, policy: Policy) -> None:
        """Keep what is to begin then."""
        self._policy = policy
        self.begun = False
        """Whether it has."""

    def reset(self, state: State, scene: Scene, rng: np.random.Generator) -> None:
        """Begin to go up."""
        self._scene, self._rng, self._left, self.begun = scene, rng, RAISING, False

    def act(self, state: State) -> Action | None:
        """Return the next action."""
        if not self.begun:
            missing = SAFE_HEIGHT - float(state.robot("gripper_position")[2] - state.robot("table_height"))
            if self._left > 0 and missing > _ENOUGH:
                self._left -= 1
                return np.array([0.0, 0.0, 1.0, 0.0, 1.0], dtype=np.float32)
            self.begun = True
            self._policy.reset(state, self._scene, self._rng)
        return self._policy.act(state)
