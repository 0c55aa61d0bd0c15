"""What the registry of tasks is asked for, and which of it a task does not give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from tabletop.logic.task import Task

__all__ = ["RULES", "Rules", "broken_rules"]

_ROBOT: Final = ("fingers", "hand", "arm")


@dataclass(frozen=True)
class Rules:
    """What is asked of each task, and of all together."""

    scripted: float = 0.95
    """Least success of the scripted policy, on either set of scenes."""
    lasting: float = 0.995
    """Least share of scripted successes that still hold 3 s later, with the robot standing still."""
    tool: float = 0.5
    """Least control steps, on average, at whose end something touches what the robot itself must never touch. What is
    pushed is touched now and then only."""
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
    counterexample_success: float = 0.01
    """Most success of the counterexample."""
    counterexample_shown: float = 0.7
    """Least share of scenes in which the counterexample brings about what the card says that it does: true in its
    last state and not in its first. One that does nothing would prove nothing."""
    mean: float = 0.985
    """Least mean success of the scripted policies, on either set of scenes."""
    tasks: int = 74
    """Least number of tasks in a whole registry."""


RULES: Final = Rules()


def broken_rules(task: Task, row: Mapping[str, Any], middle: float, rules: Rules) -> list[str]:
    """Return a line for each rule that a task breaks by itself: the rule and the value.

    Args:
        task: what was measured.
        row: what was measured of it, as `audit` returns it.
        middle: the registry's median of steps to success.
        rules: what is asked.
    """
    out = _untouched(task, row, rules)
    for name in ("scripted", "fresh"):
        if name in row and row[name]["success"] < rules.scripted:
            out.append(f"{name} success at least {rules.scripted:g}, got {row[name]['success']:g}")
    lasting = row["lasting"]["share"]
    if lasting is not None and lasting < rules.lasting:
        seeds = ", ".join(map(str, row["lasting"]["not"][:5]))
        out.append(f"share of lasting successes at least {rules.lasting:g}, got {lasting:g} (not on scenes {seeds})")
    for name in ("nothing", "random"):
        most = getattr(rules, name)
        if row[name]["success"] > most:
            out.append(f"{name} success at most {most:g}, got {row[name]['success']:g}")
    out += _untrue(row["counterexample"], rules)
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
    """Return the rules that a task's counterexample breaks."""
    if found is None:
        return ["a counterexample: the card's field counterexample and a card in policies/counterexamples, got none"]
    out = []
    if found["success"] > rules.counterexample_success:
        out.append(f"counterexample's success at most {rules.counterexample_success:g}, got {found['success']:g}")
    if found["shown"] < rules.counterexample_shown:
        share = f"{found['does']} in at least {rules.counterexample_shown:g} of scenes"
        out.append(f"counterexample brings about: {share}, got {found['shown']:g}")
    return out


def _untouched(task: Task, row: Mapping[str, Any], rules: Rules) -> list[str]:
    """Return the rules about tools that a task breaks."""
    spared = [x.names[0] for x in task.success.leaves if x.predicate == "never_touched" and x.positive]
    if task.family == "tool" and not spared:
        return ["a formula that says what only the tool touches, never_touched(...), as of all tasks of family tool"]
    out = []
    for name in spared:
        steps = sum(
            steps
            for one, touched in row["touches"].items()
            for two, steps in touched.items()
            if name in (one, two) and one not in _ROBOT
        )
        if steps < rules.tool:
            out.append(f"a tool touches {name} in at least {rules.tool:g} control steps on average, got {steps:g}")
    return out
