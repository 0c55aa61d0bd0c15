"""Adam over one flat tensor: torch's fused step without the optimiser object around it."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.optim.adam import adam

__all__ = ["Adam"]


class Adam:
    """Adam (Kingma & Ba 2015) over one flat tensor; its state can be saved before the first step.

    Args:
        parameters: shape (P,), float32; changed in place.
        gradient: shape (P,), float32; read at each step.
        rate: learning rate.
    """

    def __init__(self, parameters: Tensor, gradient: Tensor, rate: float) -> None:
        self._parameters, self._gradient, self._rate = [parameters], [gradient], rate
        self.state = {
            "step": torch.zeros((), device=parameters.device),
            "exp_avg": torch.zeros_like(parameters),
            "exp_avg_sq": torch.zeros_like(parameters),
        }

    def step(self) -> None:
        """Move the parameters along the gradient that was filled in."""
        adam(
            self._parameters,
            self._gradient,
            [self.state["exp_avg"]],
            [self.state["exp_avg_sq"]],
            [],
            [self.state["step"]],
            foreach=False,
            fused=True,
            amsgrad=False,
            beta1=0.9,
            beta2=0.999,
            lr=self._rate,
            weight_decay=0.0,
            eps=1e-8,
            maximize=False,
        )
