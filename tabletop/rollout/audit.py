"""The rules a registry of tasks must hold to, measured: scripted success, floors, difficulty, horizons, rewards,
and whether descriptions are true: a counter-example of each must fail."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tabletop.control.expert import load_expert
from tabletop.errors import TabletopError
from tabletop.logic.task import Task
from tabletop.paths import POLICIES
from tabletop.rollout.engine import Engine
from tabletop.rollout.episode import Trajectory
from tabletop.rollout.evaluate import PLAIN_POLICIES, PolicyFactory, judge, run_task
from tabletop.rollout.policy import Policy
from tabletop.rollout.statistics import wilson
from tabletop.sim.scene import Scene

__all__ = ["COUNTERS", "RULES", "Rules", "audit", "counter"]

COUNTERS: Final = POLICIES / "counter"
"""Cards of scripts, by task, that do something close to the task which its description rules out."""


@dataclass(frozen=True)
class Rules:
    """What is asked of each task, and of all together."""

    scripted: float = 0.95
    """Least success of the scripted policy."""
    nothing: float = 0.01
    """Most success of standing still."""
    random: float = 0.05
    """Most success of uniform random actions."""
    band: float = 3.0
    """The scripted policy's median steps to success are within this factor of the registry's median."""
    room: tuple[float, float] = (1.2, 6.0)
    """The horizon is between these multiples of the scripted policy's median steps, beyond `least` steps."""
    least: int = 40
    """Control steps that any horizon may have, however short the task."""
    ranked: float = 0.99
    """Least share of pairs in which a scripted success has the higher return than a failed attempt on its scene."""
    counter: float = 0.01
    """Most success of the counter-example."""
    contrary: float = 0.7
    """Least share of scenes in which the counter-example brings about what the card says that it does: true in its
    last state and not in its first. One that does nothing would prove nothing."""
    mean: float = 0.985
    """Least mean success of the scripted policies."""
    tasks: int = 74
    """Least number of tasks in a whole registry."""


RULES: Final = Rules()


@dataclass(frozen=True)
class _Attempt:
    """What came of one episode."""

    done: bool
    steps: int | None
    """Control steps to the first success."""
    gain: float
    """Mean dense reward over the task's horizon; the last state stands still beyond the episode's end."""
    contrary: bool
    """Whether what the card says of its counter-example came to be."""


def counter(task: Task, scene: Scene) -> Policy:
    """Return the script of the task's counter-example.

    Raises:
        TabletopError: it has none, or the card is malformed.
    """
    return load_expert(task, folder=COUNTERS)


def _gain(task: Task, trajectory: Trajectory) -> float:
    rewards: npt.NDArray[np.float64] = np.asarray(task.success.smooth(trajectory.state, trajectory.initial))[1:]
    if not len(rewards):
        return float(task.success.smooth(trajectory.final, trajectory.initial))
    rest = max(0, task.horizon - len(rewards))
    return float((rewards.sum() + rest * rewards[-1]) / (len(rewards) + rest))


def _attempt(task: Task, make: PolicyFactory, seed: int) -> _Attempt:
    trajectory = run_task(task, make, seed)
    done, steps = judge(task, trajectory)
    came = False
    if task.counter is not None:
        first, last = (task.counter.holds(s, trajectory.initial) for s in (trajectory.initial, trajectory.final))
        came = bool(last and not first)
    return _Attempt(done, steps, _gain(task, trajectory), came)


def audit(
    engine: Engine, tasks: Sequence[Task], episodes: int, seed: int, rules: Rules = RULES, *, whole: bool = False
) -> dict[str, Any]:
    """Measure tasks against the rules.

    Args:
        engine: where the episodes run.
        tasks: the registry, or a part of it (band, mean and unique descriptions are then those of the part).
        episodes: scenes a task, each run once by the scripted, the random and the idle policy and the counter-example.
        seed: of the first scene.
        rules: what is asked.
        whole: the tasks are a whole registry: there must be enough of them.

    Returns:
        "tasks": by name the measured rates with intervals, steps, the share of ranked pairs and the rules that are
        "broken"; "registry": their number, mean scripted success, median steps and the rules "broken" by all
        together; "holds": whether nothing is broken.

    Raises:
        TabletopError: no tasks or no episodes.
    """
    if not tasks or episodes < 1:
        raise TabletopError(f"an audit needs a task and an episode, got {len(tasks)} tasks and {episodes} episodes")
    rows: dict[str, dict[str, Any]] = {}
    for task in tasks:
        makers = dict(PLAIN_POLICIES)
        if task.counter is not None and (COUNTERS / f"{task.name}.yaml").is_file():
            makers["counter"] = counter
        found = {
            name: list(
                engine.map(partial(_attempt, task, make), range(seed, seed + episodes), label=f"{task.name}: {name}")
            )
            for name, make in makers.items()
        }
        rows[task.name] = _row(task, found)
    middle = float(np.median([r["median_steps"] for r in rows.values() if r["median_steps"] is not None] or [0.0]))
    said = Counter(t.description for t in tasks)
    for task in tasks:
        row = rows[task.name]
        row["broken"] = _broken(row, middle, rules)
        if said[task.description] > 1:
            row["broken"].append(
                f"a description of its own, got {task.description!r} for {said[task.description]} tasks"
            )
    mean = float(np.mean([r["scripted"]["success"] for r in rows.values()]))
    broken = []
    if mean < rules.mean:
        broken.append(f"mean scripted success at least {rules.mean:g}, got {mean:.4f}")
    if whole and len(rows) < rules.tasks:
        broken.append(f"at least {rules.tasks} tasks, got {len(rows)}")
    return {
        "tasks": rows,
        "registry": {"tasks": len(rows), "mean_scripted": round(mean, 4), "median_steps": middle, "broken": broken},
        "holds": not (broken or any(r["broken"] for r in rows.values())),
    }


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
    if "counter" in found:
        contrary = float(np.mean([a.contrary for a in found["counter"]]))
        row["counter"] = {"does": str(task.counter), "contrary": round(contrary, 4), **row["counter"]}
    else:
        row["counter"] = None
    return row


def _broken(row: Mapping[str, Any], middle: float, rules: Rules) -> list[str]:
    """Return a line for each rule that a task breaks: the rule and the value."""
    out = []
    if row["scripted"]["success"] < rules.scripted:
        out.append(f"scripted success at least {rules.scripted:g}, got {row['scripted']['success']:g}")
    for name in ("nothing", "random"):
        most = getattr(rules, name)
        if row[name]["success"] > most:
            out.append(f"{name} success at most {most:g}, got {row[name]['success']:g}")
    out += _untrue(row["counter"], rules)
    steps = row["median_steps"]
    if steps is None:
        return [*out, "no scripted success to time"]
    if not middle / rules.band <= steps <= middle * rules.band:
        out.append(f"median steps within a factor {rules.band:g} of the registry's {middle:g}, got {steps:g}")
    low, high = rules.room[0] * steps, max(rules.least, rules.room[1] * steps)
    if not low <= row["horizon"] <= high:
        out.append(f"horizon from {low:.0f} to {high:.0f} steps, got {row['horizon']}")
    if row["ranked"] is not None and row["ranked"] < rules.ranked:
        out.append(f"share of ranked pairs at least {rules.ranked:g}, got {row['ranked']:g}")
    return out


def _untrue(found: Mapping[str, Any] | None, rules: Rules) -> list[str]:
    """Return the rules that a task's counter-example breaks."""
    if found is None:
        return ["a counter-example: the card's field counter and a card in policies/counter, got none"]
    out = []
    if found["success"] > rules.counter:
        out.append(f"counter-example's success at most {rules.counter:g}, got {found['success']:g}")
    if found["contrary"] < rules.contrary:
        share = f"{found['does']} in at least {rules.contrary:g} of scenes"
        out.append(f"counter-example brings about: {share}, got {found['contrary']:g}")
    return out
