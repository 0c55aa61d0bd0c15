"""Settings with units, shared by all layers."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["SimSettings"]


@dataclass(frozen=True)
class SimSettings:
    """Time and control of the simulated world."""

    physics_step: float = 1 / 120
    """s of one physics step."""
    substeps: int = 12
    """Physics steps a control step; 12 of 1/120 s give 10 Hz."""
    solver_iterations: int = 30
    """Iterations of PyBullet's constraint solver."""
    pressed_iterations: int = 200
    """Iterations while the robot presses: with fewer what is light sinks into the arm and the table."""
    pressed_force: float = 10.0
    """N on the robot from which it counts as pressing."""
    yield_force: float = 40.0
    """N on the robot from which its target gives way: it does not drive on against what stops it."""
    contact_erp: float = 0.8
    """Share of a penetration that the contact solver makes good in a physics step. With PyBullet's default of 0.2
    what slides on a curved rim sinks by half of its height."""
    max_step: float = 0.04
    """m that dx, dy or dz = 1 moves the gripper's target in one control step."""
    max_turn: float = 0.25
    """rad that dyaw = 1 turns the gripper's target in one control step."""
    leash: float = 0.03
    """m the gripper's target may be ahead of the gripper before a new action is added: bounds the
    force that builds up against an obstacle."""
    leash_turn: float = 0.2
    """rad, the same for its yaw."""

    @property
    def control_step(self) -> float:
        """s of one control step."""
        return self.physics_step * self.substeps
