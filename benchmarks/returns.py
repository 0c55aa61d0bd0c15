"""Returns of tabletop's learners and of Stable-Baselines3's on a task of gymnasium, same settings.

    python benchmarks/returns.py --algorithms sac td3 ddpg --seeds 5 --out benchmarks/results/returns.json

Needs `pip install stable-baselines3`. Both learn with the same plain networks, rates, batch and schedule, one update
a step, from the same number of steps; the greedy policies are then run on the same episodes. A row gives the mean over
seeds of a seed's mean return, with a bootstrap 95% interval, and for the difference of the two libraries its interval
and the exact permutation test's p. Each finished seed is written at once; run again, it goes on with those that lack.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import torch
from about import about

from tabletop.learn.actor import NumpyActor
from tabletop.learn.settings import ALGORITHMS, SACSettings
from tabletop.learn.train import evaluate, train
from tabletop.progress import track

HIDDEN, RATE, GAMMA, TAU, BATCH, RANDOM_STEPS, NOISE = (64, 64), 1e-3, 0.99, 0.005, 128, 100, 0.1
EVALUATION = 1000
"""Seed of the first episode that policies are evaluated on."""


def ours(env: Any, algorithm: str, steps: int, seed: int) -> Callable[[Any], Any]:
    """Return the greedy policy that tabletop's learner found."""
    settings = SACSettings(
        algorithm=algorithm,
        hidden=HIDDEN,
        layer_norm=False,
        gamma=GAMMA,
        tau=TAU,
        alpha=None,
        actor_rate=RATE,
        critic_rate=RATE,
        policy_delay=2 if algorithm == "td3" else 1,
        batch_size=BATCH,
        bf16=False,
        exploration_noise=NOISE,
        device="cpu",
    )
    sac = train(env, settings, steps, seed, random_steps=RANDOM_STEPS)
    return NumpyActor(sac.actor_arrays()).mean


def stable_baselines(env: Any, algorithm: str, steps: int, seed: int) -> Callable[[Any], Any]:
    """Return the greedy policy that Stable-Baselines3 found."""
    import stable_baselines3 as sb3
    from stable_baselines3.common.noise import NormalActionNoise

    size = env.action_space.shape[0]
    agent = {"sac": sb3.SAC, "td3": sb3.TD3, "ddpg": sb3.DDPG}[algorithm]
    noise = {} if algorithm == "sac" else {"action_noise": NormalActionNoise(np.zeros(size), np.full(size, NOISE))}
    model = agent(
        "MlpPolicy",
        env,
        learning_rate=RATE,
        learning_starts=RANDOM_STEPS,
        batch_size=BATCH,
        tau=TAU,
        gamma=GAMMA,
        train_freq=1,
        gradient_steps=1,
        policy_kwargs={"net_arch": list(HIDDEN)},
        device="cpu",
        seed=seed,
        **noise,
    )
    model.learn(steps)
    low, high = env.action_space.low, env.action_space.high
    return lambda now: 2 * (model.predict(now, deterministic=True)[0] - low) / (high - low) - 1


def bootstrap(values: Any, rng: np.random.Generator) -> list[float]:
    """Return the 95% interval of the mean of some seeds' returns, (n,)."""
    means = rng.choice(values, (10_000, len(values))).mean(1)
    return [round(float(v), 2) for v in np.quantile(means, [0.025, 0.975])]


def compare(one: Any, other: Any, rng: np.random.Generator) -> dict[str, Any]:
    """Return the difference of two groups of seeds, its bootstrap interval, and the permutation test's p."""
    draws = [rng.choice(v, (10_000, len(v))).mean(1) for v in (one, other)]
    both, n = np.concatenate([one, other]), len(one)
    found = abs(one.mean() - other.mean())
    away = []
    for chosen in itertools.combinations(range(len(both)), n):
        mask = np.zeros(len(both), dtype=bool)
        mask[list(chosen)] = True
        away.append(abs(both[mask].mean() - both[~mask].mean()) >= found - 1e-9)
    return {
        "mean": round(float(one.mean() - other.mean()), 2),
        "interval": [round(float(v), 2) for v in np.quantile(draws[0] - draws[1], [0.025, 0.975])],
        "p": round(float(np.mean(away)), 4),
    }


def summary(seeds: dict[str, dict[str, float]]) -> dict[str, Any]:
    """Return both libraries' means with intervals, and their difference, from {library: {seed: mean return}}."""
    rng = np.random.default_rng(0)
    groups = {name: np.array(list(values.values())) for name, values in seeds.items() if values}
    out: dict[str, Any] = {
        name: {"mean": round(float(values.mean()), 2), "interval": bootstrap(values, rng)}
        for name, values in groups.items()
    }
    if len(groups) == 2:
        out["difference"] = compare(*groups.values(), rng)
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--env", default="Pendulum-v1")
    parser.add_argument("--algorithms", nargs="+", choices=ALGORITHMS, default=["sac"])
    parser.add_argument("--steps", type=int, default=8000)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--episodes", type=int, default=20, help="that each policy is evaluated on")
    parser.add_argument("--out", type=Path, default=Path("returns.json"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    settings = {
        "env": arguments.env,
        "steps": arguments.steps,
        "episodes": arguments.episodes,
        "hidden": list(HIDDEN),
        "rate": RATE,
        "gamma": GAMMA,
        "tau": TAU,
        "batch": BATCH,
        "threads": 1,
    }
    learners = {"tabletop": ours, "stable-baselines3": stable_baselines}
    result: dict[str, Any] = {"settings": settings, "summary": {}, "seeds": {}, "cpu_seconds": {}}
    if arguments.out.is_file():
        result = json.loads(arguments.out.read_text(encoding="utf-8"))
        if result["settings"] != settings:
            parser.error(f"{arguments.out} has other settings: {result['settings']}; give another --out")
    result |= about("torch", "stable-baselines3")
    env = gymnasium.make(arguments.env)
    runs = list(itertools.product(arguments.algorithms, range(arguments.seeds), learners))
    for algorithm, seed, name in track(runs, "returns", unit="runs"):
        seeds = result["seeds"].setdefault(algorithm, {n: {} for n in learners})
        if str(seed) in seeds[name]:
            continue
        start = time.process_time()
        policy = learners[name](env, algorithm, arguments.steps, seed)
        result["cpu_seconds"].setdefault(f"{algorithm} {name}", []).append(round(time.process_time() - start, 1))
        seeds[name][str(seed)] = round(float(evaluate(env, policy, arguments.episodes, EVALUATION)[0].mean()), 2)
        result["summary"][algorithm] = summary(seeds)
        temporary = arguments.out.with_name(arguments.out.name + ".tmp")
        temporary.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        temporary.replace(arguments.out)
    for algorithm, rows in result["summary"].items():
        for name, row in rows.items():
            print(f"{algorithm:5} {name:18} {row['mean']:9.1f}  {row['interval']}  p {row.get('p', '-')}")


if __name__ == "__main__":
    main()
