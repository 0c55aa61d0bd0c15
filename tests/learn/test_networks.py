from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tabletop.learn.actor import NetworkSpec
from tabletop.learn.inputs import read
from tabletop.learn.networks import Network

SPECS = [NetworkSpec(11), NetworkSpec(7, others=3, other_width=4, encoded=8)]


def observations(spec: NetworkSpec, batch: int, seed: int = 0) -> Tensor:
    x = torch.randn(batch, spec.observation_size, generator=torch.Generator().manual_seed(seed))
    if spec.others:
        rows = x[:, spec.ego :].view(batch, spec.others, spec.other_width)
        rows[..., 0] = (rows[..., 0] > -0.5).float()
    return x


def network(spec: NetworkSpec, bf16: bool = False, members: int = 2, outputs: int = 1, extra: int = 5) -> Network:
    return Network(spec, extra, outputs, (32, 24), members, True, bf16, torch.Generator().manual_seed(3))


def reference(net: Network, p: dict[str, Tensor], obs: Tensor, actions: Tensor) -> Tensor:
    """The same network in plain float32 autograd."""
    parts = [obs[:, : net.spec.ego], actions]
    if net.spec.others:
        rows = obs[:, net.spec.ego :].view(len(obs), net.spec.others, net.spec.other_width)
        codes = torch.relu(rows @ p["encoder.weight"] + p["encoder.bias"]) * (rows[..., :1] > 0)
        parts.append(codes.amax(1))
    out = []
    for i in range(net.members):
        h = torch.cat(parts, 1)
        for j in range(net.depth):
            h = h @ p[f"layer{j}.weight"][i] + p[f"layer{j}.bias"][i]
            if net.normalise:
                h = torch.nn.functional.layer_norm(h, h.shape[-1:])
            h = torch.relu(h)
        out.append(h @ p["last.weight"][i].T + p["last.bias"][i, :, 0])
    return torch.stack(out)


def gradients(net: Network, obs: Tensor, actions: Tensor, weigh: Tensor) -> dict[str, Tensor]:
    """Output, and gradients of sum(output * weigh), by autograd."""
    leaves = {name: value.clone().requires_grad_() for name, value in net.parameters.items()}
    variable = actions.clone().requires_grad_()
    out = reference(net, leaves, obs, variable)
    (out * weigh).sum().backward()
    found = {
        "out": out.detach(),
        "actions": variable.grad,
        **{name: leaf.grad for name, leaf in leaves.items()},
    }
    return {name: value for name, value in found.items() if value is not None}


def off(found: Tensor, wanted: Tensor) -> float:
    return float((found.float() - wanted).norm() / wanted.norm())


@pytest.mark.parametrize("bf16", [False, True])
@pytest.mark.parametrize("outputs", [1, 4])
@pytest.mark.parametrize("normalise", [False, True])
@pytest.mark.parametrize("spec", SPECS)
def test_both_passes_equal_autograd(spec: NetworkSpec, normalise: bool, outputs: int, bf16: bool) -> None:
    generator = torch.Generator().manual_seed(3)
    net = Network(spec, 5, outputs, (128, 96), 2, normalise, bf16, generator)
    obs, actions = observations(spec, 256), torch.rand(256, 5, generator=generator) * 2 - 1
    weigh = torch.randn(2, 256, outputs, generator=generator)
    expected = gradients(net, obs, actions, weigh)

    out, tape = net.forward(obs, actions)
    net.backward(tape, weigh)

    assert out.dtype == torch.float32
    del expected["actions"]
    found = {"out": out, **net.gradients}
    errors = {name: off(value, expected[name]) for name, value in found.items()}
    assert errors.keys() == expected.keys()
    if not bf16:
        assert max(errors.values()) < 1e-5, errors
        return
    # Rounding opens or shuts about 0.3% of the gates, alone sqrt(0.003) = 5% of a gradient whose terms
    # cancel as they do here. Torch's own mixed precision, adding in float32, errs half as much or more.
    with torch.autocast("cpu", torch.bfloat16):
        mixed = gradients(net, obs, actions, weigh)
    for name, error in errors.items():
        assert error < max(0.01, 2 * off(mixed[name], expected[name])), name
        assert error < 0.12, name


@pytest.mark.parametrize("bf16", [False, True])
@pytest.mark.parametrize("members", [1, 2])
@pytest.mark.parametrize("normalise", [False, True])
@pytest.mark.parametrize("spec", SPECS)
def test_the_slope_is_the_gradient_of_the_member_asked_for(
    spec: NetworkSpec, normalise: bool, members: int, bf16: bool
) -> None:
    generator = torch.Generator().manual_seed(3)
    net = Network(spec, 5, 1, (128, 96), members, normalise, bf16, generator)
    obs, actions = observations(spec, 256), torch.rand(256, 5, generator=generator) * 2 - 1
    _, tape = net.forward(obs, actions)
    for which in (torch.randint(members, (256,), generator=generator), torch.zeros(256, dtype=torch.int64)):
        net.gradient.fill_(7.0)
        slope = net.slope(tape, which)
        picked = torch.nn.functional.one_hot(which, members).T[..., None].float()
        assert off(slope, gradients(net, obs, actions, picked)["actions"]) < (0.12 if bf16 else 1e-5)
        assert bool((net.gradient == 7.0).all())
        assert off(net._slope_of_all(tape, which), slope) < (0.01 if bf16 else 1e-6), "as on a GPU"


def test_two_batches_run_together_are_as_two_alone() -> None:
    for spec in SPECS:
        net = Network(spec, 0, 3, (32, 24), 1, False, False, torch.Generator().manual_seed(3))
        both = torch.stack((observations(spec, 16), observations(spec, 16, seed=1)))
        out, tape = net.forward(read(spec, both))
        for i in (1, 0):
            alone, own = net.forward(read(spec, both).part(i))
            assert torch.allclose(out[:, 16 * i : 16 * i + 16], alone, atol=1e-6)
        weigh = torch.randn(1, 16, 3, generator=torch.Generator().manual_seed(0))
        net.backward(own, weigh)
        alone = net.gradient.clone()
        _, tape = net.forward(read(spec, both))
        net.backward(tape.head(16), weigh)
        assert torch.allclose(net.gradient, alone, atol=1e-6)


@pytest.mark.parametrize("bf16", [False, True])
def test_the_order_of_the_others_does_not_matter(bf16: bool) -> None:
    spec = SPECS[1]
    net, obs, actions = network(spec, bf16), observations(spec, 16), torch.zeros(16, 5)
    rows = obs[:, spec.ego :].view(16, spec.others, spec.other_width)
    shuffled = torch.cat((obs[:, : spec.ego], rows[:, [2, 0, 1]].reshape(16, -1)), 1)
    first, _ = net.forward(obs, actions)
    first = first.clone()
    second, _ = net.forward(shuffled, actions)
    assert torch.equal(first, second)
    changed = obs.clone()
    changed[:, spec.ego + 1 : spec.ego + spec.other_width] += 3.0
    assert not torch.equal(first, net.forward(changed, actions)[0])


def test_an_absent_row_counts_for_nothing() -> None:
    spec = SPECS[1]
    net, obs = network(spec), observations(spec, 16)
    rows = obs[:, spec.ego :].view(16, spec.others, spec.other_width)
    rows[:, 1, 0] = 0.0
    first, _ = net.forward(obs, torch.zeros(16, 5))
    first = first.clone()
    rows[:, 1, 1:] = 50.0
    assert torch.equal(first, net.forward(obs, torch.zeros(16, 5))[0])


def test_members_do_not_share_their_layers() -> None:
    net, obs = network(SPECS[0]), observations(SPECS[0], 8)
    before = net.forward(obs, torch.zeros(8, 5))[0].clone()
    net.parameters["layer0.weight"][1] += 0.1
    net.refresh()
    after = net.forward(obs, torch.zeros(8, 5))[0]
    assert torch.equal(before[0], after[0])
    assert not torch.equal(before[1], after[1])
