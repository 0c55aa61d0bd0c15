"""Soft actor-critic (Haarnoja et al. 2018) for one CPU thread, on the networks of networks.py.

One update, with twin critics Q_1, Q_2, their slow copies Q', policy pi and temperature alpha:

    y       = r + discount * (min_i Q'_i(s', a') - alpha log pi(a'|s')),   a' ~ pi(.|s')
    Q_i     minimises 1/2 mean (Q_i(s, a) - y)^2
    pi      minimises mean (alpha log pi(a|s) - min_i Q_i(s, a)),          a ~ pi(.|s), reparameterised
    alpha   is fixed, or minimises -log alpha * mean (log pi(a|s) + target_entropy)

For comparisons it is also, with `SACSettings.algorithm`, TD3 (Fujimoto et al. 2018) or DDPG (Lillicrap et al. 2016),
with a tanh policy mu and its slow copy mu':

    y       = r + discount * min_i Q'_i(s', clip(mu'(s') + clip(noise)))   DDPG: one Q, no noise
    mu      minimises -mean Q_1(s, mu(s)); with TD3 it and all slow copies move at every second update

The thread count is the caller's: `torch.set_num_threads`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tabletop.errors import TabletopError
from tabletop.learn.actor import LOG_STD_RANGE, NetworkSpec
from tabletop.learn.adam import Adam
from tabletop.learn.device import choose_device, has_bf16
from tabletop.learn.inputs import Inputs, read
from tabletop.learn.networks import Network, Tape
from tabletop.learn.settings import SACSettings
from tabletop.learn.warm_start import put, put_actor

__all__ = ["SAC", "SACSettings"]

_LOG_STD_MIDDLE: Final = 0.5 * (LOG_STD_RANGE[1] + LOG_STD_RANGE[0])
_LOG_STD_REACH: Final = 0.5 * (LOG_STD_RANGE[1] - LOG_STD_RANGE[0])


class SAC:
    """The learner: actor, critics and their slow copies, optimisers, and its own random numbers.

    Sources: SAC (Haarnoja et al. 2018, eqs. 2 to 4), TD3 (Fujimoto et al. 2018), DDPG (Lillicrap et al. 2016).

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
        self.trained = False
        """Whether the policy had learned before its first update here: see `take_over`."""
        self.device = choose_device(settings.device)
        self._generator = torch.Generator(self.device).manual_seed(seed)
        heads = action_size if settings.deterministic else 2 * action_size
        if settings.bf16 is None:
            bf16 = self.device.type == "cpu" and has_bf16()
        else:
            bf16 = settings.bf16

        def actor() -> Network:
            return Network(spec, 0, heads, settings.hidden, 1, False, bf16, self._generator)

        def critic() -> Network:
            hidden, normalise = settings.critic_hidden or settings.hidden, settings.layer_norm
            return Network(spec, action_size, 1, hidden, settings.critics, normalise, bf16, self._generator)

        self.actor, self.critic, self.target = actor(), critic(), critic()
        self.target_actor = actor() if settings.deterministic else None
        self._follow(1.0)
        if not settings.deterministic:
            # Start at standard deviation 1 before tanh: nearly uniform actions, not the range's middle 0.22.
            bias = self.actor.parameters["last.bias"]
            bias[:, action_size:] = math.atanh(-_LOG_STD_MIDDLE / _LOG_STD_REACH)
            self.actor.refresh()
        self._average = self.actor.flat.clone()
        self._log_alpha = torch.zeros(1, device=self.device)
        self._alpha_gradient = torch.zeros_like(self._log_alpha)
        self._target_entropy = -float(action_size) if settings.target_entropy is None else settings.target_entropy
        self._optimisers = {
            "actor": Adam(self.actor.flat, self.actor.gradient, settings.actor_rate),
            "critic": Adam(self.critic.flat, self.critic.gradient, settings.critic_rate),
            "alpha": Adam(self._log_alpha, self._alpha_gradient, settings.actor_rate),
        }

    @property
    def alpha(self) -> Tensor | float:
        """The temperature; a tensor of one element if it is adapted.

        It weighs entropy (Haarnoja et al. 2018, eq. 1).
        """
        return self._log_alpha.exp() if self.settings.alpha is None else self.settings.alpha

    def act(self, observations: Any, deterministic: bool = False) -> Tensor:
        """Return actions in [-1, 1], (B, A) float32 on the CPU, for observations (B, O)."""
        out, _ = self.actor.forward(self._tensor(observations))
        mean = out[0, :, : self.action_size]
        if deterministic:
            return torch.tanh(mean).cpu()
        if self.settings.deterministic:
            noise = self._noise(mean).mul_(self.settings.exploration_noise)
            return torch.tanh(mean).add_(noise).clamp_(-1, 1).cpu()
        return self._sample(out[0])[0].cpu()

    def update(
        self,
        observations: Any,
        actions: Any,
        rewards: Any,
        discounts: Any,
        next_observations: Any,
        *,
        policy: bool = True,
        metrics: bool = False,
    ) -> dict[str, float] | None:
        """Learn from one batch: numpy arrays or tensors, float32.

        Args:
            observations: shape (B, O).
            actions: shape (B, A), in [-1, 1].
            rewards: shape (B,).
            discounts: shape (B,): gamma, or 0 where the episode truly ended.
            next_observations: shape (B, O).
            policy: whether the policy may learn from it, too; without, it holds still.
            metrics: whether to return the losses and mean values (costs a little).
        """
        self.updates += 1
        action, reward, discount = self._tensor(actions), self._tensor(rewards), self._tensor(discounts)
        # The policy does not change before its own update below, so one pass over both observations serves both.
        both = read(self.spec, torch.stack((self._tensor(observations), self._tensor(next_observations))))
        now, then, size = both.part(0), both.part(1), len(reward)
        due = self.updates % self.settings.delay == 0
        improve = due and policy
        sampled, tape = None, None
        if self.target_actor is not None:
            out, _ = self.target_actor.forward(then)
            next_action, next_log_prob = self._smoothed(out[0]), torch.zeros_like(reward)
        else:
            out, tape = self.actor.forward(both if improve else then)
            sampled = self._sample(out[0])
            next_action, next_log_prob = sampled[0][-size:], sampled[1][-size:]
        value, _ = self.target.forward(then, next_action)
        value = value[..., 0].amin(0)
        if self.target_actor is None:
            value.sub_(next_log_prob * self.alpha)
        target = torch.addcmul(reward, discount, value)
        q, critic_tape = self.critic.forward(now, action)
        error = q[..., 0] - target
        self.critic.backward(critic_tape, (error / size).unsqueeze_(-1))
        self._optimisers["critic"].step()
        self.critic.refresh()
        loss = None
        if improve:
            if sampled is None or tape is None:
                loss = self._improve_deterministic(now)
            else:
                loss = self._improve_soft(now, tape.head(size), [part[:size] for part in sampled])
            # At first the mean of all so far: initial weights have no share in it, but trained ones do.
            past = self.updates // self.settings.delay
            least = 0.0 if self.trained else 1.0 / past
            self._average.lerp_(self.actor.flat, max(self.settings.average, least))
        if due or not self.settings.deterministic:
            self._follow(self.settings.tau)
        if not metrics:
            return None
        found = {
            "critic_loss": 0.5 * float(error.square().sum()) / size,
            "q": float(q.mean()),
            "entropy": -float(next_log_prob.mean()),
            "alpha": float(self.alpha),
        }
        if loss is not None:
            found["actor_loss"] = float(loss.mean())
        return found

    def _improve_soft(self, now: Inputs, tape: Tape, sampled: list[Tensor]) -> Tensor:
        """Update the policy and the temperature; return the policy's loss a sample, (B,).

        Args:
            now: the observations.
            tape: of the policy's pass over them.
            sampled: what `_sample` drew for them.
        """
        action, log_prob, scale, squash, noise = sampled
        q, slope = self._climb(now, action)
        alpha, tanh_backward = self.alpha, torch.ops.aten.tanh_backward  # (gradient, tanh) -> gradient * (1 - tanh^2)
        # log pi = -noise^2 / 2 - log_std - log(1 - a^2) + const; a = tanh(mean + exp(log_std) * noise).
        before = tanh_backward(slope, action) + action * (2 * alpha / len(action))
        log_std = (before * scale * noise - alpha / len(action)) * _LOG_STD_REACH
        gradient = torch.cat((before, tanh_backward(log_std, squash)), 1)
        if self.settings.alpha is None:
            self._alpha_gradient.copy_(-(log_prob.mean() + self._target_entropy))
        self._step_actor(tape, gradient)
        loss = log_prob * alpha - q
        if self.settings.alpha is None:
            self._optimisers["alpha"].step()
        return loss

    def _improve_deterministic(self, now: Inputs) -> Tensor:
        """Update the policy; return its loss a sample, (B,)."""
        out, tape = self.actor.forward(now)
        action = torch.tanh(out[0])
        q, slope = self._climb(now, action)
        self._step_actor(tape, torch.ops.aten.tanh_backward(slope, action))
        return -q

    def _step_actor(self, tape: Tape, gradient: Tensor) -> None:
        self.actor.backward(tape, gradient.unsqueeze(0))
        self._optimisers["actor"].step()
        self.actor.refresh()

    def _climb(self, now: Inputs, action: Tensor) -> tuple[Tensor, Tensor]:
        """Return the critic that the policy climbs, (B,), and the gradient of its -mean by the actions, (B, A)."""
        q, tape = self.critic.forward(now, action)
        if self.settings.deterministic:
            value, members = q[0, :, 0], torch.zeros(len(action), dtype=torch.int64, device=self.device)
        else:
            value, members = (part[:, 0] for part in q.min(0))
        return value, self.critic.slope(tape, members).mul_(-1 / len(action))

    def _follow(self, share: float) -> None:
        """Move the slow copies by a share of the way."""
        self.target.flat.lerp_(self.critic.flat, share)
        self.target.refresh()
        if self.target_actor is not None:
            self.target_actor.flat.lerp_(self.actor.flat, share)
            self.target_actor.refresh()

    def _sample(self, out: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Return action (B, A), its log probability (B,), standard deviation, tanh of the raw one, noise."""
        mean, raw = out[:, : self.action_size], out[:, self.action_size :]
        squash = torch.tanh(raw)
        log_std = (squash * _LOG_STD_REACH).add_(_LOG_STD_MIDDLE)
        scale = log_std.exp()
        noise = self._noise(mean)
        before = torch.addcmul(mean, scale, noise)
        # log(1 - tanh(u)^2) = 2 (log 2 - u - softplus(-2u)) does not overflow; softplus(-2u) / -2 is one operation.
        slack = torch.sub(before, torch.nn.functional.softplus(before, beta=-2), alpha=2)
        log_prob = slack.mul_(2).sub_(torch.addcmul(log_std, noise, noise, value=0.5)).sum(1)
        log_prob -= mean.shape[1] * (0.5 * math.log(2 * math.pi) + 2 * math.log(2))
        return torch.tanh(before), log_prob, scale, squash, noise

    def _smoothed(self, out: Tensor) -> Tensor:
        action, s = torch.tanh(out), self.settings
        if s.algorithm == "ddpg":
            return action
        noise = self._noise(out).mul_(s.target_noise).clamp_(-s.target_noise_clip, s.target_noise_clip)
        return action.add_(noise).clamp_(-1, 1)

    def _noise(self, like: Tensor) -> Tensor:
        return torch.randn(like.shape, generator=self._generator, device=self.device)

    def _tensor(self, values: Any) -> Tensor:
        if self.device.type == "cuda" and isinstance(values, np.ndarray):
            # From pinned memory a copy need not be waited for: the next batch is drawn while the GPU is at work.
            pinned = torch.from_numpy(np.ascontiguousarray(values, np.float32)).pin_memory()
            return pinned.to(self.device, non_blocking=True)
        return torch.as_tensor(values, dtype=torch.float32, device=self.device)

    def actor_arrays(self, *, averaged: bool = False) -> dict[str, npt.NDArray[Any]]:
        """Return copies of the policy's float32 weights, as `NumpyActor` and a weights file want them.

        Args:
            averaged: give the running average over updates instead (Polyak & Juditsky 1992): single updates pull
                the policy to and fro about it, so it is steadier where nothing is to be learned any more.
        """
        parameters = self.actor.views((self._average if averaged else self.actor.flat).cpu())
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

    def take_over(self, actor: Mapping[str, npt.NDArray[Any]], critics: Mapping[str, npt.NDArray[Any]] | None) -> None:
        """Begin from a policy that has learned, and from its critics if there are any; optimisers begin anew.

        Args:
            actor: what `actor_arrays` returned.
            critics: what `critic_arrays` returned; None leaves them untrained.

        Raises:
            TabletopError: an array is missing or of another shape: another network.
        """
        put_actor(self.actor, actor)
        self._average.copy_(self.actor.flat)
        if self.target_actor is not None:
            self.target_actor.flat.copy_(self.actor.flat)
            self.target_actor.refresh()
        self.trained = True
        if critics is None:
            return
        for name, value in self._critical().items():
            put(value, critics, name)
        for network in (self.critic, self.target):
            network.refresh()

    def critic_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return copies of what learning goes on from beside the policy: critics, slow copies, temperature."""
        return {name: value.cpu().numpy().copy() for name, value in self._critical().items()}

    def _critical(self) -> dict[str, Tensor]:
        return {"critic": self.critic.flat, "target": self.target.flat, "log_alpha": self._log_alpha}

    def state_dict(self) -> dict[str, Tensor]:
        """Return copies of all that a resumed run needs to go on bit for bit alike."""
        state = {"updates": torch.tensor(self.updates), "generator": self._generator.get_state()}
        for name, value in self._held().items():
            state[name] = value.detach().cpu().clone()
        return state

    def _held(self) -> dict[str, Tensor]:
        """Return every tensor that learning changes, itself."""
        held = {"actor": self.actor.flat, "critic": self.critic.flat, "target": self.target.flat}
        if self.target_actor is not None:
            held["target_actor"] = self.target_actor.flat
        held |= {"average": self._average, "log_alpha": self._log_alpha}
        for name, optimiser in self._optimisers.items():
            held |= {f"{name}.{key}": value for key, value in optimiser.state.items()}
        return held

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
        for name, value in self._held().items():
            value.copy_(_copy(state[name]))
        for network in (self.actor, self.critic, self.target, self.target_actor):
            if network is not None:
                network.refresh()


def _copy(values: Any) -> Tensor:
    return torch.as_tensor(values).clone()
