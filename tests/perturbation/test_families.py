"""What each family does to an episode, and that magnitude 0 does nothing."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pytest

from tabletop.perturbation import FAMILIES, Perturbation
from tabletop.rollout.episode import Trajectory, episode
from tabletop.sim.scene import Entity, Robot, Scene
from tabletop.sim.state import State
from tabletop.sim.world import World

SCENE = Scene(
    (
        Entity("block", "block", (0.52, 0.0, 0.025), mass=0.1),
        Entity("drawer", "drawer", (0.68, 0.2, 0.0), size=(0.18, 0.2, 0.1), mass=0.3, fraction=0.5),
    ),
    robot=Robot(position=(0.42, 0.0, 0.03), width=0.0),
)
"""The gripper stands before a block, ready to push it away."""
AWAY = np.array([0.5, 0.0, 0.0, 0.1, -1.0])


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World() as one:
        yield one


@dataclass
class Pusher:
    """Pushes away all along, and keeps what it sees."""

    seen: list[State] = field(default_factory=list)

    def reset(self, state: State, scene: Scene, rng: np.random.Generator) -> None:
        self.seen = [state]

    def act(self, state: State) -> np.ndarray:
        if state is not self.seen[-1]:
            self.seen.append(state)
        return AWAY


class Stander(Pusher):
    """Stands still, closed."""

    def act(self, state: State) -> np.ndarray:
        self.seen.append(state)
        return np.array([0.0, 0.0, 0.0, 0.0, -1.0])


def run(
    world: World,
    perturbation: Perturbation | None,
    policy: Pusher | None = None,
    seed: int = 3,
    scene: Scene = SCENE,
    steps: int = 10,
) -> Trajectory:
    return episode(policy or Pusher(), scene, seed, steps, disturbance=perturbation, world=world)


def column(trajectory: Trajectory, name: str, what: str) -> np.ndarray:
    return trajectory.state.entity(name, what)


@pytest.mark.parametrize("name", FAMILIES)
def test_magnitude_zero_leaves_the_episode_bit_identical(world: World, name: str) -> None:
    plain, policy = run(world, None), Pusher()
    same = run(world, Perturbation(name, 0), policy)
    assert same.states.tobytes() == plain.states.tobytes()
    assert same.actions.tobytes() == plain.actions.tobytes()
    assert same.scene == plain.scene
    assert np.array_equal(np.stack([s.values for s in policy.seen]), plain.states[:-1])


@pytest.mark.parametrize("name", FAMILIES)
def test_the_largest_magnitude_changes_the_episode_and_the_same_seed_repeats_it(world: World, name: str) -> None:
    one = Perturbation(name, FAMILIES[name].magnitudes[-1])
    policies = Pusher(), Pusher(), Pusher()
    run(world, None, policies[0])
    first, second = (run(world, one, policy) for policy in policies[1:])
    assert first.states.tobytes() == second.states.tobytes()
    views = [[s.values.tobytes() for s in p.seen] for p in policies]
    assert views[1] == views[2]
    assert views[0] != views[1]


@pytest.mark.parametrize("name", ["push-arm", "push-object", "stuck-sensor"])
def test_sudden_families_leave_the_episode_alone_until_their_moment(world: World, name: str) -> None:
    policy = Pusher()
    plain = run(world, None, steps=20)
    run(world, Perturbation(name, FAMILIES[name].magnitudes[-1]), policy, steps=20)
    before = [np.array_equal(s.values, row) for s, row in zip(policy.seen, plain.states, strict=False)]
    first = before.index(False) if False in before else len(before)
    assert 4 <= first <= 15


def test_a_sudden_perturbation_falls_within_the_steps_it_is_told(world: World) -> None:
    plain = run(world, None, steps=30)
    hit = run(world, Perturbation("push-object", 1.0, steps=10), steps=30)
    first = int(np.flatnonzero((plain.states != hit.states).any(axis=1))[0])
    assert 2 < first <= 8


def test_push_arm_throws_the_gripper_aside_by_several_centimetres(world: World) -> None:
    scene = Scene(robot=Robot(position=(0.45, 0.0, 0.25)))
    peaks = []
    for seed in range(6):
        path = run(world, Perturbation("push-arm", 200), Stander(), seed, scene, 15).state.robot("gripper_position")
        peaks.append(np.linalg.norm(path - path[0], axis=1).max())
    assert np.median(peaks) > 0.03


def test_push_object_gives_the_object_that_velocity(world: World) -> None:
    scene = Scene((Entity("block", "block", (0.6, -0.1, 0.025), friction=0.0),))
    speeds = np.linalg.norm(
        column(run(world, Perturbation("push-object", 0.5), Stander(), 1, scene), "block", "velocity")[:, :2],
        axis=1,
    )
    assert speeds.max() == pytest.approx(0.5, rel=0.03)


def test_push_object_moves_a_drawer_that_is_attended(world: World) -> None:
    drawers = [
        column(run(world, Perturbation("push-object", 4.0, "drawer"), Stander(), seed), "drawer", "fraction")
        for seed in range(4)
    ]
    blocks = column(run(world, Perturbation("push-object", 4.0, "drawer"), Stander()), "block", "position")
    assert max(abs(f[-1] - f[0]) for f in drawers) > 0.05
    assert np.linalg.norm(blocks[-1] - blocks[0]) < 0.005


def test_observation_noise_has_its_sigmas_and_leaves_the_truth_alone(world: World) -> None:
    policy = Stander()
    true = run(world, Perturbation("observation-noise", 0.01), policy, steps=150)
    seen = State.stack(policy.seen[1:])
    truth = true.state[:-1]
    for name in ("block", "drawer"):
        error = seen.entity(name, "position") - truth.entity(name, "position")
        assert error.std() == pytest.approx(0.01, rel=0.15)
        assert abs(error.mean()) < 0.002
        turns = seen.entity(name, "quaternion")
        assert np.linalg.norm(turns, axis=1) == pytest.approx(1.0)
        yaw = 2 * np.arctan2(turns[:, 2], turns[:, 3])
        assert yaw.std() == pytest.approx(0.1, rel=0.25)
    assert (seen.robot("gripper_position") - truth.robot("gripper_position")).std() == pytest.approx(0.01, rel=0.15)
    fraction = seen.entity("drawer", "fraction") - truth.entity("drawer", "fraction")
    assert fraction.std() == pytest.approx(0.05, rel=0.25)
    assert not seen.entity("block", "fraction").any()
    assert true.states.tobytes() == run(world, None, Stander(), steps=150).states.tobytes()


def test_noise_of_one_seed_scales_with_the_magnitude(world: World) -> None:
    errors = []
    for magnitude in (0.01, 0.02):
        policy = Stander()
        true = run(world, Perturbation("observation-noise", magnitude), policy)
        errors.append(policy.seen[3].entity("block", "position") - true.state.entity("block", "position")[2])
    assert errors[1] == pytest.approx(2 * errors[0], rel=1e-6)


def test_observation_loss_repeats_that_share_of_observations(world: World) -> None:
    policy = Stander()
    run(world, Perturbation("observation-loss", 0.4), policy, steps=150)
    times = [float(s.robot("time")) for s in policy.seen[1:]]
    repeated = np.mean([a == b for a, b in pairwise(times)])
    assert repeated == pytest.approx(0.4, abs=0.1)
    policy = Stander()
    run(world, Perturbation("observation-loss", 1.0), policy)
    assert {float(s.robot("time")) for s in policy.seen} == {0.0}


def test_stuck_sensor_freezes_once_for_its_time(world: World) -> None:
    policy = Stander()
    run(world, Perturbation("stuck-sensor", 0.5), policy, steps=30)
    times = np.array([float(s.robot("time")) for s in policy.seen[1:]])
    behind = np.arange(30) * 0.1 - times
    assert behind.max() == pytest.approx(0.4)
    assert np.count_nonzero(behind > 0.05) == 4
    assert behind[-1] == pytest.approx(0.0, abs=1e-9)


@dataclass
class Counter:
    """Gives actions that count up."""

    step: int = 0

    def reset(self, state: State, scene: Scene, rng: np.random.Generator) -> None:
        self.step = 0

    def act(self, state: State) -> np.ndarray:
        self.step += 1
        return np.array([self.step / 10, 0.0, 0.0, 0.0, -1.0])


@pytest.mark.parametrize(("magnitude", "sent"), [(1, [0.0, 0.1, 0.2]), (2, [0.0, 0.0, 0.1]), (0.5, [0.05, 0.15, 0.25])])
def test_actions_come_late_by_whole_and_half_steps(magnitude: float, sent: list[float]) -> None:
    act = Perturbation("action-delay", magnitude).hooks(SCENE, 9, np.random.default_rng(0)).act
    assert act is not None
    got = [act(np.array([x, 0.0, 0.0, 0.0, -1.0])) for x in (0.1, 0.2, 0.3)]
    assert [float(a[0]) for a in got] == pytest.approx(sent)
    assert {float(a[4]) for a in got} == {-1.0}  # the scene starts with the fingers closed


@pytest.mark.parametrize(("held", "width", "grip"), [(True, 0.08, -1.0), (False, 0.08, 1.0), (False, 0.04, 0.0)])
def test_until_the_first_action_comes_the_grip_stays_as_it_starts(held: bool, width: float, grip: float) -> None:
    block = Entity("block", "block", (0.5, 0.0, 0.025), held=held)
    scene = Scene((block,), robot=Robot(width=width))
    act = Perturbation("action-delay", 1).hooks(scene, 9, np.random.default_rng(0)).act
    assert act is not None
    assert act(np.ones(5)).tolist() == pytest.approx([0.0, 0.0, 0.0, 0.0, grip])


def test_action_noise_has_its_sigma_and_stays_in_range() -> None:
    act = Perturbation("action-noise", 0.3).hooks(SCENE, 9, np.random.default_rng(0)).act
    assert act is not None
    sent = np.array([act(np.zeros(5)) for _ in range(400)])
    assert sent.std(axis=0) == pytest.approx(0.3, rel=0.15)
    assert np.abs(np.array([act(np.ones(5)) for _ in range(50)])).max() <= 1.0


def test_action_loss_shortens_motions_but_not_the_grip() -> None:
    act = Perturbation("action-loss", 0.75).hooks(SCENE, 9, np.random.default_rng(0)).act
    assert act is not None
    assert act(np.array([1.0, -1.0, 0.4, 0.8, -1.0])).tolist() == pytest.approx([0.25, -0.25, 0.1, 0.2, -1.0])


def test_tilt_accelerates_loose_things_with_g_sin_of_the_angle(world: World) -> None:
    scene = Scene((Entity("block", "block", (0.6, -0.1, 0.025), friction=0.0),))
    moving = column(run(world, Perturbation("tilt", 10), Stander(), 1, scene, 3), "block", "velocity")
    rate = np.linalg.norm(moving[3, :2] - moving[2, :2]) / 0.1
    assert rate == pytest.approx(9.81 * math.sin(math.radians(10)), rel=0.03)


@pytest.mark.parametrize(("angle", "slides"), [(15, False), (45, True)])
def test_tilt_makes_a_block_slide_beyond_the_angle_of_friction(world: World, angle: float, slides: bool) -> None:
    scene = Scene((Entity("block", "block", (0.6, -0.1, 0.025), friction=0.8),))
    path = column(run(world, Perturbation("tilt", angle), Stander(), 1, scene), "block", "position")
    # Friction coefficients of block and table multiply: 0.64 is an angle of 33 degrees.
    assert (np.linalg.norm(path[-1, :2] - path[0, :2]) > 0.02) == slides


def test_mass_and_friction_change_the_scene_alone() -> None:
    heavy = Perturbation("mass", 2.0).scene(SCENE)
    assert [e.mass for e in heavy.entities] == pytest.approx([0.3, 0.9])
    slippery = Perturbation("friction", 0.75).scene(SCENE)
    assert [e.friction for e in slippery.entities] == pytest.approx([0.2, 0.2])
    assert [e.position for e in heavy.entities] == [e.position for e in SCENE.entities]
    assert heavy.table == slippery.table == SCENE.table


def test_a_scene_with_nothing_loose_is_left_alone_by_what_pushes_things(world: World) -> None:
    bare = Scene((Entity("target", "target", (0.5, 0.1, 0.0)),))
    plain = run(world, None, scene=bare)
    for name in ("push-object", "tilt"):
        hit = run(world, Perturbation(name, FAMILIES[name].magnitudes[-1]), scene=bare)
        assert hit.states.tobytes() == plain.states.tobytes()
