"""Perturb scripted policies and discovered skills on the same tasks, and save the curves.

python examples/03_perturb.py curves          # a folder; a number behind it is the number of scenes
"""

from __future__ import annotations

import sys
from pathlib import Path

import tabletop as tt

TASKS = "move-left,drawer-close"
FAMILIES = ("push-arm", "mass", "friction")


def main(folder: str, scenes: int = 10) -> None:
    """Write a JSON file for each policy, and print success at the largest magnitude."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    for policy in ("scripted", "default"):
        curves = tt.perturb(policy, TASKS, FAMILIES, scenes=scenes)
        curves.save(Path(folder) / f"{policy}.json")
        for family, curve in curves.families.items():
            if curve.success:
                rates = f"{curve.success[0]:.2f} to {curve.success[-1]:.2f}"
                print(f"{policy:9} {family:10} {rates} at {curve.magnitudes[-1]:g} {curve.unit}")


if __name__ == "__main__":
    main(sys.argv[1], *(int(word) for word in sys.argv[2:]))
