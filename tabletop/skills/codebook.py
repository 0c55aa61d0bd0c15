"""The codes of a skill set: how many each effect has, and which effect a code belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from tabletop.errors import TabletopError
from tabletop.skills.effects import Effect, get_effect

__all__ = ["Codebook"]

_IDLE = 0.25
"""How often the default fact is commanded, another one counting 1."""


@dataclass(frozen=True)
class Codebook:
    """Codes, numbered through all effects in the order of `counts`."""

    counts: Mapping[str, int]
    """How many codes each effect has."""

    def __post_init__(self) -> None:
        """Check the effects and counts."""
        if not self.counts:
            raise TabletopError("a skill set needs at least one effect")
        for name, count in self.counts.items():
            get_effect(name)
            least = max(2, len(get_effect(name).fact_targets))
            if count < least:
                raise TabletopError(f"{name} needs at least {least} codes to distinguish, got {count}")

    @property
    def total(self) -> int:
        """Number of codes of all effects."""
        return sum(self.counts.values())

    @cached_property
    def effects(self) -> tuple[Effect, ...]:
        """The effects, in order."""
        return tuple(get_effect(name) for name in self.counts)

    @cached_property
    def descriptors(self) -> npt.NDArray[np.float32]:
        """(effects, DESCRIPTOR_WIDTH): what policies are told of each effect."""
        return np.stack([effect.descriptor for effect in self.effects])

    @cached_property
    def asks(self) -> npt.NDArray[np.float32]:
        """(effects, EFFECT_WIDTH): 1 for the numbers that a code's target has, 0 for those that are to be 0."""
        return np.stack([effect.asks for effect in self.effects])

    @cached_property
    def effect_of(self) -> npt.NDArray[np.intp]:
        """(total,): index of each code's effect."""
        return np.repeat(np.arange(len(self.counts)), list(self.counts.values()))

    @cached_property
    def member(self) -> npt.NDArray[np.bool_]:
        """(effects, total): which codes belong to which effect."""
        out: npt.NDArray[np.bool_] = np.arange(len(self.counts))[:, None] == self.effect_of[None, :]
        return out

    def codes_of(self, effect_index: int) -> npt.NDArray[np.intp]:
        """Return the codes of an effect; those of its discrete facts come first."""
        return np.flatnonzero(self.effect_of == effect_index)

    def free(self, effect_index: int) -> npt.NDArray[np.intp]:
        """Return the codes of an effect that tile what is no fact; all of them where there are no others."""
        codes, facts = self.codes_of(effect_index), len(self.effects[effect_index].fact_targets)
        return codes[facts:] if len(codes) > facts else codes

    def facts_only(self, effect_index: int) -> bool:
        """Return whether all codes of an effect are those of discrete facts."""
        return len(self.codes_of(effect_index)) == len(self.effects[effect_index].fact_targets)

    @cached_property
    def exact(self) -> npt.NDArray[np.bool_]:
        """(total,): which codes may be asked for at any target: all but those of facts."""
        out = np.zeros(self.total, dtype=bool)
        for i in range(len(self.effects)):
            out[self.free(i)] = not self.facts_only(i)
        return out

    def draw(
        self,
        effect_index: int,
        rng: np.random.Generator,
        facts: bool,
        passed: npt.NDArray[np.bool_] | None = None,
    ) -> int:
        """Return a code of an effect to command, any alike; where facts have codes, the default one seldom.

        Args:
            effect_index: of the effect.
            rng: draws.
            facts: whether facts have codes: then doing nothing is commanded a quarter as often.
            passed: (total,) codes that are passed over, unless all of the effect's are.
        """
        codes, idle = self.codes_of(effect_index), self.effects[effect_index].default_fact
        weights = np.ones(len(codes))
        if facts and idle is not None:
            weights[idle] = _IDLE
        if passed is not None and not passed[codes].all():
            weights[passed[codes]] = 0.0
        return int(rng.choice(codes, p=weights / weights.sum()))

    def name(self, code: int, kind: str | None = None) -> str:
        """Return a code's id, such as "held_at-03", or "drawer-03" for a kind of entity that it serves."""
        effect_index = int(self.effect_of[code])
        return f"{kind or self.effects[effect_index].name}-{code - int(self.codes_of(effect_index)[0]):02d}"
