from __future__ import annotations

import numpy as np
import pytest

from tabletop.api.planning import operators_of
from tabletop.naming import open_library
from tabletop.planner import SampledOperator, ScriptedOperator
from tabletop.planner.raising import RAISING, Raised
from tabletop.rollout.episode import episode
from tabletop.rollout.policy import Action
from tabletop.sim.generate import generate, load_scene_card
from tabletop.sim.scene import Scene
from tabletop.sim.state import State
from tabletop.skills.skill_policy import SAFE_HEIGHT

SCENE = generate(load_scene_card("planning"), 1)


class Below:
    """Goes down for some steps with shut fingers, then raises what notes where it begins."""

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.begun: State | None = None

    def reset(self, state: State, scene: Scene, rng: np.random.Generator) -> None:
        self._time, self._raised = 0, Raised(Noting(self))
        self._scene, self._rng = scene, rng

    def act(self, state: State) -> Action | None:
        self._time += 1
        if self._time <= self.steps:
            return np.array([0.0, 0.0, -1.0, 0.0, -1.0], dtype=np.float32)
        if self._time == self.steps + 1:
            self._raised.reset(state, self._scene, self._rng)
        return self._raised.act(state)


class Noting:
    def __init__(self, owner: Below) -> None:
        self._owner = owner

    def reset(self, state: State, scene: Scene, rng: np.random.Generator) -> None:
        self._owner.begun = state

    def act(self, state: State) -> Action | None:
        return None


@pytest.mark.parametrize("steps", [0, 5])
def test_a_skill_begins_with_the_hand_up_and_open(steps: int) -> None:
    policy = Below(steps)
    run = episode(policy, SCENE, 0, 40)
    assert policy.begun is not None
    height = policy.begun.robot("gripper_position")[2] - policy.begun.robot("table_height")
    assert height > SAFE_HEIGHT - 0.05
    assert len(run) - steps == (0 if steps == 0 else pytest.approx(RAISING / 2, abs=RAISING / 2 - 1))
    lowest = run.state.robot("gripper_position")[:, 2].min() - policy.begun.robot("table_height")
    assert (lowest < SAFE_HEIGHT - 0.05) == (steps > 0)
    if steps:
        assert float(policy.begun.robot("gripper_width")) > float(run.state.robot("gripper_width")[steps]) + 0.02


def test_what_was_learned_begins_raised_and_what_finds_its_way_does_not() -> None:
    make, _ = operators_of(open_library("default"))
    for operator in make(SCENE):
        assert operator.raised == (not isinstance(operator, ScriptedOperator))


def test_codes_are_left_out_where_what_they_do_can_be_asked_for() -> None:
    make, _ = operators_of(open_library("default"))
    effects = {o.id.rpartition("-")[0] for o in make(SCENE) if isinstance(o, SampledOperator)}
    assert not effects & {"held_at", "placed", "slid", "related"}
    assert "drawer" in effects
