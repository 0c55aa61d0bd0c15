"""Observations laid out for the networks: read once an update, used by the actor and by every critic."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from tabletop.learn.actor import NetworkSpec

__all__ = ["Inputs", "read"]


@dataclass(frozen=True, slots=True)
class Inputs:
    """S batches of B observations each; batches are stacked so that a network can run over all of them at once."""

    ego: Tensor
    """Shape (S, B, ego), float32."""
    rows: Tensor | None
    """Shape (S, others, B, other_width), float32. Entity-major, so that a maximum over entities runs over whole
    blocks."""
    present: Tensor | None
    """Shape (S, others, B, 1), float32: 1 where there is an entity, 0 where the row is padding."""

    def part(self, i: int) -> Inputs:
        """Return one of the S batches; the memory is shared."""
        if self.rows is None or self.present is None:
            return Inputs(self.ego[i : i + 1], None, None)
        return Inputs(self.ego[i : i + 1], self.rows[i : i + 1], self.present[i : i + 1])


def read(spec: NetworkSpec, observations: Tensor) -> Inputs:
    """Lay out observations, (S, B, O) or (B, O), float32."""
    if observations.ndim == 2:
        observations = observations.unsqueeze(0)
    if not spec.others:
        return Inputs(observations, None, None)
    shape = (*observations.shape[:2], spec.others, spec.other_width)
    rows = observations[..., spec.ego :].reshape(shape).transpose(1, 2).contiguous()
    return Inputs(observations[..., : spec.ego], rows, (rows[..., :1] > 0).to(torch.float32))
