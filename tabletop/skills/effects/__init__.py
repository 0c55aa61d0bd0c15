"""What a skill did: one function per effect, from first and later states to a few numbers."""

from __future__ import annotations

from tabletop.skills.effects import deformable, gripper, joints
from tabletop.skills.effects.registry import (
    EFFECT_WIDTH,
    EFFECTS,
    FACT,
    REACH,
    Effect,
    effect,
    entities_for,
    get_effect,
    possible,
)
from tabletop.skills.effects.relations import partner_of, related
from tabletop.skills.effects.rigid import MIDDLE, TURN, outcome

__all__ = [
    "EFFECTS",
    "EFFECT_WIDTH",
    "FACT",
    "MIDDLE",
    "REACH",
    "TURN",
    "Effect",
    "effect",
    "entities_for",
    "get_effect",
    "outcome",
    "partner_of",
    "possible",
    "related",
]

del deformable, gripper, joints  # Imported for the effects that they register.
