"""A small multilayer network that an objective learns beside the policy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tabletop.errors import TabletopError
from tabletop.learn.adam import Adam

__all__ = ["Net"]


class Net:
    """Linear layers with relu between them, float32, on one flat vector of parameters.

    Args:
        sizes: columns of the input, of each hidden layer, and of the output.
        rate: Adam's learning rate.
        seed: of the initial weights, uniform within 1 / sqrt(inputs).
        lipschitz: divide each layer's matrix by its largest singular value, so that no two outputs are farther apart
            than their inputs (spectral normalisation, Miyato et al. 2018, with the exact norm: the layers are small).
    """

    def __init__(self, sizes: Sequence[int], rate: float, seed: int, *, lipschitz: bool = False) -> None:
        self.sizes, self.lipschitz = tuple(sizes), lipschitz
        generator = torch.Generator().manual_seed(seed)
        parts = [
            (torch.rand(rows, generator=generator) * 2 - 1) / fan**0.5
            for fan, out in pairwise(sizes)
            for rows in (fan * out, out)
        ]
        self.flat = torch.cat(parts)
        self._gradient = torch.zeros_like(self.flat)
        self._adam = Adam(self.flat, self._gradient, rate)

    def _layers(self, flat: Tensor) -> list[tuple[Tensor, Tensor]]:
        out, at = [], 0
        for fan, width in pairwise(self.sizes):
            weight = flat[at : at + fan * width].view(fan, width)
            bias = flat[at + fan * width : at + (fan + 1) * width]
            if self.lipschitz:
                weight = weight / torch.linalg.matrix_norm(weight, 2)
            out.append((weight, bias))
            at += (fan + 1) * width
        return out

    def function(self, flat: Tensor | None = None) -> Callable[[Tensor], Tensor]:
        """Return the network as a function (..., inputs) -> (..., outputs) of other parameters, or of its own."""
        *layers, last = self._layers(self.flat if flat is None else flat)

        def forward(x: Tensor) -> Tensor:
            for weight, bias in layers:
                x = torch.relu(x @ weight + bias)
            return x @ last[0] + last[1]

        return forward

    def descend(self, loss: Callable[[Callable[[Tensor], Tensor]], Tensor]) -> float:
        """Take one step of Adam down a loss of the network, and return the loss."""
        leaf = self.flat.detach().requires_grad_(True)
        value = loss(self.function(leaf))
        self._gradient.copy_(torch.autograd.grad(value, leaf)[0])
        self._adam.step()
        return float(value.detach())

    def __call__(self, x: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Return the outputs of inputs in numpy."""
        with torch.no_grad():
            out: npt.NDArray[np.float32] = self.function()(torch.from_numpy(np.asarray(x, np.float32))).numpy()
        return out

    def state_dict(self, prefix: str) -> dict[str, npt.NDArray[Any]]:
        """Return copies of the parameters and of Adam's state, under names that begin with the prefix."""
        state = {"flat": self.flat, **self._adam.state}
        return {f"{prefix}.{name}": value.numpy().copy() for name, value in state.items()}

    def load_state_dict(self, prefix: str, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Take over what `state_dict` gave.

        Raises:
            TabletopError: something is missing or of another shape.
        """
        for name, value in {"flat": self.flat, **self._adam.state}.items():
            found = state.get(f"{prefix}.{name}")
            if found is None or found.shape != tuple(value.shape):
                got = "nothing" if found is None else found.shape
                raise TabletopError(
                    f"the objective's state needs {prefix}.{name} of shape {tuple(value.shape)}; got {got}"
                )
            value.copy_(torch.from_numpy(np.array(found)))
