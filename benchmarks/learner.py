"""Updates a second of tabletop's SAC and of Stable-Baselines3's, same networks, batch and threads.

    python benchmarks/learner.py --out learner.json

Needs `pip install stable-baselines3`; without it only ours is measured. The learners take turns in short
rounds, so that other load on the machine meets all alike. Both get batches that are already in memory and
make one critic step an update; ours updates the policy at every second one (its default) and, in the rows
marked "delay 1", at every one, as Stable-Baselines3 does.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import torch

from tabletop.learn.actor import NetworkSpec, NumpyActor
from tabletop.learn.sac import SAC, SACSettings

ACTIONS = 5


def ours(spec: NetworkSpec, batch: int, settings: SACSettings) -> Callable[[], None]:
    """Return a function that makes one update."""
    rng = np.random.default_rng(0)
    learner = SAC(spec, ACTIONS, settings, seed=0)
    size = spec.observation_size
    batches = [
        (
            rng.normal(size=(batch, size)).astype(np.float32),
            rng.uniform(-1, 1, (batch, ACTIONS)).astype(np.float32),
            rng.normal(size=batch).astype(np.float32),
            np.full(batch, settings.gamma, np.float32),
            rng.normal(size=(batch, size)).astype(np.float32),
        )
        for _ in range(8)
    ]

    def update() -> None:
        learner.update(*batches[learner.updates % 8])

    return update


def stable_baselines(size: int, batch: int) -> Callable[[], None] | None:
    """Return a function that makes one update of Stable-Baselines3's SAC; None if it is not installed."""
    try:
        import stable_baselines3 as sb3
        from stable_baselines3.common.logger import configure
        from stable_baselines3.common.type_aliases import ReplayBufferSamples
    except ImportError:
        return None

    class Still(gymnasium.Env[Any, Any]):
        observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (size,), np.float32)
        action_space = gymnasium.spaces.Box(-1.0, 1.0, (ACTIONS,), np.float32)

    model = sb3.SAC("MlpPolicy", Still(), ent_coef=0.005, batch_size=batch, buffer_size=10, device="cpu", seed=0)
    model.set_logger(configure(None, []))
    generator = torch.Generator().manual_seed(0)
    fixed = ReplayBufferSamples(
        torch.randn(batch, size, generator=generator),
        torch.rand(batch, ACTIONS, generator=generator) * 2 - 1,
        torch.randn(batch, size, generator=generator),
        torch.zeros(batch, 1),
        torch.randn(batch, 1, generator=generator),
    )
    model.replay_buffer.sample = lambda *_, **__: fixed  # type: ignore[union-attr,method-assign]
    return lambda: model.train(gradient_steps=1, batch_size=batch)


def numpy_actor(spec: NetworkSpec) -> float:
    """Return microseconds a sampled action."""
    actor = NumpyActor(SAC(spec, ACTIONS, SACSettings(), seed=0).actor_arrays())
    observation = np.zeros(spec.observation_size, np.float32)
    rng = np.random.default_rng(0)
    times = []
    for _ in range(20):
        start = time.perf_counter()
        for _ in range(100):
            actor.sample(observation, rng)
        times.append((time.perf_counter() - start) * 1e4)
    return statistics.median(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=20, help="turns of each learner")
    parser.add_argument("--updates", type=int, default=10, help="updates a turn")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("learner.json"))
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    plain, entities = NetworkSpec(100), NetworkSpec(60, others=4, other_width=10)
    runs: dict[str, Callable[[], None] | None] = {
        "tabletop bf16": ours(plain, arguments.batch, SACSettings()),
        "tabletop float32": ours(plain, arguments.batch, SACSettings(bf16=False)),
        "tabletop bf16, delay 1": ours(plain, arguments.batch, SACSettings(policy_delay=1)),
        "tabletop float32, delay 1": ours(plain, arguments.batch, SACSettings(bf16=False, policy_delay=1)),
        "tabletop bf16, 4 others": ours(entities, arguments.batch, SACSettings()),
        "stable-baselines3": stable_baselines(plain.observation_size, arguments.batch),
    }
    rates: dict[str, list[float]] = {name: [] for name, run in runs.items() if run is not None}
    for turn in range(arguments.rounds + 1):
        for name in rates:
            run = runs[name]
            if run is None:
                continue
            start = time.perf_counter()
            for _ in range(arguments.updates):
                run()
            if turn:  # the first turn warms up
                rates[name].append(arguments.updates / (time.perf_counter() - start))
    median = {name: statistics.median(values) for name, values in rates.items()}
    peer = median.get("stable-baselines3")
    print(f"{'':28}{'median/s':>10}{'best/s':>10}{'ratio':>8}")
    for name, values in rates.items():
        ratio = f"{median[name] / peer:8.2f}" if peer else ""
        print(f"{name:28}{median[name]:10.1f}{max(values):10.1f}{ratio}")
    actor = numpy_actor(plain)
    print(f"numpy actor: {actor:.1f} us a sampled action")
    result = {
        "machine": {
            "system": platform.platform(),
            "cpus": os.cpu_count(),
            "python": platform.python_version(),
        },
        "versions": {"torch": torch.__version__, "numpy": np.__version__},
        "settings": {"batch": arguments.batch, "threads": arguments.threads, "observation": 100, "seed": 0},
        "updates_per_second": {n: {"median": median[n], "best": max(v)} for n, v in rates.items()},
        "ratio_to_stable_baselines3": {n: m / peer for n, m in median.items()} if peer else None,
        "numpy_actor_microseconds": actor,
    }
    temporary = arguments.out.with_name(arguments.out.name + ".tmp")
    temporary.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    temporary.replace(arguments.out)


if __name__ == "__main__":
    main()
