"""Split A: which tasks might a skill be? Its held-out episodes evaluated by every formula that can be asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np

from tabletop.logic import Registry, Task
from tabletop.metrics.effective_skills import Sample
from tabletop.sim.state import Layout
from tabletop.skills.effects import Effect

__all__ = ["Candidate", "candidates", "succeeds_in", "task_kinds"]

_LEAST_SAMPLES = 4
"""Episodes on which a task must have been askable."""
_TOLERANCE = 0.045
"""m from the median within which an end counts as the same place."""
_SHORTEST = 0.07
"""m of displacement from which a skill goes somewhere."""
_DOWN = -0.08
"""m of displacement down past which things went off the table: no place to put a target."""
_LEAST_TURN = np.radians(25)


@dataclass(frozen=True)
class Candidate:
    """A task that a skill might be, and the parameter the skill itself shows."""

    task: str
    rate: float
    """Share of split A's episodes (where it could be asked) in whose last state the task was done."""
    n: int
    offset: tuple[float, float] | None = None
    """m: where the skill takes things, relative to where they were, for tasks with a target."""
    angle: float | None = None
    """rad: how far the skill turns things, for tasks with an angle."""

    @property
    def fitted(self) -> bool:
        """Whether a parameter was read off the skill: that says less than a task as it is written."""
        return self.offset is not None or self.angle is not None


def task_kinds(task: Task, role: str) -> tuple[str, ...]:
    """Return the kinds of entity a role of a task may have."""
    raw: Any = task.scene["entities"][role]
    kind = raw["kind"] if isinstance(raw, Mapping) else raw
    return (kind,) if isinstance(kind, str) else tuple(kind)


def _plays(name: str, task: Task, role: str, layout: Layout) -> bool:
    """Return whether an entity of a layout may have a role of a task: it is of the kind, or like one of it."""
    return not {layout.kind(name), layout.role(name)}.isdisjoint(task_kinds(task, role))


def succeeds_in(task: Task, sample: Sample) -> bool | None:
    """Return whether a task was done at the end of an episode in some binding of its roles, None if none fits.

    The attended role is bound to the skill's entity; others to whatever of their kind is in the scene. Bindings
    in which the task was done at the start do not count.
    """
    layout = sample.trajectory.layout
    if not _plays(sample.entity, task, task.attends, layout):
        return None
    others = [r for r in task.success.names if r != task.attends]
    rest = [n for n in layout.names if n != sample.entity]
    asked = False
    for chosen in permutations(rest, len(others)):
        if not all(_plays(n, task, r, layout) for r, n in zip(others, chosen, strict=True)):
            continue
        formula = task.success.rename({task.attends: sample.entity, **dict(zip(others, chosen, strict=True))})
        initial, final = sample.trajectory.initial, sample.trajectory.final
        if bool(formula.holds(initial, initial)):
            continue
        asked = True
        if bool(formula.holds(final, initial)):
            return True
    return False if asked else None


def _offset(task: Task, effect: Effect, samples: Sequence[Sample]) -> Candidate | None:
    """Return a target task as a candidate, with the skill's own median displacement as its parameter."""
    if effect.body_type != "rigid" or not effect.settles:
        return None
    fitting = [s for s in samples if _plays(s.entity, task, task.attends, s.trajectory.layout)]
    if len(fitting) < _LEAST_SAMPLES:
        return None
    moved = np.array([s.outcome[:3] for s in fitting])
    middle = np.median(moved, axis=0)
    if np.hypot(*middle[:2]) < _SHORTEST or middle[2] < _DOWN:
        return None
    near = np.linalg.norm(moved - middle, axis=1) < _TOLERANCE
    # Adding 0 turns -0 into 0.
    offset = (round(float(middle[0]), 3) + 0.0, round(float(middle[1]), 3) + 0.0)
    return Candidate(task.name, float(near.mean()), len(fitting), offset=offset)


def _angle(task: Task, effect: Effect, samples: Sequence[Sample]) -> tuple[Task, float] | None:
    """Return an angle task with three quarters of the skill's own median turn as its parameter."""
    # Things that look alike from all sides count as never turned: they say nothing of a skill that turns.
    fitting = [s for s in samples if _plays(s.entity, task, task.attends, s.trajectory.layout)]
    if effect.body_type != "rigid" or not effect.settles or len(fitting) < _LEAST_SAMPLES:
        return None
    turns = np.array([s.outcome[3] for s in fitting])
    middle = float(np.median(turns))
    if abs(middle) < _LEAST_TURN:
        return None
    value = float(np.round(np.degrees(0.75 * middle) / 5) * 5)
    value = abs(value) if task.parameter and (task.parameter.value or 0.0) > 0 else value
    if task.parameter is None or task.parameter.value is None:
        return None
    if np.sign(task.parameter.value) != np.sign(middle) and "rotated" not in task.success.text:
        return None
    return task.with_value(float(np.radians(value))), float(np.radians(value))


def candidates(effect: Effect, samples: Sequence[Sample], registry: Registry) -> list[Candidate]:
    """Return all tasks that could be asked of a skill's episodes, best rate first, of like ones the plain first.

    Args:
        effect: the skill's.
        samples: its episodes on split A.
        registry: the tasks.
    """
    out = []
    for task in registry.values():
        parameter = task.parameter
        if parameter is not None and parameter.type == "offset":
            found = _offset(task, effect, samples)
            if found:
                out.append(found)
            continue
        asked, angle = task, None
        if parameter is not None and parameter.type == "angle":
            turned = _angle(task, effect, samples)
            if turned is None:
                continue
            asked, angle = turned
        verdicts = [v for v in (succeeds_in(asked, s) for s in samples) if v is not None]
        if len(verdicts) >= _LEAST_SAMPLES:
            out.append(Candidate(task.name, float(np.mean(verdicts)), len(verdicts), angle=angle))
    return sorted(out, key=lambda c: (-c.rate, c.fitted, -c.n, c.task))
