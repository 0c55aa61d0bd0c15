"""Objectives: what a discoverer's policy is rewarded for, one file each. docs/objectives.md compares them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tabletop.discovery.learner_config import LearnerSettings
from tabletop.discovery.objectives.base import Objective, Window
from tabletop.discovery.objectives.baselines import MaxEntropy, Random
from tabletop.discovery.objectives.csd import CSD
from tabletop.discovery.objectives.curious import Curious, CuriousDense
from tabletop.discovery.objectives.every_state import EveryObservation, EveryState
from tabletop.discovery.objectives.explore_then_discover import ExploreThenDiscover
from tabletop.discovery.objectives.final_state import FinalState, FinalStateAtEnd
from tabletop.discovery.objectives.first_and_last import FirstAndLast
from tabletop.discovery.objectives.goal_conditioned import GoalConditioned, GoalConditionedDense
from tabletop.discovery.objectives.lsd import LSD
from tabletop.discovery.objectives.metra import METRA
from tabletop.discovery.objectives.trajectory import Trajectory
from tabletop.errors import TabletopError, unknown
from tabletop.skills.codebook import Codebook

__all__ = ["OBJECTIVES", "Objective", "Window", "get_objective", "make_objective"]

OBJECTIVES: Final[Mapping[str, Mapping[str, type[Objective]]]] = {
    "final-state": {"effects": FinalState},
    "final-state-at-end": {"effects": FinalStateAtEnd},
    "every-state": {"effects": EveryState, "observation": EveryObservation},
    "first-and-last": {"effects": FirstAndLast},
    "trajectory": {"effects": Trajectory},
    "lsd": {"effects": LSD, "observation": LSD},
    "csd": {"effects": CSD, "observation": CSD},
    "metra": {"effects": METRA, "observation": METRA},
    "explore-then-discover": {"effects": ExploreThenDiscover},
    "goal-conditioned": {"effects": GoalConditioned},
    "goal-conditioned-dense": {"effects": GoalConditionedDense},
    "curious": {"effects": Curious},
    "curious-dense": {"effects": CuriousDense},
    "max-entropy": {"effects": MaxEntropy},
    "random": {"effects": Random},
}
"""All objectives by name, and by what they look at (discovery/learner_config.py: DISCRIMINATOR_INPUTS)."""


def get_objective(name: str, discriminator_input: str = "effects") -> type[Objective]:
    """Return the objective of that name that looks at that.

    Raises:
        TabletopError: there is none.
    """
    if name not in OBJECTIVES:
        raise unknown("objective", name, OBJECTIVES)
    found = OBJECTIVES[name]
    if discriminator_input not in found:
        able = ", ".join(n for n, inputs in OBJECTIVES.items() if discriminator_input in inputs) or "none"
        raise TabletopError(
            f"objective {name!r} sees {' or '.join(found)}, not {discriminator_input!r}; those that do: {able}"
        )
    return found[discriminator_input]


def make_objective(codes: Codebook, settings: LearnerSettings, seed: int, horizon: int) -> Objective:
    """Return the objective that the settings name, untrained; see `Objective` for the arguments.

    Args:
        codes: the codes.
        settings: of the learner: which objective, and what it looks at.
        seed: of its networks and codes.
        horizon: decisions an episode has.

    Raises:
        TabletopError: there is none.
    """
    return get_objective(settings.objective, settings.discriminator_input)(codes, settings, seed, horizon)
