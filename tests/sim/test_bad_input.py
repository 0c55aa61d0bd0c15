"""A world takes what can be and refuses the rest in one line; its copies are worlds of their own."""

from __future__ import annotations

import copy
import gc
import math
import pickle
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

from tabletop.config import SimSettings
from tabletop.errors import TabletopError
from tabletop.sim import World, generate, load_scene_card
from tabletop.sim.bullet import p
from tabletop.sim.camera import MovingCamera
from tabletop.sim.history import History
from tabletop.sim.scene import Camera, Scene, Table, read_scene, scene_text

SCENE: Final = generate(load_scene_card("discovery"), 3)
NAN: Final = float("nan")


@pytest.fixture(scope="module")
def loaded() -> Iterator[World]:
    with World() as world:
        world.load(SCENE)
        yield world


CALLS: Final[dict[str, tuple[Callable[[World], Any], str]]] = {
    "an action that is no number": (lambda w: w.step([NAN] * 5), "an action is 5 finite numbers"),
    "four numbers": (lambda w: w.step([0, 0, 0, 0]), "an action is 5 finite numbers"),
    "text for an action": (lambda w: w.step("abcde"), "an action is 5 finite numbers"),
    "a number beyond any float": (lambda w: w.step([10**400] * 5), "an action is 5 finite numbers"),
    "a side below 1": (lambda w: w.render(-1, 84), "sides are whole numbers from 1 to 4096, got -1 x 84"),
    "no side": (lambda w: w.render(10, 0), "from 1 to 4096, got 10 x 0"),
    "a side of half a pixel": (lambda w: w.render(84.5, 84), "from 1 to 4096, got 84.5 x 84"),
    "a truth for a side": (lambda w: w.render(True, 84), "from 1 to 4096, got True x 84"),
    "a huge picture": (lambda w: w.render(10**6, 10**6), "from 1 to 4096"),
    "no angle of view": (lambda w: w.render(camera=Camera(fov=0)), r"camera: fov: Expected `float` > 0\.0, got 0"),
    "half a circle": (lambda w: w.render(camera=Camera(fov=180.0)), r"fov: Expected `float` < 180\.0, got 180"),
    "an angle that is none": (lambda w: w.render(camera=Camera(fov=NAN)), r"fov: Expected .*, got nan"),
    "a camera in its target": (
        lambda w: w.render(camera=Camera(position=(0, 0, 1), target=(0, 0, 1))),
        "must look at another place than its own",
    ),
    "a camera on a line": (lambda w: w.render(camera=MovingCamera(up=(0.0, 1.0))), "up: Expected `array` of length"),
    "a force of two numbers": (lambda w: w.push("gripper", (1, 2)), "a force is 3 finite numbers"),
    "an endless force": (lambda w: w.push("gripper", (1, 2, math.inf)), "a force is 3 finite numbers"),
    "a push of half a step": (lambda w: w.push("gripper", (1, 2, 3), 1.5), "1 to 1000000 physics steps, got 1.5"),
    "a push without end": (lambda w: w.push("gripper", (1, 2, 3), 10**9), "1 to 1000000 physics steps"),
    "an endless velocity": (lambda w: w.apply_velocity("object", (0, 0, math.inf)), "a velocity is 3 finite numbers"),
    "an endless rate": (lambda w: w.apply_joint_velocity("drawer", math.inf), "a rate is a number from -1000 to 1000"),
    "no scene": (lambda w: w.load({"entities": []}), "a scene must be a Scene, as make_scene returns, got dict"),
    "no snapshot": (lambda w: w.restore(SCENE), "a snapshot must be a Snapshot"),
    "a snapshot of another pace": (
        lambda w: w.restore(replace(w.save(), settings=SimSettings().at(20))),
        r"its own settings \(20 Hz\), this one has others \(10 Hz\)",
    ),
}


@pytest.mark.parametrize(("call", "why"), CALLS.values(), ids=CALLS)
def test_what_cannot_be_is_refused_and_changes_nothing(loaded: World, call: Callable[[World], Any], why: str) -> None:
    before, history = loaded.state().values, loaded.save().history
    with pytest.raises(TabletopError, match=why) as caught:
        call(loaded)
    assert "\n" not in str(caught.value)
    assert np.array_equal(loaded.state().values, before)
    assert loaded.save().history == history


@pytest.mark.parametrize(
    "call",
    [
        lambda w: w.state(),
        lambda w: w.step([0] * 5),
        lambda w: w.advance(),
        lambda w: w.render(),
        lambda w: w.camera(),
        lambda w: w.contacts(),
        lambda w: w.depths(),
        lambda w: w.save(),
        lambda w: w.push("gripper", (0, 0, 1)),
        lambda w: w.apply_velocity("object", (0, 0, 1)),
        lambda w: w.apply_joint_velocity("drawer", 1.0),
    ],
)
def test_a_world_needs_a_scene_and_is_not_used_after_its_end(call: Callable[[World], Any]) -> None:
    world = World()
    with pytest.raises(TabletopError, match=r"no scene is loaded; call World\.load first"):
        call(world)
    world.load(Scene())
    world.close()
    world.close()
    for used in (call, lambda w: w.load(SCENE), copy.copy):
        with pytest.raises(TabletopError, match="the world is closed; make another one"):
            used(world)


FIELDS: Final[dict[str, tuple[str, str, str]]] = {
    "a mass with its unit": ("mass: 0.", "mass: 0.1 kg  # ", r"entities\[0\]\.mass: Expected `float`, got '0\.1 kg'"),
    "a mass below 0": ("mass: 0.", "mass: -0.", r"entities\[0\]\.mass: Expected `float` > 0\.0, got -0\."),
    "no mass": ("mass: 0.", "mass:  # ", r"entities\[0\]\.mass: Expected `float`, got None"),
    "a kind in a list": ("kind: ", "kind: [block]  # ", r"entities\[0\]\.kind: Expected `str`, got \['block'\]"),
    "a kind that is none": ("kind: ", "kind: sphinx  # ", "unknown kind of entity 'sphinx'"),
    "a fraction above 1": ("fraction: 0.0", "fraction: 3", r"fraction: Expected `float` <= 1\.0, got 3"),
    "a truth that is none": ("held: false", "held: 7", "held: Expected `bool`, got 7"),
    "a number beyond any float": ("yaw: ", f"yaw: {10**400}  # ", r"yaw: Number out of range"),
    "an angle beyond reason": ("yaw: ", "yaw: 1.0e+300  # ", r"yaw: Expected `float` <= 1000\.0"),
    "an angle of view as text": ("fov: ", "fov: 47 deg  # ", "camera.fov: Expected `float`, got '47 deg'"),
    "no angle of view": ("fov: ", "fov: .nan  # ", "numbers must be finite, got nan"),
    "a field that is none": ("table:", "tabel:", r"unknown field of scene .*'tabel'; did you mean 'table'\?"),
    "an entity's field that is none": ("mass: ", "weight: ", r"unknown field of scene .*: entities\[0\] 'weight'"),
    "a robot that is none": ("name: panda", "name: ../x", r"robot\.name: Expected `str` matching regex .*'\.\./x'"),
    "a seed below 0": ("seed: ", "seed: -", "seed: Expected `int` >= 0, got -"),
}


@pytest.mark.parametrize(("old", "new", "why"), FIELDS.values(), ids=FIELDS)
def test_each_field_of_a_saved_scene_is_checked(old: str, new: str, why: str) -> None:
    text = scene_text(SCENE)
    assert old in text
    with pytest.raises(TabletopError, match=why) as caught:
        read_scene(text.replace(old, new, 1))
    assert "\n" not in str(caught.value)


def test_a_scene_made_in_python_is_checked_like_one_from_a_file(loaded: World) -> None:
    one, *rest = SCENE.entities
    with pytest.raises(TabletopError, match=r"scene: entities\[0\]\.size\[1\]: Expected `float` > 0\.0, got 0"):
        loaded.load(replace(SCENE, entities=(replace(one, size=(0.1, 0, 0.1)), *rest)))
    with pytest.raises(TabletopError, match=r"entities\[0\]\.color: Expected `array` of length 4"):
        loaded.load(replace(SCENE, entities=(replace(one, color=(1.0, 0.5, 0.2)), *rest)))
    with pytest.raises(TabletopError, match="entity names must be unique"):
        loaded.load(replace(SCENE, entities=(one, *rest, one)))
    with pytest.raises(TabletopError, match="at most one entity starts between the fingers"):
        loaded.load(replace(SCENE, entities=tuple(replace(e, held=True) for e in SCENE.entities)))
    with pytest.raises(TabletopError, match="must look at another place"):
        loaded.load(replace(SCENE, camera=Camera((1.0, 0.0, 0.0), (1.0, 0.0, 0.0))))
    # numpy's numbers are numbers, and are saved as such.
    given = replace(SCENE, table=Table(size=tuple(np.array([0.6, 0.8])), height=np.float64(0.0)))
    loaded.load(given)
    assert read_scene(scene_text(given)).table == Table(size=(0.6, 0.8))
    loaded.load(SCENE)


@pytest.mark.parametrize(
    "field", [{"substeps": -3}, {"physics_step": NAN}, {"leash": "1 cm"}, {"solver_iterations": True}]
)
def test_settings_are_checked(field: dict[str, Any]) -> None:
    with pytest.raises(TabletopError, match="settings of the simulation: "):
        SimSettings(**field)
    with pytest.raises(TabletopError, match="control_frequency must divide 120 Hz, got"):
        SimSettings().at(True)


def test_a_camera_that_looks_straight_down_or_up_sees(loaded: World) -> None:
    below = loaded.render(64, 64, Camera(position=(0.45, 0.0, 1.5), target=(0.45, 0.0, 0.0)))
    assert (below.segmentation >= 0).mean() > 0.3
    # Away from the robot is up: the robot comes from below.
    rows = np.nonzero(below.segmentation == 1)[0]
    assert rows.mean() > 32
    above = loaded.render(64, 64, Camera(position=(0.45, 0.0, 0.0), target=(0.45, 0.0, 3.0)))
    assert (above.segmentation == 1).any()


def test_a_robot_that_is_asked_for_is_the_one_in_every_scene() -> None:
    with pytest.raises(TabletopError, match="unknown robot 'nonsense'; there are: cobot6, panda"):
        World(robot="nonsense")
    with World("panda") as world:
        world.load(replace(SCENE, robot=replace(SCENE.robot, name="elsewhere")))
        assert world.scene is not None
        assert world.scene.robot.name == "panda"
    with World() as world, pytest.raises(TabletopError, match="unknown robot 'elsewhere'"):
        world.load(replace(SCENE, robot=replace(SCENE.robot, name="elsewhere")))


@pytest.mark.parametrize("twin", [copy.copy, copy.deepcopy, lambda w: pickle.loads(pickle.dumps(w))])
def test_a_copy_is_a_world_of_its_own_at_the_same_moment(twin: Callable[[World], World]) -> None:
    with World() as world:
        world.load(SCENE)
        world.push("gripper", (3.0, 0.0, 0.0), 5)
        for i in range(6):
            world.step([0.2 * i, 0.1, -0.3, 0.0, 1.0])
        world.apply_velocity("object", (0.1, 0.0, 0.0))
        with twin(world) as other:
            assert np.array_equal(other.state().values, world.state().values)
            moved = other.step([1.0, 0.0, 0.0, 0.0, -1.0])
            assert not np.array_equal(moved.values, world.state().values)
            assert np.array_equal(moved.values, world.step([1.0, 0.0, 0.0, 0.0, -1.0]).values)
        world.step([0.0] * 5)


def clients() -> int:
    return sum(p.getConnectionInfo(i)["isConnected"] for i in range(64))


def test_a_world_that_is_dropped_frees_its_clients() -> None:
    gc.collect()
    before = clients()
    for _ in range(3):
        world = World()
        world.load(Scene())
        world.render(8, 8)
        del world
    gc.collect()
    assert clients() == before


def test_what_was_done_is_kept_in_its_order_and_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    history, expected = History(), []
    for i in range(7):
        if i % 3 == 0:
            history.add("push", "gripper", (float(i), 0.0, 0.0), 2)
            expected.append(("push", ("gripper", (float(i), 0.0, 0.0), 2)))
        history.step((float(i), 0.0, 0.5, -1.0, 1.0))
        expected.append(("step", ((float(i), 0.0, 0.5, -1.0, 1.0),)))
    history.add("advance")
    assert history.all() == (*expected, ("advance", ()))
    assert len(history) == len(expected) + 1
    monkeypatch.setattr("tabletop.sim.history._MOST", 10)
    for _ in range(30):
        history.step((0.0,) * 5)
    with pytest.raises(TabletopError, match="can be kept for 10 control steps at most"):
        history.all()


def test_steps_of_hours_and_idle_ones_between_them_come_back_and_take_little_memory() -> None:
    rng, expected = np.random.default_rng(0), []
    tracemalloc.start()
    history = History()
    for _ in range(30):
        idle, busy = (int(n) for n in rng.integers(1, 300, 2))
        for _ in range(idle):
            history.add("advance")
        for k in range(busy):
            history.step((float(k), 0.0, 0.5, -1.0, 1.0))
        expected.append((idle, busy))
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    done = [d for idle, busy in expected for d in [("advance", ())] * idle + [_busy(k) for k in range(busy)]]
    assert history.all() == tuple(done)
    assert len(history) == len(done)
    steps = sum(busy for _, busy in expected)
    assert taken < 8 * 5 * (steps + 1024) + 20_000  # The actions alone; idle steps are only counted.


def _busy(number: int) -> tuple[str, tuple[tuple[float, ...]]]:
    return "step", ((float(number), 0.0, 0.5, -1.0, 1.0),)


def test_a_path_that_pybullet_would_crash_on_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tabletop.sim.bullet.ASSETS", Path("/", *["a" * 200] * 5))
    with pytest.raises(
        TabletopError, match="the package must lie at a path of at most 900 bytes, or PyBullet crashes; got 1005"
    ):
        World()
