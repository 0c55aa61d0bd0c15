"""Whether the physics is sound: over scripted episodes, how deep things get into each other, and drift in the hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np

from tabletop.errors import TabletopError
from tabletop.logic.geometry import rotation
from tabletop.logic.task import Task
from tabletop.progress import track
from tabletop.rollout.engine import Engine
from tabletop.rollout.episode import Trajectory
from tabletop.rollout.evaluate import run_task, scripted
from tabletop.rollout.lasting import Onlooker
from tabletop.sim.world import World

__all__ = ["BOUNDS", "Bounds", "Depths", "drift", "physics"]

_ROBOT: Final = frozenset({"fingers", "hand", "arm"})
_HOLD: Final = 1.0
"""N on each finger from which something is held."""
_SETTLED: Final = 3
"""Control steps of a hold after which its drift is counted."""


@dataclass(frozen=True)
class Bounds:
    """What is asked of every scripted episode, at every control step."""

    robot: float = 0.003
    """m that the robot may be inside a thing."""
    things: float = 0.003
    """m that a thing may be inside another one, or the table."""


BOUNDS: Final = Bounds()


class Depths(Onlooker):
    """Measures in one episode how deep what gets into what."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.deepest: dict[tuple[str, str], float] = {}
        """m, by the names of World.depths, of what touched at the look before too."""
        self.impacts: dict[tuple[str, str], float] = {}
        """m, of what did not: what lands at 1 m/s is 8 mm deep for the physics step in which it is first seen."""
        self._last: frozenset[tuple[str, str]] = frozenset()

    def look(self, world: World, step: int) -> None:
        """Note how deep things are in each other now."""
        depths = world.depths()
        for pair, depth in depths.items():
            found = self.deepest if pair in self._last else self.impacts
            found[pair] = max(depth, found.get(pair, 0.0))
        self._last = frozenset(depths)


def drift(trajectory: Trajectory) -> float:
    """Return how far, m, something held moved across the fingers, from its middle between them, at the most.

    It is counted along the way in which the fingers close, from the third control step of each hold on.
    """
    state = trajectory.state
    turn = rotation(state.robot("gripper_quaternion"))
    most = 0.0
    for name, body_type in zip(trajectory.layout.names, trajectory.layout.body_types, strict=True):
        if body_type != "rigid":
            continue
        apart = state.entity(name, "position") - state.robot("gripper_position")
        across = np.einsum("ti,ti->t", apart, turn[:, :, 1])
        since, start = 0, 0.0
        for held, now in zip(state.entity(name, "finger_force").min(axis=-1) > _HOLD, across, strict=True):
            since = since + 1 if held else 0
            if since == _SETTLED:
                start = float(now)
            elif since > _SETTLED:
                most = max(most, abs(float(now) - start))
    return most


def _episode(task: Task, seed: int) -> tuple[dict[tuple[str, str], float], float, float]:
    """Return the depths by pair, the deepest impact (m) and the drift (m) of a scripted episode."""
    depths = Depths()
    trajectory = run_task(task, scripted, seed, disturbance=depths)
    return depths.deepest, max(depths.impacts.values(), default=0.0), drift(trajectory)


def physics(engine: Engine, tasks: Sequence[Task], episodes: int, seed: int, bounds: Bounds = BOUNDS) -> dict[str, Any]:
    """Measure the physics of the scripted policies' episodes against bounds.

    Args:
        engine: where the episodes run.
        tasks: whose scenes and scripted policies.
        episodes: scenes a task.
        seed: of the first scene.
        bounds: what is asked.

    Returns:
        "tasks": by name "robot" and "things", each with the greatest depth ("mm"), its pair, its scene and how many
        episodes are "over" the bound; "impact_mm", the deepest of what had only just met, which no bound is set for;
        "drift_mm", the 90th percentile over the episodes; the bounds "broken". "holds": whether nothing is broken.

    Raises:
        TabletopError: no tasks or no episodes.
    """
    if not tasks or episodes < 1:
        raise TabletopError(f"physics needs a task and an episode, got {len(tasks)} tasks and {episodes} episodes")
    rows: dict[str, Any] = {}
    for task in track(tasks, "physics", unit="tasks"):
        seeds = range(seed, seed + episodes)
        found = list(engine.map(partial(_episode, task), seeds, label=f"{task.name}: physics"))
        row: dict[str, Any] = {"broken": []}
        for what, bound in (("robot", bounds.robot), ("things", bounds.things)):
            row[what] = _deepest([depths for depths, _, _ in found], what, seed, bound)
            if row[what]["over"]:
                row["broken"].append(f"{what} at most {1000 * bound:g} mm inside, got {row[what]['mm']:g}")
        row["impact_mm"] = round(1000 * max(impact for _, impact, _ in found), 2)
        row["drift_mm"] = round(1000 * float(np.percentile([drifted for _, _, drifted in found], 90)), 2)
        rows[task.name] = row
    return {
        "tasks": rows,
        "scenes": {"episodes": episodes, "seed": seed},
        "bounds_mm": {"robot": 1000 * bounds.robot, "things": 1000 * bounds.things},
        "holds": not any(r["broken"] for r in rows.values()),
    }


def _deepest(found: Sequence[Mapping[tuple[str, str], float]], what: str, seed: int, bound: float) -> dict[str, Any]:
    """Return the greatest depth of the robot in things, or of things in each other, over some episodes."""
    worst: tuple[float, tuple[str, str] | None, int] = (0.0, None, seed)
    over = 0
    for i, depths in enumerate(found):
        own = {pair: d for pair, d in depths.items() if bool(_ROBOT & {*pair}) == (what == "robot")}
        over += any(d > bound for d in own.values())
        for pair, depth in own.items():
            worst = max(worst, (depth, pair, seed + i), key=lambda w: w[0])
    depth, where, scene = worst
    return {"mm": round(1000 * depth, 2), "pair": list(where or ()), "scene": scene, "over": over}
