"""Forces and velocities that bodies are given from outside."""

from __future__ import annotations

from collections.abc import Sequence

from tabletop.sim.bodies import Body
from tabletop.sim.bullet import p

__all__ = ["apply_velocity", "push_body"]


def push_body(body: Body, force: Sequence[float], client: int) -> None:
    """Apply a force through the next physics step, at the middle of what moves; PyBullet forgets it then.

    Args:
        body: what is pushed; all beads of something deformable share the force.
        force: N, world.
        client: PyBullet's client.
    """
    share = [f / max(1, len(body.beads)) for f in force]
    for part in body.beads or (body.id,):
        link = body.link
        if link < 0:
            at = p.getBasePositionAndOrientation(part, client)[0]
        else:
            at = p.getLinkState(part, link, 0, 1, client)[0]
        p.applyExternalForce(part, link, share, at, p.WORLD_FRAME, physicsClientId=client)


def apply_velocity(body: Body, velocity: Sequence[float], client: int) -> None:
    """Add a velocity (m/s, world) to something loose, all beads of something deformable alike.

    Args:
        body: something rigid or deformable.
        velocity: (3,), m/s, world.
        client: PyBullet's client.
    """
    for part in body.beads or (body.id,):
        linear, spin = p.getBaseVelocity(part, client)
        moved = [a + b for a, b in zip(linear, velocity, strict=True)]
        p.resetBaseVelocity(part, moved, list(spin), physicsClientId=client)
