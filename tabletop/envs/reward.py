"""Rewards from a task's formula, and goals for learners that relabel them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from typing import Final

import numpy as np
import numpy.typing as npt

from tabletop.errors import TabletopError, unknown
from tabletop.logic.formula import Formula, Literal
from tabletop.logic.task import Task
from tabletop.sim.cards import load_cards
from tabletop.sim.state import Layout, State

__all__ = ["REWARDS", "GoalReward", "check_reward", "reward_and_success", "smallest", "sparse"]

REWARDS: Final = ("dense", "sparse")
"""dense: the formula's smooth margin, in (-1, 1); sparse: 0 where the task is done and -1 elsewhere."""

_ROUNDING: Final = 1e-9
Array = npt.NDArray[np.float64]
_MARK: Final = "target"
"""The kind of entity that shows where something is to be brought."""
_POSE: Final = {"position": 3, "quaternion": 4, "size": 3}


def check_reward(reward: str) -> str:
    """Return the name of a reward.

    Raises:
        TabletopError: it is none of REWARDS.
    """
    if reward not in REWARDS:
        raise unknown("reward", reward, REWARDS)
    return reward


def sparse(done: npt.ArrayLike) -> Array:
    """Return 0 where done and -1 elsewhere."""
    return np.where(done, 0.0, -1.0)


def reward_and_success(reward: str, formula: Formula, state: State, initial: State) -> tuple[float, bool]:
    """Return the reward of one state, and whether the task is done.

    Args:
        reward: one of REWARDS.
        formula: of the task.
        state: now; no batch shape.
        initial: the state at reset; no batch shape.
    """
    if reward == "sparse":
        done = bool(formula.holds(state, initial))
        return float(sparse(done)), done
    value = float(formula.smooth(state, initial))
    # Of statements joined by "and" the smooth margin is never below the exact one: mostly it settles the matter.
    if formula.is_conjunction and value < -_ROUNDING:
        return value, False
    return value, bool(formula.holds(state, initial))


class GoalReward:
    """The reward of a task that brings something to a mark, as a function of goals.

    What is brought is an entity, `at(block, target)`, or the gripper, `reached(target)`. A goal is its pose
    (position, quaternion xyzw, size; m, world; of the gripper the position alone) followed by the margins, squashed
    into (-1, 1), of those statements of the formula that do not depend on where it is to be brought. So achieved goals
    are all that the reward needs besides the mark, and any of them can be taken for the goal that was desired.

    To relabel goals so is HER (Andrychowicz et al. 2017).
    """

    def __init__(self, task: Task, reward: str) -> None:
        """Split the task's formula.

        Raises:
            TabletopError: the formula has no mark (an entity of kind "target"), or needs more than a goal holds.
        """
        self.reward = check_reward(reward)
        marks = [n for n in task.success.names if _kind(task, n) == _MARK]
        if len(marks) != 1 or not task.success.is_conjunction:
            raise TabletopError(
                f'observation "goal" needs a task that brings something to one {_MARK}, got task {task.name!r}:'
                f" {task.success.text!r}"
            )
        (self.mark,) = marks
        literals = task.success.literals
        self._about = [x for x in literals if self.mark in x.names and not self._is_fixed(task, x)]
        self._rest = [x for x in literals if x not in self._about]
        things = [[n for n in x.names if n != self.mark] for x in self._about]
        self.thing: str | None = things[0][0] if things and things[0] else None
        """The entity that is brought there; None: the gripper."""
        if not things or any(t != things[0] or len(t) > 1 for t in things):
            raise TabletopError(
                f'observation "goal": in {task.success.text!r}, {self.mark} may only go with one thing that moves'
            )
        self._fields = {"position": 3} if self.thing is None else _POSE
        self.pose_width = sum(self._fields.values())
        """How many of a goal's numbers are the pose."""
        self.width = self.pose_width + len(self._rest)
        names = (self.mark,) if self.thing is None else (self.thing, self.mark)
        self._layout = Layout(names, ("block", _MARK)[-len(names) :], ("rigid", "static")[-len(names) :])

    def _is_fixed(self, task: Task, literal: Literal) -> bool:
        """Return whether a statement about the mark is only about where the scene put it: beyond a wall, say."""
        others = [n for n in literal.names if n != self.mark]
        return bool(others) and all(_body_type(_kind(task, n)) == "static" for n in others)

    def achieved(self, state: State, initial: State) -> npt.NDArray[np.float32]:
        """Return where the thing is, (width,)."""
        margins = [float(x.margin(state, initial)) for x in self._rest]
        return self._goal(state, self.thing, margins)

    def desired(self, state: State) -> npt.NDArray[np.float32]:
        """Return where the thing is to be, (width,)."""
        return self._goal(state, self.mark, [1.0] * len(self._rest))

    def _goal(self, state: State, name: str | None, margins: list[float]) -> npt.NDArray[np.float32]:
        if name is None:
            pose = [state.robot("gripper_position")]
        else:
            pose = [state.entity(name, f) for f in self._fields]
        return np.concatenate([*pose, margins]).astype(np.float32)

    def margins(self, achieved: npt.ArrayLike, desired: npt.ArrayLike) -> list[Array]:
        """Return the squashed margins of the formula's statements for goals (..., width), each (...,)."""
        one, two = np.asarray(achieved, dtype=np.float64), np.asarray(desired, dtype=np.float64)
        one, two = np.broadcast_arrays(one, two)
        values = np.zeros((*one.shape[:-1], self._layout.width))
        values[..., self._layout.entity_slice(self.mark, "quaternion")] = (0.0, 0.0, 0.0, 1.0)
        for name, goal in ((self.thing, one), (self.mark, two)):
            start = 0
            for field, width in self._fields.items():
                if name is None:
                    column = self._layout.robot_slice("gripper_position")
                else:
                    column = self._layout.entity_slice(name, field)
                values[..., column] = goal[..., start : start + width]
                start += width
        state = State(self._layout, values)
        rest = np.moveaxis(one[..., self.pose_width :], -1, 0)
        return [*(np.asarray(x.margin(state, state)) for x in self._about), *rest]

    def __call__(self, achieved: npt.ArrayLike, desired: npt.ArrayLike) -> Array:
        """Return rewards (...,) of goals (..., width)."""
        margins = self.margins(achieved, desired)
        if self.reward == "sparse":
            return sparse(reduce(np.minimum, margins) >= 0.0)
        # Rounded: one goal and a batch of them then agree to the last bit.
        return np.round(smallest(margins), 6)


def _kind(task: Task, name: str) -> object:
    """Return the kind of an entity of the task's scene card; of one that is drawn from several, the list of them."""
    entity = task.scene["entities"].get(name)
    return entity.get("kind") if isinstance(entity, Mapping) else entity


def _body_type(kind: object) -> str:
    """Return the body type of entities of a kind; "rigid" where the kind is drawn."""
    card = load_cards().get(kind) if isinstance(kind, str) else None
    return card.body_type if card else "rigid"


def smallest(margins: list[Array], temperature: float = 0.1) -> Array:
    """Return the smooth minimum that `Formula.smooth` takes of a conjunction's margins."""
    low = reduce(np.minimum, margins)
    mean = sum(np.exp((low - m) / temperature) for m in margins) / len(margins)
    return np.asarray(low - temperature * np.log(mean))
