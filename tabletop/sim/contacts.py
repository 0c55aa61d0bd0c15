"""What touches what, read from the simulation."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

from tabletop.sim.bullet import p
from tabletop.sim.robot import RobotArm
from tabletop.sim.state import Layout
from tabletop.sim.sums import added

__all__ = ["FELT", "Contacts", "Names", "body_contacts", "felt_by", "named_contacts", "named_depths", "stands_free"]

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


def felt_by(by_link: Mapping[int, float], links: Sequence[int]) -> float:
    """Return the force, N, on some links of a robot together, of the forces by its links."""
    if len(links) == 1:
        return by_link.get(links[0], 0.0)
    return added(by_link.get(link, 0.0) for link in links)


def stands_free(bodies: Collection[int], robot: int, client: int) -> bool:
    """Return whether all is 5 mm or more off some bodies, but for themselves and the robot.

    Args:
        bodies: PyBullet's ids.
        robot: the robot's id.
        client: PyBullet's client.
    """
    own = {robot, *bodies}
    for body in bodies:
        low, high = p.getAABB(body, -1, client)
        around = p.getOverlappingObjects([v - _GAP for v in low], [v + _GAP for v in high], client)
        for other in {o for o, _ in around or ()} - own:
            if p.getClosestPoints(body, other, _GAP, physicsClientId=client):
                return False
    return True


class Names:
    """Says of a body's link what it is called: "fingers", "hand", "arm", an entity, "table" or "floor"."""

    def __init__(
        self,
        arm: RobotArm,
        layout: Layout,
        bodies: Mapping[int, int],
        links: Mapping[tuple[int, int], int],
        slabs: Mapping[int, str],
    ) -> None:
        """Keep who is who.

        Args:
            arm: the robot.
            layout: of the entities.
            bodies: index of the entity by body's id.
            links: index of the entity by body's id and link, of moving parts of a fixture with several.
            slabs: "table" and "floor" by body's id.
        """
        self._arm, self._layout, self._bodies, self._slabs = arm, layout, bodies, slabs
        self._links = links
        order = ["fingers", "hand", "arm", *(n for name in layout.names for n in (name, f"{name} base"))]
        self._rank = {name: i for i, name in enumerate([*order, *slabs.values()])}

    def of(self, body: int, link: int) -> str:
        """Return the name of a link; of a fixture "NAME" is what moves and "NAME base" the rest."""
        if body == self._arm.body:
            return (
                "fingers"
                if any(link in f for f in self._arm.finger_links)
                else "hand"
                if link == self._arm.hand
                else "arm"
            )
        if body in self._slabs:
            return self._slabs[body]
        if (body, link) in self._links:
            return self._layout.names[self._links[body, link]]
        index = self._bodies[body]
        base = self._layout.body_types[index] == "joint" and link < 0
        return self._layout.names[index] + (" base" if base else "")

    def pairs(self) -> Iterator[tuple[tuple[str, str], float, float]]:
        """Yield each contact of different things: the pair in order, its normal force (N), its depth (m)."""
        for contact in p.getContactPoints(physicsClientId=self._arm.client):
            one, two = self.of(contact[1], contact[3]), self.of(contact[2], contact[4])
            if one != two:
                pair = (one, two) if self._rank[one] < self._rank[two] else (two, one)
                yield pair, contact[9], -contact[8]


def named_contacts(names: Names) -> dict[tuple[str, str], float]:
    """Return which normal force, N, acts between what: pairs of names as World.contacts says them."""
    out: dict[tuple[str, str], float] = {}
    for pair, force, _ in names.pairs():
        if not {"table", "floor"} & {*pair}:
            out[pair] = out.get(pair, 0.0) + force
    return {pair: force for pair, force in out.items() if force >= FELT}


def named_depths(names: Names) -> dict[tuple[str, str], float]:
    """Return how deep, m, what touches is in each other at the most: pairs of names as World.depths says them."""
    out: dict[tuple[str, str], float] = {}
    for pair, _, depth in names.pairs():
        out[pair] = max(depth, out.get(pair, 0.0))
    return out
