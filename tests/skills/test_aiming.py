from __future__ import annotations

import numpy as np
import pytest

from tabletop.errors import TabletopError
from tabletop.logic import load_registry, parse
from tabletop.rollout.episode import process_world
from tabletop.sim.generate import generate
from tabletop.sim.scene import Scene
from tabletop.sim.state import State
from tabletop.skills.aiming import AIMED, AimedPolicy, aim
from tabletop.skills.library import Library


def start(task: str, seed: int = 3) -> tuple[Scene, State, str]:
    """A task's scene, its first state, and what the task is about."""
    card = load_registry()[task]
    scene = generate(card.scene, seed)
    return scene, process_world().load(scene), card.attends


def test_a_joint_is_asked_for_the_limit_that_the_formula_wants() -> None:
    _, state, drawer = start("drawer-open")
    opened = aim("joint", state, drawer, parse(f"open({drawer})"))
    assert opened.target[0] >= 0.9
    assert opened.chance > 0.95
    _, state, door = start("door-close")
    assert aim("joint", state, door, parse(f"closed({door})")).target == (0.0,)


def test_a_thing_is_asked_for_the_middle_of_what_it_is_to_lie_on_or_in() -> None:
    for task, other in (("stack", "blue"), ("bin-place", "bin"), ("place-on-plate", "plate")):
        _, state, thing = start(task)
        found = aim("placed", state, thing, load_registry()[task].success)
        there = state.entity(other, "position")
        half = state.entity(other, "size")[:2].min() / 2
        assert np.linalg.norm(np.array(found.target[:2]) - there[:2]) < half - 0.01, task
        assert found.chance > 0.5
    _, state, red = start("stack")
    rise = aim("placed", state, red, parse("on(red, blue)")).target[2]
    assert rise == pytest.approx(state.entity("blue", "size")[2], abs=0.005)


def test_a_thing_is_moved_and_turned_farther_than_the_least_so_that_a_miss_does() -> None:
    _, state, block = start("move-left")
    dx, dy, _, _ = aim("displaced", state, block, parse("moved(block, left, 8 cm)")).target
    assert dy >= 0.10
    assert abs(dx) <= 0.02
    turn = aim("turned", state, block, parse("turned(block, -30 deg)"))
    assert np.degrees(turn.target[0]) < -40
    assert turn.chance > 0.9


def test_what_is_to_be_held_high_is_asked_for_above_its_own_place() -> None:
    _, state, block = start("lift")
    x, y, rise = aim("held_at", state, block, load_registry()["lift"].success).target
    assert (x, y) == pytest.approx(tuple(state.entity(block, "position")[:2]), abs=0.02)
    assert rise > 0.10


def test_a_manner_may_be_asked_for() -> None:
    _, state, block = start("pick-place")
    for how in ("carried(block)", "slid(block)"):
        assert aim("placed", state, block, parse(f"at(block, target) and {how}")).chance > 0.4


def test_what_no_target_brings_about_has_no_chance() -> None:
    _, state, red = start("bin-two")
    assert aim("placed", state, red, load_registry()["bin-two"].success).chance == 0.0


def test_an_effect_without_forecast_or_columns_is_refused() -> None:
    _, state, drawer = start("drawer-open")
    with pytest.raises(TabletopError, match="unknown effect with a forecast 'toppled'; there are: displaced, held_at"):
        aim("toppled", state, drawer, parse(f"open({drawer})"))
    with pytest.raises(TabletopError, match="placed is of what is rigid; 'drawer' is joint"):
        aim("placed", state, drawer, parse(f"open({drawer})"))


@pytest.mark.parametrize("task", ["push", "bin-place", "stack", "lift", "rotate-left", "window-open", "dial-turn"])
def test_targets_once_reached_fulfil_the_formula(task: str) -> None:
    _, state, entity = start(task, seed=5)
    formula = load_registry()[task].success
    found = {name: aim(name, state, entity, formula) for name in AIMED if fits(name, state, entity)}
    best = max(found, key=lambda name: found[name].chance)
    assert found[best].chance > 0.5
    laid = AIMED[best](state, entity)
    row = int(np.abs(laid.targets - np.array(found[best].target)).sum(1).argmin())
    assert any(bool(formula.holds(after[row], state)) for after in laid.after)


def fits(effect: str, state: State, entity: str) -> bool:
    return (effect == "joint") == (state.layout.body_type(entity) == "joint")


def test_a_policy_that_aims_asks_for_the_target_of_the_first_state(library: Library) -> None:
    scene, state, drawer = start("drawer-open")
    skill = library.skill("joint@drawer-open")
    assert (skill.effect.name, skill.task) == ("joint", "drawer-open")
    policy = library.policy(skill, drawer, within=4)
    assert isinstance(policy, AimedPolicy)
    policy.reset(state, scene, np.random.default_rng(0))
    expected = skill.effect.aim(aim("joint", state, drawer, load_registry()["drawer-open"].success).target)
    assert policy.skill.embedding == tuple(expected)
    assert policy.length == 4
    action = policy.act(state)
    assert action is not None
    assert action.shape == (5,)


def test_a_task_or_effect_that_is_not_there_is_refused(library: Library) -> None:
    for id in ("joint@fly", "toppled@topple", "placed@"):
        with pytest.raises(TabletopError, match="unknown skill"):
            library.skill(id)
