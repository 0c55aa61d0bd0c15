"""A run folder as one value: what each stage left behind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tabletop.runs.records import Chains, Discovery, Measurement, Naming, Planning, Robustness

__all__ = ["Made", "Run"]


@dataclass(frozen=True)
class Made:
    """What run.yaml says: how the run was made."""

    command: str | None = None
    version: str | None = None
    seed: str | None = None
    settings: tuple[tuple[str, str], ...] = ()
    resumed: tuple[str, ...] = ()
    """The commands that went on with it."""


@dataclass(frozen=True)
class Run:
    """All that a run folder holds. A stage that was not run is None or empty."""

    folder: Path
    discovery: Discovery | None = None
    naming: Naming | None = None
    planning: Planning | None = None
    chains: Chains | None = None
    robustness: Robustness | None = None
    metrics: tuple[Mapping[str, float], ...] = field(default=(), repr=False)
    made: Made | None = None
    measurement: Measurement | None = None

    @property
    def counted(self) -> Discovery | Measurement | None:
        """What says how many skills there are: the discovery's own figures, or else those of `tabletop measure`."""
        return self.discovery or self.measurement
