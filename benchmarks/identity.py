"""A hash of 200 episodes: where it is the same, physics, scenes, scripts and perturbations are, bit for bit.

    python benchmarks/identity.py --out identity.json

Episode i is of the i-th task in turn, on scene i: by its script, and every third by random actions. Every fifth is
shoved. Compare the hash of two versions on one machine: another kind of processor may round otherwise.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path

from about import about

import tabletop.perturbation.families  # noqa: F401  (registers them)
from tabletop.files import write_whole
from tabletop.logic.task import load_registry
from tabletop.perturbation.registry import Perturbation
from tabletop.progress import track
from tabletop.rollout.evaluate import random, run_task, scripted


def main() -> None:
    """Run the episodes, print and write their hash."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--episodes", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("identity.json"))
    arguments = parser.parse_args()
    tasks = list(load_registry().values())
    digest = hashlib.sha256()
    shove = Perturbation("push-object", 0.5)
    for i in track(range(arguments.episodes), "episodes"):
        seed = arguments.seed + i
        trajectory = run_task(
            tasks[i % len(tasks)], random if i % 3 == 2 else scripted, seed, disturbance=shove if i % 5 == 4 else None
        )
        digest.update(trajectory.states.tobytes())
        digest.update(trajectory.actions.tobytes())
    print(digest.hexdigest())
    result = {
        **about("pybullet", "numpy"),
        "settings": {"episodes": arguments.episodes, "seed": arguments.seed},
        "sha256": digest.hexdigest(),
    }
    write_whole(arguments.out, json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
