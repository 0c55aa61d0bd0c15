"""The gymnasium environment: one task, or none, in one world."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from tabletop.envs.reward import check_reward, judge
from tabletop.envs.task_observer import OBSERVED, TaskObserver, find_task
from tabletop.errors import TabletopError, unknown
from tabletop.logic.suite import ALL_SCENES
from tabletop.logic.task import Task
from tabletop.sim.action import ACTION_SIZE, as_action
from tabletop.sim.generate import generate, load_scene_card
from tabletop.sim.scene import Scene
from tabletop.sim.state import State
from tabletop.sim.world import World

__all__ = ["OBSERVATIONS", "TabletopEnv"]

OBSERVATIONS: Final = (*OBSERVED, "pixels")
_DISCOVERY_HORIZON = 60


class TabletopEnv(gymnasium.Env[Any, npt.NDArray[np.float32]]):
    """A task to learn, on freshly drawn scenes.

    Actions are five numbers in [-1, 1]: dx, dy, dz of the gripper (times 4 cm), its turn (times 0.25 rad),
    the fingers (-1 closed to 1 open). An episode is truncated at the task's horizon and never terminates:
    what is done can come undone. `info` has "is_success" and "success", whether the task is done now.
    With observation "goal" there is also `compute_reward(achieved, desired, infos)`, batched.
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
    ) -> None:
        """Prepare a world.

        Args:
            task: a task or its name; without one there is no reward (it is 0) and no success in `info`.
            observation: "state": float32 (STATE_WIDTH,), see observe.py; "goal": a dict of observation,
                achieved_goal and desired_goal, for tasks that bring a thing or the gripper to a mark, or a joint, a
                height or a turn to a number (see goals.py); "pixels": uint8 (height, width, 3).
            reward: "dense": how nearly the task is done, in (-1, 1); "sparse": 0 where done, -1 elsewhere.
            horizon: control steps of 0.1 s before truncation; the task's own by default.
            scenes: numbers (from, to) that scenes are drawn by: what a suite such as ML1-train bounds.
            size: width and height of "pixels".
            render_mode: None or "rgb_array".
            render_size: width and height of what `render` returns.

        Raises:
            TabletopError: an unknown task, observation, reward or render mode; "goal" where there is none.
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
        self.task = find_task(task)
        self.render_mode = render_mode
        self._kind = check_reward(reward)
        self._observation = observation
        self._scenes, self._size, self._render_size = scenes, size, render_size
        self._card: Mapping[str, Any] = self.task.scene if self.task else load_scene_card("discovery")
        self.horizon = horizon or (self.task.horizon if self.task else _DISCOVERY_HORIZON)
        self._observer = None if observation == "pixels" else TaskObserver(self.task, observation, reward=reward)
        self._goal = self._observer.goal if self._observer else None
        if self._goal is not None:
            # Not a method: an environment that has one is taken for a goal environment.
            self.compute_reward = self._compute_reward
        self.action_space = spaces.Box(-1.0, 1.0, (ACTION_SIZE,), np.float32)
        self.observation_space = self._space()
        self._world: World | None = None
        self._steps = 0

    def _space(self) -> spaces.Space[Any]:
        if self._observer is not None:
            return self._observer.space
        width, height = self._size
        return spaces.Box(0, 255, (height, width, 3), np.uint8)

    @property
    def world(self) -> World:
        """The simulated world, connected on first use."""
        if self._world is None:
            self._world = World()
        return self._world

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Draw a scene and begin an episode.

        Args:
            seed: of this episode's scene and of those after it.
            options: {"scene": Scene} runs in that scene instead.

        Raises:
            TabletopError: another option, or a scene that lacks what the task is about.
        """
        super().reset(seed=seed)
        given = dict(options or {})
        number = int(self.np_random.integers(*self._scenes))
        scene = given.pop("scene", None)
        if given:
            raise unknown("option of reset", next(iter(given)), ["scene"])
        if scene is None:
            scene = generate(self._card, number)
        if not isinstance(scene, Scene):
            raise TabletopError(f"option scene must be a Scene, got {type(scene).__name__}")
        needed = self.task.success.names if self.task else ()
        for name in needed:
            scene.entity(name)
        self._state = self._initial = self.world.load(scene)
        self._steps = 0
        if self._observer is not None:
            self._observer.begin(self._state)
        return self._observe(), self._judge()[1]

    def step(self, action: npt.NDArray[np.float32]) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Run one control step of 0.1 s.

        Raises:
            TabletopError: the action is not five finite numbers.
        """
        self._state = self.world.step(as_action(action).tolist())
        self._steps += 1
        observation = self._observe()
        reward, info = self._judge()
        if self._goal is not None:
            goals = observation["achieved_goal"], observation["desired_goal"]
            reward = float(self._compute_reward(*goals, info))
        return observation, reward, False, self._steps >= self.horizon, info

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

    def _observe(self) -> Any:
        if self._observer is not None:
            return self._observer(self._state)
        return self.world.render(*self._size).rgb

    def _judge(self) -> tuple[float, dict[str, Any]]:
        if self.task is None:
            return 0.0, {}
        # With goals the reward comes from them, and only the success is used.
        kind = "sparse" if self._goal else self._kind
        reward, done = judge(kind, self.task.success, self._state, self._initial)
        return reward, {"is_success": done, "success": done}

    def render(self) -> npt.NDArray[np.uint8] | None:
        """Return a picture (height, width, 3), or None without a render mode."""
        if self.render_mode is None:
            return None
        return self.world.render(*self._render_size).rgb

    def close(self) -> None:
        """Free the world."""
        if self._world is not None:
            self._world.close()
            self._world = None
