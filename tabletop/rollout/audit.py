"""The rules a registry of tasks must hold to, measured.

They are about scripted success on two sets of scenes, baselines, difficulty, horizons and rewards. A success must last
once things rest. A counterexample must fail, or the description is not true. Where a tool must do the work, the robot
must not. No two tasks may ask for the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tabletop.control.scripted import load_scripted_policy
from tabletop.errors import TabletopError
from tabletop.logic.distinct import same_tasks
from tabletop.logic.task import Task
from tabletop.progress import track
from tabletop.projects import find
from tabletop.rollout.engine import Engine
from tabletop.rollout.episode import Trajectory, process_world
from tabletop.rollout.evaluate import BUILTIN_POLICIES, PolicyFactory, run_task, scripted, success_of
from tabletop.rollout.lasting import Touches, rest
from tabletop.rollout.policy import Policy
from tabletop.rollout.rules import RULES, Rules, broken_rules
from tabletop.rollout.statistics import wilson
from tabletop.sim.scene import Scene

__all__ = ["COUNTEREXAMPLES", "audit", "counterexample"]

COUNTEREXAMPLES: Final = "policies/counterexamples"
"""Cards of scripted policies, by task, that do something close to the task which its description rules out."""


@dataclass(frozen=True)
class _Attempt:
    """What came of one episode."""

    seed: int
    done: bool
    steps: int | None
    """Control steps to the first success."""
    gain: float
    """Mean dense reward over the task's horizon; the last state stands still beyond the episode's end."""
    counterexample_shown: bool
    """Whether what the card says of its counterexample came to be."""
    lasts: bool | None = None
    """Whether it is still done once things rest; None where it was not done, or nobody looked."""
    touches: Mapping[str, Mapping[str, int]] | None = None
    """Control steps by what touched what; None where nobody looked."""


def counterexample(task: Task, scene: Scene) -> Policy:
    """Return the scripted policy of the task's counterexample.

    Raises:
        TabletopError: it has none, or the card is malformed.
    """
    return load_scripted_policy(task, folder=COUNTEREXAMPLES)


def _gain(task: Task, trajectory: Trajectory) -> float:
    rewards: npt.NDArray[np.float64] = np.asarray(task.success.smooth(trajectory.state, trajectory.initial))[1:]
    if not len(rewards):
        return float(task.success.smooth(trajectory.final, trajectory.initial))
    rest = max(0, task.horizon - len(rewards))
    return float((rewards.sum() + rest * rewards[-1]) / (len(rewards) + rest))


def _attempt(task: Task, make: PolicyFactory, look: bool, seed: int) -> _Attempt:
    """Run one episode; with `look` see what touches what, and whether a success lasts."""
    touches = Touches() if look else None
    trajectory = run_task(task, make, seed, disturbance=touches)
    done, steps = success_of(task, trajectory)
    shown = False
    if task.counterexample is not None:
        first, last = (task.counterexample.holds(s, trajectory.initial) for s in (trajectory.initial, trajectory.final))
        shown = bool(last and not first)
    lasts = None
    if touches is not None:
        world = process_world()
        touches.look(world, len(trajectory))
        lasts = bool(task.success.holds(rest(world, trajectory), trajectory.initial)) if done else None
    table = None if touches is None else touches.table()
    return _Attempt(seed, done, steps, _gain(task, trajectory), shown, lasts, table)


def audit(
    engine: Engine,
    tasks: Sequence[Task],
    episodes: int,
    seed: int,
    rules: Rules = RULES,
    *,
    fresh: int | None = None,
    whole: bool = False,
) -> dict[str, Any]:
    """Measure tasks against the rules.

    Args:
        engine: where the episodes run.
        tasks: the registry, or a part of it (band, mean and what is unique are then those of the part).
        episodes: scenes a task, each run once by every built-in policy and by the counterexample.
        seed: of the first scene.
        rules: what is asked.
        fresh: of the first of as many further scenes, for the scripted policy alone; none without it.
        whole: the tasks are a whole registry: there must be enough of them.

    Returns:
        "scenes": their number and seeds; "tasks": by name the measured rates with intervals, steps, the share of ranked
        pairs, the share of successes that last, what touched what in how many control steps a scripted episode on
        average, and the rules that are "broken"; "registry": number, mean scripted success, median steps and the rules
        "broken" by all together; "holds": whether nothing is broken.

    Raises:
        TabletopError: no tasks or no episodes.
    """
    if not tasks or episodes < 1:
        raise TabletopError(f"an audit needs a task and an episode, got {len(tasks)} tasks and {episodes} episodes")
    rows: dict[str, dict[str, Any]] = {}
    with_counterexample = find(COUNTEREXAMPLES)
    for task in track(tasks, "audit", unit="tasks"):
        makers = dict(BUILTIN_POLICIES)
        if task.counterexample is not None and task.name in with_counterexample:
            makers["counterexample"] = counterexample
        jobs = {name: (make, seed) for name, make in makers.items()}
        if fresh is not None:
            jobs["fresh"] = (scripted, fresh)
        found = {
            name: list(
                engine.map(
                    partial(_attempt, task, make, make is scripted),
                    range(first, first + episodes),
                    label=f"{task.name}: {name}",
                )
            )
            for name, (make, first) in jobs.items()
        }
        rows[task.name] = _row(task, found)
    middle = float(np.median([r["median_steps"] for r in rows.values() if r["median_steps"] is not None] or [0.0]))
    said = Counter(t.description for t in tasks)
    for task in tasks:
        row = rows[task.name]
        row["broken"] = broken_rules(task, row, middle, rules)
        if said[task.description] > 1:
            row["broken"].append(
                f"a description of its own, got {task.description!r} for {said[task.description]} tasks"
            )
    means = {k: _mean(rows, k) for k in ("scripted", "fresh") if fresh is not None or k == "scripted"}
    broken = [
        f"mean {k} success at least {rules.mean:g}, got {mean:.4f}" for k, mean in means.items() if mean < rules.mean
    ]
    broken += [f"a formula and scenes of their own, got one for {one} and {two}" for one, two in same_tasks(tasks)]
    if whole and len(rows) < rules.tasks:
        broken.append(f"at least {rules.tasks} tasks, got {len(rows)}")
    registry: dict[str, Any] = {"tasks": len(rows), "median_steps": middle, "broken": broken}
    return {
        "scenes": {"episodes": episodes, "seed": seed, "fresh_seed": fresh},
        "tasks": rows,
        "registry": {**registry, **{f"mean_{k}": round(mean, 4) for k, mean in means.items()}},
        "holds": not (broken or any(r["broken"] for r in rows.values())),
    }


def _mean(rows: Mapping[str, Mapping[str, Any]], name: str) -> float:
    return float(np.mean([r[name]["success"] for r in rows.values()]))


def _row(task: Task, found: Mapping[str, Sequence[_Attempt]]) -> dict[str, Any]:
    row: dict[str, Any] = {"family": task.family, "horizon": task.horizon}
    for name, attempts in found.items():
        successes = sum(a.done for a in attempts)
        low, high = wilson(successes, len(attempts))
        row[name] = {
            "success": round(successes / len(attempts), 4),
            "low": round(low, 4),
            "high": round(high, 4),
            "n": len(attempts),
        }
    steps = [a.steps for a in found["scripted"] if a.done and a.steps is not None]
    row["median_steps"] = float(np.median(steps)) if steps else None
    pairs = [
        good.gain > bad.gain
        for name in ("nothing", "random")
        for good, bad in zip(found["scripted"], found[name], strict=True)
        if good.done and not bad.done
    ]
    row["ranked"] = round(float(np.mean(pairs)), 4) if pairs else None
    looked = [*found["scripted"], *found.get("fresh", [])]
    lasts = [a.lasts for a in looked if a.lasts is not None]
    share = round(float(np.mean(lasts)), 4) if lasts else None
    row["lasting"] = {"share": share, "n": len(lasts), "not": [a.seed for a in looked if a.lasts is False]}
    row["touches"] = _touches([a.touches for a in looked if a.touches is not None])
    if "counterexample" in found:
        shown = float(np.mean([a.counterexample_shown for a in found["counterexample"]]))
        shown_of = {"does": str(task.counterexample), "shown": round(shown, 4)}
        row["counterexample"] = {**shown_of, **row["counterexample"]}
    else:
        row["counterexample"] = None
    return row


def _touches(tables: Sequence[Mapping[str, Mapping[str, int]]]) -> dict[str, dict[str, float]]:
    """Return the mean of control steps of contact, by what touched and by what was touched."""
    pairs = sorted({(one, two) for table in tables for one, row in table.items() for two in row})
    out: dict[str, dict[str, float]] = {}
    for one, two in pairs:
        mean = sum(table.get(one, {}).get(two, 0) for table in tables) / len(tables)
        out.setdefault(one, {})[two] = round(mean, 2)
    return out
