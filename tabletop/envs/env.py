"""The gymnasium environment: one task, or none, in one world."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Final

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from tabletop.config import SimSettings
from tabletop.envs.desired import ask_number, move_mark
from tabletop.envs.goals import make_goal
from tabletop.envs.reward import GoalReward, check_reward, reward_and_success
from tabletop.envs.task_observer import OBSERVED, TaskObserver, find_task
from tabletop.envs.views import CameraChoice, Views
from tabletop.errors import TabletopError, unknown
from tabletop.logic.suite import ALL_SCENES
from tabletop.logic.task import Task
from tabletop.sim.action import ACTION_SIZE, as_action
from tabletop.sim.camera import segmentation_ids
from tabletop.sim.generate import generate
from tabletop.sim.robot import load_robot_card
from tabletop.sim.scene import Scene
from tabletop.sim.scene_cards import find_scene_card
from tabletop.sim.state import State
from tabletop.sim.world import World

__all__ = ["OBSERVATIONS", "TabletopEnv"]

OBSERVATIONS: Final = (*OBSERVED, "pixels")
_DISCOVERY_HORIZON = 60
_OPTIONS: Final = ("scene", "card", "goal")
_DRAWS: Final = 20
"""Scenes that are tried at a reset, where a card asks for more things than there is room for."""


class TabletopEnv(gymnasium.Env[Any, npt.NDArray[np.float32]]):
    """A task to learn, on freshly drawn scenes; docs/environments.md has examples.

    Actions are five numbers in [-1, 1]: dx, dy, dz of the gripper (times 0.4 m/s), its turn (times 2.5 rad/s),
    the fingers (-1 closed to 1 open). An episode is truncated at the task's horizon. It terminates only with
    `terminate_on_success`: what is done can come undone. `info` has "is_success" and "success", whether the task is
    done now. With observation "goal" there is also `compute_reward(achieved, desired, infos)`, batched.

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
        horizon: int | None = None,
        scenes: tuple[int, int] = ALL_SCENES,
        size: tuple[int, int] = (84, 84),
        render_mode: str | None = None,
        render_size: tuple[int, int] = (480, 360),
        terminate_on_success: bool = False,
        control_frequency: float = 10,
        robot: str = "panda",
        card: Mapping[str, Any] | str | os.PathLike[str] | None = None,
        cameras: CameraChoice = ("scene",),
        modalities: Sequence[str] = ("rgb",),
    ) -> None:
        """Prepare a world.

        Args:
            task: a task or its name; without one there is no reward (it is 0) and no success in `info`.
            observation: "state": float32 (STATE_WIDTH,), see observe.py; "goal": a dict of observation,
                achieved_goal and desired_goal, for tasks that bring a thing or the gripper to a mark, or a joint, a
                height or a turn to a number (see goals.py); "pixels": what `cameras` see, see views.py.
            reward: "dense": how nearly the task is done, in (-1, 1); "sparse": 0 where done, -1 elsewhere.
            horizon: control steps before truncation. By default it lasts as many seconds as the task's own.
            scenes: numbers (from, to) that scenes are drawn by: what a suite such as ML1-train bounds.
            size: width and height of "pixels".
            render_mode: None or "rgb_array".
            render_size: width and height of what `render` returns.
            terminate_on_success: whether an episode ends at the first step at which the task is done.
            control_frequency: Hz, a divisor of the physics rate of 120 Hz. The gripper keeps its speed per second.
            robot: name of a card in assets/robots, for scenes that are drawn.
            card: scene card to draw scenes from, instead of the task's own or "discovery". A mapping, the name of a
                card that ships, or the path of a YAML file. It must have the entities that the task is about.
            cameras: "scene", "wrist" or "top", several of them, or a mapping from names to these or to a Camera.
                "pixels" shows all of them, `render` the first.
            modalities: of "pixels": "rgb", "depth", "segmentation". One camera with one modality gives an array;
                more give a dict of arrays with keys "camera/modality".

        Raises:
            TabletopError: an unknown name, a value out of range, "goal" for a task without one, or a card without
                an entity that the task is about.
        """
        if observation not in OBSERVATIONS:
            raise unknown("observation", observation, OBSERVATIONS)
        if render_mode is not None and render_mode not in self.metadata["render_modes"]:
            raise unknown("render mode", render_mode, self.metadata["render_modes"])
        for what, (width, height) in (("size", size), ("render_size", render_size)):
            if not (1 <= width <= 4096 and 1 <= height <= 4096):
                raise TabletopError(f"{what} must be a width and height of 1 to 4096, got {width}x{height}")
        if horizon is not None and horizon < 1:
            raise TabletopError(f"horizon must be at least 1 control step, got {horizon}")
        if not ALL_SCENES[0] <= scenes[0] < scenes[1] <= ALL_SCENES[1]:
            raise TabletopError(f"scenes must be (from, to) with 0 <= from < to <= 2^31, got {scenes}")
        load_robot_card(robot)
        self._settings = SimSettings().at(control_frequency)
        self._views = Views(cameras, modalities, size)
        if observation != "pixels" and tuple(modalities) != ("rgb",):
            raise TabletopError(f'modalities go with observation "pixels", got {modalities!r} and {observation!r}')
        self.task = find_task(task)
        if card is not None and self.task is not None:
            self.task = _on_card(self.task, find_scene_card(card))
        if terminate_on_success and self.task is None:
            raise TabletopError("terminate_on_success needs a task, got none")
        self.render_mode = render_mode
        self.metadata = {**self.metadata, "render_fps": control_frequency}  # type: ignore[misc]
        self._reward = check_reward(reward)
        self._observation, self._terminates, self._robot = observation, terminate_on_success, robot
        self._scenes, self._render_size = scenes, render_size
        self._card = self.task.scene if self.task else find_scene_card("discovery" if card is None else card)
        steps = self.task.horizon if self.task else _DISCOVERY_HORIZON
        self.horizon = horizon or math.ceil(steps * SimSettings().substeps / self._settings.substeps)
        self._observer = None if observation == "pixels" else TaskObserver(self.task, observation, reward=reward)
        self._goal = self._own_goal = self._observer.goal if self._observer else None
        if self._goal is not None:
            # Not a method: an environment that has one is taken for a goal environment.
            self.compute_reward = self._compute_reward
        self.action_space = spaces.Box(-1.0, 1.0, (ACTION_SIZE,), np.float32)
        self.observation_space: spaces.Space[Any] = self._observer.space if self._observer else self._views.space
        self._world: World | None = None
        self._steps = 0

    @property
    def world(self) -> World:
        """The simulated world, connected on first use."""
        if self._world is None:
            self._world = World(settings=self._settings)
        return self._world

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Draw a scene and begin an episode.

        Args:
            seed: of this episode's scene and of those after it.
            options: for this episode only. "scene": a Scene to run in. "card": a scene card to draw from, as in
                `__init__`. "goal": what is to be reached, for tasks that have a goal, in any observation. It is a
                place for the mark (`move_mark` in desired.py) or a number (`ask_number`). The scene, the reward,
                the success and desired_goal follow it.

        Raises:
            TabletopError: another option, a scene that lacks what the task is about, or a goal that cannot be reached.
        """
        super().reset(seed=seed)
        given = dict(options or {})
        for name in given:
            if name not in _OPTIONS:
                raise unknown("option of reset", name, _OPTIONS)
        scene = self._scene(given)
        self._success = self.task.success if self.task else None
        self._goal = self._own_goal
        if "goal" in given:
            scene = self._with_goal(scene, given["goal"])
        self._state = self._initial = self.world.load(scene)
        self._steps = 0
        if self._observer is not None:
            self._observer.goal = self._goal
            self._observer.begin(self._state)
        info = self._reward_and_info()[1]
        if self._observation == "pixels" and self._views.is_segmented:
            info["segmentation_ids"] = self.segmentation_ids
        return self._observe(), info

    def _scene(self, options: Mapping[str, Any]) -> Scene:
        """Return the scene to run in: the one that is given, or one that is drawn."""
        if "scene" in options and "card" in options:
            raise TabletopError("options of reset take scene or card, got both")
        # Drawn in any case, so that the scenes after this episode do not depend on its options.
        number = int(self.np_random.integers(*self._scenes))
        scene = options.get("scene")
        if scene is None:
            scene = self._drawn(find_scene_card(options["card"]) if "card" in options else self._card, number)
        if not isinstance(scene, Scene):
            raise TabletopError(f"option scene must be a Scene, got {type(scene).__name__}")
        for name in self.task.success.names if self.task else ():
            scene.entity(name)
        return scene

    def _drawn(self, card: Mapping[str, Any], number: int) -> Scene:
        """Return a scene from a card; where a full one finds no room for its things, another one."""
        tries = np.random.default_rng(number)
        for left in reversed(range(_DRAWS)):
            try:
                scene = generate(card, number)
                break
            except TabletopError:
                if not left:
                    raise
                number = int(tries.integers(*self._scenes))
        return replace(scene, robot=replace(scene.robot, name=self._robot))

    def _with_goal(self, scene: Scene, asked: Any) -> Scene:
        """Return the scene with a goal in it; or set what counts as done, where the goal is a number."""
        if self.task is None:
            raise TabletopError("option goal needs a task, got none")
        goal = make_goal(self.task, self._reward)
        if isinstance(goal, GoalReward):
            return move_mark(self.task, goal, asked, scene)
        number = ask_number(self.task, goal, asked, scene)
        self._success = number.formula
        if self._goal is not None:
            self._goal = number
        return scene

    def step(self, action: npt.NDArray[np.float32]) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Run one control step.

        Raises:
            TabletopError: the action is not five finite numbers.
        """
        self._state = self.world.step(as_action(action).tolist())
        self._steps += 1
        observation = self._observe()
        reward, info = self._reward_and_info()
        if self._goal is not None:
            goals = observation["achieved_goal"], observation["desired_goal"]
            reward = float(self._compute_reward(*goals, info))
        ends = self._terminates and info["is_success"]
        return observation, reward, ends, self._steps >= self.horizon, info

    def _compute_reward(
        self, achieved_goal: npt.ArrayLike, desired_goal: npt.ArrayLike, info: object
    ) -> npt.NDArray[np.float64]:
        """Return the rewards (...,) of goals (..., width); `info` is not needed."""
        if self._goal is None:
            raise TabletopError(f'there are no goals with observation {self._observation!r}; take "goal"')
        return self._goal(achieved_goal, desired_goal)

    @property
    def state(self) -> State:
        """The world's state now, unrounded."""
        return self._state

    @property
    def segmentation_ids(self) -> dict[str, int]:
        """The number in this episode's segmentations of each entity, "table", "robot" and "background"."""
        return segmentation_ids(self._state.layout.names)

    def _observe(self) -> Any:
        return self._views(self.world) if self._observer is None else self._observer(self._state)

    def _reward_and_info(self) -> tuple[float, dict[str, Any]]:
        if self._success is None:
            return 0.0, {}
        # With goals the reward comes from them, and only the success is used.
        asked = "sparse" if self._goal else self._reward
        reward, done = reward_and_success(asked, self._success, self._state, self._initial)
        return reward, {"is_success": done, "success": done}

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


def _on_card(task: Task, card: Mapping[str, Any]) -> Task:
    """Return the task on another scene card's scenes.

    Raises:
        TabletopError: the card lacks what the task is about.
    """
    names = [str(n) for n in card.get("entities", {})]
    for name in (*task.success.names, task.attends):
        if name not in names:
            raise TabletopError(
                f"a scene card for task {task.name!r} needs the entity {name!r}; it has: {', '.join(names) or 'none'}"
            )
    return replace(task, scene=card)
