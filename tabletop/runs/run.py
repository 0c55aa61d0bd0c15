"""A run folder as values: what each stage left behind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

__all__ = ["Attempt", "Discovery", "Ends", "Made", "Naming", "Planning", "Run", "Skill", "Sweep"]

Array = npt.NDArray[np.float64]
Baselines = Mapping[str, float]


@dataclass(frozen=True)
class Ends:
    """Where one skill's episodes ended."""

    id: str
    effect: str
    """Kind of effect: "held_at", "displaced", or a fixture's name."""
    code: int
    finals: Array
    """(N, 4): dx, dy, dz in m and dyaw in rad; or (N, 1): a joint's fraction."""


@dataclass(frozen=True)
class Discovery:
    """What discover.json says."""

    numbers: Mapping[str, float]
    """codes, effective_skills_2cm, effective_skills_5cm, bits_2cm, env_steps, minutes, coverage_bins_5cm,
    seed."""
    kinds: Mapping[str, Mapping[str, float]]
    """By kind of effect: codes, effective_2cm, effective_5cm."""
    baselines: Baselines
    """effective_skills_2cm of what has learned nothing, by its name."""
    ends: tuple[Ends, ...]


@dataclass(frozen=True)
class Skill:
    """One skill after it was tested against the tasks."""

    id: str
    kind: str
    effect: str
    name: str | None
    task: str | None
    phrase: str | None
    success: float | None
    low: float | None
    high: float | None
    n: float | None
    baselines: Baselines
    """Success of the random, the idle and the shuffled policy on the same scenes."""
    clip: Path | None
    best: bool = False
    """Whether it is the best of its task: then its success is the task's, on scenes with no part in any choice."""

    @property
    def title(self) -> str:
        """What to call it."""
        return self.name or self.phrase or self.id


@dataclass(frozen=True)
class Naming:
    """What name.json says."""

    skills: tuple[Skill, ...]
    tasks: tuple[str, ...] = ()
    """Columns of the matrix."""
    rows: tuple[str, ...] = ()
    """Rows of the matrix: skills."""
    rates: tuple[tuple[float, ...], ...] = ()

    @property
    def named(self) -> list[Skill]:
        """The skills that carry a task's name: the best of each task first, the more reliable before the less."""
        return sorted((s for s in self.skills if s.task), key=lambda s: (not s.best, -(s.success or 0), s.title))

    @property
    def best(self) -> list[Skill]:
        """The best skill of each task, the most reliable first."""
        return [s for s in self.named if s.best]

    @property
    def nameless(self) -> list[Skill]:
        """The skills that do something consistent for which no task has a name."""
        return sorted((s for s in self.skills if not s.task and s.name), key=lambda s: (s.title, s.id))


@dataclass(frozen=True)
class Attempt:
    """One goal and what the planner made of it."""

    goal: str
    phrase: str | None
    literals: float | None
    completed: float | None
    solved: bool
    skills: tuple[str, ...]
    replans: float | None
    clip: Path | None
    why: tuple[str, ...] = ()
    """Lines that say why the goal was not reached."""


@dataclass(frozen=True)
class Planning:
    """What plan.json says."""

    goals: float | None
    solved: float | None
    mean_completed: float | None
    baselines: Baselines
    """Share of goals solved without planning or without skills, by name."""
    attempts: tuple[Attempt, ...]
    policy: str = "library"
    """Whose skills were chained: the library's, or "scripted"."""


@dataclass(frozen=True)
class Chains:
    """What chains.json says: goals one after another in one scene, until one is not reached."""

    chains: float | None
    mean: float | None
    low: float | None
    high: float | None
    at_least: tuple[tuple[float, float, float, float], ...]
    """Number of goals; share of chains with at least so many done, and its interval."""
    clips: tuple[tuple[str, Path], ...]
    """What is shown, and the moving picture."""
    policy: str = "library"


@dataclass(frozen=True)
class Sweep:
    """One family of disturbances at rising magnitudes."""

    family: str
    unit: str
    magnitudes: tuple[float, ...]
    success: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    numbers: Mapping[str, float]
    """area, worst, drop, n."""
    clip: Path | None
    not_applicable: Mapping[str, float] = field(default_factory=dict)
    """Episodes that the family does nothing to, by why."""


@dataclass(frozen=True)
class Made:
    """What run.yaml says: how the run was made."""

    command: str | None = None
    version: str | None = None
    seed: str | None = None
    settings: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Run:
    """All that a run folder holds. A stage that was not run is None or empty."""

    folder: Path
    discovery: Discovery | None = None
    naming: Naming | None = None
    planning: Planning | None = None
    chains: Chains | None = None
    sweeps: tuple[Sweep, ...] = ()
    metrics: tuple[Mapping[str, float], ...] = field(default=(), repr=False)
    made: Made | None = None
