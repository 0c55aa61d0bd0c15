from __future__ import annotations

import numpy as np
import pytest

from tabletop.errors import TabletopError
from tabletop.naming import open_library
from tabletop.planner import Outcome, SampledOperator
from tabletop.rollout.policy import Nothing
from tabletop.sim.generate import generate
from tabletop.sim.scene_cards import find_scene_card
from tabletop.sim.state import State
from tabletop.sim.world import World
from tabletop.view.courses import Courses
from tabletop.view.effect_map import effect_map

SCENE = generate(find_scene_card("planning"), 1)


@pytest.fixture(scope="module")
def state() -> State:
    with World() as world:
        return world.load(SCENE)


def moving(id: str, *outcomes: tuple[float, float, float]) -> SampledOperator:
    return SampledOperator(id, "rigid", None, tuple(Outcome(o) for o in outcomes), 10, lambda entity: Nothing())


def test_ends_are_those_that_are_forecast_and_equal_ones_count_once(state: State) -> None:
    far, near, same = (0.0, 0.1, 0.0), (0.0, 0.101, 0.0), (0.0, 0.0, 0.0)
    often = moving("often", *[(0.05, 0.0, 0.0)] * 5, (0.0, -0.3, 0.0))
    found = effect_map([moving("a", far), moving("b", near), moving("c", same), often], state, "red")
    start = state.entity("red", "position")
    assert found.skills == ("a", "b", "c", "often")
    assert found.ends[0] == pytest.approx(start + np.array(far))
    assert found.ends[3] == pytest.approx(start + np.array([0.05, 0.0, 0.0]))
    assert found.distinct == 3  # where it is, 10 cm to the left, 5 cm away


def test_the_library_that_ships_takes_a_block_and_a_drawer_to_many_ends(state: State) -> None:
    operators = Courses(open_library("default")).codes()
    block, drawer = (effect_map(operators, state, name) for name in ("red", "drawer"))
    assert block.distinct > 10
    assert np.ptp(block.ends[:, :2], axis=0).min() > 0.1
    assert drawer.distinct > 2
    assert np.ptp(drawer.fractions) > 0.5
    assert len(effect_map(operators, state, "mark").skills) == 0
    with pytest.raises(TabletopError, match="nothere"):
        effect_map(operators, state, "nothere")
