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

__all__ = ["Network", "Tape"]

_EPSILON = 1e-5  # added to the variance in the layer norm


@dataclass(slots=True)
class Tape:
    """What a forward pass leaves for the backward one."""

    x: Tensor
    """Shape (B, in): the trunk's input: ego columns, actions, pooled features."""
    rows: Tensor | None
    """Shape (B * others, other_width): the encoder's input."""
    codes: Tensor | None
    """Shape (B, others, encoded): the encoder's output, 0 where absent."""
    layers: list[tuple[Tensor, ...]] = field(default_factory=list)
    """Per hidden layer: output (n, B, H), and with layer norm also its input, mean and 1/std."""
    last: Tensor | None = None
    """Shape (n, B, H), float32: the last layer's input."""


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
        for i in range(len(sizes) - 1):
            shapes[f"layer{i}.weight"] = (members, sizes[i], sizes[i + 1])
            shapes[f"layer{i}.bias"] = (members, 1, sizes[i + 1])
            bounds += [1 / math.sqrt(sizes[i])] * 2
        self.shapes = shapes
        self.flat = torch.zeros(sum(math.prod(s) for s in shapes.values()))
        self.gradient = torch.zeros_like(self.flat)
        self._low = self.flat.to(torch.bfloat16) if bf16 else self.flat
        self.dtype = self._low.dtype
        self.parameters = self._views(self.flat)
        self.gradients = self._views(self.gradient)
        for view, bound in zip(self.parameters.values(), bounds, strict=True):
            view.uniform_(-bound, bound, generator=generator)
        low = self._views(self._low)
        self._encoder = (low["encoder.weight"], low["encoder.bias"]) if spec.others else None
        self._layers = [(low[f"layer{i}.weight"], low[f"layer{i}.bias"]) for i in range(self.depth)]
        last = f"layer{self.depth}"
        self._last = (self.parameters[f"{last}.weight"], self.parameters[f"{last}.bias"])
        self.refresh()

    def _views(self, flat: Tensor) -> dict[str, Tensor]:
        parts = flat.split([math.prod(s) for s in self.shapes.values()])
        return {name: part.view(shape) for (name, shape), part in zip(self.shapes.items(), parts, strict=True)}

    def refresh(self) -> None:
        """Copy the float32 parameters into the ones that are computed with. Call it after changing `flat`."""
        if self._low is not self.flat:
            self._low.copy_(self.flat)

    def forward(self, observations: Tensor, actions: Tensor | None = None) -> tuple[Tensor, Tape]:
        """Return the outputs, (members, B, outputs) float32, and the tape.

        Args:
            observations: shape (B, O), the network's dtype (`dtype`).
            actions: shape (B, extra), any float dtype; None if `extra` is 0.
        """
        tape = self._input(observations, actions)
        h = tape.x.expand(self.members, *tape.x.shape)
        for weight, bias in self._layers:
            z = torch.baddbmm(bias, h, weight)
            if self.normalise:
                h, mean, rstd = torch.native_layer_norm(z, z.shape[-1:], None, None, _EPSILON)
                _relu_(h)
                tape.layers.append((h, z, mean, rstd))
            else:
                h = _relu_(z)
                tape.layers.append((h,))
        last = tape.last = h.float()
        weight, bias = self._last
        if weight.shape[-1] > 1:
            return torch.baddbmm(bias, last, weight), tape
        # One column: a batched product with it is ten times slower than matrix times vector.
        columns = [torch.mv(last[i], weight[i, :, 0]) for i in range(self.members)]
        return torch.stack(columns).unsqueeze_(-1).add_(bias), tape

    def backward(self, tape: Tape, outputs: Tensor, *, weights: bool = True, actions: bool = False) -> Tensor | None:
        """Go back from the gradient at the outputs, (members, B, outputs) float32.

        Args:
            tape: what `forward` returned.
            outputs: the loss's gradient with respect to the outputs.
            weights: whether to fill `gradients`.
            actions: whether to return the gradient with respect to the actions.

        Returns:
            Shape (B, extra), float32, summed over the members; None unless asked for.
        """
        g = self._backward_last(tape, outputs, weights)
        for i in reversed(range(self.depth)):
            layer = tape.layers[i]
            _gate_(g, layer[0])
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
                g = torch.bmm(g, self._layers[i][0].transpose(1, 2))
        start = self.spec.ego
        if weights and tape.codes is not None:
            self._backward_encoder(tape, self._backward_input(g, start + self.extra, start + self.extra + self.spec.encoded))
        return self._backward_input(g, start, start + self.extra).float() if actions else None

    def _input(self, observations: Tensor, actions: Tensor | None) -> Tape:
        spec = self.spec
        parts = [observations[:, : spec.ego]]
        if actions is not None:
            parts.append(actions.to(self.dtype))
        if self._encoder is None:
            return Tape(torch.cat(parts, 1) if len(parts) > 1 else parts[0], None, None)
        weight, bias = self._encoder
        rows = observations[:, spec.ego :].reshape(-1, spec.other_width)
        codes = _relu_(torch.addmm(bias, rows, weight)).view(-1, spec.others, spec.encoded)
        codes.mul_((rows[:, :1] > 0).view(-1, spec.others, 1))
        parts.append(codes.amax(1))
        return Tape(torch.cat(parts, 1), rows, codes)

    def _backward_last(self, tape: Tape, outputs: Tensor, weights: bool) -> Tensor:
        """Return the gradient at the last hidden layer, (n, B, H), in the network's dtype."""
        weight, _ = self._last
        last = tape.last
        if last is None:
            raise RuntimeError("a tape is complete only after forward")
        one = weight.shape[-1] == 1
        if weights:
            name = f"layer{self.depth}"
            if one:
                for i in range(self.members):
                    torch.mv(last[i].t(), outputs[i, :, 0], out=self.gradients[f"{name}.weight"][i, :, 0])
            else:
                torch.bmm(last.transpose(1, 2), outputs, out=self.gradients[f"{name}.weight"])
            torch.sum(outputs, 1, keepdim=True, out=self.gradients[f"{name}.bias"])
        g = outputs * weight.transpose(1, 2) if one else torch.bmm(outputs, weight.transpose(1, 2))
        return g.to(self.dtype)

    def _backward_input(self, g: Tensor, start: int, stop: int) -> Tensor:
        """Return the gradient at columns start..stop of the trunk's input, summed over the members."""
        weight = self._layers[0][0][:, start:stop]
        return torch.bmm(g, weight.transpose(1, 2)).sum(0)

    def _backward_encoder(self, tape: Tape, pooled: Tensor) -> None:
        codes, rows = tape.codes, tape.rows
        if codes is None or rows is None:
            return
        best = tape.x[:, -self.spec.encoded :].unsqueeze(1)
        g = (codes == best) * pooled.mul_(best[:, 0] > 0).unsqueeze(1)
        g = g.view(-1, self.spec.encoded)
        self._product("encoder.weight", rows.t(), g)
        self.gradients["encoder.bias"].copy_(g.sum(0))

    def _product(self, name: str, left: Tensor, right: Tensor) -> None:
        """Put left @ right into the gradient of a parameter."""
        if self.dtype == torch.float32:
            torch.matmul(left, right, out=self.gradients[name])
        else:
            self.gradients[name].copy_(left @ right)


def _relu_(x: Tensor) -> Tensor:
    """Set what is negative to 0, in place."""
    if x.dtype == torch.bfloat16:
        # A negative float has its sign bit set, so that it is a negative integer too; integers are vectorised.
        x.view(torch.int16).clamp_min_(0)
        return x
    return x.relu_()


def _gate_(g: Tensor, h: Tensor) -> None:
    """Set the gradient to 0 where relu's output `h` is 0, in place."""
    if g.dtype == torch.bfloat16:
        g.view(torch.int16).mul_(h.view(torch.int16).clamp(0, 1))
    else:
        torch.ops.aten.threshold_backward.grad_input(g, h, 0, grad_input=g)
