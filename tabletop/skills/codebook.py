"""The codes of a skill set: how many each kind of effect has, and which kind a code belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from tabletop.errors import TabletopError
from tabletop.skills.effects import EffectKind, get_effect

__all__ = ["Codebook"]

_IDLE = 0.25
"""How often the default fact is commanded, another one counting 1."""


@dataclass(frozen=True)
class Codebook:
    """Codes, numbered through all kinds of effect in the order of `counts`."""

    counts: Mapping[str, int]
    """How many codes each kind of effect has."""

    def __post_init__(self) -> None:
        """Check the kinds and counts."""
        if not self.counts:
            raise TabletopError("a skill set needs at least one kind of effect")
        for name, count in self.counts.items():
            get_effect(name)
            least = max(2, len(get_effect(name).fact_targets))
            if count < least:
                raise TabletopError(f"{name} needs at least {least} codes to distinguish, got {count}")

    @property
    def total(self) -> int:
        """Number of codes of all kinds."""
        return sum(self.counts.values())

    @cached_property
    def kinds(self) -> tuple[EffectKind, ...]:
        """The kinds of effect, in order."""
        return tuple(get_effect(name) for name in self.counts)

    @cached_property
    def kind_of(self) -> npt.NDArray[np.intp]:
        """(total,): index of each code's kind."""
        return np.repeat(np.arange(len(self.counts)), list(self.counts.values()))

    @cached_property
    def member(self) -> npt.NDArray[np.bool_]:
        """(kinds, total): which codes belong to which kind."""
        out: npt.NDArray[np.bool_] = np.arange(len(self.counts))[:, None] == self.kind_of[None, :]
        return out

    def codes_of(self, kind: int) -> npt.NDArray[np.intp]:
        """Return the codes of a kind; those of its discrete facts come first."""
        return np.flatnonzero(self.kind_of == kind)

    def free(self, kind: int) -> npt.NDArray[np.intp]:
        """Return the codes of a kind that tile what is no fact; all of them where there are no others."""
        codes, facts = self.codes_of(kind), len(self.kinds[kind].fact_targets)
        return codes[facts:] if len(codes) > facts else codes

    def facts_only(self, kind: int) -> bool:
        """Return whether all codes of a kind are those of discrete facts."""
        return len(self.codes_of(kind)) == len(self.kinds[kind].fact_targets)

    def draw(self, kind: int, rng: np.random.Generator, facts: bool) -> int:
        """Return a code of a kind to command, any alike; where facts have codes, the default one seldom.

        Args:
            kind: index of the kind of effect.
            rng: draws.
            facts: whether facts have codes: then doing nothing is commanded a quarter as often.
        """
        codes, idle = self.codes_of(kind), self.kinds[kind].default_fact
        weights = np.ones(len(codes))
        if facts and idle is not None:
            weights[idle] = _IDLE
        return int(rng.choice(codes, p=weights / weights.sum()))

    def name(self, code: int) -> str:
        """Return a code's id, such as "held_at-03"."""
        kind = int(self.kind_of[code])
        return f"{self.kinds[kind].name}-{code - int(self.codes_of(kind)[0]):02d}"
