"""Updates a second of tabletop's SAC and of Stable-Baselines3's, same networks, batch and threads.

    python benchmarks/learner.py --out benchmarks/results/learner.json

Needs `pip install stable-baselines3`; without it only ours is measured. The learners take turns in short rounds, so
that other load on the machine meets all alike, and with one thread the clock is the CPU's: time that other processes
take is not counted. All get batches that are already in memory.

The rows "plain" have Stable-Baselines3's own networks, two hidden layers without layer norm: "delay 1" updates the
policy at every update of the critics, as it does, "delay 2" at every second one. The rows below are as discovery runs
them: critics with layer norm, and an entity-centric observation. "products alone" are the matrix products of an
update's hidden layers and nothing else, on buffers that are there: no learner of the same update is faster with the
same library's products.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import torch
from about import about

from tabletop.files import write_whole
from tabletop.learn.actor import NetworkSpec, NumpyActor
from tabletop.learn.device import has_bf16
from tabletop.learn.sac import SAC, SACSettings

ACTIONS, OBSERVATION, HIDDEN = 5, 100, (256, 256)
PEER = "stable-baselines3"
WARM = 500
"""Updates that are not counted."""

Shapes = list[tuple[int, int, int, int]]
"""Of matrix products: how many of them in one, rows, inner, columns."""


def forward(sizes: tuple[int, ...], batch: int, members: int = 1) -> Shapes:
    return [(members, batch, i, o) for i, o in pairwise(sizes)]


def weights(sizes: tuple[int, ...], batch: int, members: int = 1) -> Shapes:
    return [(members, i, batch, o) for i, o in pairwise(sizes)]


def inputs(sizes: tuple[int, ...], batch: int, members: int = 1, first: int = 0) -> Shapes:
    """Gradients by each layer's input; by the network's own only `first` columns of it."""
    return [(members, batch, o, i) for i, o in pairwise((first, *sizes[1:])) if i]


def products(batch: int, delay: int | None) -> list[tuple[float, Shapes]]:
    """Return what an update multiplies, and how often: ours, or with delay None what Stable-Baselines3 does."""
    actor, critic = (OBSERVATION, *HIDDEN, 2 * ACTIONS), (OBSERVATION + ACTIONS, *HIDDEN, 1)
    critics = (
        forward(actor, batch) + 2 * forward(critic, batch, 2) + weights(critic, batch, 2) + inputs(critic, batch, 2)
    )
    policy = forward(actor, batch) + forward(critic, batch, 2) + weights(actor, batch) + inputs(actor, batch)
    if delay is None:
        # It also takes the policy's loss to the critics' weights, and to whole inputs.
        return [(1.0, critics + policy + weights(critic, batch, 2) + inputs(critic, batch, 2, critic[0]))]
    # A sample's gradient goes through the one critic whose value is the smaller, and to the actions only.
    return [(1.0, critics), (1.0 / delay, policy + inputs(critic, batch, 1, ACTIONS))]


def wide(parts: list[tuple[float, Shapes]]) -> list[tuple[float, Shapes]]:
    """Leave out the few products with the narrow last layer: 1% of the work, and no processor's peak."""
    return [(often, [shape for shape in shapes if min(shape[1:]) >= 16]) for often, shapes in parts]


def flop(parts: list[tuple[float, Shapes]]) -> float:
    return sum(often * 2 * n * m * k * c for often, shapes in parts for n, m, k, c in shapes)


def alone(parts: list[tuple[float, Shapes]], dtype: torch.dtype = torch.float32) -> Callable[[], None]:
    """Return a function that makes an update's products and nothing else."""
    made = {
        shape: tuple(torch.randn(shape[0], *s).to(dtype) for s in ((shape[1], shape[2]), (shape[2], shape[3])))
        for _, shapes in parts
        for shape in shapes
    }
    out = {shape: torch.empty(shape[0], shape[1], shape[3], dtype=dtype) for shape in made}
    turn = 0

    def run() -> None:
        nonlocal turn
        turn += 1
        for often, shapes in parts:
            if turn % round(1 / often) == 0:
                for shape in shapes:
                    torch.bmm(*made[shape], out=out[shape])

    return run


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


def stable_baselines(batch: int) -> Callable[[], None] | None:
    """Return a function that makes one update of Stable-Baselines3's SAC; None if it is not installed."""
    try:
        import stable_baselines3 as sb3
        from stable_baselines3.common.logger import configure
        from stable_baselines3.common.type_aliases import ReplayBufferSamples
    except ImportError:
        return None

    class Still(gymnasium.Env[Any, Any]):
        observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (OBSERVATION,), np.float32)
        action_space = gymnasium.spaces.Box(-1.0, 1.0, (ACTIONS,), np.float32)

    model = sb3.SAC("MlpPolicy", Still(), ent_coef=0.005, batch_size=batch, buffer_size=10, device="cpu", seed=0)
    model.set_logger(configure(None, []))
    generator = torch.Generator().manual_seed(0)
    fixed = ReplayBufferSamples(
        torch.randn(batch, OBSERVATION, generator=generator),
        torch.rand(batch, ACTIONS, generator=generator) * 2 - 1,
        torch.randn(batch, OBSERVATION, generator=generator),
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


def measure(runs: dict[str, Callable[[], None]], rounds: int, updates: int, threads: int) -> dict[str, list[float]]:
    """Return milliseconds an update, one figure a round."""
    clock = time.process_time if threads == 1 else time.perf_counter
    times: dict[str, list[float]] = {name: [] for name in runs}
    for run in runs.values():  # oneDNN makes its bfloat16 products for each shape that it meets: let it have met most.
        for _ in range(WARM):
            run()
    for _ in range(rounds):
        for name, run in runs.items():
            start = clock()
            for _ in range(updates):
                run()
            times[name].append((clock() - start) / updates * 1e3)
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=30, help="turns of each learner")
    parser.add_argument("--updates", type=int, default=10, help="updates a turn")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("learner.json"))
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    batch, plain = arguments.batch, NetworkSpec(OBSERVATION)
    entities = NetworkSpec(60, others=4, other_width=10)

    def settings(**values: Any) -> SACSettings:
        return SACSettings(hidden=HIDDEN, device="cpu", **values)

    baselines = {f"products alone, delay {delay}": wide(products(batch, delay)) for delay in (1, 2)}
    baselines[f"products alone, {PEER}"] = wide(products(batch, None))
    runs = {
        "plain, delay 1": ours(plain, batch, settings(bf16=False, layer_norm=False, policy_delay=1)),
        "plain, delay 2": ours(plain, batch, settings(bf16=False, layer_norm=False)),
        "layer norm, delay 2": ours(plain, batch, settings(bf16=False)),
        "layer norm, 4 entities, delay 2": ours(entities, batch, settings(bf16=False)),
    }
    if has_bf16():
        runs["plain, bf16, delay 1"] = ours(plain, batch, settings(bf16=True, layer_norm=False, policy_delay=1))
        runs["plain, bf16, delay 2"] = ours(plain, batch, settings(bf16=True, layer_norm=False))
        runs["layer norm, bf16, 4 entities, delay 2"] = ours(entities, batch, settings(bf16=True))
    peer = stable_baselines(batch)
    if peer is not None:
        runs[PEER] = peer
    runs |= {name: alone(parts) for name, parts in baselines.items()}
    if has_bf16():
        for delay in (1, 2):
            name = f"products alone, bf16, delay {delay}"
            baselines[name] = baselines[f"products alone, delay {delay}"]
            runs[name] = alone(baselines[name], torch.bfloat16)
    times = measure(runs, arguments.rounds, arguments.updates, arguments.threads)
    median = {name: statistics.median(values) for name, values in times.items()}
    print(f"{'':38}{'ms':>8}{'updates/s':>11}{'ratio':>8}{'GFLOP':>8}{'GFLOP/s':>9}")
    rows: dict[str, dict[str, float]] = {}
    for name, values in times.items():
        rows[name] = {"ms": median[name], "best_ms": min(values), "per_second": 1e3 / median[name]}
        if peer is not None:
            # Round by round, so that a slow minute of the machine does not count for one of them only.
            ratios = [b / a for a, b in zip(values, times[PEER], strict=True)]
            rows[name] |= {"ratio": statistics.median(ratios), "worst": min(ratios), "best": max(ratios)}
        if name in baselines:
            work = flop(baselines[name]) / 1e9
            rows[name] |= {"gflop": work, "gflop_per_second": work / median[name] * 1e3}
        row = {key: round(value, 3) for key, value in rows[name].items()}
        line = f"{name:38}{row['ms']:8.2f}{row['per_second']:11.1f}{row.get('ratio', float('nan')):8.2f}"
        print(line + (f"{row['gflop']:8.3f}{row['gflop_per_second']:9.1f}" if name in baselines else ""))
        rows[name] = row
    needed = {}
    if peer is not None:
        for delay in (1, 2):
            needed[f"delay {delay}"] = round(flop(wide(products(batch, delay))) / 1e9 / (median[PEER] / 4) * 1e3, 1)
        print(f"products would have to run at {needed} GFLOP/s, the rest taking no time, for 4 times {PEER}")
    actor = numpy_actor(plain)
    print(f"numpy actor: {actor:.1f} us a sampled action")
    result = {
        **about("torch", "numpy"),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "bf16": has_bf16(),
        "settings": {"batch": batch, "threads": arguments.threads, "observation": OBSERVATION, "hidden": HIDDEN},
        "rows": rows,
        "gflop_per_second_needed_for_4": needed,
        "numpy_actor_microseconds": round(actor, 1),
    }
    write_whole(arguments.out, json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
