"""What happens while the robot presses on something: the arm gives way, and contacts are solved more exactly."""

from __future__ import annotations

import math
from typing import Final

from tabletop.config import SimSettings
from tabletop.sim.bullet import p
from tabletop.sim.robot import RobotArm

__all__ = ["Pressing"]

_STAYS: Final = 12
"""Physics steps for which contacts are solved more exactly once the robot has pressed on something."""


class Pressing:
    """Watches the force on the robot, physics step by physics step, in one loaded scene."""

    def __init__(self, settings: SimSettings, iterations: int, client: int, *, pinch: float = math.inf) -> None:
        """Begin with a robot that presses on nothing.

        Args:
            settings: from which force on the arm gives way, and contacts are solved more exactly.
            iterations: of the solver otherwise.
            client: PyBullet's client.
            pinch: N of a single contact from which contacts are solved more exactly, whatever the sum.
        """
        self._settings, self._iterations, self._client = settings, iterations, client
        self._pinch = pinch
        self._left = 0

    def feel(self, arm: RobotArm) -> None:
        """Look at the contacts of the last physics step, and prepare the next one."""
        force, most = arm.contact_force()
        size = math.hypot(*force)
        if size > self._settings.yield_force:
            arm.give_way(force)
        if size > self._settings.pressed_force or most > self._pinch:
            if not self._left:
                self._solve(max(self._settings.pressed_iterations, self._iterations))
            self._left = _STAYS
        elif self._left:
            self._left -= 1
            if not self._left:
                self._solve(self._iterations)

    def _solve(self, iterations: int) -> None:
        p.setPhysicsEngineParameter(numSolverIterations=iterations, physicsClientId=self._client)
