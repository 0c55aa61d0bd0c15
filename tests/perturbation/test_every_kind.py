"""Every family on every kind of thing that tasks are about: it changes the world, or says that it cannot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pytest

from tabletop.control.scripted import load_scripted_policy
from tabletop.logic import load_registry
from tabletop.perturbation import FAMILIES, Perturbation
from tabletop.rollout.episode import Trajectory, episode
from tabletop.rollout.policy import Policy
from tabletop.sim.cards import load_cards
from tabletop.sim.generate import generate
from tabletop.sim.scene import Entity, Scene
from tabletop.sim.state import State
from tabletop.sim.world import World

TASKS: Final[Mapping[str, tuple[str, str]]] = {
    "block": ("push-left", "block"),
    "bolt": ("door-unlock", "bolt"),
    "button": ("button-press-topdown", "button"),
    "coffee_machine": ("coffee-button", ""),
    "cloth": ("cloth-drag", "cloth"),
    "dial": ("dial-turn", ""),
    "door": ("door-open", "door"),
    "doorbell": ("button-press", ""),
    "drawer": ("drawer-open", "drawer"),
    "faucet": ("faucet-open", ""),
    "handle": ("handle-press", "handle"),
    "lever": ("lever-pull", "lever"),
    "nail": ("hammer", ""),
    "rope": ("rope-pull", "rope"),
    "window": ("window-open", "window"),
}
"""By kind of thing: a task whose scripted policy touches one. All kinds with a joint or deformable, and one rigid."""
SEEN: Final = ("observation-noise", "observation-loss", "stuck-sensor")
DONE: Final = ("action-delay", "action-noise", "action-loss")
WORLD: Final = ("push-object", "tilt", "mass", "friction")
NEVER: Final = {
    **dict.fromkeys([("tilt", k) for k in ("button", "dial", "handle")], "up and down or turns on the spot"),
    **dict.fromkeys([("mass", k) for k in ("button", "handle", "lever")], "its own weight would move it"),
}
"""What a family cannot act on, and what it says then."""
LEAST: Final = {"position": 1e-4, "velocity": 1e-3, "fraction": 1e-4, "finger_force": 1e-2}
"""What counts as a change: m, m/s, of a fraction, N."""


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World() as one:
        yield one


@dataclass
class Watching:
    """A policy that keeps what it sees."""

    policy: Policy
    seen: list[State] = field(default_factory=list)

    def reset(self, state: State, scene: Scene, rng: np.random.Generator) -> None:
        self.seen = []
        self.policy.reset(state, scene, rng)

    def act(self, state: State) -> np.ndarray | None:
        self.seen.append(state)
        return self.policy.act(state)


@dataclass
class Replay:
    """The actions of an episode, whatever is seen: what differs then is the world."""

    actions: np.ndarray
    step: int = 0

    def reset(self, state: State, scene: Scene, rng: np.random.Generator) -> None:
        self.step = 0

    def act(self, state: State) -> np.ndarray | None:
        self.step += 1
        return self.actions[self.step - 1] if self.step <= len(self.actions) else None


@dataclass(frozen=True)
class Plain:
    """A scripted episode that nothing disturbs."""

    run: Trajectory
    entity: str
    touched: tuple[int, ...]
    """Control steps after which a finger presses on the thing, or it moves."""


PLAIN: dict[str, Plain] = {}


def plain_of(kind: str, world: World) -> Plain:
    if kind not in PLAIN:
        name, wanted = TASKS[kind]
        task = load_registry()[name]
        scene = generate(task.scene, 7, gripper="nominal")
        entity = wanted or next(e.name for e in scene.entities if e.kind == kind)
        run = episode(load_scripted_policy(task), scene, 7, task.horizon, world=world)
        pressed = run.state.entity(entity, "finger_force").max(axis=-1) > 0.1
        moving = np.linalg.norm(run.state.entity(entity, "velocity"), axis=-1) > 0.02
        moving[1:] |= np.abs(np.diff(run.state.entity(entity, "fraction"))) > 0.005
        PLAIN[kind] = Plain(run, entity, tuple(int(i) for i in np.flatnonzero(pressed | moving)))
    return PLAIN[kind]


def replayed(plain: Plain, family: str, world: World) -> Trajectory:
    one = Perturbation(family, FAMILIES[family].magnitudes[-1], plain.entity, len(plain.run))
    return episode(Replay(plain.run.actions), plain.run.scene, 7, len(plain.run), disturbance=one, world=world)


def changes(one: State, other: State, entity: str) -> dict[str, float]:
    """Return by how much what is known of a thing differs, at most, as multiples of what counts as a change."""
    least = {
        name: float(np.abs(one.entity(entity, name) - other.entity(entity, name)).max()) / least
        for name, least in LEAST.items()
    }
    if any(one.layout.grid(entity)):
        least["nodes"] = float(np.abs(one.nodes(entity) - other.nodes(entity)).max()) / 1e-4
    return least


JOINTED: Final = sorted(c.kind for c in load_cards().values() if c.body_type == "joint")
SOFT: Final = sorted(c.kind for c in load_cards().values() if c.body_type == "deformable")


def test_all_kinds_with_a_joint_and_all_that_are_deformable_are_here() -> None:
    assert sorted(TASKS) == sorted(["block", *JOINTED, *SOFT])
    assert {*SEEN, *DONE, *WORLD, "push-arm"} == set(FAMILIES)


@pytest.mark.parametrize("kind", TASKS)
def test_the_scripted_policy_touches_the_thing(world: World, kind: str) -> None:
    assert plain_of(kind, world).touched


@pytest.mark.parametrize("kind", TASKS)
@pytest.mark.parametrize("family", WORLD)
def test_what_is_done_to_the_world_changes_what_becomes_of_the_thing(world: World, family: str, kind: str) -> None:
    plain = plain_of(kind, world)
    why = Perturbation(family, 1.0 * (family != "friction"), plain.entity).cannot(plain.run.scene)
    if (family, kind) in NEVER:
        assert why is not None
        assert why.startswith(f"{kind}: ")
        assert NEVER[family, kind] in why
        return
    assert why is None
    other = replayed(plain, family, world)
    assert max(changes(plain.run.state, other.state, plain.entity).values()) > 1.0


@pytest.mark.parametrize("kind", TASKS)
def test_a_push_on_the_arm_moves_it_whatever_it_is_at(world: World, kind: str) -> None:
    plain = plain_of(kind, world)
    other = replayed(plain, "push-arm", world)
    gap = plain.run.state.robot("gripper_position") - other.state.robot("gripper_position")
    assert np.abs(gap).max() > 0.01


@pytest.mark.parametrize("kind", TASKS)
@pytest.mark.parametrize("family", DONE)
def test_what_is_done_otherwise_changes_where_the_gripper_goes(world: World, family: str, kind: str) -> None:
    plain = plain_of(kind, world)
    other = replayed(plain, family, world)
    gap = plain.run.state.robot("gripper_position") - other.state.robot("gripper_position")
    assert np.abs(gap).max() > 0.005


@pytest.mark.parametrize("kind", TASKS)
@pytest.mark.parametrize("family", SEEN)
def test_what_is_seen_of_the_thing_is_not_what_is_there(world: World, family: str, kind: str) -> None:
    plain = plain_of(kind, world)
    one = Perturbation(family, FAMILIES[family].magnitudes[-1], plain.entity, plain.touched[-1])
    policy = Watching(Replay(plain.run.actions))
    seen = []
    hooks = one.hooks(plain.run.scene, len(plain.run), np.random.default_rng(7))
    assert hooks.observe is not None
    for row in plain.run.states:
        seen.append(hooks.observe(State(plain.run.layout, row)))
    assert max(changes(State.stack(seen), plain.run.state, plain.entity).values()) > 1.0
    run = episode(policy, plain.run.scene, 7, len(plain.run), disturbance=one, world=world)
    assert run.states.tobytes() == plain.run.states.tobytes()
    assert len(policy.seen) == len(run)
    assert any(not np.array_equal(s.values, row) for s, row in zip(policy.seen, run.states, strict=False))


@pytest.mark.parametrize("family", FAMILIES)
def test_where_nothing_can_move_a_family_acts_on_arm_and_senses_or_says_so(family: str) -> None:
    bare = Scene((Entity("target", "target", (0.5, 0.1, 0.0)),))
    why = Perturbation(family, 0.0, "target").cannot(bare)
    assert why == ("nothing in the scene can move" if family in WORLD else None)
