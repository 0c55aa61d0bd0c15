"""Targets drawn by a generator that knows no library: places, turns and heights of a block, fractions of joints.

A target is a scene, an entity of it and what is asked of that entity. Each is drawn from a seed and a number alone.

| family | asked for | done |
| --- | --- | --- |
| place | x and y on the table, evenly over the reach | at rest on the table and let go, within 3 or 5 cm |
| joint | fraction 0, 0.5 or 1, from 0.3 or more away | within 0.05 (0.04 of an end) or 0.10 of the travel |
| push | a place 6 to 15 cm off, evenly | as a place |
| turn | 30, 60 or 90 deg to either side | as a place, moved by less than 5 cm, within 10 or 20 deg |
| lift | a rise, evenly from 5 to 25 cm | held, within 3 or 5 cm of the height |
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from tabletop.errors import TabletopError, unknown
from tabletop.logic.parse import parse
from tabletop.rollout.episode import Trajectory
from tabletop.seeds import Purpose, rng_of, seed_of
from tabletop.sim.cards import PART_MARK, base_of, load_cards
from tabletop.sim.generate import SceneCard, generate
from tabletop.sim.placement import apart, footprint
from tabletop.sim.scene import TABLE_NEAR_EDGE, Scene
from tabletop.sim.scene_cards import find_scene_card

__all__ = [
    "CLUTTERED",
    "FAMILIES",
    "JOINT_GOALS",
    "Outcome",
    "Target",
    "draw_target",
    "draw_way",
    "joint_kinds",
    "outcome_of",
]

CLUTTERED: Final = Path(__file__).parent / "scenes" / "cluttered.yaml"
BLOCK: Final = "block"
REACH: Final = ((0.31, 0.69), (-0.31, 0.31))
"""m, world x and y, between which places are drawn: where the planner lets things be put down."""
EDGE: Final = 0.05
"""m that a place is off the table's edge at least."""
ROOM: Final = 0.02
"""m between the block at its place and any other thing."""
AWAY: Final = 0.06
"""m that a place is off the block at least: standing still reaches none."""
JOINT_GOALS: Final = (0.0, 1.0, 0.5)
JOINT_AWAY: Final = 0.3
TURNS: Final = tuple(math.radians(a) for a in (30, -30, 60, -60, 90, -90))
PUSH: Final = (0.06, 0.15)
RISE: Final = (0.05, 0.25)
TOLERANCES: Final[Mapping[str, tuple[float, float]]] = {
    "place": (0.03, 0.05),
    "push": (0.03, 0.05),
    "joint": (0.05, 0.10),
    "turn": (math.radians(10), math.radians(20)),
    "lift": (0.03, 0.05),
}
"""Within which a target counts as reached, finely and roughly: m, shares of the travel, rad, m."""
END_TOLERANCE: Final = 0.04
"""Share of the travel within which a joint is at an end, finely."""
FAMILIES: Final = tuple(TOLERANCES)
_TRIES: Final = 60
_DRAWS: Final = 300
"""Of one place."""
_BESIDES: Final[SceneCard] = {
    "count": [0, 2],
    "kinds": ["block", "block", "brick", "can", "puck", "mug", "ball", "bowl"],
}
"""What else stands in a fixture's scene."""


@dataclass(frozen=True)
class Target:
    """What is asked of one entity in one scene."""

    family: str
    """Of FAMILIES."""
    scene: Scene
    entity: str
    goal: tuple[float, ...]
    """x and y (m, world); or a fraction; or a turn (rad, counter-clockwise); or a rise (m)."""
    seed: int
    """Of the policy's noise."""
    clutter: int = 0
    """Other things in the scene."""
    nearest: float = math.inf
    """m from the block's middle to the nearest other thing's, at the start."""


@dataclass(frozen=True)
class Outcome:
    """What came of a target."""

    miss: float
    """How far off at the end: m, a share of the travel, rad or m."""
    fine: bool
    rough: bool


def joint_kinds(card: SceneCard) -> list[str]:
    """Return the kinds of a scene card that have a joint, in its order."""
    cards = load_cards()
    found: dict[str, None] = {}
    for raw in card.get("entities", {}).values():
        kinds = raw if isinstance(raw, str) else raw["kind"]
        found.update(dict.fromkeys([kinds] if isinstance(kinds, str) else kinds))
    return [kind for kind in found if cards[kind].joint is not None]


def draw_target(family: str, seed: int, number: int, kind: str | None = None) -> Target:
    """Draw a target.

    Args:
        family: of FAMILIES.
        seed: of the benchmark.
        number: of the target in it; goals of joints and turns come in turn.
        kind: of the fixture, or of the thing in a block's stead.

    Raises:
        TabletopError: no such family, or no room in a good number of scenes.
    """
    if family not in FAMILIES:
        raise unknown("family of targets", family, FAMILIES)
    noise = seed_of(seed, Purpose.TARGET_EPISODES, number)
    reason: TabletopError | None = None
    for attempt in range(_TRIES):
        rng = rng_of(seed, Purpose.TARGETS, number, attempt)
        scene_seed = seed_of(seed, Purpose.TARGET_SCENES, number, attempt)
        try:
            if family == "joint":
                return _joint(kind or "drawer", scene_seed, noise, number, rng)
            scene = generate(_cluttered(kind), scene_seed)
        except TabletopError as error:
            reason = error
            continue
        found = _goal(family, scene, number, rng)
        if found is not None:
            gaps = [math.dist(e.position[:2], scene.entity(BLOCK).position[:2]) for e in _others(scene)]
            return Target(family, scene, BLOCK, found, noise, len(gaps), min(gaps, default=math.inf))
    raise TabletopError(f"no {family} in {_TRIES} scenes: {reason or 'no place is free'}")


def _cluttered(kind: str | None) -> SceneCard:
    card: dict[str, Any] = dict(find_scene_card(CLUTTERED))
    if kind is not None:
        card["entities"] = {**card["entities"], BLOCK: {**card["entities"][BLOCK], "kind": kind}}
    return card


def _others(scene: Scene) -> list[Any]:
    return [e for e in scene.entities if e.name != BLOCK and base_of(e.name) is None]


def _goal(family: str, scene: Scene, number: int, rng: np.random.Generator) -> tuple[float, ...] | None:
    if family == "turn":
        return (TURNS[number % len(TURNS)],)
    if family == "lift":
        return (float(rng.uniform(*RISE)),)
    return free_place(scene, rng, *((AWAY, math.inf) if family == "place" else PUSH))


def free_place(
    scene: Scene, rng: np.random.Generator, least: float = AWAY, most: float = math.inf
) -> tuple[float, float] | None:
    """Draw a place evenly over the reach, until one is free; None where none of many is.

    Args:
        scene: with the block.
        rng: draws.
        least: m from where the block stands.
        most: m from there.
    """
    block = scene.entity(BLOCK)
    own, taken = footprint(block), [footprint(e) for e in _others(scene) if load_cards()[e.kind].solid]
    (low, high), (right, left) = REACH
    high = min(high, TABLE_NEAR_EDGE + scene.table.size[0] - EDGE)
    left = min(left, scene.table.size[1] / 2 - EDGE)
    right = max(right, -left)
    for _ in range(_DRAWS):
        x, y = float(rng.uniform(low, high)), float(rng.uniform(right, left))
        there = (x, y, *own[2:])
        if least <= math.dist((x, y), block.position[:2]) <= most and all(apart(there, e, ROOM) for e in taken):
            return x, y
    return None


def _joint(kind: str, scene_seed: int, noise: int, number: int, rng: np.random.Generator) -> Target:
    joint = load_cards()[kind].joint
    if joint is None:
        raise TabletopError(f"targets of joints need a kind with one joint, got {kind!r}")
    if joint.latch <= 1.0:
        # What stays pressed can only be pressed.
        goal, start = 1.0, 0.0
    else:
        goal = JOINT_GOALS[number % len(JOINT_GOALS)]
        start = float(rng.uniform(0.0, 1.0))
        while abs(start - goal) < JOINT_AWAY:
            start = float(rng.uniform(0.0, 1.0))
    card = {"entities": {"fixture": {"kind": kind, "fraction": start}}, "extras": _BESIDES}
    scene = generate(card, scene_seed)
    return Target("joint", scene, "fixture", (goal,), noise, len(scene.entities) - 1)


def draw_way(kind: str, seed: int, number: int, goal: float, part: str | None = None) -> Target:
    """Draw a fixture that is to be brought to an end of its travel, from no more than 0.3 off the other end.

    The same number gives the same scene for both ends, but for the fraction.

    Args:
        kind: of the fixture.
        seed: of the benchmark.
        number: of the scene in it.
        goal: 0 or 1.
        part: what is to move, of a fixture with several such parts.

    Raises:
        TabletopError: no room in a good number of scenes.
    """
    noise = seed_of(seed, Purpose.TARGET_EPISODES, number)
    reason: TabletopError | None = None
    for attempt in range(_TRIES):
        begins = float(rng_of(seed, Purpose.TARGETS, number, attempt).uniform(0.0, JOINT_AWAY))
        start = abs(1.0 - goal - begins)
        fixture = {"kind": kind, **({"fraction": start} if part is None else {"parts": {part: {"fraction": start}}})}
        try:
            scene = generate(
                {"entities": {"fixture": fixture}, "extras": _BESIDES},
                seed_of(seed, Purpose.TARGET_SCENES, number, attempt),
            )
        except TabletopError as error:
            reason = error
            continue
        entity = "fixture" if part is None else f"fixture{PART_MARK}{part}"
        return Target("joint", scene, entity, (goal,), noise, len(scene.entities) - 1)
    raise TabletopError(f"no scene with a {kind} in {_TRIES}: {reason}")


_LEFT: Final = "on_table({0}) and still({0}) and released({0})"
_MESH_LEFT: Final = "not raised({0}, height=2 cm) and not off_table({0}) and still({0}) and released({0})"
"""Where the box around a mesh lies askew, its underside is not that of the mesh."""


def outcome_of(target: Target, run: Trajectory) -> Outcome:
    """Return what came of a target, by the last true state."""
    first, last, entity, goal = run.initial, run.final, target.entity, target.goal
    fine, rough = TOLERANCES[target.family]
    mesh = load_cards()[target.scene.entity(entity).kind].mesh
    left = (_LEFT if mesh is None else _MESH_LEFT).format(entity)
    went = last.entity(entity, "position") - first.entity(entity, "position")
    if target.family == "joint":
        miss, ends = abs(float(last.entity(entity, "fraction")) - goal[0]), goal[0] in (0.0, 1.0)
        return Outcome(miss, miss <= (END_TOLERANCE if ends else fine), miss <= rough)
    if target.family == "lift":
        miss, valid = abs(float(went[2]) - goal[0]), _holds(f"held({entity})", run)
    elif target.family in ("place", "push"):
        miss, valid = math.dist(last.entity(entity, "position")[:2], goal), _holds(left, run)
    else:
        change = _yaw(last.entity(entity, "quaternion")) - _yaw(first.entity(entity, "quaternion")) - goal[0]
        miss = abs((change + math.pi) % (2 * math.pi) - math.pi)
        valid = _holds(left, run) and math.hypot(*went[:2]) < 0.05
    return Outcome(miss, valid and miss <= fine, valid and miss <= rough)


def _holds(text: str, run: Trajectory) -> bool:
    return bool(parse(text).holds(run.final, run.initial))


def _yaw(quaternion: Any) -> float:
    x, y, z, w = (float(v) for v in quaternion)
    return math.atan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z))
