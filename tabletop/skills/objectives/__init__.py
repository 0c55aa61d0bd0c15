"""Objectives: what a discoverer's policy is rewarded for, one file each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

from tabletop.errors import unknown
from tabletop.skills.objectives import every_state, final_state

__all__ = ["OBJECTIVES", "Objective", "get_objective"]

Objective = Callable[[npt.NDArray[np.float64], npt.NDArray[np.float64], float], npt.NDArray[np.float64]]
"""(gains (n + 1, B), live (n, B), gamma) -> rewards (B,): gains are log q(z|e) + log K in nats now and after each of
n steps; live is 1 for steps that were taken and 0 past an episode's end."""

OBJECTIVES: Final[Mapping[str, Objective]] = {
    "final-state": final_state.reward,
    "every-state": every_state.reward,
}
"""All objectives, by name."""


def get_objective(name: str) -> Objective:
    """Return the objective of that name.

    Raises:
        TabletopError: there is none.
    """
    if name not in OBJECTIVES:
        raise unknown("objective", name, OBJECTIVES)
    return OBJECTIVES[name]
