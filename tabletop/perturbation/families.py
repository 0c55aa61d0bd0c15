"""The families of perturbations, one function each.

With one seed a family draws the same moments, directions and noise at every magnitude, so that a
curve over magnitudes compares like with like. The largest magnitudes are those at which the scripted
policies of lift, pick-place, drawer-open and push keep about half of their success together.

A family that cannot act on a kind of thing says why (perturbation/limits.py), so that nobody takes that for robustness.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tabletop.perturbation.limits import falling, steady, still
from tabletop.perturbation.noise import blurred
from tabletop.perturbation.registry import Case, on_episode, on_scene
from tabletop.rollout.episode import Hooks
from tabletop.rollout.policy import ACTION_SIZE, Action
from tabletop.sim.cards import load_cards
from tabletop.sim.joints import handle_way
from tabletop.sim.robot_card import load_robot_card
from tabletop.sim.scene import Scene
from tabletop.sim.state import State
from tabletop.sim.world import World

__all__: list[str] = []

_PUSH_TIME: Final = 0.3
_GRAVITY: Final = 9.81
_END: Final = 0.02
"""Fraction from either end of a joint within which it is at that end."""


@on_episode(
    unit="N",
    magnitudes=(0, 150, 300, 450, 600),
    description="Somebody pushes the gripper sideways for 0.3 s.",
    sudden=True,
)
def push_arm(magnitude: float, case: Case) -> Hooks:
    """Push the gripper once, in a random horizontal direction."""
    moment, (x, y) = case.moment(), case.heading()

    def world(world: World, step: int) -> None:
        if step == moment:
            steps = round(_PUSH_TIME / world.settings.physics_step)
            world.push("gripper", (magnitude * x, magnitude * y, 0.0), steps)

    return Hooks(world=world)


@on_episode(
    unit="m/s",
    magnitudes=(0, 0.6, 1.2, 1.8, 2.4),
    description="A blow sets the object moving at that speed: what is loose sideways, a handle along its way.",
    sudden=True,
    cannot=still,
)
def push_object(magnitude: float, case: Case) -> Hooks:
    """Add a velocity to the object once.

    Something loose is pushed in a random horizontal direction, a joint either way; at an end it has one way only.
    """
    moment, (x, y) = case.moment(), case.heading()
    name = case.entity
    if name is None:
        return Hooks()
    entity = case.scene.entity(name)
    joint = load_cards()[entity.kind].joint

    def world(world: World, step: int) -> None:
        if step != moment:
            return
        if joint is None:
            world.apply_velocity(name, (magnitude * x, magnitude * y, 0.0))
            return
        fraction = float(world.state().entity(name, "fraction"))
        opens = fraction < _END or (x > 0.0 and fraction < 1.0 - _END)
        world.apply_joint_velocity(name, (1.0 if opens else -1.0) * magnitude / handle_way(joint, entity.size))

    return Hooks(world=world)


@on_episode(
    unit="m",
    magnitudes=(0, 0.003, 0.006, 0.009, 0.012),
    description="All that is seen of arm and things is blurred by Gaussian noise; time, table and sizes stay exact.",
)
def observation_noise(magnitude: float, case: Case) -> Hooks:
    """Blur all that is seen, anew at every step: positions by sigma in m, the rest as in perturbation/noise.py.

    A metre of sigma is 10 rad of a thing's turn, 2 rad of the arm's joints, 2 m/s, 20 rad/s, 20 N and 5 of a fraction.
    """
    return Hooks(observe=lambda state: blurred(state, magnitude, case.scene, case.rng))


@on_episode(
    unit="share",
    magnitudes=(0, 0.3, 0.5, 0.6, 0.7),
    description="That share of observations is lost; the one before is seen again.",
    largest=1.0,
)
def observation_loss(magnitude: float, case: Case) -> Hooks:
    """Drop observations at random; the first is always seen."""
    last: list[State] = []

    def observe(state: State) -> State:
        lost = case.rng.uniform() < magnitude
        if not last or not lost:
            last[:] = [state]
        return last[0]

    return Hooks(observe=observe)


@on_episode(
    unit="s",
    magnitudes=(0, 1, 2, 3, 4),
    description="Everything that is seen stands still for that time.",
    sudden=True,
)
def stuck_sensor(magnitude: float, case: Case) -> Hooks:
    """Freeze the observation once."""
    moment = case.moment()
    frozen: list[State] = []
    count = 0

    def observe(state: State) -> State:
        nonlocal count
        if count == moment:
            frozen.append(state)
        count += 1
        if not frozen:
            return state
        since = float(state.robot("time") - frozen[0].robot("time"))
        return frozen[0] if since < magnitude - 1e-9 else state

    return Hooks(observe=observe)


@on_episode(
    unit="steps",
    magnitudes=(0, 0.5, 1, 1.5, 1.9),
    description="Actions reach the robot that many control steps (0.1 s) late.",
)
def action_delay(magnitude: float, case: Case) -> Hooks:
    """Queue actions; until the first arrives the robot stays as it starts.

    A part of a step mixes two actions: as they are increments, this moves the gripper as if the later one
    had come in the middle of the step.
    """
    robot = case.scene.robot
    width = 0.0 if any(e.held for e in case.scene.entities) else robot.width
    grip = min(1.0, 2.0 * width / load_robot_card(robot.name).max_width - 1.0)
    whole = math.floor(magnitude)
    part = magnitude - whole
    queue: deque[Action] = deque([np.array([0.0, 0.0, 0.0, 0.0, grip])] * (whole + 1))

    def act(action: Action) -> Action:
        queue.append(action)
        earlier = queue.popleft()
        return part * earlier + (1.0 - part) * queue[0]

    return Hooks(act=act)


@on_episode(
    unit="",
    magnitudes=(0, 0.1, 0.2, 0.3, 0.4),
    description="Gaussian noise of that sigma on every component of the action, whose range is -1 to 1.",
)
def action_noise(magnitude: float, case: Case) -> Hooks:
    """Add noise to actions, anew at every step."""

    def act(action: Action) -> Action:
        noise: npt.NDArray[np.floating[Any]] = magnitude * case.rng.standard_normal(ACTION_SIZE)
        return np.clip(action + noise, -1.0, 1.0)

    return Hooks(act=act)


@on_episode(
    unit="share",
    magnitudes=(0, 0.2, 0.4, 0.6, 0.75),
    description="The arm is weary: that share of every commanded motion is not made.",
    largest=1.0,
)
def action_loss(magnitude: float, case: Case) -> Hooks:
    """Scale the motion (not the grip) of actions down."""
    scale = np.array([*[1.0 - magnitude] * 4, 1.0])
    return Hooks(act=lambda action: action * scale)


@on_episode(
    unit="deg",
    magnitudes=(0, 9, 18, 27, 36),
    description="Everything that can move is drawn sideways as on a table tilted by that angle.",
    largest=89.0,
    cannot=steady,
)
def tilt(magnitude: float, case: Case) -> Hooks:
    """Pull everything loose, and fixtures' moving parts, with g sin(angle) in one random direction, all along."""
    x, y = case.heading()
    pull = _GRAVITY * math.sin(math.radians(magnitude))
    drawn = [(e.name, e.mass * pull) for e in case.scene.entities if case.body_type(e.name) != "static"]

    def world(world: World, step: int) -> None:
        for name, force in drawn:
            world.push(name, (force * x, force * y, 0.0), world.settings.substeps)

    return Hooks(world=world)


@on_scene(
    unit="times more",
    magnitudes=(0, 5, 10, 20, 40),
    description="Everything that can move is heavier: mass times 1 + that number.",
    cannot=falling,
)
def mass(magnitude: float, scene: Scene) -> Scene:
    """Multiply all masses. What moves up and down on a joint keeps its own: a heavier button would press itself."""
    heavier = (replace(e, mass=e.mass * (1.0 + magnitude)) if falling(e) is None else e for e in scene.entities)
    return replace(scene, entities=tuple(heavier))


@on_scene(
    unit="share",
    magnitudes=(0, 0.5, 0.8, 0.92, 0.97),
    description="Everything on the table is more slippery: friction times 1 minus that share.",
    largest=1.0,
    cannot=still,
)
def friction(magnitude: float, scene: Scene) -> Scene:
    """Multiply all entities' friction; contacts multiply both sides' (table and fingers stay as they are)."""
    return replace(scene, entities=tuple(replace(e, friction=e.friction * (1.0 - magnitude)) for e in scene.entities))
