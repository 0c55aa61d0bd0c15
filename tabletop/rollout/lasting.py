"""What an episode leaves behind: whether success lasts once things rest, and what touched what on the way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final

import numpy as np

from tabletop.rollout.episode import Hooks, Trajectory
from tabletop.sim.scene import Scene
from tabletop.sim.state import State
from tabletop.sim.world import World

__all__ = ["REST", "Onlooker", "Touches", "rest"]

REST: Final = 30
"""Control steps, 3 s, after which things are taken to rest."""


def rest(world: World, trajectory: Trajectory, steps: int = REST) -> State:
    """Let a world run on after an episode and return its state then.

    The gripper stays where it is and keeps the last command for its fingers (open where there was none).

    Args:
        world: the one in which the episode has just ended.
        trajectory: the episode.
        steps: control steps.

    Raises:
        TabletopError: the world has no scene.
    """
    grip = float(trajectory.actions[-1, 4]) if len(trajectory) else 1.0
    state = world.state()
    for _ in range(steps):
        state = world.step([0.0, 0.0, 0.0, 0.0, grip])
    return state


class Onlooker:
    """A disturbance that disturbs nothing: it looks at the world before each control step."""

    def scene(self, scene: Scene) -> Scene:
        """Return the scene as it is."""
        return scene

    def hooks(self, scene: Scene, horizon: int, rng: np.random.Generator) -> Hooks:
        """Return the hook that looks at the world before each control step."""
        return Hooks(world=self.look)

    def look(self, world: World, step: int) -> None:
        """Look at the world after `step` control steps; to be said by what looks."""


class Touches(Onlooker):
    """Counts in how many control steps of one episode what touched what."""

    def __init__(self) -> None:
        """Begin with none."""
        self.steps: Counter[tuple[str, str]] = Counter()
        """Control steps by the names of World.contacts."""

    def look(self, world: World, step: int) -> None:
        """Count what touches what now, after `step` control steps; the first state has no contacts yet."""
        if step:
            self.steps.update(world.contacts().keys())

    def table(self) -> Mapping[str, Mapping[str, int]]:
        """Return the counts by what touched, then by what was touched."""
        out: dict[str, dict[str, int]] = {}
        for (one, two), count in sorted(self.steps.items()):
            out.setdefault(one, {})[two] = count
        return out
