"""Soft actor-critic (Haarnoja et al. 2018) for one CPU thread, on the networks of networks.py.

One update, with twin critics Q_1, Q_2, their slow copies Q', policy pi and temperature alpha:

    y       = r + discount * (min_i Q'_i(s', a') - alpha log pi(a'|s')),   a' ~ pi(.|s')
    Q_i     minimises 1/2 mean (Q_i(s, a) - y)^2
    pi      minimises mean (alpha log pi(a|s) - min_i Q_i(s, a)),          a ~ pi(.|s), reparameterised
    alpha   is fixed, or minimises -log alpha * mean (log pi(a|s) + target_entropy)

`SACSettings(deterministic=True)` turns it into TD3 (Fujimoto et al. 2018): no entropy, a tanh policy with
noise added, and smoothed target actions. The thread count is the caller's: `torch.set_num_threads`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tabletop.errors import TabletopError
from tabletop.learn.actor import LOG_STD_RANGE, NetworkSpec
from tabletop.learn.adam import Adam
from tabletop.learn.networks import Network, has_bf16

__all__ = ["SAC", "SACSettings"]

_LOG_STD_MIDDLE: Final = 0.5 * (LOG_STD_RANGE[1] + LOG_STD_RANGE[0])
_LOG_STD_REACH: Final = 0.5 * (LOG_STD_RANGE[1] - LOG_STD_RANGE[0])


@dataclass(frozen=True)
class SACSettings:
    """What the learner may be told."""

    hidden: tuple[int, ...] = (256, 256)
    """Width of each hidden layer, of the actor and of each critic."""
    gamma: float = 0.97
    """Discount a step; the caller multiplies it into the `discounts` it gives to `update`."""
    tau: float = 0.005
    """Share of the critics that goes into their slow copies at each update."""
    alpha: float | None = 0.005
    """Temperature: reward per nat of entropy. None adapts it so that the entropy meets `target_entropy`."""
    target_entropy: float | None = None
    """Entropy that an adapted temperature aims at, in nats; None means -action_size."""
    actor_rate: float = 3e-4
    """Adam's learning rate for the policy and for an adapted temperature."""
    critic_rate: float = 3e-4
    """Adam's learning rate for the critics."""
    policy_delay: int = 2
    """The policy is updated at every such update of the critics."""
    batch_size: int = 256
    """Transitions an update; the caller draws them."""
    bf16: bool | None = None
    """Compute hidden layers in bfloat16, with float32 parameters. None: where the processor multiplies such matrices
    itself, which is then half as fast again; elsewhere it takes twenty times as long as float32."""
    average: float = 0.002
    """Share of the policy that goes into its running average at each of its updates."""
    deterministic: bool = False
    """Learn as TD3 does, without entropy."""
    exploration_noise: float = 0.1
    """TD3 only: standard deviation of the noise on actions taken."""
    target_noise: float = 0.2
    """TD3 only: standard deviation of the noise on target actions."""
    target_noise_clip: float = 0.5
    """TD3 only: bound of that noise."""

    def __post_init__(self) -> None:
        if not self.hidden or min(self.hidden) < 1:
            raise TabletopError(f"hidden needs at least one layer, each of width >= 1; got {self.hidden}")
        for name in ("gamma", "tau", "average"):
            if not 0 < getattr(self, name) <= 1:
                raise TabletopError(f"{name} must be in (0, 1]; got {getattr(self, name)}")
        for name in ("actor_rate", "critic_rate"):
            if not getattr(self, name) > 0:
                raise TabletopError(f"{name} must be positive; got {getattr(self, name)}")
        for name in ("policy_delay", "batch_size"):
            if getattr(self, name) < 1:
                raise TabletopError(f"{name} must be at least 1; got {getattr(self, name)}")
        if self.alpha is not None and not self.alpha >= 0:
            raise TabletopError(f"alpha must be at least 0, or null to adapt it; got {self.alpha}")


class SAC:
    """The learner: actor, twin critics and their slow copies, optimisers, and its own random numbers.

    Args:
        observation_size: number of columns, or a `NetworkSpec` that says how to read them.
        action_size: number of action columns, each in [-1, 1].
        settings: see `SACSettings`.
        seed: of the initial weights and of all noise.
    """

    def __init__(self, observation_size: int | NetworkSpec, action_size: int, settings: SACSettings, seed: int) -> None:
        spec = observation_size if isinstance(observation_size, NetworkSpec) else NetworkSpec(observation_size)
        self.spec, self.action_size, self.settings = spec, action_size, settings
        self.updates = 0
        self._generator = torch.Generator().manual_seed(seed)
        heads = action_size if settings.deterministic else 2 * action_size
        bf16 = has_bf16() if settings.bf16 is None else settings.bf16
        self.actor = Network(spec, 0, heads, settings.hidden, 1, False, bf16, self._generator)
        self.critic = Network(spec, action_size, 1, settings.hidden, 2, True, bf16, self._generator)
        self.target = Network(spec, action_size, 1, settings.hidden, 2, True, bf16, self._generator)
        self.target.flat.copy_(self.critic.flat)
        self.target.refresh()
        if not settings.deterministic:
            # Start at standard deviation 1 before tanh: nearly uniform actions, not the range's middle 0.22.
            bias = self.actor.parameters["last.bias"]
            bias[:, action_size:] = math.atanh(-_LOG_STD_MIDDLE / _LOG_STD_REACH)
            self.actor.refresh()
        self._average = self.actor.flat.clone()
        self._log_alpha = torch.zeros(1)
        self._alpha_gradient = torch.zeros(1)
        self._target_entropy = -float(action_size) if settings.target_entropy is None else settings.target_entropy
        self._optimisers = {
            "actor": Adam(self.actor.flat, self.actor.gradient, settings.actor_rate),
            "critic": Adam(self.critic.flat, self.critic.gradient, settings.critic_rate),
            "alpha": Adam(self._log_alpha, self._alpha_gradient, settings.actor_rate),
        }

    @property
    def alpha(self) -> Tensor | float:
        """The temperature; a tensor of one element if it is adapted."""
        return self._log_alpha.exp() if self.settings.alpha is None else self.settings.alpha

    def act(self, observations: Any, deterministic: bool = False) -> Tensor:
        """Return actions in [-1, 1], (B, A) float32, for observations (B, O)."""
        out, _ = self.actor.forward(_tensor(observations))
        mean = out[0, :, : self.action_size]
        if deterministic:
            return torch.tanh(mean)
        if self.settings.deterministic:
            noise = torch.randn(mean.shape, generator=self._generator)
            return torch.tanh(mean).add_(noise, alpha=self.settings.exploration_noise).clamp_(-1, 1)
        return self._sample(out[0])[0]

    def update(
        self,
        observations: Any,
        actions: Any,
        rewards: Any,
        discounts: Any,
        next_observations: Any,
        *,
        metrics: bool = False,
    ) -> dict[str, float] | None:
        """Learn from one batch: numpy arrays or tensors, float32.

        Args:
            observations: shape (B, O).
            actions: shape (B, A), in [-1, 1].
            rewards: shape (B,).
            discounts: shape (B,): gamma, or 0 where the episode truly ended.
            next_observations: shape (B, O).
            metrics: whether to return the losses and mean values (costs a little).
        """
        self.updates += 1
        obs, action, reward = _tensor(observations), _tensor(actions), _tensor(rewards)
        next_obs = _tensor(next_observations)
        out, _ = self.actor.forward(next_obs)
        if self.settings.deterministic:
            next_action, log_prob = self._smoothed(out[0]), torch.zeros(len(reward))
        else:
            next_action, log_prob, *_ = self._sample(out[0])
        value, _ = self.target.forward(next_obs, next_action)
        value = torch.minimum(value[0, :, 0], value[1, :, 0]).sub_(log_prob * self.alpha)
        target = torch.addcmul(reward, _tensor(discounts), value)
        q, tape = self.critic.forward(obs, action)
        error = q[..., 0] - target
        self.critic.backward(tape, (error / len(reward)).unsqueeze_(-1))
        self._optimisers["critic"].step()
        self.critic.refresh()
        loss = self._improve(obs) if self.updates % self.settings.policy_delay == 0 else None
        self.target.flat.lerp_(self.critic.flat, self.settings.tau)
        self.target.refresh()
        if not metrics:
            return None
        found = {
            "critic_loss": 0.5 * float(error.square().sum()) / len(reward),
            "q": float(q.mean()),
            "entropy": -float(log_prob.mean()),
            "alpha": float(self.alpha),
        }
        if loss is not None:
            found["actor_loss"] = float(loss.mean())
        return found

    def _improve(self, obs: Tensor) -> Tensor:
        """Update the policy (and the temperature); return its loss a sample, (B,)."""
        out, tape = self.actor.forward(obs)
        gradient = torch.empty_like(out)
        tanh_backward = torch.ops.aten.tanh_backward  # (gradient, tanh) -> gradient * (1 - tanh^2)
        if self.settings.deterministic:
            action = torch.tanh(out[0])
            q, slope = self._slope(obs, action)
            gradient[0] = tanh_backward(slope, action)
            loss = -q
        else:
            action, log_prob, scale, squash, noise = self._sample(out[0])
            q, slope = self._slope(obs, action)
            alpha = self.alpha
            # log pi = -noise^2 / 2 - log_std - log(1 - a^2) + const; a = tanh(mean + exp(log_std) * noise).
            before = tanh_backward(slope, action) + action * (2 * alpha / len(obs))
            gradient[0, :, : self.action_size] = before
            log_std = (before * scale * noise - alpha / len(obs)) * _LOG_STD_REACH
            gradient[0, :, self.action_size :] = tanh_backward(log_std, squash)
            loss = log_prob * alpha - q
            if self.settings.alpha is None:
                self._alpha_gradient.copy_(-(log_prob.mean() + self._target_entropy))
                self._optimisers["alpha"].step()
        self.actor.backward(tape, gradient)
        self._optimisers["actor"].step()
        self.actor.refresh()
        self._average.lerp_(self.actor.flat, self.settings.average)
        return loss

    def _slope(self, obs: Tensor, action: Tensor) -> tuple[Tensor, Tensor]:
        """Return min_i Q_i, (B,), and the gradient of -mean min_i Q_i with respect to the actions, (B, A)."""
        q, tape = self.critic.forward(obs, action)
        first = (q[0] <= q[1]).float()
        chosen = torch.stack((first, 1 - first)).mul_(-1 / len(obs))
        slope = self.critic.backward(tape, chosen, weights=False, actions=True)
        if slope is None:
            raise RuntimeError("the critics gave no gradient")
        return torch.minimum(q[0, :, 0], q[1, :, 0]), slope

    def _sample(self, out: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Return action (B, A), its log probability (B,), standard deviation, tanh of the raw one, noise."""
        mean, raw = out[:, : self.action_size], out[:, self.action_size :]
        squash = torch.tanh(raw)
        log_std = squash * _LOG_STD_REACH + _LOG_STD_MIDDLE
        scale = log_std.exp()
        noise = torch.randn(mean.shape, generator=self._generator)
        before = torch.addcmul(mean, scale, noise)
        # log(1 - tanh(u)^2) = 2 (log 2 - u - softplus(-2u)) does not overflow.
        slack = before + torch.nn.functional.softplus(-2 * before)
        log_prob = (2 * slack - 0.5 * noise * noise - log_std).sum(1)
        log_prob -= mean.shape[1] * (0.5 * math.log(2 * math.pi) + 2 * math.log(2))
        return torch.tanh(before), log_prob, scale, squash, noise

    def _smoothed(self, out: Tensor) -> Tensor:
        noise = torch.randn(out.shape, generator=self._generator).mul_(self.settings.target_noise)
        clip = self.settings.target_noise_clip
        return torch.tanh(out).add_(noise.clamp_(-clip, clip)).clamp_(-1, 1)

    def actor_arrays(self, *, averaged: bool = False) -> dict[str, npt.NDArray[Any]]:
        """Return copies of the policy's float32 weights, as `NumpyActor` and a weights file want them.

        Args:
            averaged: give the running average over updates instead (Polyak & Juditsky 1992): single updates pull
                the policy to and fro about it, so it is steadier where nothing is to be learned any more.
        """
        parameters = self.actor.views(self._average if averaged else self.actor.flat)
        spec = self.spec
        out: dict[str, npt.NDArray[Any]] = {
            "spec": np.array([spec.ego, spec.others, spec.other_width, spec.encoded], dtype=np.int64),
            "deterministic": np.array(self.settings.deterministic, dtype=np.uint8),
            "exploration_noise": np.array(self.settings.exploration_noise, dtype=np.float32),
        }
        for name, value in parameters.items():
            if name.startswith("encoder"):
                out[name] = value.numpy().copy()
            elif name.startswith("layer"):
                out[name] = value.numpy().squeeze((0, 1) if name.endswith("bias") else 0).copy()
        last = f"layer{len(self.settings.hidden)}"
        out[f"{last}.weight"] = parameters["last.weight"][0].t().contiguous().numpy().copy()
        out[f"{last}.bias"] = parameters["last.bias"][0, :, 0].numpy().copy()
        return out

    def state_dict(self) -> dict[str, Tensor]:
        """Return copies of all that a resumed run needs to go on bit for bit alike."""
        state = {
            "updates": torch.tensor(self.updates),
            "generator": self._generator.get_state(),
            "actor": self.actor.flat.clone(),
            "critic": self.critic.flat.clone(),
            "target": self.target.flat.clone(),
            "average": self._average.clone(),
            "log_alpha": self._log_alpha.clone(),
        }
        for name, optimiser in self._optimisers.items():
            for key, value in optimiser.state.items():
                state[f"{name}.{key}"] = value.clone()
        return state

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` returned (tensors, or numpy arrays from a file).

        Raises:
            TabletopError: if an array is missing or of another shape: another network or other settings.
        """
        own = self.state_dict()
        for name, value in own.items():
            if name not in state or tuple(state[name].shape) != tuple(value.shape):
                got = tuple(state[name].shape) if name in state else "nothing"
                raise TabletopError(f"the learner's state needs {name!r} of shape {tuple(value.shape)}; got {got}")
        self.updates = int(state["updates"])
        self._generator.set_state(_copy(state["generator"]))
        for network, name in ((self.actor, "actor"), (self.critic, "critic"), (self.target, "target")):
            network.flat.copy_(_copy(state[name]))
            network.refresh()
        self._average.copy_(_copy(state["average"]))
        self._log_alpha.copy_(_copy(state["log_alpha"]))
        for name, optimiser in self._optimisers.items():
            for key, value in optimiser.state.items():
                value.copy_(_copy(state[f"{name}.{key}"]))


def _tensor(values: Any) -> Tensor:
    return torch.as_tensor(values, dtype=torch.float32)


def _copy(values: Any) -> Tensor:
    return torch.as_tensor(values).clone()
