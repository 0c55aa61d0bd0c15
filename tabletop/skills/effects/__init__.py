"""What a skill did: one function per effect, from first and later states to a few numbers."""

from __future__ import annotations

from tabletop.skills.effects import joint, position, relative, rotation, shape
from tabletop.skills.effects.disturbed import disturbed
from tabletop.skills.effects.left import LEAVING, unfinished
from tabletop.skills.effects.position import MIDDLE, outcome
from tabletop.skills.effects.registry import (
    COLUMNS,
    DESCRIPTOR_WIDTH,
    DISTURBED,
    EFFECT_WIDTH,
    EFFECTS,
    FACT,
    HEIGHT,
    LEFT,
    REACH,
    SETTLES,
    Effect,
    effect,
    entities_for,
    get_effect,
    latches,
    possible,
)
from tabletop.skills.effects.relative import partner_of, related
from tabletop.skills.effects.requirements import requirements
from tabletop.skills.effects.rotation import TURN

__all__ = [
    "COLUMNS",
    "DESCRIPTOR_WIDTH",
    "DISTURBED",
    "EFFECTS",
    "EFFECT_WIDTH",
    "FACT",
    "HEIGHT",
    "LEAVING",
    "LEFT",
    "MIDDLE",
    "REACH",
    "SETTLES",
    "TURN",
    "Effect",
    "disturbed",
    "effect",
    "entities_for",
    "get_effect",
    "latches",
    "outcome",
    "partner_of",
    "possible",
    "related",
    "requirements",
    "unfinished",
]

del joint, position, relative, rotation, shape  # Imported for the effects that they register.
