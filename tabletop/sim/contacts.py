"""What touches what, read from the simulation."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

import pybullet as p

from tabletop.sim.robot import RobotArm
from tabletop.sim.state import Layout

__all__ = ["FELT", "Contacts", "body_contacts", "named_contacts", "stands_free"]

FELT: Final = 0.1
"""N: less is no contact."""
_GAP: Final = 0.005
"""m off everything else that something must be to count as carried, not drawn along."""

Contacts = Mapping[tuple[int, int], Mapping[int, float]]
"""N of normal force by what is touched, the other body's id and link, then by the body's own link."""


def body_contacts(body: int, client: int) -> dict[tuple[int, int], dict[int, float]]:
    """Return how hard a body presses on others, as `Contacts`; link -1 is a body's base."""
    out: dict[tuple[int, int], dict[int, float]] = {}
    for contact in p.getContactPoints(bodyA=body, physicsClientId=client):
        by_link = out.setdefault((contact[2], contact[4]), {})
        by_link[contact[3]] = by_link.get(contact[3], 0.0) + contact[9]
    return out


def stands_free(bodies: Collection[int], robot: int, client: int) -> bool:
    """Return whether all is 5 mm or more off some bodies, but for themselves and the robot."""
    own = {robot, *bodies}
    for body in bodies:
        low, high = p.getAABB(body, -1, client)
        around = p.getOverlappingObjects([v - _GAP for v in low], [v + _GAP for v in high], client)
        for other in {o for o, _ in around or ()} - own:
            if p.getClosestPoints(body, other, _GAP, physicsClientId=client):
                return False
    return True


def named_contacts(arm: RobotArm, layout: Layout, bodies: Mapping[int, int]) -> dict[tuple[str, str], float]:
    """Return which normal force, N, acts between what: pairs of names as World.contacts says them.

    Args:
        arm: the robot.
        layout: of the entities.
        bodies: index of the entity by body's id.
    """
    order = ["fingers", "hand", "arm", *(n for name in layout.names for n in (name, f"{name} base"))]
    rank = {name: i for i, name in enumerate(order)}

    def name_of(body: int, link: int) -> str | None:
        if body == arm.body:
            return "fingers" if link in arm.fingers else "hand" if link == arm.hand else "arm"
        if body not in bodies:
            return None
        name = layout.names[bodies[body]]
        return f"{name} base" if layout.moves[bodies[body]] == "joint" and link < 0 else name

    out: dict[tuple[str, str], float] = {}
    for contact in p.getContactPoints(physicsClientId=arm.client):
        one, two = name_of(contact[1], contact[3]), name_of(contact[2], contact[4])
        if one is not None and two is not None and one != two:
            pair = (one, two) if rank[one] < rank[two] else (two, one)
            out[pair] = out.get(pair, 0.0) + contact[9]
    return {pair: force for pair, force in out.items() if force >= FELT}
