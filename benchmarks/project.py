"""A project as `tabletop new` makes it, taken through all stages in a folder of its own.

    python benchmarks/project.py --out benchmarks/results/project.json

Its task is audited, evaluated and perturbed. Skills are discovered on its scene, named and planned with. Its pages are
written. Each is the command that a user types; the figures are what it says with --json.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from about import about

from tabletop.files import parse_json, write_whole

ROOT = Path(__file__).parents[1]
TASK = "jar-on-tray"
EFFECTS = "displaced,toppled"
"""What is looked for: few skills, so that naming them takes minutes."""


class Lab:
    """A project in which commands are run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.seconds: dict[str, float] = {}

    def __call__(self, stage: str, *words: str, codes: tuple[int, ...] = (0,)) -> Any:
        """Run a command, note how long it takes, and return what it says.

        Args:
            stage: under which its time is noted.
            words: of the command, --json left out.
            codes: exit codes that it may have; with another than 0 the message is returned.
        """
        began = time.monotonic()
        paths = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        done = subprocess.run(
            [sys.executable, "-m", "tabletop", *words, "--json"],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": paths},
            capture_output=True,
            text=True,
            check=False,
        )
        self.seconds[stage] = round(time.monotonic() - began, 1)
        if done.returncode not in codes:
            raise SystemExit(f"{' '.join(words)} ended with {done.returncode}: {done.stderr[-2000:]}")
        return parse_json(done.stdout, stage) if done.returncode in {0, 1} else done.stderr.splitlines()[-1]


def figures(lab: Lab, steps: int, episodes: int) -> dict[str, Any]:
    """Take a project through all stages; return what they say, in short."""
    audit = lab("audit", "tasks", "audit", "--tasks", TASK, "--episodes", str(episodes), codes=(0, 1))
    own = audit["tasks"][TASK]
    evaluated = lab("evaluate", "evaluate", "scripted", "--tasks", TASK, "--episodes", str(episodes))
    where = ("--scene", "desk", "--effects", EFFECTS, "--no-measure", "--out", "runs/a")
    lab("discover", "discover", "--steps", str(steps), *where)
    named = lab("name", "name", "runs/a", "--episodes", "5")
    phrases = [s["phrase"] for s in named["skills"] if s["name"]]
    skills = lab("plan skills", "plan", "runs/a", "--goal", "moved(jar, left, 10 cm)", "--card", "desk", codes=(0, 2))
    scripted = lab("plan", "plan", "scripted", "--goals", "20", "--literals", "1,2", "--card", "desk", "--out", "plan")
    families = "push-arm,push-object,mass,friction"
    curves = lab("perturb", "perturb", "scripted", "--tasks", TASK, "--families", families, "--scenes", "10")
    best = lab("perturb skills", "perturb", "runs/a", "--families", "push-arm", "--scenes", "4", codes=(0, 2))
    pages = lab("docs", "docs")
    lab("report", "report", "runs/a")
    return {
        "audit": {
            "scripted": own["scripted"]["success"],
            "fresh": own["fresh"]["success"],
            "nothing": own["nothing"]["success"],
            "counterexample": own["counterexample"]["success"],
            "broken": own["broken"],
        },
        "evaluate": evaluated["tasks"][TASK],
        "discover": {"steps": steps, "effects": EFFECTS.split(",")},
        "name": {"named_tasks": named["named_tasks"], "skills": len(named["skills"]), "consistent": len(phrases)},
        "plan": {k: scripted[k] for k in ("goals", "solved", "mean_completed")},
        "plan_with_skills": skills if isinstance(skills, str) else {k: skills[k] for k in ("goals", "solved")},
        "perturb": {n: {k: c[k] for k in ("magnitudes", "success")} for n, c in curves["families"].items()},
        "perturb_skills": best if isinstance(best, str) else {"skills": best["skills"]},
        "pages": len(pages["pages"]),
    }


def main() -> None:
    """Make a project, take it through all stages, and write the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--episodes", type=int, default=20)
    parser.add_argument("--out", type=Path, default=Path("project.json"))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        Lab(Path(temporary))("new", "new", "my_lab")
        lab = Lab(Path(temporary) / "my_lab")
        found = figures(lab, arguments.steps, arguments.episodes)
    result = {**about("pybullet", "torch", "numpy"), **found, "seconds": lab.seconds}
    write_whole(arguments.out, json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
