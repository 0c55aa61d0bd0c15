"""The simulated world: one PyBullet client that holds one scene at a time."""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from tabletop.config import SimSettings
from tabletop.errors import TabletopError, unknown
from tabletop.schema import is_number, is_whole
from tabletop.sim.action import action_numbers, action_size
from tabletop.sim.bodies import Body, build_body
from tabletop.sim.bullet import connect, p
from tabletop.sim.camera import ROBOT, Backdrop, Image, check_size, render, segmentation_labels
from tabletop.sim.cards import base_of, load_cards
from tabletop.sim.contacts import FELT, Names, body_contacts, felt_by, named_contacts, named_depths, stands_free
from tabletop.sim.deformable import (
    ANCHORING,
    FINER,
    ITERATIONS,
    PINCH,
    beads_at,
    build_deformable,
    columns,
    place_deformable,
)
from tabletop.sim.deformable_drapery import Drape
from tabletop.sim.fixtures import build_joint, build_parts
from tabletop.sim.held_part import grasped_part
from tabletop.sim.history import Done, History
from tabletop.sim.looks import Piece, frames_of, pieces_of, pose_of, slab_piece
from tabletop.sim.pressing import Pressing
from tabletop.sim.pushes import apply_velocity, push_body
from tabletop.sim.robot import RobotArm
from tabletop.sim.robot_card import load_robot_card
from tabletop.sim.scene import (
    VIEWS,
    Camera,
    Entity,
    Scene,
    SceneCamera,
    check_camera,
    check_scene,
    check_scene_camera,
    layout_of,
)
from tabletop.sim.state import Layout, State
from tabletop.sim.sums import added
from tabletop.sim.table import build_slab, slabs
from tabletop.sim.viewpoints import scene_view, top_view, wrist_view
from tabletop.sim.way import FORCE_EVERY, Way

__all__ = ["Snapshot", "World"]

_Push = tuple[str, tuple[float, ...], int]
"""What is pushed, N (world), and the physics steps left."""


@dataclass(frozen=True)
class Snapshot:
    """A moment, kept as the way that led there: the scene, and what was done to the world since."""

    scene: Scene
    history: tuple[Done, ...]
    """Names of World's methods and their arguments."""
    settings: SimSettings = field(default_factory=SimSettings)
    """Of the world that it was kept in."""

    def after(self, events: int) -> Snapshot:
        """Return the earlier moment by which only so many things had been done (`World.events`)."""
        return replace(self, history=self.history[:events])


class World:
    """One scene, simulated. Holds a PyBullet client; close it, or use it as a context.

    The same scene and actions give bit-identical states, whatever was loaded before.
    """

    def __init__(self, robot: str | None = None, settings: SimSettings | None = None) -> None:
        """Connect to a PyBullet client of its own.

        Args:
            robot: a card in assets/robots, which every scene then has; None: the scene's own.
            settings: time and control.

        Raises:
            TabletopError: no such robot, or too many worlds are open.
        """
        if robot is not None:
            load_robot_card(robot)
        self.settings = settings or SimSettings()
        self.robot_name = robot
        self.client: int = connect()
        self._disconnect = weakref.finalize(self, p.disconnect, self.client)
        self.scene: Scene | None = None
        self.layout = Layout((), (), ())
        self._history = History()
        self._bodies: list[Body] = []
        self._body_ids: dict[int, int] = {}
        self._links: dict[tuple[int, int], int] = {}
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
        self._disconnect()
        self.client = -1
        self.scene = None

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy and pickle as what led here: the copy runs it again in a client of its own."""
        self._check_open()
        return _again, (self.robot_name, self.settings, self.save() if self.scene else None)

    def _check_open(self) -> None:
        if self.client < 0:
            raise TabletopError("the world is closed; make another one")

    def _loaded(self) -> Scene:
        """Return the scene.

        Raises:
            TabletopError: none is loaded, or the world is closed.
        """
        self._check_open()
        if self.scene is None:
            raise TabletopError("no scene is loaded; call World.load first")
        return self.scene

    # --- loading -----------------------------------------------------------------------------

    def load(self, scene: Scene) -> State:
        """Put a scene in place and return its first state.

        Everything is built anew, which takes some milliseconds. Teleporting what is there would be quicker
        and is not exact: PyBullet's tree of bounding boxes keeps a trace of all that moved, which changes the
        order in which contacts are solved, and so the last bits of what touches.

        Raises:
            TabletopError: the scene is none that can be (`check_scene` says what), or the world is closed.
        """
        self._check_open()
        check_scene(scene)
        if self.robot_name is not None:
            scene = replace(scene, robot=replace(scene.robot, name=self.robot_name))
        self._build(scene)
        self.scene = scene
        cards = load_cards()
        self.layout = layout_of(scene.entities, cards, scene.robot.name)
        robot = scene.robot
        self.arm.teleport(robot.position, robot.yaw, robot.width)
        for entity, body in zip(scene.entities, self._bodies, strict=True):
            if body.beads:
                place_deformable(entity, body, self.layout.grid(entity.name), self.client)
            else:
                self._place(entity, body)
        self._time = 0.0
        self._pushes = []
        self._action_size = action_size(self.settings.control, self.layout.robot)
        self._history = History(self._action_size)
        held = [e for e in scene.entities if e.held]
        if held:
            self._hold(held[0])
        self._static: list[tuple[float, ...]] = [b.size + b.grasp for b in self._bodies]
        self._finger_forces: dict[int, tuple[float, float]] = {}
        self._way = Way(scene.table, [self._pose(i) for i in range(len(self._bodies))])
        self._initial = self.state()
        return self._initial

    def _build(self, scene: Scene) -> None:
        cards = load_cards()
        table, floor = self._slabs = slabs(scene.table)
        self._finer = FINER if any(cards[e.kind].beads for e in scene.entities) else 1
        c = self.client
        iterations = self.settings.solver_iterations if self._finer == 1 else ITERATIONS
        self._pressing = Pressing(self.settings, iterations, c, pinch=math.inf if self._finer == 1 else PINCH)
        p.resetSimulation(physicsClientId=c)
        p.setPhysicsEngineParameter(
            fixedTimeStep=self.settings.physics_step / self._finer,
            numSolverIterations=iterations,
            contactERP=self.settings.contact_erp,
            frictionERP=ANCHORING,
            deterministicOverlappingPairs=1,
            physicsClientId=c,
        )
        p.setGravity(0, 0, -9.81, physicsClientId=c)
        self.arm = RobotArm(scene.robot.name, self.settings, c)
        self._slab_ids = {
            build_slab(table, scene.table.friction, 0.0, c): "table",
            build_slab(floor, 0.9, 0.05, c): "floor",
        }
        self._bodies = []
        for entity in scene.entities:
            if base_of(entity.name) is None:
                self._bodies += self._built(entity, scene)
        # Of a fixture with several moving parts these are its base's; the parts go by their links.
        attached = {i for i, e in enumerate(scene.entities) if base_of(e.name) is not None}
        self._links = {(self._bodies[i].id, self._bodies[i].link): i for i in attached}
        self._body_ids = {
            b: i for i, body in enumerate(self._bodies) if i not in attached for b in body.beads or [body.id]
        }

    def _built(self, entity: Entity, scene: Scene) -> list[Body]:
        """Return the body of an entity; of a fixture with moving parts, that of its base and theirs behind it."""
        card, c = load_cards()[entity.kind], self.client
        if card.moving_parts:
            return build_parts(entity, [e for e in scene.entities if base_of(e.name) == entity.name], c)
        build = {"deformable": build_deformable, "joint": build_joint}
        return [build.get(card.body_type, build_body)(entity, card, c)]

    def _place(self, entity: Entity, body: Body) -> None:
        c = self.client
        if base_of(entity.name) is None:
            turn = [0.0, 0.0, math.sin(entity.yaw / 2), math.cos(entity.yaw / 2)]
            body.place(list(entity.position), turn, c)
            p.resetBaseVelocity(body.id, [0, 0, 0], [0, 0, 0], physicsClientId=c)
        if body.body_type == "joint":
            fraction = min(1.0, max(0.0, entity.fraction))
            p.resetJointState(body.id, body.link, fraction * body.travel, 0.0, physicsClientId=c)
            body.latched = fraction >= body.latch
            self._spring(body)

    def _spring(self, body: Body) -> None:
        if body.spring > 0:
            p.setJointMotorControl2(
                body.id,
                body.link,
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
        (x, y, z), yaw = self.arm.pose()[0], self.arm.target[3]
        part = grasped_part(load_cards()[entity.kind], entity.size)
        cx, cy, cz = part.centre
        width = part.extents[part.closing]
        if part.closing == 0:
            yaw -= math.pi / 2
        cos, sin = math.cos(yaw), math.sin(yaw)
        turn = [0.0, 0.0, math.sin(yaw / 2), math.cos(yaw / 2)]
        # Tall things hang lower: the hand's palm is close above the fingers' middle.
        down = cz + max(0.0, entity.size[2] / 2 - cz - load_robot_card(self.layout.robot).hand.deepest)
        at = [x - cos * cx + sin * cy, y - sin * cx - cos * cy, z - down]
        body.place(at, turn, self.client)
        self.arm.close_on(min(width, self.arm.max_width - 0.002))

    # --- stepping ----------------------------------------------------------------------------

    def step(self, action: Sequence[float] | npt.NDArray[np.floating[Any]]) -> State:
        """Apply one action (numbers in [-1, 1]: 5, or as settings.control says) for one control step.

        Raises:
            TabletopError: no scene is loaded, or the action is not so many finite numbers.
        """
        scene = self._loaded()
        given = action_numbers(action, self._action_size)
        self._history.step(given)
        self.arm.command(given, scene.table.height)
        self._run()
        return self.state()

    def advance(self) -> None:
        """Run one control step of physics without a new action.

        Raises:
            TabletopError: no scene is loaded.
        """
        self._loaded()
        self._history.add("advance")
        self._run()

    def _run(self) -> None:
        c = self.client
        steps, linkage = self.settings.substeps * self._finer, self.arm.linkage
        for i in range(1, steps + 1):
            if self._pushes:
                self._push()
            if linkage is not None:
                linkage.step()
            p.stepSimulation(c)
            self._pressing.feel(self.arm)
            if i % (FORCE_EVERY * self._finer) == 0 or i == steps:
                self._note_touches()
        self.arm.refresh()
        self._time += self.settings.control_step
        for body in self._bodies:
            if body.latch <= 1.0 and not body.latched:
                position: float = p.getJointState(body.id, body.link, c)[0]
                if position >= body.latch * body.travel:
                    body.latched = True
                    self._spring(body)
        self._note_way()

    def _note_touches(self) -> None:
        """Read with which force the robot presses on what, all links together and by finger."""
        arm = self.arm
        left, right = arm.finger_links
        self._finger_forces = {}
        felt: dict[int, float] = {}
        for (body, link), by_link in body_contacts(arm.body, self.client).items():
            index = self._links.get((body, link), self._body_ids.get(body))
            if index is None:
                continue
            # Of a fixture the columns describe what moves.
            if link >= 0 or self._bodies[index].body_type != "joint":
                felt[index] = felt.get(index, 0.0) + added(by_link.values())
            one, two = self._finger_forces.get(index, (0.0, 0.0))
            self._finger_forces[index] = one + felt_by(by_link, left), two + felt_by(by_link, right)
        for index, force in felt.items():
            self._way.touch(index, force)

    def _note_way(self) -> None:
        """Add the control step to how each entity came to be where it is."""
        for i, body in enumerate(self._bodies):
            if body.body_type != "static":
                held = min(self._finger_forces.get(i, (0.0, 0.0))) > FELT
                own = body.beads or (body.id,)
                self._way.follow(i, *self._pose(i), held and stands_free(own, self.arm.body, self.client))

    def _pose(self, index: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Return the position and the quaternion of an entity, as in ENTITY_FIELDS."""
        c, body = self.client, self._bodies[index]
        if body.beads:
            row = columns(body, beads_at(body, self.layout.grids[index], c), c)
            return tuple(row[:3]), tuple(row[3:7])
        (x, y, z), turn = body.pose(c)
        return (x, y, z + body.offset), turn

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
        self._loaded()
        given = _vector(force, "a force", "N", 1e6)
        if not is_whole(steps, 1, 10**6):
            raise TabletopError(f"a push lasts 1 to 1000000 physics steps, got {steps!r}")
        if name != "gripper":
            self.layout.index(name)
        self._history.add("push", name, given, int(steps))
        self._pushes.append((name, given, int(steps) * self._finer))

    def _push(self) -> None:
        """Apply the pushes of one physics step; PyBullet forgets a force once the step is done."""
        c = self.client
        for name, force, _ in self._pushes:
            if name == "gripper":
                at = self.arm.pose()[0]
                p.applyExternalForce(self.arm.body, self.arm.hand, force, at, p.WORLD_FRAME, physicsClientId=c)
            else:
                push_body(self._bodies[self.layout.index(name)], force, c)
        self._pushes = [(name, force, left - 1) for name, force, left in self._pushes if left > 1]

    def apply_velocity(self, name: str, velocity: Sequence[float]) -> None:
        """Add a velocity (m/s, world) to something loose at once: a blow of mass times velocity.

        Raises:
            TabletopError: the entity is a fixture, or the velocity is not 3 finite numbers.
        """
        self._loaded()
        given = _vector(velocity, "a velocity", "m/s", 100.0)
        body = self._bodies[self.layout.index(name)]
        if body.body_type not in {"rigid", "deformable"}:
            raise TabletopError(
                f"only what is loose takes a velocity, {name!r} is {body.body_type}; see apply_joint_velocity"
            )
        self._history.add("apply_velocity", name, given)
        apply_velocity(body, given, self.client)

    def apply_joint_velocity(self, name: str, rate: float) -> None:
        """Add a speed to a fixture's joint at once.

        Args:
            name: the fixture.
            rate: 1/s, fractions of the whole travel a second; above 0 it opens.

        Raises:
            TabletopError: the entity has no joint, or the rate is not finite.
        """
        self._loaded()
        body = self._bodies[self.layout.index(name)]
        if body.body_type != "joint":
            raise TabletopError(
                f"only a fixture with a joint takes a joint velocity, {name!r} is {body.body_type}; see apply_velocity"
            )
        if not is_number(rate, -1000.0, 1000.0):
            raise TabletopError(f"a rate is a number from -1000 to 1000 in 1/s, got {rate!r}")
        self._history.add("apply_joint_velocity", name, float(rate))
        position, speed = p.getJointState(body.id, body.link, self.client)[:2]
        p.resetJointState(body.id, body.link, position, speed + rate * body.travel, physicsClientId=self.client)

    # --- reading -----------------------------------------------------------------------------

    @property
    def initial(self) -> State:
        """The state that the scene was loaded with.

        Raises:
            TabletopError: no scene is loaded.
        """
        self._loaded()
        return self._initial

    def state(self) -> State:
        """Return the state now."""
        c, scene = self.client, self._loaded()
        row: list[float] = [self._time]
        soft: list[float] = []
        row += self.arm.columns()
        row += (scene.table.height, scene.table.size[0], scene.table.size[1])
        for i, body in enumerate(self._bodies):
            if body.body_type in {"rigid", "joint"}:
                for numbers in body.motion(c):
                    row += numbers
                row += self._static[i]
                moves = body.body_type == "joint"
                row.append(p.getJointState(body.id, body.link, c)[0] / body.travel if moves else 0.0)
            elif body.beads:
                nodes = beads_at(body, self.layout.grids[i], c)
                row += columns(body, nodes, c)
                soft += nodes.ravel().tolist()
            else:
                (x, y, z), turn = p.getBasePositionAndOrientation(body.id, c)
                row += (x, y, z + body.offset, *turn, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
                row += self._static[i]
                row.append(0.0)
            row += self._finger_forces.get(i, (0.0, 0.0))
            row += self._way.columns(i)
        return State(self.layout, np.array(row + soft))

    def contacts(self) -> dict[tuple[str, str], float]:
        """Return what touches what now, and with which normal force, N.

        Names are "fingers", "hand" and "arm" of the robot, then entities in their order; of a fixture "NAME" is what
        moves and "NAME base" the rest. The first of a pair comes earlier in that order. Table, floor and forces below
        0.1 N do not count.

        Raises:
            TabletopError: no scene is loaded.
        """
        self._loaded()
        return named_contacts(self._names())

    def depths(self) -> dict[tuple[str, str], float]:
        """Return how deep, m, what touches is in each other now; names as in `contacts`, then "table" and "floor".

        Raises:
            TabletopError: no scene is loaded.
        """
        self._loaded()
        return named_depths(self._names())

    def _names(self) -> Names:
        return Names(self.arm, self.layout, self._body_ids, self._links, self._slab_ids)

    @property
    def cameras(self) -> tuple[str, ...]:
        """The names that `camera` takes: VIEWS, then the scene's further cameras.

        Raises:
            TabletopError: no scene is loaded.
        """
        return (*VIEWS, *(camera.name for camera in self._loaded().cameras))

    def camera(self, name: str | SceneCamera = "scene") -> Camera:
        """Return a camera as it is now, in the world's frame.

        Args:
            name: "scene", the scene's own one; "wrist", on the hand; "top", above the table; or one of the scene's
                further cameras, by its name or as a value.

        Raises:
            TabletopError: no such camera, one that cannot see, or no scene is loaded.

        >>> with World() as world:
        ...     _ = world.load(Scene())
        ...     world.camera("wrist").fov
        80.0
        """
        scene = self._loaded()
        if name == "scene":
            return scene.camera
        if name == "top":
            return top_view(scene.table)
        # As of the last control step: asking PyBullet could touch the physics.
        row = self.arm.columns()
        if name == "wrist":
            return wrist_view(row[:3], row[3:7], load_robot_card(self.layout.robot).hand)
        if isinstance(name, SceneCamera):
            return scene_view(check_scene_camera(name), row[:3], row[3:7])
        found = next((c for c in scene.cameras if c.name == name), None)
        if found is None:
            raise unknown("view", name, self.cameras)
        return scene_view(found, row[:3], row[3:7])

    @property
    def segmentation_labels(self) -> dict[int, str]:
        """The table of this scene's segmentations: the name of each number.

        Raises:
            TabletopError: no scene is loaded, or an entity is called "background", "table" or "robot".
        """
        self._loaded()
        return segmentation_labels(self.layout.names)

    def render(self, width: int = 84, height: int = 84, camera: Camera | SceneCamera | str | None = None) -> Image:
        """Return colour, depth and segmentation as the scene's camera, or another, sees it.

        Args:
            width: pixels, 1 to 4096.
            height: pixels, 1 to 4096.
            camera: where from, or the name of one that `camera` takes; None: the scene's own camera.

        Raises:
            TabletopError: no scene is loaded, no such camera, a side is out of range, or the camera cannot see.

        >>> with World() as world:
        ...     _ = world.load(Scene())
        ...     world.render(64, 48, "wrist").depth.shape
        (48, 64)
        """
        scene = self._loaded()
        check_size(width, height)
        if isinstance(camera, (str, SceneCamera)):
            camera = self.camera(camera)
        if camera is not None:
            camera = check_camera(camera)
        if self._backdrop is None:
            self._backdrop = Backdrop()
        camera, light = camera or scene.camera, scene.light
        behind = self._backdrop.picture(self._slabs, camera, light, width, height)
        behind = self._backdrop.draped(behind, self._drapes(scene), camera, light)
        labels = {self.arm.body: ROBOT, **{b: i + 2 for b, i in self._body_ids.items()}}
        links = {link: i + 2 for link, i in self._links.items()}
        return render(self.client, camera, light, width, height, labels, behind, links)

    def _drapes(self, scene: Scene) -> list[Drape]:
        return [
            Drape(beads_at(body, self.layout.grids[i], self.client), body.size[2], scene.entities[i].color, i + 2)
            for i, body in enumerate(self._bodies)
            if body.beads
        ]

    # --- for drawing elsewhere ---------------------------------------------------------------

    def looks(self) -> list[Piece]:
        """Return the triangles of all that is rigid: table and floor first, then the robot, then entities.

        They stay as they are until another scene is loaded; `poses` says where they are. What is deformable changes its
        shape: see `sheets_of`.

        Raises:
            TabletopError: no scene is loaded, or the robot's meshes are in a format that cannot be read here.

        >>> with World() as world:
        ...     _ = world.load(Scene())
        ...     sorted({piece.label for piece in world.looks()})
        ['floor', 'robot', 'table']
        """
        self._loaded()
        table, floor = self._slabs
        return [slab_piece(table, "table"), slab_piece(floor, "floor"), *self._pieces()]

    def _pieces(self) -> list[Piece]:
        frames = self._frames()
        labels = []
        for body, link in frames:
            index = self._links.get((body, link), self._body_ids.get(body))
            labels.append("robot" if index is None else self.layout.names[index])
        return pieces_of(frames, labels, self.client)

    def _frames(self) -> list[tuple[int, int]]:
        rigid = dict.fromkeys(body.id for body in self._bodies if not body.beads)
        return frames_of([self.arm.body, *rigid], self.client)

    def poses(self) -> npt.NDArray[np.float64]:
        """Return where the frames of `looks` are now (F, 7): position in m and quaternion (xyzw), world.

        Raises:
            TabletopError: no scene is loaded.
        """
        self._loaded()
        return np.array([pose_of(frame, self.client) for frame in self._frames()])

    # --- saving ------------------------------------------------------------------------------

    @property
    def events(self) -> int:
        """How many things were done to the world since its scene was loaded: the length of a snapshot's history.

        Raises:
            TabletopError: no scene is loaded.
        """
        self._loaded()
        return len(self._history)

    def save(self) -> Snapshot:
        """Keep the present moment, for this world or another.

        Raises:
            TabletopError: no scene is loaded.
        """
        return Snapshot(self._loaded(), self._history.all(), self.settings)

    def restore(self, snapshot: Snapshot, watch: Callable[[], None] | None = None) -> State:
        """Go to a kept moment; the future from it is the same bit for bit.

        What led there is run again, which takes as long as it took. PyBullet's own saved states would be
        quicker and are not exact: they leave out what decides the order of contacts.

        Args:
            snapshot: the moment.
            watch: called once the scene is loaded and after each control step; it may render, and must not step.

        Raises:
            TabletopError: it is of a world with other settings or another robot.
        """
        if not isinstance(snapshot, Snapshot):
            raise TabletopError(f"a snapshot must be a Snapshot, as World.save returns, got {type(snapshot).__name__}")
        if snapshot.settings != self.settings:
            same = snapshot.settings.control == self.settings.control
            theirs, ours = (
                f"{s.control_frequency:g} Hz" if same else f"control {s.control!r}"
                for s in (snapshot.settings, self.settings)
            )
            raise TabletopError(
                f"a snapshot goes to a world with its own settings ({theirs}), this one has others ({ours}); "
                "make one with World(settings=snapshot.settings)"
            )
        if self.robot_name not in {None, snapshot.scene.robot.name}:
            raise TabletopError(f"the snapshot is of robot {snapshot.scene.robot.name!r}, got {self.robot_name!r}")
        state = self.load(snapshot.scene)
        again: dict[str, Callable[..., object]] = {
            "step": self.step,
            "advance": self.advance,
            "push": self.push,
            "apply_velocity": self.apply_velocity,
            "apply_joint_velocity": self.apply_joint_velocity,
        }
        if watch is not None:
            watch()
        for name, arguments in snapshot.history:
            again[name](*arguments)
            if watch is not None and name in {"step", "advance"}:
                watch()
        return self.state() if snapshot.history else state


def _again(robot: str | None, settings: SimSettings, snapshot: Snapshot | None) -> World:
    """Return a world in which all that led to a moment has happened again."""
    world = World(robot, settings)
    if snapshot is not None:
        world.restore(snapshot)
    return world


def _vector(given: Sequence[float], what: str, unit: str, most: float) -> tuple[float, ...]:
    """Return three floats.

    Raises:
        TabletopError: they are not three numbers of at most `most`.
    """
    try:
        found = tuple(float(v) for v in given)
    except (TypeError, ValueError, OverflowError):
        found = ()
    if len(found) != 3 or not all(abs(v) <= most for v in found):
        raise TabletopError(f"{what} is 3 finite numbers in {unit}, each at most {most:g}, got {given!r}")
    return found
