"""How busy discovery keeps the cores, and with what, once it learns.

    python benchmarks/collection.py --seconds 60 --out collection.json

Runs `tabletop discover` on its defaults in a scratch folder: the learner in this process, and the collectors. From
when the learner makes updates on, CPU seconds are counted by what they are spent on: physics (loading scenes and
stepping them), inference (the policy and what it observes) and updates (the replay's and the learner's). Their sum over
cores x wall-clock seconds is the figure; what is left is drawing scenes, effects, handing results over, and waiting.
Only meaningful on a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial, wraps
from pathlib import Path
from typing import Any

import numpy as np
from about import about

from tabletop.discovery import train as discovery
from tabletop.discovery.collect import Batch, CollectJob, collect
from tabletop.discovery.config import DiscoverSettings
from tabletop.discovery.learner import Learner
from tabletop.files import write_whole
from tabletop.rollout.engine import default_workers
from tabletop.sim.world import World
from tabletop.skills.skill_policy import SkillPolicy

GOAL = 0.85
SPENT: dict[str, float] = {}
"""CPU seconds of this process by what they are spent on."""


def count(owner: type, method: str, what: str) -> None:
    """Let a method's CPU seconds be added to SPENT."""
    function: Callable[..., Any] = getattr(owner, method)

    @wraps(function)
    def counted(*arguments: Any, **named: Any) -> Any:
        begin = time.process_time()
        try:
            return function(*arguments, **named)
        finally:
            SPENT[what] = SPENT.get(what, 0.0) + time.process_time() - begin

    setattr(owner, method, counted)


def counted_collect(job: CollectJob, folder: str) -> Batch:
    """Collect, then note this collector's CPU seconds so far in a file of its own."""
    if not SPENT:
        for method in ("load", "step"):
            count(World, method, "physics")
        for method in ("reset", "act"):
            count(SkillPolicy, method, "inference")
    batch = collect(job)
    line = {"wall": time.time(), "all": time.process_time(), **SPENT}
    with (Path(folder) / f"{os.getpid()}.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
    return batch


def collectors(folder: Path, begin: float, end: float) -> tuple[int, dict[str, float]]:
    """Return the number of collectors, and their CPU seconds between two times, by what they were spent on."""
    out: dict[str, float] = {}
    files = list(folder.glob("*.jsonl"))
    for path in files:
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        wall = [line["wall"] for line in lines]
        for what in ("all", "physics", "inference"):
            # Jobs end every half second or so; between two ends, seconds are taken as spent evenly.
            first, last = np.interp([begin, end], wall, [line[what] for line in lines])
            out[what] = out.get(what, 0.0) + float(last - first)
    return len(files), out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0, help="to count for, after the warm-up (default 60)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, help="collectors (default: discovery's)")
    parser.add_argument("--out", type=Path, default=Path("collection.json"))
    arguments = parser.parse_args()
    for method in ("add", "learn"):
        count(Learner, method, "updates")
    rounds: list[dict[str, float]] = []
    plain = discovery._Run.round

    class EnoughError(Exception):
        """The time is over."""

    def one_round(run: Any, interrupted: Callable[[], bool]) -> bool:
        went_on = plain(run, interrupted)
        if run.learner.ready:
            line = {"wall": time.time(), "all": time.process_time(), "steps": run.steps, **SPENT}
            rounds.append({**line, "updates made": run.learner.sac.updates})
            if line["wall"] - rounds[0]["wall"] >= arguments.seconds:
                raise EnoughError
        return went_on

    discovery._Run.round = one_round  # type: ignore[method-assign]
    with tempfile.TemporaryDirectory() as scratch:
        discovery.collect = partial(counted_collect, folder=scratch)  # type: ignore[assignment]
        settings = DiscoverSettings(seed=arguments.seed)
        with suppress(EnoughError):
            discovery.discover(Path(scratch) / "run", settings, minutes=60.0, workers=arguments.workers, quiet=True)
        first, last = rounds[0], rounds[-1]
        others, collected = collectors(Path(scratch), first["wall"], last["wall"])
    wall, cores = last["wall"] - first["wall"], min(1 + others, default_workers())
    learner = {what: last[what] - first[what] for what in ("all", "updates")}
    spent = {
        "physics": collected["physics"],
        "inference": collected["inference"],
        "updates": learner["updates"],
        "else": collected["all"] - collected["physics"] - collected["inference"] + learner["all"] - learner["updates"],
    }
    shares = {what: seconds / (cores * wall) for what, seconds in spent.items()}
    shares["waiting"] = 1.0 - sum(shares.values())
    figure = shares["physics"] + shares["inference"] + shares["updates"]
    for what, share in shares.items():
        print(f"{what:10}{share:7.1%}")
    print(
        f"physics, inference or updates {figure:.1%} of {cores} cores for {wall:.0f} s "
        f"(goal {GOAL:.0%}: {'reached' if figure >= GOAL else 'missed'})"
    )
    steps, updates = ((last[k] - first[k]) / wall for k in ("steps", "updates made"))
    print(f"learner {learner['all'] / wall:.1%} of a core, collectors {collected['all'] / wall / others:.1%} each")
    print(f"{steps:.0f} control steps and {updates:.1f} updates a second")
    result = {
        **about("pybullet", "torch", "numpy"),
        "settings": {"seconds": arguments.seconds, "seed": arguments.seed, "collectors": others},
        "wall_seconds": wall,
        "shares_of_all_cores": shares,
        "useful": figure,
        "goal": GOAL,
        "steps_per_second": steps,
        "updates_per_second": updates,
    }
    write_whole(arguments.out, json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
