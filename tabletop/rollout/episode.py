"""The one function that runs the robot: an episode as a pure function of policy, scene and seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from tabletop.errors import TabletopError
from tabletop.rollout.policy import Action, Policy
from tabletop.seeds import episode_rngs
from tabletop.sim.action import as_action
from tabletop.sim.scene import Camera, Scene
from tabletop.sim.state import Layout, State
from tabletop.sim.world import World

__all__ = ["Disturbance", "Frames", "Hooks", "Trajectory", "episode", "process_world"]


@dataclass
class Hooks:
    """What a disturbance may touch in one episode. Each may keep state between its calls."""

    observe: Callable[[State], State] | None = None
    """The state as the policy sees it."""
    act: Callable[[Action], Action] | None = None
    """The action as the robot gets it."""
    world: Callable[[World, int], None] | None = None
    """The world before the control step of that number."""


class Disturbance(Protocol):
    """Something done to an episode from outside. A picklable value; all randomness comes from the rng."""

    def scene(self, scene: Scene) -> Scene:
        """Return the scene to run instead."""

    def hooks(self, scene: Scene, horizon: int, rng: np.random.Generator) -> Hooks:
        """Return fresh hooks for one episode.

        Args:
            scene: the one that is run, as `scene` returned it.
            horizon: control steps that the episode may take.
            rng: all of the disturbance's randomness.
        """


@dataclass(frozen=True)
class Frames:
    """Pictures to take along an episode."""

    width: int = 240
    height: int = 180
    every: int = 1
    """Control steps from one picture to the next."""
    camera: Camera | str | None = None
    """Where from, such as `framing(scene)`, or a name that `World.camera` takes; the scene's own camera without."""


@dataclass(frozen=True)
class Trajectory:
    """What happened in one episode."""

    layout: Layout
    states: npt.NDArray[np.float64]
    """(T + 1, layout.width): true states, undisturbed by observation noise."""
    actions: npt.NDArray[np.float32]
    """(T, 5): as the policy gave them."""
    scene: Scene
    seed: int
    finished: bool
    """Whether the policy ended the episode itself."""
    log: tuple[Mapping[str, Any], ...] = ()
    """What the policy noted (its attribute `log`, where it has one)."""
    frames: tuple[npt.NDArray[np.uint8], ...] = field(default=(), repr=False)
    """(height, width, 3) pictures."""

    @property
    def state(self) -> State:
        """All states, batch shape (T + 1,)."""
        return State(self.layout, self.states)

    @property
    def initial(self) -> State:
        """The first state, no batch shape."""
        return State(self.layout, self.states[0])

    @property
    def final(self) -> State:
        """The last state, no batch shape."""
        return State(self.layout, self.states[-1])

    def __len__(self) -> int:
        """Number of control steps."""
        return len(self.actions)


_WORLD: dict[str, World] = {}


def process_world() -> World:
    """Return this process's own world, kept from episode to episode."""
    if "world" not in _WORLD:
        _WORLD["world"] = World()
    return _WORLD["world"]


def episode(
    policy: Policy,
    scene: Scene,
    seed: int,
    horizon: int,
    *,
    disturbance: Disturbance | None = None,
    frames: Frames | None = None,
    world: World | None = None,
) -> Trajectory:
    """Run one episode. The same arguments give the same trajectory, bit for bit, on the same machine.

    Args:
        policy: drives the robot; it is reset first.
        scene: where.
        seed: of the policy's and the disturbance's randomness.
        horizon: control steps at most.
        disturbance: done to the scene, the observation, the action or the world.
        frames: pictures to take.
        world: the world to use; this process's own by default.

    Raises:
        TabletopError: horizon below 1, or the policy gave an action that is not 5 finite numbers.
    """
    if horizon < 1:
        raise TabletopError(f"horizon must be at least 1 control step, got {horizon}")
    world = world or process_world()
    policy_rng, disturbance_rng = episode_rngs(seed)
    if disturbance is not None:
        scene = disturbance.scene(scene)
    hooks = disturbance.hooks(scene, horizon, disturbance_rng) if disturbance is not None else Hooks()
    state = world.load(scene)
    seen = hooks.observe(state) if hooks.observe else state
    policy.reset(seen, scene, policy_rng)
    states, actions = [state.values], []
    pictures = [_picture(world, frames)] if frames else []
    finished = False
    for t in range(horizon):
        action = policy.act(seen)
        if action is None:
            finished = True
            break
        given = as_action(action)
        actions.append(given)
        sent = hooks.act(given) if hooks.act else given
        if hooks.world:
            hooks.world(world, t)
        state = world.step(sent.tolist())
        seen = hooks.observe(state) if hooks.observe else state
        states.append(state.values)
        if frames and (t + 1) % frames.every == 0:
            pictures.append(_picture(world, frames))
    return Trajectory(
        world.layout,
        np.stack(states),
        np.stack(actions) if actions else np.zeros((0, 5), np.float32),
        scene,
        seed,
        finished,
        tuple(getattr(policy, "log", ())),
        tuple(pictures),
    )


def _picture(world: World, frames: Frames) -> npt.NDArray[np.uint8]:
    return world.render(frames.width, frames.height, frames.camera).rgb
