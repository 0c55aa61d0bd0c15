"""Measuring a robot: where it reaches, how well its postures are found, what it lifts, and how fast it is."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tabletop.progress import track
from tabletop.sim.bullet import connect, p
from tabletop.sim.generate import generate
from tabletop.sim.inverse_kinematics import ChainKinematics, down, turn_between
from tabletop.sim.robot import chain_kinematics_of, kinematics_of
from tabletop.sim.robot_card import load_robot_card
from tabletop.sim.robot_model import load_body, model_of
from tabletop.sim.scene import TABLE_NEAR_EDGE
from tabletop.sim.world import World

__all__ = ["HEIGHTS", "MASSES", "PLACES", "check_robot"]

Array = npt.NDArray[np.float64]

HEIGHTS: Final = (0.015, 0.15, 0.30)
"""m above the table at which reach is measured."""
PLACES: Final = (np.linspace(TABLE_NEAR_EDGE + 0.02, 0.80, 20), np.linspace(-0.45, 0.45, 19))
"""m, world x and y."""
MASSES: Final = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5)
"""kg of the blocks that are lifted."""
_EXACT: Final = 1e-5
_LIFTED: Final = 0.03
"""m that a block may slip in the fingers."""
_DRAWS: Final = 200
"""Postures that are drawn for one in the workspace, at most: it may be out of reach of the base."""
_FIRST: Final = 100
"""That many poses' postures are drawn before none is taken for an answer."""
_TOUCHING: Final = -0.002
"""m of distance from which two links count as in each other."""


def check_robot(name: str, poses: int = 10_000, seed: int = 0) -> dict[str, Any]:
    """Return what a robot is found to do.

    Args:
        name: of a card in assets/robots.
        poses: random ones that postures are sought for: half with the gripper down, half however an arm can be.
        seed: of them.

    Returns:
        "reach": for each of HEIGHTS rows over x of whether places along y are reached, with the gripper down.
        "ik": for both kinds of pose how many, the share that failed, errors and the time that one takes. Of poses
        "any" there are fewer than asked for, or 0, where the workspace is hardly in reach.
        "self_collision": pairs of links in each other at rest. "lifts": whether blocks of MASSES are carried.
        "speed": control steps a second of processor time, the Panda's beside it, and m/s of the gripper.

    Raises:
        TabletopError: no such robot, or a malformed one.
    """
    rng = np.random.default_rng(seed)
    return {
        "robot": name,
        "joints": len(load_robot_card(name).arm_joints),
        "max_width": load_robot_card(name).max_width,
        "reach": _reach(name),
        "ik": {"down": _down(name, poses // 2, rng), "any": _any(name, poses - poses // 2, rng)},
        "self_collision": _self_collision(name),
        "lifts": [{"mass": mass, "lifted": _lifts(name, mass)} for mass in track(MASSES, f"{name}: lifting")],
        "speed": _speed(name),
    }


def _reaches(name: str, position: tuple[float, float, float], yaw: float = 0.0) -> bool:
    kinematics = kinematics_of(name)
    if isinstance(kinematics, ChainKinematics):
        return kinematics.solve_pose(np.array(position), down(yaw)) is not None
    return math.dist(kinematics.reachable(position, yaw)[0], position) < _EXACT


def _reach(name: str) -> dict[str, Any]:
    rows = [(z, float(x)) for z in HEIGHTS for x in PLACES[0]]
    found = [[_reaches(name, (x, float(y), z)) for y in PLACES[1]] for z, x in track(rows, f"{name}: reach")]
    count = len(PLACES[0])
    grids = [found[i * count : (i + 1) * count] for i in range(len(HEIGHTS))]
    return {"heights": list(HEIGHTS), "reached": grids, "shares": [float(np.mean(grid)) for grid in grids]}


def _errors(name: str, q: list[float] | Array, position: Array, rotation: Array) -> tuple[float, float]:
    at, turn = chain_kinematics_of(name).forward(q)
    return float(np.linalg.norm(at - position)), float(np.linalg.norm(turn_between(turn, rotation)))


def _summary(errors: list[tuple[float, float]], failed: int, seconds: float) -> dict[str, Any]:
    count = len(errors) + failed
    apart = np.array(errors).reshape(-1, 2)
    return {
        "poses": count,
        "failed": failed / max(count, 1),
        "worst_mm": 1000 * float(apart[:, 0].max(initial=0.0)),
        "worst_deg": math.degrees(float(apart[:, 1].max(initial=0.0))),
        "ms": 1000 * seconds / max(count, 1),
    }


def _down(name: str, count: int, rng: np.random.Generator) -> dict[str, Any]:
    """Return how postures are found with the gripper down, anywhere in the workspace over a table at z = 0."""
    space, kinematics = load_robot_card(name).workspace, kinematics_of(name)
    points = rng.uniform(space.lower, space.upper, (count, 3))
    yaws = rng.uniform(-math.pi / 2, math.pi / 2, count)
    errors, failed = [], 0
    began = time.process_time()
    for i in track(range(count), f"{name}: gripper down"):
        at = tuple(points[i].tolist())
        if isinstance(kinematics, ChainKinematics):
            q = kinematics.solve_pose(points[i], down(float(yaws[i])))
            found = None if q is None else q.tolist()
        else:
            near, yaw = kinematics.reachable(at, float(yaws[i]))
            out = math.dist(near, at) > _EXACT or abs(yaw - yaws[i]) > _EXACT
            found = None if out else kinematics.solve(at, float(yaws[i]))
        if found is None:
            failed += 1
        else:
            errors.append(_errors(name, found, points[i], down(float(yaws[i]))))
    return _summary(errors, failed, time.process_time() - began)


def _random_poses(name: str, count: int, rng: np.random.Generator) -> Iterator[tuple[Array, Array]]:
    """Yield poses in the workspace that some posture has: fewer where hardly one has.

    The table's surface is at z = 0, as a Table's is where nothing is said.
    """
    card, kinematics = load_robot_card(name), chain_kinematics_of(name)
    low, high = np.array(card.workspace.lower), np.array(card.workspace.upper)
    drawn = found = 0
    while found < count and drawn < _DRAWS * (found + _FIRST):
        drawn += 1
        position, rotation = kinematics.forward(rng.uniform(card.lower, card.upper))
        if (position >= low).all() and (position <= high).all():
            found += 1
            yield position, rotation


def _any(name: str, count: int, rng: np.random.Generator) -> dict[str, Any]:
    """Return how postures are found for poses of all kinds that the arm can have."""
    kinematics, errors, failed, spent = chain_kinematics_of(name), [], 0, 0.0
    poses = list(_random_poses(name, count, rng))
    for position, rotation in track(poses, f"{name}: any pose"):
        began = time.process_time()
        q = kinematics.solve_pose(position, rotation, leaning=True)
        spent += time.process_time() - began
        if q is None:
            failed += 1
        else:
            errors.append(_errors(name, q, position, rotation))
    return _summary(errors, failed, spent)


def _self_collision(name: str) -> list[list[str]]:
    """Return pairs of links that are in each other at rest; links that hang on each other do not count."""
    card, model, client = load_robot_card(name), model_of(name), connect()
    try:
        body = load_body(name, client)
        for joint, value in zip(card.arm_joints, card.home, strict=True):
            p.resetJointState(body, model.joints[joint], value, 0.0, physicsClientId=client)
        p.performCollisionDetection(client)
        names = {number: link for link, number in model.links.items()}
        gripper = set(model.below(model.links[card.hand_link]))
        out = []
        for one, two in combinations(range(-1, len(model.parents)), 2):
            if {one, two} <= gripper or _are_near(model.parents, one, two):
                continue
            points = p.getClosestPoints(body, body, 0.0, one, two, physicsClientId=client)
            if any(point[8] < _TOUCHING for point in points):
                out.append([names.get(one, "base"), names[two]])
        return out
    finally:
        p.disconnect(client)


def _are_near(parents: tuple[int, ...], one: int, two: int) -> bool:
    """Return whether a link hangs on another, or on one that does."""
    for low, high in ((one, two), (two, one)):
        for _ in range(2):
            high = parents[high] if high >= 0 else -2
            if high == low:
                return True
    return False


def _lifts(name: str, mass: float) -> bool:
    """Return whether a block is held while it is lifted and swung about."""
    scene = generate({"entities": {"block": {"kind": "block", "held": True}}}, 0, robot=name)
    scene = replace(scene, entities=tuple(replace(e, mass=mass) for e in scene.entities))
    with World() as world:
        world.load(scene)
        for _ in range(5):
            state = world.step([0.0, 0.0, 0.0, 0.0, -1.0])
        start = state.entity("block", "position") - state.robot("gripper_position")
        for i in range(40):
            side = 0.6 if i // 5 % 2 else -0.6
            state = world.step([0.0, side if i >= 10 else 0.0, 0.5 if i < 10 else 0.0, 0.5 * side, -1.0])
        slipped = state.entity("block", "position") - state.robot("gripper_position") - start
    return bool(np.linalg.norm(slipped) < _LIFTED)


def _speed(name: str) -> dict[str, float]:
    """Return control steps a second of processor time, beside the Panda's, and the gripper's speed, m/s."""
    own, panda = [], []
    for seed in track(range(4), f"{name}: speed"):
        own.append(_steps_a_second(name, seed))
        panda.append(_steps_a_second("panda", seed))
    with World() as world:
        world.load(generate({"entities": {}}, 0, robot=name))
        fastest = 0.0
        for i in range(24):
            side = 1.0 if i // 6 % 2 else -1.0
            state = world.step([0.0, side, 0.0, 0.0, 1.0])
            fastest = max(fastest, float(np.linalg.norm(state.robot("gripper_velocity"))))
    return {
        "control_steps_per_second": float(np.median(own)),
        "share_of_panda": float(np.median(np.array(own) / np.array(panda))),
        "gripper_metres_per_second": fastest,
    }


def _steps_a_second(name: str, seed: int) -> float:
    scene = generate({"entities": {"a": "block", "b": "brick", "c": "can"}}, seed, robot=name)
    actions = np.random.default_rng(seed).uniform(-1, 1, (60, 5))
    with World() as world:
        world.load(scene)
        began = time.process_time()
        for action in actions:
            world.step(action)
        return len(actions) / (time.process_time() - began)
