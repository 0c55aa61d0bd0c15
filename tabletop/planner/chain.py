"""Chains of goals in one scene: drawn before anything runs, then given to a policy one after another.

After CALVIN (Mees et al. 2022): the next goal comes only when the one before is reached, and the chain ends at
the first that is not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from tabletop.errors import TabletopError
from tabletop.logic.formula import Formula, Literal
from tabletop.planner.goal import Goal
from tabletop.planner.goals import goal_with_end
from tabletop.planner.operator import Operator
from tabletop.planner.placing import SetDown
from tabletop.planner.policy import PlannerPolicy
from tabletop.planner.search import Search
from tabletop.planner.vocabulary import SCRIPTED_VOCABULARY, Template
from tabletop.rollout.episode import process_world
from tabletop.rollout.policy import Action
from tabletop.seeds import Purpose, rng_of, seed_of
from tabletop.sim.scene import Scene
from tabletop.sim.state import State

__all__ = ["GOAL_STEPS", "LENGTH", "ChainPolicy", "Turn", "chain_for", "sample_chain"]

Turn = tuple[Formula, ...]
"""What may be asked for when a goal's turn comes: the first of these that does not hold already."""

LENGTH: Final = 5
"""Goals in a chain."""
GOAL_STEPS: Final = 360
"""Control steps for each goal, as many as CALVIN gives."""
_MOST_LITERALS: Final = 2
_SPARES: Final = 2
_CLEARLY: Final = 0.1
"""Squashed margin by which each literal must be false when its goal's turn comes, as forecast."""


def sample_chain(
    scene: Scene,
    seed: int,
    operators: Sequence[Operator],
    vocabulary: Sequence[Template] = SCRIPTED_VOCABULARY,
    length: int = LENGTH,
) -> tuple[Turn, ...]:
    """Draw a chain for a scene; see `chain_for`. The scene is loaded into this process's world.

    Args:
        scene: that the goals are for.
        seed: of the choice.
        operators: what can be done, with exact forecasts.
        vocabulary: what may be asked for.
        length: goals.

    Raises:
        TabletopError: as in `chain_for`.
    """
    return chain_for(process_world().load(scene), seed, operators, vocabulary, length)


def chain_for(
    state: State,
    seed: int,
    operators: Sequence[Operator],
    vocabulary: Sequence[Template] = SCRIPTED_VOCABULARY,
    length: int = LENGTH,
) -> tuple[Turn, ...]:
    """Draw goals of one or two literals (a fair coin), each false and within reach where the one before is met.

    All is forecast, nothing is run: what a policy makes of a chain plays no part in it, and all policies get the
    same. The state between two goals is the one that a plan for the first leads to, as forecast; without a plan,
    the end of the walk that the goal was read off. Each goal has two spares, drawn from the same state: a policy
    may reach a goal in another way than forecast, so that the next one holds by chance. No literal is in a chain
    twice.

    Chains follow CALVIN (Mees et al. 2022).

    Args:
        state: the initial state; no batch shape.
        seed: of the choice.
        operators: what can be done, with exact forecasts.
        vocabulary: what may be asked for.
        length: goals.

    Raises:
        TabletopError: length below 1, an operator without exact forecasts, or no such chain found.
    """
    if length < 1:
        raise TabletopError(f"a chain needs at least 1 goal, got {length}")
    for operator in operators:
        if not operator.exact:
            raise TabletopError(f"a chain is drawn by exact forecasts, those of {operator.id!r} are samples")
    rng = rng_of(seed, Purpose.CHAINS)
    turns: list[Turn] = []
    asked: list[Literal] = []
    for i in range(length):
        literals = int(rng.integers(1, _MOST_LITERALS + 1))
        turn: list[Formula] = []
        after = state
        for spare in range(1 + _SPARES):
            try:
                own = seed_of(seed, Purpose.CHAIN_TURNS, i, spare)
                goal, end = goal_with_end(state, own, literals, operators, vocabulary, without=asked, clearly=_CLEARLY)
            except TabletopError:
                if not turn:
                    raise
                break
            after = after if turn else _after(Goal(goal, state), end, operators)
            turn.append(goal)
            asked.extend(goal.leaves)
        turns.append(tuple(turn))
        state = after
    return tuple(turns)


def _after(goal: Goal, end: State, operators: Sequence[Operator]) -> State:
    """Return the state from which the next goal is drawn; no batch shape."""
    search, start = Search(seconds=None), goal.initial
    plan = search.plan(goal, start, operators, np.random.default_rng(0))
    if plan.remaining == 0.0:
        _, end = search.forecast(goal, start, plan.steps, np.random.default_rng(0))
    for name in end.layout.names:
        if SetDown().applicable(end, name).all():
            end = SetDown().predict(end, name, np.zeros(end.values.shape[0]))
    return State(end.layout, end.values[0])


class ChainPolicy:
    """Goals one after another: a policy for each, begun when the goal before is reached.

    The first goal that is not reached ends the chain, as in CALVIN (Mees et al. 2022).
    """

    def __init__(
        self, turns: Sequence[Turn], make: Callable[[Formula], PlannerPolicy], goal_steps: int = GOAL_STEPS
    ) -> None:
        """Keep the goals.

        Args:
            turns: in order, of each goal what may be asked for.
            make: makes a goal's policy, when its turn comes.
            goal_steps: control steps for each goal at most.

        Raises:
            TabletopError: no goals, or goal_steps below 1.
        """
        if not turns or not all(turns) or goal_steps < 1:
            raise TabletopError(
                f"a chain needs a goal and a control step for it, got {len(turns)} goals and {goal_steps} steps"
            )
        self.turns, self.goal_steps = tuple(turns), goal_steps
        self._make = make
        self.log: list[dict[str, Any]] = []
        """One mapping for each goal begun: `goal` (its text), `begin` and `end` (control steps), `already` (it and its
        spares held when its turn came, which ends the chain), `done`, `skills`, the log of its policy, `why` it was not
        reached, as that policy says, and whether its search's time was `spent`."""

    @property
    def horizon(self) -> int:
        """Control steps that the chain takes at most."""
        return self.goal_steps * len(self.turns)

    def reset(self, state: State, scene: Scene, rng: np.random.Generator) -> None:
        """Begin an episode with the first goal."""
        self.log, self._time, self._over = [], 0, False
        self._scene, self._rng = scene, rng
        self._begin(state)

    def _begin(self, state: State) -> None:
        goals = [Goal(g, state) for g in self.turns[len(self.log)]]
        self._goal = next((g for g in goals if not g.holds(state)), goals[0])
        self._over = already = self._goal.holds(state)
        self._left = self.goal_steps
        begun = {"goal": self._goal.formula.text, "begin": self._time, "end": self._time}
        self.log.append({**begun, "already": already, "done": False, "skills": [], "why": [], "spent": False})
        self._policy = self._make(self._goal.formula)
        self._policy.reset(state, self._scene, np.random.default_rng(int(self._rng.integers(2**63))))

    def act(self, state: State) -> Action | None:
        """Return the next action, or None where the last goal is reached or one is not."""
        while not self._over:
            action = self._policy.act(state) if self._left > 0 else None
            if action is not None:
                self._left -= 1
                self._time += 1
                return action
            done = self._goal.holds(state)
            why = [] if done else list(self._policy.why)
            if not done and self._left <= 0:
                why.append(f"the {self.goal_steps} control steps for it are used up")
            outcome = {"why": why, "spent": self._policy.spent}
            self.log[-1].update(end=self._time, done=done, skills=self._policy.log, **outcome)
            if not done or len(self.log) == len(self.turns):
                self._over = True
            else:
                self._begin(state)
        return None
