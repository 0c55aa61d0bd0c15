"""Chain skills to reach a goal that no single one reaches, and say why where it fails.

python examples/04_plan.py "on(red, blue) and closed(drawer)"
"""

from __future__ import annotations

import sys

import tabletop as tt


def main(goal: str = "on(red, blue) and closed(drawer)", seed: int = 1) -> None:
    """Plan in the scene of that seed, with scripted policies and with the skills that ship."""
    print("in the scene:", ", ".join(tt.make_scene("planning", seed).names))
    for skills in ("scripted", "default"):
        (run,) = tt.plan(skills, goal, seed=seed).episodes
        print(f"{skills}: {'reached' if run.solved else 'not reached'} by {', '.join(run.skills) or 'nothing'}")
        for line in run.why:
            print("  ", line)


if __name__ == "__main__":
    main(*sys.argv[1:2])
