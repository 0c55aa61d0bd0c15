"""Whether a process that goes on for very long stays as it began: its memory, its descriptors and its episodes.

    python benchmarks/endurance.py --steps 1000000 --out endurance.json

Environments of every scene card are made, used for a few episodes with pictures, and closed or dropped in turn, all in
this one process. Between them, every --every control steps, resident memory, open descriptors and threads are read.
What the C library keeps of freed memory, which depends on the scene before, is handed back first (malloc_trim); "peak"
is the most that the process ever had, nothing handed back.
One episode of each card is run at the very start and at the very end, from the same seed.

It holds where memory never exceeds that after the first 50,000 steps by more than 2 %, no descriptor is left open, and
the two runs of each episode are the same bit for bit. Exit code 1 says that it does not.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import hashlib
import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any, Final

import gymnasium
import numpy as np
from about import about

import tabletop.envs  # noqa: F401  (registers the environments)
from tabletop.files import write_whole
from tabletop.paths import ASSETS
from tabletop.progress import Progress

CARDS: Final = sorted(path.stem for path in (ASSETS / "scenes").glob("*.yaml"))
HORIZON: Final = 50
EPISODES: Final = 4  # of each environment
PICTURES: Final = 25  # control steps from one to the next
SETTLED: Final = 50_000
BOUND: Final = 1.02


def made(card: str) -> gymnasium.Env[Any, Any]:
    """Return an environment of a card, with pictures."""
    return gymnasium.make(
        "Tabletop/Discovery-v0", card=card, render_mode="rgb_array", max_episode_steps=HORIZON, disable_env_checker=True
    )


def episode(env: gymnasium.Env[Any, Any], seed: int) -> str:
    """Run an episode of random actions, and return the digest of all that came of it."""
    rng, digest = np.random.default_rng(seed), hashlib.sha256()
    observation, _ = env.reset(seed=seed)
    for step in range(HORIZON):
        digest.update(np.ascontiguousarray(observation).tobytes())
        observation, reward, *_ = env.step(rng.uniform(-1, 1, 5).astype(np.float32))
        digest.update(np.float64(reward).tobytes())
        if step % PICTURES == 0:
            picture: Any = env.render()
            digest.update(picture.tobytes())
    return digest.hexdigest()


def replay(seed: int) -> dict[str, str]:
    """Return the digest of one episode of each card, each in an environment of its own."""
    digests = {}
    for card in CARDS:
        env = made(card)
        digests[card] = episode(env, seed)
        env.close()
    return digests


def read(steps: int) -> dict[str, float]:
    """Return what the process holds now."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return {
        "steps": steps,
        "resident_mib": round(pages * resource.getpagesize() / 2**20, 2),
        "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10, 2),
        "descriptors": len(os.listdir("/proc/self/fd")),
        "threads": len(os.listdir("/proc/self/task")),
    }


def main() -> int:
    """Run, and write the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=1_000_000)
    parser.add_argument("--every", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("endurance.json"))
    arguments = parser.parse_args()
    began = time.monotonic()
    first = replay(arguments.seed)
    steps, number, rows = 0, 0, [read(0)]
    with Progress("endurance", arguments.steps, unit="steps") as bar:
        while steps < arguments.steps:
            env = made(CARDS[number % len(CARDS)])
            for i in range(EPISODES):
                episode(env, 1 + number * EPISODES + i)
            if number // len(CARDS) % 2:
                env.close()
            del env
            number += 1
            steps += EPISODES * HORIZON
            bar.reach(min(steps, arguments.steps))
            if steps // arguments.every > rows[-1]["steps"] // arguments.every:
                rows.append(read(steps))
    last = replay(arguments.seed)
    settled = next((row for row in rows if row["steps"] >= SETTLED), rows[-1])
    later = [row for row in rows if row["steps"] >= settled["steps"]]
    growth = max(row["resident_mib"] for row in later) / settled["resident_mib"]
    peak = rows[-1]["peak_mib"] / settled["peak_mib"]
    left = max(row["descriptors"] for row in later) - settled["descriptors"]
    result = {
        **about("pybullet", "gymnasium", "numpy"),
        "cards": CARDS,
        "steps": steps,
        "environments": number,
        "resets": number * EPISODES,
        "pictures": number * EPISODES * -(-HORIZON // PICTURES),
        "seconds": round(time.monotonic() - began),
        "most_memory_of_that_after_50000": round(growth, 4),
        "peak_of_that_after_50000": round(peak, 4),
        "descriptors_left": left,
        "replay": {"first": first, "last": last, "same": first == last},
        "rows": rows,
    }
    write_whole(arguments.out, (json.dumps(result, indent=2) + "\n").encode())
    same = "the same" if first == last else "not the same"
    print(f"memory at most {growth:.4f} of that after {settled['steps']} steps, {left} descriptors left, replay {same}")
    return 0 if growth <= BOUND and left <= 0 and first == last else 1


if __name__ == "__main__":
    sys.exit(main())
