"""Batches seen otherwise: what is learned at one place, on one side and with one grip holds at others.

Physics are alike on both sides of the robot, all around its base, a little farther off, and with the gripper's two
fingers exchanged. So a batch is mirrored, turned, shifted and half-turned; rewards stay what they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tabletop.discovery.learner_config import LearnerSettings
from tabletop.discovery.objectives import Objective
from tabletop.skills.codebook import Codebook
from tabletop.skills.effects import MIDDLE
from tabletop.skills.observation import half_turned, mirrored, positions, rotated, transformed

__all__ = ["Augmentation", "Transitions"]

Floats = npt.NDArray[np.floating[Any]]

_REACH: Final = np.array([[0.34, -0.33], [0.67, 0.33]])
"""m, world: corners of what is well within the arm's reach."""
_SHARE: Final = 0.75
"""Of a batch that is turned, and of it that is shifted."""
_MIRRORED_ACTION: Final = np.array([1, -1, 1, -1, 1], dtype=np.float32)


@dataclass
class Transitions:
    """B steps, changed in place."""

    before: npt.NDArray[np.float32]
    """(B, O) observations."""
    after: npt.NDArray[np.float32]
    """(B, O), some steps later."""
    actions: npt.NDArray[np.float32]
    """(B, 5)"""
    embeddings: Floats
    """(B, width) what is asked for."""
    now: Floats
    """(B, EFFECT_WIDTH) effects so far."""
    later: Floats
    """(B, EFFECT_WIDTH) effects some steps later."""


class Augmentation:
    """Changes batches as the settings say, as far as the objective's codes have such an image."""

    def __init__(self, codes: Codebook, settings: LearnerSettings) -> None:
        """Look which numbers of effects are places, and which are horizontal vectors."""
        effects = codes.effects
        self._settings = settings
        self._places = np.array([effect.places and effect.asked == 3 for effect in effects])
        self._vectors = np.array([effect.size >= 3 for effect in effects])
        self._free_of_edge = np.array(["edge" not in effect.columns for effect in effects])

    def __call__(
        self, batch: Transitions, effect_indices: npt.NDArray[np.intp], objective: Objective, rng: np.random.Generator
    ) -> None:
        """Change a batch.

        Args:
            batch: the steps.
            effect_indices: (B,) effect of each.
            objective: says what its codes' mirror images are, and what policies are conditioned on.
            rng: draws.
        """
        s, count = self._settings, len(batch.actions)
        flipped = np.arange(0, count, 2)
        sign = objective.mirror(effect_indices[flipped]) if s.mirror else None
        if sign is not None:
            batch.before[flipped], batch.after[flipped] = (
                mirrored(batch.before[flipped]),
                mirrored(batch.after[flipped]),
            )
            batch.actions[flipped] *= _MIRRORED_ACTION
            batch.embeddings[flipped] *= sign
            if objective.conditioning != "vector":
                batch.now[flipped] *= sign
                batch.later[flipped] *= sign
        if objective.conditioning == "target":
            self._transform(batch, effect_indices, rng)
        if s.half_turns:
            half = rng.random(count) < 0.5
            batch.before[half], batch.after[half] = half_turned(batch.before[half]), half_turned(batch.after[half])

    def _transform(self, batch: Transitions, effect_indices: npt.NDArray[np.intp], rng: np.random.Generator) -> None:
        """Turn a batch about the robot's base and shift it, as far as it stays within reach."""
        s, count = self._settings, len(batch.actions)
        # How far the edge is stays with the place: what counts by it is left where it is.
        free = self._free_of_edge[effect_indices]
        angle = rng.uniform(-s.turn, s.turn, count) * (rng.random(count) < _SHARE) * free
        # An action is a way along each axis, within 1.
        angle[np.abs(rotated(batch.actions[:, :2], angle)).max(-1) > 1.0] = 0.0
        at = np.stack([*positions(batch.before), *positions(batch.after)])
        there = rotated(at, angle)
        out = ((there.min(0) < _REACH[0]) | (there.max(0) > _REACH[1])).any(-1)
        angle[out] = 0.0
        there[:, out] = at[:, out]
        shift = rng.uniform(-s.shift, s.shift, (count, 2)) * (rng.random((count, 1)) < _SHARE) * free[:, None]
        least, most = np.minimum(_REACH[0] - there.min(0), 0.0), np.maximum(_REACH[1] - there.max(0), 0.0)
        shift = np.clip(shift, least, most)
        batch.actions[:, :2] = rotated(batch.actions[:, :2], angle)
        places, vectors = self._places[effect_indices], self._vectors[effect_indices]
        for rows in (batch.embeddings, batch.now, batch.later):
            rows[places, :2] += MIDDLE
            rows[vectors, :2] = rotated(rows[vectors, :2], angle[vectors])
            rows[places, :2] += shift[places] - MIDDLE
        batch.before, batch.after = transformed(batch.before, angle, shift), transformed(batch.after, angle, shift)
