"""Perturbations of episodes by rising magnitudes, and what policies keep of their success."""

from __future__ import annotations

# Importing the module registers its families.
from tabletop.perturbation import families
from tabletop.perturbation.registry import (
    FAMILIES,
    Case,
    Family,
    Perturbation,
    get_family,
    on_episode,
    on_scene,
    select_families,
)
from tabletop.perturbation.sweep import Curve, Rates, Run, sweep
from tabletop.perturbation.tasks import perturb_tasks

__all__ = [
    "FAMILIES",
    "Case",
    "Curve",
    "Family",
    "Perturbation",
    "Rates",
    "Run",
    "families",
    "get_family",
    "on_episode",
    "on_scene",
    "perturb_tasks",
    "select_families",
    "sweep",
]
