"""Rewards from a task's formula, and goals for learners that relabel them."""

from __future__ import annotations

from functools import reduce
from typing import Final

import numpy as np
import numpy.typing as npt

from tabletop.errors import TabletopError, unknown
from tabletop.logic.formula import Formula
from tabletop.logic.task import Task
from tabletop.sim.state import Layout, State

__all__ = ["REWARDS", "GoalReward", "check_reward", "judge", "sparse"]

REWARDS: Final = ("dense", "sparse")
"""dense: the formula's smooth margin, in (-1, 1); sparse: 0 where the task is done and -1 elsewhere."""

_ROUNDING: Final = 1e-9
Array = npt.NDArray[np.float64]
_POSE: Final = {"position": 3, "quaternion": 4, "size": 3}


def check_reward(kind: str) -> str:
    """Return the kind of reward.

    Raises:
        TabletopError: it is none of REWARDS.
    """
    if kind not in REWARDS:
        raise unknown("reward", kind, REWARDS)
    return kind


def sparse(done: npt.ArrayLike) -> Array:
    """Return 0 where done and -1 elsewhere."""
    return np.where(done, 0.0, -1.0)


def judge(kind: str, formula: Formula, state: State, initial: State) -> tuple[float, bool]:
    """Return the reward of one state, and whether the task is done."""
    if kind == "sparse":
        done = bool(formula.holds(state, initial))
        return float(sparse(done)), done
    reward = float(formula.smooth(state, initial))
    # Of statements joined by "and" the smooth margin is never below the exact one: mostly it settles the matter.
    if formula.is_conjunction and reward < -_ROUNDING:
        return reward, False
    return reward, bool(formula.holds(state, initial))


class GoalReward:
    """The reward of a task that brings one entity to a mark, as a function of goals.

    A goal is a pose (position, quaternion xyzw, size; m, world) followed by the margins, squashed into
    (-1, 1), of those statements of the formula that the mark does not appear in. So achieved goals are all
    that the reward needs besides the mark, and any of them can be taken for the goal that was desired.
    """

    def __init__(self, task: Task, kind: str) -> None:
        """Split the task's formula.

        Raises:
            TabletopError: the task has no mark as its parameter, or its formula needs more than a goal holds.
        """
        own = task.parameter
        if own is None or own.kind != "offset" or own.entity is None or own.origin is None:
            raise TabletopError(f'observation "goal" needs a task whose parameter is an offset, got task {task.name!r}')
        self.kind, self.mark, self.thing = check_reward(kind), own.entity, own.origin
        literals = task.success.literals
        self._about = [x for x in literals if self.mark in x.names]
        self._rest = [x for x in literals if self.mark not in x.names]
        if not self._about or any(set(x.names) != {self.thing, self.mark} for x in self._about):
            raise TabletopError(
                f'observation "goal": in {task.success.text!r}, {self.mark} may only go with {self.thing}'
            )
        self.width = sum(_POSE.values()) + len(self._rest)
        self._layout = Layout((self.thing, self.mark), ("block", "target"), ("rigid", "static"))

    def achieved(self, state: State, initial: State) -> npt.NDArray[np.float32]:
        """Return where the entity is, (width,)."""
        margins = [float(x.margin(state, initial)) for x in self._rest]
        return self._goal(state, self.thing, margins)

    def desired(self, state: State) -> npt.NDArray[np.float32]:
        """Return where the entity is to be, (width,)."""
        return self._goal(state, self.mark, [1.0] * len(self._rest))

    def _goal(self, state: State, name: str, margins: list[float]) -> npt.NDArray[np.float32]:
        pose = [state.entity(name, f) for f in _POSE]
        return np.concatenate([*pose, margins]).astype(np.float32)

    def margins(self, achieved: npt.ArrayLike, desired: npt.ArrayLike) -> list[Array]:
        """Return the squashed margins of the formula's statements for goals (..., width), each (...,)."""
        one, two = np.asarray(achieved, dtype=np.float64), np.asarray(desired, dtype=np.float64)
        one, two = np.broadcast_arrays(one, two)
        values = np.zeros((*one.shape[:-1], self._layout.width))
        for name, goal in ((self.thing, one), (self.mark, two)):
            start = 0
            for field, width in _POSE.items():
                values[..., self._layout.entity_slice(name, field)] = goal[..., start : start + width]
                start += width
        state = State(self._layout, values)
        rest = np.moveaxis(one[..., sum(_POSE.values()) :], -1, 0)
        return [*(np.asarray(x.margin(state, state)) for x in self._about), *rest]

    def __call__(self, achieved: npt.ArrayLike, desired: npt.ArrayLike) -> Array:
        """Return rewards (...,) of goals (..., width)."""
        margins = self.margins(achieved, desired)
        if self.kind == "sparse":
            return sparse(reduce(np.minimum, margins) >= 0.0)
        # Rounded: one goal and a batch of them then agree to the last bit.
        return np.round(smallest(margins), 6)


def smallest(margins: list[Array], temperature: float = 0.1) -> Array:
    """Return the smooth minimum that `Formula.smooth` takes of a conjunction's margins."""
    low = reduce(np.minimum, margins)
    mean = sum(np.exp((low - m) / temperature) for m in margins) / len(margins)
    return np.asarray(low - temperature * np.log(mean))
