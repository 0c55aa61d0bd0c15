"""Train a policy of your own with Stable-Baselines3, then measure how often and how robustly it succeeds.

    python examples/02_evaluate_my_policy.py          # 20,000 steps; a number behind it trains for so many

It leaves model.zip in the current folder. Two commands measure the same:

    tabletop evaluate model.zip --tasks reach --episodes 20
    tabletop perturb model.zip --tasks reach --families push-arm,observation-noise,action-delay --scenes 10
"""

from __future__ import annotations

import sys

import gymnasium
from stable_baselines3 import SAC

import tabletop as tt
import tabletop.envs  # registers Tabletop/<Task>-v0

FAMILIES = ("push-arm", "observation-noise", "action-delay")


def train(steps: int) -> None:
    """Train for a number of control steps of 0.1 s, and write model.zip."""
    env = gymnasium.make(tabletop.envs.environment_id("reach"))
    model = SAC("MlpPolicy", env, buffer_size=steps, device="cpu", seed=0)
    model.learn(steps)
    model.save("model.zip")
    env.close()


def main(steps: int = 20_000, episodes: int = 20, scenes: int = 10) -> None:
    """Train, then print success with 95 % intervals, undisturbed and under perturbations."""
    train(steps)
    for policy in ("model.zip", "random"):
        print(tt.evaluate(policy, "reach", episodes=episodes))
    print(tt.perturb("model.zip", "reach", FAMILIES, scenes=scenes))


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:]))
