"""What an objective's own network looks at: effects in units of the resolution, or whole observations."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tabletop.discovery.collect import Record
from tabletop.discovery.hindsight_replay import HindsightReplay
from tabletop.discovery.objectives.base import Window
from tabletop.skills.codebook import Codebook
from tabletop.skills.effects import EFFECT_WIDTH
from tabletop.skills.observation import EGO, OTHER_WIDTH, OTHERS, TIME

__all__ = ["Features"]

Array = npt.NDArray[np.floating[Any]]
Index = npt.NDArray[np.intp]

_UNIT: Final = 0.05
"""m of effect that counts as 1."""


class Features:
    """Rows for a network: what the objective looks at, then which effect the code is of.

    Args:
        codes: the codes.
        discriminator_input: of DISCRIMINATOR_INPUTS.
    """

    def __init__(self, codes: Codebook, discriminator_input: str) -> None:
        self.codes, self.whole = codes, discriminator_input == "observation"
        self.size = EGO + OTHERS * OTHER_WIDTH - 1 if self.whole else EFFECT_WIDTH
        """Columns of what is seen."""
        self.columns = self.size + len(codes.effects)
        """Columns of a row."""
        self.used = np.ones((len(codes.effects), self.size), np.float32)
        """(effects, size): 1 for columns that say something, 0 for an effect's padding."""
        if not self.whole:
            for i, effect in enumerate(codes.effects):
                self.used[i, effect.size :] = 0.0

    def rows(self, seen: Array, effect_indices: Index | int) -> npt.NDArray[np.float32]:
        """Return rows (..., columns) of what is seen (..., size) by effects that broadcast to (...,)."""
        which = np.eye(len(self.codes.effects), dtype=np.float32)[effect_indices]
        return np.concatenate([seen, np.broadcast_to(which, (*seen.shape[:-1], which.shape[-1]))], axis=-1)

    def _of(self, effects: Array | None, observations: Array | None) -> npt.NDArray[np.float32]:
        if self.whole and observations is not None:
            # An embedding that counts steps would distinguish no codes.
            return np.delete(observations, TIME, axis=-1)
        out: npt.NDArray[np.float32] = (np.asarray(effects) / _UNIT).astype(np.float32)
        return out

    def window(self, window: Window) -> npt.NDArray[np.float32]:
        """Return what is seen at each time of a window, (n + 1, B, size)."""
        return self._of(None, window.observations) if self.whole else self._of(window.effects, None)

    def ends(self, record: Record) -> npt.NDArray[np.float32]:
        """Return what is seen at an episode's first and last step, (2, size)."""
        effect_index = self.codes.effect_of[record.code]
        return self._of(record.effects[[0, -1], effect_index], record.observations[[0, -1]])

    def steps(self, memory: HindsightReplay, rows: Index, effect_indices: Index) -> npt.NDArray[np.float32]:
        """Return what is seen in rows (B,) of the memory's steps, by effects (B,).

        Args:
            memory: what happened.
            rows: (B,), as in `HindsightReplay.steps`.
            effect_indices: (B,) which effect each is seen as.

        Returns:
            (B, size)
        """
        if self.whole:
            return self._of(None, memory.steps["observation"][rows])
        return self._of(memory.steps["effect"][rows, effect_indices], None)
