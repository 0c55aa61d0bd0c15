"""Whether the ranges of perturbations are right: scripted policies keep about half of their success at the largest one.

    python benchmarks/perturbation_ranges.py --scenes 20 --out benchmarks/results/perturbation_ranges.json

Sweeps every family over the scripted policies of lift, pick-place, drawer-open and push, on scenes of one seed, and
prints the share of success that is left at each magnitude, all four together. A family whose share at the largest one
is outside 0.35 to 0.65 is marked: its magnitudes (tabletop/perturbation/families.py) want another range.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from about import about

from tabletop.files import write_whole
from tabletop.logic import load_registry
from tabletop.perturbation import FAMILIES, Run, sweep
from tabletop.rollout.engine import Engine, default_workers
from tabletop.rollout.evaluate import scripted
from tabletop.sim.generate import generate

TASKS = ("lift", "pick-place", "drawer-open", "push")
HALF = (0.35, 0.65)


def runs(scenes: int, seed: int) -> list[Run]:
    """Return the scripted episodes of the four tasks, as many scenes of each."""
    registry = load_registry()
    found = []
    for name in TASKS:
        task = registry[name]
        for number in range(seed, seed + scenes):
            scene = generate(task.scene, number)
            policy = scripted(task, scene)
            found.append(Run(policy, scene, number, task.horizon, task.success, task.attends, group=name))
    return found


def main() -> None:
    """Sweep, print and write."""
    parser = argparse.ArgumentParser(description="shares of success that scripted policies keep under perturbations")
    parser.add_argument("--scenes", type=int, default=20, help="of each task (default 20)")
    parser.add_argument("--seed", type=int, default=0, help="of the first scene (default 0)")
    parser.add_argument("--families", default=",".join(FAMILIES), help="names, with commas (default all)")
    parser.add_argument("--workers", type=int, default=default_workers())
    parser.add_argument("--out", type=Path, default=Path("perturbation_ranges.json"))
    arguments = parser.parse_args()
    with Engine(arguments.workers) as engine:
        curves = sweep(engine, runs(arguments.scenes, arguments.seed), arguments.families.split(","), label="sweep")
    rows: dict[str, Any] = {}
    for name, curve in curves.items():
        base = curve["success"][0]
        kept = [round(value / base, 3) if base else 0.0 for value in curve["success"]]
        rows[name] = {**curve, "kept": kept, "fits": HALF[0] <= kept[-1] <= HALF[1]}
        levels = "  ".join(f"{m:g}: {k:.2f}" for m, k in zip(curve["magnitudes"], kept, strict=True))
        print(f"{name:18} {levels}{'' if rows[name]['fits'] else '   <- another range'}")
    result = {
        **about("pybullet", "numpy"),
        "settings": {"scenes": arguments.scenes, "seed": arguments.seed, "tasks": list(TASKS)},
        "families": rows,
    }
    write_whole(arguments.out, json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
