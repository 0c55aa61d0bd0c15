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

import tabletop.envs  # registers Tabletop/<Task>-v0
from tabletop.logic import load_registry
from tabletop.perturbation import perturb_tasks
from tabletop.rollout import Engine
from tabletop.rollout.evaluate import evaluate, random
from tabletop.rollout.policy_file import load_policy_file

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
    mine, task = load_policy_file("model.zip"), load_registry()["reach"]
    with Engine() as engine:
        for name, policy in (("model.zip", mine), ("random", random)):
            r = evaluate(engine, policy, task, range(episodes))
            print(f"{name:18} {r['success']:.2f} [{r['low']:.2f}, {r['high']:.2f}] of {r['n']} episodes")
        for family, curve in perturb_tasks(engine, mine, [task], FAMILIES, scenes).items():
            rates = zip(curve["magnitudes"], curve["success"], curve["low"], curve["high"], strict=True)
            told = "  ".join(f"{m:g}: {s:.2f} [{low:.2f}, {high:.2f}]" for m, s, low, high in rates)
            print(f"{family:18} {told}  ({curve['unit']})")


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:]))
