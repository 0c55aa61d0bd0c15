from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from tabletop.errors import TabletopError
from tabletop.learn.actor import NetworkSpec
from tabletop.learn.adam import Adam
from tabletop.learn.networks import Network
from tabletop.learn.sac import SAC, SACSettings
from tabletop.learn.tensors import load_tensors, save_tensors

torch.set_num_threads(1)  # two threads on layers this small wait for each other most of the time

SPEC = NetworkSpec(6, others=2, other_width=3, encoded=8)


def batch(seed: int, size: int = 32) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    g = torch.Generator().manual_seed(seed)
    obs, then = torch.randn(2, size, SPEC.observation_size, generator=g)
    action = torch.rand(size, 3, generator=g) * 2 - 1
    return obs, action, torch.randn(size, generator=g), torch.full((size,), 0.97), then


def learner(seed: int = 0, **settings: object) -> SAC:
    return SAC(SPEC, 3, SACSettings(hidden=(32, 24), **settings), seed)  # type: ignore[arg-type]


def plain(sac: SAC, which: str, p: dict[str, Tensor], obs: Tensor, actions: Tensor | None) -> Tensor:
    """The networks of the learner in plain float32 autograd."""
    parts = [obs[:, : SPEC.ego]] + ([] if actions is None else [actions])
    rows = obs[:, SPEC.ego :].view(len(obs), SPEC.others, SPEC.other_width)
    parts.append((torch.relu(rows @ p["encoder.weight"] + p["encoder.bias"]) * (rows[..., :1] > 0)).amax(1))
    h = torch.cat(parts, 1)
    for j in range(2):
        h = torch.matmul(h, p[f"layer{j}.weight"]) + p[f"layer{j}.bias"]
        normalised = which == "critic" and sac.settings.layer_norm
        h = torch.relu(torch.nn.functional.layer_norm(h, h.shape[-1:]) if normalised else h)
    return torch.matmul(h, p["last.weight"].mT) + p["last.bias"].mT


def leaves(network: Network) -> dict[str, Tensor]:
    return {name: value.clone().requires_grad_() for name, value in network.parameters.items()}


def off(network: Network, wanted: dict[str, Tensor]) -> float:
    """Distance of a network's gradient from that of the leaves, as a share of its length."""
    gradient = torch.cat([leaf.grad.flatten() for leaf in wanted.values() if leaf.grad is not None])
    assert gradient.shape == network.gradient.shape
    return float((network.gradient - gradient).norm() / gradient.norm())


def squashed(out: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """Action and log probability by torch.distributions."""
    log_std = 3.5 * torch.tanh(out[0, :, 3:]) - 1.5
    normal = torch.distributions.Normal(out[0, :, :3], log_std.exp())
    squash = torch.distributions.transforms.TanhTransform(cache_size=1)
    action = squash(normal.loc + normal.scale * noise)
    return action, torch.distributions.TransformedDistribution(normal, [squash]).log_prob(action).sum(-1)


@pytest.mark.parametrize("layer_norm", [False, True])
@pytest.mark.parametrize("bf16", [False, True])
@pytest.mark.parametrize("alpha", [0.2, None])
def test_an_update_has_the_losses_and_gradients_of_plain_autograd(
    bf16: bool, alpha: float | None, layer_norm: bool
) -> None:
    sac = learner(alpha=alpha, bf16=bf16, layer_norm=layer_norm, policy_delay=1, critic_rate=1e-9, tau=1.0)
    sac.target.flat.normal_(generator=torch.Generator().manual_seed(8)).mul_(0.1)
    sac.target.refresh()
    generator = torch.Generator()
    generator.set_state(sac.state_dict()["generator"])
    actor, critic = leaves(sac.actor), leaves(sac.critic)
    target = {k: v.clone() for k, v in sac.target.parameters.items()}
    obs, action, reward, discount, then = batch(1)
    temperature = 1.0 if alpha is None else alpha
    found = sac.update(obs, action, reward, discount, then, metrics=True)

    now_noise, next_noise = torch.randn(64, 3, generator=generator).split(32)
    with torch.no_grad():
        next_action, next_log_prob = squashed(plain(sac, "actor", actor, then, None), next_noise)
        value = plain(sac, "critic", target, then, next_action)[..., 0].amin(0) - temperature * next_log_prob
        goal = reward + discount * value
    critic_loss = 0.5 * (plain(sac, "critic", critic, obs, action)[..., 0] - goal).square().mean(1).sum()
    critic_loss.backward()
    new_action, log_prob = squashed(plain(sac, "actor", actor, obs, None), now_noise)
    values = plain(sac, "critic", {k: v.detach() for k, v in critic.items()}, obs, new_action)[..., 0]
    actor_loss = (temperature * log_prob - values.amin(0)).mean()
    actor_loss.backward()

    assert found is not None
    assert found["critic_loss"] == pytest.approx(critic_loss.item(), rel=0.03 if bf16 else 1e-5)
    assert found["actor_loss"] == pytest.approx(actor_loss.item(), rel=0.03 if bf16 else 1e-5, abs=0.01 if bf16 else 0)
    assert found["entropy"] == pytest.approx(-float(next_log_prob.mean()), rel=0.03, abs=0.02)
    for network, wanted in ((sac.critic, critic), (sac.actor, actor)):
        assert off(network, wanted) < (0.06 if bf16 else 1e-5)
    if alpha is None:
        # d/d log_alpha of -log_alpha * mean(log pi + target entropy); Adam's first step is the rate, downhill.
        slope = -(float(log_prob.detach().mean()) - 3.0)
        assert float(sac._alpha_gradient) == pytest.approx(slope, rel=0.03 if bf16 else 1e-4)
        assert float(sac._log_alpha) == pytest.approx(-3e-4 if slope > 0 else 3e-4, rel=1e-3)
    torch.testing.assert_close(sac.target.flat, sac.critic.flat)


@pytest.mark.parametrize("algorithm", ["td3", "ddpg"])
def test_a_deterministic_update_has_the_losses_and_gradients_of_plain_autograd(algorithm: str) -> None:
    sac = learner(algorithm=algorithm, bf16=False, policy_delay=1, critic_rate=1e-9, tau=1.0)
    assert sac.target_actor is not None
    for slow in (sac.target, sac.target_actor):
        slow.flat.normal_(generator=torch.Generator().manual_seed(8)).mul_(0.3)
    generator = torch.Generator()
    generator.set_state(sac.state_dict()["generator"])
    actor, critic = leaves(sac.actor), leaves(sac.critic)
    target = {k: v.clone() for k, v in sac.target.parameters.items()}
    target_actor = {k: v.clone() for k, v in sac.target_actor.parameters.items()}
    obs, action, reward, discount, then = batch(1)
    found = sac.update(obs, action, reward, discount, then, metrics=True)

    next_action = torch.tanh(plain(sac, "actor", target_actor, then, None)[0])
    if algorithm == "td3":
        noise = (0.2 * torch.randn(32, 3, generator=generator)).clamp(-0.5, 0.5)
        next_action = (next_action + noise).clamp(-1, 1)
    values = plain(sac, "critic", target, then, next_action)[..., 0]
    assert len(values) == (2 if algorithm == "td3" else 1)
    goal = reward + discount * values.amin(0)
    critic_loss = 0.5 * (plain(sac, "critic", critic, obs, action)[..., 0] - goal).square().mean(1).sum()
    critic_loss.backward()
    mean = torch.tanh(plain(sac, "actor", actor, obs, None)[0])
    fixed = {k: v.detach() for k, v in critic.items()}
    actor_loss = -plain(sac, "critic", fixed, obs, mean)[0, :, 0].mean()
    actor_loss.backward()

    assert found is not None
    assert found["critic_loss"] == pytest.approx(critic_loss.item(), rel=1e-5)
    assert found["actor_loss"] == pytest.approx(actor_loss.item(), rel=1e-5)
    assert off(sac.critic, critic) < 1e-5
    assert off(sac.actor, actor) < 1e-5
    torch.testing.assert_close(sac.target.flat, sac.critic.flat)
    torch.testing.assert_close(sac.target_actor.flat, sac.actor.flat)
    assert torch.equal(sac._log_alpha, torch.zeros(1))


def test_td3_moves_its_slow_copies_with_the_policy_and_sac_at_each_update() -> None:
    td3, sac, ddpg = learner(algorithm="td3"), learner(), learner(algorithm="ddpg")
    assert td3.target_actor is not None
    assert sac.target_actor is None
    slow = {x: x.target.flat.clone() for x in (td3, sac, ddpg)}
    for x in slow:
        x.update(*batch(0))
    assert torch.equal(td3.target.flat, slow[td3])
    assert not torch.equal(sac.target.flat, slow[sac])
    assert not torch.equal(ddpg.target.flat, slow[ddpg])
    before = td3.target_actor.flat.clone()
    td3.update(*batch(1))
    assert not torch.equal(td3.target.flat, slow[td3])
    assert not torch.equal(td3.target_actor.flat, before)


def test_only_exploring_actions_of_a_deterministic_policy_are_noisy() -> None:
    sac, obs = learner(algorithm="ddpg", exploration_noise=0.3), batch(0)[0]
    mean = sac.act(obs, deterministic=True)
    assert torch.equal(mean, sac.act(obs, deterministic=True))
    away = (torch.cat([sac.act(obs) - mean for _ in range(200)])).flatten()
    assert float(away.std()) == pytest.approx(0.3, rel=0.05)
    assert bool((sac.act(obs).abs() <= 1).all())


@pytest.mark.parametrize("target", [-1.0, 0.5])
def test_an_adapted_temperature_brings_the_entropy_to_its_target(target: float) -> None:
    """One state, one decision, reward -4 |a - 0.2|^2: the best policy at any temperature is a bell about 0.2."""
    settings = SACSettings(
        hidden=(32,), alpha=None, target_entropy=target, policy_delay=1, actor_rate=5e-3, critic_rate=5e-3, bf16=False
    )
    sac, rng = SAC(1, 2, settings, seed=0), np.random.default_rng(0)
    obs, done = np.ones((128, 1), np.float32), np.zeros(128, np.float32)
    entropy = []
    for _ in range(1000):
        action = rng.uniform(-1, 1, (128, 2)).astype(np.float32)
        reward = -4 * ((action - 0.2) ** 2).sum(1).astype(np.float32)
        found = sac.update(obs, action, reward, done, obs, metrics=True)
        entropy.append(0.0 if found is None else found["entropy"])
    assert np.mean(entropy[-200:]) == pytest.approx(target, abs=0.15)
    np.testing.assert_allclose(sac.act(obs[:1], deterministic=True).numpy()[0], 0.2, atol=0.15)


def test_the_density_of_actions_integrates_to_one() -> None:
    sac = SAC(2, 1, SACSettings(hidden=(8,), bf16=False), seed=0)
    out = torch.tensor([[0.4, 0.35]]).expand(200_000, 2)
    action, log_prob, *_ = sac._sample(out)
    # E[1 / p(a)] over a window is the window's length, whatever the density.
    for low, high in ((-0.5, 0.0), (0.0, 0.5), (0.5, 0.9)):
        inside = ((action[:, 0] > low) & (action[:, 0] < high)).float()
        assert float((inside / log_prob.exp()).mean()) == pytest.approx(high - low, rel=0.02)
    order = action[:, 0].argsort()
    x, p = action[order, 0].double(), log_prob[order].exp().double()
    assert float(torch.trapezoid(p, x)) == pytest.approx(1.0, abs=0.01)


def test_log_probability_stays_finite_far_out() -> None:
    sac = SAC(2, 1, SACSettings(hidden=(8,), bf16=False), seed=0)
    _, log_prob, *_ = sac._sample(torch.tensor([[60.0, 3.0], [-60.0, -30.0]]))
    assert bool(torch.isfinite(log_prob).all())


@pytest.mark.parametrize(
    "settings", [{}, {"alpha": None}, {"bf16": False}, {"algorithm": "td3"}, {"algorithm": "ddpg"}]
)
def test_a_resumed_run_is_bit_identical(tmp_path: Path, settings: dict[str, object]) -> None:
    whole = learner(**settings)
    for i in range(6):
        whole.update(*batch(i))
    half = learner(**settings)
    for i in range(3):
        half.update(*batch(i))
    save_tensors(tmp_path / "learner.safetensors", half.state_dict())
    resumed = learner(seed=99, **settings)
    resumed.load_state_dict(load_tensors(tmp_path / "learner.safetensors"))
    for i in range(3, 6):
        resumed.update(*batch(i))
    expected, found = whole.state_dict(), resumed.state_dict()
    assert expected.keys() == found.keys()
    for name in expected:
        assert torch.equal(expected[name], found[name]), name
    assert torch.equal(whole.act(batch(0)[0]), resumed.act(batch(0)[0]))


def test_repeating_a_run_gives_the_same_bits_whatever_came_between() -> None:
    first, second = learner(), learner()
    for i in range(6):
        first.update(*batch(i))
        second.update(*batch(i))
        for n in range(1, 7):  # other sizes of batch, whose buffers come and go
            second.actor.forward(batch(n, n)[0])
            second.critic.forward(batch(n, n)[0], batch(n, n)[1])
    assert torch.equal(first.actor.flat, second.actor.flat)
    assert torch.equal(first.critic.flat, second.critic.flat)


def test_a_state_of_another_network_is_refused() -> None:
    other = SAC(4, 3, SACSettings(hidden=(32, 24)), 0)
    with pytest.raises(TabletopError, match="'actor' of shape"):
        learner().load_state_dict(other.state_dict())


@pytest.mark.parametrize("critic_hidden", [(40, 16, 8), None])
def test_critics_may_be_wider_than_the_policy_and_go_on_from_their_like(critic_hidden: tuple[int, ...] | None) -> None:
    sac = learner(critic_hidden=critic_hidden)
    for i in range(2):
        sac.update(*batch(i))
    layers = [v.shape[-1] for k, v in sac.critic.parameters.items() if k.startswith("layer") and k.endswith("bias")]
    assert tuple(layers) == (critic_hidden or (32, 24))
    assert [v.shape[0] for k, v in sac.actor_arrays().items() if k.endswith("bias")][-3:-1] == [32, 24]
    other = learner(seed=1, critic_hidden=critic_hidden)
    other.take_over(sac.actor_arrays(), sac.critic_arrays())
    assert torch.equal(other.critic.flat, sac.critic.flat)
    with pytest.raises(TabletopError, match="'critic' of shape"):
        learner(critic_hidden=(7,)).take_over(sac.actor_arrays(), sac.critic_arrays())


def test_the_policy_waits_for_its_delay() -> None:
    sac = learner(policy_delay=2)
    before = sac.actor.flat.clone()
    sac.update(*batch(0))
    assert torch.equal(sac.actor.flat, before)
    sac.update(*batch(1))
    assert not torch.equal(sac.actor.flat, before)


def test_the_averaged_policy_is_the_running_mean_of_the_policies() -> None:
    sac = learner(average=0.25, policy_delay=1)
    mean = torch.zeros_like(sac.actor.flat)
    for i in range(7):
        sac.update(*batch(i))
        mean += max(0.25, 1 / (i + 1)) * (sac.actor.flat - mean)  # of all at first: nothing of the initial weights
    arrays = sac.actor_arrays(averaged=True)
    assert np.allclose(arrays["layer0.weight"], sac.actor.views(mean)["layer0.weight"][0].numpy(), atol=1e-7)
    assert not np.allclose(arrays["layer0.weight"], sac.actor_arrays()["layer0.weight"], atol=1e-5)


def test_a_learner_takes_over_a_policy_with_its_critics_and_goes_on_averaging_from_it() -> None:
    old = learner(seed=1)
    for i in range(6):
        old.update(*batch(i))
    policy, critics = old.actor_arrays(averaged=True), old.critic_arrays()
    new = learner(seed=2)
    new.take_over(policy, critics)
    for found in (new.actor_arrays(), new.actor_arrays(averaged=True)):
        assert found.keys() == policy.keys()
        assert all(np.array_equal(v, policy[k]) for k, v in found.items())
    assert torch.equal(new.critic.flat, old.critic.flat)
    assert torch.equal(new.target.flat, old.target.flat)
    before = new.actor.flat.clone()
    for i in range(2):
        new.update(*batch(i), policy=False)
    assert torch.equal(new.actor.flat, before)
    assert not torch.equal(new.critic.flat, old.critic.flat)
    for i in range(2):
        new.update(*batch(i))
    assert not torch.equal(new.actor.flat, before)
    step = new.actor.flat - before
    assert torch.allclose(new._average - before, new.settings.average * step, atol=1e-7)


@pytest.mark.parametrize("algorithm", ["sac", "td3"])
def test_critics_begin_anew_where_there_are_none_to_take_over(algorithm: str) -> None:
    new, other = learner(seed=2, algorithm=algorithm), learner(seed=1, algorithm=algorithm)
    untrained = new.critic.flat.clone()
    new.take_over(other.actor_arrays(), None)
    assert torch.equal(new.critic.flat, untrained)
    assert torch.equal(new.actor.flat, other.actor.flat)
    if new.target_actor is not None:
        assert torch.equal(new.target_actor.flat, other.actor.flat)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layer0.weight": np.zeros((3, 3), np.float32)}, r"'layer0.weight' of shape .* got \(3, 3\)"),
        ({"layer1.bias": np.full(24, np.nan, np.float32)}, "'layer1.bias' has others"),
        ({"layer3.weight": np.zeros((1, 1), np.float32)}, "2 hidden layers; the weights are of more"),
    ],
)
def test_a_policy_of_another_network_is_not_taken_over(change: dict[str, object], message: str) -> None:
    arrays = {**learner(seed=1).actor_arrays(), **change}
    with pytest.raises(TabletopError, match=message):
        learner().take_over(arrays, None)  # type: ignore[arg-type]


def test_adams_state_lies_where_its_parameters_do() -> None:
    parameters = torch.zeros(3, device="meta")
    state = Adam(parameters, torch.zeros_like(parameters), 1e-3).state
    assert {v.device.type for v in state.values()} == {"meta"}


def test_another_seed_gives_another_learner() -> None:
    assert not torch.equal(learner(0).actor.flat, learner(1).actor.flat)
    assert torch.equal(learner(1).actor.flat, learner(1).actor.flat)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"hidden": ()}, "hidden"),
        ({"critic_hidden": (8, 0)}, "critic_hidden needs"),
        ({"tau": 0.0}, "tau"),
        ({"policy_delay": 0}, "policy_delay"),
        ({"alpha": -1.0}, "alpha"),
        ({"algorithm": "ppo"}, "algorithm 'ppo'; there are: ddpg, sac, td3"),
        ({"exploration_noise": -0.1}, "exploration_noise"),
    ],
)
def test_wrong_settings_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(TabletopError, match=message):
        SACSettings(**settings)  # type: ignore[arg-type]


def reach(sac: SAC, steps: int, rng: np.random.Generator) -> float:
    """Learn to drive points in the plane to random goals; return the mean distance after 10 greedy steps."""

    def observe(point: np.ndarray, goal: np.ndarray) -> np.ndarray:
        return np.concatenate((point, goal), 1).astype(np.float32)

    def start(n: int) -> tuple[np.ndarray, np.ndarray]:
        return rng.uniform(-1, 1, (n, 2)), rng.uniform(-1, 1, (n, 2))

    for _ in range(steps):
        point, goal = start(128)
        obs = observe(point, goal)
        action = sac.act(obs).numpy()
        mixed = np.where(rng.random((128, 1)) < 0.3, rng.uniform(-1, 1, (128, 2)), action).astype(np.float32)
        then = np.clip(point + 0.3 * mixed, -1, 1)
        reward = -np.linalg.norm(then - goal, axis=1).astype(np.float32)
        sac.update(obs, mixed, reward, np.full(128, 0.8, np.float32), observe(then, goal))
    point, goal = start(200)
    for _ in range(10):
        point = np.clip(point + 0.3 * sac.act(observe(point, goal), deterministic=True).numpy(), -1, 1)
    return float(np.linalg.norm(point - goal, axis=1).mean())


@pytest.mark.parametrize(
    "settings", [{"alpha": 0.01}, {"alpha": None, "bf16": False}, {"algorithm": "td3"}, {"algorithm": "ddpg"}]
)
def test_it_learns_to_reach_random_goals(settings: dict[str, object]) -> None:
    values = SACSettings(hidden=(64, 64), actor_rate=1e-3, critic_rate=1e-3, tau=0.02, **settings)  # type: ignore[arg-type]
    sac, rng = SAC(4, 2, values, seed=0), np.random.default_rng(0)
    assert reach(sac, 0, rng) > 0.5
    assert reach(sac, 1500, rng) < 0.15


@pytest.mark.parametrize("native", [True, False])
def test_bfloat16_is_left_to_the_processor_unless_it_is_told(native: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tabletop.learn.sac.has_bf16", lambda: native)
    assert learner().actor.dtype == (torch.bfloat16 if native else torch.float32)
    assert learner(bf16=not native).actor.dtype == (torch.float32 if native else torch.bfloat16)
