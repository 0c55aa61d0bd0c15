"""Demonstrations: what is kept of an episode, and that it runs again bit for bit in another process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tabletop.demos import demonstrate, replay
from tabletop.demos.record import load_demonstration, names_of, robot_of, save_demonstration
from tabletop.envs import TabletopEnv
from tabletop.errors import TabletopError
from tabletop.logic import load_registry
from tabletop.rollout.evaluate import random, scripted
from tabletop.sim.robot_card import using_robot
from tabletop.sim.scene import read_scene

TASKS = load_registry()
REPLAY = """
import sys
from pathlib import Path
from tabletop.demos import replay
from tabletop.demos.record import load_demonstration
demo = load_demonstration(Path(sys.argv[1]))
states = replay(demo.scene, demo.actions).states
sys.exit(0 if states.tobytes() == demo.states.tobytes() else f"{abs(states - demo.states).max()} off")
"""


@pytest.mark.parametrize("name", ["lift", "reach", "drawer-open"])
def test_a_demonstration_is_what_the_tasks_environment_gives_for_its_actions(name: str) -> None:
    demo = demonstrate(TASKS[name], scripted, 7)
    env = TabletopEnv(name)
    first, _ = env.reset(options={"scene": read_scene(demo.scene)})
    assert np.array_equal(first, demo.observations[0])
    for t, action in enumerate(demo.actions):
        observation, reward, _, _, info = env.step(action)
        assert np.array_equal(observation, demo.observations[t + 1])
        assert np.array_equal(env.state.values, demo.states[t + 1])
        assert reward == pytest.approx(demo.rewards[t], abs=1e-12)
        assert info["success"] == demo.done[t + 1]
    env.close()
    assert demo.success
    assert not demo.done[0]


@pytest.mark.parametrize(("name", "policy"), [("push", scripted), ("stack", scripted), ("lift", random)])
def test_stored_actions_give_the_stored_states_bit_for_bit_in_a_new_process(
    name: str, policy: object, tmp_path: Path
) -> None:
    path = tmp_path / "demo.npz"
    save_demonstration(demonstrate(TASKS[name], policy, 11), path)  # type: ignore[arg-type]
    done = subprocess.run([sys.executable, "-c", REPLAY, str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_other_actions_give_other_states() -> None:
    demo = demonstrate(TASKS["lift"], scripted, 7)
    changed = demo.actions.copy()
    changed[0, 0] += 0.001
    assert np.array_equal(replay(demo.scene, demo.actions).states, demo.states)
    assert not np.array_equal(replay(demo.scene, changed).states, demo.states)


def test_a_kept_demonstration_is_read_back_and_a_damaged_one_refused(tmp_path: Path) -> None:
    demo, path = demonstrate(TASKS["reach"], scripted, 3), tmp_path / "demo.npz"
    save_demonstration(demo, path)
    again = load_demonstration(path)
    assert (again.task, again.number, again.scene, again.success) == (demo.task, 3, demo.scene, True)
    for name in ("observations", "states", "actions", "rewards", "done"):
        one, two = getattr(demo, name), getattr(again, name)
        assert (one.dtype, one.tobytes()) == (two.dtype, two.tobytes())
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(TabletopError, match="cannot read demonstration"):
        load_demonstration(path)


@pytest.mark.parametrize("actions", [np.zeros((0, 5)), np.zeros(5), np.zeros((2, 4))])
def test_actions_of_another_shape_are_refused(actions: np.ndarray) -> None:
    demo = demonstrate(TASKS["reach"], scripted, 3)
    with pytest.raises(TabletopError, match="5"):
        replay(demo.scene, actions)


def test_names_are_those_of_the_demonstrations_robot() -> None:
    panda = demonstrate(TASKS["reach"], scripted, 3)
    with using_robot("cobot6"):
        demo = demonstrate(TASKS["reach"], scripted, 3)
    names = names_of(demo)["state_names"]
    assert len(names) == demo.states.shape[1] == panda.states.shape[1] - 1
    assert [name for name in names if name.startswith("robot.joints")] == [f"robot.joints.{i}" for i in range(6)]
    assert robot_of(demo) == "cobot6"
    with pytest.raises(
        TabletopError, match="must be of one robot, got 'panda', and 'cobot6' for task 'reach', scene 3"
    ):
        robot_of(demo, robot_of(panda))
