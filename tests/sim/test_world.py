"""The world: the same scene and actions give the same bits, whatever came before, and moments can be kept."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tabletop.errors import TabletopError
from tabletop.sim import Entity, Scene, World, generate, load_scene, load_scene_card, save_scene
from tabletop.sim.robot_card import load_robot_card

DISCOVERY = load_scene_card("discovery")
ACTIONS = np.random.default_rng(0).uniform(-1, 1, (25, 5)).astype(np.float32)
PRESS = np.array([0, 0, -1, 0, 0], np.float32)


@pytest.fixture
def world() -> Iterator[World]:
    with World() as made:
        yield made


def run(world: World, scene: Scene, actions: np.ndarray = ACTIONS) -> np.ndarray:
    first = world.load(scene).values
    return np.stack([first, *(world.step(a).values for a in actions)])


def busy(seed: int, mode: str = "around") -> Scene:
    """A scene in which things are touched soon."""
    return generate(DISCOVERY, seed, gripper=mode, attend="object")


@pytest.mark.parametrize("mode", ["nominal", "around", "holding"])
def test_an_episode_is_the_same_after_other_scenes_and_other_inventories(world: World, mode: str) -> None:
    scene = busy(1, mode)
    once = run(world, scene)
    assert np.array_equal(once, run(world, scene))
    run(world, busy(2))
    assert np.array_equal(once, run(world, scene))
    sibling = generate(DISCOVERY, 9, inventory_seed=1)
    assert sibling.names == scene.names
    run(world, sibling)
    assert np.array_equal(once, run(world, scene))
    with World() as fresh:
        assert np.array_equal(once, run(fresh, scene))


def test_an_episode_is_the_same_after_pictures_were_taken(world: World) -> None:
    scene = busy(3)
    once = run(world, scene)
    world.load(scene)
    states = []
    for action in ACTIONS:
        world.render(16, 16)
        states.append(world.step(action).values)
    assert np.array_equal(once[1:], states)


def test_an_episode_is_the_same_in_another_process(world: World) -> None:
    code = (
        "import hashlib, numpy as np; from tabletop.sim import *\n"
        "a = np.random.default_rng(0).uniform(-1, 1, (25, 5)).astype(np.float32); w = World()\n"
        "s = w.load(generate(load_scene_card('discovery'), 4, gripper='around', attend='object')).values\n"
        "print(hashlib.sha256(np.stack([s, *(w.step(x).values for x in a)]).tobytes()).hexdigest())"
    )
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert other.split()[-1] == hashlib.sha256(run(world, busy(4)).tobytes()).hexdigest()


@pytest.mark.parametrize("seed", range(4))
def test_a_scene_read_back_from_yaml_gives_the_same_episode(world: World, tmp_path: Path, seed: int) -> None:
    scene = busy(seed)
    save_scene(scene, tmp_path / "scene.yaml")
    again = load_scene(tmp_path / "scene.yaml")
    assert again == scene
    once = run(world, scene)
    world.load(busy(seed + 1))
    assert np.array_equal(once, run(world, again))


@pytest.mark.parametrize(("seed", "mode"), [(0, "around"), (5, "holding"), (6, "near"), (7, "around")])
def test_a_moment_kept_in_mid_episode_has_the_same_future(world: World, seed: int, mode: str) -> None:
    run(world, busy(seed, mode), ACTIONS[:12])
    kept = world.save()
    now = world.state().values
    future = np.stack([world.step(a).values for a in ACTIONS])
    assert np.array_equal(world.restore(kept).values, now)
    assert np.array_equal(np.stack([world.step(a).values for a in ACTIONS]), future)
    assert not np.array_equal(future[-1], now)


def test_a_kept_moment_brings_a_pressed_button_back_up(world: World) -> None:
    scene = generate({"entities": {"button": "button"}}, 0, gripper="above")
    world.load(scene)
    for _ in range(9):
        world.step([0, 0, 0.1, 0, -1])
    kept = world.save()
    before = world.state().entity("button", "fraction")
    over = world.state().entity("button", "position") - world.state().robot("gripper_position")
    for _ in range(12):
        world.step([*np.clip(over[:2] / 0.04, -1, 1), -0.6, 0, -1])
        over = world.state().entity("button", "position") - world.state().robot("gripper_position")
    assert before < 0.1 < 0.8 < world.state().entity("button", "fraction")
    world.restore(kept)
    for _ in range(3):
        state = world.step([0, 0, 0.5, 0, -1])
    assert state.entity("button", "fraction") < 0.1


def test_joints_stay_in_their_limits_under_random_actions(world: World) -> None:
    card = load_robot_card("panda")
    low, high = np.array(card.lower), np.array(card.upper)
    rng = np.random.default_rng(2)
    for seed in range(3):
        # Long pushes into one corner of the workspace after another.
        actions = np.repeat(rng.uniform(-1, 1, (8, 5)).round(), 8, axis=0)
        world.load(generate({}, seed))
        for action in actions:
            world.step(action)
            assert (np.array(world.arm.motors[:7]) >= low).all()
            assert (np.array(world.arm.motors[:7]) <= high).all()
            joints = world.state().robot("joints")
            assert (joints > low - 0.02).all()
            assert (joints < high + 0.02).all()
            assert np.isfinite(world.state().values).all()


def test_an_action_moves_the_gripper_by_its_step_and_turns_it(world: World) -> None:
    start = world.load(Scene())
    for _ in range(5):
        state = world.step([0.5, 0, 0, 0.3, 1])
    for _ in range(4):
        state = world.step([0, 0, 0, 0, 1])
    way = state.robot("gripper_position") - start.robot("gripper_position")
    np.testing.assert_allclose(way, [0.1, 0, 0], atol=0.012)
    assert state.robot("gripper_width") == pytest.approx(0.08, abs=2e-3)
    assert world.step([0, 0, 0, 0, -1]).robot("time") == pytest.approx(1.0)


@pytest.mark.parametrize("kind", ["block", "brick", "can", "ball", "mug", "stick", "puck"])
def test_a_held_thing_stays_between_the_fingers_while_the_arm_moves(world: World, kind: str) -> None:
    for seed in range(3):
        state = world.load(generate({"entities": {"thing": kind}}, seed, gripper="holding"))
        for action in ([0, 0, 0.5, 0, -1], [0.5, 0.5, 0, 0.3, -1], [-0.5, 0, 0.2, 0, -1]) * 3:
            state = world.step(action)
        gap = state.entity("thing", "position") - state.robot("gripper_position")
        assert np.linalg.norm(gap) < 0.04
        assert state.entity("thing", "finger_force").min() > 1.0


def test_a_velocity_moves_what_is_loose_and_nothing_else(world: World) -> None:
    world.load(generate({"entities": {"puck": "puck", "bin": "bin"}}, 0))
    before = world.step([0, 0, 0, 0, 1]).entity("puck", "position")
    world.apply_velocity("puck", [0.4, 0.0, 0.0])
    assert world.step([0, 0, 0, 0, 1]).entity("puck", "position")[0] > before[0] + 0.005
    with pytest.raises(TabletopError, match="'bin' is static"):
        world.apply_velocity("bin", [1, 0, 0])
    with pytest.raises(TabletopError, match="there are: bin, puck"):
        world.apply_velocity("cup", [1, 0, 0])


@pytest.mark.parametrize("kind", ["rope", "cloth"])
def test_a_velocity_moves_every_node_of_what_is_deformable(world: World, kind: str) -> None:
    start = world.load(generate({"entities": {"soft": kind}}, 0)).nodes("soft")
    world.apply_velocity("soft", [0.0, 0.5, 0.0])
    moved = world.step([0, 0, 0, 0, 1]).nodes("soft") - start
    assert (moved[..., 1] > 0.005).all()


def test_a_joint_is_given_a_velocity_and_opens_and_shuts_at_its_rate(world: World) -> None:
    scene = generate({"entities": {"drawer": {"kind": "drawer", "fraction": 0.5}, "puck": "puck"}}, 0)
    for rate in (4.0, -4.0):
        world.load(scene)
        world.apply_joint_velocity("drawer", rate)
        speed = (float(world.step([0, 0, 0, 0, 1]).entity("drawer", "fraction")) - 0.5) / 0.1
        # Friction brakes it meanwhile.
        assert 0.3 * abs(rate) < speed * np.sign(rate) < abs(rate)
    snapshot = world.save()
    after = world.step([0, 0, 0, 0, 1]).values
    world.restore(snapshot)
    assert np.array_equal(world.step([0, 0, 0, 0, 1]).values, after)
    with pytest.raises(TabletopError, match="'puck' is rigid; see apply_velocity"):
        world.apply_joint_velocity("puck", 1.0)
    with pytest.raises(TabletopError, match="a rate is a number from -1000 to 1000 in 1/s, got nan"):
        world.apply_joint_velocity("drawer", float("nan"))


@pytest.mark.parametrize(
    ("scene", "words"),
    [
        (Scene((Entity("a", "block", (0.5, 0, 0)), Entity("a", "ball", (0.4, 0, 0)))), "'a' stands 2 times"),
        (Scene((Entity("a", "teapot", (0.5, 0, 0)),)), "unknown kind of entity 'teapot'; there are: ball"),
    ],
)
def test_a_wrong_scene_is_refused_in_one_line_and_the_world_goes_on(world, scene, words) -> None:
    world.load(busy(1))
    with pytest.raises(TabletopError) as error:
        world.load(scene)
    assert words in str(error.value)
    assert "\n" not in str(error.value)
    run(world, busy(1), ACTIONS[:2])


def test_a_world_without_a_scene_says_so(world: World) -> None:
    for ask in (world.state, world.render, lambda: world.step(PRESS)):
        with pytest.raises(TabletopError, match=r"World\.load"):
            ask()


def test_two_worlds_at_once_do_not_touch_each_other(world: World) -> None:
    scene = busy(8)
    alone = run(world, scene)
    with World() as other:
        world.load(scene)
        other.load(busy(9))
        states = []
        for action in ACTIONS:
            states.append(world.step(action).values)
            other.step(-action)
    assert np.array_equal(alone[1:], states)


def test_a_restored_world_remembers_how_things_got_there(world: World) -> None:
    world.load(generate({"entities": {"thing": "block", "puck": "puck"}}, 3, gripper="holding"))
    for action in ([0, 0, 0.5, 0, -1], [0.5, 0.5, 0, 0.3, -1], [-0.5, 0, -0.2, 0, -1]):
        kept = world.step(action)
    world.advance()
    snapshot, now = world.save(), world.state()
    assert now.entity("thing", "highest") > now.entity("thing", "position")[2]
    assert now.entity("thing", "carried_distance") > 0.01
    assert now.entity("thing", "touch") >= kept.entity("thing", "touch") > 1.0
    assert now.entity("puck", "touch") == now.entity("puck", "carried_distance") == 0.0
    world.load(generate({"entities": {"thing": "block"}}, 4))
    assert np.array_equal(world.restore(snapshot).values, now.values)


def test_contacts_are_named_by_what_touches(world: World) -> None:
    assert world.load(generate({"entities": {"thing": "block", "puck": "puck"}}, 3, gripper="holding")) is not None
    assert world.contacts() == {}
    for _ in range(3):
        world.step([0, 0, 0.2, 0, -1])
    found = world.contacts()
    assert set(found) == {("fingers", "thing")}
    assert found["fingers", "thing"] == pytest.approx(world.state().entity("thing", "finger_force").sum())
    world.load(generate({"entities": {"red": {"kind": "block", "on": "drawer"}, "drawer": "drawer"}}, 1))
    for _ in range(5):
        world.step([0, 0, 0, 0, 1])
    assert set(world.contacts()) <= {("red", "drawer base"), ("red", "drawer")}
    assert world.contacts()
