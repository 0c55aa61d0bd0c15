"""Where a search for a plan looked: a branch a row, set in by its depth, with the plan that was chosen marked."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final

from tabletop.report.charts import frame, px, short, tip, words
from tabletop.runs.records import Branch
from tabletop.words import plural

__all__ = ["tree"]

_ROW: Final = 21.0
_INDENT: Final = 16.0
_WIDTH: Final = 440.0
_BARS: Final = 320.0
"""Where the bars begin."""
_LETTER: Final = 7.6
"""Width of a bold letter, about."""


def tree(branches: Sequence[Branch], plan: Sequence[str], say: Callable[[str], str]) -> str:
    """Return a tree of steps, how many states the search looked at below each, and which were chosen.

    Args:
        branches: each before those that go on from it; the first has no steps.
        plan: the steps that were chosen.
        say: what a step is called.
    """
    most = max(1, *(b.states for b in branches))
    rows = {b.steps: i for i, b in enumerate(branches)}
    parts = []
    for i, branch in enumerate(branches):
        depth, y = len(branch.steps), _ROW * (i + 0.5) + 4
        chosen = branch.steps == tuple(plan[:depth])
        x = 10 + _INDENT * depth
        if depth:
            above = _ROW * (rows[branch.steps[:-1]] + 0.5) + 4
            way = f"M{px(x - _INDENT)} {px(above)}V{px(y)}H{px(x)}"
            parts.append(f'<path class="twig{" chosen" if chosen else ""}" d="{way}"/>')
        name = say(branch.steps[-1]) if depth else "start"
        states = plural(branch.states, "state") if branch.states else "no state"
        spoken = f"{name}: the search looked at {states} from here on" + (", chosen" if chosen and depth else "")
        parts.append(f'<circle class="{"dot" if chosen else "twig-end"}" cx="{px(x)}" cy="{px(y)}" r="4"/>')
        room = int((_BARS - x - 14) / _LETTER)
        shown = name if len(name) <= room else f"{name[: room - 1]}…"
        parts.append(words(x + 9, y + 4, shown, "number" if chosen else "tick"))
        # Counts run over several powers of ten.
        share = math.log1p(branch.states) / math.log1p(most)
        place = f'x="{_BARS}" y="{px(y - 5)}" width="{px(max(1.0, 76 * share))}" height="10" rx="3"'
        parts.append(f'<rect class="bar{"" if chosen else " bar-baseline"}" {place}/>')
        parts.append(words(_BARS + 82, y + 4, short(branch.states)))
        size = f'x="0" y="{px(y - _ROW / 2)}" width="{_WIDTH}" height="{_ROW}"'
        parts.append(f'<rect class="hit" {size} {tip(spoken)}/>')
    chosen_steps = ", then ".join(map(say, plan)) or "nothing"
    label = f"The search looked at {plural(branches[0].states, 'state')} and chose {chosen_steps}"
    return frame("chart tree", _WIDTH, _ROW * len(branches) + 8, label, parts)
