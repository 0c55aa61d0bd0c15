"""Running the robot: policies, episodes, and the processes they run on."""

from __future__ import annotations

from tabletop.rollout.engine import Engine, default_workers
from tabletop.rollout.episode import Disturbance, Frames, Hooks, Trajectory, episode, process_world
from tabletop.rollout.policy import ACTION_SIZE, Action, Exploration, Nothing, Policy, Random

__all__ = [
    "ACTION_SIZE",
    "Action",
    "Disturbance",
    "Engine",
    "Exploration",
    "Frames",
    "Hooks",
    "Nothing",
    "Policy",
    "Random",
    "Trajectory",
    "default_workers",
    "episode",
    "process_world",
]
