"""The joint count of a library, as the files of a run hold it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from msgspec import Meta

from tabletop.words import plural

__all__ = ["CategoryCount", "JointCount", "Precision"]

_Rate = Annotated[float, Meta(ge=0, le=1)]
_Whole = Annotated[int, Meta(ge=0)]
_Skills = Annotated[float, Meta(ge=1)]


@dataclass(frozen=True, kw_only=True)
class Precision:
    """How near to their targets episodes end, codes alike; effects in metres of the world."""

    codes: _Whole
    """That have a target."""
    median: float
    """m: median distance from the target."""
    within_2cm: _Rate
    within_3cm: _Rate
    within_5cm: _Rate
    within_10deg: _Rate | None
    """Of the episodes of codes whose target has a turn; None where there are none."""
    idle_within_3cm: _Rate
    """The same of doing nothing."""


@dataclass(frozen=True, kw_only=True)
class CategoryCount:
    """The skills on one category of entity."""

    codes: _Whole
    """That can attend to it."""
    scenes: _Whole
    episodes: _Whole
    skills: _Skills
    """exp of the bound on I(Z; O | S_0), at 2 cm, 15 deg and 5 % of a joint's travel."""
    low: _Skills
    high: _Skills
    """95 % interval over scenes."""
    skills_5cm: _Skills
    """At 2.5 times that resolution."""
    skills_alike: _Skills
    """With codes alike."""
    right: float
    """Codes decoded right, expected in one scene."""
    coverage: _Whole
    """Bins of 5 cm that displacements fell into, or of a tenth of a joint's travel."""
    precision: Precision | None
    """None where no code has a target."""
    reliability: Mapping[str, tuple[_Rate, _Whole]]
    """Other things within 12 cm at the start ("0", "1", "2 or more"): share of episodes that end within 5 cm of the
    target, and how many there were."""
    starts: tuple[tuple[float, float, float], ...] = ()
    """By scene: x and y (m, world) of the thing at the start, and the bits by which its codes could be told apart from
    there, below 0 where the decoder was misled. () in files that are older than it."""


@dataclass(frozen=True, kw_only=True)
class JointCount:
    """How many skills a library has: exp of the mean over categories of the information, categories alike."""

    skills: _Skills
    low: _Skills
    high: _Skills
    """95 % interval over scenes."""
    bits: float
    """Base-2 logarithm of `skills`."""
    skills_5cm: _Skills
    skills_alike: _Skills
    """With codes alike."""
    categories: Mapping[str, CategoryCount]
    left_out: tuple[str, ...] = ()
    """Categories for which there were too few episodes."""

    def rows(self) -> list[dict[str, Any]]:
        """Return a row a category, then the whole."""
        rows: list[dict[str, Any]] = [
            {
                "what": name,
                "codes": c.codes,
                "skills": c.skills,
                "low": c.low,
                "high": c.high,
                "at_5cm": c.skills_5cm,
                "right": c.right,
                "within_3cm": None if c.precision is None else c.precision.within_3cm,
            }
            for name, c in self.categories.items()
        ]
        whole = {"what": "mean", "codes": None, "skills": self.skills, "low": self.low, "high": self.high}
        return [*rows, {**whole, "at_5cm": self.skills_5cm, "right": None, "within_3cm": None}]

    def title(self) -> str:
        """Return the figure in one line."""
        return (
            f"{self.skills:.1f} distinct skills ({self.low:.1f} .. {self.high:.1f}),"
            f" mean over {plural(len(self.categories), 'kind')} of thing"
        )
