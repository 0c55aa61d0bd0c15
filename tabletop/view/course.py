"""What drives the robot in a view for a while, and what is to come of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tabletop.logic.formula import Formula
from tabletop.rollout.policy import Policy
from tabletop.sim.state import State

__all__ = ["Course"]


@dataclass(frozen=True)
class Course:
    """A policy for so many control steps, such as a skill on an entity."""

    title: str
    """In a few words, for the page."""
    policy: Policy
    horizon: int
    wanted: Formula | None = None
    """What is to hold at its end, seen from where it began; None where nothing is asked for."""
    entity: str | None = None
    """What it is about, if it is about one thing."""
    thought: Callable[[], Sequence[str]] | None = None
    """Returns lines about what its policy is thinking of; any thread may ask. None where it does not think."""
    halt: Callable[[], None] | None = None
    """Has it stop thinking soon; any thread may ask."""
    forecast: Callable[[], State | None] | None = None
    """Returns the states (K,) that its present step is expected to lead to; None where there is no forecast."""
