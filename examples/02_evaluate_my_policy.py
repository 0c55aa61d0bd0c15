"""Train a policy of your own with Stable-Baselines3, then measure how often and how robustly it succeeds.

    python examples/02_evaluate_my_policy.py          # 20,000 steps; a number behind it trains for so many

It leaves model.zip and scale.npz in the current folder. This file also says how to make a policy of them, so two
commands measure the same:

    tabletop evaluate examples/02_evaluate_my_policy.py:make --tasks reach --episodes 20
    tabletop perturb examples/02_evaluate_my_policy.py:make --tasks reach --families push-arm,action-delay --scenes 10
"""

from __future__ import annotations

import sys

import gymnasium
import numpy as np
from stable_baselines3 import SAC, HerReplayBuffer
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

import tabletop as tt
import tabletop.envs  # registers Tabletop/<Task>-v0


def train(steps: int) -> None:
    """Train with hindsight for a number of control steps of 0.1 s; write model.zip and scale.npz."""
    make_env = lambda: gymnasium.make("Tabletop/Reach-v0", observation="goal", reward="sparse")  # noqa: E731
    env = VecNormalize(DummyVecEnv([make_env]), norm_reward=False)  # metres are far smaller than other numbers
    network = {"net_arch": [128, 128]}
    settings = {"learning_rate": 1e-3, "gamma": 0.95, "tau": 0.05, "learning_starts": min(1000, steps // 2)}
    buffer = {"replay_buffer_class": HerReplayBuffer, "policy_kwargs": network}
    model = SAC("MultiInputPolicy", env, **buffer, **settings, device="cpu", seed=0).learn(steps)
    model.save("model.zip")
    np.savez("scale.npz", **{f"{k} {n}": getattr(v, n) for k, v in env.obs_rms.items() for n in ("mean", "var")})


def make() -> tt.ObservationPolicy:
    """Return the policy that was trained; `tabletop evaluate FILE:make` calls this."""
    model = SAC.load("model.zip", device="cpu", custom_objects={"replay_buffer_class": None})
    scale = np.load("scale.npz")

    def predict(observation: dict[str, np.ndarray]) -> np.ndarray:
        scaled = {k: (v - scale[f"{k} mean"]) / np.sqrt(scale[f"{k} var"] + 1e-8) for k, v in observation.items()}
        return model.predict({k: np.clip(v, -10, 10) for k, v in scaled.items()}, deterministic=True)[0]

    return tt.ObservationPolicy(predict, "goal")


def main(steps: int = 20_000, episodes: int = 20, scenes: int = 10) -> None:
    """Train, then print success with 95 % intervals beside random actions', and success under perturbations."""
    train(steps)
    for policy in (f"{__file__}:make", "exploration"):
        print(tt.evaluate(policy, "reach", episodes=episodes))
    print(tt.perturb(f"{__file__}:make", "reach", "push-arm,action-delay", scenes=scenes))


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:]))
