from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pytest

from tabletop.config import SimSettings
from tabletop.errors import TabletopError
from tabletop.logic import parse
from tabletop.perturbation import Perturbation
from tabletop.rollout.episode import episode
from tabletop.rollout.policy import Action, Nothing
from tabletop.sim.generate import generate
from tabletop.sim.scene import Scene
from tabletop.sim.scene_cards import find_scene_card
from tabletop.sim.state import State
from tabletop.sim.world import World
from tabletop.view.course import Course
from tabletop.view.pull import GRIPPER
from tabletop.view.session import Session

Until = Callable[..., None]


@pytest.fixture(scope="module")
def scene() -> Scene:
    return generate(find_scene_card("planning"), 1)


@pytest.fixture
def session(scene: Scene) -> Iterator[Session]:
    with Session(scene) as found:
        found.speed(4.0)
        yield found


@dataclass
class Moves:
    """Goes one way for so many steps."""

    steps: int
    fails: bool = False

    def reset(self, state: State, scene: Scene, rng: np.random.Generator) -> None:
        self.left = self.steps

    def act(self, state: State) -> Action | None:
        self.left -= 1
        if self.fails and self.left < 0:
            raise ValueError("no more\nof it")
        return None if self.left < 0 else np.array([0.0, 0.5, -0.2, 0.1, 1.0])


def test_a_scene_goes_on_in_real_time_by_itself(scene: Scene, until: Until) -> None:
    with Session(scene) as session:
        until(lambda: session.shown.now.step >= 2)
        begun, first = time.monotonic(), session.shown.now.step
        until(lambda: session.shown.now.step >= first + 20)
        took = time.monotonic() - begun
    assert 1.7 < took < 8.0  # 20 steps of 0.1 s; a busy machine may be late.


def test_what_a_policy_does_in_a_view_is_what_it_does_anywhere(session: Session, scene: Scene, until: Until) -> None:
    session.drop_in(scene, Course("move", Moves(12), 40, parse("near(red, blue)", scene.names)))
    until(lambda: session.shown.number == 2 and session.shown.now.step > 13)
    session.look_back(12)
    until(lambda: session.shown.now.step == 12)
    run = episode(Moves(12), scene, 0, 40, world=World())
    assert np.array_equal(session.shown.now.state.values, run.final.values)
    assert session.shown.said[-1].startswith("move: done after 12 control steps; asked for near(red, blue")


def test_going_back_gives_the_same_moment_bit_for_bit_and_forgets_what_came_after(
    session: Session, until: Until
) -> None:
    session.begin(Course("move", Moves(30), 40))
    until(lambda: session.shown.now.step >= 15)
    session.look_back(7)
    until(lambda: session.shown.now.step == 7)
    shown = session.shown
    assert not shown.playing
    assert shown.ends[1] >= 15
    session.step()
    until(lambda: session.shown.ends == (0, 8))
    world_then = session.snapshot(7)
    with World(settings=SimSettings()) as world:
        assert np.array_equal(world.restore(world_then).values, shown.now.state.values)
    assert session.shown.title == ""


def test_a_thing_that_is_dragged_comes_to_the_pointer(session: Session, until: Until) -> None:
    start = session.shown.now.state.entity("red", "position")
    goal = start + np.array([0.0, 0.08, 0.0])
    session.drag("red", start, goal)

    def there() -> bool:
        state = session.shown.now.state
        slow = np.linalg.norm(state.entity("red", "velocity")) < 0.03
        return bool(slow and abs(state.entity("red", "position")[1] - goal[1]) < 0.02)

    until(there)
    session.let_go()
    until(lambda: np.linalg.norm(session.shown.now.state.entity("red", "velocity")) < 0.01)
    assert session.shown.now.state.entity("red", "position") == pytest.approx(goal, abs=0.03)


def test_a_pull_does_not_wait_for_the_clock(session: Session, until: Until) -> None:
    session.speed(0.1)
    start = session.shown.now.state.entity("red", "position")
    session.drag("red", start, start)
    first = session.shown.now.step
    until(lambda: session.shown.now.step > first)  # A step takes a second now.
    begun, held = time.monotonic(), session.shown.now.step
    session.drag("red", start, start + np.array([0.0, 0.08, 0.0]))
    until(lambda: session.shown.now.step > held)
    assert time.monotonic() - begun < 0.5
    assert session.shown.now.state.entity("red", "position")[1] > start[1] + 1e-3


def test_a_drawer_that_is_dragged_opens(session: Session, until: Until) -> None:
    start = session.shown.now.state.entity("drawer", "position")
    way = start - session.shown.scene.entity("drawer").position
    way[2] = 0.0
    session.drag("drawer", start, start + 0.3 * way / np.linalg.norm(way))
    until(lambda: session.shown.now.state.entity("drawer", "fraction") > 0.9)


def test_the_arm_gives_way_while_it_is_pulled_and_comes_back(session: Session, until: Until) -> None:
    start = session.shown.now.state.robot("gripper_position")
    session.drag(GRIPPER, start, start + np.array([0.0, 0.15, 0.0]))
    until(lambda: session.shown.now.state.robot("gripper_position")[1] > start[1] + 0.01)
    session.let_go()
    until(lambda: abs(session.shown.now.state.robot("gripper_position")[1] - start[1]) < 0.005)


def test_an_order_that_cannot_be_is_said_and_harms_nothing(session: Session, until: Until) -> None:
    session.drag("red", [0.0, 0.0, float("nan")], [0.0, 0.0, 0.0])
    until(lambda: session.shown.said)
    session.look_back(10**6)
    until(lambda: "can be gone back to" in session.shown.said[-1])
    step = session.shown.now.step
    until(lambda: session.shown.now.step > step)
    with pytest.raises(TabletopError, match=r"one of 0\.1, 0\.25"):
        session.speed(7.0)


def test_a_policy_that_fails_ends_and_the_scene_goes_on(session: Session, until: Until) -> None:
    session.begin(Course("mine", Moves(3, fails=True), 40))
    until(lambda: session.shown.said[-1:] == ("mine: ValueError: no more",))
    step = session.shown.now.step
    until(lambda: session.shown.now.step > step)


def test_a_perturbation_that_is_switched_on_meets_what_runs(session: Session, until: Until) -> None:
    session.begin(Course("still", Nothing(), 400))
    until(lambda: session.shown.ran > 3)
    session.perturb(Perturbation("push-arm", 600.0))
    start = session.shown.now.state.robot("gripper_position")
    until(lambda: np.linalg.norm(session.shown.now.state.robot("gripper_position") - start) > 0.02)


def test_between_two_moments_frames_are_between(session: Session, until: Until) -> None:
    session.begin(Course("move", Moves(60), 80))
    until(lambda: session.shown.ran > 5)
    shown = session.shown
    one, half, two = (shown.poses(shown.at + share * shown.period) for share in (0.0, 0.5, 1.0))
    assert two == pytest.approx(shown.now.poses, abs=1e-6)
    assert one == pytest.approx(shown.before.poses, abs=1e-6)
    assert half[:, :3] == pytest.approx((one[:, :3] + two[:, :3]) / 2, abs=1e-6)
    assert np.linalg.norm(half[:, 3:], axis=1) == pytest.approx(1.0)


def test_nothing_can_be_ordered_once_it_is_over(scene: Scene) -> None:
    with Session(scene) as session:
        pass
    with pytest.raises(TabletopError, match="the view is over"):
        session.play(True)
