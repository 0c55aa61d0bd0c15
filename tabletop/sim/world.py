"""The simulated world: one PyBullet client that holds one scene at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pybullet as p

from tabletop.config import SimSettings
from tabletop.errors import TabletopError, unknown
from tabletop.sim.bodies import Body, build_body
from tabletop.sim.camera import ROBOT, Backdrop, Image, render
from tabletop.sim.cards import load_cards
from tabletop.sim.deformable import ANCHORING, FINER, ITERATIONS, beads_at, build_deformable, columns, place_deformable
from tabletop.sim.drapery import Drape
from tabletop.sim.robot import RobotArm
from tabletop.sim.scene import Camera, Entity, Scene, layout_of
from tabletop.sim.state import Layout, State
from tabletop.sim.table import build_slab, slabs

__all__ = ["Snapshot", "World"]

_Push = tuple[str, tuple[float, ...], int]
"""What is pushed, N (world), and the physics steps left."""


@dataclass(frozen=True)
class Snapshot:
    """A moment, kept as the way that led there: the scene, and what was done to the world since."""

    scene: Scene
    history: tuple[tuple[str, tuple[Any, ...]], ...]
    """Names of World's methods and their arguments."""


class World:
    """One scene, simulated. Holds a PyBullet client; close it, or use it as a context.

    The same scene and actions give bit-identical states, whatever was loaded before.
    """

    def __init__(self, robot: str = "panda", settings: SimSettings | None = None) -> None:
        """Connect to a PyBullet client of its own.

        Args:
            robot: a card in assets/robots.
            settings: time and control.
        """
        self.settings = settings or SimSettings()
        self.robot_name = robot
        self.client: int = p.connect(p.DIRECT)
        self.scene: Scene | None = None
        self.layout = Layout((), (), ())
        self._history: list[tuple[str, tuple[Any, ...]]] = []
        self._bodies: list[Body] = []
        self._body_ids: dict[int, int] = {}
        self._time = 0.0
        self._pushes: list[_Push] = []
        self._backdrop: Backdrop | None = None

    def __enter__(self) -> World:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Disconnect. The world cannot be used after it."""
        if self._backdrop is not None:
            self._backdrop.close()
            self._backdrop = None
        if self.client >= 0:
            p.disconnect(self.client)
            self.client = -1

    # --- loading -----------------------------------------------------------------------------

    def load(self, scene: Scene) -> State:
        """Put a scene in place and return its first state.

        Everything is built anew, which takes some milliseconds. Teleporting what is there would be quicker
        and is not exact: PyBullet's tree of bounding boxes keeps a trace of all that moved, which changes the
        order in which contacts are solved, and so the last bits of what touches.

        Raises:
            TabletopError: an entity of unknown kind, or two of one name.
        """
        self._build(scene)
        self.scene = scene
        cards = load_cards()
        self.layout = layout_of(scene.entities, cards)
        robot = scene.robot
        self.arm.teleport(robot.position, robot.yaw, robot.width)
        for entity, body in zip(scene.entities, self._bodies, strict=True):
            if body.beads:
                place_deformable(entity, body, self.layout.grid(entity.name), self.client)
            else:
                self._place(entity, body)
        self._time = 0.0
        self._pushes = []
        self._history = []
        held = [e for e in scene.entities if e.held]
        if held:
            self._hold(held[0])
        self._static: list[tuple[float, ...]] = [b.size + b.grasp for b in self._bodies]
        return self.state()

    def _build(self, scene: Scene) -> None:
        cards = load_cards()
        names = [e.name for e in scene.entities]
        for name in names:
            if names.count(name) > 1:
                raise TabletopError(f"entity names must be unique, {name!r} stands {names.count(name)} times")
        for entity in scene.entities:
            if entity.kind not in cards:
                raise unknown("kind of entity", entity.kind, cards)
        table, floor = self._slabs = slabs(scene.table)
        self._finer = FINER if any(cards[e.kind].beads for e in scene.entities) else 1
        c = self.client
        p.resetSimulation(physicsClientId=c)
        p.setPhysicsEngineParameter(
            fixedTimeStep=self.settings.physics_step / self._finer,
            numSolverIterations=self.settings.solver_iterations if self._finer == 1 else ITERATIONS,
            frictionERP=ANCHORING,
            deterministicOverlappingPairs=1,
            physicsClientId=c,
        )
        p.setGravity(0, 0, -9.81, physicsClientId=c)
        self.arm = RobotArm(scene.robot.name or self.robot_name, self.settings, c)
        if self._finer > 1:
            self.arm.cling()
        build_slab(table, scene.table.friction, 0.0, c)
        build_slab(floor, 0.9, 0.05, c)
        build = {False: build_body, True: build_deformable}
        self._bodies = [build[cards[e.kind].moves == "deformable"](e, cards[e.kind], c) for e in scene.entities]
        self._body_ids = {b: i for i, body in enumerate(self._bodies) for b in body.beads or [body.id]}

    def _place(self, entity: Entity, body: Body) -> None:
        c = self.client
        turn = [0.0, 0.0, math.sin(entity.yaw / 2), math.cos(entity.yaw / 2)]
        p.resetBasePositionAndOrientation(body.id, list(entity.position), turn, physicsClientId=c)
        p.resetBaseVelocity(body.id, [0, 0, 0], [0, 0, 0], physicsClientId=c)
        if body.moves == "joint":
            fraction = min(1.0, max(0.0, entity.fraction))
            p.resetJointState(body.id, 0, fraction * body.travel, 0.0, physicsClientId=c)
            body.latched = fraction >= body.latch
            self._spring(body)

    def _spring(self, body: Body) -> None:
        if body.spring > 0:
            p.setJointMotorControl2(
                body.id,
                0,
                p.POSITION_CONTROL,
                targetPosition=body.travel if body.latched else 0.0,
                force=body.spring,
                maxVelocity=0.3,
                physicsClientId=self.client,
            )

    def _hold(self, entity: Entity) -> None:
        """Put an entity between the fingers and close them on it."""
        body = self._bodies[self.layout.index(entity.name)]
        if body.beads:
            raise TabletopError(f"something deformable cannot start between the fingers, got {entity.name!r}")
        x, y, z = self.arm.pose()[0]
        yaw, width = self.arm.target[3], entity.size[1]
        if width > self.arm.max_width - 0.01:
            yaw, width = yaw + math.pi / 2, entity.size[0]
        turn = [0.0, 0.0, math.sin(yaw / 2), math.cos(yaw / 2)]
        # Tall things hang lower: the hand's palm is close above the fingers' middle.
        at = [x, y, z - max(0.0, entity.size[2] / 2 - 0.033)]
        p.resetBasePositionAndOrientation(body.id, at, turn, physicsClientId=self.client)
        self.arm.clasp(min(width, self.arm.max_width - 0.002))

    # --- stepping ----------------------------------------------------------------------------

    def step(self, action: Sequence[float] | npt.NDArray[np.floating[Any]]) -> State:
        """Apply one action (5 numbers in [-1, 1], see docs/design.md) for one control step.

        Raises:
            TabletopError: no scene is loaded.
        """
        if self.scene is None:
            raise _nothing_loaded()
        given = tuple(float(a) for a in action)
        self._history.append(("step", (given,)))
        self.arm.command(given, self.scene.table.height)
        self._run()
        return self.state()

    def advance(self) -> None:
        """Run one control step of physics without a new action."""
        self._history.append(("advance", ()))
        self._run()

    def _run(self) -> None:
        c = self.client
        for _ in range(self.settings.substeps * self._finer):
            if self._pushes:
                self._push()
            p.stepSimulation(c)
        self.arm.refresh()
        self._time += self.settings.control_step
        for body in self._bodies:
            if body.latch <= 1.0 and not body.latched:
                position: float = p.getJointState(body.id, 0, c)[0]
                if position >= body.latch * body.travel:
                    body.latched = True
                    self._spring(body)

    def push(self, name: str, force: Sequence[float], steps: int = 1) -> None:
        """Push an entity at its centre, or the "gripper", through the coming physics steps.

        Pushes add up; loading a scene ends them.

        Args:
            name: an entity, or "gripper".
            force: N, world.
            steps: physics steps it lasts from the next one on, as in SimSettings (1/120 s, 12 a control step).

        Raises:
            TabletopError: no entity has that name, the force is not 3 finite numbers, or steps is below 1.
        """
        if len(force) != 3 or not all(math.isfinite(f) for f in force):
            raise TabletopError(f"a force is 3 finite numbers in N, got {force!r}")
        if steps < 1:
            raise TabletopError(f"a push lasts 1 physics step or more, got {steps}")
        if name != "gripper":
            self.layout.index(name)
        given = tuple(float(f) for f in force)
        self._history.append(("push", (name, given, steps)))
        self._pushes.append((name, given, steps * self._finer))

    def _push(self) -> None:
        """Apply the pushes of one physics step; PyBullet forgets a force once the step is done."""
        c = self.client
        for name, force, _ in self._pushes:
            if name == "gripper":
                body, link, position = self.arm.body, self.arm.hand, self.arm.pose()[0]
            else:
                entity = self._bodies[self.layout.index(name)]
                if entity.beads:
                    self._push_beads(entity, force)
                    continue
                body, link = entity.id, 0 if entity.moves == "joint" else -1
                if link == 0:
                    position = p.getLinkState(body, 0, 0, 1, c)[0]
                else:
                    position = p.getBasePositionAndOrientation(body, c)[0]
            p.applyExternalForce(body, link, list(force), list(position), p.WORLD_FRAME, physicsClientId=c)
        self._pushes = [(name, force, left - 1) for name, force, left in self._pushes if left > 1]

    def _push_beads(self, body: Body, force: Sequence[float]) -> None:
        c, share = self.client, [f / len(body.beads) for f in force]
        for bead in body.beads:
            at = p.getBasePositionAndOrientation(bead, c)[0]
            p.applyExternalForce(bead, -1, share, at, p.WORLD_FRAME, physicsClientId=c)

    def shove(self, name: str, velocity: Sequence[float]) -> None:
        """Add a velocity (m/s, world) to something loose at once: a blow of mass times velocity.

        Raises:
            TabletopError: the entity is a fixture.
        """
        body = self._bodies[self.layout.index(name)]
        if body.moves not in {"rigid", "deformable"}:
            raise TabletopError(f"only what is loose can be shoved, {name!r} is {body.moves}; see shove_joint")
        self._history.append(("shove", (name, tuple(float(v) for v in velocity))))
        for part in body.beads or (body.id,):
            linear, spin = p.getBaseVelocity(part, self.client)
            moved = [a + b for a, b in zip(linear, velocity, strict=True)]
            p.resetBaseVelocity(part, moved, list(spin), physicsClientId=self.client)

    def shove_joint(self, name: str, rate: float) -> None:
        """Add a speed to a fixture's joint at once.

        Args:
            name: the fixture.
            rate: 1/s, fractions of the whole travel a second; above 0 it opens.

        Raises:
            TabletopError: the entity has no joint, or the rate is not finite.
        """
        body = self._bodies[self.layout.index(name)]
        if body.moves != "joint":
            raise TabletopError(f"only fixtures with a joint can be shoved so, {name!r} is {body.moves}; see shove")
        if not math.isfinite(rate):
            raise TabletopError(f"a rate is a finite number in 1/s, got {rate!r}")
        self._history.append(("shove_joint", (name, float(rate))))
        position, speed = p.getJointState(body.id, 0, self.client)[:2]
        p.resetJointState(body.id, 0, position, speed + rate * body.travel, physicsClientId=self.client)

    # --- reading -----------------------------------------------------------------------------

    def state(self) -> State:
        """Return the state now."""
        c = self.client
        scene = self.scene
        if scene is None:
            raise _nothing_loaded()
        row: list[float] = [self._time]
        soft: list[float] = []
        forces = self._finger_forces()
        row += self.arm.columns()
        row += (scene.table.height, scene.table.size[0], scene.table.size[1])
        for i, body in enumerate(self._bodies):
            if body.moves == "rigid":
                position, turn = p.getBasePositionAndOrientation(body.id, c)
                linear, spin = p.getBaseVelocity(body.id, c)
                row += position + turn + linear + spin
                row += self._static[i]
                row.append(0.0)
            elif body.moves == "joint":
                link = p.getLinkState(body.id, 0, 1, 1, c)
                row += link[0] + link[1] + link[6] + link[7]
                row += self._static[i]
                row.append(p.getJointState(body.id, 0, c)[0] / body.travel)
            elif body.beads:
                nodes = beads_at(body, self.layout.grids[i], c)
                row += columns(body, nodes, c)
                soft += nodes.ravel().tolist()
            else:
                (x, y, z), turn = p.getBasePositionAndOrientation(body.id, c)
                row += (x, y, z + body.offset, *turn, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
                row += self._static[i]
                row.append(0.0)
            row += forces.get(body.id, (0.0, 0.0))
        return State(self.layout, np.array(row + soft))

    def _finger_forces(self) -> dict[int, tuple[float, float]]:
        arm = self.arm
        left = arm.fingers[0]
        out: dict[int, tuple[float, float]] = {}
        for contact in p.getContactPoints(bodyA=arm.body, physicsClientId=self.client):
            link = contact[3]
            if link in arm.fingers:
                index = self._body_ids.get(contact[2])
                body = contact[2] if index is None else self._bodies[index].id
                a, b = out.get(body, (0.0, 0.0))
                out[body] = (a + contact[9], b) if link == left else (a, b + contact[9])
        return out

    def render(self, width: int = 84, height: int = 84, camera: Camera | None = None) -> Image:
        """Return colour, depth and segmentation as the scene's camera, or another, sees it."""
        if self.scene is None:
            raise _nothing_loaded()
        if self._backdrop is None:
            self._backdrop = Backdrop()
        camera, light = camera or self.scene.camera, self.scene.light
        behind = self._backdrop.picture(self._slabs, camera, light, width, height)
        behind = self._backdrop.draped(behind, self._drapes(self.scene), camera, light)
        labels = {self.arm.body: ROBOT, **{b: i + 2 for b, i in self._body_ids.items()}}
        return render(self.client, camera, light, width, height, labels, behind)

    def _drapes(self, scene: Scene) -> list[Drape]:
        return [
            Drape(beads_at(body, self.layout.grids[i], self.client), body.size[2], scene.entities[i].color, i + 2)
            for i, body in enumerate(self._bodies)
            if body.beads
        ]

    # --- saving ------------------------------------------------------------------------------

    def save(self) -> Snapshot:
        """Keep the present moment, for this world or another.

        Raises:
            TabletopError: no scene is loaded.
        """
        if self.scene is None:
            raise _nothing_loaded()
        return Snapshot(self.scene, tuple(self._history))

    def restore(self, snapshot: Snapshot) -> State:
        """Go to a kept moment; the future from it is the same bit for bit.

        What led there is run again, which takes as long as it took. PyBullet's own saved states would be
        quicker and are not exact: they leave out what decides the order of contacts.
        """
        state = self.load(snapshot.scene)
        again: dict[str, Callable[..., object]] = {
            "step": self.step,
            "advance": self.advance,
            "push": self.push,
            "shove": self.shove,
            "shove_joint": self.shove_joint,
        }
        for name, arguments in snapshot.history:
            again[name](*arguments)
        return self.state() if snapshot.history else state


def _nothing_loaded() -> TabletopError:
    return TabletopError("no scene is loaded; call World.load first")
