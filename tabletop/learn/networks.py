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
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from tabletop.learn.actor import NetworkSpec
from tabletop.learn.inputs import Inputs, read

__all__ = ["Network", "Tape"]

_EPSILON = 1e-5  # added to the variance in the layer norm
_BATCHES = 4  # sizes of batch whose buffers are kept


@dataclass(slots=True)
class Tape:
    """What a forward pass leaves for the backward one. It is valid until the network's next forward pass."""

    x: Tensor
    """Shape (B, in): the trunk's input: ego columns, actions, pooled features."""
    rows: Tensor | None
    """Shape (others, B, other_width), float32: the encoder's input."""
    codes: Tensor | None
    """Shape (others, B, encoded), float32: the encoder's output, 0 where absent."""
    pooled: Tensor | None
    """Shape (B, encoded), float32: its maximum over the others."""
    layers: list[tuple[Tensor, ...]] = field(default_factory=list)
    """Per hidden layer: output (n, B, H), and with layer norm also its input, mean and 1/std."""

    def head(self, n: int) -> Tape:
        """Return the tape of the first n samples; of several batches run together, n is the first one's size."""
        layers = [tuple(part[:, :n] for part in layer) for layer in self.layers]
        if self.rows is None or self.codes is None or self.pooled is None:
            return Tape(self.x[:n], None, None, None, layers)
        return Tape(self.x[:n], self.rows, self.codes, self.pooled[:n], layers)


class Network:
    """`members` networks of one shape, run together: encoder (shared), hidden layers, linear output.

    Args:
        spec: how an observation's columns are read.
        extra: number of action columns that join the observation; 0 for an actor.
        outputs: number of outputs of each member.
        hidden: width of each hidden layer.
        members: number of networks (2 for twin critics).
        normalise: whether each hidden layer is normalised before its relu (layer norm, Ba et al. 2016, without
            scale and shift: the layer's own bias shifts, the next layer's weights scale).
        bf16: whether hidden layers are computed in bfloat16.
        generator: draws the initial weights, uniform within 1 / sqrt(inputs); on the device to compute on.
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
        self.device = generator.device
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
        self.flat = torch.zeros(sum(math.prod(s) for s in shapes.values()), device=self.device)
        self.gradient = torch.zeros_like(self.flat)
        self._low = self.flat.to(torch.bfloat16) if bf16 else self.flat
        self.dtype = self._low.dtype
        self.parameters = self.views(self.flat)
        self.gradients = self.views(self.gradient)
        for view, bound in zip(self.parameters.values(), bounds, strict=True):
            view.uniform_(-bound, bound, generator=generator)
        low = self.views(self._low)
        self._layers = [(low[f"layer{i}.weight"], low[f"layer{i}.bias"]) for i in range(self.depth)]
        self._space: dict[int, dict[tuple[str, torch.dtype], Tensor]] = {}
        self.refresh()

    def views(self, flat: Tensor) -> dict[str, Tensor]:
        """Return the parts of a vector laid out like `flat`, by parameter; they share its memory."""
        parts = torch.split(flat, [math.prod(s) for s in self.shapes.values()])
        return {name: part.view(shape) for (name, shape), part in zip(self.shapes.items(), parts, strict=True)}

    def refresh(self) -> None:
        """Copy the float32 parameters into the ones that are computed with. Call it after changing `flat`."""
        if self._low is not self.flat:
            self._low.copy_(self.flat)

    def forward(self, observations: Inputs | Tensor, actions: Tensor | None = None) -> tuple[Tensor, Tape]:
        """Return the outputs, (members, B, outputs) float32, and the tape.

        Args:
            observations: shape (B, O), float32; or S batches of them that were read before: their B is S times as
                large, one batch after the other.
            actions: shape (B, extra), float32; None if `extra` is 0.
        """
        inputs = observations if isinstance(observations, Inputs) else read(self.spec, observations)
        tape = self._input(inputs, actions)
        h, batch = tape.x.expand(self.members, *tape.x.shape), len(tape.x)
        for i, (weight, bias) in enumerate(self._layers):
            z = torch.baddbmm(bias, h, weight, out=self._buffer(f"layer{i}", batch, weight.shape[-1]))
            if self.normalise:
                h, mean, rstd = torch.native_layer_norm(z, z.shape[-1:], None, None, _EPSILON)
                tape.layers.append((_relu_(h), z, mean, rstd))
            else:
                h = _relu_(z)
                tape.layers.append((h,))
        last = self.parameters["last.weight"]
        out = torch.baddbmm(self.parameters["last.bias"], last, self._float(h).transpose(1, 2))
        return out.transpose(1, 2), tape

    def backward(self, tape: Tape, outputs: Tensor) -> None:
        """Fill `gradients` from the loss's gradient at the outputs, (members, B, outputs) float32.

        Args:
            tape: what the last `forward` returned, or its head.
            outputs: the loss's gradient with respect to the outputs of the tape's samples.
        """
        g = self._backward_last(tape.layers[-1][0], outputs)
        for i in reversed(range(self.depth)):
            h, *normal = tape.layers[i]
            _gate_(g, h)
            g = self._through_norm(g, normal)
            x = tape.layers[i - 1][0] if i else tape.x.expand(self.members, *tape.x.shape)
            self._product(f"layer{i}.weight", x.transpose(1, 2), g)
            torch.sum(g, 1, keepdim=True, dtype=torch.float32, out=self.gradients[f"layer{i}.bias"])
            if i:
                weight = self._layers[i][0].transpose(1, 2)
                g = torch.bmm(g, weight, out=self._buffer(f"gradient{i}", g.shape[1], weight.shape[-1]))
        if tape.pooled is not None:
            weight = self._layers[0][0][:, -self.spec.encoded :]
            self._backward_encoder(tape, torch.bmm(g, weight.transpose(1, 2)).float().sum(0))

    def slope(self, tape: Tape, members: Tensor) -> Tensor:
        """Return the gradient, with respect to its actions, of one member's only output a sample, (B, extra).

        Only the rows that a member is asked for are taken through it: of twin critics, half the work.

        Args:
            tape: what the last `forward` returned.
            members: shape (B,), integers: whose output.
        """
        if self.device.type == "cuda":
            return self._slope_of_all(tape, members)
        start, stop = self.spec.ego, self.spec.ego + self.extra
        found = torch.empty(len(members), self.extra, device=self.device)
        gate = torch.ops.aten.threshold_backward
        for member in range(self.members):
            rows = (members == member).nonzero()[:, 0]
            last = self.parameters["last.weight"][member].to(self.dtype)
            g = last.expand(len(rows), last.shape[-1])
            for i in reversed(range(self.depth)):
                h, *normal = (part[member].index_select(0, rows) for part in tape.layers[i])
                g = self._through_norm(gate(g, h, 0), normal)
                weight = self._layers[i][0][member]
                g = torch.mm(g, (weight if i else weight[start:stop]).t())
            found.index_copy_(0, rows, g.float())
        return found

    def _slope_of_all(self, tape: Tape, members: Tensor) -> Tensor:
        """Return what `slope` does, by taking all rows through all members: how many are whose need not be known.

        A GPU would have to tell, and be waited for. The work is no matter to it.
        """
        start, stop = self.spec.ego, self.spec.ego + self.extra
        asked = members == torch.arange(self.members, device=self.device).unsqueeze(1)
        g = self.parameters["last.weight"].to(self.dtype) * asked.unsqueeze(-1)
        for i in reversed(range(self.depth)):
            h, *normal = tape.layers[i]
            g = self._through_norm(torch.ops.aten.threshold_backward(g, h, 0), normal)
            weight = self._layers[i][0]
            g = torch.bmm(g, (weight if i else weight[:, start:stop]).transpose(1, 2))
        return g.float().sum(0)

    def _input(self, inputs: Inputs, actions: Tensor | None) -> Tape:
        spec, count = self.spec, inputs.ego.shape[0] * inputs.ego.shape[1]
        parts = [inputs.ego.reshape(count, -1)]
        if actions is not None:
            parts.append(actions)
        rows = codes = pooled = None
        if inputs.rows is not None and inputs.present is not None:
            # Float32: too small for bfloat16 to pay.
            rows, shape = inputs.rows[0], (*inputs.rows.shape[:-1], spec.encoded)
            flat = inputs.rows.view(-1, spec.other_width)
            every = torch.addmm(self.parameters["encoder.bias"], flat, self.parameters["encoder.weight"]).view(shape)
            every.relu_().mul_(inputs.present)
            codes, pooled = every[0], every.amax(1).view(count, spec.encoded)
            parts.append(pooled)
        if len(parts) == 1 and self.dtype == torch.float32:
            return Tape(parts[0], rows, codes, pooled)
        x = self._buffer("x", count, spec.features + self.extra)[0]
        return Tape(torch.cat(parts, 1, out=x), rows, codes, pooled)

    def _backward_last(self, h: Tensor, outputs: Tensor) -> Tensor:
        """Return the gradient at the last hidden layer, (n, B, H), in the network's dtype."""
        torch.bmm(outputs.transpose(1, 2), self._float(h), out=self.gradients["last.weight"])
        torch.sum(outputs.transpose(1, 2), 2, keepdim=True, out=self.gradients["last.bias"])
        last, batch = self.parameters["last.weight"], outputs.shape[1]
        g = self._buffer("gradient", batch, last.shape[-1], torch.float32)
        if last.shape[1] == 1:
            torch.mul(outputs, last, out=g)
        else:
            torch.bmm(outputs, last, out=g)
        return g if self.dtype == g.dtype else self._buffer("gradient", batch, last.shape[-1]).copy_(g)

    def _through_norm(self, g: Tensor, normal: Sequence[Tensor]) -> Tensor:
        """Take the gradient at a layer norm's output to its input; `normal` is that, mean and 1/std, or nothing."""
        if not normal:
            return g
        z, mean, rstd = normal
        back = torch.ops.aten.native_layer_norm_backward
        return back(g, z, z.shape[-1:], mean, rstd, None, None, [True, False, False])[0]  # type: ignore[no-any-return]

    def _backward_encoder(self, tape: Tape, gradient: Tensor) -> None:
        if tape.codes is None or tape.rows is None or tape.pooled is None:
            return
        gradient *= tape.pooled > 0
        g = ((tape.codes == tape.pooled) * gradient).view(-1, self.spec.encoded)
        rows = tape.rows.reshape(-1, self.spec.other_width)
        torch.mm(rows.t(), g, out=self.gradients["encoder.weight"])
        torch.sum(g, 0, out=self.gradients["encoder.bias"])

    def _product(self, name: str, left: Tensor, right: Tensor) -> None:
        """Put left @ right into the gradient of a parameter."""
        if self.dtype == torch.float32:
            torch.bmm(left, right, out=self.gradients[name])
        else:
            self.gradients[name].copy_(torch.bmm(left, right))

    def _float(self, h: Tensor) -> Tensor:
        """Return the last hidden layer as float32, in a buffer if it is not."""
        return h if h.dtype == torch.float32 else self._buffer("last", h.shape[1], h.shape[2], torch.float32).copy_(h)

    def _buffer(self, name: str, batch: int, width: int, dtype: torch.dtype | None = None) -> Tensor:
        """Return the same memory, (members, batch, width), at each call: new memory costs page faults."""
        space = self._space.get(batch)
        if space is None:
            if len(self._space) == _BATCHES:
                self._space.clear()
            space = self._space[batch] = {}
        key = (name, dtype or self.dtype)
        if key not in space:
            space[key] = torch.empty(self.members, batch, width, dtype=key[1], device=self.device)
        return space[key]


def _relu_(x: Tensor) -> Tensor:
    """Set what is negative to 0, in place."""
    if x.dtype == torch.bfloat16:
        # A negative float has its sign bit set, so it is a negative integer too, and integers are vectorised.
        x.view(torch.int16).clamp_min_(0)
        return x
    return x.relu_()


def _gate_(g: Tensor, h: Tensor) -> None:
    """Set the gradient to 0 where relu's output `h` is 0, in place."""
    if g.dtype == torch.bfloat16:
        g.view(torch.int16).mul_(h.view(torch.int16).clamp(0, 1))
    else:
        torch.ops.aten.threshold_backward.grad_input(g, h, 0, grad_input=g)
