"""A plan as a policy: skills one after another, watched, and planned anew where the world differs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tabletop.errors import TabletopError, unknown
from tabletop.logic.formula import Formula
from tabletop.planner.acting import Careful
from tabletop.planner.frontier import Node
from tabletop.planner.goal import Goal
from tabletop.planner.operator import Operator
from tabletop.planner.placing import LetGo, SetDown, in_hand
from tabletop.planner.raising import RAISING, Raised
from tabletop.planner.search import Plan, Search, Step
from tabletop.planner.watch import clear, unchanged
from tabletop.rollout.policy import Action, Policy
from tabletop.sim.scene import Scene
from tabletop.sim.state import State

__all__ = ["PlannerPolicy"]

_WATCH: Final = 3
"""Control steps that the goal must hold for the robot to be done."""
_PENALTY: Final = 0.35
"""Cost of a skill, in parts of the goal, for each time that it did not do what was forecast."""
_WORSE: Final = 0.1
"""Drop of a plan's probability that calls for a new one."""
_WIDER: Final = 3
"""Times in an episode that the search is done again with wider bounds, where no plan reaches the goal."""
_ASTRAY: Final = 0.05
"""m from every place it was expected at that count as a skill's failure."""
_AJAR: Final = 0.3
"""The same for a joint's fraction."""
_RELEASES: Final = (SetDown(), LetGo())
"""What empties the hand, in the order in which it is tried."""
_LEAST_SECONDS: Final = 0.05
"""That a search has in any case: for the states next to the first."""


class PlannerPolicy:
    """Plans, runs a skill, looks, and plans anew, until the goal holds or the budget of skills is used up.

    The goal counts as reached once it has held for three control steps: at the end of a skill, or in the
    midst of one if the gripper is clear of everything by then (unless the skill is one that ends holding something).

    A skill that does not end by itself is ended once what was forecast has come about and the gripper is clear.
    A skill whose effect did not come is not done again in the same state: what has not moved since will not move.
    Nor is a plan that falls short of the goal made again once it came out as forecast.

    The search's seconds are for the first plan; all later ones together have as many again. While neither is spent,
    the same seed gives the same episode.
    """

    def __init__(
        self,
        goal: Formula,
        operators: Sequence[Operator],
        search: Search | None = None,
        skills: int | None = None,
        plan: Sequence[tuple[str, str]] | None = None,
    ) -> None:
        """Keep what to reach and what can be done.

        Args:
            goal: about entities of the scenes it will be run in.
            operators: what can be done there.
            search: how plans are found.
            skills: run at most, failed ones included; by default twice the goal's literals and three more.
            plan: (skill, entity) in order, to run as they are, without any search.

        Raises:
            TabletopError: skills below 1, two operators with one id, or a plan of other skills.
        """
        self.goal = goal
        self.operators = tuple(operators)
        self.search = search or Search()
        self.skills = 2 * len(goal.leaves) + 3 if skills is None else skills
        if self.skills < 1:
            raise TabletopError(f"a plan needs a budget of at least 1 skill, got {self.skills}")
        twice = [i for i, n in Counter(o.id for o in self.operators).items() if n > 1]
        if twice:
            raise TabletopError(f"operators need different ids, got {twice[0]!r} twice")
        self._given = None if plan is None else self._steps(plan)
        self._step: Step | None = None
        self._forecast: State | None = None
        self.log: list[dict[str, Any]] = []
        self.why: list[str] = []
        """Lines that say why the goal was not reached, as far as the planner knows; none where it was."""
        self.spent = False
        """Whether a search was ended by its budget of seconds."""
        self.on_node: Callable[[Node], None] | None = None
        """Called with each node that a search expands."""

    def _steps(self, plan: Sequence[tuple[str, str]]) -> tuple[Step, ...]:
        known: dict[str, Operator] = {o.id: o for o in (*_RELEASES, *self.operators)}
        for id, _ in plan:
            if id not in known:
                raise unknown("skill of a plan", id, known)
        return tuple(Step(known[id], entity) for id, entity in plan)

    @property
    def horizon(self) -> int:
        """Control steps that its budget of skills takes at most."""
        return self.skills * (_WATCH + RAISING + max((o.horizon for o in self.operators), default=1))

    @property
    def forecast(self) -> State | None:
        """States (K,) that the present step is expected to lead to; None between steps."""
        return self._forecast if self._step is not None else None

    def reset(self, state: State, scene: Scene, rng: np.random.Generator) -> None:
        """Begin an episode: make the first plan.

        Raises:
            TabletopError: the scene lacks an entity of the goal or of a given plan.
        """
        self.log, self.why, self.spent = [], [], False
        self._scene, self._rng = scene, rng
        # Of their own, so that a plan that is given, without any search, is run as it was when it was found.
        self._skills_rng = np.random.default_rng(int(rng.integers(2**63)))
        self._seconds = self.search.seconds
        self._useless: list[tuple[tuple[str, str], State]] = []
        self._clinging: set[tuple[str, str]] = set()
        self._before = state
        self._goal = Goal(self.goal, state)
        self._penalties: dict[tuple[str, str], float] = {}
        self._time = self._used = self._held_for = self._skill_time = 0
        self._grip = 1.0
        self._step = None
        self._policy: Policy | None = None
        self._wider = _WIDER
        self._aim: tuple[tuple[str, str], ...] = ()
        self._short: set[tuple[tuple[str, str], ...]] = set()
        self._expected = 0.0
        self._forecast = None
        self._came_at: tuple[int, State] | None = None
        self._plan = Plan((), 0.0, float(len(self._goal.parts)))
        self._done = False

    def act(self, state: State) -> Action | None:
        """Return the next action, or None where the goal is reached or the budget is used up."""
        if self._done:
            return None
        self._held_for = self._held_for + 1 if self._goal.holds(state) else 0
        if self._policy is not None:
            if self._held_for >= _WATCH and self._may_stop(state):
                return self._end(state)
            over = self._skill_time >= self._horizon() or self._came(state)
            action = None if over else self._policy.act(state)
            if action is not None:
                self._count()
                return self._send(action)
            self._policy = None
        if self._held_for >= _WATCH:
            return self._end(state)
        if self._held_for > 0:
            # What is still rolling or tipping shows within a few steps.
            return self._send(np.array([0.0, 0.0, 0.0, 0.0, self._grip]))
        self._close(state)
        return self._next(state)

    def _horizon(self) -> int:
        return self._step.operator.horizon if self._step else 0

    def _count(self) -> None:
        """Count a control step of the skill, not of what goes before."""
        if not isinstance(self._policy, Raised) or self._policy.begun:
            self._skill_time += 1

    def _may_stop(self, state: State) -> bool:
        if self._step is not None and self._step.operator.last:
            return True
        return all(clear(state, n) for n in state.layout.names)

    def _send(self, action: Action) -> Action:
        self._time += 1
        self._grip = float(action[4])
        return action

    def _end(self, state: State) -> Action | None:
        self._close(state)
        self._done, self._policy = True, None
        return None

    def _close(self, state: State) -> None:
        """Note what the last skill came to."""
        if self._step is None:
            return
        done = self._goal.done(state)
        missing = len(self._goal.parts) - done
        # What reaches the goal has not failed, wherever else it left things.
        failed = missing > 0 and (missing > self._expected + 0.5 or self._elsewhere(state))
        self._clinging = {key for key in self._clinging if in_hand(state, key[1])}
        if isinstance(self._step.operator, SetDown) and in_hand(state, self._step.entity):
            # It is still in the hand, wherever it is now: the same once more would do no better.
            failed = missing > 0
            self._clinging.add(self._step.key)
        if failed:
            self._penalties[self._step.key] = self._penalties.get(self._step.key, 0.0) + _PENALTY
            self._useless.append((self._step.key, self._before))
            if unchanged(self._before, state):
                self._useless.append(((self._step.operator.begins, self._step.entity), self._before))
        elif self._aim and self._step.key == self._aim[-1] and len(self._plan.steps) == 1:
            self._short.add(self._aim)
        self.log[-1].update(steps=self._skill_time, done=done, failed=failed)
        self._step = None

    def _elsewhere(self, state: State) -> bool:
        """Return whether the last skill's entity is far from all places where it was expected."""
        if self._step is None or self._forecast is None:
            return False
        return bool(_far(self._forecast, state, self._step.entity).all())

    def _came(self, state: State) -> bool:
        """Return whether what was forecast has come about and stayed so for three steps, the gripper being clear.

        Only of a skill that moves something, and does not end by itself.
        """
        if self._step is None or self._forecast is None or self._step.operator.ends or self._step.operator.last:
            return False
        moves = _far(self._forecast, self._before, self._step.entity).mean() > 0.5
        missing = len(self._goal.parts) - self._goal.done(state)
        if not moves or self._elsewhere(state) or missing > self._expected + 0.5 or not self._may_stop(state):
            self._came_at = None
            return False
        if self._came_at is None or not unchanged(self._came_at[1], state):
            self._came_at = self._time, state
        return self._time - self._came_at[0] >= _WATCH

    def _next(self, state: State) -> Action | None:
        """Choose the next skill and return its first action."""
        while self._used < self.skills:
            plan, anew = self._choose(state)
            if not plan.steps:
                break
            self._plan, self._step, self._before = plan, plan.steps[0], state
            after, self._forecast = self.search.forecast(self._goal, state, plan.steps[:1], self._child())
            self._expected = after.remaining
            self._used += 1
            self._skill_time = 0
            self._came_at = None
            self.log.append(
                {
                    "skill": self._step.operator.id,
                    "entity": self._step.entity,
                    "step": self._time,
                    "probability": round(plan.probability, 6),
                    "plan": [" ".join(s.key) for s in plan.steps],
                    "replanned": anew,
                }
            )
            policy = self._step.operator.policy(self._step.entity)
            self._policy = Raised(policy) if self._step.operator.raised else policy
            self._policy.reset(state, self._scene, np.random.default_rng(int(self._skills_rng.integers(2**63))))
            action = self._policy.act(state)
            if action is not None:
                self._count()
                return self._send(action)
            self._policy = None
            self._close(state)
        self._done = True
        if not self._goal.holds(state):
            self._explain(plan if self._used < self.skills else None)
        return None

    def _explain(self, last: Plan | None) -> None:
        """Note why the goal is not reached: what the last search says, or that the skills are used up."""
        if last is None:
            self.why.append(f"the budget of {self.skills} skills is used up")
        else:
            self.why.extend(last.why)
        if self.spent:
            self.why.append(f"a search ended as its budget of {self.search.seconds:g} s was spent; more may find more")
        failed = Counter(f"{e['skill']} {e['entity']}" for e in self.log if e.get("failed"))
        times = {1: "", 2: " twice"}
        self.why.extend(
            f"{what!r} was tried{times.get(n, f' {n} times')} and did not do what was forecast"
            for what, n in failed.items()
        )

    def _choose(self, state: State) -> tuple[Plan, bool]:
        """Return the rest of the plan where it is still as good as forecast, or else a new one; and which."""
        if self._given is not None:
            return Plan(self._given[self._used :], 1.0, 0.0), False
        rest, anew = self._plan.steps[1:], bool(self.log)
        useless = {key for key, before in self._useless if unchanged(before, state)}
        for name in state.layout.names if not rest or rest[0].key not in useless else ():
            # No skill begins with something in the hand.
            for operator in _RELEASES:
                key = operator.id, name
                if operator.applicable(state, name) and key not in useless and key not in self._clinging:
                    steps = (Step(operator, name), *rest)
                    return Plan(steps, self._plan.probability if rest else 1.0, self._plan.remaining), anew
        if rest and rest[0].key not in useless:
            again, _ = self.search.forecast(self._goal, state, rest, self._child())
            if len(again.steps) == len(rest) and again.probability >= self._plan.probability - _WORSE:
                return again, False
        return self._found(state, useless), anew

    def _found(self, state: State, useless: Collection[tuple[str, str]]) -> Plan:
        """Return a new plan, within what is left of the budget of seconds."""
        first = not self.log
        plan = self._search(self.search).plan(
            self._goal, state, self.operators, self._child(), self._penalties, useless, self.on_node
        )
        self._charge(plan)
        if plan.remaining >= 1.0 and self._wider > 0:
            # Rather than do what cannot be undone, look farther; and what has failed may still be all there is.
            self._wider -= 1
            wider = replace(self.search, nodes=4 * self.search.nodes, patience=4 * self.search.patience)
            found = self._search(wider).plan(
                self._goal, state, self.operators, self._child(), None, useless, self.on_node
            )
            self._charge(found)
            plan = found if found.remaining < plan.remaining or not plan.steps else plan
        bold = tuple(o.inner if isinstance(o, Careful) else o for o in self.operators)
        if not plan.steps and bold != tuple(self.operators):
            # Where nothing that has enough room brings the goal nearer, what may bump into something is tried.
            plan = self._search(self.search).plan(
                self._goal, state, bold, self._child(), self._penalties, useless, self.on_node
            )
            self._charge(plan)
        if first:
            self._seconds = self.search.seconds
        keys = tuple(s.key for s in plan.steps)
        if keys in self._short:
            return replace(plan, steps=())
        self._aim = keys if plan.remaining >= 1.0 else ()
        return plan

    def _search(self, search: Search) -> Search:
        return search if self._seconds is None else replace(search, seconds=max(self._seconds, _LEAST_SECONDS))

    def _charge(self, plan: Plan) -> None:
        """Take the time that a plan took off the budget."""
        self.spent = self.spent or plan.spent
        if self._seconds is not None:
            self._seconds -= plan.seconds

    def _child(self) -> np.random.Generator:
        return np.random.default_rng(int(self._rng.integers(2**63)))


def _far(forecast: State, state: State, entity: str) -> npt.NDArray[np.bool_]:
    """Return which forecasts (K,) have an entity elsewhere than a state has it."""
    gaps = forecast.entity(entity, "position") - state.entity(entity, "position")
    turns = forecast.entity(entity, "fraction") - state.entity(entity, "fraction")
    return np.asarray((np.linalg.norm(gaps, axis=-1) > _ASTRAY) | (np.abs(turns) > _AJAR))
