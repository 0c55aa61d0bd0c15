from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tabletop.errors import TabletopError
from tabletop.metrics.outcomes import HELD, OFF, PARTS, RESTING, outcome_of, parts_of
from tabletop.metrics.trials import attended_by, categories_of, run_trials
from tabletop.rollout.engine import Engine
from tabletop.rollout.episode import episode
from tabletop.seeds import Purpose, seed_of
from tabletop.sim.state import Layout, State
from tabletop.skills.codebook import Codebook
from tabletop.skills.effects import REACH
from tabletop.skills.library import Library
from tabletop.skills.scenes import effects_along


def test_the_kinds_are_those_that_skills_can_attend_to(library: Library) -> None:
    found = categories_of(library, 0)
    assert found["drawer"] == 3
    assert found["block"] == 2
    assert "bin" not in found
    assert found["button"] == 3, "a joint's codes are for all kinds of joints"


def test_all_codes_run_in_the_same_scene_and_leave_what_the_episode_left(library: Library) -> None:
    with Engine(workers=0) as engine:
        drawer, block = run_trials(library, engine, {"drawer": 1, "block": 2}, 3)
    assert (drawer.category, drawer.body_type, drawer.codes) == ("drawer", "joint", (2, 3, 4))
    assert drawer.names == ("drawer-00", "drawer-01", "drawer-02")
    assert (block.codes, block.names) == ((0, 1), ("held_at-00", "held_at-01"))
    assert drawer.ran.shape == (3, 1)
    assert (drawer.episodes, block.episodes) == (3, 4)
    attended = attended_by(library, "drawer", 0, 3)
    assert attended.codes == drawer.codes
    skill = library.skill("drawer-01")
    assert skill.code == 3
    policy = library.policy(skill, attended.entity)
    noise = seed_of(3, Purpose.COUNTING_EPISODES, 0, 3)
    trajectory = episode(policy, attended.scene, noise, library.length(skill))
    fraction = float(trajectory.final.entity(attended.entity, "fraction"))
    assert drawer.values[1, 0, 5] == pytest.approx(fraction)
    assert drawer.starts[0, 5] == pytest.approx(float(trajectory.initial.entity(attended.entity, "fraction")))
    effect = effects_along(skill.effect, trajectory, attended.entity, library.horizon)[-1]
    metres = skill.effect.metres(attended.scene.entity(attended.entity))
    assert drawer.misses[1, 0] == pytest.approx(abs((effect - library.embeddings[3]) * metres)[0])
    assert np.isnan(drawer.turn_misses).all()


def test_a_turn_is_told_by_what_its_length_grows_with(library: Library) -> None:
    turning = replace(library, codes=Codebook({"turned": 2, "joint": 3}))
    with Engine(workers=0) as engine:
        (turned,) = run_trials(turning, engine, {"block": 1}, 0)
        (held,) = run_trials(library, engine, {"block": 1}, 0)
    # Half a turn is 0.6 m of what is learned, and a block that nobody touches is not turned.
    assert turned.values[:, 0, :4] == pytest.approx(np.tile(turned.starts[:, :4], (2, 1)), abs=1e-3)
    assert turned.turn_misses[:, 0] == pytest.approx(np.abs(library.embeddings[:2, 0]) * np.pi / REACH, abs=1e-3)
    assert turned.misses == pytest.approx(turned.idle_misses, abs=1e-3)
    assert np.isnan(held.turn_misses).all()


def test_a_kind_that_nothing_can_be_done_with_is_refused(library: Library) -> None:
    with Engine(workers=0) as engine, pytest.raises(TabletopError, match="unknown category of entity 'bin'"):
        run_trials(library, engine, {"bin": 1}, 0)


def state(**fields: tuple[float, ...]) -> State:
    """Return a state with one block, with some of its columns as given."""
    layout = Layout(("red",), ("block",), ("rigid",))
    found = State(layout, np.zeros(layout.width))
    found.values[layout.entity_slice("red", "quaternion")] = (0, 0, 0, 1)
    for name, value in fields.items():
        found.values[layout.entity_slice("red", name)] = value
    return found


def test_an_outcome_is_where_a_thing_is_how_it_lies_and_whether_it_is_held() -> None:
    quarter = (0.0, 0.0, np.sin(np.pi / 4), np.cos(np.pi / 4))
    found = outcome_of(state(position=(0.5, 0.1, 0.02), quaternion=quarter), "red")
    assert found.values[:5] == pytest.approx((0.5, 0.1, 0.02, np.pi / 2, 0.0))
    assert found.state == RESTING
    assert outcome_of(state(finger_force=(3.0, 3.0)), "red").state == HELD
    assert outcome_of(state(finger_force=(3.0, 0.0)), "red").state == RESTING
    # What lies on its side has no yaw.
    lying = outcome_of(state(quaternion=(np.sin(np.pi / 4), 0.0, 0.0, np.cos(np.pi / 4))), "red")
    assert lying.values[3:5] == pytest.approx((0.0, np.pi / 2))
    one, other = (outcome_of(state(position=(x, 0.9, -0.7)), "red") for x in (0.3, 0.8))
    assert one == other
    assert one.state == OFF


def test_what_looks_the_same_from_all_sides_has_no_yaw() -> None:
    assert [p.name for p in parts_of("block", "rigid")] == ["position", "yaw", "tilt"]
    assert [p.name for p in parts_of("can", "rigid")] == ["position", "tilt"]
    assert [p.name for p in parts_of("drawer", "joint")] == ["fraction"]
    assert parts_of("rope", "deformable")[-1] == PARTS["extent"]
