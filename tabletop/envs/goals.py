"""Which goal a task has for learners that relabel: a place to bring something to, or a number to reach."""

from __future__ import annotations

from contextlib import suppress
from copy import copy
from functools import reduce
from typing import Final

import numpy as np
import numpy.typing as npt

from tabletop.envs.reward import GoalReward, check_reward, smallest, sparse
from tabletop.errors import TabletopError
from tabletop.logic.formula import Formula, Literal, conjunction
from tabletop.logic.predicate import get_predicate
from tabletop.logic.task import Task
from tabletop.sim.state import State

__all__ = ["NumberGoal", "has_goal", "make_goal"]

Array = npt.NDArray[np.float64]

_LEAST: Final = ("open", "pressed", "locked", "lifted", "turned")
"""Predicates whose margin is what is measured minus the number in the formula, the last argument."""
_MOST: Final = ("closed", "unlocked")
"""Those whose margin is the number minus what is measured."""


class NumberGoal:
    """The reward of a task that brings a joint, a height or a turn to a number, as a function of goals.

    The number is that of the formula's one statement of these: `open(door, 0.8)`, `turned(dial, 60 deg)`,
    `lifted(block, 10 cm)`. A goal is such a number (fraction, rad or m), followed by the squashed margins of the
    formula's other statements. What is asked for is "at least" or "at most" the number, as in the formula: whatever was
    reached can be taken for the goal that was desired.

    To relabel goals so is HER (Andrychowicz et al. 2017).
    """

    mark: None = None
    """No entity shows the goal."""

    def __init__(self, task: Task, reward: str) -> None:
        """Split the task's formula.

        Raises:
            TabletopError: the formula has no such statement, or several.
        """
        self.reward = check_reward(reward)
        literals = task.success.literals if task.success.is_conjunction else ()
        about = [x for x in literals if x.positive and x.predicate in (*_LEAST, *_MOST)]
        if len(about) != 1:
            raise TabletopError(
                f"a goal that is a number needs one statement of {', '.join((*_LEAST, *_MOST))} in a conjunction,"
                f" got task {task.name!r}: {task.success.text!r}"
            )
        (self._about,) = about
        self.number = self._own = float(self._about.args[-1])
        """What is asked for, by the formula unless `asking` said otherwise: fraction, rad or m."""
        self.is_upward = self._about.predicate in _LEAST and not (self._about.predicate == "turned" and self._own < 0.0)
        """Whether at least the number is asked for, rather than at most."""
        self._sign = 1.0 if self.is_upward else -1.0
        self._scale = get_predicate(self._about.predicate).scale
        self._rest: list[Literal] = [x for x in literals if x is not self._about]
        self.width = 1 + len(self._rest)

    @property
    def statement(self) -> Literal:
        """The statement about the number, with the task's own number."""
        return self._about

    def asking(self, number: float) -> NumberGoal:
        """Return the goal with another number asked for: fraction, rad or m."""
        out = copy(self)
        out.number = number
        return out

    @property
    def formula(self) -> Formula:
        """What the task asks for, with the number asked for: it holds where this goal is reached."""
        args = (*self._about.args[:-1], self.number)
        return conjunction([Literal(self._about.predicate, args), *self._rest])

    def achieved(self, state: State, initial: State) -> npt.NDArray[np.float32]:
        """Return how far it is, (width,)."""
        measured = self._own + self._sign * float(self._about.raw_margin(state, initial))
        return np.array([measured, *(float(x.margin(state, initial)) for x in self._rest)], dtype=np.float32)

    def desired(self, state: State) -> npt.NDArray[np.float32]:
        """Return how far it is to be, (width,)."""
        return np.array([self.number, *[1.0] * len(self._rest)], dtype=np.float32)

    def __call__(self, achieved: npt.ArrayLike, desired: npt.ArrayLike) -> Array:
        """Return rewards (...,) of goals (..., width)."""
        one, two = np.asarray(achieved, dtype=np.float64), np.asarray(desired, dtype=np.float64)
        margin = self._sign * (one[..., 0] - two[..., 0])
        squashed = margin / (np.abs(margin) + self._scale)
        margins = [squashed, *np.broadcast_to(np.moveaxis(one[..., 1:], -1, 0), (self.width - 1, *squashed.shape))]
        if self.reward == "sparse":
            return sparse(reduce(np.minimum, margins) >= 0.0)
        # Rounded: one goal and a batch of them then agree to the last bit.
        return np.round(smallest(margins), 6)


def make_goal(task: Task, reward: str) -> GoalReward | NumberGoal:
    """Return the task's goal: the pose of a mark where it has one, or else the number of its formula.

    Raises:
        TabletopError: it has neither, or an unknown reward.
    """
    check_reward(reward)
    for make in (GoalReward, NumberGoal):
        with suppress(TabletopError):
            return make(task, reward)
    raise TabletopError(
        'observation "goal" needs a task that brings something to one target, or a joint, a height or a turn to a'
        f" number, got task {task.name!r}: {task.success.text!r}"
    )


def has_goal(task: Task) -> bool:
    """Return whether there is an observation "goal" for the task."""
    try:
        make_goal(task, "sparse")
    except TabletopError:
        return False
    return True
