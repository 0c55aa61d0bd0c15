"""What help lists as possible values. It is written down here, as importing the registries takes seconds.

tests/cli/test_help.py holds that the registries have the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tabletop.projects import find

__all__ = ["BASELINE_OBJECTIVES", "DEFAULT_FAMILIES", "EFFECTS", "FAMILIES", "OBJECTIVES", "SUITES", "cards", "listed"]

OBJECTIVES: Final = (
    *("final-state", "final-state-at-end", "every-state", "first-and-last", "trajectory", "lsd", "csd", "metra"),
    "explore-then-discover",
)
BASELINE_OBJECTIVES: Final = ("max-entropy", "random")
EFFECTS: Final = (
    *("held_at", "displaced", "slid", "placed", "turned", "toppled", "dropped", "related", "reached", "joint"),
    *("dragged", "shaped"),
)
FAMILIES: Final = (
    *("push-arm", "push-object", "observation-noise", "observation-loss", "stuck-sensor", "action-delay"),
    *("action-noise", "action-loss", "tilt", "mass", "friction"),
)
"""Of perturbations."""
DEFAULT_FAMILIES: Final = ("push-arm", "push-object", "observation-noise", "action-delay", "mass", "friction")
"""Those that `tabletop perturb` runs where nothing else is said."""
SUITES: Final = (
    *("MT1:TASK", "MT10", "MT25", "MT50", "ML1-train:TASK", "ML1-test:TASK", "ML10-train", "ML10-test"),
    *("ML25-train", "ML25-test", "ML45-train", "ML45-test", "lecture", "deformable", "long-horizon"),
)
"""Those with :TASK are of any one task."""


def cards() -> tuple[str, ...]:
    """Return the names of the scene cards: those that ship, and those of the projects in use."""
    return tuple(find("assets/scenes"))


def listed(names: Sequence[str]) -> str:
    """Return names as help shows them."""
    return ", ".join(names)
