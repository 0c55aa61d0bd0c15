"""Multilayer networks on one flat parameter buffer, with the backward pass written out.

Autograd's bookkeeping costs as much as the arithmetic at this size (256 x 256, batch 256, one thread).
Here each network knows its own two passes; the twin critics are one batched product; the parameters,
gradients and Adam's moments are one vector each; and with `bf16` the hidden layers' products run in
bfloat16 on a copy of the float32 parameters. The last layer is float32 always: a Q-value rounded to 8
bits would drown the differences that the policy is to climb.

tests/learn/test_networks.py holds both passes against autograd.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from tabletop.learn.actor import NetworkSpec

__all__ = ["Network", "Tape", "has_bf16"]

_EPSILON = 1e-5  # added to the variance in the layer norm


def has_bf16() -> bool:
    """Return whether this processor multiplies matrices of bfloat16 itself (AVX-512 BF16 or AMX)."""
    return any(getattr(torch.cpu, name, bool)() for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))


@dataclass(slots=True)
class Tape:
    """What a forward pass leaves for the backward one. It is valid until the network's next forward pass."""

    x: Tensor
    """Shape (B, in): the trunk's input: ego columns, actions, pooled features."""
    rows: Tensor | None
    """Shape (others * B, other_width), float32: the encoder's input."""
    codes: Tensor | None
    """Shape (others, B, encoded), float32: the encoder's output, 0 where absent."""
    pooled: Tensor | None
    """Shape (B, encoded), float32: its maximum over the others."""
    layers: list[tuple[Tensor, ...]] = field(default_factory=list)
    """Per hidden layer: output (n, B, H), and with layer norm also its input, mean and 1/std."""


class Network:
    """`members` networks of one shape, run together: encoder (shared), hidden layers, linear output.

    Args:
        spec: how an observation's columns are read.
        extra: number of action columns that join the observation; 0 for an actor.
        outputs: number of outputs of each member.
        hidden: width of each hidden layer.
        members: number of networks (2 for twin critics).
        normalise: whether each hidden layer is normalised before its relu (layer norm without scale and
            shift: the layer's own bias shifts, the next layer's weights scale).
        bf16: whether hidden layers are computed in bfloat16.
        generator: draws the initial weights, uniform within 1 / sqrt(inputs).
    """

    def __init__(
        self,
        spec: NetworkSpec,
        extra: int,
        outputs: int,
        hidden: tuple[int, ...],
        members: int,
        normalise: bool,
        bf16: bool,
        generator: torch.Generator,
    ) -> None:
        self.spec, self.extra, self.members, self.normalise = spec, extra, members, normalise
        self.depth = len(hidden)
        sizes = (spec.features + extra, *hidden, outputs)
        shapes: dict[str, tuple[int, ...]] = {}
        bounds: list[float] = []
        if spec.others:
            shapes["encoder.weight"] = (spec.other_width, spec.encoded)
            shapes["encoder.bias"] = (spec.encoded,)
            bounds += [1 / math.sqrt(spec.other_width)] * 2
        for i in range(self.depth):
            shapes[f"layer{i}.weight"] = (members, sizes[i], sizes[i + 1])
            shapes[f"layer{i}.bias"] = (members, 1, sizes[i + 1])
            bounds += [1 / math.sqrt(sizes[i])] * 2
        # The last layer is narrow: stored (out, in), its products are five times as fast.
        shapes["last.weight"] = (members, outputs, sizes[-2])
        shapes["last.bias"] = (members, outputs, 1)
        bounds += [1 / math.sqrt(sizes[-2])] * 2
        self.shapes = shapes
        self.flat = torch.zeros(sum(math.prod(s) for s in shapes.values()))
        self.gradient = torch.zeros_like(self.flat)
        self._low = self.flat.to(torch.bfloat16) if bf16 else self.flat
        self.dtype = self._low.dtype
        self.parameters = self.views(self.flat)
        self.gradients = self.views(self.gradient)
        for view, bound in zip(self.parameters.values(), bounds, strict=True):
            view.uniform_(-bound, bound, generator=generator)
        low = self.views(self._low)
        self._layers = [(low[f"layer{i}.weight"], low[f"layer{i}.bias"]) for i in range(self.depth)]
        self._space: dict[tuple[str, int, torch.dtype], Tensor] = {}
        self._batch = 0
        self.refresh()

    def views(self, flat: Tensor) -> dict[str, Tensor]:
        """Return the parts of a vector laid out like `flat`, by parameter; they share its memory."""
        parts = torch.split(flat, [math.prod(s) for s in self.shapes.values()])
        return {name: part.view(shape) for (name, shape), part in zip(self.shapes.items(), parts, strict=True)}

    def refresh(self) -> None:
        """Copy the float32 parameters into the ones that are computed with. Call it after changing `flat`."""
        if self._low is not self.flat:
            self._low.copy_(self.flat)

    def forward(self, observations: Tensor, actions: Tensor | None = None) -> tuple[Tensor, Tape]:
        """Return the outputs, (members, B, outputs) float32, and the tape.

        Args:
            observations: shape (B, O), float32.
            actions: shape (B, extra), float32; None if `extra` is 0.
        """
        tape = self._input(observations, actions)
        h = tape.x.expand(self.members, *tape.x.shape)
        for i, (weight, bias) in enumerate(self._layers):
            z = torch.baddbmm(bias, h, weight, out=self._buffer(f"layer{i}", weight.shape[-1]))
            if self.normalise:
                h, mean, rstd = torch.native_layer_norm(z, z.shape[-1:], None, None, _EPSILON)
                tape.layers.append((_relu_(h), z, mean, rstd))
            else:
                h = _relu_(z)
                tape.layers.append((h,))
        last = self.parameters["last.weight"]
        out = torch.baddbmm(self.parameters["last.bias"], last, self._float(h).transpose(1, 2))
        return out.transpose(1, 2), tape

    def backward(self, tape: Tape, outputs: Tensor, *, weights: bool = True, actions: bool = False) -> Tensor | None:
        """Go back from the gradient at the outputs, (members, B, outputs) float32.

        Args:
            tape: what the last `forward` returned.
            outputs: the loss's gradient with respect to the outputs.
            weights: whether to fill `gradients`.
            actions: whether to return the gradient with respect to the actions.

        Returns:
            Shape (B, extra), float32, summed over the members; None unless asked for.
        """
        g = self._backward_last(tape.layers[-1][0], outputs, weights)
        for i in reversed(range(self.depth)):
            layer = tape.layers[i]
            self._gate_(g, layer[0])
            if self.normalise:
                _, z, mean, rstd = layer
                g = torch.ops.aten.native_layer_norm_backward(
                    g, z, z.shape[-1:], mean, rstd, None, None, [True, False, False]
                )[0]
            if weights:
                x = tape.layers[i - 1][0] if i else tape.x.expand(self.members, *tape.x.shape)
                self._product(f"layer{i}.weight", x.transpose(1, 2), g)
                self.gradients[f"layer{i}.bias"].copy_(g.sum(1, keepdim=True))
            if i:
                weight = self._layers[i][0].transpose(1, 2)
                g = torch.bmm(g, weight, out=self._buffer(f"gradient{i}", weight.shape[-1]))
        start, stop = self.spec.ego, self.spec.ego + self.extra
        if weights and tape.pooled is not None:
            self._backward_encoder(tape, self._backward_input(g, stop, stop + self.spec.encoded))
        return self._backward_input(g, start, stop) if actions else None

    def _input(self, observations: Tensor, actions: Tensor | None) -> Tape:
        spec = self.spec
        if len(observations) != self._batch:
            self._space.clear()
            self._batch = len(observations)
        x = torch.empty(self._batch, spec.features + self.extra, dtype=self.dtype)
        x[:, : spec.ego] = observations[:, : spec.ego]
        if actions is not None:
            x[:, spec.ego : spec.ego + self.extra] = actions
        if not spec.others:
            return Tape(x, None, None, None)
        # Entity-major, so that the maximum runs over whole blocks. Float32: too small for bfloat16 to pay.
        rows = observations[:, spec.ego :].view(-1, spec.others, spec.other_width)
        rows = rows.transpose(0, 1).reshape(-1, spec.other_width)
        codes = torch.addmm(self.parameters["encoder.bias"], rows, self.parameters["encoder.weight"])
        codes = codes.relu_().mul_((rows[:, :1] > 0).float()).view(spec.others, -1, spec.encoded)
        pooled = codes.amax(0)
        x[:, -spec.encoded :] = pooled
        return Tape(x, rows, codes, pooled)

    def _backward_last(self, h: Tensor, outputs: Tensor, weights: bool) -> Tensor:
        """Return the gradient at the last hidden layer, (n, B, H), in the network's dtype."""
        if weights:
            torch.bmm(outputs.transpose(1, 2), self._float(h), out=self.gradients["last.weight"])
            torch.sum(outputs.transpose(1, 2), 2, keepdim=True, out=self.gradients["last.bias"])
        last = self.parameters["last.weight"]
        g = self._buffer("gradient", last.shape[-1], torch.float32)
        if last.shape[1] == 1:
            torch.mul(outputs, last, out=g)
        else:
            torch.bmm(outputs, last, out=g)
        return g if self.dtype == g.dtype else self._buffer("gradient", last.shape[-1]).copy_(g)

    def _backward_input(self, g: Tensor, start: int, stop: int) -> Tensor:
        """Return the gradient at columns start..stop of the trunk's input, float32, members summed."""
        weight = self._layers[0][0][:, start:stop]
        return torch.bmm(g, weight.transpose(1, 2)).float().sum(0)

    def _backward_encoder(self, tape: Tape, gradient: Tensor) -> None:
        if tape.codes is None or tape.rows is None or tape.pooled is None:
            return
        gradient *= tape.pooled > 0
        g = ((tape.codes == tape.pooled) * gradient).view(-1, self.spec.encoded)
        torch.mm(tape.rows.t(), g, out=self.gradients["encoder.weight"])
        torch.sum(g, 0, out=self.gradients["encoder.bias"])

    def _product(self, name: str, left: Tensor, right: Tensor) -> None:
        """Put left @ right into the gradient of a parameter."""
        if self.dtype == torch.float32:
            torch.bmm(left, right, out=self.gradients[name])
        else:
            self.gradients[name].copy_(torch.bmm(left, right))

    def _float(self, h: Tensor) -> Tensor:
        """Return the last hidden layer as float32, in a buffer if it is not."""
        return h if h.dtype == torch.float32 else self._buffer("last", h.shape[-1], torch.float32).copy_(h)

    def _gate_(self, g: Tensor, h: Tensor) -> None:
        """Set the gradient to 0 where relu's output `h` is 0, in place."""
        if g.dtype == torch.bfloat16:
            open_ = torch.clamp(h.view(torch.int16), 0, 1, out=self._buffer("gate", h.shape[-1], torch.int16))
            g.view(torch.int16).mul_(open_)
        else:
            torch.ops.aten.threshold_backward.grad_input(g, h, 0, grad_input=g)

    def _buffer(self, name: str, width: int, dtype: torch.dtype | None = None) -> Tensor:
        """Return the same memory, (members, B, width), at each call: new memory costs page faults."""
        key = (name, width, dtype or self.dtype)
        if key not in self._space:
            self._space[key] = torch.empty(self.members, self._batch, width, dtype=key[2])
        return self._space[key]


def _relu_(x: Tensor) -> Tensor:
    """Set what is negative to 0, in place."""
    if x.dtype == torch.bfloat16:
        # A negative float has its sign bit set, so it is a negative integer too, and integers are vectorised.
        x.view(torch.int16).clamp_min_(0)
        return x
    return x.relu_()
