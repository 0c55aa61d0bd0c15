"""What a session is doing, in words."""

from __future__ import annotations

from typing import Any, Final

from tabletop.sim.state import ENTITY_FIELDS, ROBOT_FIELDS, State
from tabletop.view.session import Shown

__all__ = ["columns_text", "plain", "status_text", "story_text"]


_BLANK: Final = "\u00a0"


def status_text(shown: Shown) -> str:
    """Return what drives the robot, what is asked of it, and what came about last: three lines, as Markdown.

    They are always three, so that what is below them stays where it is.
    """
    asked = _BLANK
    if shown.asked:
        mark = {True: "✓ holds", False: "✗ does not hold yet", None: ""}[shown.holds]
        asked = f"asked for: `{shown.asked}` {mark}"
    last = plain(shown.said[-1]) if shown.said else _BLANK
    return "\n\n".join([_doing(shown), asked, last])


def story_text(shown: Shown) -> str:
    """Return the tree of a search, the steps of a plan, and what came about before, as Markdown."""
    parts = []
    if shown.thinking and shown.thought is not None:
        parts.append("```\n" + "\n".join(shown.thought()) + "\n```")
    if shown.log:
        parts.append(_plan(shown.log))
    if len(shown.said) > 1:
        parts.append("\n".join(f"- {plain(line)}" for line in reversed(shown.said[:-1])))
    return "\n\n".join(parts)


def _doing(shown: Shown) -> str:
    seconds = f"step {shown.now.step}"
    if shown.now.step != shown.ends[1]:
        return f"**An earlier moment**, {seconds}; press *Go on from here* to start here"
    title = f"**{plain(shown.title)}**, step {shown.ran} of it" if shown.title else "**Nothing drives the robot**"
    still = "" if shown.playing else ", paused"
    return f"{title} ({seconds}{still}{', thinking' if shown.thinking else ''})"


def _plan(log: Any) -> str:
    """Return the steps of a planner as a list: those that were done, the one under way, and those to come."""
    rows = []
    for i, step in enumerate(log):
        last = i + 1 == len(log)
        if "failed" in step:
            mark, note = ("✗", "failed") if step["failed"] else ("✓", "done")
        else:
            mark, note = "▶", f"under way, {step['probability']:.0%} sure of the goal"
        again = ", planned anew" if step.get("replanned") else ""
        rows.append(f"{i + 1}. {mark} {plain(step['skill'])} {step['entity']} — {note}{again}")
        if last and "failed" not in step:
            rows += [f"{i + 2 + k}. {plain(later)}" for k, later in enumerate(step["plan"][1:])]
    return "\n".join(rows)


def plain(text: str) -> str:
    """Return a text in which nothing means anything to Markdown or HTML."""
    for sign in "\\`*_[]<>#|":
        text = text.replace(sign, f"\\{sign}" if sign not in "<>" else {"<": "&lt;", ">": "&gt;"}[sign])
    return " ".join(text.split())


def columns_text(state: State, entity: str | None) -> str:
    """Return what a policy sees of an entity, or of the robot, as a table in Markdown."""
    fields = ROBOT_FIELDS if entity is None else ENTITY_FIELDS
    rows = ["| column | value |", "| --- | --- |"]
    for name in fields:
        values = state.robot(name) if entity is None else state.entity(entity, name)
        numbers = [f"{v:.3f}" for v in (values.tolist() if values.ndim else [float(values)])]
        rows.append(f"| {name} | {', '.join(numbers)} |")
    return "\n".join(rows)
