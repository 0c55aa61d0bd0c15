"""The end of the page: how to read it, and how the run was made."""

from __future__ import annotations

from html import escape
from typing import Final

from tabletop.report.html import details, section, table
from tabletop.runs.run import Run

__all__ = ["how_made", "how_to_read"]

_TERMS: Final[dict[str, tuple[str, str]]] = {
    "skill": (
        "Skill",
        "One policy with one code: a number it is given at the start, and which it has learned to make"
        " visible in how the episode ends. Nobody said what any code should do.",
    ),
    "held_at": (
        "Held at and displaced",
        "A skill of the first may end with the thing in the hand. One of the second lets go, retreats and"
        " waits until everything rests, so that another skill can follow.",
    ),
    "effective": (
        "Distinct skills",
        "How many skills could be told apart by what became of the thing alone: by a decoder, in scenes it has"
        " not seen, with everything blurred by 2 cm, 15° and 5% of a joint's travel. 32 codes that all do the same"
        " count as 1. The older sum adds this up over kinds of effect, although several look at the same thing.",
    ),
    "name": (
        "Name",
        "A skill gets a task's name if it solves the task on fresh scenes in at least half of the cases"
        " by the lower end of the interval, and clearly more often than the baselines.",
    ),
    "interval": (
        "95% interval",
        "The range of true success rates that fit the episodes counted (Wilson's). Few episodes make it wide.",
    ),
    "baseline": (
        "Baseline",
        "What is reached without having learned: by random actions, by doing nothing, or by a skill"
        " drawn at random. A figure means something by as much as it stands above its baseline.",
    ),
    "view": (
        "Left and right",
        "The robot's own. The films are shot from the far side of the table, facing the robot, so its"
        " left is on the right of the picture.",
    ),
}


def how_to_read(run: Run) -> str:
    """Return the explanation of the words on the page, those that this run needs."""
    wanted = ["skill"]
    if run.counted:
        wanted += ["held_at", "effective"]
    if run.naming:
        wanted += ["name"]
    if run.naming or run.chains or run.robustness:
        wanted += ["interval"]
    wanted += ["baseline", "view"]
    terms = "".join(f"<div><dt>{escape(_TERMS[k][0])}</dt><dd>{escape(_TERMS[k][1])}</dd></div>" for k in wanted)
    lead = "The words on this page, in the sense they have here."
    return section("reading", "How to read this", lead, f'<dl class="terms">{terms}</dl>')


def how_made(run: Run) -> str:
    """Return the command, the seed and the settings, where run.yaml has them."""
    made = run.made
    if made is None:
        return ""
    lines = "\n".join(filter(None, (made.command, *made.resumed)))
    body = f'<pre class="command"><code>{escape(lines)}</code></pre>' if lines else ""
    facts = [("version", made.version), ("seed", made.seed)]
    rows = [[name, value] for name, value in facts if value is not None]
    if rows:
        body += table(["what", "value"], rows)
    if made.settings:
        body += details(f"All {len(made.settings)} settings", table(["setting", "value"], made.settings))
    lead = "With the budget in steps, the same command gives the same numbers on the same machine."
    return section("made", "How it was made", lead, body)
