"""The gymnasium environment: one task, or none, in one world."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from tabletop.config import CONTROLS, Control, SimSettings
from tabletop.envs.arguments import check_flag, read_options, read_scenes, read_size
from tabletop.envs.desired import ask_number, move_mark
from tabletop.envs.draws import draw, on_card
from tabletop.envs.goals import NumberGoal, make_goal
from tabletop.envs.observe import state_names
from tabletop.envs.reward import GoalReward, check_reward, reward_and_success
from tabletop.envs.task_observer import OBSERVED, TaskObserver, find_task, slots_of
from tabletop.envs.views import CameraChoice, Views
from tabletop.errors import TabletopError, unknown
from tabletop.logic.suite import ALL_SCENES
from tabletop.logic.task import Task
from tabletop.sim.action import action_size, as_action
from tabletop.sim.camera import segmentation_ids, segmentation_labels
from tabletop.sim.pinhole import CameraParameters, camera_parameters
from tabletop.sim.robot_card import load_robot_card, robot_in_use
from tabletop.sim.scene import Scene
from tabletop.sim.scene_cameras import camera_names
from tabletop.sim.scene_cards import find_scene_card
from tabletop.sim.state import State
from tabletop.sim.world import Snapshot, World

__all__ = ["DISCOVERY_HORIZON", "OBSERVATIONS", "EnvSnapshot", "TabletopEnv"]

OBSERVATIONS: Final = (*OBSERVED, "pixels")
DISCOVERY_HORIZON: Final = 60
"""Control steps of 0.1 s that an episode without a task lasts."""
_OPTIONS: Final = ("scene", "card", "goal")


@dataclass(frozen=True)
class EnvSnapshot:
    """A moment of an environment, as `TabletopEnv.save` keeps it."""

    world: Snapshot
    """The scene, what was done in it, and the world's settings."""
    task: Task | None
    number: float | None
    """What the reset asked for, where it was a number: fraction, rad or m."""
    generator: np.random.Generator
    """That the coming scenes are drawn by."""
    seed: int | None
    """That the generator was made of."""


class TabletopEnv(gymnasium.Env[Any, npt.NDArray[np.float32]]):
    """A task to learn, on freshly drawn scenes; docs/environments.md has examples.

    Actions are five numbers in [-1, 1]: dx, dy, dz of the gripper (times 0.4 m/s), its turn (times 2.5 rad/s),
    the fingers (-1 closed to 1 open); `control` has others. An episode terminates only with `terminate_on_success`:
    what is done can come undone. It is never truncated here: `gymnasium.make` puts a `TimeLimit` around, of the task's
    horizon or of its own argument `max_episode_steps`. `info` has "is_success" and "success", whether the task is done
    now, and at a reset "horizon". With observation "goal" there is also `compute_reward(achieved, desired, infos)`,
    batched.

    >>> env = TabletopEnv("push", observation="goal")
    >>> observation, info = env.reset(seed=0, options={"goal": [0.5, -0.2]})
    >>> observation["desired_goal"][:2].tolist()
    [0.5, -0.20000000298023224]
    >>> env.close()
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array"], "render_fps": 10}  # type: ignore[misc]

    def __init__(
        self,
        task: str | Task | None = None,
        *,
        observation: str = "state",
        reward: str = "dense",
        scenes: tuple[int, int] = ALL_SCENES,
        size: tuple[int, int] = (84, 84),
        render_mode: str | None = None,
        render_size: tuple[int, int] = (480, 360),
        terminate_on_success: bool = False,
        control_frequency: float = 10,
        control: Control = "cartesian",
        robot: str | None = None,
        card: Mapping[str, Any] | str | os.PathLike[str] | None = None,
        cameras: CameraChoice = ("scene",),
        modalities: Sequence[str] = ("rgb",),
        nodes: int = 0,
    ) -> None:
        """Prepare a world.

        Args:
            task: a task or its name; without one there is no reward (it is 0) and no success in `info`.
            observation: "state": float32 (state_width(nodes),), see observe.py; "goal": a dict of observation,
                achieved_goal and desired_goal, for tasks that bring a thing or the gripper to a mark, or a joint, a
                height or a turn to a number (see goals.py); "pixels": what `cameras` see, see views.py.
            reward: "dense": how nearly the task is done, in (-1, 1); "sparse": 0 where done, -1 elsewhere.
            scenes: numbers (from, to) that scenes are drawn by: what a suite such as ML1-train bounds.
            size: width and height of "pixels".
            render_mode: None or "rgb_array".
            render_size: width and height of what `render` returns.
            terminate_on_success: whether an episode ends at the first step at which the task is done.
            control_frequency: Hz, a divisor of the physics rate of 120 Hz. The gripper keeps its speed per second.
            control: what an action is. "cartesian": dx, dy, dz, dyaw, grip. "pose": dx, dy, dz, a rotation vector
                about the world's axes, grip; the gripper may lean by 60 deg. "joint": a change of each joint, grip.
            robot: name of a card in assets/robots, for scenes that are drawn. None: the one in use (`use_robot`).
            card: scene card to draw scenes from, instead of the task's own or "discovery". A mapping, the name of a
                card that ships, or the path of a YAML file. It must have the entities that the task is about.
            cameras: "scene", "wrist", "top", a camera of the scene card, or several of them; or a mapping from names to
                these, to a Camera, or to a SceneCamera or its fields. "pixels" shows all of them, `render` the first.
            modalities: of "pixels": "rgb", "depth", "segmentation", "intrinsics", "extrinsics". One camera with one
                modality gives an array; more give a dict of arrays with keys "camera/modality".
            nodes: of ropes and cloths, that each slot of "state" shows behind the other numbers; see observe.py.

        Raises:
            TabletopError: an unknown name, a value out of range, "goal" for a task without one, or a card without
                an entity that the task is about.
        """
        if observation not in OBSERVATIONS:
            raise unknown("observation", observation, OBSERVATIONS)
        if render_mode is not None and render_mode not in self.metadata["render_modes"]:
            raise unknown("render mode", render_mode, self.metadata["render_modes"])
        self._scenes, self._render_size = read_scenes(scenes), read_size(render_size, "render_size")
        check_flag(terminate_on_success, "terminate_on_success")
        robot = robot_in_use() if robot is None else robot
        load_robot_card(robot)
        if control not in CONTROLS:
            raise unknown("control", control, CONTROLS)
        self._settings = SimSettings(control=control).at(control_frequency)
        self._action_size = action_size(control, robot)
        self.task = find_task(task)
        if card is not None and self.task is not None:
            self.task = on_card(self.task, find_scene_card(card))
        if terminate_on_success and self.task is None:
            raise TabletopError("terminate_on_success needs a task, got none")
        self.render_mode = render_mode
        self.metadata = {**self.metadata, "render_fps": control_frequency}  # type: ignore[misc]
        self._reward = check_reward(reward)
        self._observation, self._terminates, self._robot = observation, terminate_on_success, robot
        self._card = self.task.scene if self.task else find_scene_card("discovery" if card is None else card)
        steps = self.task.horizon if self.task else DISCOVERY_HORIZON
        self.horizon = math.ceil(steps * SimSettings().substeps / self._settings.substeps)
        """Control steps, at this control frequency, in which the task is to be done."""
        self._size, self._nodes = read_size(size, "size"), nodes
        self._views = Views(cameras, modalities, self._size, camera_names(self._card))
        pixels = observation == "pixels"
        if not pixels and tuple(modalities) != ("rgb",):
            raise TabletopError(f'modalities go with observation "pixels", got {modalities!r} and {observation!r}')
        if pixels and nodes:
            raise TabletopError(f'nodes go with observation "state" or "goal", got {nodes!r} and "pixels"')
        self._observer = None if pixels else TaskObserver(self.task, observation, reward=reward, nodes=nodes)
        self._goal = self._own_goal = self._observer.goal if self._observer else None
        if self._goal is not None:
            # Not a method: an environment that has one is taken for a goal environment.
            self.compute_reward = self._compute_reward
        self.action_space = spaces.Box(-1.0, 1.0, (self._action_size,), np.float32)
        self.observation_space: spaces.Space[Any] = self._observer.space if self._observer else self._views.space
        self._world: World | None = None
        self._ask(None)

    @property
    def world(self) -> World:
        """The simulated world, connected on first use."""
        if self._world is None:
            self._world = World(settings=self._settings)
        return self._world

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Draw a scene and begin an episode.

        Args:
            seed: of this episode's scene and of those after it. The scene has the seed for its number, where that is
                one of `scenes`: it is the scene of `generate(card, seed)`.
            options: for this episode only. "scene": a Scene to run in. "card": a scene card to draw from, as in
                `__init__`. "goal": what is to be reached, for tasks that have a goal, in any observation. It is a
                place for the mark (`move_mark` in desired.py) or a number (`ask_number`). The scene, the reward,
                the success and desired_goal follow it.

        Raises:
            TabletopError: another option, a scene that lacks what the task is about, or a goal that cannot be reached.
        """
        super().reset(seed=seed)
        given = read_options(options)
        for name in given:
            if name not in _OPTIONS:
                raise unknown("option of reset", name, _OPTIONS)
        scene, number = self._scene(given, seed), None
        if "goal" in given:
            scene, number = self._with_goal(scene, given["goal"])
        self._ask(number)
        self.world.load(scene)
        return self._begin()

    def _begin(self) -> tuple[Any, dict[str, Any]]:
        """Return the observation and the info of a reset."""
        state = self.state
        info = {"horizon": self.horizon, **self._reward_and_info(state)[1]}
        if self._observation == "pixels" and self._views.is_segmented:
            info["segmentation_ids"] = self.segmentation_ids
        return self._observe(state), info

    def _ask(self, number: float | None) -> None:
        """Set what counts as done: what the task says, or a number in place of the task's own."""
        self._number, self._goal = number, self._own_goal
        self._success = self.task.success if self.task else None
        if number is None or self.task is None:
            return
        goal = make_goal(self.task, self._reward)
        if isinstance(goal, NumberGoal):
            goal = goal.asking(number)
            self._success = goal.formula
            if self._goal is not None:
                self._goal = goal

    def _scene(self, options: Mapping[str, Any], seed: int | None) -> Scene:
        """Return the scene to run in: the one that is given, or one that is drawn."""
        if "scene" in options and "card" in options:
            raise TabletopError("options of reset take scene or card, got both")
        # Drawn in any case, so that the scenes after this episode do not depend on its options.
        number = int(self.np_random.integers(*self._scenes))
        if seed is not None and self._scenes[0] <= seed < self._scenes[1]:
            number = seed
        scene = options.get("scene")
        if scene is None:
            card = find_scene_card(options["card"]) if "card" in options else self._card
            scene = draw(card, number, self._scenes, self._robot)
        if not isinstance(scene, Scene):
            raise TabletopError(f"option scene must be a Scene, got {type(scene).__name__}")
        self._check_fits(scene, "option scene")
        for name in self.task.success.names if self.task else ():
            scene.entity(name)
        return scene

    def _check_fits(self, scene: Scene, what: str) -> None:
        """Check that this environment's actions move a scene's robot, and that its cameras are there."""
        size = action_size(self._settings.control, scene.robot.name)
        if size != self._action_size:
            raise TabletopError(
                f"{what}: robot {scene.robot.name!r} takes actions of {size} numbers, this environment's "
                f"{self._robot!r} of {self._action_size}"
            )
        if self._observation == "pixels" or self.render_mode is not None:
            self._views.check([camera.name for camera in scene.cameras])

    def _with_goal(self, scene: Scene, asked: Any) -> tuple[Scene, float | None]:
        """Return the scene with a goal in it, or as it is and the number that is asked for."""
        if self.task is None:
            raise TabletopError("option goal needs a task, got none")
        goal = make_goal(self.task, self._reward)
        if isinstance(goal, GoalReward):
            return move_mark(self.task, goal, asked, scene), None
        return scene, ask_number(self.task, goal, asked, scene).number

    def step(self, action: npt.NDArray[np.float32]) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Run one control step.

        Raises:
            TabletopError: the action is not so many finite numbers.
        """
        state = self.world.step(as_action(action, self._action_size).tolist())
        observation = self._observe(state)
        reward, info = self._reward_and_info(state)
        if self._goal is not None:
            goals = observation["achieved_goal"], observation["desired_goal"]
            reward = float(self._compute_reward(*goals, info))
        ends = self._terminates and info["is_success"]
        return observation, reward, ends, False, info

    def _compute_reward(
        self, achieved_goal: npt.ArrayLike, desired_goal: npt.ArrayLike, info: object
    ) -> npt.NDArray[np.float64]:
        """Return the rewards (...,) of goals (..., width); `info` is not needed."""
        if self._goal is None:
            raise TabletopError(f'there are no goals with observation {self._observation!r}; take "goal"')
        return self._goal(achieved_goal, desired_goal)

    @property
    def state(self) -> State:
        """The world's state now, unrounded.

        Raises:
            TabletopError: there was no reset yet, or none since it was closed.
        """
        return self._begun().state()

    def _begun(self) -> World:
        if self._world is None or self._world.scene is None:
            raise TabletopError("no episode has begun; call reset first")
        return self._world

    @property
    def segmentation_ids(self) -> dict[str, int]:
        """The number in this episode's segmentations of each entity, "table", "robot" and "background"."""
        return segmentation_ids(self.state.layout.names)

    @property
    def segmentation_labels(self) -> dict[int, str]:
        """The table of this episode's segmentations: the name of each number."""
        return segmentation_labels(self.state.layout.names)

    @property
    def state_names(self) -> tuple[str, ...]:
        """The name of each number of observation "state", which is also the part "observation" of "goal"."""
        return state_names(self._nodes)

    @property
    def slots(self) -> tuple[str | None, ...]:
        """Which entity this episode's "entity0", "entity1" ... are in `state_names`; None: an empty slot."""
        goal = self._observer.goal if self._observer else None
        return slots_of(self.task, self.state.layout, goal.mark if goal else None)

    def camera_parameters(self, name: str = "scene", size: tuple[int, int] | None = None) -> CameraParameters:
        """Return intrinsics and extrinsics of a camera as it is now.

        Args:
            name: one of the environment's own cameras, or any that `World.camera` takes.
            size: width and height of the pictures; by default those of "pixels".

        Raises:
            TabletopError: no such camera, a size out of range, or there was no reset yet.

        >>> env = TabletopEnv("push", cameras=("wrist",))
        >>> _ = env.reset(seed=0)
        >>> depth = env.world.render(84, 84, "wrist").depth
        >>> env.camera_parameters("wrist").points(depth).shape
        (84, 84, 3)
        >>> env.close()
        """
        width, height = self._size if size is None else read_size(size, "size")
        return camera_parameters(self._views.camera(self._begun(), name), width, height)

    def _observe(self, state: State) -> Any:
        if self._observer is None:
            return self._views(self.world)
        # Told each time: whoever has the world may have restored another moment, of another scene, in it.
        self._observer.goal = self._goal
        self._observer.begin(self.world.initial)
        return self._observer(state)

    def _reward_and_info(self, state: State) -> tuple[float, dict[str, Any]]:
        if self._success is None:
            return 0.0, {}
        # With goals the reward comes from them, and only the success is used.
        asked = "sparse" if self._goal else self._reward
        reward, done = reward_and_success(asked, self._success, state, self.world.initial)
        return reward, {"is_success": done, "success": done}

    def __copy__(self) -> TabletopEnv:
        """Copy with a world of its own: two environments of one world would move each other's things."""
        return deepcopy(self)

    def save(self) -> EnvSnapshot:
        """Keep the present moment, for this environment or another one of the same task and control frequency.

        Wrappers around it, such as `TimeLimit`, keep counts of their own, which are no part of it; `copy.deepcopy`
        copies all of them.

        Raises:
            TabletopError: there was no reset yet.
        """
        world, generator = self.world.save(), deepcopy(self.np_random)
        return EnvSnapshot(world, self.task, self._number, generator, self._np_random_seed)

    def restore(self, snapshot: EnvSnapshot) -> tuple[Any, dict[str, Any]]:
        """Go to a kept moment, and return its observation and what a reset's `info` has.

        The same actions then give the same observations, rewards and ends bit for bit, and the coming resets draw the
        same scenes. What led to the moment is run again, which takes as long as it took.

        Args:
            snapshot: what `save` returned.

        Raises:
            TabletopError: it is none, or it is of another task, of a world with other settings, of a robot that takes
                other actions, or of a scene without this environment's cameras.
        """
        if not isinstance(snapshot, EnvSnapshot):
            raise TabletopError(f"a snapshot must be an EnvSnapshot, as save returns, got {type(snapshot).__name__}")
        if snapshot.task != self.task:
            theirs, own = (repr(task.name) if task else "none" for task in (snapshot.task, self.task))
            raise TabletopError(f"the snapshot must be of the environment's own task, {own}, got task {theirs}")
        if snapshot.world.settings == self._settings:  # Others are refused there.
            self._check_fits(snapshot.world.scene, "the snapshot")
        self.world.restore(snapshot.world)
        self.np_random, self._np_random_seed = deepcopy(snapshot.generator), snapshot.seed
        self._ask(snapshot.number)
        return self._begin()

    def render(self) -> npt.NDArray[np.uint8] | None:
        """Return a picture (height, width, 3) of the first camera, or None without a render mode."""
        if self.render_mode is None:
            return None
        return self._views.picture(self.world, *self._render_size)

    def close(self) -> None:
        """Free the world."""
        if self._world is not None:
            self._world.close()
            self._world = None
