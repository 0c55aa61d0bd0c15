"""How well discovery keeps many workers busy, where episodes take time and no processor: on robots, or other machines.

    python benchmarks/scaling.py --out benchmarks/results/scaling.json

Runs `tabletop discover` on its defaults with workers on Ray, as `--workers ray:N` does. Only the collector is another:
it sleeps for as long as an episode takes (0.1 s a control step, a robot's pace), then hands over an episode that was
recorded before (stand_in.py). Rounds, learner and updates are the real ones. The first WARM episodes take no time.

Efficiency is the share of the workers' time in which they are in an episode, once each of them has begun one and the
rounds that were under way then are learned from. What the workers could do, and what the learner could take on a core
of its own, say which of the two is the limit; the last case is one where the learner is:

    steps a second = min(workers / seconds a step, 1 / (updates a step * seconds an update + seconds a step taken in))
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial, wraps
from pathlib import Path
from typing import Any

import numpy as np
import stand_in
from about import about

from tabletop.discovery import train as discovery
from tabletop.discovery.collect import CollectJob, collect
from tabletop.discovery.config import DiscoverSettings
from tabletop.discovery.learner import Learner
from tabletop.files import write_whole
from tabletop.sim.scene_cards import find_scene_card
from tabletop.skills.codebook import Codebook

WARM = 96
"""Episodes that take no time: with them learning begins."""
KEPT = 24
"""Real episodes that are handed over again and again."""
SPENT: dict[str, float] = {"add": 0.0, "learn": 0.0, "both": 0.0}
"""CPU seconds in methods of the learner, and wall-clock seconds in both together."""


class EnoughError(Exception):
    """The time is over."""


def count(method: str) -> None:
    """Let a method's seconds be added to SPENT."""
    function: Callable[..., Any] = getattr(Learner, method)

    @wraps(function)
    def counted(*arguments: Any, **named: Any) -> Any:
        begin, wall = time.thread_time(), time.perf_counter()
        try:
            return function(*arguments, **named)
        finally:
            SPENT[method] += time.thread_time() - begin
            SPENT["both"] += time.perf_counter() - wall

    setattr(Learner, method, counted)


def record(settings: DiscoverSettings) -> list[Any]:
    """Run real episodes of random actions."""
    codes = Codebook(settings.counts)
    total = sum(settings.effect_weights[name] for name in settings.counts)
    weights = tuple(settings.effect_weights[name] / total for name in settings.counts)
    embeddings = Learner(codes, settings.learner, 0, settings.horizon).objective.skill_embeddings
    card = find_scene_card(settings.scene)
    job = CollectJob({}, embeddings, codes, card, 0, 0, KEPT, settings.horizon, weights, {}, True)
    return collect(job)


def busy(folder: Path, begin: float, end: float) -> float:
    """Return the s that all workers together were in episodes between two times."""
    out = 0.0
    for path in folder.glob("*.jsonl"):
        for text in path.read_text(encoding="utf-8").splitlines():
            line = json.loads(text)
            out += max(0.0, min(end, line["begin"] + line["seconds"]) - max(begin, line["begin"]))
    return out


def measure(settings: DiscoverSettings, batch: list[Any], workers: int, step: float, seconds: float) -> dict[str, Any]:
    """Return what a discovery with so many workers does in so many seconds."""
    rounds: list[dict[str, float]] = []
    begun: list[bool] = []
    plain = discovery._Run.round

    def one_round(run: Any, interrupted: Callable[[], bool]) -> bool:
        went_on = plain(run, interrupted)
        begun.append(len(list(Path(scratch).glob("*.jsonl"))) >= workers)
        if sum(begun) > run.pace.rounds_under_way:
            now = {"wall": time.time(), "steps": run.steps, "updates": run.learner.sac.updates, **SPENT}
            rounds.append({**now, "rounds_under_way": run.pace.rounds_under_way})
            if now["wall"] - rounds[0]["wall"] >= seconds and len(rounds) > 1:
                raise EnoughError
        return went_on

    with tempfile.TemporaryDirectory() as scratch:
        discovery._Run.round = one_round  # type: ignore[method-assign]
        stand_in.keep(Path(scratch), batch)
        discovery.collect = partial(stand_in.replay, folder=scratch, step=step, begin=WARM)  # type: ignore[assignment]
        try:
            with suppress(EnoughError):
                discovery.discover(Path(scratch) / "run", settings, minutes=600.0, workers=f"ray:{workers}", quiet=True)
            first, last = rounds[0], rounds[-1]
            worked = busy(Path(scratch), first["wall"], last["wall"])
        finally:
            discovery._Run.round = plain  # type: ignore[method-assign]
            discovery.collect = collect
    wall, steps, updates = (last[k] - first[k] for k in ("wall", "steps", "updates"))
    each = {"update": (last["learn"] - first["learn"]) / updates, "taken_in": (last["add"] - first["add"]) / steps}
    takes = 1 / (settings.updates * each["update"] + each["taken_in"])
    return {
        "workers": workers,
        "seconds_a_step": step,
        "rounds_under_way": int(last["rounds_under_way"]),
        "seconds": round(wall, 2),
        "efficiency": round(worked / (workers * wall), 4),
        "steps_per_second": round(steps / wall, 2),
        "workers_could": round(workers / step, 2),
        "learner_could": round(takes, 2),
        "learner_busy": round((last["both"] - first["both"]) / wall, 4),
        "seconds_an_update": round(each["update"], 6),
        "seconds_a_step_taken_in": round(each["taken_in"], 6),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--cases",
        default="64,32,16,8,4,2,1,32@0.02",
        metavar="W[@S],...",
        help="numbers of workers, some with other seconds a control step",
    )
    parser.add_argument("--seconds", type=float, default=60.0, help="to count for, each (default 60)")
    parser.add_argument("--step", type=float, default=0.1, help="seconds a control step where not said (default 0.1)")
    parser.add_argument("--out", type=Path, default=Path("scaling.json"))
    arguments = parser.parse_args()
    settings = DiscoverSettings(warmup=WARM // 2)
    for method in ("add", "learn"):
        count(method)
    batch = record(settings)
    rows = []
    print(f"{'workers':>8}{'rounds':>8}{'busy':>8}{'steps/s':>9}{'workers':>9}{'learner':>9}{'learner busy':>14}")
    for case in arguments.cases.split(","):
        workers, _, step = case.partition("@")
        row = measure(settings, batch, int(workers), float(step or arguments.step), arguments.seconds)
        rows.append(row)
        print(
            f"{row['workers']:8}{row['rounds_under_way']:8}{row['efficiency']:8.1%}{row['steps_per_second']:9.1f}"
            f"{row['workers_could']:9.1f}{row['learner_could']:9.1f}{row['learner_busy']:14.0%}",
            flush=True,
        )
        result = {
            **about("ray", "torch", "numpy"),
            "settings": {"seconds": arguments.seconds, "updates_a_step": settings.updates},
            "steps_an_episode": round(float(np.mean([r.steps for r in batch])), 2),
            "rows": sorted(rows, key=lambda row: (-row["seconds_a_step"], row["workers"])),
        }
        write_whole(arguments.out, json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
