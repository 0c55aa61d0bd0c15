"""Settings with units, shared by all layers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Final, Literal

from msgspec import Meta

from tabletop.errors import TabletopError
from tabletop.schema import check_values, is_number

__all__ = ["CONTROLS", "Control", "SimSettings"]

Control = Literal["cartesian", "pose", "joint"]
CONTROLS: Final = ("cartesian", "pose", "joint")
"""What an action may mean."""

_Seconds = Annotated[float, Meta(gt=0, le=1)]
_Count = Annotated[int, Meta(ge=1, le=10_000)]
_Positive = Annotated[float, Meta(gt=0, le=1e6)]
_Share = Annotated[float, Meta(gt=0, le=1)]


@dataclass(frozen=True)
class SimSettings:
    """Time and control of the simulated world."""

    physics_step: _Seconds = 1 / 120
    """s of one physics step."""
    substeps: _Count = 12
    """Physics steps a control step; 12 of 1/120 s give 10 Hz."""
    solver_iterations: _Count = 30
    """Iterations of PyBullet's constraint solver."""
    pressed_iterations: _Count = 200
    """Iterations while the robot presses: with fewer what is light sinks into the arm and the table."""
    pressed_force: _Positive = 10.0
    """N on the robot from which it counts as pressing."""
    yield_force: _Positive = 40.0
    """N on the robot from which its target gives way: it does not drive on against what stops it."""
    contact_erp: _Share = 0.8
    """Share of a penetration that the contact solver makes good in a physics step. With PyBullet's default of 0.2
    what slides on a curved rim sinks by half of its height."""
    max_step: _Positive = 0.04
    """m that dx, dy or dz = 1 moves the gripper's target in one control step."""
    max_turn: _Positive = 0.25
    """rad that dyaw = 1 turns the gripper's target in one control step."""
    leash: _Positive = 0.03
    """m the gripper's target may be ahead of the gripper before a new action is added: bounds the
    force that builds up against an obstacle."""
    leash_turn: _Positive = 0.2
    """rad, the same for its yaw, its rotation or a joint."""
    control: Control = "cartesian"
    """What an action is. "cartesian": dx, dy, dz, dyaw, grip. "pose": dx, dy, dz, a rotation vector about the world's
    axes (times max_turn), grip. "joint": changes of the arm's joints (times max_turn), grip."""

    def __post_init__(self) -> None:
        """Check the fields.

        Raises:
            TabletopError: one is of another type or out of its range.
        """
        check_values(self, "settings of the simulation")

    @property
    def control_step(self) -> float:
        """s of one control step."""
        return self.physics_step * self.substeps

    @property
    def control_frequency(self) -> float:
        """Hz: control steps a second."""
        return 1 / self.control_step

    def at(self, frequency: float) -> SimSettings:
        """Return these settings with control steps of 1/frequency s.

        What an action moves in one control step scales with it: m/s and rad/s stay.

        Args:
            frequency: Hz. A control step must be a whole number of physics steps, and 1 s at most.

        Raises:
            TabletopError: the frequency does not divide the rate of the physics steps.

        >>> SimSettings().at(20).substeps
        6
        """
        rate = round(1 / self.physics_step)
        steps = round(rate / frequency) if is_number(frequency, 1, rate) else 0
        if not steps or abs(steps * frequency - rate) > 1e-6:
            known = ", ".join(str(f) for f in range(1, rate + 1) if rate % f == 0)
            raise TabletopError(f"control_frequency must divide {rate} Hz, got {frequency!r}; {known} do")
        scale = steps / self.substeps
        return replace(self, substeps=steps, max_step=self.max_step * scale, max_turn=self.max_turn * scale)
